"""All weights learn, from all labels or from a few."""

from __future__ import annotations

import time
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from skeletonmae.batches import Batch
from skeletonmae.config import Config, one_of
from skeletonmae.datasets.splits import label_subset
from skeletonmae.errors import InputError
from skeletonmae.evaluation.protocol import Result, Task, predict_scores, score
from skeletonmae.methods import CLASSIFIERS, Classifier, MethodOutput
from skeletonmae.training import TrainingConfig, train

AnyClassifier: Any = one_of(CLASSIFIERS)


class FinetuneTraining(TrainingConfig):
    """Training as in the fine-tuning of Mao et al., ICCV 2023, where nothing else is said."""

    epochs: int = Field(100, ge=1)
    """How often every recording is seen."""
    batch_size: int = Field(48, ge=1)
    """Clips of one step."""
    lr: float = Field(3e-4, gt=0)
    """The highest learning rate."""
    final_lr: float = Field(1e-5, ge=0)
    """The learning rate at the end of the half cosine."""
    warmup_epochs: float = Field(5.0, ge=0)
    """Epochs of linear growth."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of `adamw` and `adam`."""
    layer_decay: float = Field(0.8, gt=0, le=1)
    """Each layer learns by this factor slower than the next."""


class Finetune(Config):
    """Encoder and head learn together; the last epoch counts.

    The same protocol with an encoder that was not pre-trained is the baseline "from scratch".
    """

    kind: Literal["finetune"] = "finetune"
    label_fraction: float = Field(1.0, gt=0, le=1)
    """Share of the labels of each class that is used; at least one clip a class."""
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    """One run each, with its own draw of labels, order and crops."""
    training: FinetuneTraining = FinetuneTraining()
    """As under `training`, with defaults of its own."""
    lrs: tuple[float, ...] = ()
    """If given, `training.lr` is the best of these on the validation part of the training split."""
    classifier: AnyClassifier | None = None
    """The downstream model, of the same kind as the method; null for that method's defaults."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Share of the target that is spread over all classes."""

    def run(self, task: Task) -> list[Result]:
        """One result for each seed."""
        return [self._run(task, seed) for seed in self.seeds]

    def _run(self, task: Task, seed: int) -> Result:
        started = time.monotonic()
        index = label_subset(task.labels, task.split.train, self.label_fraction, seed)
        chosen = {}
        if self.lrs:
            fit, held = task.validation(index, seed)
            labels = torch.from_numpy(task.labels[held])
            right = {}
            for lr in self.lrs:
                model = self._fit(task, fit, seed, lr)
                right[lr] = float((predict_scores(model, task, held).argmax(1) == labels).float().mean())
            chosen = {"lr": max(right, key=lambda lr: right[lr])}
        model = self._fit(task, index, seed, chosen.get("lr", self.training.lr))
        if task.folder and task.save:
            name = f"finetune-{self.label_fraction:g}-seed{seed}.safetensors"
            task.save(task.folder / name, model, self.classifier)
        test_labels = torch.from_numpy(task.labels[task.split.test])
        return Result(
            protocol="finetune",
            pretrained=task.pretrained,
            label_fraction=self.label_fraction,
            seed=seed,
            num_train=len(index),
            chosen=chosen,
            seconds=time.monotonic() - started,
            **score(predict_scores(model, task, task.split.test), test_labels, task.classes),
        )

    def _fit(self, task: Task, index: np.ndarray, seed: int, lr: float) -> Classifier:
        config = self.training.model_copy(update={"seed": seed, "lr": lr})
        torch.manual_seed(seed)
        method = task.fresh(seed) if task.fresh else task.method
        model = method.classifier(len(task.classes), self.classifier)
        loader = task.clips.loader(
            task.store,
            index,
            batch_size=config.batch_size // config.accumulate,
            training=True,
            seed=seed,
            device=task.processes.device,
            rank=task.processes.rank,
            world=task.processes.world,
        )
        if len(index) // len(loader) // task.processes.world < 2:
            problem = f"{len(index)} clips are cut into {len(loader)} batches for {task.processes.world} processes"
            raise InputError(problem, where="finetune", expected="two clips or more each, for the batch norm")
        what = f"finetune on {len(index)} clips" + ("" if task.pretrained else " from scratch")
        tell = task.report
        train(
            CrossEntropy(model, self.label_smoothing),
            loader,
            config,
            task.processes,
            depth_of=lambda name: model.depth_of(name.removeprefix("classifier.")),
            report=(lambda progress: tell(what, progress)) if tell else None,
        )
        return model.eval()


class CrossEntropy(nn.Module):
    """A classifier with its loss.

    Args:
        classifier: what is trained.
        label_smoothing: share of the target that is spread over all classes (Szegedy et al., CVPR 2016).
    """

    def __init__(self, classifier: Classifier, label_smoothing: float) -> None:
        super().__init__()
        self.classifier = classifier
        self.label_smoothing = label_smoothing

    def forward(self, batch: Batch) -> MethodOutput:
        """Mean cross-entropy of the clips."""
        scores = self.classifier(batch).float()
        loss = nn.functional.cross_entropy(scores, batch.label, label_smoothing=self.label_smoothing)
        right = (scores.argmax(1) == batch.label).float().mean().detach()
        return MethodOutput(loss, torch.tensor(float(len(batch))), {"training_accuracy": right})
