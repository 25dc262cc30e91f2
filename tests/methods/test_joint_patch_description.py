"""`joint_patch` with `joint_embedding: description`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from skeletonmae.batches import Batch
from skeletonmae.masking import MotionAware, RandomTokens, TokenIndex, TokenMask
from skeletonmae.methods import METHODS, InputSpec, JointPatchMAE, JointPatchMAEConfig, NeighborTuningConfig
from skeletonmae.methods.described_pooling import GROUPS, group_of_joint, pooled_layout
from skeletonmae.methods.joint_patch_config import DescriptionConfig
from skeletonmae.methods.joint_patch_features import embed_groups, make_patches, with_dropout
from skeletonmae.methods.pooling import BODY_PARTS
from skeletonmae.methods.targets import make_targets
from skeletonmae.skeletons import COCO17, KINECT20, VOCABULARY, Skeleton
from skeletonmae.skeletons.description import ROOT_MOTION

Make = Callable[..., Any]
TINY: dict[str, Any] = {
    "joint_embedding": "description",
    "token_frames": 4, "width": 16, "depth": 2, "heads": 2, "decoder_width": 16, "decoder_depth": 1,
}  # fmt: skip
SWITCHES: list[dict[str, Any]] = [
    {"decoder": "self", "predict_ratio": 0.5},
    {"decoder": "cross", "target": "motion", "target_norm": "clip", "predict_ratio": 0.3},
    {"decoder": "cross", "target": "motion_and_acceleration", "target_steps": 2, "error_weight": "motion_energy"},
    {"decoder": "self", "target": "teacher"},
    {"decoder": "cross", "target": "motion", "target_norm": "clip", "target_floor": 0.1,
     "input_noise": {"probability": 0.7}},
]  # fmt: skip
switches = pytest.mark.parametrize("change", SWITCHES, ids=lambda change: "-".join(map(str, change.values())))


def tiny(masking: Any = None, **change: Any) -> JointPatchMAE:
    """A method whose embeddings of names and durations are as if trained; new ones are 0."""
    torch.manual_seed(0)
    config = JointPatchMAEConfig.model_validate(TINY | change)
    method = config.build(InputSpec(16, 3, tuple(VOCABULARY)), masking or MotionAware(ratio=0.7))
    embeddings = [method.encoder.pos_embed, method.decoder.pos_embed]
    for weights in [embedding.joint for embedding in embeddings]:
        torch.nn.init.normal_(weights)
    assert method.encoder.duration_embed is not None
    for weights in method.encoder.duration_embed.parameters():
        torch.nn.init.normal_(weights, std=0.5)
    return method


def with_facts(batch: Batch, has_depth: list[bool] | None = None, duration: list[float] | None = None) -> Batch:
    """Clips with a path of the body; some in 2D, some of known duration, one value a clip."""
    tracks = batch.tracks
    flags = torch.tensor(has_depth or [True] * len(batch))[tracks.clip_index]
    positions = tracks.positions.clone()
    positions[..., 2] *= flags[:, None, None]
    shape = tracks.positions.shape
    root = torch.randn(shape[0], shape[1], shape[3], generator=torch.Generator().manual_seed(1))
    root[..., 2] *= flags[:, None]
    root_observed = torch.rand(shape[:2], generator=torch.Generator().manual_seed(2)) < 0.8
    seconds = torch.tensor(duration or [2.0] * len(batch))[tracks.clip_index]
    tracks = replace(
        tracks,
        positions=positions,
        has_depth=flags,
        duration=seconds,
        root=root * root_observed[..., None],
        root_observed=root_observed,
    )
    return batch.of_tracks(tracks)


@switches
@pytest.mark.parametrize("skeleton", [KINECT20, COCO17], ids=["kinect20", "coco17"])
def test_every_weight_learns_from_every_layout(make_batch: Make, change: dict[str, Any], skeleton: Any) -> None:
    method = tiny(**change).train()
    batch = with_facts(make_batch((2, 1, 1), skeleton=skeleton), [True, False, True], [1.0, math.nan, 3.0])
    output = method(batch)
    output.loss.backward()
    assert output.loss.isfinite()
    weights = [weight for weight in method.parameters() if weight.requires_grad]
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in weights)


@switches
def test_a_batch_is_its_clips(make_batch: Make, change: dict[str, Any]) -> None:
    """The loss, with all that is random, is the mean over the terms of clips that are computed alone."""
    method = tiny(**change).train()
    batch = with_facts(make_batch((2, 1, 1)), [True, False, True], [1.0, math.nan, 3.0])
    alone = [method(batch.select(torch.tensor([clip]))) for clip in range(3)]
    terms = torch.stack([output.num_terms for output in alone])
    expected = (torch.stack([output.loss for output in alone]) * terms).sum() / terms.sum()
    output = method(batch)
    assert output.num_terms == terms.sum()
    torch.testing.assert_close(output.loss, expected, atol=1e-5, rtol=1e-4)


def test_the_path_of_the_body_is_the_last_joint(make_batch: Make) -> None:
    batch = with_facts(make_batch((2, 1)))
    patches = make_patches(tiny().encoder, batch.tracks)
    assert patches.skeleton.joints[-1] == ROOT_MOTION
    tracks = batch.tracks
    assert tracks.root is not None
    torch.testing.assert_close(patches.values[:, :, -1].flatten(1, 2), tracks.root)
    assert torch.equal(patches.observed[:, :, -1].flatten(1, 2), tracks.root_observed)


def test_the_path_of_the_body_is_hidden_and_predicted(make_batch: Make) -> None:
    method, batch = tiny(), with_facts(make_batch((1,) * 20))
    _, mask, queries = method.draw_tokens(batch)
    assert mask.hidden[:, :, -1].any()
    assert (queries.index % 21 == 20).any()


def test_without_a_path_its_tokens_are_unavailable(make_batch: Make) -> None:
    method, batch = tiny().eval(), make_batch((2, 1))
    patches = make_patches(method.encoder, batch.tracks)
    assert not patches.available[:, :, -1].any()
    width = 16
    assert not method.embed(batch, "parts")[:, -width:].any()
    assert method.embed(with_facts(batch), "parts")[:, -width:].any()


@pytest.mark.parametrize("target", ["position", "motion", "motion_and_acceleration"])
@pytest.mark.parametrize("norm", ["token", "clip", "none"])
def test_targets_in_2d_are_those_of_two_axes(make_batch: Make, target: Any, norm: Any) -> None:
    flat = with_facts(make_batch((2, 1)), [False, False])
    patches = make_patches(tiny().encoder, flat.tracks)
    found = make_targets(patches, target, norm)
    expected = make_targets(replace(patches, values=patches.values[..., :2], has_depth=None), target, norm)
    torch.testing.assert_close(found.values[..., :2], expected.values)
    assert not found.values[..., 2].any()


def test_no_loss_counts_the_third_coordinate_of_a_2d_clip(make_batch: Make) -> None:
    method = tiny(RandomTokens(ratio=0.7), decoder="cross").eval()
    batch = with_facts(make_batch((1, 1)), [False, True])
    drawn = method.draw_tokens(batch)
    first = method.masked_loss(*drawn).loss
    bias = method.decoder.head.bias
    with torch.no_grad():
        bias.view(4, 3)[:, 2] += 10.0
    only_flat = batch.select(torch.tensor([0]))
    drawn_flat = method.draw_tokens(only_flat)
    changed = method.masked_loss(*drawn_flat).loss
    with torch.no_grad():
        bias.view(4, 3)[:, 2] -= 10.0
    torch.testing.assert_close(changed, method.masked_loss(*drawn_flat).loss)
    with torch.no_grad():
        bias.view(4, 3)[:, 2] += 10.0
    assert method.masked_loss(*drawn).loss > first + 10


def test_a_2d_clip_is_not_a_3d_clip_in_a_plane(make_batch: Make) -> None:
    method, batch = tiny().eval(), make_batch((1,), lost=0.0)
    in_plane = batch.with_tracks(batch.tracks.positions * torch.tensor([1.0, 1.0, 0.0]))
    flat = in_plane.of_tracks(replace(in_plane.tracks, has_depth=torch.tensor([False])))
    assert (method.embed(flat) - method.embed(in_plane)).abs().max() > 1e-3


def test_the_duration_is_an_input(make_batch: Make) -> None:
    method, batch = tiny().eval(), make_batch((1,))
    found = [method.embed(with_facts(batch, duration=[seconds])) for seconds in (1.0, 4.0, math.nan)]
    assert (found[0] - found[1]).abs().max() > 1e-3
    assert (found[0] - found[2]).abs().max() > 1e-3


def test_in_a_new_encoder_the_duration_makes_no_difference_but_it_can_be_learned(make_batch: Make) -> None:
    torch.manual_seed(0)
    config = JointPatchMAEConfig.model_validate(TINY)
    method = config.build(InputSpec(16, 3, tuple(VOCABULARY)), MotionAware(ratio=0.7))
    assert isinstance(method, JointPatchMAE)
    short, long, unknown = (with_facts(make_batch((1,)), duration=[seconds]) for seconds in (0.5, 8.0, math.nan))
    with torch.no_grad():
        assert torch.equal(method.embed(short), method.embed(long))
        assert torch.equal(method.embed(short), method.embed(unknown))
    method.eval()(short).loss.backward()
    assert method.encoder.duration_embed is not None
    gradient = method.encoder.duration_embed.linear.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_names_and_durations_are_left_out_per_clip_and_again_in_the_same_way(make_batch: Make) -> None:
    batch = with_facts(make_batch((2,) * 500, frames=4, lost=0.0))
    patches = make_patches(replace_frames(tiny().encoder), batch.tracks)
    config = DescriptionConfig(name_dropout=0.3, duration_dropout=0.6)
    found = with_dropout(patches, batch, config)
    assert found.is_nameless is not None
    assert found.duration is not None
    nameless, timeless = found.is_nameless.view(500, 2), found.duration.isnan().view(500, 2)
    for flags, share in ((nameless, 0.3), (timeless, 0.6)):
        assert torch.equal(flags[:, 0], flags[:, 1])  # both persons of a clip
        assert abs(float(flags[:, 0].float().mean()) - share) < 4 * math.sqrt(share * (1 - share) / 500)
    both = (nameless & timeless)[:, 0].float().mean()
    assert abs(float(both) - 0.18) < 4 * math.sqrt(0.18 * 0.82 / 500)  # independent of each other
    part = batch.select(torch.arange(100, 103))
    alone = with_dropout(make_patches(replace_frames(tiny().encoder), part.tracks), part, config)
    assert alone.is_nameless is not None
    assert torch.equal(alone.is_nameless, found.is_nameless[200:206])


def replace_frames(encoder: Any) -> Any:
    """The encoder for clips of one token."""
    encoder.time_steps = 1
    return encoder


def test_nothing_is_left_out_outside_training(make_batch: Make) -> None:
    method, batch = tiny(description={"name_dropout": 1.0, "duration_dropout": 1.0}), with_facts(make_batch((1,)))
    patches, _, _ = method.eval().draw_tokens(batch)
    assert patches.is_nameless is None
    assert patches.duration is not None
    assert not patches.duration.isnan().any()
    patches, _, _ = method.train().draw_tokens(batch)
    assert patches.is_nameless is not None
    assert patches.is_nameless.all()
    assert patches.duration is not None
    assert patches.duration.isnan().all()


def test_a_hidden_token_reaches_no_prediction(make_batch: Make) -> None:
    """The description of a joint depends on whether its hidden tokens exist, and not on what is in them."""
    method, batch = tiny(decoder="cross").eval(), with_facts(make_batch((1, 1)))
    patches, mask, queries = method.draw_tokens(batch)
    changed = replace(patches, values=torch.where(mask.hidden[..., None, None], 99.0, patches.values))
    assert torch.equal(method.predict(patches, mask, queries), method.predict(changed, mask, queries))


def test_a_decoder_tells_joints_without_names_apart(make_batch: Make) -> None:
    method, batch = tiny(decoder="cross").eval(), with_facts(make_batch((1,), lost=0.0))
    patches = replace(make_patches(method.encoder, batch.tracks), is_nameless=torch.tensor([True]))
    hidden = torch.zeros_like(patches.available)
    hidden[:, 0, :20] = True
    mask = TokenMask.from_hidden(hidden, patches.available)
    predicted = method.predict(patches, mask, TokenIndex.from_mask(mask.hidden.flatten(1)))
    distance = torch.cdist(predicted[0].flatten(1), predicted[0].flatten(1)) + torch.eye(20)
    assert distance.min() > 1e-4


def test_parts_are_those_of_a_human_body_in_all_human_layouts(make_batch: Make) -> None:
    with_racket = Skeleton(
        "tennis",
        ("grip", "racket", *KINECT20.joints),
        {**KINECT20.parents, "grip": "right_hand", "racket": "grip"},
    )
    layout = pooled_layout(with_racket)
    assert tuple(layout.parts) == (*BODY_PARTS, ROOT_MOTION)
    assert set(layout.parts["right_arm"]) == {"grip", "racket", *KINECT20.parts["right_arm"]}
    method = tiny().eval()
    widths = {
        method.embed(make_batch((1,), skeleton=skeleton), "parts").shape[1]
        for skeleton in (with_racket, KINECT20, COCO17)
    }
    assert widths == {7 * 16}


def test_an_animal_keeps_its_own_parts() -> None:
    bones = {"nose": "withers", "tail": "withers", "paw_l": "withers", "paw_r": "withers"}
    animal = Skeleton("animal", ("withers", *bones), bones)
    assert set(pooled_layout(animal).parts) == {"head", "withers", "tail", "paw_l", "paw_r", ROOT_MOTION}
    groups = [GROUPS[group] for group in group_of_joint(animal)]
    assert groups == ["middle", "head", "middle", "left", "right", ROOT_MOTION]


def test_groups_are_means_over_their_tokens(make_batch: Make) -> None:
    method, batch = tiny().eval(), with_facts(make_batch((1,)))
    found = embed_groups(method.encoder, batch.tracks).view(len(GROUPS), 16)
    patches = make_patches(method.encoder, batch.tracks)
    visible = TokenMask.all_visible(patches.available).visible_index
    features, group = method.encoder(patches, visible)[0], group_of_joint(KINECT20)
    for index in range(len(GROUPS)):
        rows = [row for row, token in enumerate(visible.index[0].tolist()) if group[token % 21] == index]
        expected = features[rows].mean(0) if rows else torch.zeros(16)
        torch.testing.assert_close(found[index], expected, atol=1e-6, rtol=1e-5)


def test_a_classifier_reads_any_layout(make_batch: Make) -> None:
    classifier = tiny().classifier(5).eval()
    for skeleton in (KINECT20, COCO17, Skeleton("two", ("a", "b"), {"b": "a"})):
        assert classifier(with_facts(make_batch((2, 1), skeleton=skeleton))).shape == (2, 5)


def test_a_reconstruction_has_the_joints_of_the_layout(make_batch: Make) -> None:
    method = tiny(decoder="cross", target="motion").eval()
    found = method.reconstruct(with_facts(make_batch((1,))))
    assert found is not None
    assert found.hidden.shape == (16, 20)
    assert found.positions.shape == (16, 20, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "pooled"}, "target pooled needs joint_embedding name"),
        ({"target": "teacher", "teacher": {"center": True}}, "teacher.center needs joint_embedding name"),
        (
            {"joint_embedding": "name", "description": {"name_dropout": 0.1}},
            "joint_embedding name has no description.name_dropout",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        JointPatchMAEConfig.model_validate(TINY | change)


@pytest.mark.parametrize("kind", ["contrastive", "order"])
def test_other_methods_refuse_descriptions(kind: str) -> None:
    with pytest.raises(ValidationError, match=f"method {kind} needs joint_embedding name"):
        METHODS[kind].model_validate({"joint_embedding": "description"})


def test_clips_with_two_axes_are_refused(make_batch: Make) -> None:
    with pytest.raises(ValueError, match="needs clips with 3 axes"):
        JointPatchMAEConfig.model_validate(TINY).build(InputSpec(16, 2, KINECT20.joints), RandomTokens())
    encoder = JointPatchMAEConfig.model_validate(TINY)
    with pytest.raises(ValueError, match="neighbor_tuning needs an encoder with joint_embedding name"):
        NeighborTuningConfig(encoder=encoder).build(InputSpec(16, 3, KINECT20.joints))


def test_a_model_has_weights_for_the_names_of_the_vocabulary() -> None:
    config = JointPatchMAEConfig.model_validate(TINY)
    assert config.known_joints(("racket", "head")) == (*VOCABULARY, "racket")
    assert JointPatchMAEConfig().known_joints(("racket", "head")) == ("racket", "head")


def test_bf16_features_are_close_to_float32(make_batch: Make) -> None:
    method, batch = tiny().eval(), with_facts(make_batch((2, 1)), [True, False], [1.0, math.nan])
    with torch.no_grad():
        expected = method.embed(batch, "parts")
        with torch.autocast("cpu", torch.bfloat16):
            found = method.embed(batch, "parts").float()
    assert torch.nn.functional.cosine_similarity(found, expected).min() > 0.999
