"""Tuning of a pre-trained encoder with nearest neighbors as positive pairs (STARS)."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.masking import Masking
from skeletonmae.methods.joint_patch_classifier import (
    JointPatchClassifier,
    JointPatchClassifierConfig,
    build_encoder,
    encoder_of,
)
from skeletonmae.methods.joint_patch_config import JointPatchMAEConfig, settings_of_encoder
from skeletonmae.methods.joint_patch_features import embed_tracks
from skeletonmae.methods.memory_queue import UNKNOWN, MemoryQueue, queue_size
from skeletonmae.methods.method import Classifier, Method, MethodOutput, load_weights, resolve_config, zero_loss
from skeletonmae.methods.method_config import InputSpec, MethodConfig
from skeletonmae.methods.pooling import Pooling
from skeletonmae.models.transformer import init_weights

MAX_DEPTH = 256
NO_ENCODER = "method.encoder is missing: neighbor_tuning starts from a checkpoint, which `init_from` names"


class NeighborTuningConfig(MethodConfig):
    """Tune the upper blocks of a pre-trained encoder: a clip and its nearest neighbor get similar features.

    The first stage is any method on the encoder of `joint_patch`; `init_from` names its checkpoint. The nearest
    neighbor of one view of a clip, in a queue of earlier clips, is what the other view has to predict, among the
    neighbors of the batch. A clip is never its own neighbor, and neither is an exact copy of its recording. No
    labels are used.

    Source: Mehraban et al., *STARS*, 2024 (arXiv 2407.10935), and its public code (two-stage form); the loss is
    that of Dwibedi et al., *With a Little Help from My Friends*, ICCV 2021.
    """

    masks_tokens: ClassVar[bool] = False
    compares_recordings: ClassVar[bool] = True
    classifier_kind: ClassVar[str | None] = "joint_patch"
    pools_statistics: ClassVar[bool] = True

    kind: Literal["neighbor_tuning"] = "neighbor_tuning"
    encoder: JointPatchMAEConfig | None = None
    """Settings of the method that pre-trained the encoder; null takes those of the checkpoint in `init_from`."""
    trained_blocks: int | None = Field(None, ge=1)
    """Number of encoder blocks, from the last, that are trained; null trains the upper half."""
    queue: int = Field(32_768, ge=1, le=10_000_000)
    """Maximum number of clips among which neighbors are searched; never more than there are recordings."""
    temperature: float = Field(0.07, gt=0)
    """Divides the cosine similarities."""
    head_width: int = Field(4096, ge=1, le=65_536)
    """Hidden width of the head that predicts neighbors."""
    views: Literal["augmented", "same"] = "augmented"
    """`augmented`: the two views of a clip are cropped and augmented separately. `same`: they are equal, as in the
    published configurations."""

    @property
    def num_views(self) -> Literal[1, 2]:
        """Number of views of each clip in a batch."""
        return 2 if self.views == "augmented" else 1

    @property
    def num_feature_blocks(self) -> int:
        """Number of encoder blocks, from the last, whose features `NeighborTuning.embed` can average.

        Without `encoder`, the most that there can be; `embed` checks the number again.
        """
        return self.encoder.depth if self.encoder else MAX_DEPTH

    def num_time_steps(self, frames: int) -> int:
        """Return the number of tokens of a joint in a clip; without `encoder`, the most that there can be."""
        return self.encoder.num_time_steps(frames) if self.encoder else frames

    def starting_from(self, pretrained: MethodConfig) -> Self:
        """Return these settings with those of the encoder from a checkpoint.

        Raises:
            InputError: The checkpoint has another kind of encoder, one that reads any layout, or one with other
                settings than `encoder`.
        """
        found = settings_of_encoder(pretrained, self.encoder)
        if found.reads_any_layout:
            expected, got = "an encoder with joint_embedding name", found.joint_embedding
            raise InputError(
                "neighbor_tuning cannot tune this encoder", where="init_from", expected=expected, got=got
            )
        if self.encoder is not None:
            return self
        fields = {name: getattr(found, name) for name in JointPatchMAEConfig.model_fields if name != "kind"}
        return self.model_copy(update={"encoder": JointPatchMAEConfig(**fields)})

    def for_evaluation(self, recipe: MethodConfig) -> NeighborTuningConfig:
        """Return these settings, without those of the encoder if a recipe leaves them to the checkpoint."""
        if isinstance(recipe, NeighborTuningConfig) and recipe.encoder is None:
            return self.model_copy(update={"encoder": None})
        return self

    def build(self, spec: InputSpec, masking: Masking | None = None) -> NeighborTuning:  # noqa: ARG002 - no mask
        """Build the method for clips of `spec`."""
        return NeighborTuning(self, spec)


class NeighborTuning(Method):
    """Predict the nearest neighbor of one view of a clip from the other view."""

    couples_batch = True

    def __init__(self, config: NeighborTuningConfig, spec: InputSpec) -> None:
        super().__init__()
        if config.encoder is None:
            raise ValueError(NO_ENCODER)
        if config.encoder.reads_any_layout:
            raise ValueError("neighbor_tuning needs an encoder with joint_embedding name, not description")
        depth = config.encoder.depth
        num_trained = (depth + 1) // 2 if config.trained_blocks is None else config.trained_blocks
        if num_trained > depth:
            raise ValueError(f"trained_blocks must be at most depth ({depth}); got {num_trained}")
        self.config, self.encoder_config, self.spec = config, config.encoder, spec
        width = config.encoder.width
        self.encoder = build_encoder(config.encoder, spec)
        self.encoder.requires_grad_(False)
        for module in (*self.encoder.blocks[depth - num_trained :], self.encoder.norm):
            module.requires_grad_(True)
        self.projector = nn.BatchNorm1d(width)
        self.predictor = nn.Sequential(
            nn.Linear(width, config.head_width, bias=False),
            nn.BatchNorm1d(config.head_width),
            nn.ReLU(),
            nn.Linear(config.head_width, width),
        )
        self.predictor.apply(init_weights)
        self.queue = MemoryQueue(queue_size(config.queue, spec.num_recordings), width)
        self.pending: tuple[Tensor, Tensor] | None = None  # what `after_step` adds to the queue

    def forward(self, batch: Batch) -> MethodOutput:
        """Mean cross-entropy of telling the neighbor of a clip from those of the other clips.

        Raises:
            InputError: The batch has a single clip, which has nothing to be compared with.
        """
        second = batch if batch.second_view is None else batch.second_view
        self.pending = None
        if len(batch.tracks) == 0 or len(second.tracks) == 0:
            nan = batch.tracks.positions.new_full((), torch.nan)
            logs = {"neighbor_similarity": nan, "neighbor_accuracy": nan}
            return MethodOutput(zero_loss(self), batch.tracks.positions.new_zeros(()), logs)
        if len(batch) == 1 and self.training:
            problem = "neighbor_tuning compares the clips of a batch; choose another training.batch_size"
            raise InputError(problem, expected="at least 2 clips in every batch", got=1)
        has_person = batch.has_observed(self.spec.joints) & second.has_observed(self.spec.joints)
        projections, predictions = zip(*(self.project(view) for view in (batch, second)), strict=True)
        losses, similarities, correct = [], [], []
        for projection, other, prediction in zip(projections, projections[::-1], predictions[::-1], strict=True):
            neighbor, similarity = self.nearest(projection, other, batch.recording)
            with torch.autocast(prediction.device.type, enabled=False):
                logits = prediction @ neighbor.T / self.config.temperature
            logits = logits.masked_fill(~has_person, -torch.inf)
            logits = torch.where(has_person[:, None], logits, 0.0)  # rows that do not count
            own = torch.arange(len(logits), device=logits.device)
            losses.append(nn.functional.cross_entropy(logits, own, reduction="none"))
            similarities.append(similarity)
            correct.append((logits.argmax(1) == own).float())
        num_terms = has_person.sum().float()

        def mean(values: list[Tensor]) -> Tensor:
            return (torch.stack(values).mean(0) * has_person).sum() / num_terms.clamp(min=1)

        self.pending = (projections[0], batch.recording.masked_fill(~has_person, UNKNOWN))
        logs = {"neighbor_similarity": mean(similarities), "neighbor_accuracy": mean(correct)}
        return MethodOutput(mean(losses), num_terms, logs)

    def project(self, batch: Batch) -> tuple[Float[Tensor, "clip width"], Float[Tensor, "clip width"]]:
        """Return the normalized projection of each clip, without gradient, and its prediction of a neighbor."""
        projection = self.projector(embed_tracks(self.encoder, batch.tracks, "mean").float())
        prediction = normalize(self.predictor(projection).float(), dim=1)
        return normalize(projection.detach().float(), dim=1), prediction

    @torch.no_grad()
    def nearest(
        self,
        projection: Float[Tensor, "clip width"],
        fallback: Float[Tensor, "clip width"],
        recording: Int64[Tensor, " clip"],
    ) -> tuple[Float[Tensor, "clip width"], Float[Tensor, " clip"]]:
        """Return the entry of the queue that is nearest to each clip, and its cosine similarity.

        Args:
            projection: Of each clip.
            fallback: Taken while the queue has no entry of another recording: the clip's other view.
            recording: Number of the recording of each clip; entries with the same number are not used.
        """
        usable: Bool[Tensor, "clip entry"] = self.queue.usable(recording)
        with torch.autocast(projection.device.type, enabled=False):
            similarity = (projection @ self.queue.vectors.T).masked_fill(~usable, -torch.inf)
        best, entry = similarity.max(1)
        found = best > -torch.inf
        neighbor = torch.where(found[:, None], self.queue.vectors[entry], fallback)
        return neighbor, torch.where(found, best, (projection * fallback).sum(1))

    def after_step(self, step: int, num_steps: int) -> None:  # noqa: ARG002 - the queue does not depend on them
        """Add the projections of the batch to the queue."""
        if self.pending is not None:
            self.queue.add(*self.pending)
            self.pending = None

    def start_from(self, pretrained: Method) -> None:
        """Take over the encoder that evaluation uses: that of the teacher, if the checkpoint has one."""
        load_weights(self.encoder, encoder_of(pretrained))

    def layer_id(self, parameter: str) -> int:
        """Return 1, 2, ... for the blocks, and the largest number for the final norm and the head.

        With `training.layer_decay` d, block b of `depth`, counted from 0, then learns with the rate
        lr * d ** (depth - b), as published.
        """
        if parameter.startswith("encoder.blocks."):
            return int(parameter.split(".")[2]) + 1
        return 0 if parameter.startswith(("encoder.patch", "encoder.pos")) else self.encoder_config.depth + 1

    def embed(
        self, batch: Batch, pooling: Pooling = "mean", *, time_parts: int = 1, last_blocks: int = 1
    ) -> Float[Tensor, "batch feature"]:
        """Average the features of all available tokens; see `embed_tracks`."""
        return embed_tracks(self.encoder, batch.tracks, pooling, time_parts=time_parts, last_blocks=last_blocks)

    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """Build the classifier of `joint_patch` from the encoder."""
        settings = resolve_config(JointPatchClassifierConfig, config)
        return JointPatchClassifier(self.encoder_config, self.spec, self.encoder, num_classes, settings)
