from __future__ import annotations

import torch

from skeletonmae.models import PositionEmbedding
from skeletonmae.skeletons import COCO17, Skeleton


def test_a_position_embedding_is_that_of_the_joint_name() -> None:
    pos_embed = PositionEmbedding(("head", "nose", "left_knee"), 2, 8)
    both = Skeleton(
        "two", ("left_knee", "head"), {"left_knee": "head"}, mirror={"left_knee": "left_knee", "head": "head"}
    )
    found = pos_embed(both).view(2, 2, 8)
    for step in range(2):
        assert torch.equal(found[step, 0], pos_embed.time[step] + pos_embed.joint[2])
        assert torch.equal(found[step, 1], pos_embed.time[step] + pos_embed.joint[0])


def test_an_unknown_joint_has_the_embedding_of_time_only() -> None:
    pos_embed = PositionEmbedding(("head",), 2, 8)
    found = pos_embed(COCO17).view(2, 17, 8)
    assert not pos_embed.known_joints(COCO17).any()
    assert torch.equal(found, pos_embed.time[:, None].expand(2, 17, 8))
