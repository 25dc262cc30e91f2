"""A store becomes batches."""

from skeletonmae.batches.batch import Batch, Tracks
from skeletonmae.batches.gather import Gatherer, Moments, Windows
from skeletonmae.batches.loader import Loader
from skeletonmae.batches.patches import Patches, patchify
from skeletonmae.batches.random import SampleRandom, sample_keys

__all__ = [
    "Batch",
    "Gatherer",
    "Loader",
    "Moments",
    "Patches",
    "SampleRandom",
    "Tracks",
    "Windows",
    "patchify",
    "sample_keys",
]
