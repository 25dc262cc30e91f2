from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from skeletonmae.datasets.synthetic import CLASSES, FRAMES, generate, record
from skeletonmae.datasets.synthetic.actions import ACTIONS
from skeletonmae.datasets.synthetic.body import LEFT, RIGHT, Body, Pose, joint_positions
from skeletonmae.datasets.synthetic.generate import mirror, perform
from skeletonmae.datasets.synthetic.pairs import PAIR_ACTIONS
from skeletonmae.datasets.synthetic.people import Person
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

JOINT = NTU25.index
FEET = [JOINT[f"{side}_{joint}"] for side in ("left", "right") for joint in ("ankle", "foot")]


def performances(label: str, number: int = 12) -> list[np.ndarray]:
    """Bodies (person, frame, joint, axis) of several people, before any camera or mirror."""
    rngs = [np.random.default_rng([7, CLASSES.index(label), i]) for i in range(number)]
    return [perform(label, Person.random(rng), rng) for rng in rngs]


def at(body: np.ndarray, joint: str) -> np.ndarray:
    return body[..., JOINT[joint], :]


def gap(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b, axis=-1).min())


@pytest.fixture(scope="module")
def recordings() -> list[SkeletonSequence]:
    return list(generate(40 * len(CLASSES)))


def test_recordings_are_as_promised(recordings: list[SkeletonSequence]) -> None:
    for index, recording in enumerate(recordings):
        assert recording.name == f"synthetic_{index:06d}"
        assert recording.skeleton == NTU25
        assert (recording.unit, recording.fps) == ("m", 30)
        assert FRAMES[0] <= recording.num_frames <= FRAMES[1]
        assert recording.num_persons == (2 if recording.label in PAIR_ACTIONS else 1)
    assert set(Counter(r.label for r in recordings).values()) == {40}
    assert len({r.tags["subject"] for r in recordings}) == 40
    assert {r.tags["camera"] for r in recordings} == {"1", "2", "3"}


def test_a_recording_depends_on_seed_and_index_alone() -> None:
    recordings = list(generate(60, seed=3))
    ranges = [*generate(25, seed=3), *generate(35, seed=3, start=25)]
    for a, b in zip(recordings, ranges, strict=True):
        np.testing.assert_array_equal(a.positions, b.positions)
        np.testing.assert_array_equal(a.observed, b.observed)
        assert (a.name, a.label, a.tags) == (b.name, b.label, b.tags)
    second = next(islice(generate(1, seed=4), 1))
    assert (
        second.positions.shape != recordings[0].positions.shape
        or (second.positions != recordings[0].positions).any()
    )


def test_the_motion_is_that_on_which_published_numbers_were_measured(recordings: list[SkeletonSequence]) -> None:
    """Whoever changes the generator on purpose changes these numbers, and measures those in the documents again."""
    means = [np.abs(recording.positions).mean(dtype=np.float64) for recording in recordings[:100]]
    found = np.reshape(means, (4, 25)).mean(1)
    np.testing.assert_allclose(found, [1.201623, 1.269687, 1.215350, 1.225381], rtol=1e-5)


def test_noise_changes_what_is_seen_but_not_what_is_done() -> None:
    for index in range(0, 50, 3):
        true, noisy = record(index, noise=False), record(index)
        assert true.observed.all()
        assert true.positions.shape == noisy.positions.shape
        error = np.linalg.norm(noisy.positions - true.positions, axis=-1)[noisy.observed]
        assert 0.002 < np.median(error) < 0.06


def test_bones_keep_their_length() -> None:
    for index in range(2 * len(CLASSES)):
        lengths = NTU25.bone_lengths(record(index, noise=False).positions.astype(np.float64))
        assert np.ptp(lengths, axis=1).max() < 1e-5
        assert (lengths[:, 0] > 0.02)[:, 1:].sum() == 23 * len(lengths)  # all but the root, which is joint 1


def test_the_same_subject_has_the_same_limbs() -> None:
    thigh: dict[str, list[float]] = {}
    knee = JOINT["left_knee"]
    for recording in (record(index, noise=False) for index in range(0, 1000, 3)):
        if recording.num_persons == 1:
            length = NTU25.bone_lengths(recording.positions[:, :1])[0, 0, knee]
            thigh.setdefault(recording.tags["subject"], []).append(float(length))
    repeated = [lengths for lengths in thigh.values() if len(lengths) > 1]
    assert len(repeated) > 30
    assert max(np.ptp(lengths) for lengths in repeated) < 1e-5
    assert np.std([lengths[0] for lengths in repeated]) > 0.01


@pytest.mark.parametrize("label", CLASSES)
def test_feet_stand_on_the_floor(label: str) -> None:
    for bodies in performances(label, 6):
        lowest = bodies[:, :, FEET, 1].min(-1)
        assert lowest.min() > -0.01
        if label not in ("jump", "run in place"):
            assert lowest.max() < 0.06  # the ankle over the heel, when only that touches


def test_a_jump_leaves_the_floor() -> None:
    assert np.median([bodies[0, :, FEET, 1].min(0).max() for bodies in performances("jump")]) > 0.08


@pytest.mark.parametrize("label", CLASSES)
def test_knees_bend_forward(label: str) -> None:
    for bodies in performances(label, 6):
        right = at(bodies, "right_hip") - at(bodies, "left_hip")
        forward = np.cross([0.0, 1.0, 0.0], right)
        forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
        for side in ("left", "right"):
            hip, knee, ankle = (at(bodies, f"{side}_{joint}") for joint in ("hip", "knee", "ankle"))
            leg = ankle - hip
            normal = np.cross(right, leg)  # points to the front of a hanging leg, up of a raised one
            assert ((knee - (hip + ankle) / 2) * normal).sum(-1).min() > -0.005


@pytest.mark.parametrize(
    ("hand", "elbow"),
    [
        ((0.1, -0.8, 0.2), (0, 0, -1)),  # hanging: the elbow is behind
        ((0.0, 0.0, 0.8), (0, -1, 0)),  # ahead: below
        ((0.0, 0.8, 0.1), (1, 0, 0)),  # overhead: outside
        ((-0.3, 0.2, 0.35), (0, -1, 0)),  # at the mouth: below
    ],
)
def test_elbows_bend_the_way_elbows_do(hand: tuple[float, ...], elbow: tuple[float, ...]) -> None:
    pose = Pose.standing(1)
    pose.hand[:] = hand
    body = joint_positions(Body.random(np.random.default_rng(0)), pose)[0]
    for side, outward in (("left", -1), ("right", 1)):
        shoulder, bent, wrist = (at(body, f"{side}_{joint}") for joint in ("shoulder", "elbow", "wrist"))
        along = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
        off = (bent - shoulder) - ((bent - shoulder) @ along) * along
        assert off @ (np.array(elbow) * (outward, 1, -1)) > 0.05


def test_a_hand_reaches_its_goal() -> None:
    pose = Pose.standing(1)
    pose.goal[RIGHT], pose.grip[RIGHT] = (0.1, 1.1, 0.35), 1
    pose.hand[LEFT] = (0.0, -0.5, 0.5)
    person = Body.random(np.random.default_rng(1))
    body = joint_positions(person, pose)[0]
    np.testing.assert_allclose(at(body, "right_wrist"), (0.1, 1.1, -0.35), atol=1e-9)
    reach = (at(body, "left_wrist") - at(body, "left_shoulder")) / person.arm
    np.testing.assert_allclose(reach, (0.0, -0.5, -0.5), atol=1e-9)


def test_the_body_is_right_handed_in_space_and_in_front_of_the_camera() -> None:
    for index in range(2 * len(CLASSES)):
        recording = record(index, noise=False)
        body = recording.positions[:, 0]
        right = at(body, "right_hip") - at(body, "left_hip")
        ahead = sum(at(body, f"{side}_foot") - at(body, f"{side}_ankle") for side in ("left", "right"))
        assert ((np.cross(ahead, [0, 1, 0]) * right).sum(-1) > 0).all()
        assert recording.positions[..., 2].min() > 0.5


def test_hands_meet_where_they_should() -> None:
    claps = [gap(at(b[0], "left_hand"), at(b[0], "right_hand")) for b in performances("clap", 30)]
    assert np.percentile(claps, 90) < 0.09
    apart = [gap(at(b[0], "left_hand"), at(b[0], "right_hand")) for b in performances("wave", 30)]
    assert np.median(apart) > 0.2
    for label in ("shake hands", "high five", "hand over"):
        meets = [gap(at(b[0], "right_hand"), at(b[1], "right_hand")) for b in performances(label, 30)]
        assert np.percentile(meets, 90) < 0.1, label


def test_two_persons_face_each_other() -> None:
    for label in PAIR_ACTIONS:
        for bodies in performances(label):
            first, second = bodies[:, 0]
            to_other = at(second, "pelvis") - at(first, "pelvis")
            for body, towards in ((first, to_other), (second, -to_other)):
                ahead = np.cross([0, 1, 0], at(body, "right_hip") - at(body, "left_hip"))
                assert ahead @ towards / np.linalg.norm(ahead) / np.linalg.norm(towards) > 0.7
            assert 0.5 < np.linalg.norm(to_other) < 1.5


def test_sitting_ends_at_the_height_of_a_chair() -> None:
    for sign, label in ((1, "sit down"), (-1, "stand up")):
        for bodies in performances(label):
            height = bodies[0, ::sign, JOINT["pelvis"], 1]
            assert height[0] > 1.4 * height[-1]
            assert 0.35 < height[-1] < 0.75
            knee = bodies[0, ::sign, JOINT["left_knee"], 1][-1]
            assert abs(height[-1] - knee) < 0.2  # thighs about level


def test_mirroring_exchanges_the_hands() -> None:
    moved = {"left": 0, "right": 0}
    for bodies in performances("throw"):
        np.testing.assert_array_equal(mirror(mirror(bodies)), bodies)
        mirrored = mirror(bodies)
        np.testing.assert_array_equal(at(mirrored, "left_wrist"), at(bodies, "right_wrist") * (-1, 1, 1))
        np.testing.assert_allclose(
            NTU25.bone_lengths(mirrored)[..., NTU25.mirror_index], NTU25.bone_lengths(bodies)
        )
    for index in range(CLASSES.index("throw"), 60 * len(CLASSES), len(CLASSES)):
        body = record(index, noise=False).positions[0]
        reach = {s: np.ptp(at(body, f"{s}_wrist") - at(body, "spine"), axis=0).sum() for s in moved}
        moved[max(reach, key=reach.__getitem__)] += 1
    assert moved["right"] > moved["left"] > 5


def test_losses_come_in_bursts_and_mostly_at_hands_and_feet(recordings: list[SkeletonSequence]) -> None:
    lost = np.mean([1 - r.observed.mean((0, 1)) for r in recordings], axis=0)
    ends = [j for name, j in JOINT.items() if "hand" in name or "foot" in name or "thumb" in name]
    trunk = [JOINT[name] for name in ("pelvis", "spine", "neck", "shoulder_center")]
    assert 0.01 < lost.mean() < 0.15
    assert lost[ends].mean() > 3 * lost[trunk].mean()
    again = np.mean([(~r.observed[:, 1:] & ~r.observed[:, :-1]).sum() for r in recordings])
    assert again / np.mean([(~r.observed).sum() for r in recordings]) > 0.8
    assert all((r.positions[~r.observed] == 0).all() for r in recordings)


def test_hard_for_a_linear_classifier(recordings: list[SkeletonSequence]) -> None:
    features, label, held_out = [], [], []
    for recording in recordings:
        frames = np.linspace(0, recording.num_frames - 1, 32).round().astype(int)
        both = np.zeros((2, 32, 25, 3))
        both[: recording.num_persons] = recording.positions[:, frames] - recording.positions[0, 0, 0]
        both[: recording.num_persons][~recording.observed[:, frames]] = 0
        features.append(both.ravel())
        label.append(CLASSES.index(str(recording.label)))
        held_out.append(int(recording.tags["subject"][1:]) % 2 == 0)
    x, y, test = np.array(features), np.array(label), np.array(held_out)
    train = ~test
    assert 450 < train.sum() < 550  # about 20 of each class
    x = (x - x[train].mean(0)) / (x[train].std(0) + 1e-3)
    kernel, target = x[train] @ x[train].T, np.eye(len(CLASSES))[y[train]]
    accuracy = []
    for ridge in (10, 100, 1000, 10000):
        weights = np.linalg.solve(kernel + ridge * np.eye(len(kernel)), target)
        accuracy.append((np.argmax(x[test] @ (x[train].T @ weights), axis=1) == y[test]).mean())
    assert 2 / len(CLASSES) < max(accuracy) < 0.55


def test_classes_differ_in_what_defines_them(recordings: list[SkeletonSequence]) -> None:
    def of(label: str) -> list[np.ndarray]:
        return [b[0] for b in performances(label, 30)]

    def travelled(body: np.ndarray) -> float:
        return float(np.linalg.norm((at(body, "pelvis")[-1] - at(body, "pelvis")[0])[[0, 2]]))

    def turned(body: np.ndarray) -> float:
        across = at(body, "right_hip") - at(body, "left_hip")
        yaw = np.unwrap(np.arctan2(across[:, 2], across[:, 0]))
        return float(abs(yaw[-1] - yaw[0]))

    def highest_wrist(body: np.ndarray) -> float:
        return float(min(at(body, f"{s}_wrist")[:, 1].max() - at(body, "head")[0, 1] for s in ("left", "right")))

    def median(measure: object, label: str) -> float:
        return float(np.median([measure(body) for body in of(label)]))  # type: ignore[operator]

    assert median(travelled, "walk") > 3 * median(travelled, "march")
    assert median(turned, "turn") > 3 * median(turned, "bow")
    assert median(highest_wrist, "stretch") > 0.1 > median(highest_wrist, "wave")
    rises = [
        (r.label == "stand up") == (np.median(r.positions[0, -8:, 3, 1]) > np.median(r.positions[0, :8, 3, 1]))
        for r in recordings
        if r.label in ("sit down", "stand up") and r.observed[0, :, 3].all()
    ]
    assert np.mean(rises) > 0.95


def test_every_action_is_a_class() -> None:
    assert (*ACTIONS, *PAIR_ACTIONS) == CLASSES
    assert len(ACTIONS) >= 14
    assert len(PAIR_ACTIONS) >= 2
