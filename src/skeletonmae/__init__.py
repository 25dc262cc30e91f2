"""Self-supervised learning on skeletons: pre-train on motion, recognize actions with few labels."""

__version__ = "0.1.0"
