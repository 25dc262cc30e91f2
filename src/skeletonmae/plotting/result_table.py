"""Evaluation results as the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skeletonmae.evaluation import Result

RESULT_COLUMNS = (
    "protocol",
    "encoder",
    "labels",
    "seed",
    "training clips",
    "test clips",
    "top-1 %",
    "95 % interval",
    "top-5 %",
)


def result_rows(results: Sequence[Result]) -> list[list[str]]:
    """One row of `RESULT_COLUMNS` per result; no top-5 where there are so few classes that it is always 100."""
    return [
        [
            result.name,
            str(result.details.get("encoder", "pre-trained" if result.pretrained else "not pre-trained")),
            f"{result.label_fraction:.0%}",
            str(result.seed),
            str(result.num_train),
            result.test_clips,
            f"{100 * result.top1:.1f}",
            format_interval(result.top1_interval),
            f"{100 * result.top5:.1f}" if len(result.classes) > 5 else "-",
        ]
        for result in results
    ]


def format_interval(interval: tuple[float, float]) -> str:
    """An interval of fractions in percent, such as `62.1 to 84.3`."""
    return " to ".join(f"{100 * bound:.1f}" for bound in interval)
