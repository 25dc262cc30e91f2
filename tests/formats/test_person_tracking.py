from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skeletonmae.errors import InputError
from skeletonmae.formats.person_tracking import (
    Pose,
    assign_persons,
    parse_person_id,
    recording_from_poses,
)
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17

WHERE = Path("walk.json")
BODY = np.random.default_rng(0).random((17, 2)) * [0.5, 1.0]  # a box of about 1.1


def pose(x: float, y: float = 0.0, person: int = -1) -> Pose:
    return Pose(np.add(BODY, (x, y)), np.ones(17, dtype=bool), person)


def people(*places: tuple[int, float]) -> list[int]:
    """Who is at (frame, x)."""
    frames = np.array([frame for frame, _ in places])
    positions = np.array([pose(x).positions for _, x in places]).reshape(-1, 17, 2)
    return [int(person) for person in assign_persons(frames, positions, np.ones((len(places), 17), dtype=bool))]


def recording(found: dict[int, list[Pose]]) -> SkeletonSequence:
    return recording_from_poses(found, COCO17, 2, where=WHERE, name="walk", unit="px")


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), persons=st.integers(1, 4), frames=st.integers(1, 20))
def test_persons_keep_their_number_in_whatever_order_a_frame_has_them(
    seed: int, persons: int, frames: int
) -> None:
    rng = np.random.default_rng(seed)
    order = np.array([rng.permutation(persons) for _ in range(frames)])
    x = 3.0 * order + 0.05 * np.arange(frames)[:, None]
    positions = BODY + np.stack([x, rng.normal(0, 0.02, x.shape)], axis=-1)[:, :, None]
    observed = rng.random((frames, persons, 17)) < 0.7
    observed[..., 0] = True
    who = assign_persons(
        np.repeat(np.arange(frames), persons), positions.reshape(-1, 17, 2), observed.reshape(-1, 17)
    )
    who = who.reshape(frames, persons)
    assert (who == np.argsort(order[0])[order]).all()


def test_the_sum_of_distances_is_least_and_not_each_in_turn() -> None:
    # The first of the second frame is nearest to person 1, but leaves nobody near enough for the other.
    assert people((0, 0.0), (0, 0.5), (1, 0.3), (1, 0.6)) == [0, 1, 0, 1]


def test_a_person_may_be_away_for_a_while_but_not_for_long_and_not_go_far() -> None:
    assert people((0, 0.0), (30, 0.1)) == [0, 0]
    assert people((0, 0.0), (31, 0.1)) == [0, 1]
    assert people((0, 0.0), (1, 2.0)) == [0, 1]
    assert people((0, 0.0), (0, 5.0), (1, 5.0), (2, 0.0)) == [0, 1, 1, 0]
    assert people() == []


def test_nearness_is_in_body_sizes_and_of_the_joints_that_both_have() -> None:
    for scale in (1e-3, 1.0, 1e3):
        for far, same in ((0.49, True), (0.51, False)):
            box = float(np.hypot(*np.ptp(BODY, axis=0)))
            positions = np.stack([BODY, np.add(BODY, (far * box, 0))]) * scale
            observed = np.ones((2, 17), dtype=bool)
            observed[1, 8:] = False
            positions[1, 8:] = 0  # what an unobserved joint holds must not count
            assert (assign_persons(np.arange(2), positions, observed).tolist() == [0, 0]) == same
    apart = np.zeros((2, 17), dtype=bool)
    apart[0, :8] = apart[1, 8:] = True
    assert assign_persons(np.arange(2), np.stack([BODY, BODY]), apart).tolist() == [0, 1]


def test_frames_that_are_not_there_have_nothing_observed() -> None:
    sequence = recording({7: [pose(0.0)], 8: [], 11: [pose(0.1)]})
    assert sequence.observed.all(-1).tolist() == [[True, False, False, False, True]]
    np.testing.assert_allclose(sequence.positions[0, 4], np.add(BODY, (0.1, 0)), rtol=1e-6)
    nobody = recording({3: [], 5: []})
    assert nobody.positions.shape == (1, 3, 17, 2)
    assert not nobody.observed.any()


def test_numbers_of_persons_that_are_given_are_used() -> None:
    sequence = recording({0: [pose(0.0, person=9), pose(5.0, person=10**30)], 1: [pose(5.1, person=9)]})
    assert sequence.observed.all(-1).tolist() == [[True, True], [True, False]]
    np.testing.assert_allclose(sequence.positions[0, 1], np.add(BODY, (5.1, 0)), rtol=1e-6)
    assert sequence.notes == ()


def test_numbers_that_cannot_be_right_are_not_used() -> None:
    sequence = recording({n: [pose(5.0 * (n % 2), person=0), pose(5.0 - 5.0 * (n % 2), person=0)] for n in (0, 1)})
    np.testing.assert_allclose(sequence.positions[:, 0], sequence.positions[:, 1])
    assert "the same number" in sequence.notes[0]
    assert recording({0: [pose(0.0, person=0)], 1: [pose(5.0)]}).num_persons == 2


@pytest.mark.parametrize("numbers", [(), (0, 999_999_999_999), (-(10**40), 0, 1), (5, 5000)])
def test_frames_far_apart_are_no_recording(numbers: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=rf"walk\.json: not the frames of one recording.*{len(numbers)} frames"):
        recording({number: [pose(0.0)] for number in numbers})


def test_more_persons_than_there_is_room_for_are_left_out_and_said() -> None:
    flicker = {n: [pose(0.0), pose(100.0 * (n + 1))] for n in range(1000)}
    sequence = recording(flicker)
    assert sequence.num_persons * sequence.num_frames < 50 * 2 * len(flicker)
    assert sequence.observed[0].all()
    assert sequence.notes == ("the 940 of 1001 persons in the fewest frames were left out",)


def test_frame_numbers_with_a_constant_step_are_renumbered_with_the_frame_rate() -> None:
    def every_second(*numbers: int) -> SkeletonSequence:
        poses = {number: [pose(0.01 * number)] for number in numbers}
        return recording_from_poses(poses, COCO17, 2, where=WHERE, name="walk", unit="px", fps=30.0)

    sequence = every_second(252, 254, 256)
    assert (sequence.num_frames, sequence.fps) == (3, 15.0)
    assert sequence.observed.all()
    assert len(sequence.notes) == 1
    assert "steps of 2" in sequence.notes[0]
    for numbers in ((252, 254, 257), (252, 254), (252, 253, 254)):
        sequence = every_second(*numbers)
        assert (sequence.num_frames, sequence.fps, sequence.notes) == (numbers[-1] - 251, 30.0, ())


def test_crowds_that_cannot_be_linked_in_time_are_refused() -> None:
    crowd = {n: [pose(0.001 * i) for i in range(501)] for n in (0, 1)}
    with pytest.raises(InputError, match=r"walk\.json: too many persons to link.*got 501 persons in a frame"):
        recording(crowd)
    named = {n: [pose(0.001 * i, person=i) for i in range(501)] for n in (0, 1)}
    assert recording(named).num_persons == 501
    assert recording({0: crowd[0][:500], 1: crowd[1][:2]}).num_persons == 500


def test_values_that_are_not_finite_do_not_spoil_the_others() -> None:
    odd = pose(0.1)
    odd.positions[3] = np.inf, np.nan
    sequence = recording({0: [pose(0.0)], 1: [odd], 2: [pose(0.2)]})
    assert np.argwhere(~sequence.observed).tolist() == [[0, 1, 3]]
    assert "not finite" in sequence.notes[0]


@pytest.mark.parametrize(
    ("value", "number"),
    [([-1], -1), ([3], 3), (4, 4), (2.0, 2), ([[5.0]], 5), (None, -1), ([], -1), ("7", -1), (float("nan"), -1)],
)
def test_the_forms_of_a_person_id(value: object, number: int) -> None:
    assert parse_person_id(value) == number
