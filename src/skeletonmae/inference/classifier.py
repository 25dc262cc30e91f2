"""A classifier of recordings that `fit` makes: an encoder or coordinates, a head, and what it was fitted to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from skeletonmae.datasets.load_recordings import Problem
from skeletonmae.datasets.sources import iter_readable
from skeletonmae.errors import InputError
from skeletonmae.evaluation.action_timing import ActionTiming
from skeletonmae.inference.featurizers import AnyFeaturizer, Features, for_layout, parts_of
from skeletonmae.inference.pretrained import Description, PretrainedModel
from skeletonmae.predictions.clip_warnings import TrainingRange
from skeletonmae.predictions.doubt import Doubt
from skeletonmae.predictions.heads import AnyHead, softmax
from skeletonmae.predictions.motion_statistics import ReferencePose, measure_motion
from skeletonmae.predictions.prediction import Prediction
from skeletonmae.predictions.window_predictions import window_predictions
from skeletonmae.predictions.windows import ClipLengths, Window, cut_windows
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import VOCABULARY, Skeleton

BLOCK = 256
"""Recordings whose features are computed at once."""


@dataclass(frozen=True, eq=False)
class RecordingClassifier(PretrainedModel):
    """A classifier of recordings.

    For example::

        classifier = RecordingClassifier.load("classifier.safetensors")
        for prediction in classifier.predict(recordings):
            print(prediction.recording, prediction.classes[0], prediction.unknown, prediction.warnings)

    Args:
        classes: Names of the classes, in the order of probabilities.
        featurizer: What turns recordings into features.
        head: What turns features into scores of the classes.
        temperature: Divides the scores before the softmax, so that probabilities are calibrated.
        doubt: What says whether a recording is unknown.
        reference: The mean pose of the training clips.
        training: What the training clips were like.
        license: Terms of the encoder; empty if there is none, or if they are not stated.
        summary: How the classifier was fitted and how good it was in cross-validation, for people to read.
        timing: How long the actions of the training clips take, for `segment` and `Stream`.
        skeleton: Joint layout of the training clips, of most of them if they have several; None in earlier files.
    """

    classes: tuple[str, ...]
    featurizer: AnyFeaturizer
    head: AnyHead
    temperature: float
    doubt: Doubt
    reference: ReferencePose
    training: TrainingRange
    license: str = ""
    summary: dict[str, str | int | float | None] = field(default_factory=dict)
    timing: ActionTiming | None = None
    skeleton: Skeleton | None = None

    @property
    def axes(self) -> Literal[2, 3]:
        """Number of coordinates of a joint in the training clips."""
        return 2 if self.reference.positions.shape[1] == 2 else 3

    @property
    def file_layout(self) -> Skeleton | None:
        """Layout of files that do not tell it: that of the training clips, or of the joints of the encoder.

        None if the joints are in the vocabulary, by which files are read.
        """
        if self.skeleton and not set(self.skeleton.joints) <= VOCABULARY.keys():
            return self.skeleton
        encoder, _ = parts_of(self.featurizer)
        return encoder.checkpoint.header.custom_layout if encoder else None

    def features(self, recordings: Sequence[SkeletonSequence]) -> Features:
        """Compute the features of recordings, which may have any layout with joints that the classifier knows.

        Args:
            recordings: The recordings; each is one clip, whatever its length.

        Returns:
            A row for each recording, in their order; with an error for those whose layout has other body parts
            than the training clips.

        Raises:
            InputError: The encoder computes another number of features than the head was fitted to.
        """
        num_features = len(self.head.mean)
        features = for_layout(self.featurizer, self.skeleton)(recordings)
        if not features.is_known.any():  # without a clip, an encoder does not tell how many features it has
            return replace(features, values=np.zeros((len(recordings), num_features), np.float32))
        if (got := features.values.shape[1]) != num_features:
            raise InputError("the head does not fit the encoder", expected=f"{num_features} features", got=got)
        return features

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return the calibrated probability of each class, `(clip, class)`.

        Args:
            features: `(clip, feature)`, as `features` returns them.
        """
        return softmax(self.head.scores(features), self.temperature)

    def familiarity(self, recordings: Sequence[SkeletonSequence], features: np.ndarray) -> np.ndarray:
        """Return how much recordings resemble the training clips, `(recording,)` from 0 to 1.

        It is the share of training clips that resemble the others no more than the recording does; see
        `predictions.doubt`. Below `1 - COVERAGE`, `predict` calls a recording unknown.

        Args:
            recordings: The recordings.
            features: Their features.
        """
        statistics = [measure_motion(recording, self.reference) for recording in recordings]
        return self.doubt.familiarity(features, self.probabilities(features), statistics)

    def predict_proba(self, recordings: Sequence[SkeletonSequence]) -> np.ndarray:
        """Return the calibrated probability of each class, `(recording, class)`; NaN where there is none."""
        features = self.features(recordings)
        probabilities = np.full((len(recordings), len(self.classes)), np.nan)
        known = features.is_known
        if known.any():
            probabilities[known] = self.probabilities(features.values[known])
        return probabilities

    def predict(
        self,
        recordings: Any,
        *,
        top: int = 3,
        per_person: bool = False,
        unknown: bool = True,
        windows: bool = True,
    ) -> list[Prediction]:
        """Predict the classes of recordings, with calibrated probabilities, doubts and warnings.

        Args:
            recordings: What `skeletonmae.read` takes, such as files, folders and `SkeletonSequence`s. A block of
                recordings at a time is held in memory.
            top: Number of classes per prediction.
            per_person: Classify every person alone, instead of a recording as a whole.
            unknown: Whether to say which recordings resemble nothing that the classifier was fitted to.
            windows: Whether to cut recordings that are much longer than the training clips; each window has a
                prediction of its own.

        Returns:
            At least one prediction per recording, in their order; then those of files that cannot be read, with
            the reason as `error`.
        """
        lengths = self.training.lengths if windows else None
        problems: list[Problem] = []
        readable = iter_readable(recordings, problems.append, self.file_layout)
        predictions = list(self._predict_all(readable, lengths, top, per_person, unknown))
        return [*predictions, *(Prediction(one.recording, None, (), one.reason) for one in problems)]

    def _predict_all(
        self,
        recordings: Iterable[SkeletonSequence],
        lengths: ClipLengths | None,
        top: int,
        per_person: bool,
        unknown: bool,
    ) -> Iterator[Prediction]:
        block: list[Window] = []
        for recording in recordings:
            for window in cut_windows(recording, lengths, per_person):
                block.append(window)
                if len(block) == BLOCK:
                    yield from self._predict_block(block, top, unknown)
                    block = []
        yield from self._predict_block(block, top, unknown)

    def _predict_block(self, windows: list[Window], top: int, unknown: bool) -> Iterator[Prediction]:
        if not windows:
            return
        features = self.features([window.recording for window in windows])
        finite = np.isfinite(features.values).all(1)
        values = np.where(finite[:, None], features.values, 0)
        probabilities = self.probabilities(values)
        yield from window_predictions(
            windows,
            probabilities,
            np.where(finite, self.doubt.novelty(values, probabilities), np.nan),
            features.errors,
            classes=self.classes,
            doubt=self.doubt,
            reference=self.reference,
            training=self.training,
            top=top,
            unknown=unknown,
        )

    def _write_weights(self, path: Path) -> None:
        self.save(path)

    def _description(self) -> Description:
        accuracy = self.summary.get("accuracy")
        metrics = {"accuracy": float(accuracy)} if isinstance(accuracy, int | float) else {}
        facts = [f"| {name} | {value} |" for name, value in self.summary.items() if value is not None]
        text = "\n".join(
            [
                "# A classifier of recordings, by skeletonmae",
                "",
                f"Classes: {', '.join(self.classes)}.",
                "The accuracy, if it is stated, was measured in cross-validation.",
                "",
                "| | |",
                "|---|---|",
                *facts,
                f"| terms | {self.license or 'not stated'} |",
                "",
                "```python",
                "import skeletonmae",
                "",
                'classifier = skeletonmae.load("this folder")',
                'predictions = classifier.predict(skeletonmae.read("my recordings"))',
                "```",
            ]
        )
        return Description("classifier", self.license, text, metrics)

    def save(self, path: Path | str) -> None:
        """Write the classifier to one file; an existing one is replaced.

        An encoder of `joint_patch` is saved in half precision. Others, and fine-tuned ones, are saved as they are.
        """
        from skeletonmae.inference.classifier_file import save_classifier

        save_classifier(self, Path(path))

    @classmethod
    def load(cls, path: Path | str, device: str = "cpu") -> Self:
        """Read a classifier from a file; no code in it is run.

        Raises:
            InputError: The file does not exist, is damaged, or holds something else.
        """
        from skeletonmae.inference.classifier_file import load_classifier

        classifier = load_classifier(Path(path), device)
        assert isinstance(classifier, cls)
        return classifier
