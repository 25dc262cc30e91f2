from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from skeletonmae.batches import Batch
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import InputSpec, JointPatchMAE, JointPatchMAEConfig
from skeletonmae.methods.joint_patch_features import make_patches
from skeletonmae.methods.pooled_targets import TARGET_STD, PooledConfig, PooledTargets
from skeletonmae.methods.targets import make_targets
from skeletonmae.skeletons import KINECT20, NTU25

Make = Callable[..., Any]
SIZES: dict[str, Any] = {
    "token_frames": 4, "width": 16, "depth": 2, "heads": 2, "decoder_width": 16, "decoder_depth": 1,
    "pooled": {"width": 8, "hidden_width": 12, "global_hidden_width": 20},
}  # fmt: skip


def tiny(joints: tuple[str, ...] = KINECT20.joints, frames: int = 16, **change: Any) -> JointPatchMAE:
    torch.manual_seed(0)
    config = JointPatchMAEConfig.model_validate(SIZES | {"target": "pooled"} | change)
    return config.build(InputSpec(frames, 3, joints), RandomTokens(ratio=0.7))


def targets_of(method: JointPatchMAE) -> PooledTargets:
    pooled = method.pooled
    assert isinstance(pooled, PooledTargets)
    return pooled


@pytest.mark.parametrize(
    ("time_steps", "levels"), [(30, (5, 10, 30)), (8, (1, 2, 8)), (16, (2, 4, 16)), (4, (1, 4)), (1, (1,))]
)
def test_windows_are_a_sixth_and_a_third_of_the_clip_and_the_clip(
    time_steps: int, levels: tuple[int, ...]
) -> None:
    assert PooledConfig().levels(time_steps) == levels
    assert PooledConfig(window_steps=(1, time_steps)).levels(time_steps) == (1, time_steps)


def test_windows_that_do_not_divide_the_clip_are_refused() -> None:
    with pytest.raises(ValueError, match="must divide the 8 time steps: 1, 2, 4, 8; got 3"):
        PooledConfig(window_steps=(2, 3)).levels(8)


def plain_loss(method: JointPatchMAE, batch: Batch) -> float:
    """The loss window by window, from the decoder's output for all tokens."""
    pooled, tracks = targets_of(method), batch.tracks
    patches = make_patches(method.encoder, tracks)
    mask = method.masking(patches, batch.track_rng("mask"))
    seen: list[Tensor] = []
    hook = pooled.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    method(batch)
    hook.remove()
    decoded, motion = seen[0], make_targets(patches, "motion", method.config.target_norm)
    losses = []
    for level, network in enumerate(pooled.target_networks):
        is_global = level == len(pooled.window_steps)
        steps = 4 if is_global else pooled.window_steps[level]
        predictions, targets = [], []
        for track in range(len(tracks)):
            for start in range(0, 4, steps):
                for joints in [range(20)] if is_global else [[joint] for joint in range(20)]:
                    tokens = [(step, joint) for joint in joints for step in range(start, start + steps)]
                    counts = [mask.hidden[track][at] and motion.observed[track][at].any() for at in tokens]
                    if not any(counts):
                        continue
                    there = [decoded[track][at] for at in tokens if patches.available[track][at]]
                    predictions.append(pooled.heads[level](torch.stack(there).mean(0)))
                    if is_global:
                        given = torch.stack([motion.values[track, step].mean(1) for step in range(4)]).flatten()
                    else:
                        given = torch.stack([motion.values[track][at] for at in tokens]).flatten()
                    targets.append(network(given))
        prediction, target = (torch.stack(rows).detach().double().numpy() for rows in (predictions, targets))
        covariance = np.cov(target.T)
        deviation = np.sqrt(np.diag(covariance) + 1e-4)
        off_diagonal = covariance - np.diag(np.diag(covariance))
        losses.append(
            5 * ((prediction - target) ** 2).mean()
            + 5 * (off_diagonal**2).sum() / 8
            + np.maximum(0, 1 - deviation).mean()
        )
    return float(np.mean(losses))


@pytest.mark.parametrize("decoder", ["self", "cross"])
@pytest.mark.parametrize("target_norm", ["token", "clip"])
def test_the_loss_equals_a_plain_loop(make_batch: Make, decoder: str, target_norm: str) -> None:
    method, batch = tiny(decoder=decoder, target_norm=target_norm), make_batch((2, 1, 0, 1), lost=0.4)
    assert float(method(batch).loss.detach()) == pytest.approx(plain_loss(method, batch), rel=1e-4)


def test_only_visible_tokens_are_encoded_and_all_available_ones_are_decoded(make_batch: Make) -> None:
    method, batch = tiny(), make_batch((2, 1), lost=0.0)
    lengths: list[int] = []
    method.encoder.blocks[0].register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[1]))
    method.decoder.head.register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[1]))
    method(batch)
    assert lengths == [80 - 56, 80]


def test_unobserved_values_do_not_matter(make_batch: Make) -> None:
    method, batch = tiny(), make_batch(lost=0.5)
    positions = batch.positions.masked_fill(~batch.observed[..., None], torch.nan)
    assert torch.equal(method(replace(batch, positions=positions)).loss, method(batch).loss)


def test_every_parameter_learns_and_none_is_trained_by_a_batch_without_persons(make_batch: Make) -> None:
    method = tiny(decoder="cross")
    method(make_batch(lost=0.2)).loss.backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    for persons in ((0, 0), ()):
        method.zero_grad()
        output = method(make_batch(persons))
        output.loss.backward()
        assert float(output.loss.detach()) == float(output.num_terms) == 0
        assert not any(parameter.grad.any() for parameter in method.parameters() if parameter.grad is not None)
        assert output.logs.keys() == {TARGET_STD}


def test_the_variance_term_keeps_targets_from_collapse(make_batch: Make) -> None:
    """Noise cannot be predicted, and features of 0 would be predicted best."""
    batch, deviations = make_batch((1,) * 16, lost=0.1), []
    for weight in (1.0, 0.0):
        method = tiny(decoder="cross", pooled=SIZES["pooled"] | {"variance_weight": weight})
        optimizer = torch.optim.Adam(method.parameters(), lr=3e-3)
        losses = []
        for _ in range(60):
            optimizer.zero_grad()
            output = method(batch)
            output.loss.backward()
            optimizer.step()
            losses.append(float(output.loss.detach()))
        assert losses[-1] < 0.8 * losses[0]
        deviations.append(float(output.logs[TARGET_STD]))
    assert deviations[0] > 0.1  # where the loss 5 x std^2 + (1 - std) is lowest
    assert deviations[1] < 0.6 * deviations[0]


def test_joints_are_known_by_name(make_batch: Make) -> None:
    method = tiny(tuple(dict.fromkeys((*NTU25.joints, *KINECT20.joints))))
    for skeleton in (KINECT20, NTU25):
        assert method(make_batch(skeleton=skeleton)).loss.isfinite()


def test_the_loss_of_a_clip_depends_on_the_others() -> None:
    assert tiny().couples_batch
    assert not tiny(target="motion", pooled={}).couples_batch


def test_it_has_no_reconstruction(make_batch: Make) -> None:
    assert tiny().reconstruct(make_batch((1,))) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predict_ratio": 0.5}, "predict_ratio must be 1"),
        ({"error_weight": "motion_energy"}, "error_weight uniform"),
        ({"decoder": "cross", "target_steps": 2}, "target_steps 1"),
        ({"intervals": (1, 5)}, "intervals are those of motion"),
    ],
)
def test_settings_that_it_does_not_use_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**change)
