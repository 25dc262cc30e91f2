from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.skeletons import (
    COCO17,
    H36M17,
    HAND21,
    KINECT20,
    LAYOUTS,
    MEDIAPIPE33,
    NTU25,
    OPENPOSE25,
    PENN13,
    SBU15,
    SMPL24,
    Skeleton,
    conversion,
)

BODIES = [body for body in LAYOUTS.values() if body != HAND21]
PAIRS = [*product(BODIES, BODIES), (HAND21, HAND21)]
pairs = pytest.mark.parametrize(
    ("source", "target"), PAIRS, ids=lambda skeleton: skeleton.name if isinstance(skeleton, Skeleton) else ""
)
TIPS = ("left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb")


def recording(skeleton: Skeleton, lost: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(skeleton.num_joints)
    observed = rng.random((2, 5, skeleton.num_joints)) >= lost
    return (rng.normal(size=(*observed.shape, 3)) * observed[..., None]).astype(np.float32), observed


@pairs
def test_every_joint_is_copied_or_a_mean_or_missing(source: Skeleton, target: Skeleton) -> None:
    result = conversion(source, target)
    positions, observed = recording(source)
    converted, converted_observed = result(positions, observed)
    assert converted.dtype == np.float32
    assert converted.shape == (2, 5, target.num_joints, 3)
    assert sorted((*result.copied, *result.interpolated, *result.missing)) == sorted(target.joints)
    for place, joint in enumerate(target.joints):
        if joint in source.index:
            assert joint in result.copied
            np.testing.assert_array_equal(converted[..., place, :], positions[..., source.index[joint], :])
            np.testing.assert_array_equal(converted_observed[..., place], observed[..., source.index[joint]])
        elif joint in result.missing:
            assert not converted_observed[..., place].any()
            assert not converted[..., place, :].any()
        else:
            shares = result.interpolated[joint]
            assert sum(shares.values()) == 1
            assert all(share > 0 for share in shares.values())
            all_observed = np.all([observed[..., source.index[name]] for name in shares], axis=0)
            np.testing.assert_array_equal(converted_observed[..., place], all_observed)
            mean = sum(float(share) * positions[..., source.index[name], :] for name, share in shares.items())
            np.testing.assert_allclose(converted[..., place, :], mean * all_observed[..., None], atol=1e-6)


@pairs
def test_no_two_joints_fall_together(source: Skeleton, target: Skeleton) -> None:
    origins = [tuple(sorted(origin.items())) for origin in conversion(source, target).origins.values() if origin]
    assert len(set(origins)) == len(origins)


@pairs
def test_left_comes_from_left(source: Skeleton, target: Skeleton) -> None:
    result = conversion(source, target)
    for joint, origin in result.origins.items():
        mirrored = {source.mirror[name]: share for name, share in origin.items()}
        assert result.origins[target.mirror[joint]] == mirrored


@pairs
def test_what_was_copied_comes_back(source: Skeleton, target: Skeleton) -> None:
    forward, back = conversion(source, target), conversion(target, source)
    positions, observed = recording(source)
    again, converted_observed = back(*forward(positions, observed))
    both = [source.index[joint] for joint in forward.copied]
    assert len(both) >= (8 if source != HAND21 else 21)  # every body has shoulders, elbows, hips and knees
    np.testing.assert_array_equal(again[..., both, :], positions[..., both, :])
    np.testing.assert_array_equal(converted_observed[..., both], observed[..., both])


@pairs
def test_the_report_has_a_line_a_joint(source: Skeleton, target: Skeleton) -> None:
    result = conversion(source, target)
    first, *lines = result.report().splitlines()
    message = {line.split()[0]: line for line in lines[: target.num_joints]}
    assert list(message) == list(target.joints)
    starts = {len(line) - len(line.lstrip()) for line in lines}
    assert starts == {2}
    how = [line.split(maxsplit=1)[1].split()[0] for line in message.values()]
    counts = how.count("copied"), len(how) - how.count("copied") - how.count("missing"), how.count("missing")
    assert first == (
        f"{source.name} -> {target.name}: {counts[0]} of {target.num_joints} joints copied, "
        f"{counts[1]} interpolated, {counts[2]} missing"
    )
    rest = lines[target.num_joints :]
    assert (rest == []) == (result.unused == ())


def test_kinect20_to_ntu25_by_name() -> None:
    result = conversion(KINECT20, NTU25)
    half = Fraction(1, 2)
    assert result.interpolated == {"neck": {"shoulder_center": half, "head": half}}
    assert result.missing == TIPS
    assert set(result.copied) == set(NTU25.joints) - {"neck", *TIPS}


def test_ntu25_to_kinect20_by_name() -> None:
    result = conversion(NTU25, KINECT20)
    assert (result.copied, result.interpolated, result.missing) == (KINECT20.joints, {}, ())
    assert result.unused == ("neck", *TIPS)


def test_coco17_to_ntu25_by_name() -> None:
    result = conversion(COCO17, NTU25)
    half, quarter = Fraction(1, 2), Fraction(1, 4)
    assert result.interpolated == {
        "pelvis": {"left_hip": half, "right_hip": half},
        "spine": dict.fromkeys(("left_hip", "right_hip", "left_shoulder", "right_shoulder"), quarter),
        "neck": dict.fromkeys(("left_shoulder", "right_shoulder", "left_ear", "right_ear"), quarter),
        "head": {"left_ear": half, "right_ear": half},
        "shoulder_center": {"left_shoulder": half, "right_shoulder": half},
    }
    assert set(result.missing) == {"left_hand", "right_hand", "left_foot", "right_foot", *TIPS}
    assert len(result.copied) == 12


# A person in meters, x to the left, y up, z to the front, as anatomy has it; no layout's own data.
STANDING: dict[str, Any] = {
    "pelvis": (0, 0.95, 0), "spine1": (0, 1.08, 0), "spine2": (0, 1.21, 0), "spine": (0, 1.21, 0),
    "spine3": (0, 1.30, 0), "shoulder_center": (0, 1.45, 0), "neck": (0, 1.53, 0), "head_base": (0, 1.60, 0),
    "head": (0, 1.66, 0.05), "head_top": (0, 1.76, 0.02), "nose": (0, 1.60, 0.11),
    "left_eye_inner": (0.02, 1.64, 0.1), "left_eye": (0.03, 1.64, 0.1), "left_eye_outer": (0.05, 1.64, 0.09),
    "left_ear": (0.08, 1.62, 0.01), "left_mouth": (0.03, 1.56, 0.1), "left_collar": (0.08, 1.43, 0),
    "left_shoulder": (0.18, 1.43, 0), "left_elbow": (0.2, 1.15, 0), "left_wrist": (0.22, 0.9, 0),
    "left_hand": (0.22, 0.84, 0), "left_hand_tip": (0.22, 0.73, 0), "left_thumb": (0.2, 0.78, 0.06),
    "left_thumb_ip": (0.2, 0.8, 0.05), "left_index_mcp": (0.22, 0.82, 0.04), "left_pinky_mcp": (0.23, 0.82, -0.03),
    "left_hip": (0.09, 0.92, 0), "left_knee": (0.1, 0.5, 0), "left_ankle": (0.1, 0.08, 0),
    "left_foot": (0.11, 0.03, 0.12), "left_heel": (0.1, 0.03, -0.05), "left_toe": (0.12, 0.02, 0.18),
    "left_big_toe": (0.09, 0.02, 0.18), "left_small_toe": (0.15, 0.02, 0.13),
}  # fmt: skip


def standing(skeleton: Skeleton) -> np.ndarray:
    everybody = STANDING | {
        name.replace("left", "right"): (-x, y, z) for name, (x, y, z) in STANDING.items() if "left" in name
    }
    return np.array([everybody[joint] for joint in skeleton.joints], dtype=np.float32)


@pairs
def test_a_stand_in_is_near_what_it_stands_for(source: Skeleton, target: Skeleton) -> None:
    if source == HAND21:
        return
    result = conversion(source, target)
    converted, converted_observed = result(standing(source), np.ones(source.num_joints, dtype=bool))
    off = np.linalg.norm(converted - standing(target), axis=-1)[converted_observed]
    assert off.max() < 0.13  # the nose from the head is the worst
    assert off.mean() < 0.03


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.name)
def test_hands_and_bodies_have_nothing_in_common(body: Skeleton) -> None:
    for source, target in ((HAND21, body), (body, HAND21)):
        with pytest.raises(
            InputError, match=f"no joint of layout {target.name} can be derived from layout {source.name}"
        ):
            conversion(source, target)


def test_positions_by_hand() -> None:
    positions = np.zeros((1, 2, 20, 3), dtype=np.float32)
    observed = np.ones((1, 2, 20), dtype=bool)
    positions[..., KINECT20.index["head"], :] = [0, 1.8, 2]
    positions[..., KINECT20.index["shoulder_center"], :] = [0.2, 1.4, 2]
    positions[..., KINECT20.index["left_foot"], :] = [7, 8, 9]
    observed[0, 1, KINECT20.index["head"]] = False
    positions[0, 1, KINECT20.index["head"]] = 0
    converted, converted_observed = conversion(KINECT20, NTU25)(positions, observed)
    assert converted.dtype == np.float32
    np.testing.assert_allclose(converted[0, 0, NTU25.index["neck"]], [0.1, 1.6, 2])
    np.testing.assert_array_equal(converted[0, :, NTU25.index["left_foot"]], [[7, 8, 9]] * 2)
    assert converted_observed[0, 0, NTU25.index["neck"]]
    # Half of a mean is no mean: without the head there is no neck either.
    assert not converted_observed[0, 1, [NTU25.index["neck"], NTU25.index["head"]]].any()
    assert not converted_observed[..., [NTU25.index[tip] for tip in TIPS]].any()
    assert not converted[~converted_observed].any()


@pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=LAYOUTS)
def test_to_itself_nothing_changes(skeleton: Skeleton) -> None:
    positions, observed = recording(skeleton)
    result = conversion(skeleton, skeleton)
    converted, converted_observed = result(positions[..., :2], observed)
    assert result.copied == skeleton.joints
    np.testing.assert_array_equal(converted, positions[..., :2])
    np.testing.assert_array_equal(converted_observed, observed)


def test_own_joints_are_copied_by_name() -> None:
    dog = Skeleton("dog", ("withers", "nose", "tail"), {"nose": "withers", "tail": "withers"})
    result = conversion(dog, Skeleton("fox", ("tail", "withers", "brush"), {"withers": "tail", "brush": "tail"}))
    assert (result.copied, result.missing, result.unused) == (("tail", "withers"), ("brush",), ("nose",))
    assert conversion(dog, NTU25).interpolated == {"head": {"nose": 1}}


def test_the_report_says_each_joint() -> None:
    assert conversion(H36M17, PENN13).report().splitlines()[:4] == [
        "h36m17 -> penn13: 12 of 13 joints copied, 1 interpolated, 0 missing",
        "  head            mean of nose, head_top",
        "  left_shoulder   copied",
        "  right_shoulder  copied",
    ]
    lines = conversion(COCO17, SMPL24).report().splitlines()
    assert "  left_hand       missing" in lines
    assert "  left_collar     weighted mean of 3/4 left_shoulder, 1/4 right_shoulder" in lines
    assert "  spine2          mean of left_hip, right_hip, left_shoulder, right_shoulder" in lines
    assert lines[-1] == "  not used: nose, left_eye, right_eye"
    assert "  left_thumb       taken from left_thumb_ip" in conversion(MEDIAPIPE33, NTU25).report().splitlines()


def test_what_openpose_calls_the_neck_is_between_the_shoulders() -> None:
    result = conversion(OPENPOSE25, SBU15)
    assert "shoulder_center" in result.copied
    assert conversion(COCO17, OPENPOSE25).interpolated["shoulder_center"] == dict.fromkeys(
        ("left_shoulder", "right_shoulder"), Fraction(1, 2)
    )


@pytest.mark.real
@pytest.mark.parametrize(("name", "spine"), [("nw_ucla", 0.16), ("utd_mhad", 0.16), ("kinder_gator", 0.16)])
def test_how_far_off_the_trunk_of_stand_ins_is(name: str, spine: float, real_data: Path) -> None:
    """What docs/data.md says of means that stand in for joints of the Kinect."""
    from skeletonmae.datasets import DATASETS

    dataset, root = DATASETS[name], real_data / name
    files = dataset.files(root)
    off, low = [], []
    for file in files[:: max(1, len(files) // 40)]:
        for recording in dataset.read(file, root):
            back = conversion(COCO17, KINECT20)(
                *conversion(KINECT20, COCO17)(recording.positions[0], recording.observed[0])
            )
            at = {joint: KINECT20.index[joint] for joint in ("pelvis", "spine", "shoulder_center")}
            both = back[1] & recording.observed[0]
            distance = np.linalg.norm(back[0] - recording.positions[0], axis=-1)
            off.append(
                [np.median(distance[both[:, place], place]) for place in at.values() if both[:, place].any()]
            )
            trunk = recording.positions[0][:, at["shoulder_center"]] - recording.positions[0][:, at["pelvis"]]
            up = recording.positions[0][:, at["spine"]] - recording.positions[0][:, at["pelvis"]]
            low.append(np.median((trunk * up).sum(-1) / np.maximum((trunk**2).sum(-1), 1e-6)))
    middle = np.median([row for row in off if len(row) == 3], axis=0)
    assert (middle > 0.05).all()
    assert (middle < 0.125).all()
    assert np.median(low) == pytest.approx(spine, abs=0.03)
