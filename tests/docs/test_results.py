"""The page of results says what each number was measured on, and by which commit."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs"
RECIPE = "recipes/own/mamp.yaml"


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("results")


def row(pretrained: bool, **changes: Any) -> dict[str, Any]:
    return {
        "set": "own", "split": "subject 1 train, 2 test", "protocol": "linear", "setting": "", "method": "joint_patch",
        "stream": "joint", "label_fraction": 1.0, "pretrained": pretrained, "recipe": RECIPE, "seeds": [0],
        "top1": [50.0], "mean": 75.0 if pretrained else 50.0, "spread": None, "num_train": 30, "num_test": 40,
        "best_params": [{}], "commit": "aaa1111", "device": "a CPU", "seconds": 1, "date": "2026-01-01", "note": "",
    } | changes  # fmt: skip


def cells(results: Any, *rows: dict[str, Any]) -> list[str]:
    """The cells of the only row of the table."""
    lines = [line for line in results.page(list(rows), [], "").splitlines() if RECIPE in line and line[0] == "|"]
    assert len(lines) == 1
    return [cell.strip() for cell in lines[0].strip("|").split("|")]


def test_both_halves_of_a_row_have_their_commit_and_date(results: Any) -> None:
    assert cells(results, row(True), row(False))[-2:] == ["aaa1111", "2026-01-01"]
    other = row(False, commit="bbb2222", date="2026-01-02")
    assert cells(results, row(True), other)[-2:] == ["aaa1111 / bbb2222", "2026-01-01 / 2026-01-02"]


def test_a_recipe_that_had_another_path_is_named_below_the_table(results: Any) -> None:
    page = results.page([row(True, recipe_at_commit="recipes/own/old.yaml"), row(False)], [], "")
    assert page.count(f"At aaa1111, `{RECIPE}` was called `recipes/own/old.yaml`.") == 1


def test_a_caveat_is_marked_in_the_row_and_given_below_the_table(results: Any) -> None:
    rows = [row(True, caveat="Chosen on the test side."), row(False)]
    assert cells(results, *rows)[0] == "linear probe [1]"
    assert "\n[1] Chosen on the test side.\n" in results.page(rows, [], "")


def test_there_is_a_gain_only_where_both_sides_tested_the_same_clips(results: Any) -> None:
    assert cells(results, row(True), row(False))[4] == "+25.0"
    assert cells(results, row(True, num_test=38, num_test_left_out=2), row(False))[4] == ""


def test_clips_that_were_left_out_are_shown(results: Any) -> None:
    rows = [row(True, num_test=38, num_test_left_out=2), row(False)]
    assert cells(results, *rows)[2:4] == ["75.0 (38 of 40 test clips)", "50.0"]
    assert "## own, subject 1 train, 2 test, 40 test clips\n" in results.page(rows, [], "")


def test_a_run_is_added_with_its_left_out_clips_and_keeps_the_caveat(
    results: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "DATA", tmp_path / "results.json")
    old = row(True, caveat="Chosen on the test side.", recipe_at_commit="recipes/own/old.yaml")
    results.DATA.write_text(json.dumps([old]), encoding="utf-8")
    names = ("protocol", "setting", "label_fraction", "pretrained", "num_train", "seconds")
    result = {name: old[name] for name in names} | {"seed": 0, "top1": 0.5, "num_test": 38, "best_params": {}}
    run = {
        "recipe": {
            "data": {"stream": "joint", "evaluate": {"store": "stores/own"}},
            "method": {"kind": "joint_patch"},
        },
        "split": {"kind": "tag", "tag": "subject", "train": ["1"], "test": ["2"]},
        "empty_clips": {"train": 0, "test": 2},
        "results": [result],
    }
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_text(json.dumps(run), encoding="utf-8")
    results.add(tmp_path / "run", RECIPE, "a CPU", "ccc3333", "")
    (added,) = json.loads(results.DATA.read_text(encoding="utf-8"))
    assert (added["num_test"], added["num_test_left_out"]) == (38, 2)
    assert (added["commit"], added["caveat"]) == ("ccc3333", "Chosen on the test side.")
    assert "recipe_at_commit" not in added


def test_the_page_is_up_to_date(results: Any) -> None:
    rows, ablations = (json.loads(path.read_text(encoding="utf-8")) for path in (results.DATA, results.ABLATIONS))
    expected = results.page(rows, ablations, results.TEMPLATE.read_text(encoding="utf-8"))
    assert results.PAGE.read_text(encoding="utf-8") == expected


def test_copies_and_precision_are_in_the_cell(results: Any) -> None:
    copied = row(True, mean_without_copies=71.25)
    assert cells(results, copied)[2] == "71.2 / 75.0"
    retrieved = row(True, protocol="retrieval", metrics={"map": 0.4567, "map_chance": 0.1})
    assert cells(results, retrieved)[:3] == ["retrieval", "100% (30 clips)", "75.0, mAP 45.7"]


def test_a_robustness_curve_has_one_row(results: Any) -> None:
    metrics = {"noise": 0.5, "lost_joints": 0.25, "mean_top1": 0.375}
    rows = [
        row(True, protocol="robustness", setting="clean joints", metrics=metrics),
        row(True, protocol="robustness", setting="noise=0.01 joints", mean=50.0),
        row(False, protocol="robustness", setting="clean", metrics={"noise": 0.1, "mean_top1": 0.1}),
    ]
    table = [line for line in results.page(rows, [], "").splitlines() if line.startswith("| ")]
    assert table[1] == "| probe | encoder | clean | noise | lost joints | mean | recipe | commit | date |"
    assert table[2].startswith("| joints | pre-trained | 75.0 | 50.0 | 25.0 | 37.5 |")
    assert table[3].startswith("| mean | from scratch | 50.0 | 10.0 |  | 10.0 |")
    assert len(table) == 4


def test_curves_have_the_accuracy_without_copies_first(results: Any) -> None:
    def level(setting: str, mean: float, without: float, **fields: Any) -> dict[str, Any]:
        return row(True, setting=setting, mean=mean, mean_without_copies=without, **fields)

    metrics = {"noise": 0.5, "frame_rate": 0.3, "mean_top1": 0.4}
    rows = [
        level("clean", 75.0, 70.0, protocol="robustness", metrics=metrics),
        level("noise=0.01", 60.0, 50.0, protocol="robustness"),
        level("noise=0.02", 40.0, 20.0, protocol="robustness"),
        level("frame_rate=1/2", 30.0, 25.0, protocol="robustness"),
        level("noise=0.01 joints", 99.0, 99.0, protocol="robustness"),  # of another probe
        level("first=0.5", 40.0, 33.0, protocol="early"),
    ]
    page = results.page(rows, [], "")
    assert "| mean | pre-trained | 70.0 / 75.0 | 35.0 / 50.0 | 25.0 / 30.0 | 30.0 / 40.0 |" in page
    assert "| mean | pre-trained | 33.0 / 40.0 |" in page


def test_an_early_curve_has_one_row(results: Any) -> None:
    shares = {"first=0.1": 20.0, "first=0.5": 40.0, "first=1": 75.0}
    rows = [row(True, protocol="early", setting=setting, mean=mean) for setting, mean in shares.items()]
    rows += [row(True, protocol="early", setting="first=0.5 unstretched lbfgs", mean=30.0)]
    table = [line for line in results.page(rows, [], "").splitlines() if line.startswith("| ")]
    assert table[1] == "| probe | encoder | 10 % | 50 % | 100 % | recipe | commit | date |"
    assert table[2].startswith("| mean | pre-trained | 20.0 | 40.0 | 75.0 |")
    assert table[3].startswith("| unstretched lbfgs | pre-trained |  | 30.0 |  |")


def test_rows_of_a_run_with_copies_metrics_and_streams(results: Any, tmp_path: Path) -> None:
    run = {
        "recipe": {
            "data": {"stream": "joint", "evaluate": {"store": "stores/own"}},
            "method": {"kind": "joint_patch"},
        },
        "split": {"kind": "tag", "tag": "subject", "train": ["1"], "test": ["2"]},
        "ensemble": {"members": [{"stream": "joint"}, {"stream": "bone"}]},
        "results": [
            {
                "protocol": "finetune", "setting": "", "label_fraction": 1.0, "pretrained": True, "num_train": 30,
                "num_test": 40, "seconds": 1, "seed": seed, "top1": 0.5, "best_params": {},
                "top1_without_copies": 0.25 + seed / 10, "metrics": {"map": 0.5 + seed / 10},
            }
            for seed in (0, 1)
        ],
    }  # fmt: skip
    (tmp_path / "results.json").write_text(json.dumps(run), encoding="utf-8")
    (made,) = results.rows_of(tmp_path, RECIPE, "a CPU", "abc", "")
    assert made["stream"] == "joint + bone"
    assert made["mean_without_copies"] == 30.0
    assert made["metrics"] == {"map": 0.55}


def test_the_folds_of_a_split_share_a_row(results: Any) -> None:
    folds = [
        row(pretrained, recipe=f"{RECIPE} data.evaluate.split=fold{number}", split=f"pair {number}", mean=mean)
        for pretrained, means in ((True, (80.0, 90.0)), (False, (50.0, 70.0)))
        for number, mean in enumerate(means, start=1)
    ]
    assert cells(results, *folds)[:6] == [
        "linear probe", "100% (30 clips)", "85.0 ± 7.1 (2 folds)", "60.0 ± 14.1 (2 folds)", "+25.0 ± 7.1", f"`{RECIPE}`",
    ]  # fmt: skip
    assert "## own, 2 folds by pair, 80 test clips\n" in results.page(folds, [], "")


def test_tables_of_benchmarks_say_which_goals_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    tables = importlib.import_module("benchmark_tables")

    def mean(value: float, error: float = 0.01) -> dict[str, float]:
        return {"mean": value, "se": error, "low": value - 2 * error, "high": value + 2 * error}

    shares = {
        "both_at_95": 0.97,
        "limits": 0.96,
        "limits_all": 0.97,
        "softmax_limits_at_95": 0.5,
        "softmax_at_95": 0.1,
    }
    kind = {name: mean(value) for name, value in (shares | {"both_auroc": 0.79, "softmax_auroc": 0.5}).items()}
    known = {"accuracy": mean(0.8), "ece": mean(0.04, 0.001), "ece_floor": mean(0.03), "answered": mean(0.9)}
    row = {"store": "own", "num_test": 400, "num_draws": 5, "num_open_draws": 20, "known": known}
    row |= dict.fromkeys([*tables.REFUSED, tables.LEFT_OUT], kind)
    about = {"date": "2026-01-01", "commit": "aaa1111", "processor": "a CPU", "encoder": "tiny"}
    (tmp_path / "doubt.json").write_text(json.dumps({**about, "rows": [row]}), encoding="utf-8")
    page = tables.insert_tables("before\n<!-- table: doubt -->\nafter", tmp_path)
    lines = page.splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "| own | white noise | 99% | 97.0% | 97.0% | 50.0% | 10.0% | 0.790 | 0.500 | **missed** |" in lines
    assert "| own | upside down | 95% | 97.0% | 97.0% | 50.0% | 10.0% | 0.790 | 0.500 | reached |" in lines
    left_out = (
        "| own | classes left out | AUROC 0.80 | 97.0% | 97.0% | 50.0% | 10.0% | 0.790 ± 0.010 | 0.500 ± 0.010 |"
    )
    assert f"{left_out} undecided |" in lines
    assert "| own | 80.0 ± 1.0 % | 0.040 ± 0.001 | 0.030 | reached | 90.0 ± 1.0 % | **missed** |" in lines
    assert "commit aaa1111" in lines[-2]


def test_the_page_has_the_numbers_of_the_files(results: Any) -> None:
    rows, ablations = (json.loads(path.read_text(encoding="utf-8")) for path in (results.DATA, results.ABLATIONS))
    page = results.page(rows, ablations, results.TEMPLATE.read_text(encoding="utf-8"))
    assert page == results.PAGE.read_text(encoding="utf-8"), "run python docs/results.py write"
    assert "<!-- table" not in page


def test_every_protocol_has_a_place_on_the_page(results: Any) -> None:
    from skeletonmae.evaluation import CURVES, PROTOCOLS

    settings = {"robustness": "clean", "early": "first=0.5"}
    metrics = {"robustness": {"mean_top1": 0.5}}
    rows = [
        row(True, protocol=kind, setting=settings.get(kind, ""), metrics=metrics.get(kind, {}))
        for kind in PROTOCOLS
    ]
    page = results.page(sorted(rows, key=results._order), [], "")
    lines = [line for line in page.splitlines() if RECIPE in line and line[0] == "|"]
    assert len(lines) == len(PROTOCOLS)
    assert {"robustness", "early"} == CURVES
    shown = [line.strip("| ").split(" |")[0] for line in lines]
    assert shown[: -len(CURVES)] == [results.TITLES.get(kind, kind) for kind in PROTOCOLS if kind not in CURVES]


def test_accuracy_over_the_classes_and_cost_are_on_the_page_where_they_were_recorded(
    results: Any, tmp_path: Path
) -> None:
    assert "macro F1" not in results.page([row(True)], [], "")
    about = {"mean_class_accuracy": 71.26, "macro_f1": 70.04}
    cost = {"parameters": 1_500_000, "flops_per_clip": 2.5e8, "clips_per_second": 31.4}
    page = results.page([row(True, **about, cost=cost), row(False)], [], "")
    assert f"| linear 100% | pre-trained | 75.0 | 71.3 | 70.0 | 1.50 M | 0.25 | 31 | `{RECIPE}` |" in page
    written = {"top1": 0.75, "mean_class_accuracy": 0.7126, "macro_f1": 0.7004}
    made = results.optional_numbers([written, written], cost | {"num_clips": 64, "peak_memory_bytes": None})
    assert made == about | {"cost": cost}
    assert results.optional_numbers([{"top1": 0.75}], None) == {}


def test_a_caveat_is_marked_in_the_rows_of_curves_too(results: Any) -> None:
    about = {"protocol": "robustness", "metrics": {"mean_top1": 0.5}, "caveat": "Looked at before."}
    page = results.page([row(True, setting="clean parts", **about)], [], "")
    assert "| parts [1] | pre-trained |" in page
    assert "[1] Looked at before." in page
