"""What is wrong with the classifier that a command is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skeletonmae.errors import InputError


def check_classifier(classifier: Path, recordings: Sequence[Path], *, is_option: bool = False) -> None:
    """Check that a classifier is there, and was not taken for something else; loading it checks the rest.

    Args:
        classifier: The argument.
        recordings: The recordings.
        is_option: Whether it is the option `--classifier` of `segment`, and not the first argument of `predict`.

    Raises:
        InputError: There is no such file, it is an encoder's name or a recording, or one of the recordings is the
            classifier.
    """

    def call(classifier: Path | str, recording: Path | str) -> str:
        if is_option:
            return f"skeletonmae segment {recording} --classifier {classifier}"
        return f"skeletonmae predict {classifier} {recording}"

    mistaken = "the recording and the classifier were exchanged" if is_option else "the classifier comes first"
    from skeletonmae.encoders import find_shipped
    from skeletonmae.inference.classifier_file import is_classifier_file

    made = "a classifier: `skeletonmae fit FOLDER` makes one of labeled recordings"
    if find_shipped(str(classifier)):
        expected = f"{made}, with --encoder {classifier} on its features"
        raise InputError("this is an encoder, which knows no classes", where=classifier, expected=expected)
    if is_classifier_file(classifier):
        return
    if (other := next((path for path in recordings if is_classifier_file(path)), None)) is not None:
        raise InputError(mistaken, where=classifier, expected=call(other, classifier))
    if not classifier.exists():
        raise InputError("there is no such classifier", where=classifier, expected=made)
    if kind := _kind_of_recording(classifier):
        expected = f"{call('CLASSIFIER', classifier)}; {made.removeprefix('a classifier: ')}"
        problem = f"this is {kind}, and no classifier" if is_option else f"this is {kind}; {mistaken}"
        raise InputError(problem, where=classifier, expected=expected)


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
