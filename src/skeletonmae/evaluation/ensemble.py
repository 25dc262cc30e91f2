"""Equal-weight ensembles of evaluations on the same test clips, such as those of several streams."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skeletonmae.errors import InputError
from skeletonmae.evaluation.clip_scores import ClipScores, check_same_clips
from skeletonmae.evaluation.result import Result, accuracy_metrics, accuracy_without_copies
from skeletonmae.evaluation.results_file import ResultsFile
from skeletonmae.evaluation.saved_results import ResultName, SavedResults

FIELDS = (
    "dataset",
    "split",
    "split_description",
    "groups",
    "store_fingerprint",
    "layout",
    "empty_clips",
    "test_copies",
    "recipe",
)
"""What the results of an ensemble have in common with those of its first member."""


def ensemble(members: Sequence[SavedResults], folder: Path | None) -> list[Result]:
    """Add the softmax scores of evaluations with equal weights, and write the results like those of an evaluation.

    The results of an ensemble are those that all members have: the same protocol, setting, fraction of the labels
    and seed, with logits as scores.

    Args:
        members: The evaluations.
        folder: Receives `results.json` and the scores of the ensemble; None writes nothing.

    Raises:
        InputError: There are fewer than two members, their test clips, labels or classes differ, or they have no
            result with logits in common.
    """
    if len(members) < 2:
        raise InputError("an ensemble needs members", expected="two or more runs", got=len(members))
    folders = [member.folder.resolve() for member in members]
    if repeated := [member.folder for member in members if folders.count(member.folder.resolve()) > 1]:
        raise InputError("a run is a member more than once", where=repeated[0], expected="different runs")
    results: list[Result] = []
    scores: dict[tuple[str, float, int], ClipScores] = {}
    by_key = [{result.key: result for result in member.results if result.scores} for member in members]
    for key in by_key[0]:
        if not all(key in each for each in by_key):
            continue
        own = [each[key] for each in by_key]
        own_scores = [member.scores(result) for member, result in zip(members, own, strict=True)]
        if any(each.kind != "logits" for each in own_scores):
            continue
        sources = [member.folder / result.scores for member, result in zip(members, own, strict=True)]
        scores[key] = mean_probabilities(check_same_clips(own_scores, sources))
        results.append(_result(own, scores[key], members[0].fields.get("test_copies", [])))
    if not results:
        got = "; ".join(f"{member.folder}: {_names(member)}" for member in members)
        raise InputError(
            "the runs have no result in common that has logits", expected="the same protocols", got=got
        )
    fields = {name: members[0].fields[name] for name in FIELDS if name in members[0].fields}
    fields["ensemble"] = {
        "weights": "equal",
        "members": [
            {
                "folder": str(member.folder),
                "stream": _stream(member),
                "evaluation_fingerprint": member.fields.get("evaluation_fingerprint"),
            }
            for member in members
        ],
    }
    digests = [hashlib.sha256(each.scores.tobytes()).hexdigest() for each in scores.values()]
    file = ResultsFile(folder, fields, num_runs=1, key=digests)
    file.add(results, write=True, scores=scores)
    return file.results


def names_left_out(members: Sequence[SavedResults], results: Sequence[Result]) -> list[ResultName]:
    """Return the names of which a member has a result that the ensemble does not have.

    Args:
        members: The evaluations.
        results: The results of their ensemble.
    """
    kept = {result.key for result in results}
    others = [result for member in members for result in member.results if result.key not in kept]
    return list(dict.fromkeys((result.name, result.label_fraction) for result in others))


def mean_probabilities(members: Sequence[ClipScores]) -> ClipScores:
    """Return the logarithm of the members' mean probabilities, which are logits again.

    Args:
        members: Logits of the same clips in the same order.
    """
    mean = np.mean([member.probabilities for member in members], axis=0)
    logits = np.log(mean.clip(min=np.finfo(np.float32).tiny)).astype(np.float32)
    first = members[0]
    return ClipScores(first.recordings, first.classes, first.label, logits)


def _result(members: Sequence[Result], scores: ClipScores, copies: Collection[str]) -> Result:
    logits, labels = torch.from_numpy(scores.scores), torch.from_numpy(scores.label.astype(np.int64))
    is_copy = np.isin(np.array(scores.recordings, dtype=str), np.array([*copies], dtype=str))
    metrics = accuracy_metrics(logits, labels, scores.classes) | accuracy_without_copies(is_copy, logits, labels)
    is_mixed = len({member.pretrained for member in members}) > 1
    changes: dict[str, Any] = {
        "pretrained": all(member.pretrained for member in members),
        "details": members[0].details | ({"encoder": "mixed"} if is_mixed else {}),
        "seconds": sum(member.seconds for member in members),
        "best_params": {},
        "metrics": {},
    }
    return members[0].model_copy(update=metrics | changes)


def _stream(member: SavedResults) -> str:
    recipe = member.fields.get("recipe") or {}
    return str(recipe.get("data", {}).get("stream", ""))


def _names(member: SavedResults) -> str:
    return ", ".join(dict.fromkeys(result.name for result in member.results))
