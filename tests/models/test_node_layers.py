from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from skeletonmae.models.node_layers import FastPReLU, NodeBatchNorm


def test_norm_takes_its_statistics_from_observed_joints_alone() -> None:
    norm = NodeBatchNorm(1, momentum=1.0)
    out = norm(torch.tensor([[1.0], [3.0], [5.0]]))
    assert out.flatten().tolist() == pytest.approx([-math.sqrt(1.5), 0.0, math.sqrt(1.5)], abs=1e-4)
    assert (float(norm.running_mean), float(norm.running_var)) == (3.0, 4.0)
    assert norm(torch.tensor([[7.0]])).item() == pytest.approx(2.0, abs=1e-4)  # one has no variance of its own
    assert norm(torch.zeros(0, 1)).shape == (0, 1)
    assert (float(norm.running_mean), float(norm.running_var)) == (3.0, 4.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_prelu_and_its_gradient_are_those_of_torch(dtype: torch.dtype) -> None:
    x = torch.randn(50, 8).to(dtype)
    x[0, 0] = 0.0
    grad = torch.randn(50, 8).to(dtype)
    found = []
    for kind in (FastPReLU, nn.PReLU):
        prelu, given = kind(init=-0.3).to(dtype), x.clone().requires_grad_()
        out = prelu(given)
        out.backward(grad)
        found.append((out, given.grad, prelu.weight.grad))
    torch.testing.assert_close(found[0], found[1])
