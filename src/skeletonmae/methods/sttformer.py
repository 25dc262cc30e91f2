"""Method A2, the spatial-temporal masked auto-encoder on the backbone of its paper: tuples of frames."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Batch, Patches, SampleRandom, Tracks, patchify
from skeletonmae.config import Config
from skeletonmae.masking import Masking, TokenMask
from skeletonmae.methods.method import (
    Classifier,
    InputSpec,
    Method,
    MethodConfig,
    MethodOutput,
    Pooling,
    Rebuilt,
    nothing,
    of_kind,
)
from skeletonmae.methods.targets import Normalise, targets_of
from skeletonmae.models.sttformer import STTFormerDecoder, STTFormerEncoder, sum_over_time
from skeletonmae.models.transformer import init_weights


class STTFormerConfig(MethodConfig):
    """The spatial-temporal masked auto-encoder on tuples of frames, for one layout.

    A query of a block has a quarter of the larger of its two widths. The batch norms join the clips of a batch, so
    that in training, unlike in `joint_patch`, a step depends on how it is cut into parts and processes.

    Source: Wu et al., *SkeletonMAE: Spatial-Temporal Masked Autoencoders*, ICME Workshops 2023, on the backbone of
    Qiu et al., *Spatio-Temporal Tuples Transformer for Skeleton-Based Action Recognition*, 2022.
    """

    kind: Literal["sttformer"] = "sttformer"
    tuple_frames: int = Field(6, ge=1, le=10_000)
    """Consecutive frames whose joints form a tuple; must divide the frames of a clip."""
    widths: tuple[int, ...] = Field((64, 64, 128, 128, 256, 256, 256, 256), min_length=1)
    """Channels of what each block of the encoder says."""
    decoder_widths: tuple[int, ...] = Field((128, 64, 64), min_length=1)
    """Channels of what each block of the decoder says."""
    heads: int = Field(3, ge=1)
    """Attention maps of every block, in encoder and decoder."""
    normalise: Normalise = "token"
    """Mean 0 and variance 1 for each joint in each tuple, or for each joint and axis over the clip."""

    def build(self, spec: InputSpec, masking: Masking) -> STTFormer:
        """The method for clips of `spec`."""
        return STTFormer(self, spec, masking)


class STTFormer(Method):
    """Leave out the tuples that are hidden whole, put a mask token for joints hidden in the others, rebuild both.

    Where nothing of a tuple is visible it is not encoded, whichever strategy hid it.
    """

    def __init__(self, config: STTFormerConfig, spec: InputSpec, masking: Masking) -> None:
        super().__init__()
        if spec.frames % config.tuple_frames:
            raise ValueError(f"{spec.frames} frames cannot be cut into tuples of {config.tuple_frames}")
        if min(*config.widths, *config.decoder_widths) < 4:
            raise ValueError("widths and decoder_widths must be 4 or more")
        self.config, self.spec, self.masking = config, spec, masking
        self.encoder = STTFormerEncoder(
            spec.joints,
            tuple_frames=config.tuple_frames,
            axes=spec.axes,
            widths=config.widths,
            heads=config.heads,
        )
        tokens = config.tuple_frames * len(spec.joints)
        widths = (config.widths[-1], *config.decoder_widths)
        self.decoder = STTFormerDecoder(tokens, spec.axes, widths, config.heads)

    def forward(self, batch: Batch) -> MethodOutput:
        """Mean squared error of the hidden joints of each tuple, over what was observed of them."""
        tracks = batch.tracks
        if len(tracks) == 0:
            return MethodOutput(nothing(self), batch.positions.new_zeros(()))
        said, mask = self.predict(tracks, batch.random("mask"))
        target = targets_of(tracks, "position", self.config.normalise, self.config.tuple_frames)
        seen = (target.observed & mask.hidden[..., None])[..., None].expand_as(said)
        error = (said - target.values).square().masked_fill(~seen, 0.0)
        count = seen.sum((3, 4))
        weight = (count > 0).sum()
        return MethodOutput((error.sum((3, 4)) / count.clamp(min=1)).sum() / weight.clamp(min=1), weight.float())

    def predict(
        self, tracks: Tracks, random: SampleRandom
    ) -> tuple[Float[Tensor, "track step joint frame axis"], TokenMask]:
        """What it says of every token, and the mask; for joints that it does not know it says nothing of use."""
        patches = self._patches(tracks)
        known = self.encoder.known(patches.skeleton)[:, None]
        streams = random.of_tracks(tracks.sample, tracks.person)
        mask = self.masking(replace(patches, observed=patches.observed & known), streams)
        latent, _, steps = self.encoder(patches, mask.available & ~mask.hidden)
        said = self.decoder(latent, steps).float().unflatten(2, (self.config.tuple_frames, -1))
        return said[:, :, :, self.encoder.rows(patches.skeleton)].transpose(2, 3), mask

    def _patches(self, tracks: Tracks) -> Patches:
        return patchify(tracks.positions, tracks.observed, tracks.skeleton, self.config.tuple_frames)

    def embed(self, batch: Batch, pooling: Pooling = "mean") -> Float[Tensor, "batch feature"]:
        """Features of all that was observed, averaged over persons and time, and over joints if `mean`."""
        return embed_tracks(self.encoder, batch.tracks, pooling)

    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """The encoder and one linear layer."""
        return STTFormerClassifier(self, num_classes, of_kind(STTFormerClassifierConfig, config))

    @torch.no_grad()
    def rebuild(self, batch: Batch) -> Rebuilt | None:
        """The first person of the first clip."""
        if not batch.present[:1].any():
            return None
        tracks = batch.tracks
        said, mask = self.predict(tracks, batch.random("mask"))
        target = targets_of(tracks, "position", self.config.normalise, self.config.tuple_frames)
        whole = torch.where(
            mask.hidden[..., None, None], said * target.spread + target.mean, self._patches(tracks).values
        )
        frames = mask.hidden[0].repeat_interleave(self.config.tuple_frames, 0)
        return Rebuilt(frames.cpu().numpy(), whole[0].transpose(1, 2).flatten(0, 1).float().cpu().numpy())


class STTFormerClassifierConfig(Config):
    """The downstream model of `sttformer`."""

    kind: Literal["sttformer"] = "sttformer"
    dropout: float = Field(0.3, ge=0, lt=1)
    """Of the head."""


class STTFormerClassifier(Classifier):
    """Encoder; mean over time, joints and persons; dropout, linear."""

    def __init__(self, method: STTFormer, num_classes: int, config: STTFormerClassifierConfig) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(method.encoder)
        self.encoder.zero_grad()
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(self.encoder.width, num_classes))
        self.head.apply(init_weights)

    def forward(self, batch: Batch) -> Float[Tensor, "batch class"]:
        """A score for every class."""
        scores: Tensor = self.head(embed_tracks(self.encoder, batch.tracks))
        return scores

    def depth_of(self, parameter: str) -> int:
        """0 for the input map and the mask token, 1, 2, ... for the blocks, the last for the head."""
        where, _, name = parameter.partition(".")
        if where == "head":
            return len(self.encoder.blocks) + 1
        return int(name.split(".")[1]) + 1 if name.startswith("blocks.") else 0


def embed_tracks(
    encoder: STTFormerEncoder, tracks: Tracks, pooling: Pooling = "mean"
) -> Float[Tensor, "batch feature"]:
    """One vector a clip from the features of all that was observed."""
    joints = len(encoder.row)
    if len(tracks) == 0:
        width = encoder.width * (joints if pooling == "joints" else 1)
        return tracks.positions.new_zeros(tracks.num_samples, width) + nothing(encoder)
    patches = patchify(tracks.positions, tracks.observed, tracks.skeleton, encoder.tuple_frames)
    features, seen, steps = encoder(patches, patches.available)
    total, count = sum_over_time(features.float(), seen, steps, joints)
    if pooling == "mean":
        total, count = total.sum(1, keepdim=True), count.sum(1, keepdim=True)
    return tracks.mean_over_persons((total / count.clamp(min=1)).flatten(1))
