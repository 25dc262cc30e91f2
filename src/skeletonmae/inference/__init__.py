"""Checkpoint and recordings to answers."""

from skeletonmae.inference.predict import Answer, predict
from skeletonmae.inference.recordings import read_recordings

__all__ = ["Answer", "predict", "read_recordings"]
