from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.batches import SampleRng, Tracks
from skeletonmae.errors import InputError
from skeletonmae.masking import MotionAware, RandomTokens, SpatialTemporal, TokenMask
from skeletonmae.methods import InputSpec, JointPatchClassifierConfig, STTFormerMAE, STTFormerMAEConfig
from skeletonmae.methods.sttformer_mae import make_patches
from skeletonmae.skeletons import COCO17, KINECT20

Make = Callable[..., Any]
TINY: dict[str, Any] = {"tuple_frames": 4, "widths": [8, 16], "decoder_widths": [8], "heads": 2}
MASKINGS = (
    SpatialTemporal(),
    SpatialTemporal(frame_ratio=0.0, joint_mask="step", granularity="part"),
    SpatialTemporal(joint_ratio=0.0),
    RandomTokens(ratio=0.9),
    MotionAware(),
)
maskings = pytest.mark.parametrize("masking", MASKINGS, ids=lambda m: str(m.model_dump(exclude_unset=True)))


def tiny(spec: InputSpec | None = None, masking: Any = None, **change: Any) -> STTFormerMAE:
    torch.manual_seed(0)
    config = STTFormerMAEConfig.model_validate(TINY | change)
    return config.build(spec or InputSpec(16, 3, KINECT20.joints), masking or SpatialTemporal())


def masked_prediction(method: STTFormerMAE, tracks: Tracks, rng: SampleRng) -> tuple[torch.Tensor, TokenMask]:
    """The prediction of all tokens, and the mask."""
    patches = make_patches(method.encoder, tracks)
    mask = method.masking(patches, rng.for_tracks(tracks.clip_index, tracks.person_index))
    return method.predict(patches, mask), mask


@pytest.mark.parametrize("joints", [KINECT20.joints, COCO17.joints], ids=["all known", "some known"])
@pytest.mark.parametrize("target_norm", ["token", "clip"])
def test_the_loss_equals_a_plain_loop(make_batch: Make, target_norm: str, joints: tuple[str, ...]) -> None:
    method = tiny(InputSpec(16, 3, joints), target_norm=target_norm).eval()
    batch, outputs = make_batch((2, 1, 0, 1), lost=0.5), []
    method.decoder.register_forward_hook(lambda module, given, out: outputs.append(out))
    output, tracks = method(batch), batch.tracks
    mask = masked_prediction(method, tracks, batch.rng("mask"))[1]
    prediction = outputs[0].unflatten(2, (4, len(joints))).transpose(2, 3)
    errors = []
    for track, step, joint in mask.hidden.nonzero().tolist():
        if KINECT20.joints[joint] not in joints:
            continue
        row = joints.index(KINECT20.joints[joint])
        is_observed = tracks.observed[track, :, joint].numpy()
        positions = tracks.positions[track, :, joint].double().numpy()
        frames = [frame for frame in range(step * 4, step * 4 + 4) if is_observed[frame]]
        known, axis = (positions[frames], None) if target_norm == "token" else (positions[is_observed], 0)
        target = (positions[frames] - known.mean(axis)) / np.sqrt(known.var(axis) + 1e-6)
        answer = prediction[track, step, row, [frame - step * 4 for frame in frames]].detach().numpy()
        errors.append(((answer - target) ** 2).mean())
    assert float(output.num_terms) == len(errors)
    assert float(output.loss.detach()) == pytest.approx(np.mean(errors), rel=1e-4)


def test_unknown_joints_are_neither_hidden_nor_predicted_nor_encoded(make_batch: Make) -> None:
    method = tiny(InputSpec(16, 3, COCO17.joints), RandomTokens(ratio=0.5)).eval()
    batch = make_batch((2, 1), lost=0.0)
    known = [joint for joint, name in enumerate(KINECT20.joints) if name in COCO17.joints]
    assert len(known) == 12
    assert float(method(batch).num_terms) == 3 * 4 * 12 * 0.5  # persons, tuples, joints
    unknown = [joint for joint in range(20) if joint not in known]
    positions = batch.positions.clone()
    positions[..., unknown, :] += 1.0
    other = batch.with_positions(positions)
    assert torch.equal(method(other).loss, method(batch).loss)
    assert torch.equal(method.embed(other), method.embed(batch))


def test_the_number_of_heads_is_that_of_encoder_and_decoder() -> None:
    method = tiny(heads=5)
    heads = [len(block.attention.static_attn) for block in (*method.encoder.blocks, *method.decoder.blocks)]
    assert heads == [5, 5, 5]


@maskings
def test_hidden_and_unobserved_joints_have_no_influence_on_the_prediction(make_batch: Make, masking: Any) -> None:
    method, batch = tiny(masking=masking), make_batch(lost=0.3)
    assert method.training  # hidden joints do not enter the batch norms either
    tracks: Tracks = batch.tracks
    prediction, mask = masked_prediction(method, tracks, batch.rng("mask"))
    method.masking = lambda *_: mask
    hidden = mask.hidden.repeat_interleave(4, 1) | ~tracks.observed
    poisoned = replace(tracks, positions=tracks.positions.masked_fill(hidden[..., None], torch.nan))
    assert torch.equal(masked_prediction(method, poisoned, batch.rng("mask"))[0], prediction)
    moved = replace(tracks, positions=tracks.positions + 0.1 * ~hidden[..., None])
    assert not torch.allclose(masked_prediction(method, moved, batch.rng("mask"))[0], prediction)


def test_entirely_hidden_tuples_are_not_encoded(make_batch: Make) -> None:
    method, batch = tiny(masking=SpatialTemporal(frame_ratio=0.75)), make_batch(lost=0.0)
    encoded = []
    method.encoder.register_forward_hook(lambda module, given, answer: encoded.append(answer))
    method(batch)
    features, is_observed, steps = encoded[0]
    assert features.shape == (6, 16, 80)  # one tuple of four for each of six persons
    assert steps.visible.sum(1).tolist() == [1] * 6
    assert is_observed.sum(1).tolist() == [40] * 6  # four frames of half the joints


@maskings
def test_every_parameter_learns(make_batch: Make, masking: Any) -> None:
    method = tiny(masking=masking)
    method(make_batch(lost=0.3)).loss.backward()
    idle = {name for name, p in method.named_parameters() if not p.grad.any()}
    shows_all_joints = masking.kind == "spatial_temporal" and masking.joint_ratio == 0
    assert not idle - {"decoder.mask_token"}
    assert shows_all_joints or "encoder.mask_token" not in idle


def test_it_learns_to_reconstruct(make_batch: Make) -> None:
    method, batch = tiny(target_norm="clip"), make_batch((1,) * 8, lost=0.1)
    wave = torch.linspace(0, 6, 16)[:, None] + torch.arange(8.0)[:, None, None, None] + torch.arange(20.0)
    batch = batch.with_positions(torch.stack([wave.sin(), wave.cos(), (2 * wave).sin()], -1))
    optimizer = torch.optim.Adam(method.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        losses.append(method(batch).loss)
        losses[-1].backward()
        optimizer.step()
    assert losses[0] > 0.9
    assert losses[-1] < 0.5


@pytest.mark.parametrize(("frames", "tuple_frames"), [(16, 4), (15, 5), (7, 7), (3, 1)])
def test_it_accepts_2d_and_any_joints_and_tuples(make_batch: Make, frames: int, tuple_frames: int) -> None:
    method = tiny(InputSpec(frames, 2, COCO17.joints), tuple_frames=tuple_frames)
    batch = make_batch((2, 1), frames, skeleton=COCO17, axes=2)
    output = method(batch)
    assert output.num_terms > 0
    output.loss.backward()
    assert method.embed(batch).shape == (2, 16)
    assert method.embed(batch, "joints").shape == (2, 17 * 16)
    reconstruction = method.reconstruct(batch)
    assert reconstruction.positions.shape == (frames, 17, 2)


def test_features_of_joints_are_concatenated(make_batch: Make) -> None:
    method, batch = tiny().eval(), make_batch((1, 1), lost=0.0)
    joints = method.embed(batch, "joints").view(2, 20, 16)
    torch.testing.assert_close(joints.mean(1), method.embed(batch))
    observed = batch.observed.clone()
    observed[..., 3] = False
    without = method.embed(batch.with_positions(batch.positions, observed), "joints").view(2, 20, 16)
    assert not without[:, 3].any()
    assert without[:, :3].any()


def test_it_computes_in_bfloat16(make_batch: Make) -> None:
    method, batch = tiny(), make_batch((2, 1, 1))
    exact = method(batch).loss
    with torch.autocast("cpu", torch.bfloat16):
        rough = method(batch).loss
        assert method.embed(batch).dtype == method.embed(batch, "joints").dtype == torch.float32
        method.classifier(3)(batch).sum().backward()
    torch.testing.assert_close(rough, exact, rtol=2e-2, atol=0.0)


def test_a_person_observed_in_one_frame_is_encoded(make_batch: Make) -> None:
    method, batch = tiny(), make_batch((2, 1, 1), lost=0.0)
    observed = batch.observed.clone()
    observed[0, 1] = False
    observed[0, 1, 9, 4] = True
    short = batch.with_positions(batch.positions, observed)
    assert method(short).loss.isfinite()
    assert method.embed(short).isfinite().all()


def test_a_reconstruction_has_the_unit_of_the_clip(make_batch: Make) -> None:
    method, batch = tiny(target_norm="clip").eval(), make_batch((2, 1), lost=0.0)
    batch = batch.with_positions(batch.positions * 0.01 + 5.0)
    reconstruction, truth = method.reconstruct(batch), batch.tracks.positions[0].numpy()
    hidden = np.repeat(reconstruction.hidden[:, :, None], 3, 2)
    assert np.array_equal(reconstruction.positions[~hidden], truth[~hidden])
    prediction, mask = masked_prediction(method, batch.tracks, batch.rng("mask"))
    step, joint = mask.hidden[0].nonzero()[0].tolist()
    spread = np.sqrt(truth[:, joint].var(0) + 1e-6)
    expected_position = prediction[0, step, joint].detach().numpy() * spread + truth[:, joint].mean(0)
    np.testing.assert_allclose(
        reconstruction.positions[step * 4 : step * 4 + 4, joint], expected_position, atol=1e-5
    )
    assert np.abs(reconstruction.positions - truth)[hidden].mean() > 1e-4
    assert method.reconstruct(make_batch((0, 1))) is None


def test_the_classifier_starts_from_the_encoder(make_batch: Make) -> None:
    method, batch = tiny(), make_batch((2, 1))
    method(batch)  # updates the statistics of its batch norms
    method.eval()
    model = method.classifier(7).eval()
    torch.testing.assert_close(model(batch), model.head(method.embed(batch)))
    assert model.layer_id("encoder.mask_token") == model.layer_id("encoder.embed.0.weight") == 0
    assert model.layer_id("encoder.blocks.1.out_proj.0.weight") == 2
    assert model.layer_id("head.1.weight") == 3
    with pytest.raises(InputError, match="another method"):
        method.classifier(7, JointPatchClassifierConfig())


def test_settings_that_do_not_fit_are_refused(make_batch: Make) -> None:
    with pytest.raises(ValueError, match="tuples of 5"):
        tiny(tuple_frames=5)
    with pytest.raises(ValueError, match="greater than or equal to 4"):
        tiny(widths=[8, 2])


def test_one_joint_in_one_frame_is_enough_to_learn_from(make_batch: Make) -> None:
    batch = make_batch((1,))
    observed = torch.zeros_like(batch.observed)
    observed[0, 0, 3, 5] = True  # a single value has no variance for a batch norm
    batch = replace(batch, positions=batch.positions * observed[..., None], observed=observed)
    model = tiny().classifier(3).train()
    model(batch).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
