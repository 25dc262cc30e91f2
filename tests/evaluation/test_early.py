from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.evaluation import LinearProbe
from skeletonmae.evaluation.early import Early


@pytest.fixture
def task(tmp_path: Path, make_store: Any, make_task: Any) -> Any:
    """Two classes that differ in the second half only, and an encoder that returns the mean over the frames."""
    from skeletonmae.datasets import Split
    from skeletonmae.methods import Method
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20
    from skeletonmae.transforms import ClipConfig

    class MeanOverTime(Method):
        def forward(self, batch: Any) -> Any:
            raise AssertionError("a frozen encoder is not trained")

        def embed(self, batch: Any, pooling: Any = "mean", **_: Any) -> Any:
            num_frames = batch.observed[:, 0, :, 0].sum(1, keepdim=True).clamp(min=1)
            return batch.positions[:, 0, :, 0, :2].sum(1) / num_frames

        def classifier(self, num_classes: int, config: Any) -> Any:
            raise AssertionError("a frozen encoder is not fine-tuned")

    rng = np.random.default_rng(0)
    recordings = []
    for number in range(80):
        label = number % 2
        values = np.ones((1, 40, 20, 3)) + rng.normal(size=(1, 1, 1, 3)) * 0.01
        values[:, 20:, :, 0] += 2 * label
        recordings.append(SkeletonSequence.from_positions(values, KINECT20, name=str(number), label=str(label)))
    return make_task(
        np.eye(2),
        "ab",
        np.eye(2),
        "ab",
        method=MeanOverTime(),
        store=make_store(tmp_path / "store", recordings),
        split=Split(np.arange(40), np.arange(40, 80)),
        clips=ClipConfig(frames=20, transforms=(), test_crop=1.0, bridge_seconds=0),
    )


@pytest.mark.parametrize("stretch", [True, False])
def test_the_second_half_tells_the_classes_apart(task: Any, stretch: bool) -> None:
    results = Early(stretch=stretch, shares=(0.25, 0.5, 0.75, 1.0), probe=LinearProbe(epochs=30)).run(task)
    # Until the half, all clips look like class 0; the probe divides in the middle of the two means, 1 and 2.
    assert [result.top1 for result in results] == [0.5, 0.5, 1.0, 1.0]
    assert results[0].confusion_matrix == ((20, 0), (20, 0))
    suffix = "" if stretch else " unstretched"
    assert [result.name for result in results] == [
        f"early first={share}{suffix} epochs=30" for share in (0.25, 0.5, 0.75, 1)
    ]
    assert [result.metrics for result in results] == [{"mean_top1": 0.75}, {}, {}, {}]


def test_the_whole_clip_is_that_of_linear(task: Any) -> None:
    probe = LinearProbe(epochs=3, seed=5)
    *_, whole = Early(probe=probe).run(task)
    (linear,) = probe.run(task)
    assert len(_) == 9
    assert whole.confusion_matrix == linear.confusion_matrix
    assert np.array_equal(task.clip_scores[whole.key].scores, task.clip_scores[linear.key].scores)
