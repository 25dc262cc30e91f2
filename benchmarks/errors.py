"""Which clips do fine-tuned classifiers get wrong? The confusions and the learning curves of some evaluations.

    python benchmarks/errors.py "UTD-MHAD=runs/utd_mhad" "SBU=runs/sbu_1 runs/sbu_2" > benchmarks/errors.md

A run is the folder of an evaluation, with its scores and its logs. Runs of one name are joined, as the folds of
SBU. `--protocol finetune-0.1` takes fine-tuning with a tenth of the labels, by the names of the files of scores.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skeletonmae.evaluation.clip_scores import ClipScores

NUM_CONFUSIONS = 6
CURVE_EPOCHS = (1, 5, 10, 20, 40)
TITLE = """# What fine-tuned classifiers get wrong

Made by `python benchmarks/errors.py`, from the scores of the runs whose rows stand in
[the results](../docs/results.md): pre-trained and fine-tuned with all labels, three seeds (SBU: five folds, one
seed). A confusion is named by the true action and the predicted one, with its share of that action's clips and of
all errors. `in all seeds`: of the clips that a seed gets wrong, the share that every seed gets wrong.
"""


@dataclass(frozen=True, eq=False)
class Errors:
    """The predictions of the same classifiers for some clips.

    Args:
        scores: Of each seed and fold.
    """

    scores: tuple[ClipScores, ...]

    @property
    def error_rate(self) -> float:
        """Share of wrong predictions."""
        return 1 - float(np.concatenate([each.is_correct for each in self.scores]).mean())

    def confusions(self) -> list[tuple[str, str, float, float]]:
        """Return true and predicted action, the share of its clips and of all errors, the most frequent first."""
        pairs: Counter[tuple[str, str]] = Counter()
        clips: Counter[str] = Counter()
        for each in self.scores:
            names = np.array(each.classes)
            clips.update(names[each.label].tolist())
            predicted = names[each.scores.argmax(1)]
            wrong = ~each.is_correct
            pairs.update(zip(names[each.label][wrong].tolist(), predicted[wrong].tolist(), strict=True))
        total = max(1, sum(pairs.values()))
        ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
        return [(true, got, count / clips[true], count / total) for (true, got), count in ordered]

    def share_in_all_seeds(self) -> float | None:
        """Return the share of the wrong clips that all seeds get wrong; None if each has one prediction."""
        wrong: dict[str, list[bool]] = {}
        for each in self.scores:
            for name, is_correct in zip(each.recordings, each.is_correct.tolist(), strict=True):
                wrong.setdefault(name, []).append(not is_correct)
        if max(map(len, wrong.values())) == 1:
            return None
        some = [all(values) for values in wrong.values() if any(values)]
        return sum(some) / max(1, len(some))


def read_errors(runs: Sequence[Path], protocol: str) -> Errors:
    """Read the scores of some runs."""
    files = [file for run in runs for file in sorted(run.glob(f"scores-{protocol}-seed*.npz"))]
    if not files:
        raise SystemExit(f"no scores-{protocol}-seed*.npz in {', '.join(map(str, runs))}")
    return Errors(tuple(ClipScores.read(file) for file in files))


def training_curve(runs: Sequence[Path], protocol: str) -> dict[int, float]:
    """Return the accuracy on the last training batch of an epoch, augmented: a mean over runs and seeds."""
    values: dict[int, list[float]] = {}
    for run in runs:
        for log in run.glob(f"{protocol}-seed*/log.csv"):
            for row in csv.DictReader(log.read_text(encoding="utf-8").splitlines()):
                values.setdefault(int(row["epoch"]), []).append(float(row["training_accuracy"]))
    return {epoch: float(np.nanmean(values[epoch])) for epoch in CURVE_EPOCHS if epoch in values}


def page(groups: dict[str, list[Path]], protocol: str) -> Iterator[str]:
    """Yield the lines of the page."""
    errors = {name: read_errors(runs, protocol) for name, runs in groups.items()}
    yield TITLE
    yield "| | wrong | in all seeds | share of the six most frequent confusions |"
    yield "|---|---|---|---|"
    for name, each in errors.items():
        share_in_all = each.share_in_all_seeds()
        in_all = "" if share_in_all is None else _percent(share_in_all)
        share = sum(confusion[3] for confusion in each.confusions()[:NUM_CONFUSIONS])
        yield f"| {name} | {_percent(each.error_rate)} | {in_all} | {_percent(share)} |"
    for name, each in errors.items():
        yield f"\n## {name}\n"
        yield "| action | taken for | of its clips | of all errors |\n|---|---|---|---|"
        for true, got, of_clips, of_errors in each.confusions()[:NUM_CONFUSIONS]:
            yield f"| {true} | {got} | {_percent(of_clips)} | {_percent(of_errors)} |"
    curves = {name: training_curve(runs, protocol) for name, runs in groups.items()}
    yield "\n## Learning curves\n"
    yield "Accuracy on the last batch of augmented training clips of an epoch, and on the test side at the end.\n"
    yield f"| | {' | '.join(f'epoch {epoch}' for epoch in CURVE_EPOCHS)} | test |"
    yield "|---" * (2 + len(CURVE_EPOCHS)) + "|"
    for name, curve in curves.items():
        cells = [_percent(curve[epoch]) if epoch in curve else "" for epoch in CURVE_EPOCHS]
        yield f"| {name} | {' | '.join(cells)} | {_percent(1 - errors[name].error_rate)} |"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="+", metavar="NAME=RUNS", help="a name, and folders of runs")
    parser.add_argument("--protocol", default="finetune-1", help="start of the names of the files of scores")
    options = parser.parse_args()
    groups = {group.partition("=")[0]: [*map(Path, group.partition("=")[2].split())] for group in options.groups}
    print("\n".join(page(groups, options.protocol)))


if __name__ == "__main__":
    main()
