from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.formats.length_units import longest_bone, longest_limb_bone, meters_per_unit
from skeletonmae.skeletons import Skeleton

LEG = Skeleton("leg", ("left_hip", "left_knee", "tail"), {"left_knee": "left_hip", "tail": "left_hip"})


@pytest.mark.parametrize(
    ("length", "meters"), [(0.4, 1.0), (40.0, 0.01), (400.0, 0.001), (17.0, None), (0.0, None), (4000.0, None)]
)
def test_a_thigh_tells_the_unit(length: float, meters: float | None) -> None:
    assert meters_per_unit(length) == meters


def test_unobserved_bones_do_not_count() -> None:
    positions = np.full((3, 3, 3), np.nan)
    assert (longest_bone(LEG, positions), longest_limb_bone(LEG, positions)) == (0.0, None)
    positions[:, 0], positions[1, 1], positions[:, 2] = 0.0, (0.0, 0.4, 0.3), (0.0, 0.0, 7.0)
    assert longest_bone(LEG, positions) == 7.0
    assert longest_limb_bone(LEG, positions) == 0.5
    assert longest_limb_bone(Skeleton("tail", ("a", "b"), {"b": "a"}), positions[:, :2]) is None
