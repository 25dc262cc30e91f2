"""The plain reference of the benchmarks computes what the package computes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from skeletonmae.batches import Batch, Patches, SampleRng, sample_keys
from skeletonmae.masking import TokenMask
from skeletonmae.methods import InputSpec, JointPatchClassifierConfig
from skeletonmae.methods.joint_patch_mae import JointPatchMAE, JointPatchMAEConfig
from skeletonmae.skeletons import NTU25
from skeletonmae.transforms import ClipConfig

FRAMES, JOINTS = 16, NTU25.num_joints
SIZES: dict[str, Any] = {"token_frames": 4, "width": 32, "depth": 2, "heads": 4}
DECODER: dict[str, Any] = {"decoder_width": 16, "decoder_depth": 2}


@pytest.fixture(scope="module")
def plain() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "plain.py"
    spec = importlib.util.spec_from_file_location("plain", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FixedMasking:
    """Hide the tokens with the highest `noise` of each person, `(batch * 2, token)`."""

    def __init__(self, noise: Tensor, ratio: float) -> None:
        self.noise, self.ratio = noise, ratio

    def __call__(self, patches: Patches, rng: SampleRng) -> TokenMask:
        place = self.noise.argsort(1).argsort(1)
        visible = self.noise.shape[1] - round(self.noise.shape[1] * self.ratio)
        hidden = (place >= visible)[: len(patches.values)]
        return TokenMask.from_hidden(hidden.view_as(patches.available), patches.available)


def clips(persons: int) -> Batch:
    """Three clips with so many persons, all observed; there is room for two."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(3, 2, FRAMES, JOINTS, 3, generator=generator)
    observed = torch.ones(positions.shape[:4], dtype=torch.bool)
    positions[:, persons:], observed[:, persons:] = 0.0, False
    index = torch.arange(3)
    return Batch(positions, observed, index, sample_keys(0, 0, index), NTU25)


def method(masking: Any) -> JointPatchMAE:
    torch.manual_seed(0)
    made = JointPatchMAEConfig(**SIZES, **DECODER).build(InputSpec(FRAMES, 3, NTU25.joints), masking)
    with torch.no_grad():  # biases and norms that do something
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return made


def copy_blocks(ours: nn.ModuleList, plain_model: nn.ModuleList) -> None:
    for a, b in zip(ours, plain_model, strict=True):
        b.norm1.load_state_dict(a.norm.state_dict())
        b.norm2.load_state_dict(a.mlp[0].state_dict())
        b.attention.out.load_state_dict(a.attention.out.state_dict())
        for kind in ("weight", "bias"):
            parts = getattr(a.attention.query, kind), getattr(a.attention.key_value, kind)
            getattr(b.attention.qkv, kind).copy_(torch.cat(parts))
        for layer, plain_layer in zip(a.mlp[1:], b.mlp, strict=True):
            plain_layer.load_state_dict(layer.state_dict())


@torch.no_grad()
def copy_encoder(ours: Any, plain_model: Any) -> None:
    values = SIZES["token_frames"] * 3
    plain_model.embed.weight.copy_(ours.patch_embed.weight[:, :values])
    plain_model.embed.bias.copy_(
        ours.patch_embed.bias + ours.patch_embed.weight[:, values:].sum(1)
    )  # every frame is observed
    copy_pos_embed(ours, plain_model)
    copy_blocks(ours.blocks, plain_model.blocks)
    plain_model.norm.load_state_dict(ours.norm.state_dict())


def copy_pos_embed(ours: Any, plain_model: Any) -> None:
    plain_model.time.copy_(ours.pos_embed.time.view_as(plain_model.time))
    plain_model.joint.copy_(ours.pos_embed.joint.view_as(plain_model.joint))


@torch.no_grad()
def copy_decoder(ours: Any, plain_model: Any) -> None:
    plain_model.decoder_embed.load_state_dict(ours.input_proj.state_dict())
    plain_model.mask_token.copy_(ours.mask_token.view_as(plain_model.mask_token))
    copy_pos_embed(ours, plain_model)
    copy_blocks(ours.blocks, plain_model.blocks)
    plain_model.norm.load_state_dict(ours.norm.state_dict())
    plain_model.head.load_state_dict(ours.head.state_dict())


@pytest.mark.parametrize("persons", [1, 2])
def test_loss_and_gradient_are_ours(plain: ModuleType, persons: int) -> None:
    batch, ratio = clips(persons), 0.7
    noise = torch.rand(6, FRAMES // 4 * JOINTS, generator=torch.Generator().manual_seed(1))
    there = batch.present.flatten()
    ours = method(FixedMasking(noise[there], ratio))
    plain_model = plain.PlainMAE(FRAMES, JOINTS, **SIZES, **DECODER, mask_ratio=ratio)
    copy_encoder(ours.encoder, plain_model.encoder)
    copy_decoder(ours.decoder, plain_model)
    output = ours(batch)
    loss = plain_model(batch.positions, noise)
    assert output.loss.item() > 0.5
    torch.testing.assert_close(loss, output.loss)
    loss.backward()
    output.loss.backward()
    for name in ("blocks.0.mlp.1.weight", "norm.bias", "pos_embed.joint"):
        plain_name = name.replace("mlp.1", "mlp.0").replace("pos_embed.", "")
        gradient = plain_model.encoder.get_parameter(plain_name).grad.squeeze()
        torch.testing.assert_close(gradient, ours.encoder.get_parameter(name).grad, rtol=1e-3, atol=1e-6)


def test_scores_are_ours(plain: ModuleType) -> None:
    batch = clips(persons=2)
    ours = method(None).classifier(5, JointPatchClassifierConfig(head_width=24)).eval()
    encoder = plain.PlainEncoder(FRAMES // 4, JOINTS, **SIZES)
    plain_model = plain.PlainClassifier(encoder, 4, JOINTS, SIZES["width"], 24, 5).eval()
    copy_encoder(ours.encoder, plain_model.encoder)
    plain_model.head.load_state_dict(ours.head.state_dict())  # type: ignore[operator]
    torch.testing.assert_close(plain_model(batch.positions), ours(batch))


def test_clips_are_ours(plain: ModuleType, make_store: Any, make_recording: Any, tmp_path: Path) -> None:
    made = [make_recording(i, i % 2 + 1, 9 + 11 * i, NTU25, lost=0.0, label="c") for i in range(4)]
    made = [type(one).from_positions(one.positions + 1, NTU25, name=one.name, label="c") for one in made]
    store = make_store(tmp_path / "store", made)
    ours = ClipConfig(frames=FRAMES, test_crop=1.0).loader(store, np.arange(4), batch_size=4).batch(0, 0)
    both = [np.concatenate([one.positions, np.zeros_like(one.positions)])[:2] for one in made]
    dataset = plain.PlainDataset(
        both, [0] * 4, FRAMES, NTU25.center_index, NTU25.left_right, crop=(1.0, 1.0), training=False
    )
    clips = torch.stack([dataset[i][0] for i in range(4)])
    torch.testing.assert_close(clips, ours.positions, rtol=1e-4, atol=1e-5)
