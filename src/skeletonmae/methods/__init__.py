"""Pretext tasks: a batch in, a loss out.

To add a method, write a `Method` and its frozen `MethodConfig` with its own `kind` and `build(spec, masking)` in
a new file and list it in `METHODS`; list the settings of its classifier, with the same `kind`, in `CLASSIFIERS`.
"""

from typing import Any

from skeletonmae.config import Config, tagged_union
from skeletonmae.methods.contrastive import Contrastive, ContrastiveConfig
from skeletonmae.methods.graph_classifier import STRLClassifierConfig
from skeletonmae.methods.graph_mae import GraphMAE, GraphMAEConfig
from skeletonmae.methods.joint_patch_classifier import JointPatchClassifierConfig
from skeletonmae.methods.joint_patch_config import JointPatchMAEConfig
from skeletonmae.methods.joint_patch_mae import JointPatchMAE
from skeletonmae.methods.method import Classifier, Method, MethodOutput, Reconstruction
from skeletonmae.methods.method_config import InputSpec, MethodConfig
from skeletonmae.methods.neighbor_tuning import NeighborTuning, NeighborTuningConfig
from skeletonmae.methods.order import Order, OrderConfig
from skeletonmae.methods.pooling import Pooling
from skeletonmae.methods.sttformer_mae import STTFormerClassifierConfig, STTFormerMAE, STTFormerMAEConfig
from skeletonmae.methods.supervised import Supervised, SupervisedClassifierConfig, SupervisedConfig

METHODS: dict[str, type[MethodConfig]] = {
    "joint_patch": JointPatchMAEConfig,
    "sttformer": STTFormerMAEConfig,
    "graph": GraphMAEConfig,
    "supervised": SupervisedConfig,
    "neighbor_tuning": NeighborTuningConfig,
    "contrastive": ContrastiveConfig,
    "order": OrderConfig,
}
"""Kind -> settings of the method, which build it."""

CLASSIFIERS: dict[str, type[Config]] = {
    "joint_patch": JointPatchClassifierConfig,
    "sttformer": STTFormerClassifierConfig,
    "graph": STRLClassifierConfig,
    "supervised": SupervisedClassifierConfig,
}
"""Kind -> settings of a classifier. A method has that of its own kind, or of its `classifier_kind`."""
AnyClassifier: Any = tagged_union(CLASSIFIERS)
"""The settings of any classifier."""

__all__ = [
    "CLASSIFIERS",
    "METHODS",
    "AnyClassifier",
    "Classifier",
    "Contrastive",
    "ContrastiveConfig",
    "GraphMAE",
    "GraphMAEConfig",
    "InputSpec",
    "JointPatchClassifierConfig",
    "JointPatchMAE",
    "JointPatchMAEConfig",
    "Method",
    "MethodConfig",
    "MethodOutput",
    "NeighborTuning",
    "NeighborTuningConfig",
    "Order",
    "OrderConfig",
    "Pooling",
    "Reconstruction",
    "STRLClassifierConfig",
    "STTFormerClassifierConfig",
    "STTFormerMAE",
    "STTFormerMAEConfig",
    "Supervised",
    "SupervisedClassifierConfig",
    "SupervisedConfig",
]
