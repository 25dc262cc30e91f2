"""The text of --help: docstrings as paragraphs, and names for positional arguments."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

SourcePath = Annotated[Positional[Path], arg(metavar="SOURCE")]
OutPath = Annotated[Positional[Path], arg(metavar="OUT")]
RecipePath = Annotated[Positional[Path], arg(metavar="RECIPE")]
CheckpointPath = Annotated[Positional[Path], arg(metavar="CHECKPOINT")]
FromEncoder = Annotated[str | None, arg(name="from", metavar="ENCODER")]


def unwrap_docstring(text: str) -> str:
    """Join the lines of each paragraph and of each argument, which would else be broken where the source is.

    Indented examples keep their lines, and `::` before them becomes `:`.
    """
    text = text.replace("::\n\n", ":\n")
    return re.sub(r"(?<=[^\s:])\n( {4}| {12,})(?=\S)", " ", text)
