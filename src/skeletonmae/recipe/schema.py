"""The sections of a recipe, and what they must have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from skeletonmae.config import Config, tagged_union
from skeletonmae.errors import InputError
from skeletonmae.evaluation import PROTOCOLS, Finetune, LinearProbe
from skeletonmae.evaluation.knn import KNN
from skeletonmae.masking import MASKINGS, RandomTokens
from skeletonmae.methods import METHODS, InputSpec, JointPatchMAEConfig
from skeletonmae.methods.method import Method
from skeletonmae.recipe.protocol_checks import check_names, check_protocol
from skeletonmae.recipe.source import DataConfig
from skeletonmae.training import TrainingConfig

AnyMasking: Any = tagged_union(MASKINGS)
AnyMethod: Any = tagged_union(METHODS)
AnyProtocol: Any = tagged_union(PROTOCOLS)


class Recipe(Config):
    """Everything that determines a run."""

    data: DataConfig
    method: AnyMethod = JointPatchMAEConfig()
    masking: AnyMasking | None = Field(None, validate_default=True)
    """`{kind: random}` for a method that masks tokens; a recipe with another method must not have this section."""
    training: TrainingConfig = TrainingConfig()
    init_from: Path | None = None
    """Checkpoint, folder of a run, or name of a shipped encoder, whose weights pre-training starts from; by
    default they are random. A relative path is relative to the working directory. The clips must be those of the
    checkpoint. `joint_patch` takes the encoder, to which it adds blocks if `method.depth` is larger, and the
    decoder too if the other settings of the method are equal (that of a shipped encoder is untrained);
    `neighbor_tuning` needs a checkpoint."""
    evaluation: tuple[AnyProtocol, ...] = Field(
        (LinearProbe(), KNN(), Finetune(), Finetune(label_fraction=0.1)), validate_default=True
    )

    @field_validator("method")
    @classmethod
    def _check_axes(cls, method: Any, info: ValidationInfo) -> Any:
        data = info.data.get("data")
        if data is not None and method.reads_any_layout and data.axes != 3:
            raise ValueError(
                f"joint_embedding description reads 2D and 3D clips and needs data.axes: 3, not {data.axes}"
            )
        if names := ", ".join(method.ineffective_settings):
            raise ValueError(f"without a masked loss, {names} would have no effect; delete it, or set reconstruct")
        return method

    @field_validator("masking")
    @classmethod
    def _check_masking(cls, masking: Config | None, info: ValidationInfo) -> Config | None:
        method = info.data.get("method")
        if method is None or method.uses_mask:
            return masking or RandomTokens()
        if method.masks_tokens and masking in (None, RandomTokens()):  # the default of the kind
            return RandomTokens()
        if method.masks_tokens:
            raise ValueError(f"method {method.kind} would ignore it without a masked loss; delete this section")
        if masking is not None:
            raise ValueError(f"method {method.kind} does not mask tokens and would ignore it; delete this section")
        return None

    @field_validator("evaluation")
    @classmethod
    def _check_protocols(cls, evaluation: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        check_names(evaluation)
        method = info.data.get("method")
        if method is None:
            return evaluation
        data = info.data.get("data")
        num_steps = method.num_time_steps(data.frames) if data else None
        for index, protocol in enumerate(evaluation):
            check_protocol(index, protocol, method, num_steps)
        return evaluation

    def with_names_to_exclude(self) -> Recipe:
        """Return a copy that holds the names of the recordings to leave out, which may be in files.

        Raises:
            InputError: A file cannot be read.
        """
        pretrain = tuple(source.with_names_to_exclude() for source in self.data.pretrain)
        sources = {"pretrain": pretrain, "evaluate": self.data.evaluate.with_names_to_exclude()}
        return self.model_copy(update={"data": self.data.model_copy(update=sources)})

    def build(self, spec: InputSpec) -> Method:
        """Build the method for clips of `spec`, with fresh weights.

        Raises:
            InputError: Settings of the method do not fit each other or the clips.
        """
        try:
            method: Method = self.method.build(spec, self.masking)
        except ValueError as error:
            raise InputError(str(error), where="recipe: method") from error
        return method
