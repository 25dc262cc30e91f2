"""Transforms: functions from batch to batch, on the device of the batch."""

from skeletonmae.transforms.clips import ClipConfig
from skeletonmae.transforms.registry import TRANSFORMS, Transform
from skeletonmae.transforms.streams import Stream, motion, to_stream

__all__ = ["TRANSFORMS", "ClipConfig", "Stream", "Transform", "motion", "to_stream"]
