from __future__ import annotations

import torch

from skeletonmae.methods.pooling import concat_joints
from skeletonmae.skeletons import Skeleton

LAYOUT = Skeleton("layout", ("a", "b", "c"), {"b": "a", "c": "b"})


def test_joints_are_concatenated_in_the_order_of_the_names_with_zeros_for_missing_ones() -> None:
    features = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0], [9.0, 10.0], [11.0, 12.0]]])
    found = concat_joints(features, LAYOUT, ("c", "tail", "a"))
    assert found.tolist() == [[5, 6, 0, 0, 1, 2], [11, 12, 0, 0, 7, 8]]
    assert concat_joints(features[:0], LAYOUT, ("c", "tail", "a")).shape == (0, 6)
