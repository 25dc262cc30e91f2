"""The contrast between two views, against losses written out, and what it leaves to joint_patch."""

from __future__ import annotations

from dataclasses import replace
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
    Contrastive,
    ContrastiveConfig,
    InputSpec,
    JointPatchMAEConfig,
    NeighborTuningConfig,
)
from skeletonmae.methods.contrastive import MASKED_LOSS_SETTINGS
from skeletonmae.methods.joint_patch_config import ENCODER_SETTINGS
from skeletonmae.methods.joint_patch_features import embed_tracks
from skeletonmae.recipe import recipe_from
from skeletonmae.skeletons import KINECT20

SMALL = {"width": 16, "depth": 2, "heads": 2, "decoder_width": 16, "decoder_depth": 1, "token_frames": 4}
HEAD = {"head_width": 12, "projection_width": 6}
SPEC = InputSpec(16, 3, KINECT20.joints, 40)


def build(**settings: Any) -> Contrastive:
    torch.manual_seed(0)
    config = ContrastiveConfig.model_validate(SMALL | HEAD | settings)
    return config.build(SPEC, RandomTokens(ratio=0.7))


def views(make_batch: Any, persons: tuple[int, ...], recording: tuple[int, ...]) -> Batch:
    first, second = (make_batch(persons, seed=seed) for seed in (0, 50))
    number = torch.tensor(recording)
    return replace(first, recording=number, second_view=replace(second, recording=number))


def head_outputs(method: Contrastive, batch: Batch) -> list[Tensor]:
    assert batch.second_view is not None
    pooled = [embed_tracks(method.encoder, view.tracks, "mean") for view in (batch, batch.second_view)]
    return [method.head(features) for features in pooled]


def test_decorrelation_is_that_of_vicreg(make_batch: Any) -> None:
    """Transcribed from the algorithm in the appendix of the paper; the clip without persons does not count."""
    method = build(objective="decorrelate", invariance=25, variance=25, covariance=1)
    batch = views(make_batch, (1, 2, 0, 1, 1), (0, 1, 2, 3, 4))
    x, y = (output[[0, 1, 3, 4]] for output in head_outputs(method, batch))
    loss = 25 * torch.nn.functional.mse_loss(x, y)
    for z in (x, y):
        loss = loss + 25 * torch.relu(1 - torch.sqrt(z.var(0) + 1e-4)).mean() / 2
        centered = z - z.mean(0)
        covariance = centered.T @ centered / 3
        off_diagonal = covariance[~torch.eye(6, dtype=torch.bool)]
        loss = loss + off_diagonal.square().sum() / 6
    output = method(batch)
    torch.testing.assert_close(output.loss, loss, rtol=1e-4, atol=1e-5)
    assert float(output.num_terms) == 4
    assert set(output.logs) == {"contrast_loss", "alignment", "uniformity"}


def test_the_queue_loss_by_loops(make_batch: Any) -> None:
    method = build(objective="queue", temperature=0.2)
    assert method.queue is not None
    assert len(method.queue.vectors) == 20  # half of the recordings
    method.queue.add(normalize(torch.randn(15, 6), dim=1), torch.arange(15) % 5)
    batch = views(make_batch, (1, 2, 1), (1, 3, 30))
    first, second = (normalize(output, dim=1) for output in head_outputs(method, batch))
    terms, hits = [], []
    for clip, number in enumerate(batch.recording.tolist()):
        for query, key in ((first[clip], second[clip]), (second[clip], first[clip])):  # the key network is equal
            entries = [
                v
                for v, n in zip(method.queue.vectors, method.queue.recording.tolist(), strict=True)
                if n not in (-1, number)
            ]
            assert len(entries) == (15 if number == 30 else 12)
            scores = torch.stack([query @ key, *(query @ entry for entry in entries)]) / 0.2
            terms.append(scores.logsumexp(0) - scores[0])
            hits.append(float(scores.argmax() == 0))
    output = method(batch)
    torch.testing.assert_close(output.loss, torch.stack(terms).mean(), rtol=1e-4, atol=1e-5)
    assert float(output.logs["key_accuracy"]) == pytest.approx(sum(hits) / len(hits))


def test_keys_have_no_gradient_and_enter_the_queue_after_the_step(make_batch: Any) -> None:
    method = build(objective="queue", key={"span": 0.5, "floor": 0.0})
    assert method.queue is not None
    assert method.key is not None
    batch = views(make_batch, (1, 0, 1), (4, 5, 6))
    method(batch).loss.backward()
    assert all(parameter.grad is None for parameter in method.key.parameters())
    assert all(p.grad is None for p in method.decoder.parameters())  # nothing is reconstructed
    assert (method.queue.recording == -1).all()
    with torch.no_grad():
        method.head[0].weight.add_(1.0)
    before = method.key.module[1][0].weight.clone()  # type: ignore[index]
    method.after_step(1, 4)
    assert method.queue.recording[:4].tolist() == [4, -1, 6, -1]
    decay = 0.5 + 0.5 / 4
    expected = decay * before + (1 - decay) * method.head[0].weight
    torch.testing.assert_close(method.key.module[1][0].weight, expected)  # type: ignore[index]


@pytest.mark.parametrize("objective", ["queue", "decorrelate"])
def test_the_masked_loss_is_added_with_its_weight(make_batch: Any, objective: str) -> None:
    batch = views(make_batch, (1, 2, 1), (0, 1, 2))
    alone, both = build(objective=objective), build(objective=objective, reconstruct=3.0)
    torch.manual_seed(0)
    masked = JointPatchMAEConfig.model_validate(SMALL).build(SPEC, RandomTokens(ratio=0.7))
    both.load_state_dict(alone.state_dict())
    masked.load_state_dict({n: v for n, v in alone.state_dict().items() if n.startswith(("encoder.", "decoder."))})
    output = both(batch)
    torch.testing.assert_close(output.loss, alone(batch).loss + 3.0 * masked(batch).loss)
    torch.testing.assert_close(output.logs["reconstruction_loss"], masked(batch).loss.detach())
    output.loss.backward()
    assert all(p.grad is not None for p in both.decoder.parameters())


def test_views_are_masked_and_keys_are_not(make_batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch = build(objective="queue", view_mask=0.9), views(make_batch, (1, 1), (0, 1))
    assert method.key is not None
    seen: dict[int, list[int]] = {}
    for encoder in (method.encoder, method.key.module[0]):  # type: ignore[index]
        forward = encoder.forward

        def counting(patches: Any, visible: Any, forward: Any = forward, name: int = id(encoder)) -> Any:
            seen.setdefault(name, []).extend(visible.num_valid.tolist())
            return forward(patches, visible)

        monkeypatch.setattr(encoder, "forward", counting)
    method(batch)
    available = [int(view.tracks.observed.view(2, 4, 4, 20).any(2).sum()) for view in (batch, batch.second_view)]  # type: ignore[union-attr]
    masked, whole = seen.values()
    assert sum(whole) == sum(available)
    assert sum(masked) == pytest.approx(0.1 * sum(available), abs=2)


def test_alignment_and_uniformity_are_logged(make_batch: Any) -> None:
    method, batch = build(), views(make_batch, (1, 1, 1), (0, 1, 2))
    first, second = (normalize(output, dim=1).detach() for output in head_outputs(method, batch))
    logs = method(batch).logs
    assert float(logs["alignment"]) == pytest.approx(float((first - second).square().sum(1).mean()), rel=1e-4)
    distances = torch.pdist(first).square()
    assert float(logs["uniformity"]) == pytest.approx(float((-2 * distances).exp().mean().log()), rel=1e-4)


def test_it_has_no_pooled_targets() -> None:
    with pytest.raises(ValueError, match="target pooled"):
        build(target="pooled")


@pytest.mark.parametrize(
    ("objective", "settings"),
    [
        ("decorrelate", {"queue": 100}),
        ("decorrelate", {"temperature": 0.2}),
        ("decorrelate", {"key": {"span": 0.5}}),
        ("queue", {"invariance": 1.0}),
        ("queue", {"variance": 1.0}),
        ("queue", {"covariance": 0.0}),
    ],
)
def test_settings_of_the_other_objective_are_refused(objective: str, settings: dict[str, Any]) -> None:
    other = "queue" if objective == "decorrelate" else "decorrelate"
    name = next(iter(settings))
    with pytest.raises(
        ValueError, match=f"objective {objective} has no {name}; delete it, or use objective {other}"
    ):
        ContrastiveConfig.model_validate({"objective": objective} | settings)
    assert ContrastiveConfig.model_validate({"objective": other} | settings).objective == other


def test_a_teacher_without_the_masked_loss_is_refused(make_batch: Any) -> None:
    """Nothing would be compared with its features, and its variances would be missing from the log."""
    with pytest.raises(ValueError, match="target teacher is a target of the masked loss"):
        build(target="teacher")
    method = build(target="teacher", reconstruct=1.0)
    logs = method(views(make_batch, (1, 2, 1), (0, 1, 2))).logs
    method.check_logs({name: float(value) for name, value in logs.items()})


def test_a_batch_without_second_views_is_refused(make_batch: Any) -> None:
    with pytest.raises(InputError, match="two views"):
        build()(make_batch((1, 1)))


@pytest.mark.parametrize("objective", ["queue", "decorrelate"])
def test_a_run_and_a_resumed_one_end_with_the_same_bits(
    tiny_tree: Any, alone: Any, tmp_path: Any, objective: str
) -> None:
    class Killed(BaseException):
        pass

    def kill(_: str, progress: Any) -> None:
        if progress.step == 6:
            raise Killed

    tree = tiny_tree()
    tree["method"] |= HEAD | {"kind": "contrastive", "objective": objective, "reconstruct": 1.0, "view_mask": 0.5}
    recipe = recipe_from(tree, "contrastive")
    whole = load_checkpoint(runs.pretrain(recipe, tmp_path / "whole", alone))
    with pytest.raises(Killed):
        runs.pretrain(recipe, tmp_path / "stopped", alone, kill)
    got = load_checkpoint(runs.pretrain(recipe, tmp_path / "stopped", alone)).method.state_dict()
    assert all(torch.equal(got[name], value) for name, value in whole.method.state_dict().items())
    tuning = {"kind": "neighbor_tuning", "head_width": 8}
    tuned = recipe_from(tree | {"method": tuning, "masking": None, "init_from": str(tmp_path / "whole")}, "tuning")
    assert runs.pretrain(tuned, tmp_path / "tuned", alone).is_file()
    divided = recipe_from(tree | {"training": tree["training"] | {"gradient_accumulation_steps": 2}}, "divided")
    with pytest.raises(InputError, match="a step cannot be divided"):
        runs.pretrain(divided, tmp_path / "divided", alone)


def test_it_starts_from_a_checkpoint_in_both_networks() -> None:
    pretrained = JointPatchMAEConfig.model_validate(SMALL | {"target": "motion"}).build(SPEC, RandomTokens())
    method = build(objective="queue")
    method.start_from(pretrained)
    assert method.key is not None
    for encoder in (method.encoder, method.key.module[0]):  # type: ignore[index]
        for name, value in encoder.state_dict().items():
            assert torch.equal(value, pretrained.encoder.state_dict()[name])
    assert NeighborTuningConfig().starting_from(method.config).encoder is not None


def test_all_tokens_are_visible_without_view_mask(make_batch: Any) -> None:
    method, batch = build(), make_batch((2, 1))
    assert torch.equal(method.project(batch), method.head(embed_tracks(method.encoder, batch.tracks, "mean")))


def test_the_keys_of_the_first_view_enter_the_queue(make_batch: Any) -> None:
    method, batch = build(objective="queue"), views(make_batch, (1, 2, 1), (4, 5, 6))
    assert method.queue is not None
    first, second = (
        normalize(output, dim=1) for output in head_outputs(method, batch)
    )  # the key network is equal
    assert (first - second).abs().max() > 1e-3
    method(batch)
    method.after_step(1, 4)
    torch.testing.assert_close(method.queue.vectors[:3], first.detach(), atol=1e-5, rtol=1e-4)


def test_every_setting_of_the_masked_loss_is_listed() -> None:
    """A contrast without that loss would ignore one that is not."""
    others = {"kind", "teacher", "pooled", "description", "decoder", "decoder_width", "decoder_depth"}
    assert JointPatchMAEConfig.model_fields.keys() - others - set(ENCODER_SETTINGS) == set(MASKED_LOSS_SETTINGS)
    noisy = ContrastiveConfig.model_validate({"target_floor": 0.1, "input_noise": {"probability": 0.5}})
    assert noisy.ineffective_settings == ["target_floor", "input_noise"]
    assert noisy.model_copy(update={"reconstruct": 1.0}).ineffective_settings == []
