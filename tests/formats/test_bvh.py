from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, prepare
from skeletonmae.formats.bvh import BVH
from skeletonmae.formats.format import ReadOptions
from skeletonmae.sequences import SequenceStore

TEXT = """HIERARCHY
ROOT Hips
{{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT LeftUpLeg
  {{
    OFFSET 0 {length} 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    End Site
    {{
      OFFSET 0 0 0
    }}
  }}
}}
MOTION
Frames: 2
Frame Time: 0.02
1 2 3 0 0 0 0 0 0
1 2 3 90 0 0 0 0 0
"""


@pytest.mark.parametrize(
    ("length", "scale", "unit"),
    [(0.5, 1, "m"), (50.0, 0.01, "m"), (500.0, 0.001, "m"), (18.0, 1, "unknown"), (9e4, 1, "unknown")],
)
def test_the_unit_follows_from_the_size(tmp_path: Path, length: float, scale: float, unit: str) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(TEXT.format(length=length))
    (one,) = BVH.read(path)
    assert (one.unit, one.fps, one.skeleton.joints) == (unit, 50.0, ("pelvis", "left_hip"))
    # A quarter turn about z takes up to -x; then half a turn about y.
    expected = [[[-1, 2, -3], [-1, 2 + length, -3]], [[-1, 2, -3], [-1 + length, 2, -3]]]
    np.testing.assert_allclose(one.positions[0], np.array(expected) * scale, rtol=1e-5, atol=1e-5)
    assert one.notes == (() if unit == "m" else (f"the unit is not known: the longest bone is {length:.3g}",))
    (plain,) = BVH.read(path, ReadOptions(unit="m"))
    np.testing.assert_allclose(plain.positions[0], expected, rtol=1e-5, atol=1e-4)


@pytest.mark.real
def test_bones_of_the_real_files_keep_their_lengths(real_data: Path, tmp_path: Path) -> None:
    report = prepare(DATASETS["folder"], real_data / "bandai_namco_sample", tmp_path / "out")
    assert (report.recordings, report.skipped, report.notes) == (49, (), ())
    store = SequenceStore.open(tmp_path / "out")
    assert (store.unit, store.skeleton.num_joints) == ("m", 21)  # without the root on the floor
    at = store.skeleton.index
    lengths, ahead = [], []
    for one in store:
        length = one.skeleton.bone_lengths(one.positions[0])
        lengths.append(length[:, [place for joint, place in at.items() if joint != "pelvis"]])
        across = one.positions[0, :, at["right_shoulder"]] - one.positions[0, :, at["left_shoulder"]]
        toes = one.positions[0, :, at["left_foot"]] - one.positions[0, :, at["left_ankle"]]
        ahead.append((np.cross([0, 1, 0], across) * toes).sum(-1) > 0)
    spread = np.concatenate(lengths).max(0) - np.concatenate(lengths).min(0)
    assert spread.max() <= 0.0021
    assert 0.3 < np.concatenate(lengths).max() < 0.6  # metres: thigh or shin
    assert np.concatenate(ahead).mean() > 0.85  # not mirrored: toes point where up x right says
