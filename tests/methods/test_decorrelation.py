"""The variance and covariance terms of VICReg."""

from __future__ import annotations

import pytest
import torch

from skeletonmae.methods.decorrelation import decorrelation


def test_by_hand() -> None:
    x = torch.tensor([[1.0, 2.0], [-1.0, -2.0], [9.0, 9.0]])
    valid = torch.tensor([True, True, False])
    terms = decorrelation(x, valid)
    assert float(terms.variance) == 0.0  # standard deviations of 1.4 and 2.8
    assert float(terms.covariance) == pytest.approx(2 * 4.0**2 / 2)
    assert terms.deviation.tolist() == pytest.approx([2.0001**0.5, 8.0001**0.5])
    deviations = [(0.0002 + 1e-4) ** 0.5, (0.0008 + 1e-4) ** 0.5]
    terms = decorrelation(0.01 * x, valid)
    assert float(terms.variance) == pytest.approx(1 - sum(deviations) / 2, rel=1e-4)
    assert terms.deviation.tolist() == pytest.approx(deviations, rel=1e-4)


@pytest.mark.parametrize("num_valid", [0, 1])
def test_features_without_variance_are_as_far_from_1_as_can_be(num_valid: int) -> None:
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    terms = decorrelation(x, torch.arange(3) < num_valid)
    assert float(terms.variance.detach()) == pytest.approx(1 - 0.01)
    assert float(terms.covariance.detach()) == 0.0
    (terms.variance + terms.covariance).backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
