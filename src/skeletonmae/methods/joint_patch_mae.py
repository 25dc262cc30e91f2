"""Method A1, the spatial-temporal masked autoencoder on joint tokens, with the options of MAMP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal, Self

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor

from skeletonmae.batches import Batch, Patches, SampleRng
from skeletonmae.config import Config, changed_settings
from skeletonmae.errors import InputError
from skeletonmae.masking import Masking, TokenIndex, TokenMask
from skeletonmae.masking.mask import lowest_k
from skeletonmae.methods.joint_patch_classifier import (
    JointPatchClassifier,
    JointPatchClassifierConfig,
    build_encoder,
    encoder_of,
)
from skeletonmae.methods.joint_patch_features import embed_tracks, make_patches
from skeletonmae.methods.method import (
    Classifier,
    InputSpec,
    Method,
    MethodConfig,
    MethodOutput,
    Reconstruction,
    load_weights,
    resolve_config,
    zero_loss,
)
from skeletonmae.methods.motion_energy import motion_energy_weight
from skeletonmae.methods.pooled_targets import TARGET_STD, PooledConfig, PooledTargets
from skeletonmae.methods.pooling import Pooling
from skeletonmae.methods.reconstruct_patches import denormalize, first_reconstruction
from skeletonmae.methods.targets import (
    Target,
    TargetNorm,
    Targets,
    make_targets,
    num_components,
    reconstruction_loss,
)
from skeletonmae.methods.teacher import Teacher, TeacherConfig, no_variances
from skeletonmae.models.joint_patch_transformer import JointPatchDecoder, JointPatchEncoder

Interval = Annotated[int, Field(ge=1, le=10_000)]
"""Number of frames from one frame to the other."""
ENCODER_SETTINGS = ("token_frames", "width", "depth", "heads", "mlp_ratio")
"""Settings that an encoder must share with one whose weights it takes over; some leave the shapes as they are."""


class JointPatchMAEConfig(MethodConfig):
    """The spatial-temporal masked autoencoder on tokens of one joint and a few frames.

    Source: Wu et al., *SkeletonMAE: Spatial-Temporal Masked Autoencoders*, ICME Workshops 2023, on the backbone
    of Mao et al., *Masked Motion Predictors*, ICCV 2023, whose target is `target: motion`.
    """

    kind: Literal["joint_patch"] = "joint_patch"
    token_frames: int = Field(4, ge=1, le=10_000)
    """Number of consecutive frames of one joint that form a token; must divide the number of frames of a clip."""
    width: int = Field(256, ge=8, le=16_384)
    """Width of the encoder's tokens; must be divisible by `heads`."""
    depth: int = Field(8, ge=1, le=256)
    """Number of encoder blocks."""
    heads: int = Field(8, ge=1)
    """Number of attention heads, in encoder and decoder."""
    mlp_ratio: float = Field(4.0, gt=0, le=64)
    """Hidden width of a block's MLP divided by the width of its tokens."""
    decoder: Literal["self", "cross"] = "self"
    """`self`: self-attention over all tokens. `cross`: queries attend to the encoder output only; cheaper."""
    decoder_width: int = Field(256, ge=8, le=16_384)
    """Width of the decoder's tokens; must be divisible by `heads`."""
    decoder_depth: int = Field(3, ge=1, le=256)
    """Number of decoder blocks."""
    predict_ratio: float = Field(1.0, gt=0, le=1)
    """Share of the hidden tokens that the decoder predicts, drawn at random. With `decoder: self`, the others do
    not enter the decoder; this is another method, whose accuracy has to be shown before it is recommended."""
    target: Target | Literal["teacher", "pooled"] = "position"
    """`position`: the decoder predicts positions. `motion`: it predicts the next frame minus this one.
    `acceleration`: it predicts the motion of the next frame minus that of this one. `motion_and_acceleration`: it
    predicts both, each normalized on its own (MaskSem, IROS 2025). `teacher`: it predicts the features that a
    moving average of the encoder computes from the whole clip (Skeleton2vec, S-JEPA). `pooled`: its output,
    averaged over windows of several lengths, predicts features of the motion in each (GFP)."""
    teacher: TeacherConfig = TeacherConfig()
    """The teacher of `target: teacher`; other targets have none."""
    pooled: PooledConfig = PooledConfig()
    """The windows and features of `target: pooled`; other targets have none."""
    intervals: tuple[Interval, ...] = Field((1,), min_length=1, max_length=16)
    """Numbers of frames that the motion of a target spans, each normalized on its own; `[1, 5, 10]` are those of
    Kim et al., *Global-local Motion Transformer*, ECCV 2022. Must be below the number of frames of a clip."""
    target_norm: TargetNorm = "token"
    """Normalize targets to mean 0 and variance 1 in each token, or for each joint and axis over the clip. `none`
    leaves them in the unit of the clip."""
    target_steps: int = Field(1, ge=1, le=10_000)
    """Number of successive tokens of a joint that a query predicts, with `decoder: cross` (AMR, CVPR 2026); must
    divide the number of time steps. Visible tokens among them do not count in the loss."""
    error_weight: Literal["uniform", "motion_energy"] = "uniform"
    """Weight of the squared error of a joint in a frame. `motion_energy`: near 0 where the joint is still, near 1
    where it moves (AMR, CVPR 2026)."""

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if self.intervals != (1,) and not self.target.startswith("motion"):
            raise ValueError(f"intervals are those of motion; got target {self.target}")
        if len(set(self.intervals)) < len(self.intervals):
            raise ValueError(f"intervals must differ; got {list(self.intervals)}")
        if self.target in ("teacher", "pooled") and (self.target_steps > 1 or self.error_weight != "uniform"):
            problem = f"target {self.target} has target_steps 1 and error_weight uniform"
            raise ValueError(f"{problem}; got {self.target_steps} and {self.error_weight}")
        for target, settings in (("teacher", self.teacher), ("pooled", self.pooled)):
            if self.target != target and (changed := changed_settings(settings)):
                names = ", ".join(f"{target}.{name}" for name in changed)
                raise ValueError(f"target {self.target} has no {names}; delete it, or use target {target}")
        if self.target == "pooled" and self.predict_ratio < 1:
            raise ValueError(f"target pooled needs all tokens: predict_ratio must be 1; got {self.predict_ratio}")
        if self.target_steps > 1 and self.decoder != "cross":
            raise ValueError(f"target_steps needs decoder cross; got target_steps {self.target_steps}")
        return self

    @property
    def num_feature_blocks(self) -> int:
        """Number of encoder blocks, from the last, whose features `JointPatchMAE.embed` can average."""
        return self.depth

    def starting_from(self, pretrained: MethodConfig) -> Self:
        """Return these settings, after a check that the encoder of a checkpoint has the same.

        Raises:
            InputError: The checkpoint has another kind of encoder, or an encoder with other settings.
        """
        settings_of_encoder(pretrained, self)
        return self

    def for_evaluation(self, recipe: MethodConfig) -> JointPatchMAEConfig:
        """Return these settings, with the encoder to evaluate, `teacher.evaluate`, from those of a recipe."""
        if not isinstance(recipe, JointPatchMAEConfig):
            return self
        teacher = self.teacher.model_copy(update={"evaluate": recipe.teacher.evaluate})
        return self.model_copy(update={"teacher": teacher})

    def build(self, spec: InputSpec, masking: Masking) -> JointPatchMAE:
        """Build the method for clips of `spec`."""
        method_class = PooledJointPatchMAE if self.target == "pooled" else JointPatchMAE
        return method_class(self, spec, masking)


def settings_of_encoder(pretrained: MethodConfig, expected: JointPatchMAEConfig | None) -> JointPatchMAEConfig:
    """Return the settings from which the encoder of a checkpoint was built.

    Args:
        pretrained: The settings of the checkpoint's method.
        expected: What `ENCODER_SETTINGS` must be; None accepts any.

    Raises:
        InputError: The checkpoint has another kind of encoder, or an encoder with other settings.
    """
    found = pretrained if isinstance(pretrained, JointPatchMAEConfig) else getattr(pretrained, "encoder", None)
    if not isinstance(found, JointPatchMAEConfig):
        problem = "the checkpoint has another kind of encoder"
        raise InputError(problem, where="init_from", expected="that of joint_patch", got=pretrained.kind)
    if expected is not None:
        changed = [name for name in ENCODER_SETTINGS if getattr(expected, name) != getattr(found, name)]
        if changed:
            raise InputError(
                "the encoder of the checkpoint has other settings than the recipe",
                where="init_from",
                expected={name: getattr(expected, name) for name in changed},
                got={name: getattr(found, name) for name in changed},
            )
    return found


class JointPatchMAE(Method):
    """Mask tokens, encode the visible ones and predict the hidden ones."""

    def __init__(self, config: JointPatchMAEConfig, spec: InputSpec, masking: Masking) -> None:
        super().__init__()
        if spec.frames % config.token_frames:
            raise ValueError(f"{spec.frames} frames are not divisible into tokens of {config.token_frames}")
        time_steps = spec.frames // config.token_frames
        if time_steps % config.target_steps:
            raise ValueError(f"{time_steps} time steps are not divisible by target_steps {config.target_steps}")
        if max(config.intervals) >= spec.frames and config.intervals != (1,):
            problem = f"intervals must be below the {spec.frames} frames of a clip"
            raise ValueError(f"{problem}; got {max(config.intervals)}")
        self.config, self.spec, self.masking = config, spec, masking
        if config.target == "teacher":
            out_features = config.width
        elif config.target == "pooled":
            out_features = config.pooled.width
        else:
            target_frames = config.token_frames * num_components(config.target, config.intervals)
            out_features = config.target_steps * target_frames * spec.axes
        self.encoder = build_encoder(config, spec)
        self.teacher = Teacher(self.encoder, config.teacher) if config.target == "teacher" else None
        if self.teacher and config.teacher.center:
            self.couples_batch = True
        self.decoder = JointPatchDecoder(
            spec.joints,
            time_steps=time_steps,
            out_features=out_features,
            encoder_width=config.width,
            width=config.decoder_width,
            depth=config.decoder_depth,
            heads=config.heads,
            mlp_ratio=config.mlp_ratio,
            cross=config.decoder == "cross",
        )

    def forward(self, batch: Batch) -> MethodOutput:
        """Mean squared error of the queried tokens; see `reconstruction_loss`."""
        if len(batch.tracks) == 0:
            logs = no_variances(batch.tracks.positions) if self.teacher else {}
            return MethodOutput(zero_loss(self), batch.tracks.positions.new_zeros(()), logs)
        return self.masked_loss(*self.draw_tokens(batch))

    def draw_tokens(self, batch: Batch) -> tuple[Patches, TokenMask, TokenIndex]:
        """Cut the persons of a batch into tokens, and draw which are hidden and which of those are predicted."""
        patches, rng = make_patches(self.encoder, batch.tracks), batch.track_rng("mask")
        mask = self.masking(patches, rng)
        return patches, mask, self.draw_queries(mask, patches.measured.any(3), rng)

    def masked_loss(self, patches: Patches, mask: TokenMask, queries: TokenIndex) -> MethodOutput:
        """Compute the loss of the queried tokens."""
        if self.teacher:
            return self.teacher.loss(self.decode(patches, mask, queries), patches, queries)
        prediction = self.predict(patches, mask, queries)
        targets = self.make_targets(patches)

        def gather(tokens: Tensor) -> Tensor:
            return queries.gather(_windows(tokens, self.config.target_steps))

        observed = gather(targets.observed & mask.hidden[..., None])
        if queries.valid is not None:
            observed = observed & queries.valid[..., None, None]
        weight = None if targets.weight is None else gather(targets.weight)
        by_token = torch.unflatten(prediction, 2, (self.config.target_steps, -1))
        return reconstruction_loss(by_token, gather(targets.values), observed, weight)

    def make_targets(self, patches: Patches) -> Targets:
        """Compute what the decoder has to predict at each token, and the weight of each error."""
        config = self.config
        assert config.target != "teacher"
        assert config.target != "pooled"
        targets = make_targets(patches, config.target, config.target_norm, config.intervals)
        if config.error_weight == "uniform":
            return targets
        components = targets.values.shape[3] // patches.values.shape[3]
        return replace(targets, weight=motion_energy_weight(patches).repeat(1, 1, 1, components))

    def draw_queries(
        self, mask: TokenMask, is_target: Bool[Tensor, "track time_step joint"], rng: SampleRng
    ) -> TokenIndex:
        """Draw what to predict: a random `predict_ratio` of the hidden tokens that are targets, rounded up.

        With `target_steps`, windows of so many tokens are drawn, among those with a hidden target. The index of a
        window counts windows in (time, joint) order.

        Args:
            mask: Of all tokens.
            is_target: Tokens with an observed frame that is not bridged.
            rng: One random stream per track.
        """
        hidden = _windows(mask.hidden & is_target, self.config.target_steps).any(2)
        if self.config.predict_ratio == 1.0:
            return TokenIndex.from_mask(hidden)
        noise = (-rng.uniform(hidden.shape[1])).masked_fill(~hidden, 1.0)
        num_queries = (hidden.sum(1) * self.config.predict_ratio).ceil()
        return TokenIndex.from_mask(lowest_k(noise, num_queries[:, None]) & hidden)

    def predict(
        self, patches: Patches, mask: TokenMask, queries: TokenIndex
    ) -> Float[Tensor, "track query frame axis"]:
        """Predict the normalized targets of the queried tokens from the visible ones.

        With `target_steps`, a query is a window, its position embedding is that of its first token, and the
        prediction has the frames of its tokens in succession.
        """
        prediction, axes = self.decode(patches, mask, queries), self.spec.axes
        return prediction.view(*prediction.shape[:2], prediction.shape[2] // axes, axes)

    def decode(
        self, patches: Patches, mask: TokenMask, queries: TokenIndex
    ) -> Float[Tensor, "track query out_feature"]:
        """Compute the output of the decoder for the queried tokens from the visible ones."""
        latent = self.encoder(patches, mask.visible_index)
        if self.config.decoder == "self" and self.config.predict_ratio < 1:
            mask = _without_unqueried(mask, queries)
        first_tokens = _first_tokens(queries, self.config.target_steps, patches.skeleton.num_joints)
        prediction: Tensor = self.decoder(latent, mask, first_tokens, patches.skeleton)
        return prediction.float()

    @property
    def evaluated_encoder(self) -> JointPatchEncoder:
        """The encoder whose features are used: with a teacher, that of `config.teacher.evaluate`."""
        if self.teacher and self.config.teacher.evaluate == "teacher":
            return self.teacher.encoder
        return self.encoder

    def start_from(self, pretrained: Method) -> None:
        """Take over the encoder of a checkpoint, and the decoder too if the method has the same settings."""
        load_weights(self.encoder, encoder_of(pretrained))
        if isinstance(pretrained, JointPatchMAE) and pretrained.config == self.config:
            load_weights(self.decoder, pretrained.decoder)
        if self.teacher:
            load_weights(self.teacher.encoder, self.encoder)

    def use_settings(self, config: MethodConfig) -> None:
        """Evaluate the encoder that other settings name."""
        assert isinstance(config, JointPatchMAEConfig)
        self.config = config

    def after_step(self, step: int, num_steps: int) -> None:
        """Let the teacher follow the encoder."""
        if self.teacher:
            self.teacher.update(self.encoder, step, num_steps)

    def check_logs(self, logs: Mapping[str, float]) -> None:
        """Stop a run whose teacher has collapsed."""
        if self.teacher:
            self.teacher.check_logs(logs)

    def embed(
        self, batch: Batch, pooling: Pooling = "mean", *, time_parts: int = 1, last_blocks: int = 1
    ) -> Float[Tensor, "batch feature"]:
        """Average the features of all available tokens; see `embed_tracks`."""
        return embed_tracks(
            self.evaluated_encoder, batch.tracks, pooling, time_parts=time_parts, last_blocks=last_blocks
        )

    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """Build a classifier from the encoder, with joints concatenated and a head of two layers."""
        settings = resolve_config(JointPatchClassifierConfig, config)
        return JointPatchClassifier(self.config, self.spec, self.evaluated_encoder, num_classes, settings)

    @torch.no_grad()
    def reconstruct(self, batch: Batch) -> Reconstruction | None:
        """Mask and reconstruct the first person of the first clip, with the true mean and scale of the targets.

        With `target: motion`, each token continues from its measured first frame, and is NaN if that was not
        measured. Tokens without a target have no true mean and scale and are NaN too: those without a measured
        frame and, with `target: motion`, those without two measured frames in succession.

        Returns:
            None if the first clip contains no observed person, or if neither positions nor the motion over one
            frame are predicted.
        """
        config = self.config
        has_motion = config.target in ("motion", "motion_and_acceleration") and 1 in config.intervals
        if not batch.present[:1].any() or not (has_motion or config.target == "position"):
            return None
        patches = make_patches(self.encoder, batch.tracks)
        mask = self.masking(patches, batch.track_rng("mask"))
        queries = TokenIndex.from_mask(_windows(mask.hidden, config.target_steps).any(2))
        prediction = torch.unflatten(self.predict(patches, mask, queries), 2, (config.target_steps, -1))
        first = config.intervals.index(1) * config.token_frames if has_motion else 0
        prediction = prediction[..., first : first + config.token_frames, :]
        targets = make_targets(patches, "motion" if has_motion else "position", config.target_norm)
        rows = torch.arange(len(prediction), device=prediction.device)[:, None].expand_as(queries.index)
        windows = torch.zeros_like(_windows(patches.values, config.target_steps))
        windows[rows, queries.index] = prediction
        by_joint = torch.unflatten(windows, 1, (-1, patches.skeleton.num_joints))
        all_tokens = by_joint.transpose(2, 3).flatten(1, 2)
        predicted = denormalize(all_tokens, targets)
        if has_motion:
            start = patches.values.masked_fill(~patches.measured[..., None], torch.nan)[:, :, :, :1]
            predicted = start + (predicted.cumsum(3) - predicted)
        return first_reconstruction(predicted, patches, mask)


class PooledJointPatchMAE(JointPatchMAE):
    """Mask tokens, encode the visible ones and predict features of windows of several lengths.

    Source: GFP, ICCV 2025, arXiv 2509.03609. The features of the targets must vary over the batch, so the loss of
    a clip depends on the others.
    """

    couples_batch = True

    def __init__(self, config: JointPatchMAEConfig, spec: InputSpec, masking: Masking) -> None:
        super().__init__(config, spec, masking)
        rows = self.encoder.pos_embed.joint_to_row
        steps = spec.frames // config.token_frames
        self.pooled = PooledTargets(config.pooled, rows, steps, config.token_frames, spec.axes)

    def forward(self, batch: Batch) -> MethodOutput:
        """Compute the loss of the windows; see `PooledTargets`."""
        if len(batch.tracks) == 0:
            nan = batch.tracks.positions.new_full((), torch.nan)
            return MethodOutput(zero_loss(self), batch.tracks.positions.new_zeros(()), {TARGET_STD: nan})
        patches = make_patches(self.encoder, batch.tracks)
        mask = self.masking(patches, batch.track_rng("mask"))
        tokens = TokenIndex.from_mask(mask.available.flatten(1))
        decoded = self.decode(patches, mask, tokens)
        if tokens.valid is not None:
            decoded = decoded * tokens.valid[..., None]
        index = tokens.index[..., None].expand_as(decoded)
        by_token = decoded.new_zeros(len(decoded), mask.available[0].numel(), decoded.shape[2])
        by_token = by_token.scatter_add(1, index, decoded).view(*mask.available.shape, -1)
        output: MethodOutput = self.pooled(by_token, mask.hidden, patches, self.config.target_norm)
        return output


def _without_unqueried(mask: TokenMask, queries: TokenIndex) -> TokenMask:
    """Return a mask in which the hidden tokens that are not queried are unavailable."""
    hidden = mask.hidden.flatten(1)
    queried = (hidden & torch.zeros_like(hidden).scatter(1, queries.index, True)).view_as(mask.hidden)
    return TokenMask(queried, queried | (mask.available & ~mask.hidden))


def _windows(tokens: Tensor, steps: int) -> Tensor:
    """Group successive tokens of a joint: `(track, time_step, joint, ...)` -> `(track, window, steps, ...)`."""
    return torch.unflatten(tokens, 1, (-1, steps)).transpose(2, 3).flatten(1, 2)


def _first_tokens(windows: TokenIndex, steps: int, num_joints: int) -> TokenIndex:
    """Return the first token of each window of `steps` tokens of a joint."""
    if steps == 1:
        return windows
    return TokenIndex(windows.index + windows.index // num_joints * ((steps - 1) * num_joints), windows.valid)
