"""Whether one evaluation is better than another on the same test clips, or the difference is noise."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from skeletonmae.errors import InputError
from skeletonmae.evaluation.clip_scores import check_same_clips
from skeletonmae.evaluation.result import Result
from skeletonmae.evaluation.saved_results import ResultName, SavedResults, describe_names

NUM_RESAMPLES = 10_000
MAX_P = 0.05
"""A difference of two models is noise from this p-value on."""


@dataclass(frozen=True)
class Comparison:
    """The results of one name in a run, against those of a baseline, paired by clip.

    Args:
        name: Protocol with its setting.
        label_fraction: Fraction of the labels.
        seeds: Seeds of the baseline, and of the run.
        num_clips: Number of test clips.
        top1: Mean accuracy over the seeds of the baseline, and of the run; fractions from 0 to 1.
        difference: Accuracy of the run minus that of the baseline.
        interval: 95 % interval of the difference, by a bootstrap over the clips and over the seeds.
        mcnemar_p: Two-sided p-value of McNemar's exact test; None with several seeds.
        pretrained: Whether the encoders of the baseline, and of the run, were pre-trained. All seeds of a run then
            start from the same encoder.
    """

    name: str
    label_fraction: float
    seeds: tuple[tuple[int, ...], tuple[int, ...]]
    num_clips: int
    top1: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    mcnemar_p: float | None
    pretrained: tuple[bool, bool] = (False, False)

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or `noise` if the interval contains 0 or the p-value is not below 0.05."""
        low, high = self.interval
        is_noise = low <= 0 <= high or (self.mcnemar_p is not None and self.mcnemar_p >= MAX_P)
        return "noise" if is_noise else "better" if low > 0 else "worse"

    @property
    def scope(self) -> str:
        """What the verdict is about: `trainings` with several seeds of both, otherwise `these models`.

        The trainings of a pre-trained encoder are its fine-tunings: another pre-training can change more.
        """
        counts = [len(seeds) for seeds in self.seeds]
        return "trainings" if min(counts) > 1 else "these two models" if max(counts) == 1 else "these models"


def compare(
    baseline: SavedResults,
    run: SavedResults,
    *,
    without_copies: bool = False,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> tuple[list[Comparison], list[ResultName]]:
    """Compare all results that two evaluations have in common.

    Args:
        baseline: What is compared with.
        run: What is compared.
        without_copies: Leave out test clips that are copies of training clips.
        num_resamples: Number of resamples of the bootstrap.
        seed: Seed of the bootstrap.

    Returns:
        The comparisons, and the names that could not be compared: only one of the two has them, or no scores of
        clips were kept.

    Raises:
        InputError: The test clips, their labels or the classes differ, or there is nothing to compare.
    """
    groups, other_groups = baseline.by_name(), run.by_name()
    copies = baseline.test_copies | run.test_copies if without_copies else frozenset()
    comparisons, left_out = [], []
    for name in dict.fromkeys([*groups, *other_groups]):
        results, other_results = groups.get(name, []), other_groups.get(name, [])
        if results and other_results and all(result.scores for result in [*results, *other_results]):
            comparisons.append(_compare(baseline, results, run, other_results, copies, num_resamples, seed))
        else:
            left_out.append(name)
    if not comparisons:
        problem = "no result of both runs has scores of clips"
        expected = f"protocols that {baseline.folder} has too; evaluate again if its version kept no scores"
        raise InputError(problem, where=run.folder, expected=expected, got=describe_names(left_out) or "none")
    return comparisons, left_out


def _compare(
    baseline: SavedResults,
    results: Sequence[Result],
    run: SavedResults,
    other_results: Sequence[Result],
    copies: Collection[str],
    num_resamples: int,
    seed: int,
) -> Comparison:
    scores = [baseline.scores(result) for result in results] + [run.scores(result) for result in other_results]
    sources = [baseline.folder / result.scores for result in results]
    sources += [run.folder / result.scores for result in other_results]
    ordered = check_same_clips(scores, sources)
    is_counted = [recording not in copies for recording in ordered[0].recordings]
    if not any(is_counted):
        problem = "all test clips are copies of training clips"
        raise InputError(problem, where=run.folder, expected="others, or a comparison with the copies")
    correct = np.array([each.is_correct[is_counted] for each in ordered], dtype=np.float64)
    first, second = correct[: len(results)].mean(0), correct[len(results) :].mean(0)
    has_one_seed = len(results) == len(other_results) == 1
    return Comparison(
        name=results[0].name,
        label_fraction=results[0].label_fraction,
        seeds=(tuple(result.seed for result in results), tuple(result.seed for result in other_results)),
        num_clips=correct.shape[1],
        top1=(float(first.mean()), float(second.mean())),
        difference=float((second - first).mean()),
        interval=difference_interval(correct[: len(results)], correct[len(results) :], num_resamples, seed),
        mcnemar_p=mcnemar_p(int((second > first).sum()), int((first > second).sum())) if has_one_seed else None,
        pretrained=(results[0].pretrained, other_results[0].pretrained),
    )


def difference_interval(
    first: Float[np.ndarray, "first_seed clip"],
    second: Float[np.ndarray, "second_seed clip"],
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a difference of means, by a bootstrap over clips and seeds.

    A resample draws clips, the same for all seeds, and seeds of either side. Clips on which all seeds agree are
    interchangeable, as in `bootstrap_interval`.

    Args:
        first: One value per seed and clip.
        second: The same of the other side.
        num_resamples: Number of resamples.
        seed: Seed of the resamples.
    """
    num_first, num_second = len(first), len(second)
    if num_first == num_second == 1:
        return bootstrap_interval(second[0] - first[0], num_resamples, seed)
    rng = np.random.default_rng(seed)
    distinct, counts = np.unique(np.concatenate([first, second]), axis=1, return_counts=True)
    num_clips = first.shape[1]
    drawn = rng.multinomial(num_clips, counts / num_clips, size=num_resamples)
    means = drawn @ distinct.T / num_clips  # resample, seed
    weights = [
        rng.multinomial(num, np.full(num, 1 / num), size=num_resamples) / num for num in (num_first, num_second)
    ]
    differences = (weights[1] * means[:, num_first:]).sum(1) - (weights[0] * means[:, :num_first]).sum(1)
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def bootstrap_interval(
    values: Float[np.ndarray, " clip"], num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a mean, by a bootstrap over the clips.

    Source: Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993. Clips with the same value are
    interchangeable, so only the number of clips of each value is drawn: the means are distributed like those of
    resampled clips, at a cost that does not grow with the number of clips.

    Args:
        values: One value per clip.
        num_resamples: Number of resamples.
        seed: Seed of the resamples.
    """
    distinct, counts = np.unique(values, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(values), counts / len(values), size=num_resamples)
    low, high = np.quantile(drawn @ distinct / len(values), [0.025, 0.975])
    return float(low), float(high)


def mcnemar_p(num_better: int, num_worse: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (*Psychometrika*, 1947).

    If two classifiers are equally good, a clip that only one of them classifies correctly is as likely to be that
    of the one as that of the other.

    Args:
        num_better: Number of clips that only the second classifies correctly.
        num_worse: Number of clips that only the first classifies correctly.
    """
    num = num_better + num_worse
    total = ways = 1  # to choose 0 of num
    for chosen in range(min(num_better, num_worse)):
        ways = ways * (num - chosen) // (chosen + 1)
        total += ways
    return float(min(1.0, 2 * total / 2**num))
