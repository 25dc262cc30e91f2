"""Confusions and learning curves of made-up evaluations."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.evaluation.clip_scores import ClipScores

CLASSES = ("walk", "jog", "wave")


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("errors")


def write(run: Path, seed: int, labels: list[int], predicted: list[int], fold: str = "") -> None:
    run.mkdir(exist_ok=True)
    names = tuple(f"{fold}clip-{index}" for index in range(len(labels)))
    scores = ClipScores(names, CLASSES, np.array(labels), np.eye(3, dtype=np.float32)[predicted])
    scores.write(run / f"scores-finetune-1-seed{seed}.npz")


def test_confusions_are_shares_of_the_action_and_of_all_errors(errors: Any, tmp_path: Path) -> None:
    labels = [0, 0, 1, 1, 2]
    write(tmp_path / "a", 0, labels, [1, 0, 1, 1, 0])
    write(tmp_path / "a", 1, labels, [1, 1, 1, 1, 2])
    found = errors.read_errors([tmp_path / "a"], "finetune-1")
    assert found.error_rate == pytest.approx(4 / 10)
    assert found.confusions() == [("walk", "jog", 3 / 4, 3 / 4), ("wave", "walk", 1 / 2, 1 / 4)]
    assert found.share_in_all_seeds() == pytest.approx(1 / 3)  # clip 0, of clips 0, 1 and 4


def test_folds_are_joined_and_have_no_share_of_seeds(errors: Any, tmp_path: Path) -> None:
    write(tmp_path / "a", 0, [0, 1], [0, 2], "a")
    write(tmp_path / "b", 0, [0, 1], [0, 2], "b")
    found = errors.read_errors([tmp_path / "a", tmp_path / "b"], "finetune-1")
    assert found.confusions() == [("jog", "wave", 1.0, 1.0)]
    assert found.share_in_all_seeds() is None


def test_the_page_has_every_group_and_the_epochs_that_were_logged(errors: Any, tmp_path: Path) -> None:
    write(tmp_path / "a", 0, [0, 1], [0, 2])
    for seed, accuracy in ((0, 0.25), (1, 0.75)):
        log = tmp_path / "a" / f"finetune-1-seed{seed}" / "log.csv"
        log.parent.mkdir()
        log.write_text(f"step,epoch,training_accuracy\n1,1,0.5\n2,5,{accuracy}\n")
    page = "\n".join(errors.page({"made up": [tmp_path / "a"]}, "finetune-1"))
    assert "| made up | 50.0 |  | 100.0 |" in page
    assert "| jog | wave | 100.0 | 100.0 |" in page
    assert "| made up | 50.0 | 50.0 |  |  |  | 50.0 |" in page
    with pytest.raises(SystemExit, match="no scores-linear"):
        errors.read_errors([tmp_path / "a"], "linear")
