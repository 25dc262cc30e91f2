from __future__ import annotations

import numpy as np
import pytest
import torch

from skeletonmae.batches import Patches, patchify
from skeletonmae.methods.motion_energy import motion_energy_weight
from skeletonmae.skeletons import KINECT20, Skeleton

TWO = Skeleton("two", KINECT20.joints[:2], {KINECT20.joints[1]: KINECT20.joints[0]})


def patches_of(
    positions: np.ndarray, observed: np.ndarray | None = None, bridged: np.ndarray | None = None
) -> Patches:
    """Tokens of four frames of one person with two joints; `positions` is (frame, joint, axis)."""
    observed = np.ones(positions.shape[:2], bool) if observed is None else observed
    bridged = np.zeros_like(observed) if bridged is None else bridged
    arrays = (positions.astype(np.float32) * observed[..., None], observed, bridged)
    given, is_observed, is_bridged = (torch.as_tensor(array)[None] for array in arrays)
    return patchify(given, is_observed, TWO, 4, is_bridged)


def weights(patches: Patches) -> np.ndarray:
    """`(frame, joint)`."""
    weight: np.ndarray = motion_energy_weight(patches)[0].transpose(1, 2).flatten(0, 1).numpy()
    return weight


def random_walk(frames: int = 32) -> np.ndarray:
    steps = np.random.default_rng(0).normal(size=(frames, 2, 3)) * [[[0.02], [0.001]]]
    return steps.cumsum(0)


def test_it_equals_a_plain_loop() -> None:
    positions, dice = random_walk(), np.random.default_rng(1)
    observed = dice.random((32, 2)) < 0.8
    bridged = observed & (dice.random((32, 2)) < 0.2)
    measured = observed & ~bridged
    energy = np.zeros((3, 32, 2))
    for number, length in enumerate((4, 8, 12)):
        for joint in range(2):
            for start in range(0, 32, length):
                frames = [frame for frame in range(start, min(32, start + length)) if measured[frame, joint]]
                if frames:
                    window = positions[frames, joint]
                    distances = ((window - window.mean(0)) ** 2).sum(1)
                    energy[number, start : start + length, joint] = distances.mean()
    energy = energy.mean(0)
    mean = energy[measured].mean()
    expected = 1 / (1 + 0.01 * mean / (energy + 1e-6 * mean))
    np.testing.assert_allclose(
        weights(patches_of(positions, observed, bridged))[measured], expected[measured], rtol=1e-3
    )


def test_a_still_joint_weighs_nearly_nothing_and_one_that_moves_as_the_mean_nearly_1() -> None:
    positions = random_walk()
    positions[:, 1] = 2.0
    weight = weights(patches_of(positions))
    assert weight[:, 0].mean() > 0.9
    assert weight[:, 1].max() < 0.01 * weight[:, 0].mean()


def test_a_hundredth_of_the_mean_energy_gives_half_of_the_weight() -> None:
    """The first joint swings with 199 parts of the energy and the second with one, so that the mean is 100."""
    swing = np.tile([1.0, -1.0], 16)[:, None]
    positions = np.stack([swing * np.sqrt(1.99), swing * 0.1], 1) * [1.0, 0.0, 0.0]
    weight = weights(patches_of(positions))
    np.testing.assert_allclose(weight[:, 1], 0.5, rtol=1e-3)
    np.testing.assert_allclose(weight[:, 0], 1 / (1 + 0.01 / 1.99), rtol=1e-4)


@pytest.mark.parametrize("factor", [10.0, 1000.0])
def test_the_unit_does_not_matter(factor: float) -> None:
    positions = random_walk()
    np.testing.assert_allclose(
        weights(patches_of(positions * factor)), weights(patches_of(positions)), rtol=1e-3, atol=1e-6
    )


def test_the_place_of_the_body_does_not_matter() -> None:
    positions = random_walk()
    np.testing.assert_allclose(
        weights(patches_of(positions + np.array([1.0, 0.5, -2.0]))), weights(patches_of(positions)), atol=1e-3
    )


def test_unmeasured_values_do_not_matter() -> None:
    positions, dice = random_walk(), np.random.default_rng(2)
    observed = dice.random((32, 2)) < 0.8
    bridged = observed & (dice.random((32, 2)) < 0.3)
    moved = positions + 9.0 * (bridged | ~observed)[..., None]
    expected = weights(patches_of(positions, observed, bridged))
    np.testing.assert_array_equal(weights(patches_of(moved, observed, bridged)), expected)


@pytest.mark.parametrize("observed", [True, False])
def test_a_clip_without_motion_has_finite_weights(observed: bool) -> None:
    weight = weights(patches_of(np.ones((32, 2, 3)), np.full((32, 2), observed)))
    assert np.isfinite(weight).all()
    assert weight.max() < 0.01
    assert motion_energy_weight(patches_of(np.ones((32, 2, 3)))).shape == (1, 8, 2, 4)
