from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.evaluation import EvaluationTask, LinearProbe
from skeletonmae.evaluation.features import extract_features

RNG = np.random.default_rng(0)
CLASSES = ("0", "1", "2", "3")
LABELS, TEST_LABELS = RNG.integers(0, 4, 200), RNG.integers(0, 4, 120)
TRAIN, TEST = (np.eye(4)[labels] * 4 + RNG.normal(size=(len(labels), 4)) * 0.4 for labels in (LABELS, TEST_LABELS))


def task_of(make_task: Any, **changed: Any) -> Any:
    given = {"train": TRAIN, "labels": LABELS, "test": TEST, "test_labels": TEST_LABELS} | changed
    return make_task(*given.values(), classes=CLASSES)


def test_separable_classes_are_separated(make_task: Any) -> None:
    result = LinearProbe(epochs=20).run(task_of(make_task))[0]
    assert result.top1 == 1.0
    assert result.per_class_accuracy == (1.0, 1.0, 1.0, 1.0)
    assert (result.num_train, result.num_test, result.name) == (200, 120, "linear")
    assert result.best_params == {}


def test_noise_is_classified_at_chance(make_task: Any) -> None:
    noise = np.random.default_rng(1).normal(size=(320, 8))
    result = LinearProbe(epochs=20).run(task_of(make_task, train=noise[:200], test=noise[200:]))[0]
    assert 0.1 < result.top1 < 0.4  # chance is a quarter


def test_units_of_features_do_not_matter(make_task: Any) -> None:
    """Batch norm subtracts the mean and divides by the deviation, so affine changes of features have no effect."""
    hard = TEST + RNG.normal(size=TEST.shape) * 2
    scale, shift = np.array([1, 100, 0.01, 7]), np.array([0, -5, 3, 1000])
    result = LinearProbe(epochs=5).run(task_of(make_task, test=hard))[0]
    assert 0.4 < result.top1 < 0.99
    changed = make_task(TRAIN * scale + shift, LABELS, hard * scale + shift, TEST_LABELS, classes=CLASSES)
    other = LinearProbe(epochs=5).run(changed)[0]
    assert (
        np.abs(np.array(other.confusion_matrix) - np.array(result.confusion_matrix)).sum() <= 4
    )  # up to rounding


def test_it_is_the_minimum_of_the_cross_entropy(make_task: Any) -> None:
    """The probe of two balanced clouds has its decision boundary in the middle."""
    labels = np.arange(100) % 2
    task = make_task(
        (labels * 2 - 1)[:, None] * 3.0, labels, np.array([[-0.5], [0.5]]), [0, 1], classes=("0", "1")
    )
    assert LinearProbe(epochs=50).run(task)[0].top1 == 1.0


def test_it_is_trained_by_sgd_with_momentum_and_a_cosine(make_task: Any) -> None:
    """The weights are those of the update written out: momentum 0.9, and a rate that falls to 0 in the last step."""
    task = task_of(make_task)
    probe = LinearProbe(epochs=3, lr=0.5, batch_size=80, weight_decays=(0.01,), seed=2)
    features, labels = extract_features(task, np.arange(200), "mean")
    linear = probe._fit(features, labels, 4, 0.01)[1]  # type: ignore[index]

    generator = torch.Generator().manual_seed(2)
    weight = torch.empty(4, features.shape[1]).normal_(std=0.01, generator=generator).requires_grad_()
    bias = torch.zeros(4, requires_grad=True)
    normalized = (features - features.mean(0)) / (features.var(0, correction=0) + 1e-6).sqrt()
    velocity, step = [torch.zeros_like(weight), torch.zeros_like(bias)], 0
    for _ in range(3):
        for index in torch.randperm(200, generator=generator).tensor_split(3):
            loss = torch.nn.functional.cross_entropy(normalized[index] @ weight.T + bias, labels[index])
            rate = 0.5 * (1 + np.cos(np.pi * step / 9)) / 2
            for place, (param, slope) in enumerate(
                zip((weight, bias), torch.autograd.grad(loss, (weight, bias)), strict=True)
            ):
                velocity[place] = 0.9 * velocity[place] + slope + 0.01 * param.detach()
                param.data -= rate * velocity[place]
            step += 1
    torch.testing.assert_close(linear.weight, weight.detach(), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(linear.bias, bias.detach(), rtol=1e-3, atol=1e-5)


def test_the_same_seed_gives_the_same_answer(make_task: Any) -> None:
    task = task_of(make_task, test=TEST + RNG.normal(size=TEST.shape) * 3)
    first, again = (LinearProbe(epochs=3, seed=4).run(task)[0] for _ in range(2))
    assert first.confusion_matrix == again.confusion_matrix


def test_weight_decay_is_selected_on_the_validation_part(make_task: Any, reads: list[Any]) -> None:
    for decays in ((100.0, 0.0), (0.0, 100.0)):
        task = task_of(make_task)
        reads.clear()
        result = LinearProbe(epochs=10, weight_decays=decays).run(task)[0]
        assert result.best_params == {"weight_decay": 0.0}
        assert result.top1 == 1.0
        fit, val, *rest = (set(index) for _, index in reads)
        assert not fit & val
        assert fit | val == set(range(200))
        assert rest == [set(range(200)), set(range(200, 320))]


def test_the_validation_labels_decide(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the validation labels are inverted, the weight decay that spoils the predictions is the better result."""
    side = np.arange(200) % 2
    features, labels = (side * 2.0 - 1)[:, None], np.where(np.arange(200) < 150, side, 1 - side)
    monkeypatch.setattr(EvaluationTask, "train_val_split", lambda task, index, seed: (index[:150], index[150:]))
    task = make_task(features, labels, features[:2], [0, 1], classes=("0", "1"))
    assert LinearProbe(epochs=10, weight_decays=(0.0, 100.0)).run(task)[0].best_params == {"weight_decay": 100.0}


def test_views_are_passes_over_the_training_clips(make_task: Any, reads: list[Any]) -> None:
    assert LinearProbe(epochs=1, views=3).run(task_of(make_task))[0].num_train == 200
    often = np.bincount(np.concatenate([index for _, index in reads]))
    assert often.tolist() == [3] * 200 + [1] * 120


def test_few_labels(make_task: Any) -> None:
    task = task_of(make_task)
    result = LinearProbe(epochs=3, label_fraction=0.1).run(task)[0]
    assert result.num_train == sum(max(1, round((c == LABELS).sum() * 0.1)) for c in range(4))
    assert result.label_fraction == 0.1
    assert LinearProbe(epochs=3, label_fraction=1e-6).run(task)[0].num_train == 4


def test_a_class_that_was_never_trained_is_never_right(make_task: Any) -> None:
    known = LABELS != 2
    result = LinearProbe(epochs=10).run(task_of(make_task, train=TRAIN[known], labels=LABELS[known]))[0]
    assert result.per_class_accuracy[2] == 0.0
    assert result.top1 == pytest.approx((TEST_LABELS != 2).mean())


def test_a_class_without_test_clips_has_no_accuracy(make_task: Any) -> None:
    known = TEST_LABELS != 2
    result = LinearProbe(epochs=10).run(task_of(make_task, test=TEST[known], test_labels=TEST_LABELS[known]))[0]
    assert result.per_class_accuracy == (1.0, 1.0, None, 1.0)
    assert result.top1 == 1.0


def test_features_are_in_order_and_views_repeat_them(make_task: Any) -> None:
    task = task_of(make_task)
    index = np.array([7, 3, 199, 0, 50])
    features, labels = extract_features(task, index, "mean", batch_size=2)
    np.testing.assert_allclose(features[:, :4], TRAIN[index], rtol=1e-6)
    assert labels.tolist() == LABELS[index].tolist()
    views, their_labels = extract_features(task, index, "mean", views=3, batch_size=2)
    assert len(views) == 15
    for part in range(3):
        rows = slice(5 * part, 5 * part + 5)
        assert sorted(views[rows, 0].tolist()) == pytest.approx(sorted(TRAIN[index, 0]), rel=1e-6)
        found = {
            round(f, 4): label
            for f, label in zip(views[rows, 0].tolist(), their_labels[rows].tolist(), strict=True)
        }
        assert found == {round(float(np.float32(TRAIN[i, 0])), 4): LABELS[i] for i in index}


def test_the_encoder_is_frozen(make_task: Any) -> None:
    task = task_of(make_task)
    task.method.register_buffer("marker", torch.zeros(()))
    task.method.train()
    LinearProbe(epochs=1).run(task)
    assert not task.method.training


def test_only_mean_features_are_cached(make_task: Any, reads: list[Any]) -> None:
    task = task_of(make_task)
    first = extract_features(task, task.split.train, "mean")
    num = len(reads)
    again = extract_features(task, task.split.train, "mean")
    assert num == len(reads) > 0
    torch.testing.assert_close(first[0], again[0])
    extract_features(task, task.split.test, "mean")
    extract_features(task, task.split.train, "mean", views=1)
    extract_features(task, task.split.train, "joints")
    assert len(reads) == 4 * num
