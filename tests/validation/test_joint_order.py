"""No pose is taken for a wrong order of the joints, and wrong orders are found in sets and in single recordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20, LAYOUTS, NTU25, conversion
from skeletonmae.validation import Finding, validate

Change = Callable[..., SkeletonSequence]
ARM = [
    NTU25.index[f"{side}_{joint}"]
    for side in ("left", "right")
    for joint in ("shoulder", "elbow", "wrist", "hand")
]
POSES: dict[str, dict[str, tuple[float, float, float]]] = {
    # Positions of the joints of the right side in meters, y up; x is negative on the right.
    "standing": {"knee": (-0.1, -0.42, 0), "ankle": (-0.1, -0.84, 0), "elbow": (-0.2, 0.22, 0), "wrist": (-0.2, -0.03, 0)},
    "squatting": {"knee": (-0.15, 0.05, 0.4), "ankle": (-0.12, -0.3, 0.1), "elbow": (-0.2, 0.3, 0.25), "wrist": (-0.1, 0.3, 0.5)},
    "sitting": {"knee": (-0.1, 0, 0.42), "ankle": (-0.1, -0.42, 0.42), "elbow": (-0.2, 0.22, 0.05), "wrist": (-0.1, 0.05, 0.25)},
    "curled up": {"knee": (-0.1, 0.33, 0.25), "ankle": (-0.1, 0, 0.12), "elbow": (-0.2, 0.3, 0.2), "wrist": (-0.05, 0.15, 0.3)},
    "hands up": {"knee": (-0.1, -0.42, 0), "ankle": (-0.1, -0.84, 0), "elbow": (-0.2, 0.78, 0), "wrist": (-0.2, 1.03, 0)},
}  # fmt: skip
TRUNK = {"hip": (-0.1, 0, 0), "shoulder": (-0.18, 0.5, 0)}


def body(pose: str) -> np.ndarray:
    """A body in COCO's layout, `(joint, axis)`."""
    positions = np.zeros((17, 3))
    for name, point in (TRUNK | POSES[pose]).items():
        positions[COCO17.index[f"right_{name}"]] = point
        positions[COCO17.index[f"left_{name}"]] = np.multiply(point, (-1, 1, 1))
    for number, (x, y) in enumerate([(0, 0.68), (0.03, 0.71), (-0.03, 0.71), (0.07, 0.7), (-0.07, 0.7)]):
        positions[number] = (x, y, 0.1 if number < 3 else 0)
    return positions


def recorded(positions: np.ndarray) -> SkeletonSequence:
    """The pose in 20 frames, with noise of 5 mm."""
    noise = np.random.default_rng(0).normal(0, 0.005, (1, 20, *positions.shape))
    return SkeletonSequence.from_positions(positions + noise, COCO17, name="pose", unit="m", fps=30.0)


def layout_findings(*recordings: SkeletonSequence) -> list[Finding]:
    return [finding for finding in validate(recordings).findings if finding.check == "layout"]


def read_as(recording: SkeletonSequence, layout: str, other: str) -> SkeletonSequence:
    positions, observed = conversion(recording.skeleton, LAYOUTS[layout])(recording.positions, recording.observed)
    return replace(recording, positions=positions, observed=observed, skeleton=LAYOUTS[other])


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("turn", ["upright", "lying", "upside down"])
def test_no_pose_is_a_wrong_order(pose: str, turn: str) -> None:
    """A single recording of it, in three axes, and from the front, the side and above in two."""
    turned = (
        body(pose)
        @ {
            "upright": np.eye(3),
            "lying": np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
            "upside down": np.diag([-1, -1, 1]),
        }[turn]
    )
    assert not layout_findings(recorded(turned))
    for axes in ([0, 1], [2, 1], [0, 2]):
        assert "error" not in [finding.severity for finding in layout_findings(recorded(turned[:, axes]))]


@pytest.mark.parametrize("pose", POSES)
def test_coco_read_as_another_order_of_17_joints_is_an_error_in_every_pose(pose: str) -> None:
    (wrong,) = [
        one for one in layout_findings(read_as(recorded(body(pose)), "coco17", "h36m17")) if not one.recording
    ]
    assert wrong.severity == "error"
    assert "not in the order of the layout" in wrong.message
    assert "--layout" in wrong.message


@pytest.mark.parametrize(
    "wrong",
    [
        lambda one: read_as(one, "openpose25", "openpose25b"),
        lambda one: read_as(one, "openpose25b", "openpose25"),
        lambda one: replace(one, positions=np.roll(one.positions, 1, 2), observed=np.roll(one.observed, 1, 2)),
        lambda one: replace(one, positions=np.roll(one.positions, -1, 2), observed=np.roll(one.observed, -1, 2)),
        lambda one: shuffle(one),
    ],
)
def test_wrong_orders_are_errors_in_sets_and_found_in_single_recordings(
    wrong: Callable[[SkeletonSequence], SkeletonSequence], clean: list[SkeletonSequence]
) -> None:
    changed = [wrong(recording) for recording in clean[::5]]
    assert [one.severity for one in layout_findings(*changed) if not one.recording] == ["error"]
    for recording in changed:
        assert layout_findings(recording)


def shuffle(recording: SkeletonSequence) -> SkeletonSequence:
    kinect = read_as(recording, "kinect20", "kinect20")
    order = np.random.default_rng(0).permutation(KINECT20.num_joints)
    return replace(kinect, positions=kinect.positions[:, :, order], observed=kinect.observed[:, :, order])


def test_ten_images_prove_what_one_does_not(clean: list[SkeletonSequence]) -> None:
    flat = [replace(one, positions=np.ascontiguousarray(one.positions[..., :2])) for one in clean]
    wrong = [read_as(one, "coco17", "h36m17") for one in flat]
    assert [one.severity for one in layout_findings(*wrong) if not one.recording] == ["error"]
    assert not layout_findings(*flat)


def test_exchanged_arms_are_an_error(clean: list[SkeletonSequence]) -> None:
    order = np.arange(NTU25.num_joints)
    order[ARM] = NTU25.mirror_index[ARM]
    for one in clean[:5]:
        changed = replace(one, positions=one.positions[:, :, order], observed=one.observed[:, :, order])
        severities = {finding.severity: finding.message for finding in layout_findings(changed)}
        assert "hips of the other side" in severities["error"]


def test_one_recording_that_was_tracked_badly_is_a_warning(clean: list[SkeletonSequence]) -> None:
    bad = replace(clean[0], positions=np.roll(clean[0].positions, 1, 2), observed=np.roll(clean[0].observed, 1, 2))
    findings = layout_findings(bad, *clean[1:])
    assert {(one.recording, one.severity) for one in findings} == {(clean[0].name, "warning")}


def test_a_joint_far_outside_the_body_is_a_warning(clean: list[SkeletonSequence], changed: Change) -> None:
    one = clean[0]
    values = np.array(one.positions)
    values[..., NTU25.index["head"], :] += (0, 4, 0)
    messages = [finding.message for finding in layout_findings(changed(one, values), *clean[1:])]
    assert messages
    assert all("the bone head to" in message for message in messages)
