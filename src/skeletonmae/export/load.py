"""Load a model to export, whatever it is."""

from __future__ import annotations

from pathlib import Path

from skeletonmae.export.exportable import Exportable, classifier_to_export, encoder_to_export
from skeletonmae.export.fitted import fitted_to_export
from skeletonmae.inference import RecordingClassifier
from skeletonmae.inference.fine_tuned import FineTunedClassifier
from skeletonmae.inference.load import load
from skeletonmae.methods import Pooling


def load_exportable(model: str | Path, pooling: Pooling = "parts") -> Exportable:
    """Load a model to export.

    Args:
        model: Name of a shipped encoder, a checkpoint, a classifier, or the folder of a run or of a saved model.
        pooling: What the features of an encoder are the mean of.

    Raises:
        InputError: There is no such model, or it cannot be exported.
    """
    name, loaded = Path(model).name, load(model, device="cpu")
    if isinstance(loaded, RecordingClassifier):
        return fitted_to_export(loaded, name)
    if isinstance(loaded, FineTunedClassifier):
        return classifier_to_export(loaded.checkpoint, name)
    return encoder_to_export(loaded.checkpoint, name, pooling)
