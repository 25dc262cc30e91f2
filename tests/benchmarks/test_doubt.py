from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.predictions.motion_statistics import measure_motion

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("doubt_changes")


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("doubt_scores")


def scores(
    measures: Any, novelty: np.ndarray, probability: np.ndarray, is_beyond: np.ndarray | None = None
) -> Any:
    nowhere = np.zeros(len(novelty), bool)
    is_beyond = nowhere if is_beyond is None else is_beyond
    return measures.Scores(probability, np.zeros(len(novelty), int), novelty, is_beyond, is_beyond)


def test_a_change_keeps_what_a_recording_is_and_changes_its_motion(make_recording: Any, changes: Any) -> None:
    recording, other = make_recording(0), make_recording(1, label="b")
    for name, change in changes.CHANGES.items():
        changed = change(recording, other, np.random.default_rng(0))
        assert changed.skeleton == recording.skeleton
        assert np.isfinite(changed.positions).all()
        same_shape = changed.positions.shape == recording.positions.shape
        assert not (same_shape and np.array_equal(changed.positions, recording.positions)), name


def test_two_swaps_and_two_reversals_are_none(make_recording: Any, changes: Any) -> None:
    recording, rng = make_recording(0), np.random.default_rng(0)
    for name in ("left and right names swapped", "frames reversed", "mirrored", "upside down"):
        twice = changes.CHANGES[name](changes.CHANGES[name](recording, recording, rng), recording, rng)
        np.testing.assert_allclose(twice.positions, recording.positions, atol=1e-6)


def test_a_spinning_pose_keeps_its_bones_and_a_breathing_one_does_not(make_recording: Any, changes: Any) -> None:
    recording, rng = make_recording(0), np.random.default_rng(0)
    bones = {
        name: measure_motion(changes.OTHER[name](recording, recording, rng)).bone_variation
        for name in changes.OTHER
    }
    assert bones["spinning still pose"] < 1e-3 < 0.1 < bones["breathing still pose"]
    assert measure_motion(changes.DESIGNED["motionless"](recording, recording, rng)).motion == 0


def test_each_method_has_its_own_threshold(measures: Any) -> None:
    rng = np.random.default_rng(0)
    known = scores(measures, rng.normal(size=1000), rng.uniform(0.5, 1, 1000))
    beyond = np.arange(100) < 50
    other = scores(measures, np.full(100, -9.0), np.full(100, 0.99), beyond)
    row = measures.compare(known, other, rng)
    assert (row["limits"], row["novelty_at_95"], row["softmax_at_95"]) == (0.5, 0, 0)
    assert row["both_at_95"] == row["softmax_limits_at_95"] == 0.5
    assert row["both_auroc"] == pytest.approx(0.5)
    assert row["limits_se"] == pytest.approx(0.05, abs=0.015)
    assert measures.auroc(np.array([0.0, 1.0]), np.array([1.0, 2.0])) == 0.875


def test_the_calibration_error_of_perfect_calibration_is_above_zero(measures: Any) -> None:
    rng = np.random.default_rng(0)
    probability = rng.beta(4, 1.2, 300)
    known = scores(measures, np.zeros(300), probability)
    row = measures.known_measures(known, rng.random(300) < probability, rng)
    assert 0.03 < row["ece_floor"] < 0.07
    assert row["answered"] == 1


def test_the_error_of_a_mean_has_that_of_draws_and_of_clips(measures: Any) -> None:
    rows = [{"x": 0.0, "x_se": 0.3}, {"x": 2.0, "x_se": 0.5}]
    found = measures.summarize(rows)["x"]
    assert found["mean"] == 1
    assert found["se"] == pytest.approx(np.hypot(np.sqrt(2) / np.sqrt(2), 0.4))
    assert found["low"] == pytest.approx(1 - 12.706 * found["se"], rel=1e-3)
