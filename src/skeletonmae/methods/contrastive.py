"""Contrast between two views of a clip, with or without the masked loss."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from skeletonmae.batches import Batch
from skeletonmae.config import changed_settings
from skeletonmae.errors import InputError
from skeletonmae.masking import Masking, RandomTokens, TokenMask
from skeletonmae.methods.decorrelation import decorrelation
from skeletonmae.methods.joint_patch_config import JointPatchMAEConfig
from skeletonmae.methods.joint_patch_features import make_patches
from skeletonmae.methods.joint_patch_mae import JointPatchMAE
from skeletonmae.methods.memory_queue import UNKNOWN, MemoryQueue, queue_size
from skeletonmae.methods.method import Method, MethodOutput, load_weights, zero_loss
from skeletonmae.methods.method_config import InputSpec
from skeletonmae.methods.moving_average import MovingAverage, MovingAverageConfig
from skeletonmae.models.joint_patch_transformer import JointPatchEncoder, masked_mean
from skeletonmae.models.transformer import init_weights

Objective = Literal["queue", "decorrelate"]
OBJECTIVE_SETTINGS: dict[Objective, tuple[str, ...]] = {
    "queue": ("temperature", "queue", "key"),
    "decorrelate": ("invariance", "variance", "covariance"),
}
"""Settings of one objective alone."""
MASKED_LOSS_SETTINGS = (
    "target",
    "intervals",
    "target_norm",
    "target_floor",
    "target_steps",
    "error_weight",
    "predict_ratio",
    "input_noise",
)
"""Settings of the masked loss alone."""


class ContrastiveConfig(JointPatchMAEConfig):
    """Contrast between two augmented views of a clip, on the encoder of `joint_patch`.

    The views are cropped and augmented by the loader. Each is encoded whole, or with random tokens hidden, and
    averaged over tokens and persons. With `reconstruct`, the loss of `joint_patch` on the first view is added,
    with the settings and the mask of that method.

    Sources: `queue` is that of He et al., *Momentum Contrast*, CVPR 2020, and of Li et al., *CrosSCLR*, CVPR 2021,
    on skeletons; `decorrelate` is that of Bardes et al., *VICReg*, ICLR 2022; the combination with a masked loss
    follows Zhang et al., *Prompted Contrast with Masked Motion Modeling*, ACM Multimedia 2023 (PCM3), without its
    mixed clips, prompts and distillation.
    """

    compares_recordings: ClassVar[bool] = True
    classifier_kind: ClassVar[str | None] = "joint_patch"

    kind: Literal["contrastive"] = "contrastive"  # type: ignore[assignment]  # another than that of the base
    objective: Objective = "decorrelate"
    """`queue`: tell the other view of a clip, encoded by a moving average of the network, from earlier clips.
    `decorrelate`: equal views, and features whose channels vary and are not correlated; it needs no other clips as
    negatives, which suits small sets, whose clips are mostly of the same few classes."""
    reconstruct: float = Field(0.0, ge=0)
    """Weight of the masked loss; 0 leaves it out, and the decoder is not trained."""
    view_mask: float = Field(0.0, ge=0, lt=1)
    """Share of the tokens of each view that is hidden from the encoder. What is compared with, the key of `queue`,
    is never masked."""
    head_width: int = Field(256, ge=1, le=65_536)
    """Hidden width of the head."""
    projection_width: int = Field(128, ge=1, le=65_536)
    """Width of what is compared."""
    temperature: float = Field(0.1, gt=0)
    """Divides the cosine similarities of `queue`."""
    queue: int = Field(16_384, ge=1, le=10_000_000)
    """Maximum number of entries of the queue; never more than half of the recordings."""
    key: MovingAverageConfig = MovingAverageConfig()
    """How the network that computes the keys of `queue` follows the trained one."""
    invariance: float = Field(25.0, ge=0)
    """Weight of the squared distance of two views, with `decorrelate`."""
    variance: float = Field(25.0, ge=0)
    """Weight of the term that keeps the standard deviation of each channel above 1, with `decorrelate`."""
    covariance: float = Field(1.0, ge=0)
    """Weight of the squared covariances between channels, with `decorrelate`."""

    @model_validator(mode="after")
    def _check_objective(self) -> Self:
        for objective, names in OBJECTIVE_SETTINGS.items():
            if self.objective != objective and (changed := changed_settings(self, names)):
                problem = f"objective {self.objective} has no {', '.join(changed)}"
                raise ValueError(f"{problem}; delete it, or use objective {objective}")
        if self.target == "teacher" and self.reconstruct == 0:
            raise ValueError("target teacher is a target of the masked loss, which reconstruct 0 leaves out")
        return self

    @property
    def uses_mask(self) -> bool:
        """Whether there is a masked loss."""
        return self.reconstruct > 0

    @property
    def ineffective_settings(self) -> list[str]:
        """Settings of the masked loss, if there is none."""
        return [] if self.reconstruct else changed_settings(self, MASKED_LOSS_SETTINGS)

    @property
    def num_views(self) -> Literal[1, 2]:
        """Number of views of each clip in a batch."""
        return 2

    def build(self, spec: InputSpec, masking: Masking) -> Contrastive:
        """Build the method for clips of `spec`.

        Raises:
            ValueError: The masked loss has a target that `contrastive` does not know.
        """
        if self.target == "pooled":
            raise ValueError("target pooled is one of joint_patch alone; contrastive has the other targets")
        return Contrastive(self, spec, masking)


class Contrastive(JointPatchMAE):
    """Compare two views of each clip; predict hidden tokens too if `reconstruct` is above 0."""

    config: ContrastiveConfig

    def __init__(self, config: ContrastiveConfig, spec: InputSpec, masking: Masking) -> None:
        super().__init__(config, spec, masking)
        self.couples_batch = True
        self.head = nn.Sequential(
            nn.Linear(config.width, config.head_width),
            nn.ReLU(),
            nn.Linear(config.head_width, config.projection_width),
        )
        self.head.apply(init_weights)
        self.decoder.requires_grad_(config.reconstruct > 0)
        self.key: MovingAverage | None = None
        self.queue: MemoryQueue | None = None
        if config.objective == "queue":
            self.key = MovingAverage(nn.ModuleList([self.encoder, self.head]), config.key)
            half = None if spec.num_recordings is None else max(1, spec.num_recordings // 2)
            self.queue = MemoryQueue(queue_size(config.queue, half), config.projection_width)
        self.pending: tuple[Tensor, Tensor] | None = None  # what `after_step` adds to the queue

    def forward(self, batch: Batch) -> MethodOutput:
        """Mean contrastive loss of the clips, plus `reconstruct` times the masked loss of the first views.

        Raises:
            InputError: The batch has no second view.
        """
        second = batch.second_view
        if second is None:
            raise InputError(
                "contrastive compares two views", expected="a batch with a second view", got="one view"
            )
        self.pending = None
        masked = super().forward(batch) if self.config.reconstruct else None
        has_person = batch.has_observed(self.spec.joints) & second.has_observed(self.spec.joints)
        num_terms = has_person.sum().float()
        if len(batch.tracks) == 0 or len(second.tracks) == 0:
            loss, logs = zero_loss(self), _no_logs(num_terms, self.config.objective)
        else:
            projections = self.project(batch), self.project(second)
            with torch.autocast(num_terms.device.type, enabled=False):
                if self.key is None:
                    loss, logs = self.decorrelation(*projections, has_person), {}
                else:
                    loss, logs = self.contrast(batch, second, projections, has_person)
                logs |= spread(*projections, has_person) | {"contrast_loss": loss.detach()}
        if masked:
            loss = loss + self.config.reconstruct * masked.loss
            logs = logs | masked.logs | {"reconstruction_loss": masked.loss.detach()}
        return MethodOutput(loss, num_terms, logs)

    def project(self, batch: Batch) -> Float[Tensor, "clip width"]:
        """Compute the output of the head for each view, with `view_mask` of its tokens hidden."""
        return project(self.encoder, self.head, batch, self.config.view_mask)

    def decorrelation(
        self,
        first: Float[Tensor, "clip width"],
        second: Float[Tensor, "clip width"],
        has_person: Bool[Tensor, " clip"],
    ) -> Float[Tensor, ""]:
        """The loss of VICReg: invariance, variance and covariance."""
        config, count = self.config, has_person.sum().clamp(min=1)
        distance = ((first - second).square().mean(1) * has_person).sum() / count
        terms = [decorrelation(each, has_person) for each in (first, second)]
        variance = torch.stack([each.variance for each in terms])
        covariance = torch.stack([each.covariance for each in terms])
        return (
            config.invariance * distance + config.variance * variance.mean() + config.covariance * covariance.sum()
        )

    def contrast(
        self, first: Batch, second: Batch, projections: tuple[Tensor, Tensor], has_person: Bool[Tensor, " clip"]
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The cross-entropy of telling the key of the other view from other recordings, in both directions."""
        assert self.key is not None
        assert self.queue is not None
        assert isinstance(self.key.module, nn.ModuleList)
        encoder, head = self.key.module
        assert isinstance(encoder, JointPatchEncoder)
        with torch.no_grad():
            keys = [normalize(project(encoder, head, view), dim=1) for view in (first, second)]
        queries = [normalize(projection, dim=1) for projection in projections]
        usable = self.queue.usable(first.recording)
        losses, correct = [], []
        for query, key in zip(queries, keys[::-1], strict=True):
            own = (query * key).sum(1, keepdim=True)
            others = (query @ self.queue.vectors.T).masked_fill(~usable, -torch.inf)
            logits = torch.cat([own, others], 1) / self.config.temperature
            losses.append(cross_entropy(logits, torch.zeros_like(first.recording), reduction="none"))
            correct.append((logits.argmax(1) == 0).float())
        count = has_person.sum().clamp(min=1)
        loss, accuracy = ((torch.stack(values).mean(0) * has_person).sum() / count for values in (losses, correct))
        self.pending = (keys[0], first.recording.masked_fill(~has_person, UNKNOWN))
        return loss, {"key_accuracy": accuracy}

    def after_step(self, step: int, num_steps: int) -> None:
        """Let the key network and the teacher follow, and add the keys of the batch to the queue."""
        super().after_step(step, num_steps)
        if self.key is not None:
            self.key.update(nn.ModuleList([self.encoder, self.head]), step, num_steps)
        if self.queue is not None and self.pending is not None:
            self.queue.add(*self.pending)
        self.pending = None

    def start_from(self, pretrained: Method) -> None:
        """Take over the encoder of a checkpoint, in the key network too."""
        super().start_from(pretrained)
        if self.key is not None:
            load_weights(self.key.module, nn.ModuleList([self.encoder, self.head]))


def project(
    encoder: JointPatchEncoder, head: nn.Module, batch: Batch, mask_ratio: float = 0.0
) -> Float[Tensor, "clip width"]:
    """Average the features of the visible tokens of each clip, and apply a head.

    Args:
        encoder: The encoder.
        head: The head.
        batch: The clips.
        mask_ratio: Share of the tokens that is hidden at random.
    """
    tracks = batch.tracks
    patches = make_patches(encoder, tracks)
    mask = TokenMask.all_visible(patches.available)
    if mask_ratio:
        mask = RandomTokens(ratio=mask_ratio)(patches, batch.track_rng("view mask"))
    features = masked_mean(encoder(patches, mask.visible_index).float(), mask.visible_index)
    with torch.autocast(features.device.type, enabled=False):
        out: Tensor = head(tracks.mean_over_persons(features))
    return out


@torch.no_grad()
def spread(
    first: Float[Tensor, "clip width"], second: Float[Tensor, "clip width"], has_person: Bool[Tensor, " clip"]
) -> dict[str, Tensor]:
    """Return alignment and uniformity of the normalized projections (Wang and Isola, ICML 2020).

    Alignment is the mean squared distance of the views of a clip, uniformity the logarithm of the mean Gaussian
    potential of different clips; both are better when they are lower.
    """
    first, second = normalize(first, dim=1), normalize(second, dim=1)
    alignment = ((first - second).square().sum(1) * has_person).sum() / has_person.sum()
    is_pair = (has_person[:, None] & has_person).triu(1)
    potential = torch.exp(-2.0 * (2.0 - 2.0 * first @ first.T))
    return {"alignment": alignment, "uniformity": ((potential * is_pair).sum() / is_pair.sum()).log()}


def _no_logs(like: Tensor, objective: str) -> dict[str, Tensor]:
    """The logs of a batch without observed persons."""
    names = ["alignment", "uniformity", "contrast_loss", *(["key_accuracy"] if objective == "queue" else [])]
    return {name: like.new_full((), torch.nan) for name in names}
