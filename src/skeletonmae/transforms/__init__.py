"""Batch to batch, on the device the batch is on."""

from skeletonmae.transforms.clips import ClipConfig
from skeletonmae.transforms.streams import Stream, motion, to_stream
from skeletonmae.transforms.table import TRANSFORMS, Transform

__all__ = ["TRANSFORMS", "ClipConfig", "Stream", "Transform", "motion", "to_stream"]
