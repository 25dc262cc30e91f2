"""A classifier of recordings, as an estimator of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from skeletonmae.errors import InputError
from skeletonmae.estimators.base import RecordingEstimator
from skeletonmae.estimators.inputs import refuse_unread
from skeletonmae.formats.axes import Up
from skeletonmae.inference import FitConfig, SkeletonEncoder, fit_classifier
from skeletonmae.inference.fit import DEFAULT_ENCODER, NO_ENCODER, SEED
from skeletonmae.inference.folds import make_folds
from skeletonmae.inference.head_choice import best_choice, cross_validate
from skeletonmae.inference.head_fitting import coordinate_candidates, encoder_candidates, fit_heads
from skeletonmae.predictions.heads import softmax
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.training import choose_device

GROUP_TAG = "subject"
TABLE = "table"


class SkeletonClassifier(ClassifierMixin, TransformerMixin, RecordingEstimator):  # type: ignore[misc]
    """Classify recordings by the features of a frozen encoder; the classifier that `skeletonmae fit` makes.

    The head (logistic regression, class prototypes or nearest neighbors on the encoder's features, or ridge
    regression on coordinates) and its strength are chosen by cross-validation on the recordings that it is fitted
    to, in which the recordings of a group stay together. Probabilities are calibrated.

    For example::

        from sklearn.model_selection import GroupKFold, cross_val_score
        from skeletonmae import SkeletonClassifier, read

        recordings = read("recordings/")  # one sub-folder per action
        labels = [recording.label for recording in recordings]
        subjects = [recording.tags["subject"] for recording in recordings]
        print(cross_val_score(SkeletonClassifier(), recordings, labels, groups=subjects, cv=GroupKFold(5)))

    `X` is what `SkeletonTransformer` takes. A table without joints is classified as it is.

    Args:
        encoder: Name of a shipped encoder, a checkpoint, a folder that `save_pretrained` wrote, or an encoder that
            was loaded from one of them; `none` classifies coordinates alone.
        features: What is classified of recordings: the encoder's features, the coordinates, or both, whichever are
            better (`best`), or always the first (`encoder`), which suit windows of longer recordings.
        folds: Number of folds on which the head is chosen.
        finetune: Whether to fine-tune the encoder too, and to keep the result if it recognizes more clips in the
            same folds; it takes minutes to hours.
        layout: Layout of arrays, and of files that name their joints.
        joints: Names of the joints of arrays, in their order.
        axes: Number of axes of a joint in channels and flattened frames.
        unit: Unit of arrays (m by default) and files.
        fps: Frames per second of arrays and files.
        up: Axis that points up in arrays and files: y, z or -y.
        device: Where the encoder computes; `auto` uses a GPU if there is one.

    Attributes:
        classes_: The classes.
        kind_: Whether it was fitted to `recordings` or to a `table`.
        classifier_: The fitted `RecordingClassifier`, whose `predict` also says what is unknown, and whose `save`
            writes a file for `skeletonmae predict`. Only if fitted to recordings.
        report_: The `FitReport`, without measured accuracy. Only if fitted to recordings.
    """

    def __init__(
        self,
        encoder: str | Path | SkeletonEncoder = DEFAULT_ENCODER,
        *,
        features: Literal["best", "encoder"] = "best",
        folds: int = 5,
        finetune: bool = False,
        layout: Skeleton | str | Path | None = None,
        joints: Sequence[str] | None = None,
        axes: Literal[2, 3] = 3,
        unit: str | None = None,
        fps: float | None = None,
        up: Up | None = None,
        device: str = "auto",
    ) -> None:
        self.encoder = encoder
        self.features = features
        self.folds = folds
        self.finetune = finetune
        self.layout = layout
        self.joints = joints
        self.axes = axes
        self.unit = unit
        self.fps = fps
        self.up = up
        self.device = device

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Fit the classifier.

        Args:
            X: Recordings, or a table.
            y: Label of each. By default the labels of the recordings.
            groups: Group of each, such as the person who was recorded. The recordings of a group are on one side
                of every fold on which the head is chosen. By default the tag `subject`, or a similar one. If every
                class shows one group only, they are not kept together, and a `UserWarning` says so.

        Raises:
            InputError: `X` cannot be read, a recording has no label, or there are not two classes.
        """
        data = self._read(X, fitting=True)
        labels, codes = self._encode_labels(data, y)
        names = None if groups is None else np.array([f"group {one}" for one in column_or_1d(groups).tolist()])
        if names is not None:
            check_consistent_length(codes, names)
        if isinstance(data, list):
            self._fit_recordings(data, labels, names)
        else:
            self._fit_table(data, codes, names)
        return self

    def _encode_labels(self, data: list[SkeletonSequence] | np.ndarray, y: Any) -> tuple[list[str], np.ndarray]:
        """Set `classes_`; return the label of each row as text and as an index of it."""
        if y is None:
            if not isinstance(data, list) or any(one.label is None for one in data):
                missing = [one.name for one in data if isinstance(one, SkeletonSequence) and one.label is None]
                got = f"no label of {missing[0]}" if missing else "a table"
                expected = "labels, or recordings that have them"
                raise InputError(
                    "This SkeletonClassifier estimator requires y to be passed, but the target y is None",
                    where="fit",
                    expected=expected,
                    got=got,
                )
            y = [one.label for one in data]
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(data, y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError("there are not two classes", where="y", got=f"one class, {self.classes_[0]}")
        return [str(label) for label in y.tolist()], codes

    def _fit_recordings(
        self, recordings: list[SkeletonSequence], labels: list[str], groups: np.ndarray | None
    ) -> None:
        labeled = [
            replace(one, name=str(number), label=label)
            for number, (one, label) in enumerate(zip(recordings, labels, strict=True))
        ]
        if groups is not None:
            labeled = [replace(one, tags={GROUP_TAG: name}) for one, name in zip(labeled, groups, strict=True)]
        if self.features not in ("best", "encoder"):
            raise InputError("unknown features", where="features", expected="best or encoder", got=self.features)
        if self.folds < 2:
            raise InputError("too few folds", where="folds", expected="2 or more", got=self.folds)
        config = FitConfig(
            encoder=self._encoder_path(),
            features=self.features,
            finetune=self.finetune,
            group=None if groups is None else GROUP_TAG,
            folds=self.folds,
        )
        device = str(choose_device(self.device))
        self.classifier_, self.report_ = fit_classifier(labeled, config, device=device, measure=False)
        reasons = {int(one.recording): one.reason for one in self.report_.left_out}
        refuse_unread(recordings, (reasons.get(number, "") for number in range(len(recordings))))
        if groups is not None and self.report_.grouping.confounded_tag:
            warnings.warn(
                "groups are not kept together: every class has clips of one group only, so nothing would be left"
                " of a class without it, and groups may be recognized instead of classes",
                stacklevel=3,
            )
        if config.encoder != NO_ENCODER:
            for note in self.report_.notes:
                if "coordinates are classified" in note:
                    warnings.warn(note, stacklevel=3)
        order = {name: index for index, name in enumerate(self.classifier_.classes)}
        self._columns = np.array([order[str(label)] for label in self.classes_.tolist()])

    def _encoder_path(self) -> str:
        """The name or the path of the encoder."""
        if not isinstance(self.encoder, SkeletonEncoder):
            return str(self.encoder)
        path = self.encoder.checkpoint.path
        if path is None:
            raise InputError("the encoder is in no file; save it first", where="encoder")
        return str(path)

    def _fit_table(self, table: np.ndarray, codes: np.ndarray, groups: np.ndarray | None) -> None:
        numbers = np.arange(len(codes)) if groups is None else np.unique(groups, return_inverse=True)[1]
        folds = make_folds(codes, numbers, self.folds, SEED)
        num_classes = len(self.classes_)
        candidates = [*encoder_candidates(TABLE), *coordinate_candidates(TABLE)]
        chosen = best_choice(cross_validate({TABLE: table}, codes, num_classes, folds, candidates))
        (self._head,) = fit_heads(table, codes, num_classes, [chosen.candidate])
        self._temperature = chosen.temperature

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the calibrated probability of each class of `classes_`, `(clip, class)`.

        Args:
            X: Recordings, or a table if it was fitted to one.

        Raises:
            InputError: A recording cannot be read; the message names it.
        """
        features = self.transform(X)
        if self.kind_ == "table":
            return softmax(self._head.scores(features), self._temperature)
        return self.classifier_.probabilities(features)[:, self._columns]

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each recording.

        Args:
            X: Recordings, or a table if it was fitted to one.
        """
        columns = self.predict_proba(X).argmax(1)
        labels: np.ndarray = self.classes_[columns]
        return labels

    def transform(self, X: Any) -> np.ndarray:
        """Return the features that are classified, `(clip, feature)`.

        Args:
            X: Recordings, or a table if it was fitted to one.

        Raises:
            InputError: A recording cannot be read; the message names it.
        """
        check_is_fitted(self)
        data = self._read(X, fitting=False)
        if not isinstance(data, list):
            return data.copy()
        features = self.classifier_.features(data)
        refuse_unread(data, features.errors)
        return features.values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
