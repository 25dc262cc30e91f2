from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.evaluation.components import (
    ClassStatistics,
    Components,
    principal_axes,
    scaler,
    shrunken_whitening,
)


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
    monkeypatch.setattr("skeletonmae.evaluation.components.MAX_ROTATED", 10)
    direct = Components.of(rows)
    assert rotated.axes is not None
    assert direct.axes is None
    assert direct.rank == rotated.rank == min(shape[0] - 1, shape[1] - 1)


def test_blocks_count_the_same_whatever_their_scale_and_width() -> None:
    rng = np.random.default_rng(0)
    encoder = rng.normal(size=(200, 6)) * [1, 2, 3, 4, 5, 6]
    coordinates = 1e-3 * rng.normal(size=(200, 30)) * np.linspace(1, 5, 30)
    features = np.concatenate([encoder, coordinates], axis=1)
    mean, deviation = scaler(features, "blocks", 6)
    variance = ((features - mean) / deviation).var(0)
    assert variance[:6].sum() == pytest.approx(18)
    assert variance[6:].sum() == pytest.approx(18)
    np.testing.assert_allclose(variance[:6], 3)  # each by its own standard deviation
    np.testing.assert_allclose(variance[6:] / variance[6], (coordinates.var(0) / coordinates.var(0)[0]))
    np.testing.assert_allclose(scaler(features, "all")[1], np.sqrt(features.var(0).mean()))


def test_features_that_do_not_vary_are_divided_by_one() -> None:
    features = np.array([[1.0, 2.0], [3.0, 2.0]])
    np.testing.assert_array_equal(scaler(features)[1], [1, 1])


@pytest.mark.parametrize("num_axes", [12, 70])
def test_discriminants_solve_the_equations_of_the_shrunken_covariance(num_axes: int) -> None:
    """By the system of the axes if they are fewer than the clips, else by that of the clips."""
    rows = np.random.default_rng(0).normal(size=(40, num_axes))
    labels = np.arange(40) % 3
    statistics = ClassStatistics.of(rows, labels, min(39, num_axes))
    deviations = np.concatenate([rows[labels == label] - rows[labels == label].mean(0) for label in range(3)])
    covariance = deviations.T @ deviations / 37
    variance = np.trace(covariance) / min(39, num_axes)
    shrunken = 0.7 * covariance + 0.3 * variance * np.eye(num_axes)
    means = np.stack([rows[labels == label].mean(0) for label in range(3)], 1)
    np.testing.assert_allclose(shrunken @ statistics.discriminants(0.3), means, atol=1e-10)
