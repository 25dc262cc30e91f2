"""Load whatever model a name, a file or a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.encoders import find_shipped, shipped_encoders
from skeletonmae.errors import InputError
from skeletonmae.files import weights_file
from skeletonmae.inference.classifier import RecordingClassifier
from skeletonmae.inference.classifier_file import is_classifier_file
from skeletonmae.inference.encoder import SkeletonEncoder
from skeletonmae.inference.fine_tuned import FineTunedClassifier
from skeletonmae.inference.pretrained import read_config
from skeletonmae.skeletons.derived import suggest
from skeletonmae.training import choose_device

Model: TypeAlias = SkeletonEncoder | RecordingClassifier | FineTunedClassifier


def load(path: str | Path, *, device: str = "auto") -> Model:
    """Load an encoder or a classifier.

    For example::

        import skeletonmae

        classifier = skeletonmae.load("classifier.safetensors")  # that `skeletonmae fit` wrote
        for prediction in classifier.predict(skeletonmae.read("new recordings/")):
            print(prediction.recording, prediction.classes[0])

    Args:
        path: Name of a shipped encoder; a file that `fit`, `pretrain` or `evaluate` wrote; the folder of a run; or
            a folder that `save_pretrained` wrote.
        device: Where to compute; `auto` uses a GPU if there is one.

    Returns:
        A `RecordingClassifier` for what `fit` wrote, a `FineTunedClassifier` for a fine-tuned classifier of
        `evaluate`, and otherwise a `SkeletonEncoder`. Both classifiers have `predict` and `predict_proba`.

    Raises:
        InputError: There is nothing of that name, or it is damaged.
    """
    if find_shipped(path):
        return SkeletonEncoder.from_pretrained(path, device=device)
    file = Path(path)
    if not file.exists():
        names = [encoder.name for encoder in shipped_encoders()]
        expected = f"a shipped encoder ({', '.join(names)}), or a file that `fit`, `pretrain` or `evaluate` wrote"
        raise InputError(f"there is no such model{suggest(str(path), names)}", where=path, expected=expected)
    if file.is_file() and file.suffix.lower() != ".safetensors":
        expected = "a .safetensors file; skeletonmae.read reads recordings"
        raise InputError("this is no model", where=path, expected=expected)
    if not (file.is_file() or file.is_dir()):
        raise InputError("this is neither a file nor a folder", where=path, expected="a .safetensors file")
    if file.is_dir():
        read_config(file)  # compares the weights with their checksum
    file = weights_file(file)
    if is_classifier_file(file):
        return RecordingClassifier.load(file, str(choose_device(device)))
    checkpoint = load_checkpoint(file, choose_device(device))
    if checkpoint.header.role == "classifier":
        return FineTunedClassifier(checkpoint)
    return SkeletonEncoder.from_pretrained(path, device=device)
