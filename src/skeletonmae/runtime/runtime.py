"""Predictions and features of an exported model, with numpy and onnxruntime alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from skeletonmae.datasets.load_recordings import Problem, iter_recordings
from skeletonmae.errors import InputError
from skeletonmae.formats import DEFAULT_OPTIONS, ReadOptions
from skeletonmae.predictions.persons import split_persons
from skeletonmae.predictions.prediction import NOT_FINITE, NOTHING_OBSERVED, Prediction
from skeletonmae.runtime.export_config import LABELS, MODEL, ExportConfig
from skeletonmae.runtime.inputs import RecordingAdapter
from skeletonmae.runtime.session import GraphSession
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import VOCABULARY

Source: TypeAlias = SkeletonSequence | Path | str
BLOCK = 256
"""Recordings that are held in memory at once."""


class Answer(NamedTuple):
    """The outputs of the graph for one recording, or for one person of it."""

    recording: str
    person: int | None
    """Index of the person; None for the whole recording."""
    outputs: dict[str, np.ndarray]
    """Output of the graph -> its row; empty if there is an error."""
    error: str
    """Why there is no answer; empty if there is one."""


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
        self.session = GraphSession(folder / MODEL, num_threads)
        self.adapt = RecordingAdapter(self.config)

    def predict(
        self,
        source: Source | Iterable[Source],
        *,
        top: int = 3,
        per_person: bool = False,
        options: ReadOptions = DEFAULT_OPTIONS,
    ) -> list[Prediction]:
        """Predict the classes of recordings.

        Args:
            source: Recordings, or files, folders, archives or stores of them; one or several.
            top: Number of classes per prediction.
            per_person: Classify every person alone, instead of a recording as a whole.
            options: What the files do not state, such as their layout or unit.

        Returns:
            One prediction per recording, or per person, in their order. One of a recording or file that could not
            be read has an error.

        Raises:
            InputError: The model is an encoder.
        """
        self._check_kind("classifier", "embed")
        return [self._prediction(answer, top) for answer in self.answers(source, per_person, options)]

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
        answers = list(self.answers(source, per_person, options))
        rows = [answer.outputs["features"] for answer in answers if not answer.error]
        width = len(rows[0]) if rows else 0
        missing = np.full(width, np.nan, np.float32)
        values = [missing if answer.error else answer.outputs["features"] for answer in answers]
        return FeatureRows(
            np.array(values, np.float32).reshape(len(values), width),
            tuple(answer.recording for answer in answers),
            tuple(answer.person for answer in answers),
            tuple(answer.error for answer in answers),
        )

    def answers(
        self,
        source: Source | Iterable[Source],
        per_person: bool = False,
        options: ReadOptions = DEFAULT_OPTIONS,
    ) -> Iterator[Answer]:
        """Yield the outputs of the graph for recordings, of which a few hundred are held in memory at once.

        Args:
            source: Recordings, or files, folders, archives or stores of them; one or several.
            per_person: Yield an answer for every person.
            options: What the files do not state.
        """
        block: list[tuple[SkeletonSequence | None, Answer]] = []
        for item in self._read(source, options):
            if isinstance(item, Problem):
                block.append((None, Answer(item.recording, None, {}, item.reason)))
            else:
                block += self._adapted(item, per_person)
            if len(block) >= BLOCK:
                yield from self._answer_block(block)
                block = []
        yield from self._answer_block(block)

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

    def _adapted(
        self, recording: SkeletonSequence, per_person: bool
    ) -> Iterator[tuple[SkeletonSequence | None, Answer]]:
        persons = split_persons(recording) if per_person else [(None, recording)]
        for person, alone in persons:
            try:
                yield self.adapt(alone), Answer(recording.name, person, {}, "")
            except InputError as error:
                reason = str(error).removeprefix(f"recording {recording.name!r}: ")
                yield None, Answer(recording.name, person, {}, reason)

    def _answer_block(self, block: list[tuple[SkeletonSequence | None, Answer]]) -> Iterator[Answer]:
        recordings = [recording for recording, _ in block if recording is not None]
        outputs = self.session(recordings) if recordings else {}
        row = 0
        for recording, answer in block:
            if recording is None:
                yield answer
                continue
            own = {name: values[row] for name, values in outputs.items()}
            row += 1
            if not own["is_seen"]:
                yield answer._replace(error=NOTHING_OBSERVED)
            elif not np.isfinite(own[self.session.output_names[0]]).all():
                yield answer._replace(error=NOT_FINITE)
            else:
                yield answer._replace(outputs=own)

    def _prediction(self, answer: Answer, top: int) -> Prediction:
        if answer.error:
            return Prediction(answer.recording, answer.person, (), answer.error)
        probabilities = answer.outputs["probabilities"]
        order = np.argsort(-probabilities, kind="stable")[:top].tolist()
        classes = tuple((self.labels[index], float(probabilities[index])) for index in order)
        return Prediction(answer.recording, answer.person, classes)

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
