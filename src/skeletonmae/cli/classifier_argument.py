"""What is wrong with the classifier that a command is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skeletonmae.errors import InputError


def check_classifier(classifier: Path, recordings: Sequence[Path]) -> None:
    """Check that a classifier is there, and was not taken for something else; loading it checks the rest.

    Args:
        classifier: The argument.
        recordings: The arguments after it.

    Raises:
        InputError: There is no such file, it is an encoder's name or a recording, or it comes last.
    """
    from skeletonmae.encoders import find_shipped
    from skeletonmae.inference.classifier_file import is_classifier_file

    made = "a classifier: `skeletonmae fit FOLDER` makes one of labeled recordings"
    if find_shipped(str(classifier)):
        expected = f"{made}, with --encoder {classifier} on its features"
        raise InputError("this is an encoder, which knows no classes", where=classifier, expected=expected)
    if is_classifier_file(classifier):
        return
    if (other := next((path for path in recordings if is_classifier_file(path)), None)) is not None:
        expected = f"skeletonmae predict {other} {classifier}"
        raise InputError("the classifier comes first", where=classifier, expected=expected)
    if not classifier.exists():
        raise InputError("there is no such classifier", where=classifier, expected=made)
    if kind := _kind_of_recording(classifier):
        expected = f"skeletonmae predict CLASSIFIER {classifier}; {made.removeprefix('a classifier: ')}"
        raise InputError(f"this is {kind}; the classifier comes first", where=classifier, expected=expected)


def _kind_of_recording(path: Path) -> str:
    """What a file is that holds recordings; empty for any other file."""
    from skeletonmae.formats import FORMATS, InputFile

    if not path.is_file() or path.suffix.lower() == ".safetensors":
        return ""
    head = InputFile(path).head()
    found = [name for name, entry in FORMATS.items() if entry.sniff(head)]
    if "video" in found or FORMATS["video"].has_suffix(path.name):
        return "a video"
    return f"a file of recordings ({found[0]})" if found else ""
