"""The settings of `joint_patch`, and whether an encoder has those of a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from skeletonmae.config import Config, changed_settings
from skeletonmae.errors import InputError
from skeletonmae.masking import Masking
from skeletonmae.methods.method_config import InputSpec, MethodConfig
from skeletonmae.methods.pooled_targets import PooledConfig
from skeletonmae.methods.targets import Target, TargetNorm
from skeletonmae.methods.teacher import TeacherConfig
from skeletonmae.skeletons import VOCABULARY

if TYPE_CHECKING:
    from skeletonmae.methods.joint_patch_mae import JointPatchMAE

Interval = Annotated[int, Field(ge=1, le=10_000)]
"""Number of frames from one frame to the other."""
ENCODER_SETTINGS = ("token_frames", "width", "depth", "heads", "mlp_ratio", "joint_embedding", "motion_scale")
"""Settings that an encoder shares with one whose weights it takes over; some leave the shapes as they are. Only
`depth` may be larger: see `JointPatchMAEConfig.starting_from`."""


class DescriptionConfig(Config):
    """What training with `joint_embedding: description` leaves out, so that the model can do without it."""

    name_dropout: float = Field(0.3, ge=0, le=1)
    """Share of the clips whose joints have no names, only descriptions; drawn again in every epoch."""
    duration_dropout: float = Field(0.2, ge=0, le=1)
    """Share of the clips whose duration is unknown; drawn again in every epoch."""


class InputNoiseConfig(Config):
    """Noise on what the encoder sees in pre-training. Masks and targets are those of the clips without it.

    `sensor_noise` in `data.augment` makes it part of the targets instead.
    """

    probability: float = Field(0.0, ge=0, le=1)
    """Probability that a clip has noise; drawn again in every epoch."""
    sigma: tuple[float, float] = (0.003, 0.02)
    """Minimum and maximum standard deviation, in the unit of the clips: body sizes after `normalize_size`. Each
    clip draws its own; small values are as likely as large ones, in proportion."""

    @model_validator(mode="after")
    def _check_sigma(self) -> Self:
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma must be two numbers above 0 in increasing order; got {self.sigma}")
        return self


class JointPatchMAEConfig(MethodConfig):
    """The spatial-temporal masked autoencoder on tokens of one joint and a few frames.

    Source: Wu et al., *SkeletonMAE: Spatial-Temporal Masked Autoencoders*, ICME Workshops 2023, on the backbone
    of Mao et al., *Masked Motion Predictors*, ICCV 2023, whose target is `target: motion`.
    """

    pools_statistics: ClassVar[bool] = True

    kind: Literal["joint_patch"] = "joint_patch"
    token_frames: int = Field(4, ge=1, le=10_000)
    """Number of consecutive frames of one joint that form a token; must divide the number of frames of a clip."""
    width: int = Field(256, ge=8, le=16_384)
    """Width of the encoder's tokens; must be divisible by `heads`."""
    depth: int = Field(8, ge=1, le=256)
    """Number of encoder blocks."""
    joint_embedding: Literal["name", "description"] = "name"
    """`name`: the position embedding of a joint is that of its name, and joints with other names are not used.
    `description`: it is the sum of those of its name, if it is known, and of its side, its body part and its place
    in the tree. The model then reads any layout, in 2D and 3D, in any unit, and knows the duration of a clip and
    the path of the body (`root_motion`)."""
    motion_scale: float | None = Field(None, gt=0)
    """Give each token also its deviations d from its mean position, as asinh(d / motion_scale): then small
    movements can be seen beside large ones. In the unit of the clips; null gives positions alone."""
    description: DescriptionConfig = DescriptionConfig()
    """What training leaves out with `joint_embedding: description`; `name` has no such settings."""
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
    target_floor: float = Field(0.0, ge=0)
    """Standard deviation that is added to that of the targets, as the root of the sum of squares, before
    `target_norm` divides by it. What varies less remains a small target: the noise of a sensor on still joints no
    longer counts as much as motion. In the unit of the clips; 0 adds nothing."""
    input_noise: InputNoiseConfig = InputNoiseConfig()
    """Noise that the encoder sees and the targets do not have; by default none."""
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
        if self.target_floor and (self.target in ("teacher", "pooled") or self.target_norm == "none"):
            setting = f"target {self.target}" if self.target_norm != "none" else "target_norm none"
            raise ValueError(f"{setting} has no target_floor; got {self.target_floor}")
        if self.target == "pooled" and self.input_noise.probability:
            raise ValueError(f"target pooled has no input_noise; got probability {self.input_noise.probability}")
        for target, settings in (("teacher", self.teacher), ("pooled", self.pooled)):
            if self.target != target and (changed := changed_settings(settings)):
                names = ", ".join(f"{target}.{name}" for name in changed)
                raise ValueError(f"target {self.target} has no {names}; delete it, or use target {target}")
        if self.target == "pooled" and self.predict_ratio < 1:
            raise ValueError(f"target pooled needs all tokens: predict_ratio must be 1; got {self.predict_ratio}")
        if self.target_steps > 1 and self.decoder != "cross":
            raise ValueError(f"target_steps needs decoder cross; got target_steps {self.target_steps}")
        return self

    @model_validator(mode="after")
    def _check_description(self) -> Self:
        if self.joint_embedding == "name":
            if changed := changed_settings(self.description):
                names = ", ".join(f"description.{name}" for name in changed)
                raise ValueError(f"joint_embedding name has no {names}; delete it, or use description")
            return self
        if self.kind != "joint_patch":
            raise ValueError(f"method {self.kind} needs joint_embedding name; got {self.joint_embedding}")
        if self.target == "pooled" or self.teacher.center:
            setting = "target pooled" if self.target == "pooled" else "teacher.center"
            raise ValueError(f"{setting} needs joint_embedding name; got {self.joint_embedding}")
        return self

    def num_time_steps(self, frames: int) -> int:
        """Return the number of tokens of a joint in a clip."""
        return frames // self.token_frames

    @property
    def reads_any_layout(self) -> bool:
        """Whether clips may have any layout, unit and number of axes."""
        return self.joint_embedding == "description"

    def known_joints(self, joints: tuple[str, ...]) -> tuple[str, ...]:
        """Return the joints that a model has weights for: with descriptions, also those of the vocabulary."""
        return tuple(dict.fromkeys((*VOCABULARY, *joints))) if self.reads_any_layout else joints

    @property
    def num_feature_blocks(self) -> int:
        """Number of encoder blocks, from the last, whose features `JointPatchMAE.embed` can average."""
        return self.depth

    def starting_from(self, pretrained: MethodConfig) -> Self:
        """Return these settings, after a check that the encoder of a checkpoint has the same, or fewer blocks.

        Raises:
            InputError: The checkpoint has another kind of encoder, a deeper one, or one with other settings.
        """
        found = settings_of_encoder(pretrained, None)
        depth = min(self.depth, found.depth)  # `deepened` adds the others
        settings_of_encoder(pretrained, self.model_copy(update={"depth": depth}))
        return self

    def for_evaluation(self, recipe: MethodConfig) -> JointPatchMAEConfig:
        """Return these settings, with the encoder to evaluate, `teacher.evaluate`, from those of a recipe."""
        if not isinstance(recipe, JointPatchMAEConfig):
            return self
        teacher = self.teacher.model_copy(update={"evaluate": recipe.teacher.evaluate})
        return self.model_copy(update={"teacher": teacher})

    def build(self, spec: InputSpec, masking: Masking) -> JointPatchMAE:
        """Build the method for clips of `spec`."""
        # Imported here, because the modules of the methods import their settings from this one.
        from skeletonmae.methods.joint_patch_mae import JointPatchMAE
        from skeletonmae.methods.pooled_joint_patch_mae import PooledJointPatchMAE

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
