"""What is bridged is seen by every encoder and is nowhere a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch, patchify
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import GraphMAEConfig, InputSpec, JointPatchMAEConfig, STTFormerMAEConfig
from skeletonmae.methods.method import Method
from skeletonmae.skeletons import KINECT20

Make = Callable[..., Any]
JOINT_PATCH = {
    "token_frames": 4, "width": 16, "depth": 1, "heads": 2, "decoder_width": 16, "decoder_depth": 1
}  # fmt: skip
CONFIGS: dict[str, Any] = {
    "position": JointPatchMAEConfig(**JOINT_PATCH, target_norm="token"),
    "motion": JointPatchMAEConfig(**JOINT_PATCH, target="motion", target_norm="clip", predict_ratio=0.5),
    "sttformer": STTFormerMAEConfig(tuple_frames=4, widths=(8, 8), decoder_widths=(8,), heads=1),
    "graph": GraphMAEConfig(width=8, depth=1, heads=2, edge_loss_weight=0.5),
}


def make_method(kind: str) -> Method:
    torch.manual_seed(0)
    method: Method = CONFIGS[kind].build(InputSpec(16, 3, KINECT20.joints), RandomTokens(ratio=0.6))
    return method.eval()


def with_bridged(batch: Batch, share: float) -> Batch:
    bridged = torch.rand(batch.observed.shape, generator=torch.Generator().manual_seed(1)) < share
    return replace(batch, bridged=bridged & batch.observed)


@pytest.mark.parametrize("kind", CONFIGS)
def test_where_all_is_bridged_there_is_nothing_to_predict(make_batch: Make, kind: str) -> None:
    batch = with_bridged(make_batch(), 1.1)
    output = make_method(kind)(batch)
    assert (float(output.loss.detach()), float(output.num_terms)) == (0.0, 0.0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_bridged_value_is_seen_and_is_no_target(make_batch: Make, kind: str) -> None:
    """It changes the features and, by what is predicted from it, the loss, but not the number of targets."""
    method, batch = make_method(kind), with_bridged(make_batch((1, 1)), 0.3)
    noise = torch.randn(batch.positions.shape, generator=torch.Generator().manual_seed(2))
    moved = batch.with_positions(batch.positions + noise * batch.bridged[..., None])
    before, after = method(batch), method(moved)
    assert float(before.num_terms) == float(after.num_terms) > 0
    assert not torch.equal(method.embed(batch), method.embed(moved))
    assert not torch.equal(before.loss, after.loss)


@pytest.mark.parametrize("kind", ["position", "sttformer", "graph"])
def test_hidden_bridged_values_do_not_change_the_loss(make_batch: Make, kind: str) -> None:
    """Nobody may look at a hidden value but the loss, and it must not look at a bridged one."""
    method, batch = make_method(kind), with_bridged(make_batch((1, 1)), 0.3)
    masks: list[torch.Tensor] = []
    if kind == "graph":
        from skeletonmae.methods.frame_graph import FrameGraph

        frames = FrameGraph(batch.tracks)
        hidden = method.draw_mask(batch, frames).T.reshape(2, 16, 20)  # type: ignore[operator]
        masks.append(hidden)
    else:
        tracks = batch.tracks
        patches = patchify(tracks.positions, tracks.observed, tracks.skeleton, 4, tracks.bridged)
        token_mask = method.masking(patches, batch.track_rng("mask"))  # type: ignore[operator]
        masks.append(token_mask.hidden.repeat_interleave(4, 1))
    changed = (masks[0][:, None] & batch.bridged)[..., None]
    assert changed.any()
    moved = batch.with_positions(batch.positions + 3.0 * changed)
    torch.testing.assert_close(method(moved).loss, method(batch).loss, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_targets_are_those_that_were_observed_without_bridging(make_batch: Make, kind: str) -> None:
    """Marking values as bridged takes their tokens (nodes) out of the loss, and no others."""
    method, batch = make_method(kind), make_batch((1, 1, 1), lost=0.0)
    observed = torch.zeros_like(batch.observed)
    observed[..., :8, :] = True  # the second half of every clip is bridged
    half = replace(batch, bridged=~observed)
    terms = float(method(half).num_terms)
    assert 0 < terms < float(method(batch).num_terms)


def test_bridged_tokens_use_up_no_queries(make_batch: Make) -> None:
    """Of each track's hidden tokens, one is measured: half of the targets, rounded up, is that token."""
    batch = make_batch((1,) * 8, lost=0.0)
    config, spec, masking = CONFIGS["position"], InputSpec(16, 3, KINECT20.joints), RandomTokens(ratio=0.6)
    torch.manual_seed(0)
    method = config.model_copy(update={"predict_ratio": 0.5}).build(spec, masking)
    tracks = batch.tracks
    patches = patchify(tracks.positions, tracks.observed, tracks.skeleton, 4, tracks.bridged)
    hidden = masking(patches, batch.track_rng("mask")).hidden.flatten(1)
    is_measured = (hidden & (hidden.cumsum(1) == 1)).view(8, 1, 4, 20).repeat_interleave(4, 2)
    is_measured_only_there = replace(batch, bridged=batch.observed & ~is_measured)
    all_terms = config.build(spec, masking)(is_measured_only_there).num_terms
    assert float(method(is_measured_only_there).num_terms) == float(all_terms) > 0


def test_tokens_of_bridged_frames_alone_are_reconstructed_as_unknown(make_batch: Make) -> None:
    batch = make_batch((1,), lost=0.0)
    bridged = torch.zeros_like(batch.observed)
    bridged[:, :, :4] = True
    for kind in ("position", "sttformer"):
        found = make_method(kind).reconstruct(replace(batch, bridged=bridged))
        assert found is not None
        is_nan = torch.from_numpy(found.positions).isnan().any(-1)
        assert torch.equal(is_nan[:4], torch.from_numpy(found.hidden[:4]))
        assert not is_nan[4:].any()
        assert is_nan.any()
