"""The comparison of poolings: its page."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def poolings(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("poolings")


def test_the_page_is_that_of_the_results(poolings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = poolings.FILE
    content = json.loads(file.read_text(encoding="utf-8"))
    monkeypatch.setattr(poolings, "FILE", tmp_path / file.name)
    poolings.write_page(content)
    written = (tmp_path / file.name).with_suffix(".md").read_text(encoding="utf-8")
    assert written == file.with_suffix(".md").read_text(encoding="utf-8")


def test_training_sides_alone_are_read(poolings: Any) -> None:
    """A store has a row for each block and kind of features, of as many clips as its training side or fewer."""
    rows = json.loads(poolings.FILE.read_text(encoding="utf-8"))["rows"]
    assert {(row["block"], row["kind"]) for row in rows} == {
        (block, kind) for block in (3, 4, 5, 6) for kind in ("mean", "mean and deviation")
    }
    assert {row["set"]: (row["clips"], row["subjects"]) for row in rows} == {
        "msr_action3d": (291, 5), "nw_ucla": (600, 7), "utd_mhad": (431, 4),
    }  # fmt: skip
