"""Batches: clips of a store with the same number of frames."""

from skeletonmae.batches.batch import Batch
from skeletonmae.batches.clip_reader import ClipReader
from skeletonmae.batches.loader import Loader
from skeletonmae.batches.mixture import MixedLoader
from skeletonmae.batches.patches import Patches, patchify
from skeletonmae.batches.random import SampleRng, sample_keys
from skeletonmae.batches.tracks import Tracks
from skeletonmae.batches.windows import SampledFrames, Windows

__all__ = [
    "Batch",
    "ClipReader",
    "Loader",
    "MixedLoader",
    "Patches",
    "SampleRng",
    "SampledFrames",
    "Tracks",
    "Windows",
    "patchify",
    "sample_keys",
]
