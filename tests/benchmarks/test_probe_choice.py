from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

LABELS = np.arange(40) % 2


@pytest.fixture
def choice(benchmark_module: Any) -> Any:
    return benchmark_module("probe_choice")


def test_every_group_is_predicted_by_probes_of_the_others(choice: Any, make_task: Any) -> None:
    """The classes are apart in all clips but those of the last group, where they are swapped."""
    features = LABELS[:, None] * 4.0 - 2
    features[30:] *= -1
    noisy = features + np.random.default_rng(0).normal(size=features.shape) * 0.1
    task = make_task(noisy, LABELS, noisy[:2], LABELS[:2], classes=("a", "b"))
    groups = [np.arange(first, first + 10) for first in range(0, 40, 10)]
    parts = [choice.Split(np.setdiff1d(np.arange(40), group), group) for group in groups]
    found = choice.measure(task, parts, choice.FeatureConfig(), 0)
    assert found["num_clips"] == 40
    assert set(found["correct"]["discriminant"]) == {30}
    assert set(found["correct"]["lbfgs"]) == {30}


def test_groups_are_those_of_a_tag(choice: Any, tiny_store: Path) -> None:
    store = choice.SequenceStore.open(tiny_store)
    index, camera = np.arange(len(store)), np.asarray(store.tag("camera"))
    parts = list(choice.divisions(store, index, "camera", ()))
    assert [set(camera[part.test]) for part in parts] == [{value} for value in sorted(set(camera))]
    assert all(sorted([*part.train, *part.test]) == index.tolist() for part in parts)
    (only,) = choice.divisions(store, index, "camera", ("2",))
    assert set(camera[only.test]) == {"2"}


def test_the_page_has_the_share_of_every_strength(choice: Any) -> None:
    counts = {solver: [1] * len(strengths) for solver, strengths in choice.STRENGTHS.items()}
    counts["lbfgs"][2] = 3
    row = {"store": "s", "encoder": "e", "views": 0, "pooling": "mean", "num_clips": 4, "correct": counts}
    text = choice.page([row, row | {"views": 8}])
    assert "## s, e, no views: 4 clips" in text
    assert "| mean | 25.0 | 25.0 | **75.0** | 25.0 |" in text
    assert "## s, e, 8 views: 4 clips" in text
