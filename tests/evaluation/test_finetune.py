from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skeletonmae.errors import InputError
from skeletonmae.evaluation import Finetune
from skeletonmae.evaluation.finetune import ClassifierWithLoss, predict_clips
from skeletonmae.evaluation.protocol import predict_logits
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import Scale

RNG = np.random.default_rng(0)
CLASSES = ("0", "1", "2")
LABELS, TEST_LABELS = np.arange(90) % 3, np.arange(30) % 3
TRAIN, TEST = (np.eye(3)[labels] * 4 + RNG.normal(size=(len(labels), 3)) * 0.3 for labels in (LABELS, TEST_LABELS))


def task_of(make_task: Any, **settings: Any) -> Any:
    return make_task(TRAIN, LABELS, TEST, TEST_LABELS, classes=CLASSES, **settings)


def protocol(epochs: int = 10, batch_size: int = 16, lr: float = 0.1, **settings: Any) -> Finetune:
    training = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "warmup_epochs": 0}
    return Finetune.model_validate({"training": training} | settings)


def test_it_learns_separable_classes(make_task: Any) -> None:
    result = protocol().run(task_of(make_task, pretrained=False))[0]
    assert result.top1 == 1.0
    assert not result.pretrained
    assert (result.protocol, result.num_train, result.num_test, result.seed) == ("finetune", 90, 30, 0)


@pytest.mark.parametrize(("fraction", "expected"), [(1.0, 90), (0.5, 45), (0.1, 9), (0.001, 3)])
def test_a_share_of_the_labels_and_at_least_one_of_each_class(
    make_task: Any, reads: list[Any], fraction: float, expected: int
) -> None:
    task = task_of(make_task)
    result = protocol(epochs=1, label_fraction=fraction).run(task)[0]
    assert result.num_train == expected
    assert result.label_fraction == fraction
    fitted = np.concatenate([index for _, index in reads])
    fitted = fitted[fitted < 90]
    assert np.bincount(LABELS[fitted]).tolist() == [expected / 3] * 3


def test_a_plain_draw_is_named_in_the_result_and_in_the_file(make_task: Any, tmp_path: Path) -> None:
    saved: list[Path] = []
    task = task_of(make_task, folder=tmp_path, save=lambda path, *_: saved.append(path))
    by_class, plain = (
        protocol(epochs=1, label_fraction=0.3, draw=draw, seeds=(5,)).run(task)[0]
        for draw in ("per_class", "plain")
    )
    assert (by_class.name, plain.name) == ("finetune", "finetune plain draw")
    assert (by_class.details["draw"], plain.details["draw"]) == ("per_class", "plain")
    assert by_class.num_train == plain.num_train == 27
    assert [path.name for path in saved] == [
        "finetune-0.3-seed5.safetensors",
        "finetune-0.3-plain-seed5.safetensors",
    ]


def test_each_seed_is_a_separate_run(make_task: Any, reads: list[Any]) -> None:
    results = protocol(epochs=1, label_fraction=0.1, seeds=(0, 1, 0)).run(task_of(make_task))
    assert [result.seed for result in results] == [0, 1, 0]
    assert results[0].confusion_matrix == results[2].confusion_matrix
    used = [set(index[index < 90]) for _, index in reads if (index < 90).any()]
    assert used[0] == used[2] != used[1]


def test_from_scratch_each_seed_initializes_its_own_weights(make_task: Any) -> None:
    task, seeds = task_of(make_task), []

    def init_method(seed: int) -> Any:
        seeds.append(seed)
        return task.method

    results = protocol(epochs=1, seeds=(3, 5)).run(replace(task, init_method=init_method, pretrained=False))
    assert seeds == [result.seed for result in results] == [3, 5]


def test_the_learning_rate_is_selected_on_the_validation_part(make_task: Any, reads: list[Any]) -> None:
    result = protocol(epochs=3, batch_size=100, lrs=(1e-7, 0.1)).run(task_of(make_task))[0]
    assert result.best_params == {"lr": 0.1}
    parts = [set(index) for _, index in reads]
    fit, val = parts[0], parts[3]
    assert not fit & val
    assert fit | val == set(range(90))
    assert parts == [fit] * 3 + [val] + [fit] * 3 + [val] + [fit | val] * 3 + [set(range(90, 120))]


def test_without_candidates_the_learning_rate_is_that_of_training(make_task: Any) -> None:
    result = protocol(epochs=3, lr=1e-7).run(task_of(make_task))[0]
    assert result.best_params == {}
    assert result.top1 < 0.9


def test_the_loss_worked_out_by_hand(make_batch: Any) -> None:
    class Fixed(nn.Module):
        def forward(self, batch: Any) -> torch.Tensor:
            return torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]).log()

    # Labels are 0 and 1; 0.1 of each target is spread over three classes; -log of 1/2 and 1/4 are 1 and 2 log 2.
    right, other = 0.9 + 0.1 / 3, 0.1 / 3
    clips = (right + 2 * other + 2 * other, other + 2 * right + 2 * other)
    output = ClassifierWithLoss(Fixed(), 0.1)(make_batch((1, 1)))  # type: ignore[arg-type]
    assert float(output.loss) == pytest.approx(math.log(2) * sum(clips) / 2)
    assert (float(output.num_terms), float(output.logs["training_accuracy"])) == (2.0, 0.5)


@pytest.mark.parametrize("is_pretrained", [True, False])
def test_the_encoder_has_a_learning_rate_of_its_own(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, is_pretrained: bool
) -> None:
    task, moved = task_of(make_task, pretrained=is_pretrained), {}
    monkeypatch.setattr(
        type(task.method.classifier(3, None)), "is_encoder", lambda self, name: name == "head.weight"
    )
    for factor in (0.0, 0.5, 1.0):
        settings = {"epochs": 1, "batch_size": 90, "lr": 0.1, "warmup_epochs": 0, "optimizer": "sgd"}
        run = Finetune.model_validate({"training": settings | {"encoder_lr": factor, "max_grad_norm": None}})
        torch.manual_seed(0)
        before = task.method.classifier(3, None)
        after = run._fit(task, task.split.train, 0, 0.1)
        moved[factor] = [(a - b).detach() for a, b in zip(after.parameters(), before.parameters(), strict=True)]
    weight, bias = zip(*moved.values(), strict=True)
    assert not weight[0].any()
    torch.testing.assert_close(weight[1], 0.5 * weight[2])
    assert weight[2].abs().max() > 1e-3
    torch.testing.assert_close(bias[0], bias[2])


def test_label_smoothing_and_seeds_are_used(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def record(model: Any, batches: Any, config: Any, *_: Any, **__: Any) -> None:
        calls.append(
            (model.label_smoothing, config.seed, [batch.positions[:, 0, 0, 0] for batch in batches.epoch()])
        )

    monkeypatch.setattr("skeletonmae.evaluation.finetune.train", record)
    protocol(label_smoothing=0.3, seeds=(3, 5, 3)).run(task_of(make_task))
    assert [(smoothing, seed) for smoothing, seed, _ in calls] == [(0.3, 3), (0.3, 5), (0.3, 3)]
    one, two, three = (torch.cat(batches) for _, _, batches in calls)
    assert torch.equal(one, three)
    assert not torch.equal(one, two)
    assert sorted(one.flatten().tolist()) == sorted(two.flatten().tolist())


def test_classifiers_are_saved(make_task: Any, tmp_path: Path) -> None:
    saved: list[Path] = []
    task = task_of(make_task, folder=tmp_path, save=lambda path, model, config: saved.append(path))
    protocol(epochs=1, label_fraction=0.05, seeds=(3, 4)).run(task)
    assert saved == [tmp_path / "finetune-0.05-seed3.safetensors", tmp_path / "finetune-0.05-seed4.safetensors"]


@pytest.mark.parametrize(("fraction", "batch_size"), [(1.0, 1), (0.1, 1)])
def test_batches_of_one_clip_are_refused(make_task: Any, fraction: float, batch_size: int) -> None:
    with pytest.raises(InputError, match="at least two clips per batch"):
        protocol(label_fraction=fraction, batch_size=batch_size).run(task_of(make_task))


def test_progress_describes_the_training(make_task: Any) -> None:
    calls: list[str] = []
    protocol(epochs=1).run(task_of(make_task, pretrained=False, on_progress=lambda what, _: calls.append(what)))
    assert set(calls) == {"finetune on 90 clips from scratch"}


class FirstCoordinates(nn.Module):
    """The first three coordinates of a clip as logits."""

    def forward(self, batch: Any) -> torch.Tensor:
        return batch.positions[:, 0, :, 0].mean(1)


def test_logits_of_test_clips_are_averaged_in_the_order_of_the_recordings(make_task: Any) -> None:
    task, index = task_of(make_task), np.arange(119, 89, -1)
    clips = task.clips.model_copy(update={"augment": (Scale(low=2.0, high=3.0),)})  # not for the test side
    model: Any = FirstCoordinates()
    expected = predict_logits(model, task, index)
    for num_clips in (0, 1, 3):  # the recordings have one frame: all clips of one are the same
        torch.testing.assert_close(
            predict_clips(model, replace(task, clips=clips), index, num_clips, seed=4), expected
        )


def test_each_test_clip_draws_its_own_frames(
    make_task: Any, make_store: Any, make_recording: Any, tmp_path: Path
) -> None:
    recordings = [make_recording(seed, frames=40, label=str(seed % 3), lost=0.0) for seed in range(6)]
    store = make_store(tmp_path / "store", recordings, classes=CLASSES)
    clips = ClipConfig(frames=4, sampling="random_frames", transforms=())
    task, index = replace(task_of(make_task), store=store, clips=clips), np.arange(6)
    model: Any = FirstCoordinates()
    one, two, again = (predict_clips(model, task, index, number, seed=0) for number in (1, 2, 2))
    assert torch.equal(two, again)
    assert (one - two).abs().max() > 1e-3
    assert not torch.equal(two, predict_clips(model, task, index, 2, seed=1))
    result = protocol(epochs=1, test_clips=2).run(task_of(make_task))[0]
    assert (result.name, result.details["test_clips"]) == ("finetune test_clips=2", 2)
