"""The commands that compare and combine evaluations. Slow imports are inside the functions."""

from __future__ import annotations

import json as json_format
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from skeletonmae.cli.console import INCOMPLETE, OK, print_output_json, print_output_table, print_status
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.evaluation.compare import Comparison


MAX_RESAMPLES = 1_000_000
COMPARISON_COLUMNS = (
    "protocol",
    "labels",
    "run",
    "seeds",
    "test clips",
    "top-1 %",
    "difference",
    "95 % interval",
    "McNemar p",
    "verdict",
)


def compare(
    runs: Positional[tuple[Path, ...]],
    protocol: str = "",
    without_copies: bool = False,
    resamples: int = 10_000,
    seed: int = 0,
    json: bool = False,
) -> int:
    """Compare evaluations on the same test clips, and say where a difference is noise.

    Each run is compared with the first, clip by clip. The interval of a difference comes from a bootstrap over the
    clips and the seeds. The verdict is noise if the interval contains 0 or, with one seed, if McNemar's p is 0.05
    or more. With one seed, it is about these two models on other test clips; evaluate several seeds to see
    what another training would change. The seeds of a pre-trained encoder are several fine-tunings of this one
    encoder: they do not say what another pre-training would change. Protocols of one run only are listed, with
    exit status 3.

    For example::

        skeletonmae compare runs/baseline runs/mine
        skeletonmae compare runs/joint runs/bone runs/motion --protocol linear

    Args:
        runs: Folders with a results.json that `evaluate` wrote; the first is the baseline.
        protocol: Compare only protocols whose name begins so, such as linear or "knn k=1".
        without_copies: Leave out test clips that are exact copies of training clips.
        resamples: Number of resamples of the bootstrap.
        seed: Seed of the bootstrap.
        json: Print the comparisons as JSON.
    """
    from skeletonmae.evaluation import compare as comparing
    from skeletonmae.evaluation.saved_results import SavedResults, describe_names

    if len(runs) < 2:
        raise InputError("there is nothing to compare", expected="two or more runs", got=len(runs))
    if not 100 <= resamples <= MAX_RESAMPLES:
        problem = "too few for an interval" if resamples < 100 else "too many"
        expected = f"100 to {MAX_RESAMPLES:,}"
        raise InputError(problem, where="--resamples", expected=expected, got=resamples)
    if seed < 0:
        raise InputError("not a seed", where="--seed", expected="0 or more", got=seed)
    saved = [SavedResults.read(path).select(protocol) for path in runs]
    found: list[tuple[Path, list[Comparison]]] = []
    left_out = []
    for path, run in zip(runs[1:], saved[1:], strict=True):
        comparisons, missing = comparing.compare(
            saved[0], run, without_copies=without_copies, num_resamples=resamples, seed=seed
        )
        found.append((path, comparisons))
        left_out += [(path, missing)] if missing else []
    if json:
        rows = [
            asdict(comparison)
            | {"baseline": str(runs[0]), "run": str(path)}
            | {"verdict": comparison.verdict, "scope": comparison.scope}
            for path, comparisons in found
            for comparison in comparisons
        ]
        print_output_json(json_format.dumps(rows))
    else:
        print_output_table(COMPARISON_COLUMNS, _comparison_rows(runs[0], found))
        if any(comparison.scope == "these two models" for _, comparisons in found for comparison in comparisons):
            print_status("with one seed, a verdict is about these two models; another seed can change more")
        if any(
            comparison.scope == "trainings" and any(comparison.pretrained)
            for _, comparisons in found
            for comparison in comparisons
        ):
            print_status("the seeds of a pre-trained encoder share its one pre-training; another can change more")
    known = {path: set(run.by_name()) for path, run in zip(runs, saved, strict=True)}
    for path, names in left_out:
        for only, other in ((runs[0], path), (path, runs[0])):
            if alone := [name for name in names if name not in known[other]]:
                print_status(f"not compared, because only in {only}: {describe_names(alone)}")
        if unscored := [name for name in names if name in known[runs[0]] and name in known[path]]:
            problem = f"{runs[0]} or {path} has no scores of clips"
            print_status(f"not compared, because {problem}: {describe_names(unscored)}")
    return INCOMPLETE if left_out else OK


def ensemble(runs: Positional[tuple[Path, ...]], out: Path, json: bool = False) -> int:
    """Add the softmax scores of evaluations with equal weights, such as those of several streams.

    The runs need the same test clips. Writes results.json and the scores of the ensemble, so that it can be
    compared with its members. Protocols and seeds that not all of the runs have are left out, and so is knn, which
    has no softmax; they are listed, with exit status 3.

    For example::

        skeletonmae ensemble runs/joint runs/bone runs/motion --out runs/ensemble
        skeletonmae compare runs/joint runs/ensemble

    Args:
        runs: Folders with a results.json that `evaluate` wrote.
        out: Folder for the results.
        json: Print the results as JSON.
    """
    from skeletonmae.cli.commands import print_results
    from skeletonmae.evaluation import ensemble as ensembling
    from skeletonmae.evaluation.saved_results import SavedResults, describe_names
    from skeletonmae.training import lock_folder

    members = [SavedResults.read(path) for path in runs]
    if any(member.folder.resolve() == out.resolve() for member in members):
        raise InputError(
            "the results of a member would be replaced; choose another folder", where="--out", got=out
        )
    with lock_folder(out):
        results = ensembling.ensemble(members, out)
    if json:
        print_output_json(json_format.dumps([result.model_dump() for result in results]))
    else:
        print_results(results)
        print_status(f"results written to {out}")
    if left_out := ensembling.names_left_out(members, results):
        print_status(f"left out, because not all runs have the same with logits: {describe_names(left_out)}")
    return INCOMPLETE if left_out else OK


def _comparison_rows(baseline: Path, found: list[tuple[Path, list[Comparison]]]) -> list[list[str]]:
    """For each protocol, a row for the baseline and one for each run that has it too."""
    groups: dict[tuple[str, float], list[tuple[Path, Comparison]]] = {}
    for path, comparisons in found:
        for comparison in comparisons:
            groups.setdefault((comparison.name, comparison.label_fraction), []).append((path, comparison))
    rows = []
    for (name, fraction), members in groups.items():
        first = members[0][1]
        clips = str(first.num_clips)
        rows.append([name, f"{100 * fraction:g}%", str(baseline), _join(first.seeds[0]), clips])
        rows[-1] += [f"{100 * first.top1[0]:.1f}", "", "", "", "baseline"]
        for path, comparison in members:
            low, high = (f"{100 * bound:+.1f}" for bound in comparison.interval)
            p = "-" if comparison.mcnemar_p is None else f"{comparison.mcnemar_p:.2g}"
            rows.append(["", "", str(path), _join(comparison.seeds[1]), clips, f"{100 * comparison.top1[1]:.1f}"])
            rows[-1] += [f"{100 * comparison.difference:+.1f}", f"{low} to {high}", p, comparison.verdict]
    return rows


def _join(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))
