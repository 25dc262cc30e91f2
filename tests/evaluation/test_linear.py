from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from skeletonmae.evaluation import KNN, EvaluationTask, LinearProbe
from skeletonmae.evaluation.linear_solvers import fit_discriminant
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import Mirror, Scale

RNG = np.random.default_rng(0)
CLASSES = ("0", "1", "2", "3")
LABELS, TEST_LABELS = RNG.integers(0, 4, 200), RNG.integers(0, 4, 120)
TRAIN, TEST = (np.eye(4)[labels] * 4 + RNG.normal(size=(len(labels), 4)) * 0.4 for labels in (LABELS, TEST_LABELS))


def task_of(make_task: Any, **changed: Any) -> Any:
    given = {"train": TRAIN, "labels": LABELS, "test": TEST, "test_labels": TEST_LABELS}
    given |= {name: changed.pop(name) for name in list(changed) if name in given}
    return make_task(*given.values(), classes=CLASSES, **changed)


def test_separable_classes_are_separated(make_task: Any) -> None:
    result = LinearProbe(epochs=20).run(task_of(make_task))[0]
    assert result.top1 == 1.0
    assert result.per_class_accuracy == (1.0, 1.0, 1.0, 1.0)
    assert (result.num_train, result.num_test, result.name) == (200, 120, "linear epochs=20")
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


def test_of_folds_the_sum_decides(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first and the last of five folds, the labels are inverted: there, a spoiled prediction is better."""
    side = np.arange(300) % 2
    features, labels = (
        (side * 2.0 - 1)[:, None],
        np.where((np.arange(300) // 30 == 5) | (np.arange(300) >= 270), 1 - side, side),
    )
    divisions = [(np.arange(150), np.arange(first, first + 30)) for first in range(150, 300, 30)]
    asked: list[int] = []

    def folds(task: Any, index: np.ndarray, num_folds: int) -> Any:
        asked.append(num_folds)
        return divisions[: 1 if len(asked) == 1 else 5]

    monkeypatch.setattr(EvaluationTask, "folds", folds)
    task = make_task(features, labels, features[:2], [0, 1], classes=("0", "1"))
    probe = LinearProbe(epochs=10, weight_decays=(0.0, 100.0), selection_folds=5)
    (result,) = probe.run(task)
    assert result.best_params == {"weight_decay": 100.0}  # of one fold alone
    (result,) = probe.run(task)
    assert result.best_params == {"weight_decay": 0.0}  # 90 of 150 clips
    assert asked == [5, 5]
    assert result.name == "linear folds=5 epochs=10 weight_decays=0,100"
    assert result.details["selection"] == "5 folds of the training side, by class"


def test_folds_use_the_views_of_the_probe(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fitted and selected in a fold is what a single validation part with the same clips has."""
    task = task_of(make_task, test=TEST + RNG.normal(size=TEST.shape) * 3)
    division = np.arange(0, 150), np.arange(150, 200)
    monkeypatch.setattr(EvaluationTask, "folds", lambda task, index, num_folds: [division])
    monkeypatch.setattr(EvaluationTask, "train_val_split", lambda task, index, seed: division)
    one, other = (
        list(LinearProbe(views=2, test_views=1, selection_folds=folds)._divisions(task, np.arange(200)))
        for folds in (1, 2)
    )
    for side, same in zip(one[0], other[0], strict=True):
        assert len(side[0]) in (150 * 3, 50)
        assert all(torch.equal(*pair) for pair in zip(side, same, strict=True))


def test_views_can_do_without_mirror_images(make_task: Any) -> None:
    augment = (Mirror(probability=1.0), Scale(low=3.0, high=3.0))
    clips = ClipConfig(frames=1, transforms=(), augment=augment, crop=(1.0, 1.0), test_crop=1.0)
    task = task_of(make_task, clips=clips)
    probe = LinearProbe(test_views=1, epochs=2, mirror_views=False)
    classifier = probe.fit(task, task.split.train).classifier
    logits, _ = probe.predict(task, classifier, task.split.test)
    middle, scaled = (classifier(torch.from_numpy(TEST).float() @ torch.eye(4, 60) * by) for by in (1, 3))
    torch.testing.assert_close(logits, (middle + scaled) / 2, rtol=1e-4, atol=1e-4)
    mirrored, _ = probe.model_copy(update={"mirror_views": True}).predict(task, classifier, task.split.test)
    assert not torch.allclose(logits, mirrored)
    (result,) = probe.run(task)
    assert result.name == "linear test_views=1 unmirrored epochs=2"
    assert result.details["mirror_views"] == "no"
    with pytest.raises(ValidationError, match="mirror_views false changes nothing without views"):
        LinearProbe(mirror_views=False)


def test_the_validation_labels_decide(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the validation labels are inverted, the weight decay that spoils the predictions is the better result."""
    side = np.arange(200) % 2
    features, labels = (side * 2.0 - 1)[:, None], np.where(np.arange(200) < 150, side, 1 - side)
    monkeypatch.setattr(EvaluationTask, "train_val_split", lambda task, index, seed: (index[:150], index[150:]))
    task = make_task(features, labels, features[:2], [0, 1], classes=("0", "1"))
    assert LinearProbe(epochs=10, weight_decays=(0.0, 100.0)).run(task)[0].best_params == {"weight_decay": 100.0}


def test_views_are_random_parts_beside_the_middle_part(make_task: Any, reads: list[Any]) -> None:
    assert LinearProbe(epochs=1, views=3, test_views=2).run(task_of(make_task))[0].num_train == 200
    often = np.bincount(np.concatenate([index for _, index in reads]))
    assert often.tolist() == [1 + 3] * 200 + [1 + 2] * 120


def test_probes_with_the_same_views_share_them(make_task: Any, reads: list[Any]) -> None:
    task = task_of(make_task)
    LinearProbe(epochs=1, views=3, test_views=2).run(task)
    num = len(reads)
    LinearProbe(epochs=1, views=2, test_views=1, lr=0.3).run(task)
    KNN(k=(1,)).run(task)
    assert len(reads) == num
    LinearProbe(epochs=1, views=3, seed=1).run(task)  # another seed draws other parts
    assert len(reads) > num


def test_logits_are_averaged_over_test_views(make_task: Any) -> None:
    """The augmentation makes every random part three times as large."""
    clips = ClipConfig(
        frames=1, transforms=(), augment=(Scale(low=3.0, high=3.0),), crop=(1.0, 1.0), test_crop=1.0
    )
    task = task_of(make_task, clips=clips)
    probe = LinearProbe(test_views=2, epochs=2)
    classifier = probe.fit(task, task.split.train).classifier
    logits, labels = probe.predict(task, classifier, task.split.test)
    middle, scaled = (classifier(torch.from_numpy(TEST).float() @ torch.eye(4, 60) * by) for by in (1, 3))
    torch.testing.assert_close(logits, (middle + 2 * scaled) / 3, rtol=1e-4, atol=1e-4)
    assert labels.tolist() == TEST_LABELS.tolist()


def test_lbfgs_selects_among_its_own_weight_decays_by_default(make_task: Any) -> None:
    result = LinearProbe(solver="lbfgs").run(task_of(make_task))[0]
    assert result.top1 == 1.0
    assert result.best_params["weight_decay"] == 1.0  # all are right; ties go to the first
    assert result.name == "linear lbfgs"
    fixed = LinearProbe(solver="lbfgs", weight_decays=(0.01,)).run(task_of(make_task))[0]
    assert fixed.best_params == {}
    assert fixed.details["weight_decay"] == 0.01
    assert fixed.details["selection"] == "none"


def test_discriminant_analysis_selects_a_shrinkage(make_task: Any) -> None:
    hard = TEST + RNG.normal(size=TEST.shape) * 2
    result = LinearProbe(solver="discriminant").run(task_of(make_task, test=hard))[0]
    assert result.best_params == {"shrinkage": 0.6}  # all are right; ties go to the first
    assert result.name == "linear discriminant"
    assert result.details["shrinkage"] == 0.6
    assert "weight_decay" not in result.details
    fixed = LinearProbe(solver="discriminant", shrinkages=(0.02,)).run(task_of(make_task, test=hard))[0]
    assert fixed.name == "linear discriminant shrinkages=0.02"
    assert fixed.best_params == {}
    assert fixed.details["selection"] == "none"
    (classifier,) = fit_discriminant(torch.from_numpy(TRAIN).float(), torch.from_numpy(LABELS), 4, (0.02,))
    predicted = classifier(torch.from_numpy(hard).float()).argmax(1).numpy()
    assert fixed.top1 == pytest.approx((predicted == TEST_LABELS).mean())


def test_a_result_says_how_it_was_obtained(make_task: Any) -> None:
    probe = LinearProbe(
        pooling="parts", time_parts=2, last_blocks=3, views=8, test_views=4, solver="lbfgs", weight_decays=(0.1, 1)
    )
    result = probe.run(task_of(make_task))[0]
    assert result.setting == "parts time_parts=2 last_blocks=3 views=8 test_views=4 lbfgs weight_decays=0.1,1"
    assert result.details == {
        "pooling": "parts",
        "time_parts": 2,
        "last_blocks": 3,
        "normalization": "batch norm",
        "solver": "lbfgs",
        "weight_decay": result.best_params["weight_decay"],
        "views_train": 9,
        "views_test": 5,
        "selection": "20 % of each class of the training side",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0.5}, "solver lbfgs has no lr"),
        ({"epochs": 20, "batch_size": 8}, "solver lbfgs has no epochs, batch_size"),
        ({"weight_decays": (0.1, 0.0)}, "needs weight_decays above 0"),
        ({"weight_decays": (-0.1,)}, "greater than or equal to 0"),
    ],
)
def test_settings_that_a_solver_would_ignore_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LinearProbe(solver="lbfgs", **settings)
    assert LinearProbe.model_validate(LinearProbe(solver="lbfgs").model_dump()) == LinearProbe(solver="lbfgs")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": "discriminant", "lr": 0.5}, "solver discriminant has no lr; delete it, or use solver sgd"),
        ({"solver": "discriminant", "weight_decays": (0.1,)}, "no weight_decays; delete it, or use solver sgd or lbfgs"),
        ({"solver": "discriminant", "shrinkages": (1.0,)}, "less than 1"),
        ({"shrinkages": (0.1,)}, "solver sgd has no shrinkages; delete it, or use solver discriminant"),
        ({"solver": "lbfgs", "shrinkages": (0.1,), "lr": 0.2}, "solver lbfgs has no lr, shrinkages; delete it "),
        ({"pooling": "statistics", "time_parts": 2}, "both must be 1; got time_parts 2 and last_blocks 1"),
        ({"pooling": "statistics", "last_blocks": 3}, "both must be 1; got time_parts 1 and last_blocks 3"),
    ],
)  # fmt: skip
def test_settings_that_exclude_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LinearProbe(**settings)


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


def test_the_encoder_is_frozen(make_task: Any) -> None:
    task = task_of(make_task)
    task.method.register_buffer("marker", torch.zeros(()))
    task.method.train()
    LinearProbe(epochs=1).run(task)
    assert not task.method.training


def test_a_plain_draw_may_miss_a_class(make_task: Any) -> None:
    settings = {"label_fraction": 0.05, "epochs": 1, "draw": "plain"}
    results = [
        LinearProbe.model_validate(settings | {"seed": seed}).run(task_of(make_task))[0] for seed in range(5)
    ]
    assert {result.name for result in results} == {"linear plain draw epochs=1"}
    assert {result.details["draw"] for result in results} == {"plain"}
    assert {result.num_train for result in results} == {int(0.05 * len(LABELS))}


OTHER_SETTINGS = {
    "pooling": "parts", "time_parts": 2, "last_blocks": 2, "label_fraction": 0.5, "draw": "plain", "views": 1,
    "test_views": 1, "solver": "lbfgs", "epochs": 300, "batch_size": 64, "lr": 0.3, "weight_decays": (0.0, 0.1),
    "selection_folds": 3, "seed": 1,
}  # fmt: skip


def test_every_setting_is_in_the_name_of_the_result() -> None:
    """Otherwise two probes of one recipe would replace each other's scores."""
    assert OTHER_SETTINGS.keys() == LinearProbe.model_fields.keys() - {"kind", "mirror_views", "shrinkages"}
    probes = [LinearProbe(), *(LinearProbe(**{name: value}) for name, value in OTHER_SETTINGS.items())]
    probes += [LinearProbe(views=1, mirror_views=False)]
    probes += [LinearProbe(solver="discriminant"), LinearProbe(solver="discriminant", shrinkages=(0.1,))]
    keys = [key for probe in probes for key in probe.result_keys]
    assert len(set(keys)) == len(probes)
    assert keys[0] == ("linear", 1.0, 0)
    assert ("linear weight_decays=0,0.1", 1.0, 0) in keys
    assert ("linear epochs=300", 1.0, 0) in keys
