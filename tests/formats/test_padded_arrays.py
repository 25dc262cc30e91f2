from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.formats.format import ReadOptions
from skeletonmae.formats.padded_arrays import Convention, find_convention, padded_recording
from skeletonmae.sequences import SkeletonSequence


def clip(*values: float, joints: int = 18) -> np.ndarray:
    """Two frames of one person whose joints all have these channels."""
    return np.broadcast_to(np.array(values, np.float32), (1, 2, joints, len(values)))


def read(values: np.ndarray, convention: Convention, options: ReadOptions = ReadOptions()) -> SkeletonSequence:  # noqa: B008
    return padded_recording("a", values, convention, options, name="a", label=None, tags={})


@pytest.mark.parametrize(
    ("values", "joints", "expected"),
    [
        ((0.2, 0.4, 0.9), 18, Convention(has_scores=True, unit="image", offset=0.0)),
        ((-0.2, 0.4, 0.9), 18, Convention(has_scores=True, unit="image", offset=0.5)),
        ((320, 240, 0.9), 18, Convention(has_scores=True, unit="px", offset=0.0)),
        ((320, 240), 18, Convention(has_scores=False, unit="px", offset=0.0)),
        ((0.2, 0.4, 3.1), 18, Convention(has_scores=False, unit="m", offset=0.0)),
        ((0.2, 0.4, 0.9), 25, Convention(has_scores=False, unit="m", offset=0.0)),  # sensors have no score there
    ],
)
def test_the_first_clip_that_is_not_empty_tells_what_the_numbers_are(
    values: tuple[float, ...], joints: int, expected: Convention
) -> None:
    shown = clip(*values, joints=joints)
    assert find_convention([np.zeros_like(shown), shown]) == expected


def test_values_that_are_not_finite_are_unobserved() -> None:
    values = clip(0.0, 1.0, 3.0, joints=25).copy()
    values[0, 1, 4, 1], values[0, 0, 7, 0] = np.nan, np.inf
    recording = read(values, find_convention([values]))
    assert np.argwhere(~recording.observed).tolist() == [[0, 0, 7], [0, 1, 4]]


def test_normalized_clips_keep_their_axes_if_the_user_states_what_is_up() -> None:
    values = clip(0.1, 0.2, 0.3, joints=25).copy()
    values[:, :, 1] = 0  # the spine of AGCN
    values[0, :, 0, 0] = [1, 2]
    convention = find_convention([values])
    assert read(values, convention).positions[0, 0, 5].tolist() == pytest.approx([0.1, 0.3, -0.2])
    assert read(values, convention, ReadOptions(up="z")).positions[0, 0, 5].tolist() == pytest.approx(
        [0.1, 0.2, 0.3]
    )
