"""Finished evaluations, read back from their folders."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from skeletonmae.errors import InputError
from skeletonmae.evaluation.clip_scores import ClipScores
from skeletonmae.evaluation.result import Result
from skeletonmae.evaluation.results_file import RESULTS

MAX_ROUNDING = 1e-6
"""Difference of two accuracies of the same clips that comes from rounding."""
ResultName = tuple[str, float]
"""Protocol with its setting, and fraction of the labels: what results of several seeds have in common."""


class _DataRead(BaseModel):
    stream: str = ""


class _RecipeRead(BaseModel):
    data: _DataRead = _DataRead()


class _FieldsRead(BaseModel):
    """The fields of `results.json` that are read, beside the results."""

    model_config = ConfigDict(strict=True)

    complete: bool
    results: list[dict[str, Any]]
    recipe: _RecipeRead | None = None
    test_copies: list[str] = []
    evaluation_fingerprint: str | None = None
    cost: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class SavedResults:
    """The results of one finished evaluation.

    Args:
        folder: The folder of the evaluation.
        fields: All that `results.json` contains.
        results: The results.
    """

    folder: Path
    fields: dict[str, Any]
    results: tuple[Result, ...]

    @classmethod
    def read(cls, path: Path) -> SavedResults:
        """Read a `results.json`, or that in a folder.

        Raises:
            InputError: There is none, it is not what `evaluate` writes, or the evaluation was stopped.
        """
        file = path / RESULTS if path.is_dir() else path
        if not file.is_file():
            raise InputError("there are no results", where=file, expected="a folder that `evaluate` wrote to")
        try:
            fields = json.loads(file.read_text(encoding="utf-8"))
            is_complete = _FieldsRead.model_validate(fields).complete
            results = tuple(Result.model_validate(result) for result in fields["results"])
        except (ValueError, KeyError, TypeError, ValidationError, RecursionError) as error:
            reason = " ".join(str(error).split())[:200]
            problem = f"not the results of an evaluation by this version ({reason}); evaluate again"
            raise InputError(problem, where=file) from error
        if not is_complete:
            raise InputError("the evaluation was stopped; run it again to finish it", where=file)
        if not results:
            raise InputError("the evaluation has no results", where=file, expected="one protocol or more")
        counts = Counter(result.key for result in results)
        if repeated := [key for key, count in counts.items() if count > 1]:
            name, fraction, seed = repeated[0]
            got = f"{name!r} with {100 * fraction:g} % of the labels and seed {seed} {counts[repeated[0]]} times"
            raise InputError("a result is there more than once", where=file, expected="each once", got=got)
        return cls(file.parent, fields, results)

    @property
    def test_copies(self) -> frozenset[str]:
        """Names of the test recordings that are copies of training recordings."""
        return frozenset(self.fields.get("test_copies", ()))

    def by_name(self) -> dict[ResultName, list[Result]]:
        """Return the results of each name, one for each seed."""
        groups: dict[ResultName, list[Result]] = {}
        for result in self.results:
            groups.setdefault((result.name, result.label_fraction), []).append(result)
        return groups

    def select(self, prefix: str) -> SavedResults:
        """Return the results whose name begins with `prefix`.

        Raises:
            InputError: There are none.
        """
        results = tuple(result for result in self.results if result.name.startswith(prefix))
        if not results:
            expected = ", ".join(dict.fromkeys(result.name for result in self.results))
            raise InputError("there is no such result", where=self.folder, expected=expected, got=prefix)
        return SavedResults(self.folder, self.fields, results)

    def scores(self, result: Result) -> ClipScores:
        """Read the class scores of a result's test clips.

        Raises:
            InputError: The evaluation kept none, or the file is damaged or that of another result.
        """
        if not result.scores or Path(result.scores).name != result.scores:
            problem = f"{result.name} has no scores of clips; evaluate again to get them"
            raise InputError(problem, where=self.folder / RESULTS)
        scores = ClipScores.read(self.folder / result.scores)
        lowest, highest = scores.top1_range
        if (
            len(scores.label) != result.num_test
            or not lowest - MAX_ROUNDING <= result.top1 <= highest + MAX_ROUNDING
        ):
            raise InputError(
                f"the scores are not those of {result.name}; evaluate again",
                where=self.folder / result.scores,
                expected=f"an accuracy of {100 * result.top1:.2f} % on {result.num_test} clips, as in {RESULTS}",
                got=f"{100 * scores.is_correct.mean():.2f} % on {len(scores.label)} clips",
            )
        return scores


def describe_names(names: Sequence[ResultName]) -> str:
    """Return names in a line, such as `linear, finetune (10 %)`."""
    return ", ".join(name if fraction == 1 else f"{name} ({100 * fraction:g} %)" for name, fraction in names)
