"""The scores of every test clip, kept beside `results.json`, by which two evaluations are compared or combined."""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.errors import InputError
from skeletonmae.files import atomic_file

ScoreKind = Literal["logits", "votes", "similarities"]
"""`logits`: of a linear layer, whose softmax are probabilities. `votes`: of nearest neighbors. `similarities`:
cosine similarity of the nearest training clip of each class."""
SCORE_FILES = "scores-*.npz"
"""Files of scores; those of another evaluation are deleted when its results are replaced."""
DAMAGE: tuple[type[Exception], ...] = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, MemoryError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, tokenize.TokenError),
)
"""What reading a damaged, encrypted or foreign file raises, as seen when single bytes of a file are changed."""
MAX_COMPRESSION = 1032
"""The most bytes that deflate, the compression of `.npz` files, makes of one."""


@dataclass(frozen=True, eq=False)
class ClipScores:
    """Class scores of the test clips of one result.

    Args:
        recordings: Name of the recording of each clip.
        classes: Names of the classes.
        label: True class index of each clip.
        scores: Class scores of each clip; the highest is the prediction.
        kind: What the scores are.
    """

    recordings: tuple[str, ...]
    classes: tuple[str, ...]
    label: Int[np.ndarray, " clip"]
    scores: Float[np.ndarray, "clip class"]
    kind: ScoreKind = "logits"

    @property
    def is_correct(self) -> Bool[np.ndarray, " clip"]:
        """Whether each clip is classified correctly."""
        correct: np.ndarray = self.scores.argmax(1) == self.label
        return correct

    @property
    def top1_range(self) -> tuple[float, float]:
        """The lowest and the highest accuracy that these scores can have: the same, if no two classes tie."""
        own = self.scores[np.arange(len(self.label)), self.label]
        others = self.scores.copy()
        others[np.arange(len(self.label)), self.label] = -np.inf
        best_other = others.max(1, initial=-np.inf)
        return float((own > best_other).mean()), float((own >= best_other).mean())

    @property
    def probabilities(self) -> Float[np.ndarray, "clip class"]:
        """Softmax of the logits, in float64.

        Raises:
            InputError: The scores are not logits.
        """
        if self.kind != "logits":
            raise InputError("only logits have a softmax", expected="scores of kind logits", got=self.kind)
        exponential = np.exp(self.scores.astype(np.float64) - self.scores.max(1, keepdims=True))
        softmax: np.ndarray = exponential / exponential.sum(1, keepdims=True)
        return softmax

    def sorted_by_recording(self) -> ClipScores:
        """Return the clips in the order of their names; clips of the same name keep their order."""
        order = np.argsort(np.array(self.recordings, dtype=str), kind="stable")
        recordings = tuple(self.recordings[position] for position in order)
        return ClipScores(recordings, self.classes, self.label[order], self.scores[order], self.kind)

    def write(self, path: Path) -> None:
        """Write the scores to an `.npz` file, atomically."""
        with atomic_file(path) as file, file.open("wb") as stream:
            np.savez_compressed(
                stream,
                recordings=np.array(self.recordings, dtype=str),
                classes=np.array(self.classes, dtype=str),
                label=self.label,
                scores=self.scores.astype(np.float32),
                kind=np.array(self.kind),
            )

    @classmethod
    def read(cls, path: Path) -> ClipScores:
        """Read the scores in a file that `write` wrote. Nothing in the file is executed.

        Raises:
            InputError: The file does not exist, is damaged, or has other arrays.
        """
        if not path.is_file():
            raise InputError(
                "there is no such file of scores", where=path, expected="a file that `evaluate` wrote"
            )
        try:
            with path.open("rb") as stream:
                _check_sizes(stream)
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                recordings, classes, label, scores, kind = (
                    arrays[name] for name in ("recordings", "classes", "label", "scores", "kind")
                )
        except DAMAGE as error:
            raise InputError(f"not a file of scores, or damaged ({error})", where=path) from error
        shape = (len(recordings), len(classes)) if recordings.ndim == classes.ndim == 1 else None
        is_valid = (
            scores.shape == shape
            and scores.size > 0
            and recordings.dtype.kind == classes.dtype.kind == "U"
            and scores.dtype == np.float32
            and label.shape == recordings.shape
            and label.dtype.kind == "i"
            and bool(((label >= 0) & (label < len(classes))).all())
            and str(kind) in get_args(ScoreKind)
        )
        if is_valid and not np.isfinite(scores).all():
            bad = recordings[~np.isfinite(scores).all(1)].tolist()
            got = f"NaN or infinity for {len(bad)} of {len(recordings)} clips, the first {bad[0]!r}"
            raise InputError("the scores are not finite", where=path, expected="finite numbers", got=got)
        if not is_valid:
            got = f"scores {scores.dtype} {scores.shape}, label {label.dtype} {label.shape}"
            raise InputError("the arrays do not fit each other", where=path, got=got)
        checked_kind: ScoreKind = str(kind)  # type: ignore[assignment]  # it is one of them
        return cls(tuple(recordings.tolist()), tuple(classes.tolist()), label, scores, checked_kind)


def check_same_clips(scores: Sequence[ClipScores], where: Sequence[Path | str]) -> list[ClipScores]:
    """Return the scores in the same order of clips, so that row i is the same clip in all of them.

    Args:
        scores: Scores of two or more results.
        where: What messages name as the source of each.

    Raises:
        InputError: The test clips, their labels or the classes differ.
    """
    ordered = [each.sorted_by_recording() for each in scores]
    first = ordered[0]
    for each, source in zip(ordered[1:], where[1:], strict=True):
        if each.classes != first.classes:
            raise InputError(
                f"the classes are not those of {where[0]}",
                where=source,
                expected=_first(first.classes),
                got=_first(each.classes),
            )
        if each.recordings != first.recordings:
            here, there = set(each.recordings), set(first.recordings)
            got = f"{len(each.recordings)} clips, of which {len(here - there)} are not among the others"
            if missing := sorted(there - here):
                got += f"; missing: {_first(missing)}"
            expected = f"the same {len(first.recordings)} recordings"
            raise InputError(
                f"the test clips are not those of {where[0]}", where=source, expected=expected, got=got
            )
        if not np.array_equal(each.label, first.label):
            changed = first.recordings[int(np.flatnonzero(each.label != first.label)[0])]
            raise InputError(f"the labels are not those of {where[0]}", where=source, got=f"recording {changed!r}")
    return ordered


def _check_sizes(stream: BinaryIO) -> None:
    """Refuse arrays that are larger than the file can hold, before memory is allocated for them."""
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                is_first = np.lib.format.read_magic(file) == (1, 0)
                read = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
                size = file.tell() + math.prod(shape) * dtype.itemsize
            if size != member.file_size or size > MAX_COMPRESSION * member.compress_size:
                raise ValueError(f"{member.filename} claims {dtype} {shape}, which is not what the file holds")


def _first(names: Sequence[str], count: int = 5) -> str:
    return ", ".join([*names[:count], *(["..."] if len(names) > count else [])])
