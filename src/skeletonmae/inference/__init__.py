"""Checkpoint and recordings to answers."""

from skeletonmae.inference.predict import Answer, fitted, predict
from skeletonmae.inference.recordings import read_recordings

__all__ = ["Answer", "fitted", "predict", "read_recordings"]
