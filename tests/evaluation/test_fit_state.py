from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.evaluation import Finetune
from skeletonmae.evaluation.fit_state import fit_fingerprint
from skeletonmae.training.run_folder import STATE, load_state, read_log
from skeletonmae.training.weights_digest import weights_digest

LABELS, TEST_LABELS = np.arange(60) % 3, np.arange(30) % 3
RNG = np.random.default_rng(0)
TRAIN, TEST = (np.eye(3)[labels] * 4 + RNG.normal(size=(len(labels), 3)) for labels in (LABELS, TEST_LABELS))
FOLDER = "finetune-1-seed0"


class KilledError(Exception):
    """Raised in the middle of training."""


def kill_at(step: int) -> Any:
    def on_progress(_: str, progress: Any) -> None:
        if progress.step == step:
            raise KilledError

    return on_progress


def fit(make_task: Any, folder: Path, on_progress: Any = None, lr: float = 0.1, **settings: Any) -> Any:
    """Fine-tune in a folder; the result, and the weights that are saved."""
    saved: list[dict[str, torch.Tensor]] = []
    task = make_task(
        TRAIN,
        LABELS,
        TEST,
        TEST_LABELS,
        folder=folder,
        save=lambda path, model, config: saved.append(model.state_dict()),
        on_progress=on_progress,
    )
    training = {"epochs": 4, "batch_size": 16, "lr": lr, "warmup_epochs": 0, "checkpoint_seconds": 0}
    protocol = Finetune.model_validate({"training": training | settings})
    return protocol.run(task)[0], saved[0]


def test_a_run_that_was_killed_ends_with_the_same_bits(make_task: Any, tmp_path: Path) -> None:
    steps: list[int] = []
    expected, expected_weights = fit(make_task, tmp_path / "whole")
    with pytest.raises(KilledError):
        fit(make_task, tmp_path / "killed", kill_at(9))
    state = load_state(tmp_path / "killed" / FOLDER)
    assert state is not None
    assert state["step"] == 8
    result, weights = fit(make_task, tmp_path / "killed", lambda _, progress: steps.append(progress.step))
    assert steps == list(range(9, 17))
    assert all(torch.equal(weights[name], expected_weights[name]) for name in expected_weights)
    assert result.model_copy(update={"seconds": expected.seconds}) == expected


def test_a_finished_run_keeps_its_log_and_not_its_state(make_task: Any, tmp_path: Path) -> None:
    fit(make_task, tmp_path)
    assert not (tmp_path / FOLDER / STATE).exists()
    rows = read_log(tmp_path / FOLDER)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert all("training_accuracy" in row for row in rows)


def test_the_state_of_another_run_is_replaced(make_task: Any, tmp_path: Path) -> None:
    steps: list[int] = []
    with pytest.raises(KilledError):
        fit(make_task, tmp_path, kill_at(9))
    _, weights = fit(make_task, tmp_path, lambda _, progress: steps.append(progress.step), lr=0.01)
    assert steps == list(range(1, 17))
    _, expected = fit(make_task, tmp_path / "other", lr=0.01)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_how_often_the_state_is_saved_does_not_matter_to_it(make_task: Any, tmp_path: Path) -> None:
    steps: list[int] = []
    with pytest.raises(KilledError):
        fit(make_task, tmp_path, kill_at(9))
    fit(make_task, tmp_path, lambda _, progress: steps.append(progress.step), checkpoint_seconds=5)
    assert steps[0] == 9


def test_the_fingerprint_is_that_of_weights_recordings_and_settings() -> None:
    model, index = torch.nn.Linear(2, 2), np.arange(3)
    fingerprint = fit_fingerprint(model, index, [{"lr": 0.1}])
    assert fingerprint == fit_fingerprint(model, index, [{"lr": 0.1}])
    assert fingerprint != fit_fingerprint(model, index, [{"lr": 0.2}])
    assert fingerprint != fit_fingerprint(model, index[:2], [{"lr": 0.1}])
    digest = weights_digest(model)
    model.weight.data[0, 0] += 1
    assert fingerprint != fit_fingerprint(model, index, [{"lr": 0.1}])
    assert digest != weights_digest(model)
