"""Load a model to export, whatever it is."""

from __future__ import annotations

from pathlib import Path

from skeletonmae.encoders import load_encoder
from skeletonmae.export.exportable import Exportable, classifier_to_export, encoder_to_export
from skeletonmae.export.fitted import fitted_to_export
from skeletonmae.inference import RecordingClassifier
from skeletonmae.inference.classifier_file import is_classifier_file
from skeletonmae.methods import Pooling


def load_exportable(model: str | Path, pooling: Pooling = "parts") -> Exportable:
    """Load a model to export.

    Args:
        model: Name of a shipped encoder, a checkpoint, the folder of a run, or a classifier.
        pooling: What the features of an encoder are the mean of.

    Raises:
        InputError: There is no such model, or it cannot be exported.
    """
    name, path = Path(model).name, Path(model)
    if path.is_file() and is_classifier_file(path):
        return fitted_to_export(RecordingClassifier.load(path), name)
    checkpoint = load_encoder(model)
    if checkpoint.header.role == "classifier":
        return classifier_to_export(checkpoint, name)
    return encoder_to_export(checkpoint, name, pooling)
