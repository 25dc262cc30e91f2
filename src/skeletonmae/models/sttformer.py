"""The `sttformer` encoder and decoder: tuples of frames, whose joints attend to each other across the frames.

Source: Qiu et al., *Spatio-Temporal Tuples Transformer for Skeleton-Based Action Recognition*, 2022. Time steps of
all tracks lie end to end, `(pick, channel, token)`: steps that are hidden whole take no room, and no layer sees a
place that is only filled up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from skeletonmae.batches import Patches
from skeletonmae.errors import InputError
from skeletonmae.models.rows import RowNorm
from skeletonmae.skeletons import Skeleton

SLOPE = 0.1
"""Of every LeakyReLU."""


@dataclass(frozen=True, eq=False)
class Steps:
    """Some time steps of each track, end to end.

    Args:
        shown: which.
    """

    shown: Bool[Tensor, "track step"]

    @cached_property
    def count(self) -> Int64[Tensor, " track"]:
        """How many each track has."""
        return self.shown.sum(1)

    @cached_property
    def filled(self) -> Bool[Tensor, "track most"] | None:
        """Which places count when all tracks are as long as the longest; None if they are."""
        most, least = (int(self.count.max()), int(self.count.min())) if len(self.count) else (0, 0)
        return None if most == least else torch.arange(most, device=self.count.device) < self.count[:, None]

    @cached_property
    def nearby(self) -> Int64[Tensor, " three_picks"]:
        """For every pick the one before, itself and the one after in time, counted from 1; 0 if not shown."""
        shown = self.shown.long()
        number = nn.functional.pad(shown.flatten().cumsum(0).view_as(shown) * shown, (1, 1))
        return number.unfold(1, 3, 1)[self.shown].flatten()

    def pad(self, picks: Float[Tensor, "pick ..."]) -> Float[Tensor, "track most ..."]:
        """A row for each track, with zeros after its last pick."""
        if self.filled is None:
            return picks.view(len(self.shown), len(picks) // max(1, len(self.shown)), *picks.shape[1:])
        whole = picks.new_zeros(*self.filled.shape, *picks.shape[1:])
        whole[self.filled] = picks
        return whole

    def unpad(self, rows: Float[Tensor, "track most ..."]) -> Float[Tensor, "pick ..."]:
        """The picks of such rows, end to end."""
        return rows.flatten(0, 1) if self.filled is None else rows[self.filled]

    def around(self, picks: Float[Tensor, "pick channel token"]) -> Float[Tensor, "pick three_channels token"]:
        """The channels of the step before, of this one and of the one after, side by side."""
        _, channels, tokens = picks.shape
        whole = torch.cat([picks.new_zeros(1, channels, tokens), picks])
        return whole.index_select(0, self.nearby).view(-1, 3 * channels, tokens)


class TupleAttention(nn.Module):
    """Every token of a tuple takes from the others by one map for each track and head.

    The map is `learned + alpha * tanh(m)`; m is key times query, averaged over channels and time steps.

    Args:
        channels: of the tokens.
        tokens: of a tuple.
        heads: maps of each track.
        width: channels of a query.
    """

    def __init__(self, channels: int, tokens: int, heads: int, width: int) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.key_query = drawn(nn.Conv1d(channels, 2 * heads * width, 1))
        self.alpha = nn.Parameter(torch.ones(heads))
        self.learned = nn.Parameter(torch.full((heads, tokens, tokens), 1.0 / tokens))
        self.register_buffer("place", sine_places(tokens, channels), persistent=False)
        self.place: Tensor

    def maps(self, x: Float[Tensor, "pick channel token"], steps: Steps) -> Float[Tensor, "track head key query"]:
        """How much of each token (row) every token (column) takes."""
        both = steps.pad(self.key_query(x + self.place).unflatten(1, (2, self.heads, self.width)))
        key, query = both.permute(2, 0, 3, 1, 4, 5).flatten(3, 4)
        products = key.transpose(2, 3) @ query
        num_steps = steps.count.clamp(min=1)[:, None, None, None].to(products.dtype)
        of_track = torch.tanh(products / (self.width * num_steps))
        return torch.addcmul(self.learned, self.alpha[:, None, None], of_track)

    def forward(
        self, x: Float[Tensor, "pick channel token"], steps: Steps
    ) -> Float[Tensor, "pick channel_head token"]:
        """What each token takes, for every head: all channels of it."""
        rows = steps.pad(x)
        # One product for all heads and steps, whose result is what the convolution reads: nothing is repeated.
        maps = self.maps(x, steps).to(x.dtype).transpose(1, 2).flatten(2)
        taken = rows.flatten(1, 2) @ maps
        channels = rows.shape[2] * self.heads
        return steps.unpad(taken.view(*rows.shape[:2], channels, rows.shape[3]))


class TupleBlock(nn.Module):
    """Attention in tuples with a convolution over their tokens; a feed-forward; a convolution over time steps.

    A time step that is not shown counts as zero to its neighbours.

    Args:
        channels: of the input.
        outputs: channels of the output. A query has a quarter of the larger of the two.
        tokens: of a tuple.
        heads: of the attention.
    """

    def __init__(self, channels: int, outputs: int, tokens: int, heads: int) -> None:
        super().__init__()
        self.attention = TupleAttention(channels, tokens, heads, max(channels, outputs) // 4)
        self.mix = normed(heads * channels, outputs, 5)
        self.feed = normed(outputs, outputs)
        self.time = normed(3 * outputs, outputs)
        widens = channels != outputs
        self.skip = normed(channels, outputs) if widens else nn.Identity()
        self.skip_time = normed(outputs, outputs) if widens else nn.Identity()
        with torch.no_grad():  # drawn as the convolution over three steps that it is
            next(self.time.parameters()).mul_(3**-0.5)

    def forward(self, x: Float[Tensor, "pick channel token"], steps: Steps) -> Float[Tensor, "pick output token"]:
        """One block."""
        skip = self.skip(x)
        x = active(self.mix(self.attention(x, steps)) + skip)
        x = active(self.feed(x) + skip)
        return active(self.time(steps.around(x)) + self.skip_time(x))


class STTFormerEncoder(nn.Module):
    """Tuples to features. A joint of a frame that is not shown is a mask token; a tuple without any is left out.

    The learned maps fix the joints: clips of other layouts are brought to their order by name.

    Args:
        joints: names of the joints of a frame, in order.
        tuple_frames: frames of a tuple.
        axes: coordinates of a joint.
        widths: channels of each block's output; the first is that of the input map too.
        heads: of each block.
    """

    def __init__(
        self, joints: tuple[str, ...], *, tuple_frames: int, axes: int, widths: tuple[int, ...], heads: int
    ) -> None:
        super().__init__()
        self.row = {joint: place for place, joint in enumerate(joints)}
        self.tuple_frames, self.axes, self.width = tuple_frames, axes, widths[-1]
        self.embed = nn.Sequential(nn.Linear(axes, widths[0], bias=False), RowNorm(widths[0]), nn.LeakyReLU(SLOPE))
        self.mask_token = nn.Parameter(torch.randn(widths[0]) * 0.02)
        self.blocks = nn.ModuleList(
            TupleBlock(*pair, tuple_frames * len(joints), heads) for pair in pairwise((widths[0], *widths))
        )

    def known(self, skeleton: Skeleton) -> Bool[Tensor, " joint"]:
        """Which joints of a layout it has a place for.

        Raises:
            InputError: none.
        """
        known = torch.tensor([joint in self.row for joint in skeleton.joints], device=self.mask_token.device)
        if not known.any():
            problem = f"the model knows no joint of layout {skeleton.name}"
            raise InputError(problem, expected=sorted(self.row))
        return known

    def rows(self, skeleton: Skeleton) -> Int64[Tensor, " joint"]:
        """The place of each joint of a layout; 0 if there is none."""
        rows = [self.row.get(joint, 0) for joint in skeleton.joints]
        return torch.tensor(rows, device=self.mask_token.device)

    def forward(
        self, patches: Patches, visible: Bool[Tensor, "track step joint"]
    ) -> tuple[Float[Tensor, "pick channel token"], Bool[Tensor, "pick token"], Steps]:
        """Features of the tuples of which anything is visible, which tokens of them are, and where they belong.

        Args:
            patches: joints by `tuple_frames` frames.
            visible: those that it may see.

        Raises:
            InputError: the clip has other axes or frames a tuple, or no joint is known.
        """
        tracks, num_steps, _, frames, axes = patches.values.shape
        if (frames, axes) != (self.tuple_frames, self.axes):
            expected = (self.tuple_frames, self.axes)
            problem = "the clip does not fit the model (frames a tuple, axes)"
            raise InputError(problem, expected=expected, got=(frames, axes))
        known = self.known(patches.skeleton)
        rows = self.rows(patches.skeleton)[known]
        values = patches.values.new_zeros(tracks, num_steps, frames, len(self.row), axes)
        values[:, :, :, rows] = patches.values.transpose(2, 3)[:, :, :, known]
        shown = patches.observed.new_zeros(values.shape[:4])
        shown[:, :, :, rows] = (patches.observed & visible[..., None]).transpose(2, 3)[:, :, :, known]
        steps = Steps(shown.flatten(2).any(2))
        seen = shown[steps.shown].flatten(1)
        embedded = self.embed(values[shown])
        x = self.mask_token.to(embedded.dtype).repeat(*seen.shape, 1)
        x[seen] = embedded
        x = x.transpose(1, 2).contiguous()
        for block in self.blocks:
            x = block(x, steps)
        return x, seen, steps


class STTFormerDecoder(nn.Module):
    """Features of the encoded tuples to the coordinates of all tuples; those left out start as a mask token.

    Args:
        tokens: of a tuple.
        axes: coordinates of a token.
        widths: channels of the encoder's output and of each block's.
        heads: of each block.
    """

    def __init__(self, tokens: int, axes: int, widths: tuple[int, ...], heads: int) -> None:
        super().__init__()
        self.mask_token = nn.Parameter(torch.randn(widths[0]) * 0.02)
        self.register_buffer("place", sine_places(tokens, widths[0]), persistent=False)
        self.place: Tensor
        self.blocks = nn.ModuleList(TupleBlock(*pair, tokens, heads) for pair in pairwise(widths))
        self.say = nn.Conv1d(widths[-1], axes, 1)

    def forward(
        self, latent: Float[Tensor, "pick channel token"], steps: Steps
    ) -> Float[Tensor, "track step token axis"]:
        """What it says of every token."""
        shown = steps.shown.flatten()
        x = (self.mask_token[:, None] + self.place).to(latent.dtype).repeat(len(shown), 1, 1)
        x[shown] = latent
        every = Steps(torch.ones_like(steps.shown))
        for block in self.blocks:
            x = block(x, every)
        said: Tensor = self.say(x)
        return said.transpose(1, 2).reshape(*steps.shown.shape, *said.shape[:0:-1])


def normed(channels: int, outputs: int, tokens: int = 1) -> nn.Sequential:
    """A convolution over so many tokens, and a batch norm."""
    convolution = drawn(nn.Conv1d(channels, outputs, tokens, padding=tokens // 2, bias=False))
    return nn.Sequential(convolution, nn.BatchNorm1d(outputs))


def drawn(convolution: nn.Conv1d) -> nn.Conv1d:
    """With the first weights of STTFormer's code."""
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out")
    return convolution


def active(x: Tensor) -> Tensor:
    """LeakyReLU, in place."""
    return leaky_relu(x, SLOPE, inplace=True)


def sine_places(tokens: int, channels: int) -> Float[Tensor, "channel token"]:
    """Sines and cosines of wavelengths from 2 pi to 20,000 pi (Vaswani et al., NeurIPS 2017)."""
    rate = 10_000.0 ** (-torch.arange(0, channels, 2) / channels)
    angle = rate[:, None] * torch.arange(tokens)
    return torch.stack([angle.sin(), angle.cos()], 1).flatten(0, 1)[:channels]


def sum_over_time(
    features: Float[Tensor, "pick channel token"], seen: Bool[Tensor, "pick token"], steps: Steps, num_joints: int
) -> tuple[Float[Tensor, "track joint channel"], Float[Tensor, "track joint 1"]]:
    """The sum of each joint's visible tokens, and how many these are."""
    seen = seen.view(len(seen), seen.shape[1] // num_joints, num_joints)
    of_joint = features.reshape(*features.shape[:2], *seen.shape[1:])
    total = of_joint.masked_fill(~seen[:, None], 0.0).sum(2).transpose(1, 2)
    track = steps.shown.nonzero()[:, 0]
    of_track = features.new_zeros(len(steps.shown), *total.shape[1:]).index_add(0, track, total)
    count = features.new_zeros(len(steps.shown), num_joints).index_add(0, track, seen.sum(1).to(features.dtype))
    return of_track, count[..., None]
