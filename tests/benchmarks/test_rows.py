"""The benchmark has a row for every goal, and its rows have the facts that they are judged by."""

from __future__ import annotations

import resource
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FIELDS = {
    "name", "ratio", "goal", "reference_seconds", "our_seconds", "unit", "device", "precision", "two_person_share",
}  # fmt: skip


@pytest.fixture
def rows(benchmark_module: Callable[[str], Any]) -> Any:
    return benchmark_module("rows")


@pytest.fixture
def tiny(benchmark_module: Callable[[str], Any]) -> Any:
    return benchmark_module("cases").Settings(clips=16, recordings=16, load_batch=8, repeats=2)


def without_processes(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the case of starts start nothing."""

    def start(folder: Any, settings: Any) -> Any:
        cases = __import__("cases")
        names = ("import skeletonmae.runs", "skeletonmae pretrain, one step")
        ours = [cases.Ours(name, None, lambda: sum(range(100_000))) for name in names]
        return cases.Comparison(lambda: sum(range(100_000)), ours, 1, 2)

    monkeypatch.setitem(rows.CASES, "start", (start, None, True))


def generate_once(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let all cases use the same recordings."""
    recordings = __import__("cases").Recordings
    make = cache(lambda num, share: recordings_make(folder / str(num), num, share))
    recordings_make = recordings.make
    monkeypatch.setattr(recordings, "make", lambda folder, num, share: make(num, share))


def test_every_goal_has_its_rows(rows: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_processes(rows, monkeypatch)
    generate_once(monkeypatch, tmp_path)
    monkeypatch.setattr(rows, "matmul_ceiling", lambda precision: 1e12)
    made = [row for name in rows.CASES for row in rows.measure_case(name, tiny, profile=False)]
    assert all(row.keys() >= FIELDS for row in made)
    with_goal = [row for row in made if row["goal"] is not None]
    shares: dict[Any, set[float | None]] = {}
    for row in with_goal:
        shares.setdefault((row["name"], row["precision"]), set()).add(row["two_person_share"])
    expected = {key: {None} if key[0].startswith(("import", "skeletonmae")) else {0.18, 0.5} for key in rows.GOALS}
    assert shares == expected
    for row in with_goal:
        is_reached = (
            row["our_seconds"] <= row["goal"] if row["goal_is"] == "seconds" else row["ratio"] >= row["goal"]
        )
        assert row["is_reached"] == is_reached
    memory = [row for row in made if row["goal"] is None]
    assert {(row["precision"], row["freed_memory"]) for row in memory} == {
        (precision, kept) for precision in ("float32", "bf16") for kept in ("returned", "retained")
    }


def test_products_and_their_share_of_the_time_are_measured(
    rows: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "matmul_ceiling", lambda precision: 1e12)
    for row in rows.measure_case("pre-training, float32", tiny):
        ours, reference = row["our_limits"], row["reference_limits"]
        assert 0 < ours["gigaflops"] < reference["gigaflops"]  # one person, and only what is visible or queried
        assert sum(ours["shares_of_time"].values()) == pytest.approx(1.0)
        assert ours["shares_of_time"]["products"] > 0


def test_the_last_pass_of_a_step_updates_the_weights(benchmark_module: Callable[[str], Any]) -> None:
    import torch

    cases, model = benchmark_module("cases"), torch.nn.Linear(3, 1)
    step = cases.Passes(model, lambda model, x: model(x).square().mean(), [torch.ones(2, 3)] * 3, "float32")
    before, values = model.weight.clone(), []
    for _ in range(4):
        step()
        values.append(bool((model.weight == before).all()))
    assert values == [True, True, False, False]
    assert model.weight.grad is not None  # of the fourth pass, which belongs to the next step


def test_usage_counts_page_faults(benchmark_module: Callable[[str], Any]) -> None:
    import mmap

    measuring, pages = benchmark_module("measuring"), 500

    def touch_fresh_memory() -> None:
        with mmap.mmap(-1, pages * resource.getpagesize()) as memory:
            for page in range(pages):
                memory[page * resource.getpagesize()] = 1

    assert measuring.usage(touch_fresh_memory).page_faults > measuring.usage(lambda: None).page_faults
