"""`make bench` continues where it was stopped, and writes a list of rows and a page."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

NINE = (
    "name", "ratio", "goal", "reference_seconds", "our_seconds", "unit", "device", "precision", "two_person_share",
)  # fmt: skip


@pytest.fixture
def bench(benchmark_module: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    run = benchmark_module("run")
    monkeypatch.setattr(run, "git", lambda *words: "abc123" if words[0] == "log" else "")
    return run


class FakeMeasure:
    """Makes the rows of a case out of nothing, and is killed before the case `until`."""

    def __init__(self, until: str | None = None, factor: float = 0.5) -> None:
        self.until, self.factor, self.measured = until, factor, []  # type: ignore[var-annotated]

    def __call__(self, name: str, settings: Any) -> list[dict[str, Any]]:
        if name == self.until:
            raise KeyboardInterrupt
        self.measured.append(name)
        return [row(name, share, self.factor) for share in (0.18, 0.5)]


def row(case: str, share: float, factor: float = 0.5) -> dict[str, Any]:
    precision = next((one for one in ("float32", "bf16") if one in case), None)
    limits = {
        "gigaflops": 8.0,
        "ceiling_gigaflops_per_second": 100.0,
        "share_of_ceiling": 0.4,
        "shares_of_time": dict.fromkeys(
            ("products", "softmax", "fused attention", "copies", "optimizer", "rest"), 1 / 6
        ),
    }
    is_memory, is_start = " memory " in case, case == "start"
    goal = None if is_memory else 4.0
    found = {
        "name": "import skeletonmae.runs" if is_start else case.split(", ")[0],
        "ratio": 3.0,
        "goal": goal,
        "goal_is": "seconds" if is_start else "ratio",
        "is_reached": None if is_memory else factor < 0.5,
        "ratio_quartiles": [2.9, 3.1],
        "two_person_share": None if is_start else share,
        "device": "cpu",
        "precision": precision,
        "unit": "CPU seconds per clip",
        "clips": 64,
        "freed_memory": case.rsplit(" ", 1)[1] if is_memory else "retained",
        "load": 0.5,
    }
    for side in ("reference", "our"):
        found |= {f"{side}_seconds": 1.0, f"{side}_system_seconds": 0.25, f"{side}_page_faults": 1234.0}
        if precision:
            found[f"{side}_limits"] = limits
    return found


def test_a_run_that_was_killed_continues_with_the_missing_cases(bench: Any, tmp_path: Path) -> None:
    names, settings, partial = list(bench.CASES), bench.QUICK, tmp_path / "runs" / "bench.json"
    first = FakeMeasure(until=names[3])
    with pytest.raises(KeyboardInterrupt):
        bench.run(names, settings, 1, partial, first)
    second = FakeMeasure()
    rows = bench.run(names, settings, 1, partial, second)
    assert first.measured + second.measured == names
    assert [one["case"] for one in rows] == [name for name in names for _ in range(2)]
    third = FakeMeasure()
    assert bench.run(names, settings, 1, partial, third) == rows
    assert third.measured == []


@pytest.mark.parametrize("content", ["", '{"key": {}, "cas', "[]", "null", '{"cases": {}}', "\xff", "cases: 3"])
def test_a_damaged_file_of_finished_cases_starts_over(
    bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    names, partial = list(bench.CASES)[:2], tmp_path / "bench.json"
    if content == "cases: 3":
        content = json.dumps({"key": bench.key(1, bench.QUICK), "cases": dict.fromkeys(names, 3)})
    partial.write_text(content, encoding="latin-1")
    measure = FakeMeasure()
    bench.run(names, bench.QUICK, 1, partial, measure)
    assert measure.measured == names
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{partial} is damaged: all cases are measured again"
    assert lines[1] == f"{names[0]}: started"


def test_two_benchmarks_do_not_write_the_same_files(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "measure_in_new_process", FakeMeasure())
    monkeypatch.setattr(sys, "argv", ["run.py", "--out", str(tmp_path), "--partial", str(tmp_path / "p.json")])
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda threads: None)
    with FileLock(tmp_path / "p.lock"), pytest.raises(SystemExit, match="another benchmark is running"):
        bench.main()
    assert not (tmp_path / "results.json").exists()


def test_quick_results_do_not_replace_the_committed_ones(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "measure_in_new_process", FakeMeasure())
    monkeypatch.setattr(sys, "argv", ["run.py", "--quick"])
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda threads: None)
    bench.main()
    assert (tmp_path / "runs" / "bench" / "results.md").is_file()
    assert not (tmp_path / "benchmarks").exists()


@pytest.mark.parametrize("change", ["commit", "settings", "threads", "changes"])
def test_cases_of_another_commit_or_setting_are_measured_again(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    names, settings, threads, partial = list(bench.CASES)[:2], bench.QUICK, 1, tmp_path / "bench.json"
    bench.run(names, settings, threads, partial, FakeMeasure())
    if change in ("commit", "changes"):
        word = {"commit": "log", "changes": "diff"}[change]
        monkeypatch.setattr(bench, "git", lambda *words: "other" if words[0] == word else "abc123")
    if change == "settings":
        settings = bench.Settings()
    again = FakeMeasure()
    bench.run(names, settings, 2 if change == "threads" else 1, partial, again)
    assert again.measured == names


def test_a_list_of_rows_and_a_page_are_written(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "measure_in_new_process", FakeMeasure())
    monkeypatch.setattr(sys, "argv", ["run.py", "--out", str(tmp_path), "--partial", str(tmp_path / "p.json")])
    monkeypatch.setattr(bench.torch, "set_num_threads", lambda threads: None)
    bench.main()
    rows = json.loads((tmp_path / "results.json").read_text())
    assert isinstance(rows, list)
    assert all(set(NINE) <= one.keys() for one in rows)
    assert {one["commit"] for one in rows} == {"abc123"}
    page = (tmp_path / "results.md").read_text()
    assert "0 of 16 rows reach their goal" in page
    assert "- **pre-training, float32, 50% two persons**: 3.00 of 4. It computes 1.00 times fewer FLOPs" in page
    assert "at 40% of the 100 GFLOP/s of a large matrix product" in page
    assert "With as many FLOPs, the goal is 53% of that rate." in page
    assert "- **loading, 18% two persons**: 3.00 of 4; 1 clips/s against 1." in page
    assert "| bf16 | returned | 1,000 | 1,000 | 3.0 | 250.00 | 250.00 | 1,234 | 1,234 |" in page


def test_a_row_that_needs_more_than_a_large_product_reaches_says_so(
    benchmark_module: Callable[[str], Any],
) -> None:
    page = benchmark_module("results_page")
    one = row("pre-training, bf16", 0.5) | {"goal": 9.0, "ratio": 2.0}
    assert "the goal is 180% of that rate, more than that product reaches" in page.why(one)


def test_the_committed_page_is_that_of_the_committed_results(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(__file__).parents[2] / "benchmarks"
    monkeypatch.syspath_prepend(str(folder))
    rows = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    page = importlib.import_module("results_page").page(rows)
    assert (folder / "results.md").read_text(encoding="utf-8") == page


def test_the_committed_results_have_every_goal(benchmark_module: Callable[[str], Any]) -> None:
    rows = benchmark_module("rows")
    folder = Path(__file__).parents[2] / "benchmarks"
    found = json.loads((folder / "results.json").read_text())
    assert {(one["name"], one["precision"]) for one in found if one["goal"] is not None} == set(rows.GOALS)
    for one in found:
        assert one["goal"] in (None, rows.GOALS.get((one["name"], one["precision"])))
