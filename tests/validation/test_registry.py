from __future__ import annotations

import re
from pathlib import Path

from skeletonmae.validation.registry import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"


def test_the_page_lists_every_check_once_in_their_order() -> None:
    tables = re.findall(r"\| check \| finds \| severity \|\n(.*?)\n\n", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(tables) == 2
    assert re.findall(r"^\| `(\w+)` \|", "\n".join(tables), re.M) == list(CHECKS)
