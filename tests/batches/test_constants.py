"""Constants are copied to a device once, and can be used in training after inference."""

from __future__ import annotations

import torch

from skeletonmae.batches.constants import constant

CPU = torch.device("cpu")


def test_the_same_numbers_are_the_same_tensor() -> None:
    assert constant((1, 2), torch.int64, CPU) is constant((1, 2), torch.int64, CPU)


def test_the_type_is_the_one_that_was_asked_for() -> None:
    flags, numbers = constant((True, False), torch.bool, CPU), constant((1, 0), torch.int64, CPU)
    assert flags.dtype == torch.bool
    assert numbers.dtype == torch.int64
    torch.testing.assert_close(
        constant(((1, 2), (3, 4)), torch.float32, CPU), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    )


def test_a_constant_that_was_made_in_inference_can_be_saved_for_a_gradient() -> None:
    with torch.inference_mode():
        weight = constant((2.0, 5.0), torch.float32, CPU)
    x = torch.ones(2, requires_grad=True)
    (x * weight).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 5.0]
