"""Outputs that would replace what a command reads, or each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.files import WEIGHTS

"""File of a model in the folder of a run, or in one that `save_pretrained` wrote."""
NO_RECORDINGS = frozenset({".safetensors", ".html", ".png", ".svg", ".pdf", ".srt", ".vtt"})
"""Suffixes of files that may be replaced in a folder of recordings, because no recording has them."""


def check_outputs(outputs: Sequence[Path | None], inputs: Sequence[Path | str | None]) -> None:
    """Check before anything is read that no output replaces an input, damages a store, or is written twice.

    Args:
        outputs: Files and folders that the command writes; None for those that it does not.
        inputs: Files, folders, and names of shipped encoders that it reads.

    Raises:
        InputError: An output is an input, another output, a file that may be a recording in a folder that is read,
            or inside a store.
    """
    written = [path for path in outputs if path is not None]
    read = [Path(path) for path in inputs if path is not None]
    for number, path in enumerate(written):
        for source in read:
            _check_input(path, source)
        if any(_is_same(path, other) for other in written[:number]):
            raise InputError("two outputs have the same path", where=path, expected="a path for each")


def _check_input(path: Path, source: Path) -> None:
    """Check that an output does not replace an input, or a part of it."""
    from skeletonmae.sequences.manifest import MANIFEST

    if _is_same(path, source) or _is_same(path, source / WEIGHTS):
        raise InputError("the output would replace an input", where=path, expected="another path")
    if not source.is_dir() or source.resolve() not in path.resolve().parents:
        return
    if (source / MANIFEST).is_file():
        expected = f"a path outside {source}"
        raise InputError("the output lies inside a store that is read", where=path, expected=expected)
    is_model = (source / WEIGHTS).is_file()
    if not is_model and path.is_file() and path.suffix.lower() not in NO_RECORDINGS:
        problem = f"the output would replace a file in {source}, which is read"
        raise InputError(problem, where=path, expected="another path")


def _is_same(path: Path, other: Path) -> bool:
    """Return whether two paths lead to the same place, by links too, even if nothing is there yet."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()
