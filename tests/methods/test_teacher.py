"""The teacher of joint_patch: what it computes, how it follows the encoder, and when a run is stopped."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from skeletonmae.errors import InputError
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import InputSpec, JointPatchMAE, JointPatchMAEConfig
from skeletonmae.methods.joint_patch_features import make_patches
from skeletonmae.methods.teacher import Teacher, instance_norm, variances, varying_share
from skeletonmae.skeletons import COCO17, KINECT20
from skeletonmae.training import TrainingConfig, train

SMALL = {"width": 16, "depth": 3, "heads": 2, "decoder_width": 24, "decoder_depth": 1, "token_frames": 4}


def build(seed: int = 0, **teacher: Any) -> JointPatchMAE:
    torch.manual_seed(seed)
    config = JointPatchMAEConfig.model_validate({**SMALL, "target": "teacher", "teacher": teacher})
    return config.build(InputSpec(16, 3, KINECT20.joints), RandomTokens(ratio=0.7))


def teacher_of(method: JointPatchMAE) -> Teacher:
    assert method.teacher is not None
    return method.teacher


def shake(method: JointPatchMAE) -> None:
    """Change the weights of the student."""
    with torch.no_grad():
        for parameter in method.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))


def test_the_teacher_starts_as_the_encoder_and_moves_by_the_decay() -> None:
    method = build(span=0.1, floor=0.5)
    teacher = teacher_of(method)
    old = {name: value.clone() for name, value in teacher.encoder.state_dict().items()}
    assert all(torch.equal(old[name], value) for name, value in method.encoder.state_dict().items())
    shake(method)
    method.after_step(1, 100)
    decay = 0.9 + 0.1 * 1 / 100  # the first decay averages a tenth of 100 steps
    for name, value in teacher.encoder.state_dict().items():
        expected = decay * old[name] + (1 - decay) * method.encoder.state_dict()[name]
        torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-7)
        assert not torch.equal(value, old[name])
    moved = {name: value.clone() for name, value in teacher.encoder.state_dict().items()}
    method.after_step(100, 100)
    assert all(torch.equal(value, moved[name]) for name, value in teacher.encoder.state_dict().items())


def test_no_gradient_reaches_the_teacher_and_it_stays_in_evaluation_mode(make_batch: Any) -> None:
    method = build().train()
    method(make_batch((2, 1))).loss.backward()
    teacher = teacher_of(method)
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in teacher.parameters())
    assert not any(module.training for module in teacher.modules())
    assert all(p.grad is not None for p in method.parameters() if p.requires_grad)
    optimized = TrainingConfig()
    assert optimized.weight_decay > 0  # and the optimizer has none of its weights, so it does not decay


def reference_targets(method: JointPatchMAE, batch: Any, layers: int) -> list[Tensor]:
    """The features of each track's available tokens, one track at a time."""
    encoder, targets = teacher_of(method).encoder, []
    for track in range(len(batch.tracks)):
        tracks = batch.tracks
        one = replace(tracks, **{name: getattr(tracks, name)[track : track + 1] for name in tracks.per_track})
        patches = make_patches(encoder, one)
        inputs = torch.cat([patches.values.flatten(3), patches.observed.float()], 3).flatten(1, 2)
        available = patches.available.flatten(1)[0]
        x = encoder.patch_embed(inputs[:, available]) + encoder.pos_embed(patches.skeleton)[available]
        total = torch.zeros_like(x)
        for index, block in enumerate(encoder.blocks):
            x = block(x)
            if index >= len(encoder.blocks) - layers:
                total = total + (x - x.mean(1)) / (x.var(1, unbiased=False) + 1e-5).sqrt() / layers
        norm = torch.nn.functional.layer_norm(total, total.shape[-1:])
        targets.append(norm[0].detach())
    return targets


@pytest.mark.parametrize("layers", ["all", 1, 2])
def test_the_loss_is_the_squared_error_of_the_layers_mean_at_hidden_tokens(make_batch: Any, layers: Any) -> None:
    method, batch = build(layers=layers), make_batch((2, 1, 0, 1), lost=0.6)
    shake(method)
    patches = make_patches(method.encoder, batch.tracks)
    mask = method.masking(patches, batch.track_rng("mask"))
    queries = mask.hidden_index
    prediction = method.decode(patches, mask, queries)
    errors = []
    for track, target in enumerate(reference_targets(method, batch, 3 if layers == "all" else layers)):
        assert target.mean(1).abs().max() < 1e-5
        assert (target.var(1, unbiased=False) - 1).abs().max() < 1e-3
        available = patches.available.flatten(1)[track].nonzero()[:, 0].tolist()
        valid = queries.index[track] if queries.valid is None else queries.index[track][queries.valid[track]]
        rows = [available.index(int(token)) for token in valid]
        errors.append((prediction[track, : len(rows)] - target[rows]).square().mean(1))
    output = method(batch)
    assert float(output.num_terms) == sum(map(len, errors))
    torch.testing.assert_close(output.loss, torch.cat(errors).mean(), rtol=1e-4, atol=1e-5)


def test_the_mean_does_not_depend_on_the_order_of_layers(make_batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch = build(), make_batch((2, 1))
    expected = method(batch).loss
    encoder = teacher_of(method).encoder
    outputs = encoder.block_outputs
    monkeypatch.setattr(encoder, "block_outputs", lambda *inputs: outputs(*inputs)[::-1])
    torch.testing.assert_close(method(batch).loss, expected)


def test_the_teacher_sees_hidden_joints_and_the_student_does_not(make_batch: Any) -> None:
    method, batch = build(), make_batch((1,), lost=0.0)
    patches = make_patches(method.encoder, batch.tracks)
    mask = method.masking(patches, batch.track_rng("mask"))
    joints = mask.hidden.repeat_interleave(4, 1)[0, :, :, None]
    other = batch.with_positions(batch.positions + 0.5 * joints)
    other_patches = make_patches(method.encoder, other.tracks)
    assert torch.equal(
        method.decode(patches, mask, mask.hidden_index), method.decode(other_patches, mask, mask.hidden_index)
    )
    teacher = teacher_of(method)
    assert (teacher.layer_mean(patches) - teacher.layer_mean(other_patches)).abs().max() > 0.01


def test_centered_targets_are_without_the_mean_over_clips_of_earlier_batches(make_batch: Any) -> None:
    method, plain = build(center=True), build()
    teacher = teacher_of(method)
    assert method.couples_batch
    assert not plain.couples_batch
    assert teacher.mean is not None
    expected = torch.zeros(4, 20, 16)
    first, second = make_batch((1, 2), lost=0.6, seed=1), make_batch((2, 1), lost=0.6, seed=2)
    assert torch.equal(method(first).loss, plain(first).loss)  # the mean is still 0
    for batch in (first, second):
        patches = make_patches(method.encoder, batch.tracks)
        features, available = teacher.layer_mean(patches), patches.available.flatten(1)
        method(batch)
        method.after_step(20, 20)  # with a decay of 1, the weights of the teacher stay
        for token in range(80):
            if available[:, token].any():
                mean = features[available[:, token], token].mean(0)
                row = expected[token // 20, token % 20]
                row.copy_(0.9 * row + 0.1 * mean)
    torch.testing.assert_close(teacher.mean, expected, rtol=1e-4, atol=1e-6)
    patches = make_patches(method.encoder, second.tracks)
    centered = teacher.centered(teacher.layer_mean(patches), patches)
    available = patches.available.flatten(1)
    left = (teacher.layer_mean(patches) - expected.flatten(0, 1))[available]
    torch.testing.assert_close(centered[available], left)
    assert not centered[~available].any()
    restored = build(center=True)
    restored.load_state_dict(method.state_dict())
    assert torch.equal(restored(second).loss, method(second).loss)


def test_the_mean_is_kept_by_the_names_of_joints(make_batch: Any) -> None:
    """A layout with other joints, some of them unknown, changes the means of its own joints alone."""
    method = build(center=True)
    teacher = teacher_of(method)
    method(make_batch((1, 1), skeleton=COCO17))
    method.after_step(1, 2)
    known = [joint in COCO17.joints for joint in KINECT20.joints]
    assert teacher.mean is not None
    assert 0 < sum(known) < 20
    assert teacher.mean.abs().amax((0, 2)).bool().tolist() == known


def test_instance_norm_ignores_padding() -> None:
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)) * 4 + 2
    valid = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    out = instance_norm(x, valid)
    torch.testing.assert_close(out[1:, :3], instance_norm(x[1:, :3], None))
    torch.testing.assert_close(out[0].mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(out[0].var(0, unbiased=False), torch.ones(3), atol=1e-4, rtol=0)
    assert not out[1, 3:].any()


def test_the_variances_by_hand() -> None:
    features = torch.tensor([[[0.0, 2.0], [4.0, 2.0], [9.0, 9.0]], [[2.0, 2.0], [4.0, 0.0], [7.0, 7.0]]])
    available = torch.tensor([[True, True, False], [True, True, False]])
    logs = variances(features, available)
    # channels 4 and 0 in the first track, 1 and 1 in the second; tokens (1, 0) and (0, 1)
    assert float(logs["target_variance_over_tokens"]) == pytest.approx((2 + 1) / 2)
    assert float(logs["target_variance_over_clips"]) == pytest.approx(0.5)
    single = variances(features[:1, :1], available[:1, :1])
    assert all(value.isnan() for value in single.values())


def test_a_collapsed_teacher_stops_the_run(make_batch: Any, alone: Any) -> None:
    class Batches:
        def __len__(self) -> int:
            return 1

        def epoch(self, epoch: int, start: int) -> Any:
            return iter([make_batch((1, 2, 1))])

    config = TrainingConfig(epochs=2, batch_size=3, warmup_epochs=0)
    train(build(), Batches(), config, alone)
    for module, message in (("patch_embed", "a token in all clips"), ("pos_embed", "all tokens of a clip")):
        method = build()
        with torch.no_grad():
            for encoder in (method.encoder, teacher_of(method).encoder):
                encoder.patch_embed.weight.zero_()
                if module == "pos_embed":
                    encoder.pos_embed.time.zero_()
                    encoder.pos_embed.joint.zero_()
        with pytest.raises(InputError, match=f"collapsed: it gives {message}.*variance.*at least 0.001"):
            train(method, Batches(), config.model_copy(update={"lr": 1e-9}), alone)
    method = build(min_variance=0.0)
    method.check_logs(
        dict.fromkeys(("target_variance_over_tokens", "feature_variance_over_tokens"), 0.0)
        | {"target_variance_over_clips": math.nan}
    )


def test_nearly_equal_tokens_are_seen_before_the_norm_of_a_single_layer(make_batch: Any) -> None:
    """The instance norm gives a single layer the variance 1, however little its tokens differ."""
    method = build(layers=1)
    teacher = teacher_of(method)
    outputs = teacher.encoder.block_outputs
    teacher.encoder.block_outputs = lambda *inputs: [1 + 0.02 * x for x in outputs(*inputs)]  # type: ignore[method-assign]
    logs = {name: float(value) for name, value in method(make_batch((2, 1, 1))).logs.items()}
    assert logs["target_variance_over_tokens"] > 0.5
    assert logs["feature_variance_over_tokens"] < 1e-3
    with pytest.raises(InputError, match=r"all tokens of a clip the same.*feature_variance_over_tokens"):
        method.check_logs(logs)
    assert float(method(make_batch((0, 0))).logs["feature_variance_over_tokens"]) != 0  # NaN, which stops nothing


def test_the_varying_share_by_hand() -> None:
    x = torch.tensor([[[1.0, 1.0], [3.0, 1.0], [9.0, 9.0]], [[5.0, 5.0], [9.0, 9.0], [9.0, 9.0]]])
    valid = torch.tensor([[True, True, False], [True, False, False]])
    # Channels vary by 1 and 0, and the mean square is (5 + 1) / 2; the second track has one token.
    assert float(varying_share([x], valid)) == pytest.approx(0.5 / 3)
    assert float(varying_share([x, 2 * x], valid)) == pytest.approx(0.5 / 3)
    assert varying_share([x[1:]], valid[1:]).isnan()


def test_either_encoder_can_be_evaluated(make_batch: Any) -> None:
    method, batch = build(), make_batch((2, 1))
    shake(method)
    recipe = JointPatchMAEConfig.model_validate(
        {**SMALL, "target": "teacher", "teacher": {"evaluate": "student", "span": 0.5}}
    )
    by_teacher = method.embed(batch)
    heads = method.classifier(3)
    method.use_settings(method.config.for_evaluation(recipe))
    assert method.config.target == "teacher"
    assert method.config.teacher.span == 0.05
    by_student = method.embed(batch)
    assert (by_teacher - by_student).abs().max() > 1e-3
    plain = copy.deepcopy(method)
    plain.teacher = None
    assert torch.equal(plain.embed(batch), by_student)
    teacher = teacher_of(method).encoder.state_dict()
    assert all(torch.equal(value, teacher[name]) for name, value in heads.encoder.state_dict().items())  # type: ignore[union-attr]
    student = method.classifier(3).encoder.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(value, student[name]) for name, value in method.encoder.state_dict().items())


def test_settings_that_do_not_fit_are_refused() -> None:
    for layers in (4, 0):
        with pytest.raises(ValueError, match=r"teacher.layers must be all or from 1 to depth \(3\)"):
            build(layers=layers)
    with pytest.raises(ValueError, match="target_steps 1"):
        JointPatchMAEConfig(target="teacher", decoder="cross", target_steps=2)


def test_other_targets_have_no_teacher_and_the_same_weights() -> None:
    torch.manual_seed(0)
    plain = JointPatchMAEConfig.model_validate(SMALL).build(InputSpec(16, 3, KINECT20.joints), RandomTokens())
    assert not any("teacher" in name for name in plain.state_dict())
    encoder = build().encoder.state_dict()
    assert all(torch.equal(value, encoder[name]) for name, value in plain.encoder.state_dict().items())


@pytest.mark.parametrize(
    "settings",
    [{}, {"target": "teacher"}, {"target": "pooled"}, {"target": "teacher", "teacher": {"center": True}}],
)
def test_which_targets_couple_the_batch(settings: dict[str, Any]) -> None:
    config = JointPatchMAEConfig.model_validate(SMALL | settings)
    method = config.build(InputSpec(16, 3, KINECT20.joints), RandomTokens())
    assert method.couples_batch == (settings.get("target") == "pooled" or "teacher" in settings)
