from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.skeletons import COCO17, KINECT20, LAYOUTS, NTU25, Skeleton, conversion

TIPS = ("left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb")


def test_kinect20_to_ntu25_by_name() -> None:
    made = conversion(KINECT20, NTU25)
    assert made.interpolated == {"neck": ("shoulder_center", "head")}
    assert made.missing == TIPS
    assert set(made.copied) == set(NTU25.joints) - {"neck", *TIPS}


def test_ntu25_to_kinect20_by_name() -> None:
    made = conversion(NTU25, KINECT20)
    assert (made.copied, made.interpolated, made.missing) == (KINECT20.joints, {}, ())


def test_coco17_to_ntu25_by_name() -> None:
    made = conversion(COCO17, NTU25)
    assert made.interpolated == {
        "pelvis": ("left_hip", "right_hip"),
        "spine": ("left_hip", "right_hip", "left_shoulder", "right_shoulder"),
        "neck": ("left_shoulder", "right_shoulder"),
        "head": ("left_ear", "right_ear"),
        "shoulder_center": ("left_shoulder", "right_shoulder"),
    }
    assert set(made.missing) == {"left_hand", "right_hand", "left_foot", "right_foot", *TIPS}
    assert len(made.copied) == 12


def test_positions_by_hand() -> None:
    positions = np.zeros((1, 2, 20, 3), dtype=np.float32)
    observed = np.ones((1, 2, 20), dtype=bool)
    positions[..., KINECT20.index["head"], :] = [0, 1.8, 2]
    positions[..., KINECT20.index["shoulder_center"], :] = [0.2, 1.4, 2]
    positions[..., KINECT20.index["left_foot"], :] = [7, 8, 9]
    observed[0, 1, KINECT20.index["head"]] = False
    positions[0, 1, KINECT20.index["head"]] = 0
    moved, seen = conversion(KINECT20, NTU25)(positions, observed)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved[0, 0, NTU25.index["neck"]], [0.1, 1.6, 2], rtol=1e-6)
    np.testing.assert_array_equal(moved[0, 0, NTU25.index["left_foot"]], [7, 8, 9])
    assert seen[0, 0, NTU25.index["neck"]]
    # Half of a mean is no mean: without the head there is no neck either.
    assert not seen[0, 1, [NTU25.index["neck"], NTU25.index["head"]]].any()
    assert not seen[..., [NTU25.index[tip] for tip in TIPS]].any()
    assert not moved[~seen].any()


@pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=LAYOUTS)
def test_to_itself_nothing_changes(skeleton: Skeleton) -> None:
    rng = np.random.default_rng(0)
    observed = rng.random((2, 3, skeleton.num_joints)) < 0.7
    positions = (rng.normal(size=(*observed.shape, 2)) * observed[..., None]).astype(np.float32)
    made = conversion(skeleton, skeleton)
    moved, seen = made(positions, observed)
    assert made.copied == skeleton.joints
    np.testing.assert_array_equal(moved, positions)
    np.testing.assert_array_equal(seen, observed)


def test_the_report_says_each_joint() -> None:
    lines = conversion(KINECT20, NTU25).report().splitlines()
    assert lines[0] == "kinect20 -> ntu25"
    assert len(lines) == 26
    assert "  neck: mean of shoulder_center, head" in lines
    assert "  left_thumb: missing" in lines
    assert "  spine: copied" in lines
