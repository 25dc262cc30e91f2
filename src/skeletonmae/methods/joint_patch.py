"""Method A1, the spatial-temporal masked auto-encoder on joint tokens, with the switches of MAMP."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Batch, Patches, SampleRandom, Tracks, patchify
from skeletonmae.config import Config
from skeletonmae.masking import Masking, Picks, TokenMask
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
from skeletonmae.methods.targets import Normalise, Target, targets_of
from skeletonmae.models.joint_patch import (
    JointPatchDecoder,
    JointPatchEncoder,
    mean_over_time,
    mean_tokens,
)
from skeletonmae.models.transformer import init_weights


class JointPatchConfig(MethodConfig):
    """The spatial-temporal masked auto-encoder on tokens of one joint and a few frames.

    Source: Wu et al., *SkeletonMAE: Spatial-Temporal Masked Autoencoders*, ICME Workshops 2023, on the backbone
    of Mao et al., *Masked Motion Predictors*, ICCV 2023, whose target is `target: motion`.
    """

    kind: Literal["joint_patch"] = "joint_patch"
    token_frames: int = Field(4, ge=1, le=10_000)
    """Consecutive frames of one joint that form a token; must divide the frames of a clip."""
    width: int = Field(256, ge=8, le=16_384)
    """Of the encoder's tokens; `heads` must divide it."""
    depth: int = Field(8, ge=1, le=256)
    """Blocks of the encoder."""
    heads: int = Field(8, ge=1)
    """Of every attention, in encoder and decoder."""
    mlp_ratio: float = Field(4.0, gt=0)
    """Hidden width of a block's perceptron over the width of its tokens."""
    decoder: Literal["self", "cross"] = "self"
    """`self`: over all tokens. `cross`: asked tokens attend to the encoder's output alone, which is cheaper."""
    decoder_width: int = Field(256, ge=8, le=16_384)
    """Of the decoder's tokens; `heads` must divide it."""
    decoder_depth: int = Field(3, ge=1, le=256)
    """Blocks of the decoder."""
    predict_ratio: float = Field(1.0, gt=0, le=1)
    """Share of the hidden tokens that the decoder is asked for."""
    target: Target = "position"
    """What the decoder is asked for: positions, or the next frame minus this one."""
    normalise: Normalise = "token"
    """Mean 0 and variance 1 in each token, or for each joint and axis over the clip."""

    def build(self, spec: InputSpec, masking: Masking) -> JointPatch:
        """The method for clips of `spec`."""
        return JointPatch(self, spec, masking)


class JointPatch(Method):
    """Hide tokens, encode the visible ones, say what the hidden ones are."""

    def __init__(self, config: JointPatchConfig, spec: InputSpec, masking: Masking) -> None:
        super().__init__()
        if spec.frames % config.token_frames:
            raise ValueError(f"{spec.frames} frames cannot be cut into tokens of {config.token_frames}")
        self.config, self.spec, self.masking = config, spec, masking
        self.encoder = build_encoder(config, spec)
        self.decoder = JointPatchDecoder(
            spec.joints,
            steps=spec.frames // config.token_frames,
            values=config.token_frames * spec.axes,
            encoder_width=config.width,
            width=config.decoder_width,
            depth=config.decoder_depth,
            heads=config.heads,
            mlp_ratio=config.mlp_ratio,
            cross=config.decoder == "cross",
        )

    def forward(self, batch: Batch) -> MethodOutput:
        """Mean squared error of the asked tokens, over what was observed of them."""
        tracks = batch.tracks
        if len(tracks) == 0:
            return MethodOutput(nothing(self), batch.positions.new_zeros(()))
        said, asked, _ = self.predict(tracks, batch.random("mask"))
        target = targets_of(tracks, self.config.target, self.config.normalise, self.config.token_frames)
        seen = asked.take(target.observed.flatten(1, 2))[..., None].expand_as(said)
        error = (said - asked.take(target.values.flatten(1, 2))).square().masked_fill(~seen, 0.0)
        count = seen.sum((2, 3))
        counted = count > 0
        if asked.valid is not None:
            counted = counted & asked.valid
        of_token = error.sum((2, 3)) / count.clamp(min=1)
        weight = counted.sum()
        return MethodOutput(of_token.masked_fill(~counted, 0.0).sum() / weight.clamp(min=1), weight.float())

    def predict(
        self, tracks: Tracks, random: SampleRandom, share: float | None = None
    ) -> tuple[Float[Tensor, "track asked frame axis"], Picks, TokenMask]:
        """What it says of the asked tokens (`share` of the hidden ones), which those are, and the mask."""
        patches = self._patches(tracks)
        available = self.encoder.available(patches)
        streams = random.of_tracks(tracks.sample, tracks.person)
        mask = self.masking(replace(patches, observed=patches.observed & available[..., None]), streams)
        asked = self._asked(mask, streams, share or self.config.predict_ratio)
        latent = self.encoder(patches, mask.visible)
        said = self.decoder(latent, mask, asked, patches.skeleton)
        return said.float().unflatten(2, (self.config.token_frames, self.spec.axes)), asked, mask

    def _asked(self, mask: TokenMask, random: SampleRandom, share: float) -> Picks:
        if share == 1.0:
            return mask.asked
        hidden = mask.hidden.flatten(1)
        score = random.uniform(hidden.shape[1]).masked_fill(~hidden, -1.0)
        num = (hidden.sum(1) * share).ceil()
        place = score.argsort(dim=1, descending=True).argsort(dim=1)
        return Picks.of((place < num[:, None]) & hidden)

    def embed(self, batch: Batch, pooling: Pooling = "mean") -> Float[Tensor, "batch feature"]:
        """Features of all observed tokens, averaged over persons and time, and over joints if `mean`."""
        return embed_tracks(self.encoder, batch.tracks, self._patches(batch.tracks), pooling)

    def _patches(self, tracks: Tracks) -> Patches:
        return patchify(tracks.positions, tracks.observed, tracks.skeleton, self.config.token_frames)

    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """The encoder, joints side by side, and a head of two layers."""
        return JointPatchClassifier(self, num_classes, of_kind(JointPatchClassifierConfig, config))

    @torch.no_grad()
    def rebuild(self, batch: Batch) -> Rebuilt | None:
        """The first person of the first clip; of motion, each token continues from its true first frame.

        NaN where that was not observed.
        """
        if not batch.present[:1].any():
            return None
        tracks = batch.tracks
        said, asked, mask = self.predict(tracks, batch.random("mask"), share=1.0)
        target = targets_of(tracks, self.config.target, self.config.normalise, self.config.token_frames)
        patches = self._patches(tracks)
        values = patches.values.flatten(1, 2).clone()
        rows = torch.arange(len(tracks), device=values.device)[:, None].expand_as(asked.index)
        whole = torch.zeros_like(values)
        whole[rows, asked.index] = said
        whole = whole.view_as(patches.values) * target.spread + target.mean
        if self.config.target == "motion":
            steps = whole.cumsum(3) - whole
            start = patches.values.masked_fill(~patches.observed[..., None], torch.nan)[:, :, :, :1]
            whole = start + steps
        hidden = mask.hidden[..., None, None]
        positions = torch.where(hidden, whole, patches.values)[0].transpose(1, 2).flatten(0, 1)
        frames = mask.hidden[0].repeat_interleave(self.config.token_frames, 0)
        return Rebuilt(frames.cpu().numpy(), positions.float().cpu().numpy())


class JointPatchClassifierConfig(Config):
    """How the downstream model of `joint_patch` is kept from learning by heart."""

    kind: Literal["joint_patch"] = "joint_patch"
    dropout: float = Field(0.3, ge=0, lt=1)
    """Of the head."""
    head_width: int = Field(2048, ge=1, le=65_536)
    """Hidden width of the head."""
    encoder_dropout: float = Field(0.0, ge=0, lt=1)
    """Of what each branch of the encoder adds."""
    drop_path: float = Field(0.3, ge=0, lt=1)
    """Of the last block; it grows from 0 at the first."""


class JointPatchClassifier(Classifier):
    """Encoder; mean over time, joints side by side, mean over persons; linear, batch norm, ReLU, linear."""

    def __init__(self, method: JointPatch, num_classes: int, config: JointPatchClassifierConfig) -> None:
        super().__init__()
        self.token_frames = method.config.token_frames
        self.encoder = build_encoder(method.config, method.spec, config.encoder_dropout, config.drop_path)
        self.encoder.load_state_dict(method.encoder.state_dict())
        hidden = config.head_width
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(len(method.spec.joints) * method.config.width, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(hidden, num_classes),
        )
        self.head.apply(init_weights)

    def forward(self, batch: Batch) -> Float[Tensor, "batch class"]:
        """A score for every class."""
        tracks = batch.tracks
        patches = patchify(tracks.positions, tracks.observed, tracks.skeleton, self.token_frames)
        scores: Tensor = self.head(embed_tracks(self.encoder, tracks, patches, "joints"))
        return scores

    def depth_of(self, parameter: str) -> int:
        """0 for tokens and places, 1, 2, ... for the blocks, the last for the head."""
        last = len(self.encoder.blocks) + 1
        where, _, name = parameter.partition(".")
        if where == "head":
            return last
        if name.startswith("blocks."):
            return int(name.split(".")[1]) + 1
        return last - 1 if name.startswith("norm") else 0


def build_encoder(
    config: JointPatchConfig, spec: InputSpec, dropout: float = 0.0, drop_path: float = 0.0
) -> JointPatchEncoder:
    """The encoder of a method, or of its classifier."""
    return JointPatchEncoder(
        spec.joints,
        steps=spec.frames // config.token_frames,
        token_frames=config.token_frames,
        axes=spec.axes,
        width=config.width,
        depth=config.depth,
        heads=config.heads,
        mlp_ratio=config.mlp_ratio,
        dropout=dropout,
        drop_path=drop_path,
    )


def embed_tracks(
    encoder: JointPatchEncoder, tracks: Tracks, patches: Patches, pooling: Pooling
) -> Float[Tensor, "batch feature"]:
    """One vector a clip from the features of all tokens that are available."""
    shown = TokenMask.nothing(encoder.available(patches)).visible
    features = encoder(patches, shown)
    if pooling == "mean":
        return tracks.mean_over_persons(mean_tokens(features, shown))
    names = encoder.places.row
    rows = torch.tensor([names.get(joint, 0) for joint in patches.skeleton.joints], device=features.device)
    of_joint = mean_over_time(features, shown, rows, len(names))
    return tracks.mean_over_persons(of_joint.flatten(1))
