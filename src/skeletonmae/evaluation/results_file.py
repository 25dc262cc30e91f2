"""The file `results.json`, which grows with each finished protocol, so that a stopped evaluation resumes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from skeletonmae import __version__
from skeletonmae.evaluation.clip_scores import SCORE_FILES, ClipScores
from skeletonmae.evaluation.cost import Cost
from skeletonmae.evaluation.result import Result
from skeletonmae.files import write_text

RESULTS = "results.json"
RESULTS_FORMAT = 2
CONFUSION_MATRICES = "confusion-*.png"
"""Pictures of the results; those of another evaluation are deleted when its results are replaced."""


class ResultsFile:
    """The results of one evaluation. Results that an unfinished one has left in the folder are kept.

    Args:
        folder: The folder of the evaluation; None writes nothing.
        fields: What the results depend on, written beside them.
        num_runs: Number of runs of the evaluation.
        key: What else the results depend on, such as a digest of the weights.
        keep_complete: Take over the results of the same evaluation even if it is complete.
        on_message: Called if the folder holds a file that is not what an evaluation writes, and will be replaced.
    """

    def __init__(
        self,
        folder: Path | None,
        fields: Mapping[str, Any],
        num_runs: int,
        key: Sequence[str],
        *,
        keep_complete: bool = False,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        self.folder, self.fields, self.num_runs = folder, fields, num_runs
        content = json.dumps([RESULTS_FORMAT, __version__, fields, num_runs, list(key)], sort_keys=True)
        self.fingerprint = hashlib.sha256(content.encode()).hexdigest()
        self.results: list[Result] = []
        self.num_finished = 0
        self.cost: Cost | None = None
        """What the encoder costs; a measurement, so the results do not depend on it."""
        if folder:
            self._load(folder / RESULTS, keep_complete, on_message)

    def _load(self, file: Path, keep_complete: bool, on_message: Callable[[str], None] | None) -> None:
        """Take over the results of the same evaluation; the file of any other will be replaced."""
        try:
            saved = json.loads(file.read_bytes())
            is_same = saved["evaluation_fingerprint"] == self.fingerprint
            if not is_same or (saved["complete"] and not keep_complete):
                return
            self.results = [Result.model_validate(result) for result in saved["results"]]
            num_finished, most = saved["num_finished"], min(self.num_runs, len(self.results))
            if type(num_finished) is not int or not 0 <= num_finished <= most:
                raise ValueError(f"num_finished is {num_finished!r:.40}, where at most {most} can be")
            self.num_finished = num_finished
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            self.results, self.num_finished = [], 0
            if on_message:
                reason = " ".join(str(error).split())[:200]
                problem = f"not the results of an evaluation by this version ({type(error).__name__}: {reason})"
                on_message(f"{file}: {problem}; all of it is evaluated again")

    @property
    def is_complete(self) -> bool:
        """Whether all runs are finished."""
        return self.num_finished == self.num_runs

    def add(
        self,
        results: Sequence[Result],
        *,
        write: bool,
        scores: Mapping[tuple[str, float, int], ClipScores] | None = None,
    ) -> None:
        """Add the results of the next run, and write the file if `write` is True.

        Args:
            results: The results.
            write: Whether this process writes.
            scores: Scores of the test clips by `Result.key`; each result that has some gets a file of them.
        """
        scores = scores if self.folder and scores else {}
        results = [
            result.model_copy(update={"scores": scores_file(result)}) if result.key in scores else result
            for result in results
        ]
        self.results += results
        self.num_finished += 1
        if self.folder and write:
            if self.num_finished == 1:
                # Without its scores, an earlier file would be wrong if this process were killed before it writes.
                (self.folder / RESULTS).unlink(missing_ok=True)
                for pattern in (CONFUSION_MATRICES, SCORE_FILES):
                    for file in self.folder.glob(pattern):
                        file.unlink()
            for result in results:
                if result.scores:
                    scores[result.key].write(self.folder / result.scores)
            write_text(self.folder / RESULTS, json.dumps(self._content(), indent=1, ensure_ascii=False))

    def _content(self) -> dict[str, Any]:
        return {
            "format": RESULTS_FORMAT,
            "version": __version__,
            **self.fields,
            "evaluation_fingerprint": self.fingerprint,
            "complete": self.is_complete,
            "num_finished": self.num_finished,
            "cost": self.cost and self.cost.model_dump(),
            "results": [result.model_dump() for result in self.results],
        }


def scores_file(result: Result) -> str:
    """Return the name of the file with the scores of a result's test clips."""
    name = f"{result.name}-{result.label_fraction:g}-seed{result.seed}"
    return f"scores-{re.sub(r'[^A-Za-z0-9_=.,+-]+', '-', name)}.npz"
