"""Features and predictions for recordings, with pre-trained and fine-tuned checkpoints."""

from skeletonmae.datasets.load_recordings import Problem, iter_recordings, load_recordings
from skeletonmae.inference.adapt import adapt_recording
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.inference.embeddings import Embeddings, LeftOut
from skeletonmae.inference.encoder import SkeletonEncoder
from skeletonmae.inference.fit import FitConfig, fit_classifier
from skeletonmae.inference.fit_report import FitReport
from skeletonmae.inference.predict import predict
from skeletonmae.inference.segment import Segment, SegmentedRecording, segment_recording
from skeletonmae.inference.stream import Decision, Stream, StreamSettings
from skeletonmae.predictions.persons import PersonRecording
from skeletonmae.predictions.prediction import Prediction

__all__ = [
    "Decision",
    "Embeddings",
    "FitConfig",
    "FitReport",
    "LeftOut",
    "PersonRecording",
    "Prediction",
    "Problem",
    "RecordingClassifier",
    "Segment",
    "SegmentedRecording",
    "SkeletonEncoder",
    "Stream",
    "StreamSettings",
    "adapt_recording",
    "fit_classifier",
    "iter_recordings",
    "load_recordings",
    "predict",
    "segment_recording",
]
