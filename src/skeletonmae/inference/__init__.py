"""Predict the actions of recordings with a fine-tuned checkpoint."""

from skeletonmae.inference.load_recordings import Problem, load_recordings
from skeletonmae.inference.predict import PersonRecording, Prediction, adapt_recording, predict

__all__ = ["PersonRecording", "Prediction", "Problem", "adapt_recording", "load_recordings", "predict"]
