"""Method A2, the spatial-temporal masked autoencoder on the backbone of its paper: tuples of frames."""

from __future__ import annotations

import copy
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Batch, Patches, Tracks, patchify
from skeletonmae.config import Config
from skeletonmae.masking import Masking, TokenMask
from skeletonmae.methods.method import Classifier, Method, MethodOutput, Reconstruction, resolve_config, zero_loss
from skeletonmae.methods.method_config import InputSpec, MethodConfig
from skeletonmae.methods.pooling import (
    Pooling,
    check_last_blocks,
    check_pooling,
    check_time_parts,
    num_pooled,
    pool_sums,
)
from skeletonmae.methods.reconstruct_patches import denormalize, first_reconstruction
from skeletonmae.methods.targets import TargetNorm, make_targets, reconstruction_loss
from skeletonmae.models.sttformer import STTFormerDecoder, STTFormerEncoder, sum_over_time
from skeletonmae.models.transformer import init_weights

BlockWidth = Annotated[int, Field(ge=4, le=16_384)]
"""Number of output channels of a block."""


class STTFormerMAEConfig(MethodConfig):
    """The spatial-temporal masked autoencoder on tuples of frames, for one layout.

    A query of a block has a quarter of the larger of its two widths. Batch norm makes the clips of a batch
    depend on each other: unlike in `joint_patch`, a training step depends on how it is divided into
    micro-batches and processes.

    Source: Wu et al., *SkeletonMAE: Spatial-Temporal Masked Autoencoders*, ICME Workshops 2023, on the backbone of
    Qiu et al., *Spatio-Temporal Tuples Transformer for Skeleton-Based Action Recognition*, 2022.
    """

    kind: Literal["sttformer"] = "sttformer"
    tuple_frames: int = Field(6, ge=1, le=10_000)
    """Number of consecutive frames whose joints form a tuple; must divide the number of frames of a clip."""
    widths: tuple[BlockWidth, ...] = Field((64, 64, 128, 128, 256, 256, 256, 256), min_length=1, max_length=64)
    """Output channels of each encoder block."""
    decoder_widths: tuple[BlockWidth, ...] = Field((128, 64, 64), min_length=1, max_length=64)
    """Output channels of each decoder block."""
    heads: int = Field(3, ge=1, le=256)
    """Number of attention maps of a block, in encoder and decoder."""
    target_norm: TargetNorm = "token"
    """Normalize targets to mean 0 and variance 1 for each joint of a tuple, or each joint and axis of a clip."""

    def num_time_steps(self, frames: int) -> int:
        """Return the number of tuples of a clip."""
        return frames // self.tuple_frames

    def build(self, spec: InputSpec, masking: Masking) -> STTFormerMAE:
        """Build the method for clips of `spec`."""
        return STTFormerMAE(self, spec, masking)


class STTFormerMAE(Method):
    """Encode the tuples with visible joints, with a mask token at hidden ones, and predict all hidden joints.

    A tuple without visible joints is not encoded, whichever masking strategy hid them.
    """

    def __init__(self, config: STTFormerMAEConfig, spec: InputSpec, masking: Masking) -> None:
        super().__init__()
        if spec.frames % config.tuple_frames:
            raise ValueError(f"{spec.frames} frames are not divisible into tuples of {config.tuple_frames}")
        self.config, self.spec, self.masking = config, spec, masking
        self.encoder = STTFormerEncoder(
            spec.joints,
            tuple_frames=config.tuple_frames,
            axes=spec.axes,
            widths=config.widths,
            heads=config.heads,
        )
        num_tokens = config.tuple_frames * len(spec.joints)
        self.decoder = STTFormerDecoder(
            num_tokens, spec.axes, (config.widths[-1], *config.decoder_widths), config.heads
        )

    def forward(self, batch: Batch) -> MethodOutput:
        """Mean squared error of the joints that are hidden in each tuple; see `reconstruction_loss`."""
        if len(batch.tracks) == 0:
            return MethodOutput(zero_loss(self), batch.tracks.positions.new_zeros(()))
        patches = make_patches(self.encoder, batch.tracks)
        mask = self.masking(patches, batch.track_rng("mask"))
        targets = make_targets(patches, "position", self.config.target_norm)
        observed = targets.observed & mask.hidden[..., None]
        return reconstruction_loss(self.predict(patches, mask), targets.values, observed)

    def predict(self, patches: Patches, mask: TokenMask) -> Float[Tensor, "track time_step joint frame axis"]:
        """Predict the normalized targets of all joints; values at unknown joints are meaningless."""
        latent, _, steps = self.encoder(patches, mask.available & ~mask.hidden)
        prediction: Tensor = self.decoder(latent, steps).float()
        prediction = prediction.view(*prediction.shape[:2], self.config.tuple_frames, -1, self.spec.axes)
        return prediction[:, :, :, self.encoder.joint_rows(patches.skeleton)].transpose(2, 3)

    def embed(
        self, batch: Batch, pooling: Pooling = "mean", *, time_parts: int = 1, last_blocks: int = 1
    ) -> Float[Tensor, "batch feature"]:
        """Average the features of all observed joints; blocks differ in width, so only the last counts."""
        check_pooling(pooling)
        check_last_blocks(last_blocks, 1)
        return embed_tracks(self.encoder, batch.tracks, pooling, time_parts)

    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """Build a classifier from the encoder and one linear layer."""
        return STTFormerClassifier(self, num_classes, resolve_config(STTFormerClassifierConfig, config))

    @torch.no_grad()
    def reconstruct(self, batch: Batch) -> Reconstruction | None:
        """Mask and reconstruct the first person of the first clip, with the true mean and scale of the targets.

        Tokens that consist of bridged frames have none and are NaN.
        """
        if not batch.present[:1].any():
            return None
        patches = make_patches(self.encoder, batch.tracks)
        mask = self.masking(patches, batch.track_rng("mask"))
        targets = make_targets(patches, "position", self.config.target_norm)
        predicted = denormalize(self.predict(patches, mask), targets)
        return first_reconstruction(predicted, patches, mask)


class STTFormerClassifierConfig(Config):
    """The head of the classifier of `sttformer`."""

    kind: Literal["sttformer"] = "sttformer"
    dropout: float = Field(0.3, ge=0, lt=1)
    """Dropout rate of the head."""


class STTFormerClassifier(Classifier):
    """Encoder; mean over time, joints and persons; dropout, linear.

    Args:
        method: The method whose encoder is copied.
        num_classes: Number of actions.
        config: The settings.
    """

    def __init__(self, method: STTFormerMAE, num_classes: int, config: STTFormerClassifierConfig) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(method.encoder)
        self.encoder.zero_grad()
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(self.encoder.width, num_classes))
        self.head.apply(init_weights)

    def forward(self, batch: Batch) -> Float[Tensor, "batch class"]:
        """Compute the logits of each clip."""
        logits: Tensor = self.head(embed_tracks(self.encoder, batch.tracks))
        return logits

    def layer_id(self, parameter: str) -> int:
        """Return 0 for input embedding and mask token, 1, 2, ... for the blocks, the last number for the head."""
        module, _, name = parameter.partition(".")
        if module == "head":
            return len(self.encoder.blocks) + 1
        return int(name.split(".")[1]) + 1 if name.startswith("blocks.") else 0


def make_patches(encoder: STTFormerEncoder, tracks: Tracks) -> Patches:
    """Cut tracks into the tuples of an encoder; joints that it does not know count as unobserved."""
    patches = patchify(tracks.positions, tracks.observed, tracks.skeleton, encoder.tuple_frames, tracks.bridged)
    return encoder.known_patches(patches)


def embed_tracks(
    encoder: STTFormerEncoder, tracks: Tracks, pooling: Pooling = "mean", time_parts: int = 1
) -> Float[Tensor, "batch feature"]:
    """Compute one vector per clip from the features of all observed joints."""
    joints, skeleton = tuple(encoder.joint_to_row), tracks.skeleton
    if len(tracks) == 0:
        width = time_parts * num_pooled(pooling, skeleton, joints) * encoder.width
        return tracks.positions.new_zeros(tracks.num_clips, width) + zero_loss(encoder)
    patches = make_patches(encoder, tracks)
    check_time_parts(time_parts, patches.available.shape[1])
    features, visible_tokens, steps = encoder(patches, patches.available)
    total, count = sum_over_time(features.float(), visible_tokens, steps, len(joints), time_parts)
    return tracks.mean_over_persons(pool_sums(total, count, joints, skeleton, pooling, joints))
