from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from samples.evaluations import write_run

from skeletonmae.evaluation.clip_scores import ClipScores
from skeletonmae.evaluation.results_file import ResultsFile


@pytest.mark.parametrize("claimed", [-1, 2, 4, 1.0, True, "1", None])
def test_a_file_that_claims_what_it_does_not_hold_is_evaluated_again(tmp_path: Path, claimed: Any) -> None:
    """One of three runs is finished."""
    (result,) = write_run(tmp_path / "made", ("linear", 0, [True, False])).results
    ResultsFile(tmp_path, {}, 3, []).add([result.model_copy(update={"scores": ""})], write=True)
    file, messages = tmp_path / "results.json", list[str]()
    saved = json.loads(file.read_text())
    assert ResultsFile(tmp_path, {}, 3, [], on_message=messages.append).num_finished == 1
    file.write_text(json.dumps(saved | {"num_finished": claimed}))
    read = ResultsFile(tmp_path, {}, 3, [], on_message=messages.append)
    assert (read.results, read.num_finished) == ([], 0)
    assert len(messages) == 1
    assert (
        "results.json: not the results of an evaluation by this version (ValueError: num_finished" in messages[0]
    )


def test_a_kill_while_results_are_replaced_leaves_no_results_with_the_scores_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, ("linear", 0, [True, False]))
    write = ClipScores.write

    def killed(self: ClipScores, path: Path) -> None:
        write(self, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(ClipScores, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        write_run(tmp_path, ("linear", 0, [False, False]))
    assert [path.name for path in tmp_path.iterdir()] == ["scores-linear-1-seed0.npz"]
