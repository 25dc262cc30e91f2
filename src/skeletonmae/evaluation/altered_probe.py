"""A linear probe that is fitted once on clips as they are, and tested on altered ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from skeletonmae.evaluation.altered_clips import Alteration, AlteredClips
from skeletonmae.evaluation.lap_timer import LapTimer
from skeletonmae.evaluation.linear import LinearProbe
from skeletonmae.evaluation.linear_solvers import LinearClassifier
from skeletonmae.evaluation.protocol import EvaluationTask
from skeletonmae.evaluation.result import Result, ResultKey


def evaluate_altered(
    task: EvaluationTask, probe: LinearProbe, alterations: Mapping[str, Alteration], protocol: str
) -> list[Result]:
    """Return the result of one probe for each alteration of the test clips.

    Args:
        task: The evaluation.
        probe: Settings of the probe, which is fitted on the training clips as they are.
        alterations: Setting of the result -> what is changed.
        protocol: Name of the protocol.
    """
    timer = LapTimer()
    train_index = probe.labeled_recordings(task)
    fitted = probe.fit(task, train_index)
    prior = torch.from_numpy(np.bincount(task.labels[train_index], minlength=len(task.classes)) / len(train_index))
    labels = torch.from_numpy(task.labels[task.split.test].astype(np.int64))
    results = []
    for setting, alteration in alterations.items():
        logits = altered_logits(task, probe, fitted.classifier, prior, alteration)
        results.append(probe.result(task, fitted, logits, labels, protocol, _setting(setting, probe), timer.lap()))
    return results


def altered_key(protocol: str, setting: str, probe: LinearProbe) -> ResultKey:
    """Return the key of the result of an alteration.

    Args:
        protocol: Name of the protocol.
        setting: Setting of the result, as in `evaluate_altered`.
        probe: Settings of the probe.
    """
    return probe.key_of(protocol, _setting(setting, probe))


def _setting(setting: str, probe: LinearProbe) -> str:
    return f"{setting} {probe.setting}".strip()


def with_metrics(results: Sequence[Result], metrics: Mapping[str, float]) -> list[Result]:
    """Return results with numbers about all of them, which are in the metrics of the first."""
    first, *others = results
    return [first.model_copy(update={"metrics": {**first.metrics, **metrics}}), *others]


def altered_logits(
    task: EvaluationTask,
    probe: LinearProbe,
    classifier: LinearClassifier,
    prior: Float[Tensor, " class"],
    alteration: Alteration,
) -> Float[Tensor, "clip class"]:
    """Return the logits of the altered test clips, on the CPU.

    A clip that no longer shows the model a joint gets the logarithm of the prior: its class can only be guessed.

    Args:
        task: The evaluation.
        probe: Settings of the probe.
        classifier: The fitted probe.
        prior: Share of each class among the training clips.
        alteration: What is changed.
    """
    task = probe.with_views(task)
    altered = replace(task, clips=AlteredClips.of(task.clips, alteration))
    mean = probe.extract_mean(altered, task.split.test, views=probe.test_views, seed=probe.seed)
    logits: Tensor = classifier(mean.features.to(task.distributed.device)).cpu()
    return torch.where(mean.is_kept[:, None], logits, prior.clamp(min=1e-12).log().float())
