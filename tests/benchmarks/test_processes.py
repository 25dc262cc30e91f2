from __future__ import annotations

from pathlib import Path

import pytest
from processes import ratios, speed


def test_ratios_are_within_a_round() -> None:
    rounds = [{"one": 2.0, "two": 3.0}, {"one": 4.0, "two": 8.0}, {"one": 1.0, "two": 1.9}]
    assert ratios(rounds, "one") == {"one": (1, 1, 1), "two": (1.9, 1.5, 2.0)}


def test_the_speed_is_that_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], env: dict[str, str], **_: object) -> None:
        given.update(command=command[1:], threads=env["OMP_NUM_THREADS"])
        (Path(command[command.index("--out") + 1]) / "log.csv").write_text(LOG)

    given: dict[str, object] = {}
    monkeypatch.setattr("processes.subprocess.run", run)
    assert speed(tmp_path / "a.yaml", ["training.epochs=2"], 2, 1) == 7.5
    words = str(given["command"])
    assert "'--processes', '2'" in words
    assert "'training.epochs=2'" in words
    assert given["threads"] == "1"


LOG = "step,epoch,loss,lr,batches_per_second\n2,1,0.5,0.1,6.5\n4,2,0.4,0.1,7.5\n"
