"""Predictions and features of an exported model, with numpy and onnxruntime alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from skeletonmae.datasets.load_recordings import Problem, iter_recordings
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, ReadOptions
from skeletonmae.predictions.prediction import NOT_FINITE, NOTHING_OBSERVED, Prediction
from skeletonmae.predictions.window_predictions import window_predictions
from skeletonmae.predictions.windows import ClipLengths, Window, cut_windows
from skeletonmae.runtime.export_config import LABELS, MODEL, ExportConfig
from skeletonmae.runtime.inputs import RecordingAdapter
from skeletonmae.runtime.session import GraphSession
from skeletonmae.runtime.training_clips import TrainingClips
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import VOCABULARY, Skeleton

Source: TypeAlias = SkeletonSequence | Path | str
BLOCK = 256
"""Recordings that are held in memory at once."""


class Answer(NamedTuple):
    """The outputs of the graph for a recording, one person of it, or a part of it."""

    window: Window
    outputs: dict[str, np.ndarray]
    """Output of the graph -> its row; empty if there is an error."""
    error: str
    """Why there is no answer; empty if there is one."""

    def with_outputs(self, outputs: dict[str, np.ndarray]) -> Answer:
        """Return this answer with outputs, or with what is wrong with them."""
        if not outputs["is_seen"]:
            return self._replace(error=NOTHING_OBSERVED)
        if not all(np.isfinite(values).all() for values in outputs.values()):
            return self._replace(error=NOT_FINITE)
        return self._replace(outputs=outputs)


class FeatureRows(NamedTuple):
    """The features of recordings.

    Args:
        values: The features, `(recording, feature)`; NaN where there are none.
        recordings: Name of the recording of each row.
        persons: Index of its person; None for the whole recording.
        errors: Why there are no features; empty where there are.
    """

    values: np.ndarray
    recordings: tuple[str, ...]
    persons: tuple[int | None, ...]
    errors: tuple[str, ...]


class Runtime:
    """Runs a model that `skeletonmae export` wrote. PyTorch is not needed.

    For example::

        runtime = Runtime("exported")
        for prediction in runtime.predict("recordings/"):
            print(prediction.recording, prediction.classes)

    Args:
        folder: The exported model.
        num_threads: Number of threads; None for one per core.

    Raises:
        InputError: The folder holds no exported model, it is damaged, or onnxruntime is not installed.
    """

    def __init__(self, folder: Path | str, *, num_threads: int | None = None) -> None:
        folder = Path(folder)
        self.config = ExportConfig.load(folder)
        self.labels = _read_labels(folder) if self.config.kind == "classifier" else ()
        self.training = TrainingClips.load(folder) if self.config.is_fitted else None
        self.session = GraphSession(folder / MODEL, num_threads)
        if self.labels and len(self.labels) != self.session.width:
            expected, got = f"{self.session.width} classes", len(self.labels)
            raise InputError("not those of the model", where=folder / LABELS, expected=expected, got=got)
        self.adapt = RecordingAdapter(self.config)

    def predict(
        self,
        source: Source | Iterable[Source],
        *,
        top: int = 3,
        per_person: bool = False,
        unknown: bool = True,
        windows: bool = True,
        options: ReadOptions = DEFAULT_OPTIONS,
    ) -> list[Prediction]:
        """Predict the classes of recordings.

        Args:
            source: Recordings, or files, folders, archives or stores of them; one or several.
            top: Number of classes per prediction.
            per_person: Classify every person alone, instead of a recording as a whole.
            unknown: Whether to say which recordings resemble nothing that the classifier was fitted to. Only
                classifiers of `fit` know.
            windows: Whether to cut recordings that are much longer than the training clips, if the classifier is
                one of `fit`; each window has a prediction of its own.
            options: What the files do not state, such as their layout or unit.

        Returns:
            At least one prediction per recording, or per person, in their order. One of a recording or file that
            could not be read has an error.

        Raises:
            InputError: The model is an encoder.
        """
        self._check_kind("classifier", "embed")
        lengths = self.training.training.lengths if self.training and windows else None
        predictions: list[Prediction] = []
        for block in self._blocks(source, lengths, per_person, options):
            predictions += self._predict_block(block, top, unknown)
        return predictions

    def embed(
        self,
        source: Source | Iterable[Source],
        *,
        per_person: bool = False,
        options: ReadOptions = DEFAULT_OPTIONS,
    ) -> FeatureRows:
        """Compute the features of recordings.

        Args:
            source: Recordings, or files, folders, archives or stores of them; one or several.
            per_person: Give every person a row, instead of the mean over persons.
            options: What the files do not state.

        Raises:
            InputError: The model is a classifier.
        """
        self._check_kind("encoder", "predict")
        answers = [
            answer for block in self._blocks(source, None, per_person, options) for answer in self._run(block)
        ]
        rows = [answer.outputs["features"] for answer in answers if not answer.error]
        width = len(rows[0]) if rows else 0
        missing = np.full(width, np.nan, np.float32)
        values = [missing if answer.error else answer.outputs["features"] for answer in answers]
        return FeatureRows(
            np.array(values, np.float32).reshape(len(values), width),
            tuple(answer.window.recording.name for answer in answers),
            tuple(answer.window.person for answer in answers),
            tuple(answer.error for answer in answers),
        )

    def _blocks(
        self,
        source: Source | Iterable[Source],
        lengths: ClipLengths | None,
        per_person: bool,
        options: ReadOptions,
    ) -> Iterator[list[Window | Problem]]:
        """Yield recordings, or their windows, in blocks, of which one is held in memory at a time."""
        block: list[Window | Problem] = []
        for item in self._read(source, options):
            for window in [item] if isinstance(item, Problem) else cut_windows(item, lengths, per_person):
                block.append(window)
                if len(block) == BLOCK:
                    yield block
                    block = []
        if block:
            yield block

    def _read(
        self, source: Source | Iterable[Source], options: ReadOptions
    ) -> Iterator[SkeletonSequence | Problem]:
        if options.layout is None and not set(self.adapt.skeleton.joints) <= VOCABULARY.keys():
            options = replace(options, layout=self.adapt.skeleton)
        is_single = isinstance(source, SkeletonSequence | Path | str)
        for one in [source] if is_single else source:  # type: ignore[union-attr]
            if isinstance(one, SkeletonSequence):
                yield one
            else:
                yield from iter_recordings([Path(one)], options)  # type: ignore[arg-type]

    def _run(self, block: Sequence[Window | Problem]) -> list[Answer]:
        """Run the graph on those windows of a block that the model can read."""
        answers: list[Answer] = []
        readable: list[SkeletonSequence] = []
        for item in block:
            if isinstance(item, Problem):
                answers.append(Answer(_unread(item), {}, item.reason))
                continue
            try:
                readable.append(self.adapt(item.recording))
            except InputError as error:
                reason = str(error).removeprefix(f"recording {item.recording.name!r}: ")
                answers.append(Answer(item, {}, reason))
            else:
                answers.append(Answer(item, {}, ""))
        outputs = self.session(readable) if readable else {}
        rows = iter([{name: values[row] for name, values in outputs.items()} for row in range(len(readable))])
        return [answer if answer.error else answer.with_outputs(next(rows)) for answer in answers]

    def _predict_block(self, block: Sequence[Window | Problem], top: int, unknown: bool) -> Iterator[Prediction]:
        answers = self._run(block)
        if self.training is None:
            for window, outputs, error in answers:
                classes = () if error else self._top_classes(outputs["probabilities"], top)
                yield Prediction(window.recording.name, window.person, classes, error)
            return
        predicted = [answer for answer in answers if not answer.error]
        predictions: Iterator[Prediction] = iter(())
        if predicted:
            predictions = window_predictions(
                [answer.window for answer in predicted],
                np.array([answer.outputs["probabilities"] for answer in predicted]),
                np.array([answer.outputs["novelty"] for answer in predicted]),
                [""] * len(predicted),
                classes=self.labels,
                doubt=self.training.familiarity,
                reference=self.training.reference,
                training=self.training.training,
                top=top,
                unknown=unknown,
            )
        for window, _, error in answers:
            if error:
                place = Prediction(window.recording.name, window.person, (), error)
                yield replace(place, start=window.start, end=window.end, fps=window.recording.fps)
            else:
                yield next(predictions)

    def _top_classes(self, probabilities: np.ndarray, top: int) -> tuple[tuple[str, float], ...]:
        order = np.argsort(-probabilities, kind="stable")[:top].tolist()
        return tuple((self.labels[index], float(probabilities[index])) for index in order)

    def _check_kind(self, kind: str, other_call: str) -> None:
        if self.config.kind != kind:
            problem = f"the exported model is a {self.config.kind}; call {other_call}"
            raise InputError(problem, where=self.config.model)


def _read_labels(folder: Path) -> tuple[str, ...]:
    """Read the classes of a classifier.

    Raises:
        InputError: The file is missing or not a list of names.
    """
    path = folder / LABELS
    try:
        labels = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"the classes cannot be read ({error})", where=path) from error
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise InputError("not a list of classes", where=path, expected='["wave", "clap"]')
    return tuple(labels)


def _unread(problem: Problem) -> Window:
    """Return an empty recording with the name of a file or record that could not be read."""
    nothing = SkeletonSequence(np.zeros((0, 0, 1, 3), np.float32), np.zeros((0, 0, 1), bool), _NO_LAYOUT)
    return Window(replace(nothing, name=problem.recording), None, None, None)


_NO_LAYOUT = Skeleton("unknown", ("unknown",), {})
