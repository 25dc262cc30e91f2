"""Commands that compare and combine evaluations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from samples.evaluations import write_run

from skeletonmae.cli import main


@pytest.fixture
def two_runs(tmp_path: Path) -> tuple[Path, Path]:
    half = [True, False, False, True]
    write_run(tmp_path / "before", ("linear", 0, half * 30), ("knn", 0, half * 30))
    write_run(tmp_path / "after", ("linear", 0, ([True] * 7 + [False]) * 15), ("finetune", 0, half * 30))
    return tmp_path / "before", tmp_path / "after"


def test_runs_side_by_side(
    two_runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(two_runs[0].parent)  # a row with long paths takes several lines
    assert main(["compare", "before", "after"]) == 3
    output = capsys.readouterr()
    baseline, run = (line.split() for line in output.out.splitlines()[1:])
    assert baseline == ["linear", "100%", "before", "0", "120", "50.0", "baseline"]
    assert run[:5] == ["after", "0", "120", "87.5", "+37.5"]
    assert run[-1] == "better"
    assert "not compared, because only in before: knn\n" in output.err
    assert "not compared, because only in after: finetune\n" in output.err


def test_comparisons_as_json(two_runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", *map(str, two_runs), str(two_runs[0]), "--protocol", "linear", "--json"]
    assert main(words) == 0
    better, same = json.loads(capsys.readouterr().out)
    assert (better["verdict"], same["verdict"]) == ("better", "noise")
    assert better["difference"] == pytest.approx(0.375)
    assert better["interval"][0] < 0.375 < better["interval"][1]
    assert (better["baseline"], better["run"]) == tuple(map(str, two_runs))
    main([*words, "--resamples", "150"])
    assert json.loads(capsys.readouterr().out)[0]["interval"] != better["interval"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{0}"], "there is nothing to compare; expected two or more runs; got 1"),
        (["{0}", "{1}", "--resamples", "99"], "--resamples: too few for an interval"),
        (["{0}", "{1}", "--resamples", "1000000000000"], "expected 100 to 1,000,000; got 1000000000000"),
        (["{0}", "{1}", "--seed", "-1"], "--seed: not a seed; expected 0 or more; got -1"),
        (["{0}", "{1}", "--protocol", "semi"], "there is no such result; expected linear, knn; got semi"),
        (["{0}", "nowhere"], "there are no results"),
    ],
)
def test_what_cannot_be_compared(
    two_runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["compare", *(word.format(*two_runs) for word in words)]) == 1
    assert message in capsys.readouterr().err


def test_an_ensemble_is_written_like_an_evaluation(
    tmp_path: Path, two_runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ensemble", *map(str, two_runs)]
    assert main([*words, "--out", str(tmp_path / "all")]) == 3
    output = capsys.readouterr()
    assert "linear" in output.out
    assert "left out, because not all runs have the same with logits: knn, finetune" in output.err
    assert main(["compare", str(two_runs[0]), str(tmp_path / "all"), "--protocol", "linear", "--json"]) == 0
    (made,) = json.loads(capsys.readouterr().out)
    assert made["num_clips"] == 120
    assert main([*words, "--out", str(two_runs[0])]) == 1
    assert "the results of a member would be replaced" in capsys.readouterr().err
