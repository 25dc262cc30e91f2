"""Batches: clips of a store with the same number of frames."""

from skeletonmae.batches.batch import Batch, Tracks
from skeletonmae.batches.clip_reader import ClipReader, SampledFrames, Windows
from skeletonmae.batches.loader import Loader
from skeletonmae.batches.patches import Patches, patchify
from skeletonmae.batches.random import SampleRng, sample_keys

__all__ = [
    "Batch",
    "ClipReader",
    "Loader",
    "Patches",
    "SampleRng",
    "SampledFrames",
    "Tracks",
    "Windows",
    "patchify",
    "sample_keys",
]
