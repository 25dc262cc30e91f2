from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20


def arrays(persons: int = 1, frames: int = 3, axes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    observed = np.ones((persons, frames, 20), dtype=bool)
    return np.ones((*observed.shape, axes), dtype=np.float32), observed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": np.ones((1, 3, 19, 3), np.float32)}, "20 joints of kinect20"),
        ({"positions": np.ones((1, 3, 20, 4), np.float32)}, "wrong shape"),
        ({"positions": np.ones((3, 20, 3), np.float32)}, "wrong shape"),
        ({"observed": np.ones((1, 2, 20), bool)}, r"expected \(1, 3, 20\); got \(1, 2, 20\)"),
        ({"unit": "feet"}, "feet"),
        ({"fps": 0.0}, r"impossible frame rate; expected 1e-06 to 1,000,000 frames per second, or None; got 0"),
        ({"fps": -30.0}, "impossible frame rate"),
        ({"fps": float("nan")}, "impossible frame rate"),
        ({"fps": 1e300}, "impossible frame rate"),
        ({"positions": np.full((1, 3, 20, 3), np.inf, np.float32)}, r"\(0, 0, 0, 0\) is not finite"),
        ({"observed": np.zeros((1, 3, 20), bool)}, "unobserved joint has a position"),
    ],
)
def test_a_bad_recording_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    positions, observed = arrays()
    given = {"positions": positions, "observed": observed, "skeleton": KINECT20, "name": "walk 3"} | change
    with pytest.raises(InputError, match=message) as caught:
        SkeletonSequence(**given)
    assert "'walk 3'" in str(caught.value)


def test_what_is_not_finite_or_flagged_becomes_unobserved() -> None:
    positions, flags = arrays(frames=4)
    positions[0, 0, 2, 1] = np.nan
    positions[0, 1, 3, 0] = np.inf
    flags[0, 2, 4] = False
    sequence = SkeletonSequence.from_positions(positions, KINECT20, observed=flags)
    lost = {tuple(place) for place in np.argwhere(~sequence.observed).tolist()}
    assert lost == {(0, 0, 2), (0, 1, 3), (0, 2, 4)}
    assert not sequence.positions[~sequence.observed].any()
    assert (sequence.positions[sequence.observed] == 1).all()
    assert np.isnan(positions).any()  # what was given is not touched


def test_one_person_needs_no_axis_of_persons() -> None:
    sequence = SkeletonSequence.from_positions(np.zeros((5, 20, 2)), KINECT20, observed=np.ones((5, 20), bool))
    assert (sequence.num_persons, sequence.num_frames, sequence.positions.dtype) == (1, 5, np.float32)


@pytest.mark.parametrize(("persons", "frames"), [(0, 4), (2, 0), (1, 1)])
def test_nobody_nothing_and_one_frame_are_recordings(persons: int, frames: int) -> None:
    sequence = SkeletonSequence(*arrays(persons, frames), KINECT20)
    assert (sequence.num_persons, sequence.num_frames) == (persons, frames)
