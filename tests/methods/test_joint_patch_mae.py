from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.batches import Batch, SampleRng, Tracks, patchify
from skeletonmae.errors import InputError
from skeletonmae.masking import MotionAware, RandomTokens, SpatialTemporal, TokenIndex, TokenMask
from skeletonmae.methods import (
    METHODS,
    InputSpec,
    JointPatchClassifierConfig,
    JointPatchMAE,
    JointPatchMAEConfig,
    NeighborTuningConfig,
    STTFormerMAEConfig,
)
from skeletonmae.methods.joint_patch_config import InputNoiseConfig
from skeletonmae.methods.joint_patch_features import make_patches, with_noise
from skeletonmae.methods.motion_energy import motion_energy_weight
from skeletonmae.methods.targets import make_targets
from skeletonmae.models.joint_description import TrackJoints
from skeletonmae.skeletons import KINECT20, NTU25, Skeleton
from skeletonmae.transforms.geometry import Center

Make = Callable[..., Any]
TINY: dict[str, Any] = {
    "token_frames": 4, "width": 16, "depth": 2, "heads": 2, "decoder_width": 16, "decoder_depth": 1,
}  # fmt: skip
SWITCHES = [
    {"decoder": "self", "target": "position", "target_norm": "token"},
    {"decoder": "cross", "target": "motion", "target_norm": "clip", "predict_ratio": 0.25},
    {"decoder": "cross", "target": "position", "target_norm": "clip"},
    {"decoder": "self", "target": "motion", "target_norm": "token", "predict_ratio": 0.5},
]
CROSS = {"decoder": "cross", "target_norm": "clip"}
SUCCESSORS: list[dict[str, Any]] = [
    CROSS | {"target": "motion", "intervals": (1, 5, 10), "predict_ratio": 0.5},
    CROSS | {"target": "motion_and_acceleration", "intervals": (2,), "target_steps": 2},
    CROSS | {"target": "motion", "error_weight": "motion_energy", "target_steps": 4, "predict_ratio": 0.3},
    {"decoder": "self", "target": "acceleration", "target_norm": "token", "error_weight": "motion_energy"},
    {"decoder": "self", "target": "position", "target_norm": "none"},
    CROSS | {"target": "motion_and_acceleration", "target_floor": 0.7},
]
"""Targets, weights and decoders of later papers."""


def name(change: dict[str, Any]) -> str:
    return "-".join(map(str, change.values()))


switches = pytest.mark.parametrize("change", SWITCHES, ids=name)
all_switches = pytest.mark.parametrize("change", SWITCHES + SUCCESSORS, ids=name)


def tiny(
    joints: tuple[str, ...] = KINECT20.joints, masking: Any = None, frames: int = 16, **change: Any
) -> JointPatchMAE:
    torch.manual_seed(0)
    config = JointPatchMAEConfig.model_validate(TINY | change)
    return config.build(InputSpec(frames, 3, joints), masking or RandomTokens(ratio=0.7))


def masked_prediction(
    method: JointPatchMAE, tracks: Tracks, rng: SampleRng
) -> tuple[torch.Tensor, TokenIndex, TokenMask]:
    """The prediction of the queried tokens, which these are, and the mask."""
    patches, track_rng = (
        make_patches(method.encoder, tracks),
        rng.for_tracks(tracks.clip_index, tracks.person_index),
    )
    mask = method.masking(patches, track_rng)
    queries = method.draw_queries(mask, patches.measured.any(3), track_rng)
    return method.predict(patches, mask, queries), queries, mask


def clip(batch: Batch, row: int) -> Batch:
    """One clip alone, without room for absent persons."""
    persons = int(batch.present[row].sum())
    return Batch(
        batch.positions[row : row + 1, : max(1, persons)],
        batch.observed[row : row + 1, : max(1, persons)],
        batch.label[row : row + 1],
        batch.keys[row : row + 1],
        batch.skeleton,
    )


def gradients(method: JointPatchMAE, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    method.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in method.named_parameters() if p.grad is not None}


@all_switches
def test_the_loss_equals_a_plain_loop(make_batch: Make, change: dict[str, Any]) -> None:
    method, batch = tiny(**change).eval(), make_batch((2, 1, 0, 1), lost=0.4)
    output, tracks = method(batch), batch.tracks
    prediction, queries, mask = masked_prediction(method, tracks, batch.rng("mask"))
    window_steps = change.get("target_steps", 1)
    weight = torch.ones(len(tracks), 4, 20, 4)
    if change.get("error_weight") == "motion_energy":
        weight = motion_energy_weight(make_patches(method.encoder, tracks))
    weights = weight.transpose(2, 3).flatten(1, 2).numpy()
    errors = []
    for track in range(len(tracks)):
        positions, is_observed = tracks.positions[track].double().numpy(), tracks.observed[track].numpy()
        found = components(positions, is_observed, change)
        for position in range(int(queries.num_valid[track])):
            window, joint = divmod(int(queries.index[track, position]), 20)
            steps = range(window * window_steps, (window + 1) * window_steps)
            assert mask.hidden[track, steps.start : steps.stop, joint].any()
            predicted = prediction[track, position].detach().view(window_steps, len(found), 4, 3).numpy()
            for step in [step for step in steps if mask.hidden[track, step, joint]]:
                squared = []
                for number, (values, flags) in enumerate(found):
                    frames = [frame for frame in range(step * 4, step * 4 + 4) if flags[frame, joint]]
                    is_known = flags[:, joint] if change["target_norm"] == "clip" else np.isin(range(16), frames)
                    mean, std = mean_and_std(values[is_known, joint], change)
                    for frame in frames:
                        target = (values[frame, joint] - mean) / std
                        error = predicted[step - steps.start, number, frame - step * 4] - target
                        squared += (weights[track, frame, joint] * error**2).tolist()
                if squared:
                    errors.append(np.mean(squared))
    assert float(output.num_terms) == len(errors) > 20
    assert float(output.loss.detach()) == pytest.approx(np.mean(errors), rel=1e-4)


def components(
    positions: np.ndarray, observed: np.ndarray, change: dict[str, Any]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The values `(frame, joint, axis)` that are predicted, and where there are any, `(frame, joint)`."""
    found = [(positions, observed)] if change["target"] == "position" else []
    for interval in change.get("intervals", (1,)) if change["target"].startswith("motion") else ():
        zeros = np.zeros((interval, 20))
        motion = np.concatenate([positions[interval:] - positions[:-interval], np.zeros((interval, 20, 3))])
        in_last_frame = observed[-1:] if interval == 1 else zeros.astype(bool)
        found.append((motion, np.concatenate([observed[interval:] & observed[:-interval], in_last_frame])))
    if change["target"].endswith("acceleration"):
        acceleration = np.concatenate([np.diff(positions, n=2, axis=0), np.zeros((2, 20, 3))])
        in_all = observed[2:] & observed[1:-1] & observed[:-2]
        found.append((acceleration, np.concatenate([in_all, np.zeros((2, 20), bool)])))
    return found


def mean_and_std(values: np.ndarray, change: dict[str, Any]) -> tuple[Any, Any]:
    if change["target_norm"] == "none" or not len(values):
        return 0.0, 1.0
    axis = None if change["target_norm"] == "token" else 0
    return values.mean(axis), np.sqrt(values.var(axis) + 1e-6 + change.get("target_floor", 0.0) ** 2)


@all_switches
def test_unobserved_joints_do_not_affect_the_loss(make_batch: Make, change: dict[str, Any]) -> None:
    method, batch = tiny(**change), make_batch(lost=0.5)
    expected = method(batch).loss
    wanted = gradients(method, expected)
    for poison in (torch.nan, torch.inf, 1e6):
        positions = batch.positions.masked_fill(~batch.observed[..., None], poison)
        for given in (batch.with_positions(positions), replace(batch, positions=positions)):
            loss = method(given).loss
            assert torch.equal(loss, expected), poison
            for name, gradient in gradients(method, loss).items():
                assert torch.equal(gradient, wanted[name]), name
    positions = batch.positions.masked_fill(~batch.observed[..., None], torch.nan)
    assert torch.equal(method.embed(replace(batch, positions=positions)), method.embed(batch))


@all_switches
def test_predictions_do_not_depend_on_hidden_values(make_batch: Make, change: dict[str, Any]) -> None:
    method, batch = tiny(**change), make_batch(lost=0.5)
    prediction, queries, mask = masked_prediction(method, batch.tracks, batch.rng("mask"))
    hidden = mask.hidden.repeat_interleave(4, 1)[..., None]
    for poison in (100.0, torch.nan):
        tracks = replace(batch.tracks, positions=batch.tracks.positions.masked_fill(hidden, poison))
        other, again, _ = masked_prediction(method, tracks, batch.rng("mask"))
        assert torch.equal(queries.index, again.index)
        valid = queries.index >= 0 if queries.valid is None else queries.valid
        assert torch.equal(prediction[valid], other[valid]), poison


@all_switches
def test_the_loss_of_a_batch_is_that_of_its_clips(make_batch: Make, change: dict[str, Any]) -> None:
    method, batch = tiny(**change), make_batch((2, 1, 0, 1, 2), lost=0.4)
    output = method(batch)
    parts = [method(clip(batch, row)) for row in range(5)]
    assert float(sum(part.num_terms for part in parts)) == float(output.num_terms)
    total = sum(float(part.loss.detach()) * float(part.num_terms) for part in parts)
    assert float(output.loss.detach()) == pytest.approx(total / float(output.num_terms), rel=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "joints"])
def test_the_features_of_a_batch_are_those_of_its_clips(make_batch: Make, pooling: Any) -> None:
    method, batch = tiny().eval(), make_batch((2, 1, 0, 1, 2), lost=0.7)
    features = method.embed(batch, pooling)
    assert features.shape == (5, 16 if pooling == "mean" else 20 * 16)
    assert not features[2].any()
    for row in range(5):
        torch.testing.assert_close(
            features[row : row + 1], method.embed(clip(batch, row), pooling), atol=1e-5, rtol=1e-4
        )
    assert (features[0] - features[1]).abs().max() > 0.1


@pytest.mark.parametrize("pooling", ["mean", "statistics"])
def test_the_logits_of_a_batch_are_those_of_its_clips(make_batch: Make, pooling: Any) -> None:
    batch = make_batch((2, 1, 0, 1), lost=0.7)
    model = tiny().classifier(6, JointPatchClassifierConfig(pooling=pooling)).eval()
    logits = model(batch)
    assert logits.shape == (4, 6)
    for row in range(4):
        torch.testing.assert_close(logits[row : row + 1], model(clip(batch, row)), atol=1e-5, rtol=1e-4)


@all_switches
def test_absent_persons_are_not_processed(make_batch: Make, change: dict[str, Any]) -> None:
    method, batch = tiny(**change), make_batch((2, 1, 0, 1, 1))
    rows: list[int] = []
    for block in (*method.encoder.blocks, *method.decoder.blocks, method.encoder.patch_embed):
        block.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    loss = method(batch).loss
    method.embed(batch)
    assert rows == [5] * len(rows)
    assert len(rows) == 7
    room = torch.zeros_like(batch.positions)
    wider = replace(
        batch,
        positions=torch.cat([batch.positions, room], 1),
        observed=torch.cat([batch.observed, room[..., 0].bool()], 1),
        bridged=torch.cat([batch.bridged, room[..., 0].bool()], 1),
    )
    assert torch.equal(method(wider).loss, loss)


@switches
def test_only_visible_tokens_are_encoded(make_batch: Make, change: dict[str, Any]) -> None:
    method, batch = tiny(**change), make_batch((2, 1), lost=0.0)
    lengths: list[int] = []
    method.encoder.blocks[0].register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[1]))
    queries: list[int] = []
    method.decoder.head.register_forward_pre_hook(lambda _, given: queries.append(given[0].shape[1]))
    method(batch)
    assert lengths == [80 - 56]
    assert queries == [56 * change.get("predict_ratio", 1.0)]


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.3, 0.7, 0.9, 1.0])
def test_the_share_of_queried_tokens_is_predict_ratio(make_batch: Make, ratio: float) -> None:
    method, batch = tiny(predict_ratio=ratio, decoder="cross"), make_batch((2, 1, 1), lost=0.8)
    _, queries, mask = masked_prediction(method, batch.tracks, batch.rng("mask"))
    for row, hidden in enumerate(mask.hidden.sum((1, 2)).tolist()):
        exact = hidden * round(ratio * 100)
        assert int(queries.num_valid[row]) == -(-exact // 100)
        tokens = queries.index[row, : queries.num_valid[row]]
        assert mask.hidden[row].flatten()[tokens].all()
        assert len(tokens.unique()) == len(tokens)


@pytest.mark.parametrize("lost", [0.0, 0.8])
def test_unqueried_tokens_do_not_enter_a_decoder_with_self_attention(make_batch: Make, lost: float) -> None:
    """The prediction is that of a decoder to which they are unavailable."""
    method, batch = tiny(predict_ratio=0.25, decoder="self"), make_batch((2, 1, 1), lost=lost)
    lengths: list[int] = []
    hook = method.decoder.blocks[0].register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[1]))
    prediction, queries, mask = masked_prediction(method, batch.tracks, batch.rng("mask"))
    hook.remove()
    patches = make_patches(method.encoder, batch.tracks)
    latent = method.encoder(patches, mask.visible_index)
    for row, count in enumerate(queries.num_valid.tolist()):
        queried = torch.zeros(1, 80, dtype=torch.bool)
        queried[0, queries.index[row, :count]] = True
        queried = queried.view(1, 4, 20)
        visible = mask.available[row] & ~mask.hidden[row]
        alone = TokenMask(queried, queried | visible)
        expected = method.decoder(
            latent[row : row + 1, : int(visible.sum())],
            alone,
            alone.hidden_index,
            TrackJoints(batch.skeleton, alone.available.any(1)),
        )
        torch.testing.assert_close(prediction[row, :count], expected[0].view(count, 4, 3), atol=1e-5, rtol=1e-4)
    num_visible = mask.available.sum((1, 2)) - mask.hidden.sum((1, 2))
    assert lengths == [int((num_visible + queries.num_valid).max())]


def test_a_decoder_with_self_attention_sees_all_hidden_tokens_if_all_are_queried(make_batch: Make) -> None:
    method, batch = tiny(predict_ratio=1.0, decoder="self"), make_batch((2, 1), lost=0.0)
    prediction, queries, mask = masked_prediction(method, batch.tracks, batch.rng("mask"))
    latent = method.encoder(make_patches(method.encoder, batch.tracks), mask.visible_index)
    x = mask.restore(method.decoder.input_proj(latent), method.decoder.mask_token)
    x = x + method.decoder.pos_embed(batch.skeleton)
    for block in method.decoder.blocks:
        x = block(x)
    expected = method.decoder.head(method.decoder.norm(queries.gather(x)))
    assert torch.equal(prediction.flatten(2), expected)


def test_queried_tokens_are_drawn_uniformly(make_batch: Make) -> None:
    method, batch = tiny(predict_ratio=0.25, decoder="cross"), make_batch((1,) * 400, lost=0.0)
    _, queries, mask = masked_prediction(method, batch.tracks, batch.rng("mask"))
    count = torch.bincount(queries.index.flatten(), minlength=80).double() / 400
    assert float(count.mean()) == pytest.approx(0.7 * 0.25)
    assert (count - 0.175).abs().max() < 5 * (0.175 * 0.825 / 400) ** 0.5
    assert torch.equal(mask.hidden.sum((1, 2)), torch.full((400,), 56))


@pytest.mark.parametrize(("steps", "ratio"), [(2, 0.5), (4, 0.3)])
def test_windows_of_tokens_with_a_hidden_target_are_queried(make_batch: Make, steps: int, ratio: float) -> None:
    method, batch = tiny(target_steps=steps, predict_ratio=ratio, **CROSS), make_batch((2, 1, 1), lost=0.8)
    _, queries, mask = masked_prediction(method, batch.tracks, batch.rng("mask"))
    for row, hidden in enumerate(mask.hidden):
        has_target = hidden.view(4 // steps, steps, 20).any(1).flatten()
        assert int(queries.num_valid[row]) == -(-int(has_target.sum()) * round(ratio * 10) // 10)
        windows = queries.index[row, : queries.num_valid[row]]
        assert has_target[windows].all()
        assert len(windows.unique()) == len(windows)


def test_a_window_is_addressed_by_its_first_token(make_batch: Make) -> None:
    """Its prediction is that of a decoder which is asked for this token."""
    method, batch = tiny(target_steps=2, **CROSS).eval(), make_batch((1,), lost=0.0)
    prediction, queries, mask = masked_prediction(method, batch.tracks, batch.rng("mask"))
    latent = method.encoder(make_patches(method.encoder, batch.tracks), mask.visible_index)
    for position, window in enumerate(queries.index[0].tolist()):
        first_token = window // 20 * 2 * 20 + window % 20
        query = TokenIndex(torch.tensor([[first_token]]), None)
        expected = method.decoder(latent, mask, query, TrackJoints(batch.skeleton, mask.available.any(1)))
        expected = expected.view(2 * 4, 3)
        torch.testing.assert_close(prediction[0, position], expected, atol=1e-5, rtol=1e-4)


def test_visible_tokens_of_a_window_do_not_count(make_batch: Make) -> None:
    """A window whose first token is visible has one term, and its loss is that of the second."""
    method, batch = tiny(target_steps=2, **CROSS).eval(), make_batch((1,), lost=0.0)
    hidden = torch.zeros(1, 4, 20, dtype=torch.bool)
    hidden[0, 1, 3] = True
    mask = TokenMask(hidden, torch.ones_like(hidden))
    method.masking = lambda patches, rng: mask
    patches, output = make_patches(method.encoder, batch.tracks), method(batch)
    prediction = method.predict(patches, mask, TokenIndex(torch.tensor([[3]]), None))[0, 0, 4:]
    target = make_targets(patches, "position", "clip").values[0, 1, 3]
    assert float(output.num_terms) == 1
    torch.testing.assert_close(output.loss, (prediction - target).square().mean())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "position", "intervals": (5,)}, "intervals are those of motion"),
        ({"target": "motion", "intervals": (5, 5)}, "intervals must differ"),
        ({"target": "motion", "intervals": (1, 16)}, "below the 16 frames of a clip"),
        ({"decoder": "self", "target_steps": 2}, "target_steps needs decoder cross"),
        ({"decoder": "cross", "target_steps": 3}, "4 time steps are not divisible by target_steps 3"),
        ({"target_norm": "none", "target_floor": 0.1}, "target_norm none has no target_floor; got 0.1"),
        ({"target": "teacher", "target_floor": 0.1}, "target teacher has no target_floor"),
        ({"target": "pooled", "target_floor": 0.1}, "target pooled has no target_floor"),
        ({"target": "pooled", "input_noise": {"probability": 0.1}}, "target pooled has no input_noise"),
        ({"input_noise": {"sigma": (0.2, 0.1)}}, "sigma must be two numbers above 0 in increasing order"),
        ({"input_noise": {"sigma": (0.0, 0.1)}}, "sigma must be two numbers above 0 in increasing order"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**change)


def test_still_joints_hardly_count_with_motion_energy(make_batch: Make) -> None:
    batch = make_batch((1, 1), lost=0.0)
    still = batch.positions.clone()
    still[..., :10, :] = still[:, :, :1, :10]
    method = tiny(error_weight="motion_energy", **CROSS)
    targets = method.make_targets(make_patches(method.encoder, batch.with_positions(still).tracks))
    assert targets.weight is not None
    assert targets.weight[:, :, :10].max() < 0.01 * targets.weight[:, :, 10:].mean()


def test_a_share_of_the_clips_has_input_noise_of_their_own_strength(make_batch: Make) -> None:
    batch = make_batch((1, 2) * 200, lost=0.1)
    patches = make_patches(tiny().encoder, batch.tracks)
    noisy = with_noise(patches, batch, InputNoiseConfig(probability=0.4, sigma=(0.01, 0.1)))
    assert noisy.clean is patches.values
    assert torch.equal(noisy.without_noise.values, patches.values)
    assert noisy.without_noise.clean is None
    noise = noisy.values - patches.values
    assert not noise[~patches.observed].any()
    deviation = noise.flatten(1).std(1) / 0.9**0.5
    is_noisy = deviation > 0
    assert is_noisy.float().mean().item() == pytest.approx(0.4, abs=0.07)
    level = deviation[is_noisy].log10()
    assert level.min() > -2.1
    assert level.max() < -0.9
    assert level.mean().item() == pytest.approx(-1.5, abs=0.08)
    both = (batch.tracks.person_index == 1).nonzero()[:, 0]
    assert torch.equal(is_noisy[both], is_noisy[both - 1])  # a clip and not a person is noisy
    correlation = torch.corrcoef(noise[is_noisy].flatten(1)).fill_diagonal_(0)
    assert correlation.abs().max() < 0.3  # persons of a clip have noise of their own
    flat = replace(patches, has_depth=torch.zeros(len(noise), dtype=torch.bool))
    change = with_noise(flat, batch, InputNoiseConfig(probability=1.0)).values - patches.values
    assert not change[..., 2].any()
    assert change[..., :2].any()


@pytest.mark.parametrize("target", ["position", "motion", "teacher"])
def test_only_the_encoder_sees_input_noise(make_batch: Make, target: str) -> None:
    noise = {"input_noise": {"probability": 1.0, "sigma": (0.3, 0.3)}}
    settings = {"target": target, "decoder": "cross", "predict_ratio": 0.5}
    clean, noisy = tiny(**settings), tiny(**settings, **noise)
    batch = make_batch((2, 1, 1), lost=0.2)
    expected, found = clean.train().draw_tokens(batch), noisy.train().draw_tokens(batch)
    assert torch.equal(found[1].hidden, expected[1].hidden)
    assert torch.equal(found[2].index, expected[2].index)
    drawn = expected[0].values, found[0].values
    assert (drawn[1] - drawn[0])[expected[0].observed].std().item() == pytest.approx(0.3, abs=0.02)
    # The same prediction from the noisy tokens, against the targets of the clean ones.
    clean.decode = lambda patches, mask, queries: noisy.decode(found[0], mask, queries)
    torch.testing.assert_close(noisy.masked_loss(*found).loss, clean.masked_loss(*expected).loss)
    assert (noisy(batch).loss - tiny(**settings)(batch).loss).abs() > 1e-4
    assert torch.equal(noisy.eval()(batch).loss, tiny(**settings).eval()(batch).loss)  # not in evaluation
    assert torch.equal(noisy.embed(batch), tiny(**settings).eval().embed(batch))


def test_frames_not_divisible_into_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="18 frames are not divisible into tokens of 4"):
        tiny(frames=18)


@all_switches
@pytest.mark.parametrize("persons", [(0, 0), ()])
def test_a_batch_without_observed_persons_has_a_loss_of_0_and_no_terms(
    make_batch: Make, change: dict[str, Any], persons: tuple[int, ...]
) -> None:
    method, batch = tiny(**change), make_batch(persons)
    output = method(batch)
    assert float(output.loss.detach()) == float(output.num_terms) == 0
    found = gradients(method, output.loss)
    assert set(found) == dict(method.named_parameters()).keys()  # so that processes can exchange them
    assert not any(gradient.any() for gradient in found.values())
    assert method.embed(batch).shape == (len(persons), 16)
    assert not method.embed(batch).any()
    assert method.classifier(3, JointPatchClassifierConfig()).eval()(batch).isfinite().all()


@all_switches
def test_a_single_token_is_not_hidden_and_gives_no_loss(make_batch: Make, change: dict[str, Any]) -> None:
    batch = make_batch((1,), lost=0.0)
    is_observed = torch.zeros_like(batch.observed)
    is_observed[0, 0, 5, 3] = True
    method = tiny(**change)
    output = method(batch.with_positions(batch.positions, is_observed))
    assert float(output.loss.detach()) == float(output.num_terms) == 0
    assert all(gradient.isfinite().all() for gradient in gradients(method, output.loss).values())
    assert method.embed(batch.with_positions(batch.positions, is_observed)).isfinite().all()


@all_switches
def test_every_parameter_learns(make_batch: Make, change: dict[str, Any]) -> None:
    method = tiny(**change)
    found = gradients(method, method(make_batch(lost=0.2)).loss)
    for name, parameter in method.named_parameters():
        assert parameter.requires_grad
        assert name in found, name
        assert found[name].isfinite().all(), name
        assert found[name].any(), name


@all_switches
def test_it_overfits_a_single_batch(make_batch: Make, change: dict[str, Any]) -> None:
    method, batch = tiny(**change), make_batch((2, 1), lost=0.1)
    optimizer = torch.optim.Adam(method.parameters(), lr=1e-2)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = method(batch).loss
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("masking", [RandomTokens(), SpatialTemporal(), MotionAware()])
def test_it_works_with_every_masking_strategy(make_batch: Make, masking: Any) -> None:
    output = tiny(masking=masking)(make_batch(lost=0.4))
    assert output.loss.isfinite()
    assert output.num_terms > 0


def test_a_mask_depends_on_the_epoch_and_is_reproducible(make_batch: Make) -> None:
    method, batch = tiny(), make_batch()
    assert torch.equal(method(batch).loss, method(batch).loss)
    assert not torch.equal(method(batch).loss, method(replace(batch, keys=batch.keys + 1)).loss)


# Joints are known by name.


def reordered(batch: Batch, skeleton: Skeleton) -> Batch:
    """The same bodies in a layout with the same joints in another order."""
    order = [batch.skeleton.index[joint] for joint in skeleton.joints]
    return replace(
        batch, positions=batch.positions[..., order, :], observed=batch.observed[..., order], skeleton=skeleton
    )


@pytest.mark.parametrize("pooling", ["mean", "joints"])
def test_the_order_of_joints_does_not_matter(make_batch: Make, pooling: Any) -> None:
    order = np.random.default_rng(0).permutation(20)
    mixed = Skeleton("mixed", tuple(KINECT20.joints[i] for i in order), KINECT20.parents)
    method, batch = tiny().eval(), make_batch(lost=0.4)
    found = method.embed(reordered(batch, mixed), pooling)
    torch.testing.assert_close(found, method.embed(batch, pooling), atol=1e-5, rtol=1e-4)
    model = method.classifier(4, JointPatchClassifierConfig()).eval()
    torch.testing.assert_close(model(reordered(batch, mixed)), model(batch), atol=1e-5, rtol=1e-4)


TAILED = Skeleton(
    "tailed",
    (*KINECT20.joints[:7], "tail", *KINECT20.joints[7:]),
    {**KINECT20.parents, "tail": "pelvis"},
    parts={**KINECT20.parts, "tail": ("tail",)},
)


def with_tail(batch: Batch, seed: int) -> Batch:
    tail = torch.randn(*batch.positions.shape[:3], 1, 3, generator=torch.Generator().manual_seed(seed))
    is_observed = batch.observed[..., :1] | batch.present[:, :, None, None]
    positions = torch.cat(
        [batch.positions[..., :7, :], tail * is_observed[..., None], batch.positions[..., 7:, :]], 3
    )
    observed = torch.cat([batch.observed[..., :7], is_observed, batch.observed[..., 7:]], 3)
    bridged = torch.zeros_like(observed)
    return replace(batch, positions=positions, observed=observed, bridged=bridged, skeleton=TAILED)


@all_switches
def test_an_unknown_joint_is_ignored(make_batch: Make, change: dict[str, Any]) -> None:
    method, batch = tiny(**change).eval(), make_batch(lost=0.4)
    for pooling in ("mean", "joints"):
        found = method.embed(with_tail(batch, 0), pooling)  # type: ignore[arg-type]
        torch.testing.assert_close(found, method.embed(batch, pooling), atol=1e-5, rtol=1e-4)  # type: ignore[arg-type]
    one, other = (method(with_tail(batch, seed)) for seed in (0, 1))
    assert torch.equal(one.loss, other.loss)
    _, queries, mask = masked_prediction(method, with_tail(batch, 0).tracks, batch.rng("mask"))
    assert not mask.hidden[..., 7].any()
    assert not mask.available[..., 7].any()
    assert float(one.num_terms) <= int(queries.num_valid.sum()) * method.config.target_steps


def test_a_person_with_only_unknown_joints_observed_counts_as_absent(make_batch: Make) -> None:
    batch = with_tail(make_batch((1, 1), lost=0.2), 0)
    only = torch.zeros_like(batch.observed)
    only[..., 7] = batch.observed[..., 7]
    is_observed = torch.cat([batch.observed[:1], only[1:]])
    mixed, alone = (
        batch.with_positions(batch.positions, is_observed),
        clip(batch.with_positions(batch.positions, is_observed), 1),
    )
    method = tiny().eval()
    for pooling in ("mean", "joints"):
        found = method.embed(mixed, pooling)  # type: ignore[arg-type]
        assert found.isfinite().all()
        torch.testing.assert_close(found[1:], method.embed(alone, pooling))  # type: ignore[arg-type]
    for change in SWITCHES:
        trained = tiny(**change)
        for given in (mixed, alone):
            output = trained(given)
            assert output.loss.isfinite()
            assert all(gradient.isfinite().all() for gradient in gradients(trained, output.loss).values())


def test_a_layout_without_known_joints_is_refused(make_batch: Make) -> None:
    strange = Skeleton("strange", ("a", "b"), {"b": "a"}, parts={"all": ("a", "b")})
    batch, method = make_batch((1,), skeleton=strange), tiny()
    for use in (method, method.embed, method.classifier(3, JointPatchClassifierConfig()).eval()):
        with pytest.raises(InputError, match="knows no joint of layout strange"):
            use(batch)


def test_one_model_reads_two_layouts(make_batch: Make) -> None:
    joints = tuple(dict.fromkeys((*KINECT20.joints, *NTU25.joints)))
    method = tiny(joints)
    for skeleton in (KINECT20, NTU25):
        batch = make_batch(skeleton=skeleton)
        assert method(batch).loss.isfinite()
        assert method.embed(batch, "joints").shape == (4, 25 * 16)


@pytest.mark.parametrize("change", [{"frames": 8}, {"axes": 2}])
def test_a_clip_that_does_not_fit_is_refused(make_batch: Make, change: dict[str, int]) -> None:
    with pytest.raises(InputError, match="does not fit the model"):
        tiny().embed(make_batch(**change))


def test_the_position_of_the_body_does_not_matter_after_centering(make_batch: Make) -> None:
    method, batch = tiny().eval(), make_batch(lost=0.3)
    shifted = batch.with_positions(batch.positions + torch.tensor([2.0, -1.0, 4.0]))
    found, expected = method.embed(Center()(shifted)), method.embed(Center()(batch))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert (method.embed(shifted) - method.embed(batch)).abs().max() > 0.05


# Pictures.


def test_the_reconstruction_of_a_perfect_decoder_is_the_clip(
    make_batch: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make_batch((2, 1), lost=0.0)
    windows = CROSS | {"target": "motion_and_acceleration", "intervals": (2, 1), "target_steps": 2}
    for change in (*SWITCHES, CROSS | {"target_steps": 4}, windows, SUCCESSORS[-1]):
        method = tiny(**change).eval()

        def know(
            latent: Any, mask: TokenMask, queries: Any, _: Any, method: JointPatchMAE = method
        ) -> torch.Tensor:
            values = method.make_targets(make_patches(method.encoder, batch.tracks)).values
            first = queries.index[:, :, None] + 20 * torch.arange(method.config.target_steps)
            return values.flatten(1, 2)[torch.arange(len(values))[:, None, None], first].flatten(2)

        monkeypatch.setattr(method.decoder, "forward", know)
        reconstruction = method.reconstruct(batch)
        assert reconstruction is not None
        np.testing.assert_allclose(reconstruction.positions, batch.positions[0, 0], atol=1e-4)
        patches = patchify(batch.tracks.positions, batch.tracks.observed, KINECT20, 4)
        _, _, mask = masked_prediction(method, batch.tracks, batch.rng("mask"))
        np.testing.assert_array_equal(reconstruction.hidden, mask.hidden[0].repeat_interleave(4, 0))
        assert patches.available.all()
        assert method.config.predict_ratio == change.get("predict_ratio", 1.0)


def test_motion_is_not_integrated_from_an_unobserved_joint(make_batch: Make) -> None:
    batch = make_batch((1,), lost=0.0)
    observed = batch.observed.clone()
    observed[:, :, 4] = False  # the first frame of the second token
    reconstruction = tiny(target="motion").eval().reconstruct(batch.with_positions(batch.positions, observed))
    assert reconstruction is not None
    expected = reconstruction.hidden & (np.arange(len(reconstruction.hidden)) // 4 == 1)[:, None]
    assert expected.any()
    np.testing.assert_array_equal(np.isnan(reconstruction.positions).all(-1), expected)
    assert np.isfinite(reconstruction.positions[~expected]).all()


def test_motion_is_not_integrated_from_a_bridged_joint(make_batch: Make) -> None:
    batch = make_batch((1,), lost=0.0)
    bridged = torch.zeros_like(batch.observed)
    bridged[:, :, 4] = True  # the first frame of the second token
    reconstruction = tiny(target="motion").eval().reconstruct(replace(batch, bridged=bridged))
    assert reconstruction is not None
    is_nan = np.isnan(reconstruction.positions).any(2)
    assert reconstruction.hidden[4:8].any()
    np.testing.assert_array_equal(is_nan[4:8], reconstruction.hidden[4:8])
    assert not np.delete(is_nan, range(4, 8), axis=0).any()


def test_a_token_without_a_measured_pair_of_frames_has_no_reconstructed_motion(make_batch: Make) -> None:
    batch = make_batch((1,), lost=0.0)
    observed = batch.observed.clone()
    observed[:, :, 5:9:2] = observed[:, :, 8] = False  # frames 4 and 6 of the second token are left
    method = tiny(target="motion").eval()
    reconstruction = method.reconstruct(batch.with_positions(batch.positions, observed))
    assert reconstruction is not None
    is_nan = np.isnan(reconstruction.positions).any(2)
    assert reconstruction.hidden[4:8].any()
    np.testing.assert_array_equal(is_nan[4:8], reconstruction.hidden[4:8])
    assert not is_nan[:4].any()


def test_the_first_clip_is_reconstructed_and_visible_joints_stay(make_batch: Make) -> None:
    batch = make_batch((1, 1))
    reconstruction = tiny().eval().reconstruct(batch)
    assert reconstruction is not None
    visible = ~reconstruction.hidden
    np.testing.assert_array_equal(reconstruction.positions[visible], batch.positions[0, 0].numpy()[visible])
    assert np.abs(reconstruction.positions - batch.positions[0, 0].numpy()).max() > 0.1
    assert tiny().reconstruct(make_batch((0, 0))) is None
    assert tiny().reconstruct(make_batch((0, 1))) is None  # the first clip has no observed person


@pytest.mark.parametrize("change", [{"target": "acceleration"}, {"target": "motion", "intervals": (2, 5)}])
def test_targets_without_positions_have_no_reconstruction(make_batch: Make, change: dict[str, Any]) -> None:
    assert tiny(**change).reconstruct(make_batch((1,))) is None


# The classifier.


def test_a_classifier_starts_from_a_copy_of_the_encoder(make_batch: Make) -> None:
    method, batch = tiny(), make_batch()
    before = method.embed(batch)
    model = method.classifier(3, JointPatchClassifierConfig(dropout=0.0, drop_path=0.0))
    for name, tensor in method.encoder.state_dict().items():
        assert torch.equal(model.encoder.state_dict()[name], tensor)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    assert torch.equal(method.embed(batch), before)


def test_layer_ids_increase_from_the_input_to_the_head() -> None:
    model = tiny(depth=3).classifier(3, JointPatchClassifierConfig())
    depth = {name: model.layer_id(name) for name, _ in model.named_parameters()}
    assert {name for name, at in depth.items() if at == 0} == {
        "encoder.patch_embed.weight", "encoder.patch_embed.bias", "encoder.pos_embed.time", "encoder.pos_embed.joint",
    }  # fmt: skip
    for layer in range(3):
        of_layer = {at for name, at in depth.items() if name.startswith(f"encoder.blocks.{layer}.")}
        assert of_layer == {layer + 1}
    assert {at for name, at in depth.items() if name.startswith("head")} == {4}


def test_drop_path_grows_linearly() -> None:
    model = tiny(depth=3).classifier(3, JointPatchClassifierConfig(drop_path=0.4))
    assert [block.drop_path.rate for block in model.encoder.blocks] == [0, pytest.approx(0.2), pytest.approx(0.4)]


@pytest.mark.parametrize(
    ("name", "value"), [("token_frames", 2), ("width", 32), ("depth", 4), ("heads", 4), ("mlp_ratio", 2.0)]
)
@pytest.mark.parametrize("kind", ["joint_patch", "contrastive", "order"])
def test_an_encoder_starts_only_from_one_with_its_settings(kind: str, name: str, value: float) -> None:
    """The number of heads changes no shape, so weights that do not fit would be loaded."""
    settings = {"token_frames": 4, "width": 64, "depth": 2, "heads": 2}
    config: Any = METHODS[kind].model_validate(settings)
    pretrained = JointPatchMAEConfig.model_validate(settings | {"target": "motion", "decoder_depth": 1})
    assert config.starting_from(pretrained) == config
    assert config.starting_from(NeighborTuningConfig(encoder=pretrained)) == config
    other = JointPatchMAEConfig.model_validate(settings | {name: value})
    for start in (other, NeighborTuningConfig(encoder=other)):
        with pytest.raises(InputError, match=rf"init_from: .*other settings.*got {{'{name}': {value}}}"):
            config.starting_from(start)
    with pytest.raises(InputError, match=r"another kind of encoder.*got sttformer"):
        config.starting_from(STTFormerMAEConfig())


@pytest.mark.parametrize(
    ("kind", "target"),
    [("joint_patch", "position"), ("joint_patch", "teacher"), ("contrastive", "position"), ("order", "position")],
)
def test_a_deeper_encoder_starts_from_a_shallower_one(make_batch: Make, kind: str, target: str) -> None:
    pretrained = tiny(token_frames=2)
    config: Any = METHODS[kind].model_validate(TINY | {"token_frames": 2, "depth": 4, "target": target})
    assert config.starting_from(pretrained.config) == config
    method = config.build(pretrained.spec, RandomTokens())
    method.start_from(pretrained)
    batch = make_batch(frames=16)
    assert len(method.encoder.blocks) == 4
    assert torch.equal(method.eval().embed(batch), pretrained.eval().embed(batch))


@pytest.mark.parametrize(("change", "is_taken"), [({"depth": 4}, True), ({"depth": 4, "target": "motion"}, False)])
def test_the_decoder_is_taken_over_if_only_the_depth_differs(change: dict[str, Any], is_taken: bool) -> None:
    pretrained = tiny()
    with torch.no_grad():
        pretrained.decoder.head.weight.add_(1.0)
        pretrained.decoder.mask_token.add_(1.0)
    method = tiny(**change)
    method.start_from(pretrained)
    assert torch.equal(method.decoder.mask_token, pretrained.decoder.mask_token) == is_taken
    assert torch.equal(method.decoder.head.weight, pretrained.decoder.head.weight) == is_taken


def test_an_encoder_with_fewer_blocks_than_the_checkpoint_is_refused() -> None:
    with pytest.raises(InputError, match=r"the weights of the checkpoint do not fit the recipe"):
        tiny().start_from(tiny(depth=3))


@pytest.mark.parametrize("kind", ["joint_patch", "order"])
@pytest.mark.parametrize(
    ("target", "section"),
    [
        ("position", {"teacher": {"span": 0.5}}),
        ("motion", {"pooled": {"width": 8}}),
        ("teacher", {"pooled": {"width": 8}}),
    ],
)
def test_settings_of_another_target_are_refused(kind: str, target: str, section: dict[str, Any]) -> None:
    ((other, settings),) = section.items()
    with pytest.raises(ValueError, match=rf"target {target} has no {other}.{next(iter(settings))}; delete it"):
        METHODS[kind].model_validate({"target": target} | section)
    METHODS[kind].model_validate({"target": other} | section)
    METHODS[kind].model_validate({"target": target, other: {}})
