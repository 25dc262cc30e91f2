"""A model in one file: safetensors, with its recipe and everything else it depends on in the header."""

from skeletonmae.checkpoint.header import MAX_CLASSES, MAX_REASON, Header
from skeletonmae.checkpoint.model_file import (
    METADATA_KEY,
    Checkpoint,
    checkpoint_from_tensors,
    encoder_tensors,
    load_checkpoint,
    save_checkpoint,
    save_encoder,
)

__all__ = [
    "MAX_CLASSES",
    "MAX_REASON",
    "METADATA_KEY",
    "Checkpoint",
    "Header",
    "checkpoint_from_tensors",
    "encoder_tensors",
    "load_checkpoint",
    "save_checkpoint",
    "save_encoder",
]
