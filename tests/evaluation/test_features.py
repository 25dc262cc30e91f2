from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skeletonmae.batches import Batch
from skeletonmae.errors import InputError
from skeletonmae.evaluation import KNN, calibrate_batch_norm
from skeletonmae.evaluation.features import center_and_normalize, extract_features
from skeletonmae.evaluation.few_shot import FewShot
from skeletonmae.evaluation.retrieval import Retrieval
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import Scale

DICE = np.random.default_rng(0)
TRAIN, TEST, LABELS = DICE.normal(5, 3, (40, 4)), DICE.normal(50, 3, (40, 4)), np.zeros(40, int)


class Composed(nn.Module):
    """Another module behind the features of a method."""

    def __init__(self, method: Any, last: Any) -> None:
        super().__init__()
        self.method, self.last = method, last

    def embed(
        self, batch: Any, pooling: Any = "mean", *, time_parts: int = 1, last_blocks: int = 1
    ) -> torch.Tensor:
        out: torch.Tensor = self.last(self.method.embed(batch, pooling)[:, :4])
        return out


def append_module(task: Any, last: Any) -> None:
    object.__setattr__(task, "method", Composed(task.method, last))


def test_batch_norms_have_the_statistics_of_the_training_side(make_task: Any) -> None:
    task = make_task(TRAIN, LABELS, TEST, LABELS, classes=("a",))
    norm = nn.BatchNorm1d(4)
    append_module(task, norm)
    calibrate_batch_norm(task)
    assert norm.momentum == 0.1  # unchanged
    features = extract_features(task, task.split.train, "mean")[0]
    torch.testing.assert_close(features.mean(0), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(features.std(0), torch.ones(4), atol=1e-3, rtol=0)


def test_features_that_are_not_finite_are_refused(make_task: Any) -> None:
    task = make_task(TRAIN, LABELS, TEST, LABELS, classes=("a",))
    append_module(task, lambda x: torch.where(x == x[3, 1], torch.nan, x))
    with pytest.raises(InputError, match=r"not finite.*got 1 of 40"):
        extract_features(task, task.split.train, "mean")


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_features_are_computed_in_the_precision_of_the_task(make_task: Any, precision: Any) -> None:
    task = make_task(TRAIN, LABELS, TEST, LABELS, classes=("a",), precision=precision)
    seen: list[torch.dtype] = []
    linear = nn.Linear(4, 2)
    linear.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    append_module(task, linear)
    features, _ = extract_features(task, task.split.train, "mean")
    assert features.dtype == torch.float32
    assert set(seen) == {torch.bfloat16 if precision == "bf16" else torch.float32}


def test_views_come_one_after_the_other_in_the_order_of_the_index(make_task: Any) -> None:
    """The middle parts first, and then random ones, which an augmentation makes three times as large."""
    clips = ClipConfig(
        frames=1, transforms=(), augment=(Scale(low=3.0, high=3.0),), crop=(1.0, 1.0), test_crop=1.0
    )
    labels = np.arange(40) % 3
    task = make_task(TRAIN, labels, TEST, labels, classes=("0", "1", "2"), clips=clips)
    index = np.array([7, 3, 39, 0, 20])
    for views in (0, 2):
        features, found = extract_features(task, index, "mean", views=views, batch_size=2)
        expected = np.concatenate([TRAIN[index], *([3 * TRAIN[index]] * views)])
        np.testing.assert_allclose(features[:, :4], expected, rtol=1e-5)
        assert found.tolist() == labels[index].tolist() * (1 + views)
    features, found = extract_features(task, index, "mean", views=2, average_views=True, batch_size=2)
    np.testing.assert_allclose(features[:, :4], TRAIN[index] * 7 / 3, rtol=1e-5)
    assert found.tolist() == labels[index].tolist()


def test_views_differ_and_are_those_of_the_seed(make_task: Any) -> None:
    clips = ClipConfig(frames=1, transforms=(), augment=(Scale(low=0.5, high=2.0),), crop=(1.0, 1.0))
    task = make_task(TRAIN, LABELS, TEST, LABELS, classes=("a",), clips=clips)

    def scales(seed: int, index: np.ndarray) -> np.ndarray:
        task.feature_cache.__init__()  # type: ignore[misc]
        features, _ = extract_features(task, index, "mean", views=2, seed=seed)
        scale: np.ndarray = features[:, 0].numpy().reshape(3, -1) / TRAIN[index, 0]
        return scale

    index = np.arange(40)
    middle, first, second = scales(0, index)
    np.testing.assert_allclose(middle, 1.0, rtol=1e-5)
    assert len(np.unique(np.concatenate([first, second]).round(5))) > 70
    assert np.abs(scales(1, index)[1] - first).max() > 0.1
    np.testing.assert_allclose(scales(0, index[10:20])[1], first[10:20], rtol=1e-5)  # whoever else is there


def test_the_cache_tells_apart_what_features_depend_on(make_task: Any, reads: list[Any]) -> None:
    task = make_task(TRAIN, LABELS, TEST, LABELS, classes=("a",))
    settings: list[dict[str, Any]] = [
        {}, {"pooling": "parts"}, {"time_parts": 2}, {"last_blocks": 2}, {"index": task.split.test},
        {"index": task.split.train[::-1].copy()}, {"batch_size": 40},
    ]  # fmt: skip
    for changed in settings:
        reads.clear()
        for _ in range(2):
            extract_features(task, **{"index": task.split.train, "pooling": "mean"} | changed)
        assert len(reads) == 1, changed


def test_a_view_that_shows_no_joint_is_left_out(make_task: Any) -> None:
    """In every random part the second clip is lost: of its views, only the middle part counts."""
    task = make_task(
        TRAIN, LABELS, TEST, LABELS, classes=("a",), clips=Losing(frames=1, transforms=(), test_crop=1)
    )
    index = np.array([0, 1, 2])
    features, labels = extract_features(task, index, "mean", views=2)
    np.testing.assert_allclose(features[:, 0], TRAIN[[0, 1, 2, 0, 2, 0, 2], 0], rtol=1e-5)
    assert len(labels) == 7
    features, _ = extract_features(task, index, "mean", views=2, average_views=True)
    np.testing.assert_allclose(features[:, 0], TRAIN[:3, 0], rtol=1e-5)


def test_features_are_centered_with_the_training_mean() -> None:
    train, test = torch.tensor([[4.0, 1.0], [2.0, 1.0]]), torch.tensor([[3.0, 3.0], [6.0, 5.0]])
    centered, centered_test = center_and_normalize(train, test)
    torch.testing.assert_close(centered, torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    torch.testing.assert_close(centered_test, torch.tensor([[0.0, 1.0], [0.6, 0.8]]))


@pytest.mark.parametrize(
    "protocol", [KNN(k=(1,)), Retrieval(), FewShot(way=2, shots=(1,), queries=1, episodes=2)], ids=lambda p: p.kind
)
def test_protocols_do_not_center_with_the_test_mean(make_task: Any, protocol: Any) -> None:
    """Both test clips are on the side of class a; seen from their own mean, there is one on each side."""
    task = make_task(np.array([[1, 0], [-1, 0]]), "ab", np.array([[3, 1], [1, 1]]), "ab")
    assert protocol.run(task)[0].top1 == 0.5


class Losing(ClipConfig):
    """Clips of which one is lost in training."""

    def apply_transforms(self, batch: Batch, *, training: bool = False) -> Batch:
        lost = torch.isclose(batch.positions[:, 0, 0, 0, 0], torch.tensor(TRAIN[1, 0], dtype=torch.float32))
        observed = batch.observed & ~(lost & training)[:, None, None, None]
        return batch.with_positions(batch.positions, observed)
