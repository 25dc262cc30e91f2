"""Pretext tasks: a batch becomes a loss.

To add a method: a `Method` and its frozen `MethodConfig` with its own `kind` and `build(spec, masking)` in a file
of its own, listed in `METHODS`; beside them the settings of its downstream model with the same `kind`, listed in
`CLASSIFIERS`.
"""

from skeletonmae.config import Config
from skeletonmae.methods.graph import GraphMae, GraphMaeConfig, StrlConfig
from skeletonmae.methods.joint_patch import JointPatch, JointPatchClassifierConfig, JointPatchConfig
from skeletonmae.methods.method import (
    Classifier,
    InputSpec,
    Method,
    MethodConfig,
    MethodOutput,
    Pooling,
    Rebuilt,
)
from skeletonmae.methods.sttformer import STTFormer, STTFormerClassifierConfig, STTFormerConfig

METHODS: dict[str, type[MethodConfig]] = {
    "joint_patch": JointPatchConfig,
    "sttformer": STTFormerConfig,
    "graph": GraphMaeConfig,
}
"""Kind -> settings of the method, which build it."""

CLASSIFIERS: dict[str, type[Config]] = {
    "joint_patch": JointPatchClassifierConfig,
    "sttformer": STTFormerClassifierConfig,
    "graph": StrlConfig,
}
"""Kind of the method -> settings of its downstream model."""

__all__ = [
    "CLASSIFIERS",
    "METHODS",
    "Classifier",
    "GraphMae",
    "GraphMaeConfig",
    "InputSpec",
    "JointPatch",
    "JointPatchClassifierConfig",
    "JointPatchConfig",
    "Method",
    "MethodConfig",
    "MethodOutput",
    "Pooling",
    "Rebuilt",
    "STTFormer",
    "STTFormerClassifierConfig",
    "STTFormerConfig",
    "StrlConfig",
]
