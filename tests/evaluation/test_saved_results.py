from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skeletonmae.errors import InputError
from skeletonmae.evaluation.saved_results import SavedResults, describe_names


def test_an_evaluation_is_read_back(tiny_run: Path) -> None:
    for path in (tiny_run, tiny_run / "results.json"):
        saved = SavedResults.read(path)
        assert saved.folder == tiny_run
        assert list(saved.by_name()) == [("linear epochs=3", 1.0), ("knn k=1", 1.0), ("finetune", 1.0)]
        assert saved.scores(saved.results[0]).is_correct.mean() == pytest.approx(saved.results[0].top1)
    assert [result.name for result in saved.select("knn").results] == ["knn k=1"]
    with pytest.raises(
        InputError, match="there is no such result; expected linear epochs=3, knn k=1, finetune; got k-nn"
    ):
        saved.select("k-nn")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda saved: saved.update(complete=False), "the evaluation was stopped; run it again"),
        (lambda saved: saved.pop("results"), r"not the results of an evaluation by this version.*evaluate again"),
        (lambda saved: saved.update(complete="false"), "not the results of an evaluation.*complete"),
        (lambda saved: saved.update(recipe=[1]), "not the results of an evaluation.*recipe"),
        (lambda saved: saved.update(recipe={"data": 3}), "not the results of an evaluation.*recipe.data"),
        (lambda saved: saved.update(test_copies=3), "not the results of an evaluation.*test_copies"),
        (lambda saved: saved.update(results=[]), "the evaluation has no results"),
        (lambda saved: saved["results"][0].update(top1=5.0), "not the results of an evaluation.*top1"),
        (lambda saved: saved["results"][0].update(num_test=-4), "not the results of an evaluation.*num_test"),
        (
            lambda saved: saved["results"].append(saved["results"][0]),
            "a result is there more than once; expected each once; got 'linear epochs=3' with 100 % of the labels"
            " and seed 0 2 times",
        ),
        (lambda saved: saved["results"][0].pop("top1"), "not the results of an evaluation by this version"),
    ],
)
def test_what_is_no_finished_evaluation_is_refused(
    tmp_path: Path, tiny_run: Path, change: Any, message: str
) -> None:
    saved = json.loads((tiny_run / "results.json").read_text())
    change(saved)
    (tmp_path / "results.json").write_text(json.dumps(saved))
    with pytest.raises(InputError, match=rf"results\.json: {message}"):
        SavedResults.read(tmp_path)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"results\.json: there are no results"):
        SavedResults.read(tmp_path)
    (tmp_path / "results.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="not the results of an evaluation"):
        SavedResults.read(tmp_path)


@pytest.mark.parametrize("name", ["", "../scores.npz", "/etc/passwd"])
def test_scores_are_read_from_the_folder_only(tiny_run: Path, name: str) -> None:
    saved = SavedResults.read(tiny_run)
    with pytest.raises(InputError, match="linear epochs=3 has no scores of clips"):
        saved.scores(saved.results[0].model_copy(update={"scores": name}))


def test_scores_of_another_evaluation_are_refused(tiny_run: Path) -> None:
    """As after a copy of `results.json` alone."""
    saved = SavedResults.read(tiny_run)
    linear, knn, _ = saved.results
    other = 0.0 if linear.top1 > 0.5 else 1.0
    with pytest.raises(InputError, match=r"the scores are not those of linear epochs=3.*as in results\.json; got"):
        saved.scores(linear.model_copy(update={"top1": other}))
    with pytest.raises(InputError, match="the scores are not those of knn k=1"):
        saved.scores(knn.model_copy(update={"num_test": knn.num_test + 1}))


def test_describe_names() -> None:
    assert describe_names([("linear joints", 1.0), ("finetune", 0.05)]) == "linear joints, finetune (5 %)"
