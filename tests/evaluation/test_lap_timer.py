from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from skeletonmae.evaluation import KNN, LinearProbe, lap_timer
from skeletonmae.evaluation.early import Early
from skeletonmae.evaluation.few_shot import FewShot
from skeletonmae.evaluation.robustness import Robustness


def robustness() -> Robustness:
    return Robustness(lost_frames=(), noise=(0.1,), lost_joints=(0.5,), probe=LinearProbe(epochs=1))


@pytest.mark.parametrize(
    "protocol",
    [
        KNN(k=(1, 2, 3)),
        FewShot(way=2, shots=(1, 2), queries=1, episodes=2),
        Early(shares=(0.5, 0.8, 1.0), probe=LinearProbe(epochs=1)),
        robustness(),
    ],
    ids=lambda protocol: protocol.kind,
)
def test_the_seconds_of_a_result_are_its_own(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, protocol: Any
) -> None:
    """The clock is read once at the beginning and once for each result, and goes on by 1 each time."""
    task = make_task(np.eye(2)[[0, 1] * 4], "ab" * 4, np.eye(2), "ab")
    ticks = itertools.count()
    monkeypatch.setattr(lap_timer, "monotonic", lambda: float(next(ticks)))
    results = protocol.run(task)
    assert len(results) > 1
    assert [result.seconds for result in results] == [1.0] * len(results)
