from __future__ import annotations

import pytest

from skeletonmae.errors import InputError
from skeletonmae.inference.fit_data import select_labeled
from skeletonmae.predictions.class_names import class_name_problem


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["a", "b"], ""),
        (["größer", "拍手", "می\u200cدود", "=1+1"], ""),
        (["a", " "], "is empty"),
        (["a", "a"], "two classes have the same name: 'a'"),
        (["a\x1b[31m"], "control characters or line breaks: 'a\\x1b[31m'"),
        (["a\r\nb"], "control characters or line breaks"),
        (["a\u2029b"], "control characters or line breaks"),
        (["\u202eab"], "control characters or line breaks"),
    ],
)
def test_what_is_wrong_with_names(names: list[str], problem: str) -> None:
    found = class_name_problem(names)
    assert problem in found if problem else not found


def test_such_labels_are_refused_before_a_classifier_is_fitted(make_recording: object) -> None:
    assert callable(make_recording)
    recordings = [make_recording(seed, label=label) for seed, label in enumerate(["wave", "wa\nve"])]
    with pytest.raises(InputError, match=r"line breaks: 'wa\\nve'; expected labels in one line"):
        select_labeled(recordings)
