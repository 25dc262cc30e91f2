"""An animal with joints of its own: from a layout in a file to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import InputSpec, JointPatchMAEConfig
from skeletonmae.methods.method import joint_names
from skeletonmae.models.position_embedding import PositionEmbedding
from skeletonmae.recipe import recipe_from
from skeletonmae.skeletons import KINECT20, VOCABULARY, Skeleton, read_layout

MOUSE = """
joints: [snout, ear_l, ear_r, middle, tail base, tail mid, tail tip]
bones:
  [[snout, middle], [ear_l, snout], [snout, ear_r], [middle, tail base], [tail mid, tail base], [tail tip, tail mid]]
root: middle
"""


@pytest.fixture
def mouse(tmp_path: Path) -> Skeleton:
    path = tmp_path / "mouse.yaml"
    path.write_text(MOUSE)
    return read_layout(path)


def test_every_joint_has_a_place_of_its_own(mouse: Skeleton) -> None:
    assert not set(mouse.joints) & set(VOCABULARY)
    places = PositionEmbedding(joint_names([mouse, KINECT20]), time_steps=2, width=4)
    assert places.known_joints(mouse).all()
    of_joints = places(mouse).unflatten(0, (2, 7))[0]
    assert len(torch.unique(of_joints, dim=0)) == 7


def test_every_place_learns(mouse: Skeleton, make_batch: Any) -> None:
    config = JointPatchMAEConfig(width=16, depth=1, heads=2, decoder_width=16, decoder_depth=1)
    torch.manual_seed(0)
    method = config.build(InputSpec(16, 3, joint_names([mouse])), RandomTokens(ratio=0.5))
    output = method(make_batch(skeleton=mouse))
    output.loss.backward()
    for places in (method.encoder.pos_embed, method.decoder.pos_embed):
        assert places.joint.shape == (7, 16)
        assert places.joint.grad is not None
        assert (places.joint.grad.abs().amax(1) > 0).all()


def test_it_is_stored_pretrained_on_and_known_to_the_checkpoint(
    mouse: Skeleton, tmp_path: Path, make_store: Any, make_recording: Any, tiny_tree: Any, alone: Any
) -> None:
    mice = [make_recording(seed, frames=20, skeleton=mouse, axes=2, unit="px") for seed in range(12)]
    assert make_store(tmp_path / "store", mice, axes=2, unit="px").skeleton == mouse
    tree = tiny_tree(tmp_path / "store", None, epochs=1, warmup_epochs=0)
    tree["data"] |= {
        "pretrain": [{"store": str(tmp_path / "store"), "use": "all"}],
        "transforms": [{"kind": "center"}],
    }
    tree["masking"] = {"kind": "spatial_temporal", "granularity": "part"}
    checkpoint = load_checkpoint(runs.pretrain(recipe_from(tree, "mice"), tmp_path / "run", alone))
    assert checkpoint.header.joints == mouse.joints
    assert checkpoint.method.encoder.pos_embed.known_joints(mouse).all()  # type: ignore[operator, union-attr]
