from __future__ import annotations

import torch

from skeletonmae.models.packed_steps import PackedSteps


def test_packed_steps_have_their_neighbors_in_time() -> None:
    steps = PackedSteps(torch.tensor([[True, True, False, True], [False, True, False, False]]))
    picks = torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None, None]
    around = steps.stack_neighbors(picks)[..., 0].tolist()
    assert around == [[0, 1, 2], [1, 2, 0], [0, 3, 0], [0, 4, 0]]
    assert steps.pad(picks).flatten(1).tolist() == [[1, 2, 3], [4, 0, 0]]
    assert torch.equal(steps.pack(steps.pad(picks)), picks)
    even = PackedSteps(torch.tensor([[True, False, True], [False, True, True]]))
    assert even.pad(picks).flatten(1).tolist() == [[1, 2], [3, 4]]
    assert torch.equal(even.pack(even.pad(picks)), picks)
