"""Pretext tasks: a batch becomes a loss.

To add a method: a `Method` and its frozen `Config` with its own `kind` and `build(spec, masking)` in a file of its
own, listed in `METHODS`.
"""

from skeletonmae.config import Config
from skeletonmae.methods.joint_patch import JointPatch, JointPatchConfig
from skeletonmae.methods.method import (
    Classifier,
    ClassifierConfig,
    InputSpec,
    Method,
    MethodOutput,
    Pooling,
    Rebuilt,
)

METHODS: dict[str, type[Config]] = {"joint_patch": JointPatchConfig}
"""Kind -> settings of the method, which build it."""

__all__ = [
    "METHODS",
    "Classifier",
    "ClassifierConfig",
    "InputSpec",
    "JointPatch",
    "JointPatchConfig",
    "Method",
    "MethodOutput",
    "Pooling",
    "Rebuilt",
]
