"""Adding blocks to an encoder: its features stay, and the new blocks learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from skeletonmae.batches import Patches
from skeletonmae.masking import TokenMask
from skeletonmae.models import JointPatchEncoder
from skeletonmae.models.deeper import deepened
from skeletonmae.skeletons import KINECT20

SETTINGS: dict[str, Any] = {
    "time_steps": 3,
    "token_frames": 2,
    "axes": 3,
    "width": 16,
    "heads": 2,
    "mlp_ratio": 2.0,
}


def encoder(depth: int) -> JointPatchEncoder:
    torch.manual_seed(depth)
    model = JointPatchEncoder(KINECT20.joints, depth=depth, **SETTINGS)
    with torch.no_grad():  # biases of 0 would hide what is not copied
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return model


def features(model: JointPatchEncoder) -> list[Tensor]:
    """The outputs of the blocks for some clips, and that of the encoder."""
    dice = torch.Generator().manual_seed(0)
    observed = torch.rand(4, 3, 20, 2, generator=dice) >= 0.3
    patches = Patches(torch.randn(4, 3, 20, 2, 3, generator=dice) * observed[..., None], observed, KINECT20)
    visible = TokenMask.all_visible(patches.available).visible_index
    return [*model.block_outputs(patches, visible), model(patches, visible)]


@pytest.mark.parametrize(
    "sources", [[0, 1], [0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2, 3, 3]]
)
def test_a_deeper_encoder_has_the_same_output(sources: list[int]) -> None:
    shallow = encoder(sources[-1] + 1)
    *expected, expected_output = features(shallow)
    deep = deepened(shallow, len(sources))
    *blocks, output = features(deep)
    assert torch.equal(output, expected_output)
    assert all(torch.equal(block, expected[source]) for block, source in zip(blocks, sources, strict=True))
    for index, source in enumerate(sources):
        is_new = source in sources[:index]
        of_source = shallow.blocks[source].state_dict()
        for name, value in deep.blocks[index].state_dict().items():
            is_last = name.startswith(("attention.out.", "mlp.3."))
            assert torch.equal(value, torch.zeros_like(value) if is_new and is_last else of_source[name]), name


def test_new_blocks_learn_and_the_encoder_they_come_from_stays() -> None:
    shallow = encoder(2)
    before = {name: value.clone() for name, value in shallow.state_dict().items()}
    deep = deepened(shallow, 4)
    optimizer = torch.optim.SGD(deep.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        features(deep)[-1].square().mean().backward()
        optimizer.step()
    for name, parameter in deep.blocks[1].named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0, name
    assert all(torch.equal(value, before[name]) for name, value in shallow.state_dict().items())


def test_an_encoder_is_not_reduced() -> None:
    with pytest.raises(ValueError, match="an encoder of 4 blocks cannot be reduced to 3"):
        deepened(encoder(4), 3)
