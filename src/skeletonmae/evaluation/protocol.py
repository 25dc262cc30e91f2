"""What a protocol is given and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol as Interface

import numpy as np
import torch
from pydantic import Field
from torch import nn

from skeletonmae.config import Config
from skeletonmae.datasets.splits import Split, validation_part
from skeletonmae.errors import InputError
from skeletonmae.methods import Classifier, Method
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import Processes, Progress
from skeletonmae.transforms import ClipConfig


class Result(Config):
    """How well one model did under one protocol; accuracies are shares of 1."""

    protocol: str
    setting: str = ""
    """What tells it from other results of the protocol, such as `k=5`."""
    pretrained: bool
    label_fraction: float = 1.0
    seed: int = 0
    top1: float
    top5: float
    classes: tuple[str, ...]
    per_class: tuple[float | None, ...]
    """Accuracy on the clips of each class; None for a class without any."""
    confusion: tuple[tuple[int, ...], ...]
    """Clips of each true class (row) that were given each class (column)."""
    num_train: int
    num_test: int
    chosen: dict[str, float] = Field(default_factory=dict)
    """What was chosen on the validation part of the training split."""
    seconds: float

    @property
    def name(self) -> str:
        """The protocol with its setting."""
        return f"{self.protocol} {self.setting}".strip()


@dataclass(frozen=True)
class Task:
    """What is to be evaluated on what.

    Args:
        method: the encoder.
        pretrained: whether it was pre-trained; else its weights are as they were drawn.
        clips: how recordings become clips.
        store: the recordings.
        split: which of them train and which test.
        validate_by: tag whose values are kept whole when a validation part is taken off the training split.
        processes: the device, and who else computes.
        report: told of progress: what is being done, and how far it is.
        folder: where classifiers are kept; None keeps nothing.
        save: writes a classifier to a file, so that it can be used again.
        fresh: from scratch alone: the method with weights drawn by a seed, so that no two runs share them.
    """

    method: Method
    pretrained: bool
    clips: ClipConfig
    store: SequenceStore
    split: Split
    validate_by: str | None
    processes: Processes
    report: Callable[[str, Progress], None] | None = None
    folder: Path | None = None
    save: Callable[[Path, Classifier, Config | None], None] | None = None
    fresh: Callable[[int], Method] | None = None
    features: dict[object, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict, repr=False)
    """What the encoder said of recordings, so that the next protocol need not ask again."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.store.classes

    @property
    def labels(self) -> np.ndarray:
        """Class of every recording of the store, `(recording,)`."""
        return self.store.labels

    def validation(self, index: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """A part of `index` to fit on and a part to choose on, `(recording,)` each."""
        by = self.validate_by
        if by and by not in self.store.tags:
            expected = f"a tag of the store: {', '.join(self.store.tags) or 'it has none'}"
            raise InputError("there is no such tag", where="data.validate_by", expected=expected, got=by)
        if by and len(set(self.store.tag(by)[index])) < 2:
            by = None
        return validation_part(self.store, index, by=by, seed=seed)


class Protocol(Interface):
    """A way to judge an encoder."""

    def run(self, task: Task) -> list[Result]:
        """The results, one for each setting and seed."""


def score(scores: torch.Tensor, labels: torch.Tensor, classes: tuple[str, ...]) -> dict[str, object]:
    """The accuracies of some class scores, as fields of `Result`.

    Args:
        scores: `(clip, class)`, the highest wins.
        labels: `(clip,)`.
        classes: names of the classes.
    """
    num = len(classes)
    best = scores.argmax(1)
    confusion = torch.bincount(labels * num + best, minlength=num * num).view(num, num)
    of_class = confusion.sum(1)
    five = scores.topk(min(5, num), dim=1).indices
    return {
        "top1": float((best == labels).double().mean()),
        "top5": float((five == labels[:, None]).any(1).double().mean()),
        "classes": classes,
        "per_class": tuple(float(confusion[c, c] / of_class[c]) if of_class[c] else None for c in range(num)),
        "confusion": tuple(tuple(row) for row in confusion.tolist()),
        "num_test": len(labels),
    }


@torch.inference_mode()
def predict_scores(model: nn.Module, task: Task, index: np.ndarray, batch_size: int = 256) -> torch.Tensor:
    """Class scores of recordings, `(recording, class)` on the CPU, from their middle part."""
    loader = task.clips.loader(task.store, index, batch_size=batch_size, device=task.processes.device)
    model.eval()
    return finite(torch.cat([model(batch).float().cpu() for batch in loader.epoch()]))


def finite(answers: torch.Tensor) -> torch.Tensor:
    """The answers of a model, if they are numbers.

    Raises:
        InputError: one is infinite or not a number.
    """
    if not answers.isfinite().all():
        got = f"{int((~answers.isfinite()).any(1).sum())} of {len(answers)} with others"
        problem = "the model's answers are not finite: its weights are damaged, or recordings hold huge values"
        raise InputError(problem, expected="finite numbers for every clip", got=got)
    return answers
