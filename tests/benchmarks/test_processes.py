from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LOG = "step,epoch,loss,lr,batches_per_second\n2,1,0.5,0.1,6.5\n4,2,0.4,0.1,7.5\n"


def test_ratios_are_within_a_round(benchmark_module: Callable[[str], Any]) -> None:
    rounds = [{"one": 2.0, "two": 3.0}, {"one": 4.0, "two": 8.0}, {"one": 1.0, "two": 1.9}]
    assert benchmark_module("processes").ratios(rounds, "one") == {"one": (1, 1, 1), "two": (1.9, 1.5, 2.0)}


def test_the_speed_is_that_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, benchmark_module: Callable[[str], Any]
) -> None:
    def run(command: list[str], env: dict[str, str], **_: object) -> None:
        given.update(words=command, threads=env["OMP_NUM_THREADS"])
        (Path(command[command.index("--out") + 1]) / "log.csv").write_text(LOG)

    given: dict[str, Any] = {}
    module = benchmark_module("processes")
    monkeypatch.setattr(module.subprocess, "run", run)
    assert module.speed(tmp_path / "a.yaml", ["training.epochs=2"], 2, 1) == 7.5
    assert given["words"][given["words"].index("--processes") + 1] == "2"
    assert "training.epochs=2" in given["words"]
    assert given["threads"] == "1"
