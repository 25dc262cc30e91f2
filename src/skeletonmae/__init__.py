"""Self-supervised learning on skeletons: pre-train on motion, recognise actions with few labels."""

__version__ = "0.1.0"
