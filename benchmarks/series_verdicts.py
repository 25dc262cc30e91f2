"""Whether a job of a series is better than the baseline with the same seed, or the difference is noise."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

SEED = re.compile(r"-seed(\d+)$")
"""End of the name of a job; jobs without it have seed 0."""


def baseline_of(name: str, baseline: str, names: Collection[str]) -> str | None:
    """Return the job of the baseline that has the seed of a job; None for the baseline, or if there is none.

    Args:
        name: The job, such as `tube-seed1`.
        baseline: The baseline, such as `mamp`.
        names: The jobs of the series.
    """
    found = SEED.search(name)
    seed = int(found[1]) if found else 0
    if SEED.sub("", name) == baseline:
        return None
    candidates = (f"{baseline}-seed{seed}", *([baseline] if seed == 0 else []))
    return next((candidate for candidate in candidates if candidate in names), None)


def verdicts(job: Path, baseline: Path) -> Iterator[str]:
    """Yield a line for each result that two jobs share, such as `camera1 linear: +1.2 (-0.4 to +2.8), noise`.

    The jobs have kept the scores of their test clips in the folders of their evaluations.

    Args:
        job: Folder of the job.
        baseline: Folder of the job of the baseline.
    """
    from skeletonmae.errors import InputError
    from skeletonmae.evaluation.compare import compare
    from skeletonmae.evaluation.results_file import RESULTS
    from skeletonmae.evaluation.saved_results import SavedResults

    for folder in sorted(file.parent for file in job.glob(f"*/{RESULTS}")):
        other = baseline / folder.name
        if not (other / RESULTS).is_file():
            continue
        try:
            found, _ = compare(SavedResults.read(other), SavedResults.read(folder))
        except InputError as error:
            yield f"{folder.name}: not compared with {baseline.name} ({error})"
            continue
        for each in found:
            low, high = (100 * bound for bound in each.interval)
            interval = f"{100 * each.difference:+.1f} ({low:+.1f} to {high:+.1f})"
            yield f"{folder.name} {each.name}: {interval}, {each.verdict}, against {baseline.name}"
