"""The order of parts of a clip: what is drawn, what can leak, and how the term is added."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import InputSpec, JointPatchMAEConfig, Order, OrderConfig
from skeletonmae.methods.order import motion_weight, select_part
from skeletonmae.skeletons import KINECT20

SMALL = {"width": 16, "depth": 2, "heads": 2, "decoder_width": 16, "decoder_depth": 1, "token_frames": 2}
FRAMES = 16
orders = pytest.mark.parametrize("order", ["permutation", "reversed"])


def build(frames: int = FRAMES, **settings: Any) -> Order:
    torch.manual_seed(0)
    config = OrderConfig.model_validate(SMALL | settings)
    return config.build(InputSpec(frames, 3, KINECT20.joints), RandomTokens(ratio=0.7))


def many_draws(method: Order, number: int = 600) -> tuple[Tensor, Tensor]:
    """The target of many clips, and the first time step of each part as it was given, `(clip, part)`."""
    batch = Batch(
        torch.zeros(number, 1, 1, 1, 3),
        torch.zeros(number, 1, 1, 1, dtype=torch.bool),
        torch.zeros(number, dtype=torch.int64),
        sample_keys(0, 0, torch.arange(number)),
        KINECT20,
    )
    rng = batch.rng("order")
    target = (rng.uniform() * len(method.orders)).long()
    return target, torch.stack([start for start, _ in method.draw_parts(rng, target)], 1)


@pytest.mark.parametrize("frames", [10, 16, 60])
def test_parts_do_not_overlap_have_gaps_and_are_in_the_order_of_the_target(frames: int) -> None:
    method = build(frames)
    steps = frames // 2
    assert method.part_steps == steps // 4
    target, start = many_draws(method)
    in_time = start.sort(1).values
    assert (in_time[:, 1:] - in_time[:, :-1] >= method.part_steps + 1).all()
    assert int(in_time.min()) == 0
    assert int(in_time.max()) == steps - method.part_steps
    assert torch.equal(start.argsort(1).argsort(1), method.orders[target])
    assert set(target.tolist()) == set(range(6))
    counts = torch.bincount(target, minlength=6)
    assert counts.min() > 60  # of 600, a sixth is expected


def test_a_part_is_moved_to_the_start_and_to_its_own_origin(make_batch: Any) -> None:
    tracks = make_batch((2, 1), frames=8, lost=0.3).tracks
    start, backwards = torch.tensor([3, 1]), torch.tensor([0, 1])
    part = select_part(tracks, start, backwards, 4)
    assert part.positions.shape == tracks.positions.shape
    assert not part.observed[:, 4:].any()
    for track, clip in enumerate(tracks.clip_index.tolist()):
        frames = [3, 4, 5, 6] if clip == 0 else [4, 3, 2, 1]
        seen, positions = tracks.observed[track, frames], tracks.positions[track, frames]
        assert torch.equal(part.observed[track, :4], seen)
        origin = positions[0][seen[0]].mean(0)
        torch.testing.assert_close(part.positions[track, :4][seen], (positions - origin)[seen])
    moved = replace(tracks, positions=(tracks.positions + 5.0) * tracks.observed[..., None])
    torch.testing.assert_close(
        select_part(moved, start, backwards, 4).positions, part.positions, atol=1e-5, rtol=0
    )


def test_the_answer_is_not_in_the_place_of_a_part(make_batch: Any) -> None:
    """In a clip in which nothing moves, every order gives the same logits."""
    method, batch = build(), make_batch((1,) * 12, frames=FRAMES, lost=0.0)
    still = batch.with_positions(batch.positions[:1, :, :1].expand_as(batch.positions).clone())
    logits, target = method.predict_order(still)
    assert len(set(target.tolist())) > 3
    torch.testing.assert_close(logits, logits[:1].expand_as(logits), atol=1e-5, rtol=1e-4)
    # A straight walk is no leak either: each part is centered on its own first frame.
    step = torch.arange(FRAMES).float()[:, None, None] * torch.tensor([0.1, 0.0, 0.2])
    walking = still.with_positions(still.positions + step)
    logits, _ = method.predict_order(walking)
    torch.testing.assert_close(logits, logits[:1].expand_as(logits), atol=1e-4, rtol=1e-3)


def test_the_order_of_a_clip_that_moves_can_be_seen(make_batch: Any) -> None:
    method, batch = build(), make_batch((1,) * 6, frames=FRAMES, lost=0.0)
    same = batch.with_positions(batch.positions[:1].expand_as(batch.positions).clone())
    logits, target = method.predict_order(same)
    assert len(set(target.tolist())) > 1
    assert (logits[0] - logits[target != target[0]][0]).abs().max() > 1e-3


def test_the_weight_of_motion_has_no_unit_and_is_near_0_for_the_still() -> None:
    batch_positions = torch.randn(3, 1, 1, 20, 3).expand(-1, -1, FRAMES, -1, -1).clone()
    batch_positions[1] += 0.1 * torch.randn(1, FRAMES, 20, 3)
    batch_positions[2] += 2.0 * torch.randn(1, FRAMES, 20, 3)
    index = torch.arange(3)
    observed = torch.ones(3, 1, FRAMES, 20, dtype=torch.bool)
    batch = Batch(batch_positions, observed, index, sample_keys(0, 0, index), KINECT20)
    weight = motion_weight(batch.tracks)
    assert float(weight[0]) < 1e-3
    assert 0.3 < float(weight[1]) < 0.7  # a tenth of the spread of the body
    assert float(weight[2]) > 0.95
    scaled = batch.with_positions(1000.0 * batch.positions)
    torch.testing.assert_close(motion_weight(scaled.tracks)[1:], weight[1:])


@orders
def test_the_term_is_added_with_its_weight(make_batch: Any, order: str) -> None:
    method, batch = build(order=order, order_weight=0.3), make_batch((2, 1, 0, 1), frames=FRAMES)
    plain = JointPatchMAEConfig.model_validate(SMALL).build(method.spec, RandomTokens(ratio=0.7))
    own = plain.state_dict()
    plain.load_state_dict({name: value for name, value in method.state_dict().items() if name in own})
    patches, _, queries = method.draw_tokens(batch)
    logits, target = method.predict_order(batch)
    errors = -logits.log_softmax(1).gather(1, target[:, None])[:, 0] * motion_weight(batch.tracks)
    tracks_of = [batch.tracks.clip_index == clip for clip in range(4)]
    counts = torch.stack([queries.num_valid[rows].sum() for rows in tracks_of])
    expected = (errors * counts).sum() / counts.sum()
    output = method(batch)
    torch.testing.assert_close(output.logs["order_loss"], expected.detach())
    torch.testing.assert_close(output.loss, plain(batch).loss + 0.3 * expected)
    assert float(output.num_terms) == float(counts.sum())
    hits = (logits.argmax(1) == target)[counts > 0].float().mean()
    assert float(output.logs["order_accuracy"]) == pytest.approx(float(hits))
    assert len(patches.values) == 4


@orders
def test_two_halves_add_up(make_batch: Any, order: str) -> None:
    method, batch = build(order=order), make_batch((2, 1, 0, 1), frames=FRAMES, lost=0.5)
    whole = method(batch)
    halves = [method(batch.select(torch.tensor(rows))) for rows in ([0, 2], [1, 3])]
    total = sum(half.loss * half.num_terms for half in halves)
    torch.testing.assert_close(total, whole.loss * whole.num_terms, rtol=1e-4, atol=1e-5)


def test_a_person_who_is_not_in_a_part_does_no_harm(make_batch: Any) -> None:
    method, batch = build(), make_batch((1, 1), frames=FRAMES, lost=0.0)
    observed = batch.observed.clone()
    observed[0, :, 4:] = False
    output = method(batch.with_positions(batch.positions, observed))
    output.loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in method.parameters())


def test_a_clip_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 5 time steps; the clip has 4"):
        build(frames=8)
    build(frames=8, order="reversed")
    with pytest.raises(ValueError, match="target pooled"):
        build(target="pooled")
