from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.evaluation import KNN, LinearProbe, ResultsFile
from skeletonmae.evaluation.clip_scores import ClipScores, check_same_clips
from skeletonmae.recipe import recipe_from


def scores(recordings: str = "abc", classes: tuple[str, ...] = ("x", "y"), **changes: Any) -> ClipScores:
    """The first clip is classified as y, the others as x; all are x."""
    values = np.tile(np.float32([2, 1]), (len(recordings), 1))
    values[0] = [1, 2]
    about = {"label": np.zeros(len(recordings), dtype=np.int64), "scores": values} | changes
    return ClipScores(tuple(recordings), classes, **about)


def test_they_survive_the_file(tmp_path: Path) -> None:
    before = scores("aü ", kind="votes")
    before.write(tmp_path / "scores.npz")
    after = ClipScores.read(tmp_path / "scores.npz")
    assert (after.recordings, after.classes, after.kind) == (("a", "ü", " "), ("x", "y"), "votes")
    assert np.array_equal(after.scores, before.scores)
    assert np.array_equal(after.label, before.label)
    assert after.is_correct.tolist() == [False, True, True]


def test_probabilities_are_the_softmax_of_logits() -> None:
    logits = np.float32([[1000, 1000 + np.log(3)], [0, 0], [-2, 5]])
    made = scores(scores=logits).probabilities
    expected = torch.from_numpy(logits).double().softmax(1).numpy()
    np.testing.assert_allclose(made, expected)
    np.testing.assert_allclose(made[0], [0.25, 0.75], rtol=1e-4)
    with pytest.raises(InputError, match=r"only logits have a softmax.*got votes"):
        _ = scores(kind="votes").probabilities


def test_clips_are_paired_by_name() -> None:
    first, second = check_same_clips([scores("cab"), scores("bca")], ["one", "two"])
    assert first.recordings == second.recordings == ("a", "b", "c")
    assert first.is_correct.tolist() == [True, True, False]
    assert second.is_correct.tolist() == [True, False, True]


def test_clips_of_the_same_name_keep_their_order() -> None:
    (made,) = check_same_clips([scores("baa", label=np.array([0, 1, 0]))], ["one"])
    assert made.label.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (scores("abd"), r"two: the test clips are not those of one; expected the same 3 recordings; got 3 clips, of"
            " which 1 are not among the others; missing: c"),
        (scores("ab"), r"got 2 clips, of which 0 are not among the others; missing: c"),
        (scores("abcc"), r"got 4 clips, of which 0 are not among the others$"),
        (scores(label=np.array([0, 0, 1])), "two: the labels are not those of one; got recording 'c'"),
        (scores(classes=("x", "z")), "two: the classes are not those of one; expected x, y; got x, z"),
    ],
)  # fmt: skip
def test_other_clips_are_refused(other: ClipScores, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_same_clips([scores(), other], ["one", "two"])


@pytest.mark.parametrize(
    "change",
    [
        {"label": np.zeros(2, dtype=np.int64)},
        {"label": np.array([0, 0, 2])},
        {"label": np.array([0, 0, -1])},
        {"label": np.zeros(3)},
        {"scores": np.zeros((3, 2))},
        {"scores": np.zeros((2, 2), np.float32)},
        {"scores": np.zeros((3, 3), np.float32)},
        {"kind": np.array("odds")},
        {"recordings": np.array("abc")},
        {"recordings": np.arange(3)},
    ],
)
def test_a_file_whose_arrays_do_not_fit_is_refused(tmp_path: Path, change: dict[str, np.ndarray]) -> None:
    scores().write(tmp_path / "sound.npz")
    with np.load(tmp_path / "sound.npz") as arrays:
        np.savez(tmp_path / "broken.npz", **dict(arrays) | change)
    with pytest.raises(InputError, match=r"broken\.npz: the arrays do not fit each other"):
        ClipScores.read(tmp_path / "broken.npz")


def test_a_file_with_objects_is_refused_and_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", recordings=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not a file of scores"):
        ClipScores.read(tmp_path / "bad.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(InputError, match="not a file of scores"):
        ClipScores.read(tmp_path / "bad.npz")
    with pytest.raises(InputError, match="there is no such file of scores"):
        ClipScores.read(tmp_path / "none.npz")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    values = np.tile(np.float32([2, 1]), (3, 1))
    values[1, 0] = value
    scores(scores=values).write(tmp_path / "s.npz")
    with pytest.raises(InputError, match=r"s\.npz: the scores are not finite.*for 1 of 3 clips, the first 'b'"):
        ClipScores.read(tmp_path / "s.npz")


@pytest.mark.parametrize(
    "raised", [zlib.error("bad block"), TypeError("no"), RuntimeError("encrypted"), MemoryError(), OverflowError()]
)
def test_whatever_a_damaged_file_raises_becomes_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def load(*_: object, **__: object) -> None:
        raise raised

    scores().write(tmp_path / "s.npz")
    monkeypatch.setattr(np, "load", load)
    with pytest.raises(InputError, match=r"s\.npz: not a file of scores, or damaged"):
        ClipScores.read(tmp_path / "s.npz")


@pytest.mark.parametrize("at", ["compressed data", "flags", "compression"])
def test_changed_bytes_are_refused(tmp_path: Path, at: str) -> None:
    scores().write(tmp_path / "s.npz")
    content = bytearray((tmp_path / "s.npz").read_bytes())
    entry = content.index(b"PK\x01\x02")
    if at == "compressed data":
        content[30 + len("recordings.npy") + 20] ^= 0xFF
    else:
        content[entry + 8 if at == "flags" else entry + 10] = 1 if at == "flags" else 99
    (tmp_path / "s.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"s\.npz: not a file of scores, or damaged"):
        ClipScores.read(tmp_path / "s.npz")


def test_a_shape_that_the_file_cannot_hold_is_refused_before_it_is_allocated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores().write(tmp_path / "s.npz")
    with zipfile.ZipFile(tmp_path / "s.npz", "a") as archive, archive.open("more.npy", "w") as member:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(member, header)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("the arrays were read"))
    with pytest.raises(InputError, match=r"more\.npy claims float32 \(1000000000000,\), which is not what the"):
        ClipScores.read(tmp_path / "s.npz")


def test_a_protocol_keeps_the_scores_of_its_test_clips(make_task: Any) -> None:
    task = make_task(np.eye(3) * 9, "abc", np.eye(3)[[2, 0]] * 9, "cb")
    (linear,), (nearest,) = LinearProbe(epochs=30).run(task), KNN(k=(1,)).run(task)
    assert linear.key == ("linear epochs=30", 1.0, 0)
    kept = task.clip_scores[linear.key], task.clip_scores[nearest.key]
    assert [each.kind for each in kept] == ["logits", "votes"]
    for each, result in zip(kept, (linear, nearest), strict=True):
        assert each.recordings == ("test 0", "test 1")
        assert [each.classes[label] for label in each.label] == ["c", "b"]
        assert each.is_correct.tolist() == [True, False]
        assert each.is_correct.mean() == result.top1 == 0.5


def test_an_evaluation_writes_a_file_for_each_result(tiny_run: Path) -> None:
    written = json.loads((tiny_run / "results.json").read_text())["results"]
    assert [result["scores"] for result in written] == [
        "scores-linear-epochs=3-1-seed0.npz", "scores-knn-k=1-1-seed0.npz", "scores-finetune-1-seed0.npz",
    ]  # fmt: skip
    for result in written:
        made = ClipScores.read(tiny_run / result["scores"])
        assert made.is_correct.mean() == pytest.approx(result["top1"])
        assert list(made.classes) == result["classes"]


def test_the_files_of_another_evaluation_are_deleted(
    tmp_path: Path, tiny_run: Path, tiny_tree: Any, alone: Any
) -> None:
    (tmp_path / "scores-of-another.npz").write_bytes(b"")
    recipe = recipe_from(tiny_tree() | {"evaluation": [{"kind": "linear", "epochs": 1}]}, "")
    runs.evaluate(recipe, load_checkpoint(tiny_run), tmp_path, alone)
    assert [file.name for file in tmp_path.glob("scores-*")] == ["scores-linear-epochs=1-1-seed0.npz"]


def test_without_a_folder_nothing_is_written(make_task: Any) -> None:
    task = make_task(np.eye(2), "ab", np.eye(2), "ab")
    results = KNN(k=(1,)).run(task)
    file = ResultsFile(None, {}, 1, [])
    file.add(results, write=True, scores=task.clip_scores)
    assert [result.scores for result in file.results] == [""]


def test_ties_leave_open_which_class_is_predicted() -> None:
    scores = np.array([[1, 1, 0], [0, 2, 1], [3, 0, 3], [0, 0, 0]], dtype=np.float32)
    ties = ClipScores(("a", "b", "c", "d"), ("x", "y", "z"), np.array([1, 1, 1, 2]), scores)
    assert ties.top1_range == (0.25, 0.75)
