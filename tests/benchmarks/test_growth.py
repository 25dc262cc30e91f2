"""The growth of cost: exponents, the law of a step, and the page."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def growth(benchmark_module: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    module, cases = benchmark_module("growth"), benchmark_module("cases")
    monkeypatch.setattr(module, "SIZES", cases.SIZES)
    monkeypatch.setattr(module, "DECODER", cases.DECODER)
    monkeypatch.setattr(module, "retain_freed_memory", lambda: None)  # not in the process that runs the tests
    monkeypatch.setattr(module.torch, "set_num_threads", lambda threads: None)
    return module


def test_exponent_of_a_power_law(growth: Any) -> None:
    assert growth.exponent([1, 2, 4, 8], [3.0, 12.0, 48.0, 192.0]) == pytest.approx(2.0)
    assert growth.exponent([1, 2, 4], [5.0, 5.0, 5.0]) == pytest.approx(0.0)


def test_a_line_with_a_constant(growth: Any) -> None:
    x = growth.np.array([1e9, 2e9, 8e9])
    assert growth.fit_line(x, 0.5 + 3e-9 * x) == pytest.approx((0.5, 3e-9))
    assert growth.fit_line(x, 3e-9 * x) == pytest.approx((0.0, 3e-9), abs=1e-12)
    constant, slope = growth.fit_line(x, growth.np.array([2.0, 5.0, 21.0]))  # a negative one would fit better
    assert constant == 0.0
    assert slope == pytest.approx(2.55e-9, rel=0.1)


def test_the_constant_of_processes_is_that_of_each(growth: Any) -> None:
    np = growth.np
    one = growth.row("processes", "all", (1, 2, 4), np.array([1.0, 1.1, 1.3]), [2.0, 2.0, 2.0])
    assert one["constant"] == pytest.approx(0.1)
    assert one["slope"] == pytest.approx(0.9 / 2.0)
    assert growth.fitted(one) == pytest.approx([1.0, 1.1, 1.3])
    other = growth.row("clips", "a step", (1, 2, 4), np.array([0.7, 1.2, 2.2]), [1e9, 2e9, 4e9])
    assert growth.fitted(other) == pytest.approx([0.7, 1.2, 2.2])


def test_flops_grow_with_the_tokens_and_in_proportion_to_persons_and_clips(growth: Any) -> None:
    base = {"frames": 8, "joints": 5, "persons": 1, "clips": 2}
    grid = {"frames": (16, 64), "joints": (5, 20), "persons": (1, 2, 4), "clips": (1, 3)}
    rows = {(row["axis"], row["variant"]): row for row in growth.measure_growth(grid, base, 1)}
    assert len(rows) == 2 * len(grid)
    for (axis, _), row in rows.items():
        assert all(second > 0 for second in row["seconds"])
        if axis in ("persons", "clips"):
            assert row["exponent_of_law"] == pytest.approx(1.0)
    for axis in ("frames", "joints"):
        assert 1.0 < rows[axis, "decoder self"]["exponent_of_law"] < 2.0
        cross = rows[axis, "decoder cross, queries 0.25"]["exponent_of_law"]
        assert cross < rows[axis, "decoder self"]["exponent_of_law"]


def test_plot_table_and_json_are_written(growth: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(grid: Any, base: Any, repeats: int) -> list[dict[str, Any]]:
        import numpy as np

        sizes = (1, 2, 4)
        law = np.array([1.0, 2.0, 4.0])
        return [
            growth.row(axis, variant, sizes, 0.5 * law**1.5, law) for axis in grid for variant in growth.VARIANTS
        ]

    row = growth.row("processes", "all processes together", (1, 2), growth.np.array([1.0, 1.0]), [1.0, 1.0])
    monkeypatch.setattr(growth, "measure_processes", lambda numbers, repeats: row)
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{growth.START}\nold\n{growth.END}\nafter\n")
    (tmp_path / "images").mkdir()
    monkeypatch.setattr(sys, "argv", ["growth.py", "--out", str(tmp_path), "--docs", str(tmp_path)])
    growth.main(measure)
    assert (tmp_path / "images" / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert len(json.loads((tmp_path / "growth.json").read_text())["rows"]) == 9
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| frames | 1, 2, 4 | decoder self | 0.5 to 4 | 1.50 | 1.00 | 0 |" in text
    growth.main(measure)  # again, between the same marks
    assert page.read_text() == text


def test_the_page_has_the_marks(growth: Any) -> None:
    text = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()
    assert text.count(growth.START) == text.count(growth.END) == 1
