from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skeletonmae.formats.decoders.ntu_text import Bodies, Body
from skeletonmae.formats.ntu_cleanup import Persons, keep_all_bodies, reference_cleanup


def make_body(number: int, frames: list[int], width: float = 0.3, motion: float = 0.1, seed: int = 0) -> Body:
    """A body 1.7 m tall, of that width, whose place varies by `motion` from frame to frame."""
    rng = np.random.default_rng([seed, number])
    joints = np.array([width, 1.7, 0.2]) * np.linspace(-0.5, 0.5, 25)[:, None] + [number, 0, 3]
    joints = joints + motion * rng.normal(size=(len(frames), 1, 3))
    return Body(number, np.array(frames), joints.astype(np.float32), np.full((len(frames), 25), 2, np.uint8))


def plain(recording: Bodies) -> tuple[np.ndarray, list[int]]:
    """The rules as they are written, step by step: (2, frames, 25, 3), and the ids of the bodies that are left."""
    # (1) frames with no body are dropped; a body's frames are numbered from its first one without gaps
    frames = [f for f in range(recording.num_frames) if any(f in body.frames for body in recording.bodies)]
    bodies: list[dict[str, Any]] = []
    for body in recording.bodies:
        start = frames.index(body.frames[0])
        bodies.append({"id": body.id, "joints": body.joints, "start": start, "end": start + len(body.joints) - 1})
    more_than_one = len(bodies) > 1
    if more_than_one:
        for body in bodies:  # taken before anything is dropped
            body["motion"] = np.sum(np.var(body["joints"].reshape(-1, 3), axis=0))
        # (2) bodies of 11 frames or fewer are dropped
        bodies = [body for body in bodies if len(body["joints"]) > 11]
        # (3) while more than one is left
        for body in list(bodies):
            if len(bodies) > 1:
                good = []
                for joints in body["joints"]:
                    x_spread = joints[:, 0].max() - joints[:, 0].min()
                    y_spread = joints[:, 1].max() - joints[:, 1].min()
                    if not float(x_spread) > 0.8 * float(y_spread):
                        good.append(joints)
                if (len(body["joints"]) - len(good)) / len(body["joints"]) >= 0.69754:
                    bodies.remove(body)
                else:
                    own = np.sum(np.var(np.concatenate(good), axis=0))
                    body["motion"] = own if own < body["motion"] else body["motion"]
        # (4) most motion first
        bodies.sort(key=lambda body: -body["motion"])
    actors = np.zeros((2, len(frames), 25, 3), dtype=np.float32)
    lost = []
    for place, body in enumerate(bodies):
        span = slice(body["start"], body["end"] + 1)
        if place == 0:
            actors[0, span] = body["joints"]
            start_1, end_1, start_2, end_2 = body["start"], body["end"], 0, 0
        elif min(end_1, body["end"]) - max(start_1, body["start"]) <= 0:
            actors[0, span] = body["joints"]
            start_1, end_1 = min(start_1, body["start"]), max(end_1, body["end"])
        elif min(end_2, body["end"]) - max(start_2, body["start"]) <= 0:
            actors[1, span] = body["joints"]
            start_2, end_2 = min(start_2, body["start"]), max(end_2, body["end"])
        else:
            lost.append(body["id"])
    # (5)
    if more_than_one:
        actors = actors[:, [f for f in range(len(frames)) if actors[:, f].any()]]
    # (6)
    there = actors.any((2, 3))
    if there[0].any():
        actors -= actors[0, np.argmax(there[0]), 1].copy()
        actors[~there] = 0
    return actors, [body["id"] for body in bodies if body["id"] not in lost]


def assert_as_plain(recording: Bodies) -> Persons:
    got = reference_cleanup(recording)
    expected, left = plain(recording)
    assert got.positions.dtype == np.float32
    assert got.positions.shape[1:] == expected.shape[1:]
    padded = np.zeros_like(expected)
    padded[: len(got.positions)] = got.positions
    np.testing.assert_array_equal(padded, expected)
    padded_observed = np.zeros(expected.shape[:3], dtype=bool)
    padded_observed[: len(got.positions)] = got.observed
    assert (padded_observed == expected.any((2, 3), keepdims=True)[..., 0]).all()
    dropped = [body.id for body in recording.bodies if any(f"body {body.id} (" in note for note in got.notes)]
    assert sorted(left + dropped) == sorted(body.id for body in recording.bodies)
    return got


@st.composite
def recordings(draw: st.DrawFn) -> Bodies:
    """Up to four bodies that come and go, some of them chairs, some with zero frames."""
    num_frames = draw(st.integers(1, 60))
    bodies = []
    for number in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, num_frames - 1))
        frames = list(range(first, draw(st.integers(first, num_frames)) + 1))
        away = draw(st.sets(st.sampled_from(frames), max_size=len(frames) // 2))
        frames = [frame for frame in frames if frame not in away and frame < num_frames]
        if not frames:
            continue
        width, motion = draw(st.sampled_from([0.3, 1.36, 2.0])), draw(st.sampled_from([0, 0.01, 0.3, 3.0]))
        body = make_body(number, frames, width, motion, seed=draw(st.integers(0, 99)))
        share = draw(st.sampled_from([0, 0.3, 0.69, 0.7, 1]))
        body.joints[: round(share * len(frames)), :, 0] *= draw(st.sampled_from([0.1, 1, 5]))
        zero = draw(st.lists(st.integers(0, len(frames) - 1), max_size=3))
        body.joints[zero] = 0
        bodies.append(body)
    bodies.sort(key=lambda body: int(body.frames[0]))  # they stand in the order in which they first appear
    return Bodies(num_frames + draw(st.integers(0, 3)), tuple(bodies))


@given(recordings())
@settings(max_examples=250, deadline=None)
def test_it_is_the_rules_value_for_value(recording: Bodies) -> None:
    before = [body.joints.copy() for body in recording.bodies]
    assert_as_plain(recording)
    for body, joints in zip(recording.bodies, before, strict=True):
        assert (body.joints == joints).all()  # what was given is left as it was


def frames_of(*runs: tuple[int, int]) -> list[int]:
    return [frame for first, end in runs for frame in range(first, end)]


def recording_of(*bodies: Body) -> Bodies:
    return Bodies(max(int(body.frames[-1]) for body in bodies) + 1, bodies)


def who(persons: Persons) -> list[list[tuple[int, int]]]:
    """For each person, runs of frames: whose they are (bodies stand at x = id, 0 is nobody), and how many."""
    height = persons.positions[..., 1].max(-1) - persons.positions[..., 1].min(-1)
    spine = persons.positions[:, :, 1, 0] - persons.positions[0, 0, 1, 0]
    ids = np.where(height > 0, np.round(spine).astype(int) + 1, 0)
    return [[(int(body), len(list(run))) for body, run in groupby(person)] for person in ids]


def test_a_joint_at_exactly_0_is_unobserved_and_changes_nothing_else() -> None:
    body, other = make_body(1, frames_of((0, 20))), make_body(2, frames_of((0, 20)), motion=0.001)
    body.joints[3, 15] = 0  # the sensor lost the left foot
    body.joints[0, 1] = 0  # and the spine, in the frame whose spine becomes the origin
    for bodies in ((body,), (body, other)):
        recording = recording_of(*bodies)
        got = reference_cleanup(recording)
        expected, _ = plain(recording)
        assert np.argwhere(~got.observed).tolist() == [[0, 0, 1], [0, 3, 15]]
        assert not got.positions[~got.observed].any()
        np.testing.assert_array_equal(got.positions[got.observed], expected[: len(bodies)][got.observed])
        assert np.argwhere(~keep_all_bodies(recording).observed).tolist() == [[0, 0, 1], [0, 3, 15]]


def test_one_body_is_moved_and_nothing_else() -> None:
    body = make_body(1, frames_of((2, 5), (7, 9)))  # alone it is neither too short nor too wide
    body.joints[:, :, 0] *= 9
    body.joints[0] = 0
    got = reference_cleanup(Bodies(12, (body,)))
    assert got.notes == ("7 of 12 frames dropped: without a body",)
    expected = body.joints - body.joints[1, 1]
    expected[0] = 0
    np.testing.assert_array_equal(got.positions, expected[None])
    assert got.observed[0].all(-1).tolist() == [False, True, True, True, True]


def test_eleven_frames_are_too_few() -> None:
    long = make_body(1, frames_of((0, 20)), motion=0.001)
    for num, persons in ((11, 1), (12, 2)):
        got = reference_cleanup(recording_of(long, make_body(2, frames_of((3, 3 + num)), motion=0.001)))
        assert len(got.positions) == persons
        assert any("body 2 (11 frames" in note and "11 frames or fewer" in note for note in got.notes) == (
            num == 11
        )


@pytest.mark.parametrize(("wide", "num", "kept"), [(279, 400, True), (30, 43, False), (34877, 50000, False)])
def test_a_wide_body_is_dropped(wide: int, num: int, kept: bool) -> None:  # 69.75 %, 69.77 %, 69.754 %
    chair = make_body(1, frames_of((0, num)), motion=0)
    chair.joints[:wide, :, 0] = np.linspace(0, 1.4, 25)  # of 1.7
    got = reference_cleanup(recording_of(chair, make_body(2, frames_of((0, num)))))
    assert len(got.positions) == 1 + kept
    assert any(f"body 1 ({num} frames" in note and "in 69.8% of" in note for note in got.notes) != kept


def test_the_last_one_left_is_kept_however_wide() -> None:
    chairs = [make_body(number, frames_of((0, 20)), width=3.0) for number in (1, 2, 3)]
    got = reference_cleanup(recording_of(*chairs))
    np.testing.assert_array_equal(got.positions[0], chairs[2].joints - chairs[2].joints[0, 1])
    assert len(got.positions) == 1


def test_the_motion_is_that_of_good_frames_if_it_is_smaller() -> None:
    calm = make_body(1, frames_of((0, 40)), motion=0.05)
    calm.joints[:20, :, 0] *= 30  # much variance, all of it in frames too wide
    lively = make_body(2, frames_of((0, 40)), motion=0.5)
    got = reference_cleanup(recording_of(calm, lively))
    np.testing.assert_array_equal(got.positions[0], lively.joints - lively.joints[0, 1])


def test_the_motion_is_that_of_all_frames_if_it_is_smaller() -> None:
    still = make_body(1, frames_of((0, 40)), motion=0)
    still.joints[20:] = still.joints[0].mean(0)  # a point, and one joint beside it: wide
    still.joints[20:, 7, 0] += 0.01
    other = make_body(2, frames_of((0, 40)), motion=0)
    other.joints[...] *= 0.8
    own, good, between = (
        np.var(rows.reshape(-1, 3), axis=0).sum() for rows in (still.joints, still.joints[:20], other.joints)
    )
    assert own < between < good
    got = reference_cleanup(recording_of(still, other))
    np.testing.assert_array_equal(got.positions[0], other.joints - other.joints[0, 1])


def test_width_and_height_are_compared_in_float64() -> None:
    height = next(
        h for h in np.linspace(1, 2, 999, dtype=np.float32) if float(np.float32(0.8) * h) > 0.8 * float(h)
    )
    width = np.float32(0.8) * height  # not wide in float32, just wide in float64
    edge = make_body(1, frames_of((0, 20)), motion=0)
    edge.joints[..., 0] = np.linspace(0, 1, 25, dtype=np.float32) * width
    edge.joints[..., 1] = np.linspace(0, 1, 25, dtype=np.float32) * height
    assert float(np.ptp(edge.joints[0, :, 0])) > 0.8 * float(np.ptp(edge.joints[0, :, 1]))
    got = assert_as_plain(recording_of(edge, make_body(2, frames_of((0, 20)))))
    assert len(got.positions) == 1


def test_most_motion_comes_first_and_who_does_not_overlap_joins() -> None:
    bodies = [
        make_body(1, frames_of((0, 31)), motion=0.020),  # 0 to 30
        make_body(2, frames_of((0, 15)), motion=0.015),  # 0 to 14: as actor 2, whose interval is [0, 0]
        make_body(3, frames_of((14, 45)), motion=0.010),  # touches actor 2 in one frame, which it takes over
        make_body(4, frames_of((30, 60)), motion=0.005),  # touches actor 1 in one frame
        make_body(5, frames_of((2, 15)), motion=0.001),  # overlaps the first of both, not the last
    ]
    got = assert_as_plain(recording_of(*bodies))
    assert who(got) == [[(1, 30), (4, 30)], [(2, 14), (3, 31), (0, 15)]]
    assert [note for note in got.notes if "body" in note] == [
        f"body 5 (13 frames, motion {np.var(bodies[4].joints.reshape(-1, 3), axis=0).sum():.4f})"
        " dropped: present at the same time as both actors"
    ]


def test_the_interval_of_actor_2_begins_at_the_first_frame() -> None:
    bodies = [
        make_body(1, frames_of((0, 60)), motion=0.020),
        make_body(2, frames_of((30, 60)), motion=0.010),
        make_body(3, frames_of((0, 20)), motion=0.005),  # before body 2, and yet within [0, 59]
    ]
    got = assert_as_plain(recording_of(*bodies))
    assert who(got) == [[(1, 60)], [(0, 30), (2, 30)]]


def test_frames_are_numbered_without_gaps() -> None:
    first = make_body(1, frames_of((0, 40)), motion=0.02)
    second = make_body(2, frames_of((5, 15), (25, 35)), motion=0.01)  # away for ten frames: lands on 5 to 24
    got = assert_as_plain(Bodies(50, (first, second)))
    assert who(got) == [[(1, 40)], [(0, 5), (2, 20), (0, 15)]]
    assert got.notes == ("10 of 50 frames dropped: without a body",)


def test_frames_that_are_zero_for_both_are_dropped_and_an_absent_actor_stays_zero() -> None:
    first = make_body(1, frames_of((0, 20)), motion=0.02)
    second = make_body(2, frames_of((5, 25)), motion=0.01)
    first.joints[:2] = first.joints[8] = 0
    second.joints[3] = 0  # frame 8, too
    got = assert_as_plain(recording_of(first, second))
    assert got.positions.shape[1] == 22
    assert any("3 of 25 frames dropped: all zero" in note for note in got.notes)
    np.testing.assert_array_equal(got.positions[0, 0], first.joints[2] - first.joints[2, 1])
    assert got.observed[..., 0].sum(1).tolist() == [17, 19]
    assert not got.positions[~got.observed].any()


@pytest.mark.parametrize("recording", [Bodies(0, ()), Bodies(9, ())])
def test_without_a_body_there_is_nobody(recording: Bodies) -> None:
    assert reference_cleanup(recording).positions.shape == (0, 0, 25, 3)
    assert keep_all_bodies(recording).positions.shape == (0, recording.num_frames, 25, 3)


def test_if_all_are_too_short_there_is_nobody() -> None:
    got = reference_cleanup(recording_of(make_body(1, [0, 1, 2]), make_body(2, [2, 3])))
    assert got.positions.shape == (0, 0, 25, 3)
    assert got.observed.shape == (0, 0, 25)
    assert [note[:6] for note in got.notes if "body" in note] == ["body 1", "body 2"]


def test_a_recording_of_zeros_is_unobserved() -> None:
    body = make_body(1, [0, 1])
    body.joints[:] = 0
    got = reference_cleanup(recording_of(body))
    assert not got.positions.any()
    assert not got.observed.any()


@pytest.mark.parametrize("ntu_cleanup", [reference_cleanup, keep_all_bodies])
def test_what_is_not_finite_is_unobserved_and_said(ntu_cleanup: Any) -> None:
    bodies = [make_body(1, frames_of((0, 20)), motion=0.02), make_body(2, frames_of((0, 20)), motion=0.01)]
    sound = ntu_cleanup(recording_of(*bodies))
    bodies[0].joints[3, 5, 1] = bodies[0].joints[0, 1] = bodies[1].joints[4] = np.nan
    got = ntu_cleanup(recording_of(*bodies))
    assert np.isfinite(got.positions).all()
    lost = [[0, 0, 1], [0, 3, 5], *([1, 4, joint] for joint in range(25))]
    assert np.argwhere(~got.observed).tolist() == lost
    assert not got.positions[~got.observed].any()
    assert got.notes == (*sound.notes, "27 joints unobserved: a coordinate is not a finite number")
    if ntu_cleanup is reference_cleanup:  # the spine of frame 0 is not known: that of frame 1 is taken
        np.testing.assert_array_equal(got.positions[0, 1], bodies[0].joints[1] - bodies[0].joints[1, 1])


def test_what_is_not_finite_is_no_motion() -> None:
    calm, lively = (make_body(number, frames_of((0, 20)), motion=0.1 * number) for number in (1, 2))
    calm.joints[5:8] = np.nan
    got = reference_cleanup(recording_of(calm, lively))
    np.testing.assert_array_equal(got.positions[0], lively.joints - lively.joints[0, 1])


def test_none_leaves_every_body_where_it_was() -> None:
    chair = make_body(7, [1, 3], width=4.0)
    chair.joints[1, 9] = 0
    chair.joints[0, 3, 0] = 0  # one coordinate alone may be
    other = make_body(8, [0])
    got = keep_all_bodies(Bodies(5, (chair, other)))
    assert got.positions.shape == (2, 5, 25, 3)
    np.testing.assert_array_equal(got.positions[0, [1, 3]], chair.joints)
    np.testing.assert_array_equal(got.positions[1, 0], other.joints[0])
    expected = np.zeros((2, 5, 25), dtype=bool)
    expected[0, [1, 3]] = expected[1, 0] = True
    expected[0, 3, 9] = False
    assert (got.observed == expected).all()
    assert got.notes == ()
