"""Features and predictions for recordings, with pre-trained and fine-tuned checkpoints."""

from skeletonmae.datasets.load_recordings import Problem, load_recordings
from skeletonmae.inference.adapt import PersonRecording, adapt_recording
from skeletonmae.inference.embeddings import Embeddings, LeftOut
from skeletonmae.inference.encoder import SkeletonEncoder
from skeletonmae.inference.predict import Prediction, predict

__all__ = [
    "Embeddings",
    "LeftOut",
    "PersonRecording",
    "Prediction",
    "Problem",
    "SkeletonEncoder",
    "adapt_recording",
    "load_recordings",
    "predict",
]
