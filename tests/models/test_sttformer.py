from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, leaky_relu

from skeletonmae.batches import Patches, patchify
from skeletonmae.errors import InputError
from skeletonmae.models.packed_steps import PackedSteps
from skeletonmae.models.sttformer import (
    STTFormerDecoder,
    STTFormerEncoder,
    TupleAttention,
    TupleBlock,
    sinusoidal_embedding,
    sum_over_time,
)
from skeletonmae.skeletons import COCO17, KINECT20, NTU25, Skeleton

Make = Callable[..., Any]
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 256)


def tiny(joints: tuple[str, ...] = KINECT20.joints, axes: int = 3) -> STTFormerEncoder:
    torch.manual_seed(0)
    made = STTFormerEncoder(joints, tuple_frames=4, axes=axes, widths=(8, 12), heads=2)
    stir(made)
    return made.eval()


def stir(module: torch.nn.Module) -> None:
    """Overwrite all tensors with values that no layer is initialized with."""
    dice = torch.Generator().manual_seed(1)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=dice) * 0.4 + (0.3 if tensor.ndim < 2 else -0.2))


def patches_of(make_batch: Make, persons: Any = (2, 1, 1), frames: int = 16, **settings: Any) -> Patches:
    tracks = make_batch(persons, frames, **settings).tracks
    return patchify(tracks.positions, tracks.observed, tracks.skeleton, 4)


def test_the_attention_map_by_hand() -> None:
    attention = TupleAttention(2, tokens=2, heads=1, query_width=1)
    # key: a tenth of the first channel; query: three times it, plus one
    attention.key_query.weight.data = torch.tensor([[[0.1], [0.0]], [[3.0], [0.0]]])
    attention.key_query.bias.data = torch.tensor([0.0, 1.0])
    attention.alpha.data = torch.tensor([0.5])
    attention.static_attn.data = torch.tensor([[[0.1, 0.2], [0.3, 0.4]]])
    sine = np.sin(1.0)  # position embedding of the second token in the first channel; that of the first is 0
    first, second = [[1.0, -sine], [5.0, 6.0]], [[2.0, 1.0 - sine], [7.0, 8.0]]
    x = torch.tensor([first, second], dtype=torch.float32)
    # with the position embedding the first channel is (1, 0), then (2, 1): keys (.1, 0) (.2, .1), queries (4, 1) (7, 4)
    means = [[(0.4 + 1.4) / 2, (0.1 + 0.8) / 2], [(0.0 + 0.7) / 2, (0.0 + 0.4) / 2]]
    table = np.array([[0.1, 0.2], [0.3, 0.4]]) + 0.5 * np.tanh(means)
    steps = PackedSteps(torch.tensor([[True, True]]))
    torch.testing.assert_close(attention.attention_maps(x, steps)[0, 0], torch.tensor(table, dtype=torch.float32))
    attended = attention(x, steps).detach()
    for step, values in enumerate((first, second)):
        for channel in range(2):
            for token in range(2):
                expected = table[0, token] * values[channel][0] + table[1, token] * values[channel][1]
                assert float(attended[step, channel, token]) == pytest.approx(expected, rel=1e-5)


def test_the_initial_static_map_is_the_mean_of_all_tokens() -> None:
    attention = TupleAttention(4, tokens=5, heads=3, query_width=2)
    torch.testing.assert_close(attention.static_attn.sum(1), torch.ones(3, 5))


def test_sinusoidal_embedding_by_hand() -> None:
    expected = [
        [0.0, np.sin(1.0), np.sin(2.0)],
        [1.0, np.cos(1.0), np.cos(2.0)],
        [0.0, np.sin(0.01), np.sin(0.02)],
    ]
    torch.testing.assert_close(sinusoidal_embedding(3, 4)[:3], torch.tensor(expected, dtype=torch.float32))


def plain_block(block: TupleBlock, x: Tensor, visible: Tensor) -> Tensor:
    """The block on (track, channel, step, token) with convolutions over two axes; steps that are not visible are 0."""
    is_visible = visible[:, None, :, None].float()

    def conv_bn(layer: Any, x: Tensor, weight: Tensor, padding: tuple[int, int]) -> Tensor:
        norm = layer[1]
        x = conv2d(x, weight, padding=padding)
        return batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False)

    own, (heads, width) = block.attention, (block.attention.heads, block.attention.query_width)
    both = (
        conv2d(x + own.pos_embed[None, :, None], own.key_query.weight[..., None], own.key_query.bias) * is_visible
    )
    key, query = both.unflatten(1, (2, heads, width)).unbind(1)
    scale = width * visible.sum(1)[:, None, None, None]
    maps = torch.einsum("nhctv,nhctu->nhvu", key, query) / scale
    maps = own.static_attn + own.alpha[:, None, None] * maps.tanh()
    attended = torch.einsum("nctv,nhvu->nchtu", x, maps).flatten(1, 2)
    widens = isinstance(block.residual, torch.nn.Sequential)
    skip = conv_bn(block.residual, x, block.residual[0].weight[..., None], (0, 0)) if widens else x
    x = leaky_relu(conv_bn(block.out_proj, attended, block.out_proj[0].weight[:, :, None], (0, 2)) + skip, 0.1)
    x = leaky_relu(conv_bn(block.ffn, x, block.ffn[0].weight[..., None], (0, 0)) + skip, 0.1) * is_visible
    also = (
        conv_bn(block.temporal_residual, x, block.temporal_residual[0].weight[..., None], (0, 0)) if widens else x
    )
    time = block.temporal_conv[0].weight.unflatten(1, (3, -1)).transpose(1, 2)
    return leaky_relu(conv_bn(block.temporal_conv, x, time, (1, 0)) + also, 0.1) * is_visible


@pytest.mark.parametrize("outputs", [8, 12])
@pytest.mark.parametrize("even", [True, False])
def test_a_block_equals_plain_convolutions_over_two_axes(outputs: int, even: bool) -> None:
    torch.manual_seed(0)
    block = TupleBlock(8, outputs, tokens=10, heads=3)
    stir(block)
    block.eval()
    visible = torch.tensor([[True, True, False, True, False], [False, True, True, even, False]])
    x = torch.randn(2, 8, 5, 10) * visible[:, None, :, None]
    with torch.no_grad():
        plain = plain_block(block, x, visible)
        found = block(x.transpose(1, 2)[visible], PackedSteps(visible))
    torch.testing.assert_close(found, plain.transpose(1, 2)[visible], rtol=1e-4, atol=1e-5)


def block_by_hand(inputs: int, outputs: int, query: int, tokens: int = 150, heads: int = 3) -> int:
    attention = inputs * 2 * heads * query + 2 * heads * query + heads + heads * tokens**2
    rest = 5 * heads * inputs * outputs + outputs**2 + 3 * outputs**2 + 3 * 2 * outputs
    return attention + rest + (inputs * outputs + outputs**2 + 4 * outputs if inputs != outputs else 0)


def test_parameters_counted_by_hand_for_ntu() -> None:
    table = [(64, 64, 16)] * 2 + [(64, 128, 32), (128, 128, 32), (128, 256, 64)] + [(256, 256, 64)] * 3
    encoder = STTFormerEncoder(NTU25.joints, tuple_frames=6, axes=3, widths=WIDTHS, heads=3)
    decoder = STTFormerDecoder(150, 3, (256, 128, 64, 64), heads=3)
    queries = [block.attention.query_width for block in (*encoder.blocks, *decoder.blocks)]
    assert queries == [16, 16, 32, 32, 64, 64, 64, 64, 64, 32, 16]
    counts = [sum(p.numel() for p in module.parameters()) for module in (encoder, decoder)]
    first = 6_240 + 3 + 67_500 + 61_440 + 4_096 + 12_288 + 384
    assert block_by_hand(64, 64, 16) == first
    embedding = 3 * 64 + 2 * 64 + 64
    assert counts[0] == embedding + sum(block_by_hand(*row) for row in table)
    rows = [(256, 128, 64), (128, 64, 32), (64, 64, 16)]
    assert counts[1] == 256 + sum(block_by_hand(*row) for row in rows) + 64 * 3 + 3
    # The published network with 60 classes has a bias in every convolution before a batch norm, and no mask token.
    biases = 64 + 3 * sum(row[1] for row in table) + 2 * (128 + 256)
    assert counts[0] - 64 + biases + 256 * 60 + 60 == 6_233_588


@pytest.mark.parametrize("axes", [2, 3])
def test_shapes_of_encoder_and_decoder(make_batch: Make, axes: int) -> None:
    patches = patches_of(make_batch, axes=axes)
    encoder = tiny(axes=axes)
    features, visible_tokens, steps = encoder(patches, patches.available)
    assert features.shape == (16, 12, 80)
    assert visible_tokens.shape == (16, 80)
    decoder = STTFormerDecoder(80, axes, (12, 8), heads=2)
    assert decoder(features, steps).shape == (4, 4, 80, axes)


def test_the_decoder_starts_from_encoded_tuples_and_from_mask_tokens_with_position_embeddings() -> None:
    decoder, given = STTFormerDecoder(10, 3, (6, 4), heads=2), list[Tensor]()
    decoder.blocks[0].register_forward_pre_hook(lambda block, args: given.append(args[0]))
    visible = torch.tensor([[True, False], [False, True]])
    latent = torch.randn(2, 6, 10)
    decoder(latent, PackedSteps(visible))
    empty = decoder.mask_token[:, None] + sinusoidal_embedding(10, 6)
    torch.testing.assert_close(given[0], torch.stack([latent[0], empty, empty, latent[1]]))


def test_hidden_tokens_have_no_influence(make_batch: Make) -> None:
    patches, encoder = patches_of(make_batch, lost=0.4), tiny().train()  # with the statistics of the batch
    visible = torch.rand(4, 4, 20, generator=torch.Generator().manual_seed(0)) < 0.5
    visible[0, 1] = visible[1, 2] = visible[1, 3] = False
    is_visible = (visible[..., None] & patches.observed)[..., None]
    poisoned = replace(patches, values=patches.values.masked_fill(~is_visible, torch.nan))
    features, visible_tokens, _ = encoder(patches, visible)
    assert len(features) == 13  # three tuples are left out
    assert int(visible_tokens.sum()) == int(is_visible.sum())
    assert torch.equal(encoder(poisoned, visible)[0], features)
    moved = replace(patches, values=patches.values + is_visible * 0.1)
    assert not torch.allclose(encoder(moved, visible)[0], features)


def test_the_features_of_a_track_do_not_depend_on_other_tracks(make_batch: Make) -> None:
    patches, encoder = patches_of(make_batch), tiny()
    visible = patches.available.clone()
    visible[0, 1] = visible[1, 2] = visible[1, 3] = False
    features, _, steps = encoder(patches, visible)
    track = steps.visible.nonzero()[:, 0]
    for row in range(4):
        alone = Patches(patches.values[row : row + 1], patches.observed[row : row + 1], patches.skeleton)
        torch.testing.assert_close(encoder(alone, visible[row : row + 1])[0], features[track == row])


def test_a_track_without_visible_tokens_gives_finite_gradients(make_batch: Make) -> None:
    patches, encoder = patches_of(make_batch, (1, 1)), tiny().train()
    for rows in ([True, False], [False, False]):
        visible = patches.available & torch.tensor(rows)[:, None, None]
        features, _, steps = encoder(patches, visible)
        features.sum().backward()
        assert steps.num_visible.tolist() == [4 * row for row in rows]
        assert all(p.grad.isfinite().all() for p in encoder.parameters())
        assert all(t.isfinite().all() for t in encoder.state_dict().values())


def test_joints_are_found_by_name(make_batch: Make) -> None:
    patches, encoder = patches_of(make_batch), tiny()
    turned = [7 * index % 20 for index in range(20)]
    joints = tuple(KINECT20.joints[index] for index in turned)
    other = Skeleton("turned", joints, KINECT20.parents, parts=KINECT20.parts)
    turned_patches = Patches(patches.values[:, :, turned], patches.observed[:, :, turned], other)
    assert torch.equal(
        encoder(turned_patches, turned_patches.available)[0], encoder(patches, patches.available)[0]
    )


def test_joints_that_a_layout_lacks_count_as_unobserved(make_batch: Make) -> None:
    patches = patches_of(make_batch, skeleton=COCO17)
    names = tuple(dict.fromkeys((*KINECT20.joints, *COCO17.joints)))
    _, visible_tokens, _ = tiny(names)(patches, patches.available)
    by_joint = visible_tokens.unflatten(1, (4, -1)).any(0).any(0)
    assert {name for name, is_visible in zip(names, by_joint, strict=True) if is_visible} == set(COCO17.joints)


def test_a_clip_that_does_not_fit_is_refused(make_batch: Make) -> None:
    patches = patches_of(make_batch)
    with pytest.raises(InputError, match="axes"):
        tiny(axes=2).known_patches(patches)
    with pytest.raises(InputError, match="kinect20"):
        tiny(("tail", "wing")).known_patches(patches)


def test_sums_over_time_are_those_of_visible_tokens() -> None:
    steps = PackedSteps(torch.tensor([[True, True], [False, True]]))
    features = torch.arange(3 * 1 * 4.0).view(3, 1, 4)  # two frames of two joints
    visible_tokens = torch.tensor([[1, 1, 0, 1], [1, 0, 0, 0], [0, 1, 0, 1]]).bool()
    total, count = sum_over_time(features, visible_tokens, steps, 2)
    assert total[..., 0].tolist() == [[[0 + 4, 1 + 3]], [[0, 9 + 11]]]
    assert count.tolist() == [[[2, 2]], [[0, 2]]]
    total, count = sum_over_time(features, visible_tokens, steps, 2, time_parts=2)
    assert total[..., 0].tolist() == [[[0, 1 + 3], [4, 0]], [[0, 0], [0, 9 + 11]]]
    assert count.tolist() == [[[1, 2], [1, 0]], [[0, 0], [0, 2]]]
