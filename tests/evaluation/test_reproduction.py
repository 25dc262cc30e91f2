from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from skeletonmae.errors import InputError
from skeletonmae.evaluation import KNN, Finetune, LinearProbe, Result, wilson_interval
from skeletonmae.evaluation.reproduction import (
    check_agreement,
    describe_row,
    find_row,
    matching_protocols,
    read_rows,
    recipe_words,
)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "recipe": "recipes/own/mamp.yaml", "protocol": "linear", "setting": "", "label_fraction": 1.0,
        "pretrained": True, "seeds": [0], "mean": 80.0, "spread": None, "num_test": 400,
    } | changes  # fmt: skip


def results(*top1: float, **changes: Any) -> list[Result]:
    return [
        Result.model_construct(
            protocol="linear", setting="", label_fraction=1.0, seed=seed, top1=each / 100, num_test=400, **changes
        )
        for seed, each in enumerate(top1)
    ]


ROWS = [
    row(),
    row(setting="joints"),
    row(pretrained=False),
    row(protocol="knn", setting="k=1 joints", recipe="recipes/own/mamp.yaml training.epochs=20"),
    row(protocol="finetune", label_fraction=0.05, seeds=[0, 1]),
]


def test_a_row_has_a_description() -> None:
    assert [describe_row(each) for each in ROWS] == [
        "own/mamp linear 100% pre-trained",
        "own/mamp linear joints 100% pre-trained",
        "own/mamp linear 100% from-scratch",
        "own/mamp training.epochs=20 knn k=1 joints 100% pre-trained",
        "own/mamp finetune 5% pre-trained",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2", 1), ("from-scratch", 2), ("knn k=1", 3), ("5%", 4), ("own/mamp linear 100% pre-trained", 0),
     ("joints linear", 1)],
)  # fmt: skip
def test_a_row_is_found_by_its_number_or_by_words(text: str, expected: int) -> None:
    assert find_row(ROWS, text) is ROWS[expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "there is no such row; expected 1 to 5; got 0"),
        ("6", "there is no such row; expected 1 to 5; got 6"),
        ("linear pre-trained", "several rows have these words; expected \n  own/mamp linear 100% pre-trained\n"
            "  own/mamp linear joints 100% pre-trained; got linear pre-trained"),
        ("retrieval", "no row has these words; expected \n  own/mamp linear 100% pre-trained\n  (.*\n)+.*; got"),
        ("own/mamp finetun 5%", "no row has these words; expected \n  own/mamp finetune 5% pre-trained\n"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_unique_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_row(ROWS, text)


def test_the_protocols_of_a_row_have_its_seeds() -> None:
    evaluation = (
        LinearProbe(), LinearProbe(pooling="joints"), KNN(), KNN(pooling="joints"), Finetune(),
        Finetune(label_fraction=0.05, seeds=(7, 8, 9)),
    )  # fmt: skip
    assert matching_protocols(evaluation, ROWS[0]) == evaluation[:1]
    assert matching_protocols(evaluation, ROWS[1]) == evaluation[1:2]
    assert matching_protocols(evaluation, ROWS[3]) == evaluation[3:4]
    (finetune,) = matching_protocols(evaluation, ROWS[4])
    assert finetune == Finetune(label_fraction=0.05, seeds=(0, 1))
    with pytest.raises(
        InputError, match=r"no longer has the protocol of the row; expected .*retrieval.*got linear, knn"
    ):
        matching_protocols(evaluation, row(protocol="retrieval"))


def test_one_seed_agrees_within_the_interval_of_the_row() -> None:
    low, high = (100 * bound for bound in wilson_interval(320, 400))
    assert 75 < low < 76.5 < 83 < high < 84
    for top1, agrees in (
        (low + 0.01, True),
        (low - 0.01, False),
        (high - 0.01, True),
        (high + 0.01, False),
        (80, True),
    ):
        made = check_agreement(row(), results(top1))
        assert made.agrees is agrees
        assert ("agrees with" in made.sentence) is agrees
        assert "the 95 % interval of the published accuracy on 400 test clips" in made.sentence
        assert "these are the same: to agree rules out large errors only" in made.sentence


def test_several_seeds_agree_within_the_t_interval() -> None:
    published = row(seeds=[0, 1, 2], mean=80.0, spread=1.5)
    tolerance = 4.302653 * math.sqrt(1.5**2 / 3 + 1.5**2 / 3)  # of 2 degrees of freedom
    inside, outside = (check_agreement(published, results(*[80 - tolerance * by] * 3)) for by in (0.99, 1.01))
    assert (inside.agrees, outside.agrees) == (True, False)
    assert outside.tolerance == pytest.approx(tolerance)
    assert "differs from the published 80.00: a difference of -5.32, where 5.27 is allowed" in outside.sentence
    assert "to agree means that other seeds explain the difference" in outside.sentence
    assert check_agreement(published, results(77, 80, 83)).again == pytest.approx(80)


def test_one_clip_is_always_allowed() -> None:
    published = row(seeds=[0, 1], mean=80.0, spread=0.0)
    assert check_agreement(published, results(80.25, 80.25)).agrees
    assert not check_agreement(published, results(80.3, 80.3)).agrees


def test_a_frozen_encoder_with_the_same_weights_may_differ_by_one_clip() -> None:
    published = row(weights_digest="abc")
    assert check_agreement(published, results(80.25), "abc").agrees
    made = check_agreement(published, results(80.5), "abc")
    assert not made.agrees
    assert "where 0.25 is allowed, one test clip, because the weights are those of the row" in made.sentence
    for digest in ("abd", ""):
        assert check_agreement(published, results(80.5), digest).agrees  # within the interval of the row
    assert check_agreement(row(), results(80.5), "").agrees
    tuned = published | {"protocol": "finetune"}
    made = check_agreement(
        tuned, [each.model_copy(update={"protocol": "finetune"}) for each in results(80.5)], "abc"
    )
    assert made.agrees  # fine-tuning trains other weights


def test_other_seeds_and_other_clips_are_refused() -> None:
    with pytest.raises(InputError, match=r"with seeds \[0, 1\]; got seeds \[0\]"):
        check_agreement(row(seeds=[0, 1]), results(80))
    with pytest.raises(InputError, match=r"got seeds \[\]"):
        check_agreement(row(setting="joints"), results(80))
    with pytest.raises(InputError, match="other test clips than those of the row; expected 430; got 400"):
        check_agreement(row(num_test=430), results(80))


def test_rows_are_read(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    with pytest.raises(InputError, match="there are no published results"):
        read_rows(file)
    for content in ("{", "{}", json.dumps([{"recipe": "x"}])):
        file.write_text(content)
        with pytest.raises(InputError, match=r"results\.json: not "):
            read_rows(file)
    file.write_text(json.dumps(ROWS))
    assert read_rows(file) == ROWS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": ""}, "row 2: the row names no recipe.*got ''"),
        ({"recipe": "'open"}, "row 2: the row names no recipe"),
        ({"recipe": 3}, "row 2: recipe: "),
        ({"seeds": []}, "row 2: seeds: "),
        ({"mean": "9"}, "row 2: mean: "),
        ({"num_test": -4}, "row 2: num_test: "),
    ],
)
def test_a_row_with_a_field_of_another_type_is_refused(tmp_path: Path, changes: Any, message: str) -> None:
    (tmp_path / "results.json").write_text(json.dumps([row(), row(**changes)]))
    with pytest.raises(InputError, match=message):
        read_rows(tmp_path / "results.json")


def test_a_recipe_with_a_space_is_in_quotes() -> None:
    made = row(recipe="'recipes/my own/mamp.yaml' data.stream=bone")
    assert recipe_words(made) == ["recipes/my own/mamp.yaml", "data.stream=bone"]
    assert describe_row(made).startswith("my own/mamp data.stream=bone linear")


@pytest.mark.parametrize("text", ["²", "٣"])
def test_only_ascii_digits_are_a_number_of_a_row(text: str) -> None:
    with pytest.raises(InputError, match="no row has these words"):
        find_row([row()] * 4, text)


def test_the_published_results_can_be_run_again() -> None:
    """Every row has its recipe, and the recipe has its protocol."""
    from skeletonmae.recipe import read_recipe

    root = Path(__file__).parents[2]
    rows = read_rows(root / "docs" / "results.json")
    assert len({describe_row(each) for each in rows}) == len(rows)
    for each in rows:
        name, *overrides = each["recipe"].split()
        assert matching_protocols(read_recipe(root / name, overrides).evaluation, each), describe_row(each)
        assert find_row(rows, describe_row(each)) == each


def test_a_row_has_the_results_that_an_earlier_version_named_without_the_settings_of_the_fit() -> None:
    probe = LinearProbe(pooling="joints", weight_decays=(0.0, 0.1))
    assert probe.setting == "joints weight_decays=0,0.1"
    assert matching_protocols([LinearProbe(), probe], row(setting="joints")) == (probe,)
    plain = LinearProbe(pooling="joints")
    assert matching_protocols([probe, plain], row(setting="joints")) == (plain,)
    again = [each.model_copy(update={"setting": probe.setting}) for each in results(80)]
    assert check_agreement(row(setting="joints"), again).agrees
    with pytest.raises(InputError, match="no longer has the protocol of the row"):
        matching_protocols([probe], row(setting="joints lbfgs"))
