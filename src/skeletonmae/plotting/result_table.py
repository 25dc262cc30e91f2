"""Evaluation results as the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skeletonmae.evaluation import Result

RESULT_COLUMNS = ("protocol", "encoder", "labels", "seed", "training clips", "test clips", "top-1 %", "top-5 %")


def result_rows(results: Sequence[Result]) -> list[list[str]]:
    """One row of `RESULT_COLUMNS` per result."""
    return [
        [
            result.name,
            "pre-trained" if result.pretrained else "not pre-trained",
            f"{result.label_fraction:.0%}",
            str(result.seed),
            str(result.num_train),
            str(result.num_test),
            f"{100 * result.top1:.1f}",
            f"{100 * result.top5:.1f}",
        ]
        for result in results
    ]
