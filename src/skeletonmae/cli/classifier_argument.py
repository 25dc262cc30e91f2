"""What is wrong with the classifier that a command is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skeletonmae.errors import InputError


def check_classifier(classifier: Path, recordings: Sequence[Path], command: str) -> None:
    """Check that a classifier is there, and was not taken for something else; loading it checks the rest.

    Args:
        classifier: The argument.
        recordings: The arguments after it.
        command: Name of the command, for messages.

    Raises:
        InputError: There is no such file, it is an encoder's name, or it comes after the recordings.
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
        expected = f"skeletonmae {command} {other} {classifier}"
        raise InputError("the classifier comes first", where=classifier, expected=expected)
    if not classifier.exists():
        raise InputError("there is no such classifier", where=classifier, expected=made)
