"""The page on data describes every format that the package reads."""

from __future__ import annotations

import re
from pathlib import Path

from skeletonmae.formats import FORMATS

PAGE = Path(__file__).parents[2] / "docs" / "data.md"


def test_the_table_of_formats_has_every_format_once() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("| format | suffix | content | joints | unit |") :].split("\n\n")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    listed = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(FORMATS)
