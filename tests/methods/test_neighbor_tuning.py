"""Tuning with nearest neighbors: which neighbor is found, what is trained, and from what it starts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from skeletonmae import runs
from skeletonmae.batches import Batch
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import (
    InputSpec,
    JointPatchMAEConfig,
    NeighborTuning,
    NeighborTuningConfig,
    STTFormerMAEConfig,
)
from skeletonmae.recipe import recipe_from
from skeletonmae.skeletons import KINECT20
from skeletonmae.training import TrainingConfig, train
from skeletonmae.training.optimizer import build_optimizer

ENCODER = {"width": 16, "depth": 4, "heads": 2, "decoder_width": 16, "decoder_depth": 1, "token_frames": 4}
SPEC = InputSpec(16, 3, KINECT20.joints, 50)


def build(num_recordings: int | None = 50, **settings: Any) -> NeighborTuning:
    torch.manual_seed(0)
    config = NeighborTuningConfig.model_validate({"encoder": ENCODER, "head_width": 32} | settings)
    return config.build(replace(SPEC, num_recordings=num_recordings))


def numbered(make_batch: Any, *recording: int, seed: int = 0) -> Batch:
    """A batch of one person per clip, with second views."""
    first, second = (make_batch((1,) * len(recording), seed=seed + 100 * view) for view in (0, 1))
    number = torch.tensor(recording)
    return replace(first, recording=number, second_view=replace(second, recording=number))


def test_the_positive_is_of_the_own_cluster_and_never_of_the_own_recording() -> None:
    method = build(num_recordings=40)
    clusters = torch.zeros(40, 16)
    clusters[:20, 0], clusters[20:, 1] = 1.0, 1.0
    clusters += 0.05 * torch.randn(40, 16, generator=torch.Generator().manual_seed(0))
    queue = normalize(clusters, dim=1)
    method.queue.add(queue, torch.arange(40) % 20)  # recordings 0 to 19 are in both clusters
    recording = torch.tensor([3, 4, 11])
    fallback = torch.full((3, 16), 9.0)
    projection = torch.stack([queue[3], queue[24], queue[31]])  # exactly their own entries
    neighbor, similarity = method.nearest(projection, fallback, recording)
    assert (neighbor[0, 0], neighbor[1, 1], neighbor[2, 1]) == pytest.approx((1, 1, 1), abs=0.2)
    for row, own in enumerate(recording.tolist()):
        assert not any(torch.equal(neighbor[row], queue[entry]) for entry in (own, own + 20))
        assert float(similarity[row]) < 1 - 1e-6
        others = [entry for entry in range(40) if entry % 20 != own]
        assert float(similarity[row]) == pytest.approx(float((queue[others] @ projection[row]).max()), abs=1e-6)


def test_an_empty_queue_falls_back_to_the_other_view() -> None:
    method = build()
    projection, fallback = (normalize(torch.randn(2, 16), dim=1) for _ in range(2))
    method.queue.add(projection, torch.tensor([5, 5]))
    neighbor, similarity = method.nearest(projection, fallback, torch.tensor([5, 6]))
    assert torch.equal(neighbor[0], fallback[0])
    assert float(similarity[0]) == pytest.approx(float(projection[0] @ fallback[0]), abs=1e-6)
    assert torch.equal(neighbor[1], projection[1])


def reference_loss(method: NeighborTuning, batch: Batch) -> Tensor:
    """The loss, with a loop over views, clips and entries."""
    projected = [method.project(view) for view in (batch, batch.second_view or batch)]
    terms = []
    for own, other in ((0, 1), (1, 0)):
        neighbors = []
        for clip in range(len(batch)):
            best, chosen = -math.inf, projected[other][0][clip]
            for vector, number in zip(method.queue.vectors, method.queue.recording.tolist(), strict=True):
                similarity = float(projected[own][0][clip] @ vector)
                if number not in (-1, int(batch.recording[clip])) and similarity > best:
                    best, chosen = similarity, vector
            neighbors.append(chosen)
        for clip in range(len(batch)):
            scores = torch.stack([projected[other][1][clip] @ neighbor / 0.07 for neighbor in neighbors])
            terms.append(scores.logsumexp(0) - scores[clip])
    return torch.stack(terms).mean()


def test_the_loss_by_loops(make_batch: Any) -> None:
    method = build()
    method.queue.add(normalize(torch.randn(30, 16), dim=1), torch.arange(30))
    batch = numbered(make_batch, 3, 8, 40, 8)
    output = method(batch)
    torch.testing.assert_close(output.loss, reference_loss(method, batch), rtol=1e-4, atol=1e-5)
    assert float(output.num_terms) == 4
    same = replace(batch, second_view=None)
    torch.testing.assert_close(method(same).loss, reference_loss(method, same), rtol=1e-4, atol=1e-5)


def test_similarities_are_computed_in_float32_in_bf16_too(
    make_batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = build()
    method.queue.add(normalize(torch.randn(30, 16), dim=1), torch.arange(30))
    seen: list[torch.dtype] = []
    cross_entropy = torch.nn.functional.cross_entropy

    def recording(logits: Tensor, *inputs: Any, **settings: Any) -> Tensor:
        seen.append(logits.dtype)
        return cross_entropy(logits, *inputs, **settings)

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", recording)
    with torch.autocast("cpu", torch.bfloat16):
        output = method(numbered(make_batch, 31, 32, 33))
    assert seen == [torch.float32, torch.float32]
    assert output.loss.isfinite()


def test_a_clip_without_persons_is_no_term_and_no_neighbor(make_batch: Any) -> None:
    method = build()
    method.queue.add(normalize(torch.randn(30, 16), dim=1), torch.arange(30))
    batch = make_batch((1, 0, 2))
    batch = replace(batch, recording=torch.tensor([31, 32, 33]))
    output = method(batch)
    assert float(output.num_terms) == 2
    output.loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())
    method.after_step(1, 10)
    assert method.queue.recording[30:33].tolist() == [31, -1, 33]


def test_the_queue_grows_after_a_step_and_is_no_larger_than_the_training_side(make_batch: Any) -> None:
    method, batch = build(num_recordings=6), numbered(make_batch, 1, 2, 3, 4)
    assert len(method.queue.vectors) == 6
    method(batch)
    method(batch)
    assert (method.queue.recording == -1).all()  # the loss alone does not change it
    method.after_step(1, 2)
    assert method.queue.recording.tolist() == [1, 2, 3, 4, -1, -1]
    torch.testing.assert_close(method.queue.vectors[:4].norm(dim=1), torch.ones(4))
    assert not method.queue.vectors.requires_grad
    method.after_step(2, 2)
    assert method.queue.recording.tolist() == [1, 2, 3, 4, -1, -1]  # nothing new
    assert len(build(num_recordings=None, queue=70).queue.vectors) == 70


class Batches:
    def __init__(self, *batches: Batch) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, epoch: int, start: int) -> Any:
        return iter(self.batches[start:])


def test_the_lower_half_is_bit_equal_after_a_step_and_the_rest_learns(make_batch: Any, alone: Any) -> None:
    method = build()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    config = TrainingConfig(epochs=2, batch_size=4, lr=0.01, warmup_epochs=0, weight_decay=0.5)
    train(method, Batches(numbered(make_batch, 1, 2, 3, 4)), config, alone, layer_id=method.layer_id)
    frozen = ("encoder.patch_embed", "encoder.pos_embed", "encoder.blocks.0.", "encoder.blocks.1.")
    for name, value in method.state_dict().items():
        if name.startswith("encoder."):
            assert torch.equal(value, before[name]) == name.startswith(frozen), name
    assert not torch.equal(method.predictor[0].weight, before["predictor.0.weight"])


@pytest.mark.parametrize(("depth", "trained", "expected"), [(4, None, {2, 3}), (5, None, {2, 3, 4}), (4, 1, {3})])
def test_which_blocks_are_trained(depth: int, trained: int | None, expected: set[int]) -> None:
    method = build(encoder=ENCODER | {"depth": depth}, trained_blocks=trained)
    names = {name for name, p in method.encoder.named_parameters() if p.requires_grad}
    assert {int(name.split(".")[1]) for name in names if name.startswith("blocks.")} == expected
    assert {name for name in names if not name.startswith("blocks.")} == {"norm.weight", "norm.bias"}


def test_the_rate_of_a_block_is_the_published_formula() -> None:
    method = build()
    optimizer = build_optimizer(method, TrainingConfig(layer_decay=0.45), method.layer_id)
    names = {id(parameter): name for name, parameter in method.named_parameters()}
    scales = {names[id(p)]: group["lr_scale"] for group in optimizer.param_groups for p in group["params"]}
    for name, scale in scales.items():
        exponent = 4 - int(name.split(".")[2]) if name.startswith("encoder.blocks.") else 0
        assert scale == pytest.approx(0.45**exponent), name
    assert {name.split(".")[0] for name in scales} == {"encoder", "projector", "predictor"}


def tree(tiny_tree: Any, start: Path | None, **method: Any) -> dict[str, Any]:
    recipe: dict[str, Any] = tiny_tree()
    recipe |= {"method": {"kind": "neighbor_tuning", "head_width": 24} | method, "masking": None}
    recipe["training"] |= {"layer_decay": 0.45, "weight_decay": 0.01}
    return recipe | ({"init_from": str(start)} if start else {})


def test_a_run_starts_from_a_checkpoint_and_is_evaluated(
    tiny_tree: Any, tiny_run: Path, alone: Any, tmp_path: Path
) -> None:
    recipe = recipe_from(tree(tiny_tree, tiny_run), "tuning")
    tuned = load_checkpoint(runs.pretrain(recipe, tmp_path / "tuned", alone))
    first = load_checkpoint(tiny_run).method
    assert isinstance(tuned.method, NeighborTuning)
    split = recipe.data.evaluate.split_rule(recipe.data.evaluate.open())(recipe.data.evaluate.open())
    assert tuned.header.num_recordings == len(split.train) > len(split.test) > 0
    recording = tuned.method.queue.recording.tolist()
    assert sorted(recording) == sorted(split.train.tolist())  # every clip of the training side, and no other
    state, before = tuned.method.encoder.state_dict(), first.encoder.state_dict()  # type: ignore[union-attr,operator]
    changed = {name for name in state if not torch.equal(state[name], before[name])}
    assert changed
    assert all(name.startswith(("blocks.1.", "norm.")) for name in changed)  # the upper of two blocks
    results = runs.evaluate(recipe, tuned, None, alone)
    assert [result.protocol for result in results] == ["linear", "knn", "finetune"]
    again = recipe_from(tree(tiny_tree, tmp_path / "tuned"), "again")
    assert isinstance(load_checkpoint(runs.pretrain(again, tmp_path / "again", alone)).method, NeighborTuning)


def test_a_stopped_run_ends_with_the_same_bits(tiny_tree: Any, tiny_run: Path, alone: Any, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    recipe = recipe_from(tree(tiny_tree, tiny_run), "tuning")

    def kill(_: str, progress: Any) -> None:
        if progress.step == 6:  # in the second epoch, with a queue that is full
            raise Killed

    expected = load_checkpoint(runs.pretrain(recipe, tmp_path / "whole", alone)).method.state_dict()
    with pytest.raises(Killed):
        runs.pretrain(recipe, tmp_path / "stopped", alone, kill)
    got = load_checkpoint(runs.pretrain(recipe, tmp_path / "stopped", alone)).method.state_dict()
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_it_starts_from_the_teacher_of_a_checkpoint_that_has_one() -> None:
    config = JointPatchMAEConfig.model_validate({**ENCODER, "target": "teacher"})
    pretrained = config.build(SPEC, RandomTokens())
    with torch.no_grad():
        for parameter in pretrained.encoder.parameters():
            parameter.add_(1.0)
    settings = NeighborTuningConfig().starting_from(config)
    assert settings.encoder == config
    method = settings.build(SPEC)
    method.start_from(pretrained)
    assert pretrained.teacher is not None
    teacher = pretrained.teacher.encoder.state_dict()
    assert all(torch.equal(value, teacher[name]) for name, value in method.encoder.state_dict().items())


def test_what_it_cannot_start_from_is_refused(tiny_tree: Any, tiny_run: Path, alone: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"method.encoder is missing: .*init_from"):
        runs.pretrain(recipe_from(tree(tiny_tree, None), "tuning"), tmp_path, alone)
    with pytest.raises(InputError, match=r"another kind of encoder.*joint_patch.*sttformer"):
        NeighborTuningConfig().starting_from(STTFormerMAEConfig())
    described = JointPatchMAEConfig(joint_embedding="description")
    with pytest.raises(InputError, match=r"init_from: .*expected an encoder with joint_embedding name; got desc"):
        NeighborTuningConfig().starting_from(described)
    other = recipe_from(tree(tiny_tree, tiny_run, encoder=ENCODER | {"depth": 2, "heads": 4}), "tuning")
    with pytest.raises(InputError, match=r"init_from: .*other settings.*expected {'heads': 4}; got {'heads': 2}"):
        runs.pretrain(other, tmp_path, alone)
    longer = tree(tiny_tree, tiny_run)
    longer["data"]["frames"] = 12
    with pytest.raises(InputError, match=r"data.frames.*pre-trained with another value"):
        runs.pretrain(recipe_from(longer, "tuning"), tmp_path, alone)
    with pytest.raises(ValueError, match=r"trained_blocks must be at most depth \(4\); got 5"):
        build(trained_blocks=5)


def test_a_recipe_may_average_over_blocks_of_an_encoder_that_the_checkpoint_names(
    tiny_tree: Any, tiny_run: Path, make_batch: Any
) -> None:
    settings = tree(tiny_tree, tiny_run) | {"evaluation": [{"kind": "linear", "last_blocks": 2}]}
    assert recipe_from(settings, "tuning").method.num_feature_blocks >= 2
    method = build()
    assert method.embed(make_batch((1, 1)), last_blocks=4).shape == (2, 16)
    with pytest.raises(InputError, match="blocks"):
        method.embed(make_batch((1, 1)), last_blocks=5)


def test_a_batch_of_one_clip_is_refused(make_batch: Any) -> None:
    with pytest.raises(InputError, match="at least 2 clips in every batch"):
        build().train()(numbered(make_batch, 1))


def test_the_projections_of_the_first_view_enter_the_queue(make_batch: Any) -> None:
    method, batch = build().eval(), numbered(make_batch, 3, 4, 5)
    assert batch.second_view is not None
    first, second = (method.project(view)[0] for view in (batch, batch.second_view))
    assert (first - second).abs().max() > 1e-3
    method(batch)
    method.after_step(1, 4)
    torch.testing.assert_close(method.queue.vectors[:3], first, atol=1e-5, rtol=1e-4)
