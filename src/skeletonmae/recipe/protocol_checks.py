"""Whether a method can be evaluated by the protocols of a recipe, and whether their results can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skeletonmae.evaluation import Finetune
from skeletonmae.evaluation.features import FeatureConfig
from skeletonmae.evaluation.protocol import EvaluationProtocol
from skeletonmae.evaluation.result import ResultKey
from skeletonmae.methods.method_config import MethodConfig


def check_protocol(index: int, protocol: Any, method: MethodConfig, num_steps: int | None) -> None:
    """Check that a method can be evaluated by a protocol.

    Args:
        index: Number of the protocol in the recipe.
        protocol: The protocol.
        method: The settings of the method.
        num_steps: Number of time steps of a clip; None if it is not known.
    """
    kind = method.classifier_kind or method.kind
    classifier = protocol.classifier if isinstance(protocol, Finetune) else None
    if classifier and classifier.kind != kind:
        raise ValueError(
            f"item {index} has a classifier of kind {classifier.kind}, but the method is {method.kind}"
        )
    if not isinstance(protocol, Finetune) and not method.has_pretext_task:
        raise ValueError(
            f"item {index}, {protocol.kind}, evaluates an encoder, which method {method.kind} does not have; state"
            " protocols of kind finetune alone"
        )
    features = getattr(protocol, "probe", protocol)  # some protocols test a linear probe
    if not isinstance(features, FeatureConfig):
        return
    if features.pooling == "statistics" and not method.pools_statistics:
        raise ValueError(
            f"item {index} has pooling statistics, which method {method.kind} does not have; use mean, joints or"
            " parts"
        )
    if features.last_blocks > method.num_feature_blocks:
        raise ValueError(
            f"item {index} averages the features of {features.last_blocks} blocks, but the method {method.kind}"
            f" returns those of {method.num_feature_blocks}"
        )
    if num_steps is not None and features.time_parts > num_steps:
        raise ValueError(
            f"item {index} divides a clip into {features.time_parts} parts of time, but a clip of method"
            f" {method.kind} has {num_steps} time steps"
        )


def check_names(evaluation: Sequence[EvaluationProtocol]) -> None:
    """Check that no result and no classifier of a protocol replaces that of another."""
    results: dict[ResultKey, int] = {}
    classifiers: dict[str, int] = {}
    for index, protocol in enumerate(evaluation):
        is_tuned = isinstance(protocol, Finetune)
        advice = "give one of them a `name`" if is_tuned else "evaluate one in another folder"
        for key in protocol.result_keys:
            if key in results:
                first, (name, fraction, seed) = results[key], key
                both = f"items {first} and {index} both have" if first != index else f"item {index} repeats"
                labels = f" with {100 * fraction:g} % of the labels" if fraction < 1 else ""
                raise ValueError(f"{both} the result {name!r}{labels} and seed {seed}; {advice}")
            results[key] = index
        for name in map(protocol.fit_name, protocol.seeds) if isinstance(protocol, Finetune) else ():
            writer = evaluation[classifiers.setdefault(name, index)]
            if _fit_settings(writer) != _fit_settings(protocol):
                problem = f"items {classifiers[name]} and {index} both write the classifier {name}.safetensors"
                raise ValueError(f"{problem}; {advice}")


def _fit_settings(protocol: EvaluationProtocol) -> dict[str, Any]:
    """The settings that the classifiers of a fine-tuning depend on, without the seeds."""
    assert isinstance(protocol, Finetune)
    return protocol.model_dump(exclude={"seeds", "test_clips"})
