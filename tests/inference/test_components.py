from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.inference.components import ClassStatistics, Components, principal_axes, shrunken_whitening


@pytest.mark.parametrize("shape", [(10, 30), (30, 10)])
def test_principal_axes_keep_all_products(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(0).normal(size=shape)
    components, axes = principal_axes(rows)
    np.testing.assert_allclose(components @ components.T, rows @ rows.T, atol=1e-9)
    np.testing.assert_allclose(rows @ axes, components, atol=1e-9)
    assert principal_axes(rows, 4)[0].shape[1] == 4
    assert components.var(0)[0] == max(components.var(0))


@pytest.mark.parametrize("num_clips", [1, 4])
def test_clips_that_do_not_differ_have_one_axis(num_clips: int) -> None:
    components, axes = principal_axes(np.zeros((num_clips, 30)))
    assert components.shape == (num_clips, 1)
    assert not axes.any()
    assert Components.of(np.zeros((num_clips, 30))).rank == 1


def test_whitened_clips_of_a_class_vary_equally() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    rows = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6)) + 9 * labels[:, None]
    whitened = rows @ shrunken_whitening(rows, labels, 0.0)
    np.testing.assert_allclose(ClassStatistics.of(whitened, labels, 6).covariance, np.eye(6), atol=1e-9)


@pytest.mark.parametrize("shape", [(30, 50), (50, 30)])
def test_as_many_directions_are_counted_as_there_are_principal_axes(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(0).normal(size=shape)
    rows[:, 4] = 0
    rows -= rows.mean(0)
    rotated = Components.of(rows)
    monkeypatch.setattr("skeletonmae.inference.components.MAX_ROTATED", 10)
    direct = Components.of(rows)
    assert rotated.axes is not None
    assert direct.axes is None
    assert direct.rank == rotated.rank == min(shape[0] - 1, shape[1] - 1)
