from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.evaluations import write_run

from skeletonmae.errors import InputError
from skeletonmae.evaluation.clip_scores import ClipScores
from skeletonmae.evaluation.compare import compare
from skeletonmae.evaluation.ensemble import ensemble, mean_probabilities, names_left_out
from skeletonmae.evaluation.saved_results import SavedResults
from skeletonmae.plotting.result_table import result_rows


def logits(*probabilities: list[float]) -> np.ndarray:
    return np.log(np.array(probabilities)).astype(np.float32) + 7


def member(folder: Path, *probabilities: list[float], **changes: Any) -> SavedResults:
    """A run with these probabilities of the classes x and y; the clips are x, y, x, ..."""
    num = len(probabilities)
    return write_run(folder, ("linear", 0, [True] * num), **{"scores": logits(*probabilities)} | changes)


def test_probabilities_are_averaged_with_equal_weights() -> None:
    first, second = logits([0.9, 0.1], [0.5, 0.5]), logits([0.2, 0.8], [0.4, 0.6])
    label = np.array([0, 1])
    made = mean_probabilities([ClipScores(("a", "b"), ("x", "y"), label, each) for each in (first, second)])
    np.testing.assert_allclose(made.probabilities, [[0.55, 0.45], [0.45, 0.55]], rtol=1e-6)
    assert made.kind == "logits"


def test_a_confident_member_outweighs_two_doubtful_ones(tmp_path: Path) -> None:
    # A vote would give y for clip 0; the sum of the probabilities gives x.
    members = [
        member(tmp_path / "joint", [0.98, 0.02], [0.3, 0.7]),
        member(tmp_path / "bone", [0.4, 0.6], [0.3, 0.7]),
        member(tmp_path / "motion", [0.4, 0.6], [0.3, 0.7]),
    ]
    (result,) = ensemble(members, tmp_path / "all")
    assert result.top1 == 1.0
    assert result.confusion_matrix == ((1, 0), (0, 1))
    assert result.seconds == 3
    written = json.loads((tmp_path / "all" / "results.json").read_text())
    assert written["complete"]
    assert written["ensemble"]["weights"] == "equal"
    assert [each["stream"] for each in written["ensemble"]["members"]] == ["joint", "bone", "motion"]


def test_members_are_paired_by_recording(tmp_path: Path) -> None:
    names = ("clip 1", "clip 0")
    turned = {"recordings": names, "label": np.array([1, 0])}
    members = [
        member(tmp_path / "joint", [0.9, 0.1], [0.2, 0.8]),
        member(tmp_path / "bone", [0.2, 0.8], [0.9, 0.1], **turned),
    ]
    assert ensemble(members, None)[0].top1 == 1.0


def test_an_ensemble_can_be_compared_with_its_members(tmp_path: Path) -> None:
    members = [
        member(tmp_path / name, [0.9, 0.1], [0.6, 0.4], [0.1, 0.9], [0.1, 0.9]) for name in ("joint", "bone")
    ]
    ensemble(members, tmp_path / "all")
    (made,), left_out = compare(members[0], SavedResults.read(tmp_path / "all"))
    assert (made.difference, made.top1[1], left_out) == (0.0, 0.5, [])


def test_only_logits_of_all_members_are_added(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", ("linear", 0, [True, False]), ("linear", 1, [True, False]))
    second = write_run(tmp_path / "b", ("linear", 1, [True, False]), ("finetune", 0, [True, False]))
    assert [result.key for result in ensemble([first, second], None)] == [("linear", 1.0, 1)]
    votes = write_run(tmp_path / "votes", ("linear", 1, [True, False]), kind="votes")
    with pytest.raises(InputError, match=r"no result in common that has logits.*a: linear; .*votes: linear"):
        ensemble([first, votes], None)
    with pytest.raises(InputError, match="expected two or more runs; got 1"):
        ensemble([first], None)


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", ("linear", 0, [True, False]), ("knn", 0, [True, False]))
    second = write_run(tmp_path / "b", ("linear", 0, [True, False]), ("linear", 1, [True, False]))
    made = ensemble([first, second], None)
    assert names_left_out([first, second], made) == [("knn", 1.0), ("linear", 1.0)]
    same = write_run(tmp_path / "c", ("linear", 0, [True, False]))
    twice = write_run(tmp_path / "d", ("linear", 0, [True, False]))
    assert names_left_out([same, twice], ensemble([same, twice], None)) == []


def test_an_ensemble_with_a_member_from_scratch_is_mixed(tmp_path: Path) -> None:
    trained, scratch, other = (write_run(tmp_path / name, ("linear", 0, [True, False])) for name in "abc")
    results = tuple(result.model_copy(update={"pretrained": False}) for result in scratch.results)
    scratch = SavedResults(scratch.folder, scratch.fields, results)
    for members in ([trained, scratch], [scratch, trained]):
        assert not ensemble(members, None)[0].pretrained
    assert ensemble([trained, other], None)[0].pretrained
    (row,) = result_rows(ensemble([trained, scratch], None))
    assert "mixed" in row
    (row,) = result_rows(ensemble([trained, other], None))
    assert "pre-trained" in row


def test_a_run_is_a_member_once(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, ("linear", 0, [True, False])) for name in ("a", "b")]
    again = SavedResults(tmp_path / "b" / ".." / "a", runs[0].fields, runs[0].results)
    with pytest.raises(InputError, match="a run is a member more than once"):
        ensemble([*runs, again], tmp_path / "all")


def test_other_test_clips_are_refused(tmp_path: Path) -> None:
    members = [member(tmp_path / "a", [0.9, 0.1]), member(tmp_path / "b", [0.9, 0.1], [0.9, 0.1])]
    with pytest.raises(InputError, match=r"b.scores-linear.*: the test clips are not those of"):
        ensemble(members, None)


def test_the_accuracy_without_copies_is_that_of_the_ensemble(tmp_path: Path) -> None:
    members = [
        member(tmp_path / "joint", [0.9, 0.1], [0.6, 0.4], [0.1, 0.9]),
        member(tmp_path / "bone", [0.9, 0.1], [0.1, 0.9], [0.4, 0.6]),
    ]
    fields = members[0].fields | {"test_copies": ["clip 2"]}
    (result,) = ensemble(
        [SavedResults(members[0].folder, fields, members[0].results), members[1]], tmp_path / "all"
    )
    assert result.top1 == pytest.approx(2 / 3)
    assert result.top1_without_copies == 1.0
    assert SavedResults.read(tmp_path / "all").test_copies == {"clip 2"}
