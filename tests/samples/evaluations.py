"""Finished evaluations whose every prediction is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_run(folder: Path, *results: tuple[str, int, list[bool]], **changes: Any) -> Any:
    """Results of one protocol each: its name, its seed, and which of its test clips are classified correctly."""
    import torch

    from skeletonmae.evaluation import Result
    from skeletonmae.evaluation.clip_scores import ClipScores
    from skeletonmae.evaluation.result import accuracy_metrics
    from skeletonmae.evaluation.results_file import ResultsFile
    from skeletonmae.evaluation.saved_results import SavedResults

    made, scores = [], {}
    for protocol, seed, correct in results:
        label = np.arange(len(correct)) % 2
        values = np.eye(2, dtype=np.float32)[np.where(correct, label, 1 - label)]
        names = tuple(f"clip {number}" for number in range(len(correct)))
        about = {"recordings": names, "classes": ("x", "y"), "label": label, "scores": values} | changes
        kept = values if about["scores"] is None else about["scores"]
        metrics: dict[str, Any] = accuracy_metrics(
            torch.from_numpy(kept), torch.from_numpy(about["label"]), about["classes"]
        )
        result = Result(protocol=protocol, pretrained=True, seed=seed, num_train=4, seconds=1, **metrics)
        made.append(result)
        if changes.get("scores", True) is not None:
            scores[result.key] = ClipScores(**about)
    ResultsFile(folder, {"recipe": {"data": {"stream": folder.name}}}, 1, []).add(made, write=True, scores=scores)
    return SavedResults.read(folder)
