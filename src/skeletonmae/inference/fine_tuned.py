"""A fine-tuned classifier that `evaluate` wrote, with the methods of the classifiers that `fit` makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from skeletonmae.checkpoint import Checkpoint
from skeletonmae.config import Precision
from skeletonmae.datasets.load_recordings import Problem
from skeletonmae.datasets.sources import iter_readable
from skeletonmae.inference.predict import predict
from skeletonmae.predictions.prediction import Prediction
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class FineTunedClassifier:
    """A classifier whose encoder was trained for its classes.

    Its probabilities are those of a softmax: they are not calibrated, and nothing is unknown to it.

    Args:
        checkpoint: The fine-tuned classifier.
        precision: In which it computes: `float32`, `bf16`, or `auto`.
    """

    checkpoint: Checkpoint
    precision: Precision = "float32"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of probabilities."""
        return self.checkpoint.header.classes

    @property
    def license(self) -> str:
        """The terms under which the weights may be used; empty if they are not stated."""
        return self.checkpoint.header.license

    @property
    def axes(self) -> Literal[2, 3]:
        """Number of coordinates of a joint in the training clips."""
        return self.checkpoint.header.axes

    @property
    def file_layout(self) -> Skeleton | None:
        """Layout of files that do not tell it; None if the joints are in the vocabulary, which names them."""
        return self.checkpoint.header.custom_layout

    def predict(self, recordings: Any, *, top: int = 3, per_person: bool = False) -> list[Prediction]:
        """Predict the classes of recordings; see `skeletonmae.inference.predict`.

        Args:
            recordings: What `skeletonmae.read` takes, such as files, folders and `SkeletonSequence`s.
            top: Number of classes per prediction.
            per_person: Classify every person alone, instead of a recording as a whole.

        Returns:
            Those of the recordings, in their order; then those of files that cannot be read, with the reason as
            `error`.
        """
        problems: list[Problem] = []
        readable = iter_readable(recordings, problems.append, self.file_layout)
        predictions = predict(self.checkpoint, readable, top=top, per_person=per_person, precision=self.precision)
        return [*predictions, *(Prediction(one.recording, None, (), one.reason) for one in problems)]

    def predict_proba(self, recordings: Iterable[SkeletonSequence]) -> np.ndarray:
        """Return the probability of each class, `(recording, class)`; NaN where there is no prediction.

        Args:
            recordings: The recordings.
        """
        column = {name: index for index, name in enumerate(self.classes)}
        predictions = self.predict(recordings, top=len(column))
        probabilities = np.full((len(predictions), len(column)), np.nan)
        for row, prediction in enumerate(predictions):
            for name, probability in prediction.classes:
                probabilities[row, column[name]] = probability
        return probabilities
