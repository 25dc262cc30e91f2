from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.batches import Patches
from skeletonmae.errors import InputError
from skeletonmae.masking import TokenIndex, TokenMask
from skeletonmae.models import JointPatchDecoder, JointPatchEncoder
from skeletonmae.models.joint_description import TrackJoints
from skeletonmae.models.joint_patch_transformer import masked_mean, mean_over_time
from skeletonmae.skeletons import KINECT20, NTU25, Skeleton

SMALL: dict[str, Any] = {"width": 16, "heads": 2, "mlp_ratio": 2.0}


def encoder(joints: tuple[str, ...] = KINECT20.joints) -> JointPatchEncoder:
    torch.manual_seed(0)
    return JointPatchEncoder(joints, time_steps=3, token_frames=2, axes=3, depth=2, **SMALL)


def patches_of(num: int = 4, skeleton: Skeleton = KINECT20, lost: float = 0.3) -> Patches:
    dice = torch.Generator().manual_seed(1)
    values = torch.randn(num, 3, skeleton.num_joints, 2, 3, generator=dice)
    observed = torch.rand(values.shape[:-1], generator=dice) >= lost
    return Patches(values * observed[..., None], observed, skeleton)


def test_block_outputs_are_those_of_each_block_before_the_final_norm() -> None:
    model, patches = encoder(), patches_of()
    visible = TokenMask.all_visible(patches.available).visible_index
    outputs = model.block_outputs(patches, visible)
    x = model.embed_tokens(patches, visible)
    for block, output in zip(model.blocks, outputs, strict=True):
        x = block(x, attn_mask=visible.valid)
        assert torch.equal(output, x)
    assert torch.equal(model.norm(outputs[-1]), model(patches, visible))


@pytest.mark.parametrize("lost", [0.0, 0.5])
def test_visible_tokens_do_not_depend_on_hidden_ones(lost: float) -> None:
    model, patches = encoder(), patches_of(lost=lost)
    hidden = torch.rand(4, 3, 20, generator=torch.Generator().manual_seed(2)) < 0.6
    mask = TokenMask.from_hidden(hidden, patches.available)
    assert (mask.visible_index.valid is None) == bool(
        (mask.visible_index.num_valid == mask.visible_index.num_valid[0]).all()
    )
    features = model(patches, mask.visible_index)
    for poison in (1e4, torch.nan):
        values = patches.values.masked_fill(mask.hidden[..., None, None], poison)
        other = model(Patches(values, patches.observed, KINECT20), mask.visible_index)
        for row, count in enumerate(mask.visible_index.num_valid):
            assert torch.equal(features[row, :count], other[row, :count]), poison


def test_the_features_of_a_track_do_not_depend_on_other_tracks() -> None:
    model, patches = encoder(), patches_of(lost=0.6)
    visible = TokenMask.all_visible(patches.available).visible_index
    features = model(patches, visible)
    for row in range(4):
        one = Patches(patches.values[row : row + 1], patches.observed[row : row + 1], KINECT20)
        alone = model(one, TokenMask.all_visible(one.available).visible_index)
        torch.testing.assert_close(features[row, : alone.shape[1]], alone[0], atol=1e-6, rtol=1e-5)


def test_an_observed_zero_differs_from_an_unobserved_joint() -> None:
    model, patches = encoder(), patches_of(lost=0.0)
    values = patches.values.clone()
    values[:, 0, 5, 1] = 0.0
    observed = patches.observed.clone()
    observed[:, 0, 5, 1] = False
    visible = TokenMask.all_visible(patches.available).visible_index
    observed_result = model(Patches(values, patches.observed, KINECT20), visible)
    unobserved_result = model(Patches(values, observed, KINECT20), visible)
    assert not torch.allclose(observed_result, unobserved_result)


def test_only_known_joints_are_available() -> None:
    patches = patches_of(skeleton=NTU25, lost=0.0)
    available = encoder().known_patches(patches).available
    unknown = [joint for index, joint in enumerate(NTU25.joints) if not available[..., index].any()]
    assert unknown == ["neck", "left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb"]
    with pytest.raises(InputError, match="the model knows no joint of layout ntu25"):
        encoder(("nose",)).known_patches(patches)


@pytest.mark.parametrize("change", [{"time_steps": 2}, {"token_frames": 4}, {"axes": 2}])
def test_clips_of_another_shape_are_refused(change: dict[str, int]) -> None:
    model = JointPatchEncoder(
        KINECT20.joints, **{"time_steps": 3, "token_frames": 2, "axes": 3} | change, depth=1, **SMALL
    )
    with pytest.raises(
        InputError, match=r"does not fit the model; .*got 3 time steps, 2 frames per token, 3 axes"
    ):
        model.known_patches(patches_of())


def joints_of(mask: TokenMask, skeleton: Skeleton = KINECT20) -> TrackJoints:
    """The joints that have an available token."""
    return TrackJoints(skeleton, mask.available.any(1))


def decoded(cross: bool, poison: str = "") -> tuple[torch.Tensor, TokenMask]:
    torch.manual_seed(0)
    model = JointPatchDecoder(
        KINECT20.joints, time_steps=3, out_features=6, encoder_width=12, depth=2, cross=cross, **SMALL
    )
    patches = patches_of(lost=0.6)
    hidden = torch.rand(4, 3, 20, generator=torch.Generator().manual_seed(2)) < 0.6
    mask = TokenMask.from_hidden(hidden, patches.available)
    latent = torch.randn(*mask.visible_index.index.shape, 12)
    if poison == "padding" and mask.visible_index.valid is not None:
        latent[~mask.visible_index.valid] = 1e3
    return model(latent, mask, mask.hidden_index, joints_of(mask)), mask


@pytest.mark.parametrize("cross", [True, False])
def test_a_decoder_predicts_the_queried_tokens_and_ignores_padding(cross: bool) -> None:
    prediction, mask = decoded(cross)
    assert mask.hidden_index.valid is not None
    assert prediction.shape == (4, mask.hidden_index.index.shape[1], 6)
    other, _ = decoded(cross, "padding")
    torch.testing.assert_close(prediction[mask.hidden_index.valid], other[mask.hidden_index.valid])


def test_a_decoder_does_not_attend_to_unavailable_tokens() -> None:
    tailed = Skeleton(
        "tailed",
        ("tail", *KINECT20.joints),
        {**KINECT20.parents, "tail": "pelvis"},
        parts={**KINECT20.parts, "tail": ("tail",)},
    )
    torch.manual_seed(0)
    model = JointPatchDecoder(
        KINECT20.joints, time_steps=3, out_features=6, encoder_width=12, depth=2, cross=False, **SMALL
    )
    hidden = torch.rand(4, 3, 20, generator=torch.Generator().manual_seed(2)) < 0.6
    plain = TokenMask.from_hidden(hidden, torch.ones_like(hidden))
    wider = TokenMask(*(torch.nn.functional.pad(flags, (1, 0)) for flags in (plain.hidden, plain.available)))
    latent = torch.randn(*plain.visible_index.index.shape, 12)
    one, other = (
        model(latent, plain, plain.hidden_index, joints_of(plain)),
        model(latent, wider, wider.hidden_index, joints_of(wider, tailed)),
    )
    valid = torch.arange(one.shape[1]) < plain.hidden_index.num_valid[:, None]
    torch.testing.assert_close(one[valid], other[valid], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("full_rows", [4, 1, 0])
def test_a_decoder_processes_only_available_tokens(full_rows: int) -> None:
    """It equals one that processes all tokens; bit by bit where any row has all of them."""
    torch.manual_seed(0)
    model = JointPatchDecoder(
        KINECT20.joints, time_steps=3, out_features=6, encoder_width=12, depth=2, cross=False, **SMALL
    )
    available = torch.rand(4, 3, 20) < 0.5
    available[:full_rows] = True
    mask = TokenMask.from_hidden(torch.rand(4, 3, 20) < 0.6, available)
    latent, queries = torch.randn(*mask.visible_index.index.shape, 12), mask.hidden_index
    lengths: list[int] = []
    hook = model.blocks[0].register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[1]))
    prediction = model(latent, mask, queries, joints_of(mask))
    hook.remove()
    x = mask.restore(model.input_proj(latent), model.mask_token) + model.pos_embed(KINECT20)
    for block in model.blocks:
        x = block(x, attn_mask=None if full_rows == 4 else available.flatten(1))
    everything = model.head(model.norm(queries.gather(x)))
    valid = torch.arange(prediction.shape[1]) < queries.num_valid[:, None]
    assert lengths == [int(available.flatten(1).sum(1).max())]
    if full_rows:
        assert torch.equal(prediction[valid], everything[valid])
    torch.testing.assert_close(prediction[valid], everything[valid], atol=1e-6, rtol=1e-5)


def test_means_equal_plain_loops() -> None:
    patches = patches_of(lost=0.7)
    visible = TokenMask.all_visible(patches.available).visible_index
    features = torch.randn(*visible.index.shape, 5, generator=torch.Generator().manual_seed(0))
    by_track, by_joint = (
        masked_mean(features, visible),
        mean_over_time(features, visible, 20),
    )
    for track in range(4):
        valid_tokens = [
            (int(visible.index[track, i]), features[track, i]) for i in range(int(visible.num_valid[track]))
        ]
        torch.testing.assert_close(by_track[track], torch.stack([value for _, value in valid_tokens]).mean(0))
        for joint in range(20):
            of_joint = [value for index, value in valid_tokens if index % 20 == joint]
            expected = torch.stack(of_joint).mean(0) if of_joint else torch.zeros(5)
            torch.testing.assert_close(by_joint[track, joint], expected)


def test_the_mean_of_no_token_is_0() -> None:
    visible = TokenMask.all_visible(torch.zeros(2, 3, 20, dtype=torch.bool)).visible_index
    assert masked_mean(torch.zeros(2, 0, 5), visible).tolist() == [[0] * 5] * 2


def test_a_cross_decoder_knows_the_positions_of_its_context() -> None:
    """Equal features at other joints or time steps are another context."""
    torch.manual_seed(0)
    model = JointPatchDecoder(
        KINECT20.joints, time_steps=3, out_features=6, encoder_width=12, depth=2, cross=True, **SMALL
    )
    latent, queries = torch.randn(1, 2, 12), TokenIndex(torch.tensor([[7]]), None)
    found = []
    for visible in ([1, 2], [1, 3], [1, 22]):
        available = torch.zeros(1, 60, dtype=torch.bool)
        available[0, [7, *visible]] = True
        hidden = torch.zeros(1, 60, dtype=torch.bool)
        hidden[0, 7] = True
        mask = TokenMask(hidden.view(1, 3, 20), available.view(1, 3, 20))
        found.append(model(latent, mask, queries, joints_of(mask)))
    assert (found[0] - found[1]).abs().max() > 1e-3
    assert (found[0] - found[2]).abs().max() > 1e-3


def inputs_with_deviations(patches: Patches) -> tuple[torch.Tensor, TokenIndex]:
    """What the linear embedding of tokens is given: 6 coordinates, 2 flags and 6 deviations; and of which tokens."""
    model = JointPatchEncoder(
        KINECT20.joints, time_steps=3, token_frames=2, axes=3, depth=1, motion_scale=0.1, **SMALL
    )
    visible, inputs = TokenMask.all_visible(patches.available).visible_index, list[torch.Tensor]()
    model.patch_embed.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    model(patches, visible)
    return inputs[0], visible


def test_tokens_may_have_their_deviations_from_their_mean_position() -> None:
    """Small ones in proportion, large ones by their logarithm, and only those that were observed."""
    patches = patches_of(lost=0.3)
    inputs, visible = inputs_with_deviations(patches)
    for row, place in ((0, 0), (1, 5), (3, 17)):
        token = int(visible.index[row, place])
        values, observed = (each[row, token // 20, token % 20] for each in (patches.values, patches.observed))
        deviation = values - values[observed].mean(0)
        torch.testing.assert_close(
            inputs[row, place, 8:], (torch.asinh(deviation / 0.1) * observed[:, None]).flatten()
        )


def test_deviations_do_not_depend_on_where_a_token_is() -> None:
    patches = patches_of(lost=0.0)
    here, _ = inputs_with_deviations(patches)
    there, _ = inputs_with_deviations(replace(patches, values=patches.values + 5.0))
    torch.testing.assert_close(here[..., 8:], there[..., 8:], atol=1e-4, rtol=1e-4)
    assert (here[..., :6] - there[..., :6]).abs().min() > 1
