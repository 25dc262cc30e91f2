"""The order of parts of a clip, as a term beside the masked loss."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from skeletonmae.batches import Batch, SampleRng, Tracks
from skeletonmae.masking import Masking, TokenIndex
from skeletonmae.methods.joint_patch_config import JointPatchMAEConfig
from skeletonmae.methods.joint_patch_features import make_patches
from skeletonmae.methods.joint_patch_mae import JointPatchMAE
from skeletonmae.methods.method import MethodOutput
from skeletonmae.methods.method_config import InputSpec
from skeletonmae.models.joint_patch_transformer import masked_mean
from skeletonmae.models.transformer import init_weights

NUM_PARTS = 3
STILL = 0.01
"""Motion energy, as a share of the spatial variance of the body, at which a clip has half of its weight."""


class OrderConfig(JointPatchMAEConfig):
    """`joint_patch`, and the order of three parts of the clip, or its direction, as a second task.

    The parts have a quarter of the clip's time steps, and at least one time step lies between two of them. Each is
    encoded alone, as if the clip began with it, and centered on its own first frame, so that neither a position
    embedding nor the way that a person walked tells the order.

    Source: Wang et al., *Self-supervised 4D Spatio-temporal Feature Learning via Order Prediction of Sequential
    Point Cloud Clips*, WACV 2021; the head is that of Xu et al., *Video Clip Order Prediction*, CVPR 2019.
    """

    classifier_kind: ClassVar[str | None] = "joint_patch"

    kind: Literal["order"] = "order"  # type: ignore[assignment]  # another than that of the base
    order: Literal["permutation", "reversed"] = "permutation"
    """`permutation`: which of the 6 orders of three parts. `reversed`: whether the clip runs backwards."""
    order_weight: float = Field(0.1, ge=0)
    """Weight of the term beside the masked loss."""
    order_head_width: int = Field(128, ge=1, le=65_536)
    """Hidden width of the head."""

    def build(self, spec: InputSpec, masking: Masking) -> Order:
        """Build the method for clips of `spec`.

        Raises:
            ValueError: The clip is too short for three parts, or the target is not known to `order`.
        """
        if self.target == "pooled":
            raise ValueError("target pooled is one of joint_patch alone; order has the other targets")
        return Order(self, spec, masking)


class Order(JointPatchMAE):
    """Predict hidden tokens, and in which order parts of the clip were given."""

    config: OrderConfig

    def __init__(self, config: OrderConfig, spec: InputSpec, masking: Masking) -> None:
        super().__init__(config, spec, masking)
        steps = self.encoder.time_steps
        self.part_steps = steps // 4 if config.order == "permutation" else steps
        if config.order == "permutation" and (self.part_steps < 1 or steps < 3 * self.part_steps + 2):
            raise ValueError(f"order permutation needs at least 5 time steps; the clip has {steps}")
        num_parts = NUM_PARTS if config.order == "permutation" else 1
        orders = list(permutations(range(NUM_PARTS))) if num_parts > 1 else [(0,), (0,)]
        self.register_buffer("orders", torch.tensor(orders), persistent=False)
        self.pairs = tuple(combinations(range(num_parts), 2)) or ((0,),)
        self.pair_layer = nn.Linear(len(self.pairs[0]) * config.width, config.order_head_width)
        self.order_layer = nn.Linear(len(self.pairs) * config.order_head_width, len(orders))
        self.pair_layer.apply(init_weights)
        self.order_layer.apply(init_weights)

    orders: Tensor

    def forward(self, batch: Batch) -> MethodOutput:
        """The masked loss, plus the cross-entropy of the order of each clip.

        A clip counts in the term as often as it has terms in the masked loss, so that the two can be summed over
        parts of a batch.
        """
        if len(batch.tracks) == 0:
            output = super().forward(batch)
            nan = batch.tracks.positions.new_full((), torch.nan)
            return replace(output, logs=output.logs | {"order_loss": nan, "order_accuracy": nan})
        patches, mask, queries = self.draw_tokens(batch)
        output = self.masked_loss(patches, mask, queries)
        tracks = batch.tracks
        count = torch.zeros(len(batch), device=queries.index.device)
        count.index_add_(0, tracks.clip_index, queries.num_valid.to(count.dtype))
        logits, target = self.predict_order(batch)
        errors = cross_entropy(logits, target, reduction="none") * motion_weight(tracks)
        loss = (errors * count).sum() / output.num_terms.clamp(min=1)
        is_clip = (count > 0).float()
        accuracy = ((logits.argmax(1) == target) * is_clip).sum() / is_clip.sum()
        logs = output.logs | {"order_loss": loss.detach(), "order_accuracy": accuracy}
        return MethodOutput(output.loss + self.config.order_weight * loss, output.num_terms, logs)

    def predict_order(self, batch: Batch) -> tuple[Float[Tensor, "clip order"], Int64[Tensor, " clip"]]:
        """Return the logits of each order, and which one it was."""
        rng, tracks = batch.rng("order"), batch.tracks
        target = (rng.uniform() * len(self.orders)).long()
        parts = self.draw_parts(rng, target)
        features = torch.stack([self.encode_part(tracks, *part) for part in parts])
        joined = [torch.cat([features[index] for index in pair], 1) for pair in self.pairs]
        hidden = torch.cat([torch.relu(self.pair_layer(pair)) for pair in joined], 1)
        logits: Tensor = self.order_layer(hidden)
        return logits.float(), target

    def draw_parts(
        self, rng: SampleRng, target: Int64[Tensor, " clip"]
    ) -> list[tuple[Int64[Tensor, " clip"], Int64[Tensor, " clip"]]]:
        """Return the first time step of each part, in the order in which they are given, and whether it runs back.

        Args:
            rng: One random stream per clip.
            target: Which order.
        """
        if self.config.order == "reversed":
            return [(torch.zeros_like(target), target)]
        spare = self.encoder.time_steps - NUM_PARTS * self.part_steps - (NUM_PARTS - 1)
        offset = (rng.uniform(NUM_PARTS) * (spare + 1)).long().sort(1).values
        start = offset + torch.arange(NUM_PARTS, device=offset.device) * (self.part_steps + 1)
        given = start.gather(1, self.orders[target])
        return [(column, torch.zeros_like(target)) for column in given.unbind(1)]

    def encode_part(
        self, tracks: Tracks, start: Int64[Tensor, " clip"], backwards: Int64[Tensor, " clip"]
    ) -> Float[Tensor, "clip width"]:
        """Encode a part of each clip alone; the mean over its tokens and persons.

        Args:
            tracks: The persons.
            start: First time step of the part of each clip.
            backwards: 1 for the clips whose part runs backwards in time.
        """
        frames = self.config.token_frames
        part = select_part(tracks, start * frames, backwards, self.part_steps * frames)
        patches = make_patches(self.encoder, part)
        available = patches.available.flatten(1)
        has_token = available.any(1, keepdim=True)
        # A person who is not observed in this part has a token all the same, which does not count below.
        first = torch.arange(available.shape[1], device=available.device) == 0
        visible = TokenIndex.from_mask(available | (first & ~has_token))
        features = masked_mean(self.encoder(patches, visible).float(), visible)
        return tracks.mean_over_persons(features * has_token)


def select_part(
    tracks: Tracks, start: Int64[Tensor, " clip"], backwards: Int64[Tensor, " clip"], num_frames: int
) -> Tracks:
    """Return tracks that begin with a part of each clip and have nothing observed after it.

    A part is centered on the mean of the joints in its first observed frame.

    Args:
        tracks: The persons.
        start: First frame of the part of each clip.
        backwards: 1 for the clips whose part runs backwards in time.
        num_frames: Number of frames of a part.
    """
    frame = torch.arange(num_frames, device=start.device)
    frame = torch.where(backwards[:, None] > 0, start[:, None] + frame.flip(0), start[:, None] + frame)
    rows, frame = torch.arange(len(tracks), device=start.device), frame[tracks.clip_index]
    observed, bridged = (flags[rows[:, None], frame] for flags in (tracks.observed, tracks.bridged))
    positions = tracks.positions[rows[:, None], frame]
    first = observed.any(2).int().argmax(1)
    is_joint = observed[rows, first].to(positions.dtype)[..., None]
    origin = (positions[rows, first] * is_joint).sum(1) / is_joint.sum(1).clamp(min=1)
    positions = (positions - origin[:, None, None]) * observed[..., None]
    num_missing = tracks.observed.shape[1] - num_frames
    return replace(
        tracks,
        positions=pad(positions, (0, 0, 0, 0, 0, num_missing)),
        observed=pad(observed, (0, 0, 0, num_missing)),
        bridged=pad(bridged, (0, 0, 0, num_missing)),
    )


def motion_weight(tracks: Tracks) -> Float[Tensor, " clip"]:
    """Return a weight for each clip: near 0 where nobody moves, near 1 where somebody does.

    It is e / (e + 0.01 s): e is the mean squared distance of a joint from its mean position over the clip, s that
    of all joints from the mean position of the person. It does not depend on the unit, nor on other clips.
    """
    seen = tracks.observed.to(tracks.positions.dtype)[..., None]
    positions = tracks.positions * seen
    mean = positions.sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp(min=1)
    center = positions.sum((1, 2), keepdim=True) / seen.sum((1, 2), keepdim=True).clamp(min=1)
    energy, spread = (((positions - origin) * seen).square().sum((1, 2, 3)) for origin in (mean, center))
    energy, spread = tracks.mean_over_persons(torch.stack([energy, spread], 1)).unbind(1)
    return energy / (energy + STILL * spread).clamp(min=torch.finfo(energy.dtype).tiny)
