"""A series of runs: order, failures, and going on where it stopped."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def series(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("series")


def write(path: Path, **content: Any) -> Path:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_job_inherits_the_settings_of_the_series(series: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.yaml",
        recipe="r.yaml",
        overrides=["a=1"],
        evaluate=[{"name": "x", "overrides": ["c=3"]}, {"name": "y", "recipe": "other.yaml"}],
        jobs=[{"name": "first", "overrides": ["b=2"]}, {"name": "second", "start": "first", "pretrain": False}],
    )
    first, second = series.read_series(path)
    assert (first["recipe"], first["overrides"], first["pretrain"]) == ("r.yaml", ["a=1", "b=2"], True)
    x, y = first["evaluate"]
    assert (x["recipe"], x["overrides"]) == ("r.yaml", ["a=1", "b=2", "c=3"])
    assert (y["recipe"], y["overrides"]) == ("other.yaml", [])  # the settings of a recipe are not those of another
    assert (second["start"], second["pretrain"]) == ("first", False)


def test_another_file_beside_the_model_can_be_evaluated(series: Any, tiny_tree: Any, tmp_path: Path) -> None:
    recipe = {**tiny_tree(ema_decay=0.8), "evaluation": [{"kind": "knn", "k": [1]}]}
    path = write(
        tmp_path / "s.yaml",
        recipe=str(write(tmp_path / "r.yaml", **recipe)),
        evaluate=[{"name": "ema"}, {"name": "last", "checkpoint": "model-last.safetensors"}],
        jobs=[{"name": "a"}],
    )
    series.run_job(series.read_series(path)[0], tmp_path, "cpu")
    for name, weights in (("ema", "ema"), ("last", "model")):
        assert json.loads((tmp_path / "a" / name / "results.json").read_text())["weights"] == weights


@pytest.mark.parametrize(
    ("jobs", "message"),
    [
        ([{"name": "a"}, {"name": "a"}], "two jobs are named 'a'"),
        ([{"name": "a", "start": "b"}, {"name": "b"}], "no earlier job"),
    ],
)
def test_a_series_that_cannot_be_run_is_refused(series: Any, tmp_path: Path, jobs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        series.read_series(write(tmp_path / "s.yaml", recipe="r.yaml", jobs=jobs))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", r"s\.yaml: not YAML"),
        ("[]", r"s\.yaml: expected a mapping with recipe, overrides, evaluate, jobs, baseline; got \[\]"),
        ("recipe: r.yaml", r"s\.yaml: jobs is missing"),
        ("{recipe: r.yaml, jobs: [], job: 1}", r"there is no setting job; known here: recipe, overrides"),
        ("{recipe: r.yaml, jobs: {a: 1}}", r"jobs must be a list"),
        ("{recipe: r.yaml, jobs: [{overrides: []}]}", r"jobs\.0: name is missing"),
        ("{recipe: r.yaml, jobs: [{name: a, override: []}]}", r"jobs\.0: there is no setting override"),
        ("{recipe: r.yaml, jobs: [{name: a, evaluate: [{k: 1}]}]}", r"'a': evaluate\.0: there is no setting k"),
        ("{recipe: r.yaml, jobs: [{name: ../a}]}", r"must be a plain file name; got '\.\./a'"),
        ("{recipe: r.yaml, jobs: [{name: a, evaluate: [{name: /x}]}]}", r"plain file name; got '/x'"),
        ("{recipe: r.yaml, jobs: [{name: ''}]}", r"plain file name; got ''"),
        ("{jobs: [{name: a}]}", r"job 'a': recipe is missing"),
    ],
)
def test_a_mistake_in_a_series_is_named(series: Any, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        series.read_series(tmp_path / "s.yaml")
    with pytest.raises(ValueError, match=r"none\.yaml: there is no such series"):
        series.read_series(tmp_path / "none.yaml")


@pytest.mark.parametrize("content", ["", '{"name": ', "[]", "null", "{}"])
def test_a_job_with_a_damaged_file_is_not_finished(series: Any, tmp_path: Path, content: str) -> None:
    (tmp_path / "job.json").write_text(content, encoding="utf-8")
    assert series._finished(tmp_path) is None
    (tmp_path / "job.json").write_text('{"evaluations": {}}', encoding="utf-8")
    assert series._finished(tmp_path) == {"evaluations": {}}


def test_failures_are_recorded_and_finished_jobs_are_not_run_again(
    series: Any, tiny_tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = {**tiny_tree(), "evaluation": [{"kind": "knn", "k": [1]}]}
    path = write(
        tmp_path / "s.yaml",
        baseline="only_evaluated",
        recipe=str(write(tmp_path / "r.yaml", **recipe)),
        jobs=[
            {"name": "good"},
            {"name": "bad", "overrides": ["method.width=17"]},
            {"name": "after_bad", "start": "bad", "pretrain": False},
            {"name": "only_evaluated", "start": "good", "pretrain": False},
            {"name": "further", "start": "good", "overrides": ["training.epochs=1"]},
        ],
    )
    jobs, runs = series.read_series(path), tmp_path / "runs"
    rows = series.run_series(jobs, runs, "cpu", 1, 300, series.read_baseline(path))
    *printed, last = capsys.readouterr().out.splitlines()
    same = "good: evaluation knn k=1: +0.0 (+0.0 to +0.0), noise, against only_evaluated"
    assert [line.strip() for line in printed if "good: evaluation" in line] == [same]
    assert any("further: evaluation knn k=1: " in line for line in printed)
    assert last == "3 of 5 jobs are finished; 2 failed: bad, after_bad"
    assert "17" in rows["bad"]["error"]
    assert "'bad'" in rows["after_bad"]["error"]
    (result,) = rows["good"]["evaluations"]["evaluation"]["results"]
    assert rows["only_evaluated"]["evaluations"]["evaluation"]["results"][0]["top1"] == result["top1"]
    started = yaml.safe_load((runs / "further" / "recipe.yaml").read_text())["init_from"]
    assert started == str(runs / "good" / "model.safetensors")
    assert json.loads((runs / "series.json").read_text())["jobs"] == rows
    written = (runs / "good" / "model.safetensors").stat().st_mtime_ns
    again = series.run_series([jobs[0]], runs, "cpu", workers=1, seconds=300)
    assert again["good"] == rows["good"]
    assert (runs / "good" / "model.safetensors").stat().st_mtime_ns == written


def test_a_job_runs_again_if_its_recipe_or_the_job_it_starts_from_has_changed(
    series: Any, tiny_tree: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = {**tiny_tree(), "evaluation": [{"kind": "knn", "k": [1]}]}
    edited, other = (write(tmp_path / name, **tree) for name in ("edited.yaml", "other.yaml"))
    jobs = [
        {"name": "first", "recipe": str(edited)},
        {"name": "child", "recipe": str(other), "start": "first", "pretrain": False},
    ]

    def run(commit: str) -> list[dict[str, Any]]:
        monkeypatch.setenv("COMMIT", commit)
        return [series.run_job(job, tmp_path, "cpu") for job in series.read_series(path)]

    path = write(tmp_path / "s.yaml", jobs=jobs)
    rows = run("one")
    assert run("two") == rows
    assert [row["commit"] for row in rows] == ["one", "one"]
    tree["training"]["seed"] = 5
    write(edited, **tree)
    again = run("three")
    assert [row["commit"] for row in again] == ["three", "three"]  # the recipe of the child is the same
    assert again[0]["inputs"]["recipe"]["training"]["seed"] == 5
    assert yaml.safe_load((tmp_path / "first" / "recipe.yaml").read_text())["training"]["seed"] == 5
    assert json.loads((tmp_path / "first.old" / "job.json").read_text()) == rows[0]


def test_a_series_stops_at_its_time(series: Any, tmp_path: Path) -> None:
    jobs = series.read_series(write(tmp_path / "s.yaml", recipe="r.yaml", jobs=[{"name": "late"}]))
    assert series.run_series(jobs, tmp_path / "runs", "cpu", workers=1, seconds=0) == {}
    assert json.loads((tmp_path / "runs" / "series.json").read_text())["not_finished"] == ["late"]


def test_the_page_merges_runs_and_averages_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    page = importlib.import_module("series_page")

    def row(accuracy: float) -> dict[str, Any]:
        result = {"protocol": "knn", "setting": "k=1", "top1": accuracy}
        return {"recipe": "r.yaml", "evaluations": {"camera1": {"results": [result]}}}

    facts = {"device": "d", "torch": "t", "commit": "c", "date": "2026-01-01"}
    first = {**facts, "jobs": {"b": row(0.9), "a-seed0": row(0.5), "failed": {"error": "..."}}}
    second = {**facts, "commit": "e", "jobs": {"a-seed1": row(0.6), "b": row(0.25)}}
    names = ["a-seed0", "a-seed1", "b", "failed"]
    jobs = page.merge({}, [first, second], names)
    assert list(jobs) == ["a-seed0", "a-seed1", "b"]
    assert jobs["b"]["commit"] == "e"
    text = page.page("title", "comment", jobs, names)
    assert "| a | 2 | 55.0 ± 7.1 |" in text
    assert "| b | 1 | 25.0 |" in text
    assert "Not run yet: failed." in text


def test_a_single_seed_differs_only_beyond_the_limit_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    single_seeds = importlib.import_module("series_page").single_seeds
    groups = {"base": [{"knn": 49.0}, {"knn": 50.0}, {"knn": 51.0}], "one": [{"knn": 54.9}]}  # 50 ± 1
    (line,) = single_seeds(groups)
    assert line.startswith("Against base (3 seeds, limit 5.0 x ±), no row with a single seed differs.")
    (line,) = single_seeds(groups | {"two": [{"knn": 44.9}]})
    assert "these rows with a single seed differ: two (knn)." in line
    assert single_seeds({"base": groups["base"]}) == single_seeds({"one": groups["one"]}) == []


def test_rows_with_several_seeds_are_compared_on_their_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    several_seeds = importlib.import_module("series_page").several_seeds

    def seeds(*values: float) -> list[dict[str, float]]:
        return [{"knn": value} for value in values]

    groups = {
        "base": seeds(49, 50, 51),
        "single": seeds(90),
        "other base": seeds(69, 70, 71),
        "near": seeds(70, 71, 72),
        "high": seeds(59, 60, 61),
        "mixed": seeds(90, 91),
    }
    gpu, cpu = {"gpu"}, {"cpu"}
    machines = {"base": gpu, "single": cpu, "other base": cpu, "near": cpu, "high": gpu, "mixed": gpu | cpu}
    rows = [line for line in several_seeds(groups, machines) if line.startswith("|")][2:]
    # Three seeds each, standard deviation 1: 2.776 x sqrt(2 / 3) = 2.3.
    assert rows == ["| near | other base | +1.0 ± 2.3 |", "| high | base | +10.0 ± 2.3, better |"]
    assert several_seeds({"base": groups["base"]}, machines) == []


@pytest.mark.parametrize("path", sorted((FOLDER / "series").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_committed_page_is_that_of_the_committed_results(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    page = importlib.import_module("series_page")
    jobs = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert path.with_suffix(".md").read_text(encoding="utf-8") == page.page_of(path, jobs)


def test_every_job_keeps_the_facts_of_its_own_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    page = importlib.import_module("series_page")
    facts = {"device": "d", "torch": "t", "commit": "c", "date": "2026-01-01"}
    rows = {"a": {**facts, "evaluations": {}}, "b": {**facts, "commit": "e", "evaluations": {}}}
    jobs = page.merge({}, [{"jobs": rows}], ["a", "b"])
    assert [job["commit"] for job in jobs.values()] == ["c", "e"]
    assert "Runs: d, torch t, commit c, 2026-01-01; d, torch t, commit e, 2026-01-01." in page.page(
        "", "", jobs, []
    )


def test_a_job_is_compared_with_the_baseline_of_its_seed(series: Any, tmp_path: Path) -> None:
    names = ["mamp-seed0", "mamp-seed1", "tube", "tube-seed1", "tube-seed2"]
    found = [series.baseline_of(name, "mamp", names) for name in names]
    assert found == [None, None, "mamp-seed0", "mamp-seed1", None]
    assert series.baseline_of("tube", "mamp", ["mamp"]) == "mamp"
    path = write(tmp_path / "s.yaml", recipe="r.yaml", baseline="mamp", jobs=[{"name": "tube-seed0"}])
    with pytest.raises(ValueError, match="baseline 'mamp' is no job; expected one of tube"):
        series.read_baseline(path)
    assert series.read_baseline(FOLDER / "series" / "nw_ucla_switches.yaml") == "mamp"


def test_the_moving_average_of_the_switches_is_evaluated_beside_the_last_weights(series: Any) -> None:
    jobs = {job["name"]: job for job in series.read_series(FOLDER / "series" / "nw_ucla_switches.yaml")}
    average, last = jobs["ema"]["evaluate"]
    assert average == jobs["mamp-seed0"]["evaluate"][0] | {"overrides": average["overrides"]}
    assert (last["name"], last["checkpoint"]) == ("last", "model-last.safetensors")
    assert last["overrides"] == average["overrides"] != []
