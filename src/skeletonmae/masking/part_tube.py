"""Mask connected joints of a body part for some time, again and again."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from skeletonmae.batches import Patches, SampleRng
from skeletonmae.config import Config
from skeletonmae.masking.mask import TokenMask, mask_by_score
from skeletonmae.skeletons import Skeleton

NUM_DRAWS = 64
"""Number of tubes that are drawn for each track. What they leave of the share is hidden at random."""


class PartTubes(Config):
    """Hide tubes until a share of the tokens is hidden: some connected joints of a body part for some time steps.

    The body part, the number of its joints, the joint in their middle, the duration and the start of each tube are
    random, all with equal probabilities. The last tube ends early, so that exactly the share is hidden.

    Source: Do et al., SLiM, NeurIPS 2026, arXiv 2603.10648, and its public code, where the number of tokens of a
    tube is drawn instead of its duration.
    """

    kind: Literal["part_tube"] = "part_tube"
    ratio: float = Field(0.7, gt=0, lt=1)
    """Share of the available tokens that are hidden. SLiM draws it from 0.5 to 0.9 for half of the clips."""

    def __call__(self, patches: Patches, rng: SampleRng) -> TokenMask:
        """Draw a mask for every track."""
        time_steps, num_joints = patches.available.shape[1:]
        is_in_joints = _draw_joints(patches.skeleton, rng)
        duration = (rng.uniform(NUM_DRAWS) * time_steps).floor() + 1
        start = (rng.uniform(NUM_DRAWS) * (time_steps - duration + 1)).floor()
        step = torch.arange(time_steps, device=start.device)
        is_in_time = (step >= start[..., None]) & (step < (start + duration)[..., None])
        # One more draw that contains everything, so that every token has a first tube.
        shape = (len(start), 1, time_steps, num_joints)
        is_inside = torch.cat(
            [is_in_time[..., None] & is_in_joints[:, :, None], is_in_time.new_ones(shape)], dim=1
        )
        first_tube = is_inside.to(torch.int8).argmax(1)
        noise = rng.uniform(time_steps, num_joints).double()  # float32 would not tell all tokens of a tube apart
        order_within = torch.where(first_tube < NUM_DRAWS, (step[:, None] + noise) / time_steps, noise)
        return mask_by_score(-(first_tube + order_within), patches.available, self.ratio)


def _draw_joints(skeleton: Skeleton, rng: SampleRng) -> Bool[Tensor, "track draw joint"]:
    """Draw a part of the body for each tube, and some joints of it: those that are nearest to one of them."""
    membership, distance = _part_tensors(skeleton, rng.keys.device)
    part = (rng.uniform(NUM_DRAWS) * len(membership)).long()
    is_in_part = membership[part]
    joint_noise = rng.uniform(NUM_DRAWS, skeleton.num_joints).masked_fill(~is_in_part, torch.inf)
    center = joint_noise.argmin(-1)
    num_joints = (rng.uniform(NUM_DRAWS) * is_in_part.sum(-1)).floor() + 1
    # Joints at the same distance are taken in the order of their noise.
    score = (distance[center] + joint_noise).masked_fill(~is_in_part, torch.inf)
    return score.argsort(-1).argsort(-1) < num_joints[..., None]


@lru_cache(maxsize=32)
def _part_tensors(
    skeleton: Skeleton, device: torch.device
) -> tuple[Bool[Tensor, "part joint"], Float[Tensor, "joint joint"]]:
    """Return which joints each part has, and the number of bones between two joints."""
    with torch.inference_mode(False):  # the next call may be in training
        part_index = torch.as_tensor(skeleton.part_index, device=device)
        membership = part_index == torch.arange(len(skeleton.parts), device=device)[:, None]
        return membership, torch.as_tensor(skeleton.hop_distance, device=device).float()
