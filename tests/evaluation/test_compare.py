from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from samples.evaluations import write_run

from skeletonmae.errors import InputError
from skeletonmae.evaluation.compare import bootstrap_interval, compare, difference_interval, mcnemar_p
from skeletonmae.evaluation.saved_results import SavedResults


def test_the_bootstrap_is_that_of_resampled_clips() -> None:
    values = np.repeat([1.0, 0.0, -1.0, 0.5], [30, 50, 15, 5])
    low, high = bootstrap_interval(values, 20_000)
    draw = np.random.default_rng(1).choice(values, (20_000, 100)).mean(1)
    assert (low, high) == pytest.approx(tuple(np.quantile(draw, [0.025, 0.975])), abs=0.011)
    spread = values.std() / 10
    assert (low, high) == pytest.approx((values.mean() - 1.96 * spread, values.mean() + 1.96 * spread), abs=0.012)


def test_the_bootstrap_is_seeded() -> None:
    values = np.random.default_rng(0).normal(size=500)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


@pytest.mark.parametrize(
    ("num_better", "num_worse", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 2 / 32), (6, 0, 2 / 64), (8, 2, 2 * (1 + 10 + 45) / 1024), (59, 41, 0.0886)],
)
def test_mcnemar_is_the_binomial_test(num_better: int, num_worse: int, p: float) -> None:
    assert mcnemar_p(num_better, num_worse) == pytest.approx(p, rel=1e-3)
    assert mcnemar_p(num_worse, num_better) == mcnemar_p(num_better, num_worse)


def test_mcnemar_of_many_clips_is_exact_and_finite() -> None:
    assert mcnemar_p(0, 3000) == pytest.approx(0.0, abs=1e-300)
    assert mcnemar_p(20_000, 20_000) == 1.0
    assert 0.04 < mcnemar_p(20_000, 20_395) < 0.06  # two standard deviations apart


def test_a_difference_worked_out_by_hand(tmp_path: Path) -> None:
    # Of 20 clips, 12 are right in both, 1 only before, 6 only after.
    before = write_run(tmp_path / "before", ("linear", 0, [True] * 13 + [False] * 7))
    after = write_run(tmp_path / "after", ("linear", 0, [True] * 12 + [False] + [True] * 6 + [False]))
    (made,), left_out = compare(before, after)
    assert not left_out
    assert (made.name, made.num_clips, made.seeds) == ("linear", 20, ((0,), (0,)))
    assert made.top1 == pytest.approx((13 / 20, 18 / 20))
    assert made.difference == pytest.approx(5 / 20)
    assert made.mcnemar_p == mcnemar_p(6, 1)
    low, high = made.interval
    assert 0 <= low < 0.25 < high <= 0.5
    assert (made.verdict, made.scope) == ("noise", "these two models")


def test_the_same_predictions_differ_by_noise(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ("linear", 0, [True, False] * 10))
    (made,), _ = compare(run, run)
    assert (made.difference, made.interval, made.mcnemar_p, made.verdict) == (0, (0, 0), 1, "noise")


@pytest.mark.parametrize(("num", "verdict"), [(2, "noise"), (60, "better")])
def test_noise_is_called_noise(tmp_path: Path, num: int, verdict: str) -> None:
    before = write_run(tmp_path / "before", ("linear", 0, [True, False, False, True] * num))
    after = write_run(
        tmp_path / "after", ("linear", 0, [True, True, False, False, True, True, True, False] * (num // 2))
    )
    forward, backward = compare(before, after)[0][0], compare(after, before)[0][0]
    assert forward.verdict == verdict
    assert backward.verdict == {"noise": "noise", "better": "worse"}[verdict]


@pytest.mark.parametrize(("num", "verdict"), [(4, "noise"), (8, "better")])
def test_a_few_clips_are_noise_by_the_exact_test(tmp_path: Path, num: int, verdict: str) -> None:
    """4 against 0 clips of 464: the interval is above 0, but p is 0.125."""
    before = write_run(tmp_path / "before", ("linear", 0, [True] * 300 + [False] * 164))
    after = write_run(tmp_path / "after", ("linear", 0, [True] * (300 + num) + [False] * (164 - num)))
    (made,), _ = compare(before, after)
    assert made.interval[0] > 0
    assert made.mcnemar_p == 2 / 2**num
    assert made.verdict == verdict


def test_seeds_are_resampled_too() -> None:
    """All clips of a seed are right or wrong, so that the seeds alone vary."""
    first, second = np.repeat([[1.0], [0.0], [0.0]], 50, 1), np.repeat([[1.0], [1.0], [0.0]], 50, 1)
    low, high = difference_interval(first, second, 20_000)
    draw = np.random.default_rng(1).binomial(3, [[2 / 3, 1 / 3]], (20_000, 2)) / 3
    assert (low, high) == pytest.approx(tuple(np.quantile(draw[:, 0] - draw[:, 1], [0.025, 0.975])))
    assert low < 0 < high
    values = np.random.default_rng(2).integers(2, size=(2, 1, 300)).astype(float)
    assert difference_interval(*values) == bootstrap_interval(values[1, 0] - values[0, 0])
    twice = difference_interval(values[0].repeat(3, 0), values[1].repeat(2, 0))  # equal seeds add nothing
    assert twice == pytest.approx(difference_interval(*values), abs=0.01)


def test_trainings_that_vary_more_than_they_differ_differ_by_noise(tmp_path: Path) -> None:
    seeds = [[True] * num + [False] * (400 - num) for num in (100, 300, 140, 340)]
    before = write_run(tmp_path / "before", ("finetune", 1, seeds[0]), ("finetune", 2, seeds[1]))
    after = write_run(tmp_path / "after", ("finetune", 1, seeds[2]), ("finetune", 2, seeds[3]))
    (made,), _ = compare(before, after)
    assert made.difference == pytest.approx(0.1)
    assert (made.verdict, made.scope) == ("noise", "trainings")
    assert made.pretrained == (True, True)  # fine-tunings of two encoders


def test_clips_are_paired_by_name_and_not_by_position(tmp_path: Path) -> None:
    correct = [True] * 4 + [False] * 4
    before = write_run(tmp_path / "before", ("linear", 0, correct))
    names = tuple(f"clip {number}" for number in (3, 1, 2, 0, 7, 5, 6, 4))
    label = np.array([int(name[-1]) % 2 for name in names])
    values = np.eye(2, dtype=np.float32)[np.where(correct, label, 1 - label)]
    after = write_run(tmp_path / "after", ("linear", 0, correct), recordings=names, label=label, scores=values)
    (made,), _ = compare(before, after)
    assert (made.difference, made.interval) == (0, (0, 0))


def test_several_seeds_are_averaged_for_each_clip(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", ("finetune", 0, [True, True, False, False]))
    seeds = [("finetune", seed, [seed == 1, True, True, False]) for seed in (1, 2, 3)]
    after = write_run(tmp_path / "after", *seeds)
    (made,), _ = compare(before, after)
    assert made.seeds == ((0,), (1, 2, 3))
    assert made.top1 == pytest.approx((2 / 4, (1 / 3 + 1 + 1) / 4))
    assert made.difference == pytest.approx((-2 / 3 + 1) / 4)
    assert made.mcnemar_p is None


def test_protocols_of_one_run_and_those_without_scores_are_left_out(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", ("linear", 0, [True, False]), ("knn", 0, [True, False]))
    after = write_run(tmp_path / "after", ("linear", 0, [True, True]))
    assert [made.name for made in compare(before, after)[0]] == ["linear"]
    assert compare(before, after)[1] == compare(after, before)[1] == [("knn", 1.0)]
    silent = write_run(tmp_path / "silent", ("linear", 0, [True, True]), scores=None)
    with pytest.raises(InputError, match=r"silent: no result of both runs has scores of clips.*got linear, knn"):
        compare(before, silent)


def test_other_test_clips_are_refused(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", ("linear", 0, [True, False]))
    after = write_run(tmp_path / "after", ("linear", 0, [True, False, True]))
    with pytest.raises(InputError, match=r"after.scores-linear.*: the test clips are not those of .*before"):
        compare(before, after)


def test_copies_can_be_left_out(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", ("linear", 0, [True, True, False, False]))
    after = write_run(tmp_path / "after", ("linear", 0, [True, True, True, False]))
    copied = SavedResults(after.folder, after.fields | {"test_copies": ["clip 2", "clip 3"]}, after.results)
    (made,), _ = compare(before, copied)
    assert (made.num_clips, made.difference) == (4, 0.25)
    (made,), _ = compare(before, copied, without_copies=True)
    assert (made.num_clips, made.difference, made.top1) == (2, 0.0, (1.0, 1.0))
    everything = SavedResults(after.folder, {"test_copies": [f"clip {i}" for i in range(4)]}, after.results)
    with pytest.raises(InputError, match="all test clips are copies of training clips"):
        compare(before, everything, without_copies=True)
