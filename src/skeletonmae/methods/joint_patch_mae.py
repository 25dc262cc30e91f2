"""Method A1, the spatial-temporal masked autoencoder on joint tokens, with the options of MAMP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Batch, Patches, SampleRng
from skeletonmae.config import Config
from skeletonmae.masking import Masking, TokenIndex, TokenMask
from skeletonmae.masking.mask import lowest_k
from skeletonmae.methods.joint_patch_classifier import (
    JointPatchClassifier,
    JointPatchClassifierConfig,
    build_encoder,
    encoder_of,
)
from skeletonmae.methods.joint_patch_config import JointPatchMAEConfig
from skeletonmae.methods.joint_patch_features import embed_tracks, make_patches, with_dropout, with_noise
from skeletonmae.methods.method import (
    Classifier,
    Method,
    MethodOutput,
    Reconstruction,
    load_weights,
    resolve_config,
    zero_loss,
)
from skeletonmae.methods.method_config import InputSpec, MethodConfig
from skeletonmae.methods.motion_energy import motion_energy_weight
from skeletonmae.methods.pooling import Pooling
from skeletonmae.methods.reconstruct_patches import denormalize, first_reconstruction
from skeletonmae.methods.targets import (
    Target,
    Targets,
    make_targets,
    num_components,
    reconstruction_loss,
)
from skeletonmae.methods.teacher import Teacher, no_variances
from skeletonmae.models.deeper import deepened
from skeletonmae.models.joint_patch_transformer import JointPatchDecoder, JointPatchEncoder, track_joints


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
        if config.reads_any_layout and spec.axes != 3:
            raise ValueError(
                f"joint_embedding description needs clips with 3 axes (data.axes: 3); got {spec.axes}"
            )
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
            described=config.reads_any_layout,
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
        if self.encoder.described and self.training:
            patches = with_dropout(patches, batch, self.config.description)
        mask = self.masking(patches, rng)
        queries = self.draw_queries(mask, patches.measured.any(3), rng)
        if self.training and self.config.input_noise.probability:
            patches = with_noise(patches, batch, self.config.input_noise)
        return patches, mask, queries

    def masked_loss(self, patches: Patches, mask: TokenMask, queries: TokenIndex) -> MethodOutput:
        """Compute the loss of the queried tokens."""
        if self.teacher:
            return self.teacher.loss(self.decode(patches, mask, queries), patches.without_noise, queries)
        prediction = self.predict(patches, mask, queries)
        targets = self.make_targets(patches.without_noise)

        def gather(tokens: Tensor) -> Tensor:
            return queries.gather(_windows(tokens, self.config.target_steps))

        observed = gather(targets.observed & mask.hidden[..., None])
        if queries.valid is not None:
            observed = observed & queries.valid[..., None, None]
        weight = None if targets.weight is None else gather(targets.weight)
        by_token = torch.unflatten(prediction, 2, (self.config.target_steps, -1))
        return reconstruction_loss(by_token, gather(targets.values), observed, weight, patches.has_depth)

    def make_targets(self, patches: Patches) -> Targets:
        """Compute what the decoder has to predict at each token, and the weight of each error."""
        config = self.config
        assert config.target != "teacher"
        assert config.target != "pooled"
        targets = make_targets(patches, config.target, config.target_norm, config.intervals, config.target_floor)
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
        prediction: Tensor = self.decoder(latent, mask, first_tokens, track_joints(patches))
        return prediction.float()

    @property
    def evaluated_encoder(self) -> JointPatchEncoder:
        """The encoder whose features are used: with a teacher, that of `config.teacher.evaluate`."""
        if self.teacher and self.config.teacher.evaluate == "teacher":
            return self.teacher.encoder
        return self.encoder

    def start_from(self, pretrained: Method) -> None:
        """Take over the encoder of a checkpoint, and the decoder too if the method has the same settings.

        If the encoder of the checkpoint has fewer blocks, `deepened` adds the others, and `depth` does not
        count as a setting.
        """
        encoder, depth = encoder_of(pretrained), len(self.encoder.blocks)
        load_weights(self.encoder, deepened(encoder, depth) if len(encoder.blocks) < depth else encoder)
        if isinstance(pretrained, JointPatchMAE):
            settings = pretrained.config.model_copy(update={"depth": depth})
            if settings == self.config:
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
        """Build a classifier from the encoder, with joints or body parts concatenated and a head of two layers."""
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
        shown: Target = "motion" if has_motion else "position"
        targets = make_targets(patches, shown, config.target_norm, target_floor=config.target_floor)
        rows = torch.arange(len(prediction), device=prediction.device)[:, None].expand_as(queries.index)
        windows = torch.zeros_like(_windows(patches.values, config.target_steps))
        windows[rows, queries.index] = prediction
        by_joint = torch.unflatten(windows, 1, (-1, patches.skeleton.num_joints))
        all_tokens = by_joint.transpose(2, 3).flatten(1, 2)
        predicted = denormalize(all_tokens, targets)
        if has_motion:
            start = patches.values.masked_fill(~patches.measured[..., None], torch.nan)[:, :, :, :1]
            predicted = start + (predicted.cumsum(3) - predicted)
        reconstruction = first_reconstruction(predicted, patches, mask)
        joints = batch.skeleton.num_joints  # without the path of the body, which may be the last
        return Reconstruction(reconstruction.hidden[:, :joints], reconstruction.positions[:, :joints])


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
