"""Run a series of pre-trainings and evaluations, several at a time on one device, and collect their results.

    python benchmarks/series.py benchmarks/series/nw_ucla_switches.yaml --runs runs/switches --workers 2

A series is a YAML file. Its `jobs` are run in order, as soon as a worker is free:

    baseline: mamp                             # what jobs are compared with: mamp, mamp-seed1 and so on
    recipe: recipes/nw_ucla/mamp.yaml          # of all jobs, unless they name another
    overrides: [training.epochs=100]           # of all jobs, before their own
    evaluate:                                  # of all jobs: recipe and overrides of each evaluation
      - {name: camera1, overrides: ["data.evaluate.split=..."]}
      - {name: last, checkpoint: model-last.safetensors}  # another file beside the model; see training.ema_decay
    jobs:
      - {name: mamp}
      - {name: tube, overrides: ["masking={kind: tube}"]}
      - {name: scratch, start: scratch}        # evaluates fresh weights
      - {name: tuned, start: mamp, overrides: [...]}      # pre-trains further, from the model of an earlier job
      - {name: other_sets, start: mamp, pretrain: false}  # only evaluates the model of an earlier job

The folder `--runs` holds a folder per job, and `series.json`: the results of all finished jobs, and the error of
each that failed. A series that was stopped, or that reached `--seconds`, continues when the command is run again.
A finished job is kept as long as its complete recipes and the job that it starts from are the same; otherwise its
folder is renamed to `NAME.old`, and the job runs again. Every job says when and with which commit it was run.
The folder of an evaluation keeps the scores of the test clips (`scores-*.npz`). From them, a finished job is
compared with the baseline of the same seed; a verdict is about these two models, not about other trainings.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import multiprocessing
import re
import shutil
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from series_verdicts import SEED, baseline_of, verdicts

ROOT = Path(__file__).resolve().parents[1]
JOB = "job.json"
SERIES_KEYS = ("recipe", "overrides", "evaluate", "jobs", "baseline")
JOB_KEYS = ("name", "recipe", "overrides", "start", "pretrain", "evaluate")
EVALUATION_KEYS = ("name", "recipe", "checkpoint", "overrides")
RESULT_FIELDS = ("protocol", "setting", "label_fraction", "seed", "top1", "num_train", "num_test", "best_params")


def read_series(path: Path) -> list[dict[str, Any]]:
    """Return the jobs of a series, each with its complete settings.

    Raises:
        ValueError: There is no such file, or it is no series; a setting is unknown or missing; a name appears
            twice or is no plain file name; or a job starts from one that does not come before it.
    """
    series = _read_checked(path)
    common = series.get("overrides", [])
    jobs: list[dict[str, Any]] = []
    for job in series["jobs"]:
        names = [other["name"] for other in jobs]
        start = job.get("start")
        if job["name"] in names:
            raise ValueError(f"{path}: two jobs are named {job['name']!r}")
        if start not in (None, "scratch", *names):
            raise ValueError(f"{path}: job {job['name']!r} starts from {start!r}, which is no earlier job")
        recipe = job.get("recipe", series.get("recipe"))
        evaluations = job.get("evaluate", series.get("evaluate", [{}]))
        jobs.append(
            {
                "name": job["name"],
                "recipe": recipe,
                "overrides": [*common, *job.get("overrides", [])],
                "start": start,
                "pretrain": job.get("pretrain", start != "scratch"),
                "evaluate": [
                    {
                        "name": evaluation.get("name", "evaluation"),
                        "recipe": evaluation.get("recipe", recipe),
                        "checkpoint": evaluation.get("checkpoint", "model.safetensors"),
                        "overrides": [
                            *([] if "recipe" in evaluation else [*common, *job.get("overrides", [])]),
                            *evaluation.get("overrides", []),
                        ],
                    }
                    for evaluation in evaluations
                ],
            }
        )
    return jobs


def read_baseline(path: Path) -> str | None:
    """Return the name of the job that the others are compared with, without its seed; None if there is none.

    Raises:
        ValueError: The series has no such job.
    """
    series = _read_checked(path)
    baseline = series.get("baseline")
    names = [SEED.sub("", job["name"]) for job in series["jobs"]]
    if baseline is not None and baseline not in names:
        raise ValueError(
            f"{path}: baseline {baseline!r} is no job; expected one of {', '.join(dict.fromkeys(names))}"
        )
    return baseline


def _read_checked(path: Path) -> dict[str, Any]:
    """Return the content of a series in which no setting is unknown or missing."""
    if not path.is_file():
        raise ValueError(f"{path}: there is no such series")
    try:
        series = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not YAML ({error})") from error
    _check_keys(series, f"{path}", SERIES_KEYS, required=("jobs",))
    for part, key, keys in ((series, "jobs", JOB_KEYS), (series, "evaluate", EVALUATION_KEYS)):
        _check_list(part, f"{path}", key, keys)
    for job in series["jobs"]:
        where = f"{path}: job {job['name']!r}"
        _check_list(job, where, "evaluate", EVALUATION_KEYS)
        for evaluation in job.get("evaluate", series.get("evaluate", [])):
            if "recipe" not in {**series, **job, **evaluation}:
                raise ValueError(f"{where}: recipe is missing")
        if "recipe" not in {**series, **job}:
            raise ValueError(f"{where}: recipe is missing")
    return series


def _check_list(part: dict[str, Any], where: str, key: str, known: Sequence[str]) -> None:
    items = part.get(key, [])
    if not isinstance(items, list):
        raise ValueError(f"{where}: {key} must be a list; got {items!r}")
    for number, item in enumerate(items):
        _check_keys(item, f"{where}: {key}.{number}", known, required=("name",) if key == "jobs" else ())


def _check_keys(part: Any, where: str, known: Sequence[str], required: Sequence[str] = ()) -> None:
    if not isinstance(part, dict):
        raise ValueError(f"{where}: expected a mapping with {', '.join(known)}; got {part!r}")
    if unknown := [str(key) for key in part if key not in known]:
        raise ValueError(f"{where}: there is no setting {', '.join(unknown)}; known here: {', '.join(known)}")
    if missing := [key for key in required if key not in part]:
        raise ValueError(f"{where}: {', '.join(missing)} is missing")
    name = part.get("name", "name")
    if not isinstance(name, str) or not re.fullmatch(r"[\w=+,-][\w=+,. -]*", name):
        raise ValueError(f"{where}: a name must be a plain file name; got {name!r}")


def _finished(folder: Path) -> dict[str, Any] | None:
    """Return the row of a finished job; None if it has none, or a damaged one."""
    try:
        saved = json.loads((folder / JOB).read_bytes())
    except (OSError, ValueError):
        return None
    return saved if isinstance(saved, dict) and "evaluations" in saved else None


def job_inputs(job: dict[str, Any], runs: Path) -> dict[str, Any]:
    """Return what a job depends on: its settings, its complete recipes, and the job that it starts from."""
    from skeletonmae.recipe import read_recipe

    def resolved(part: dict[str, Any]) -> dict[str, Any]:
        return read_recipe(ROOT / part["recipe"], part["overrides"]).model_dump(mode="json")

    start = _start(job, runs)
    return {
        "job": job,
        "recipe": resolved(job) if job["pretrain"] else None,
        "evaluations": [resolved(evaluation) for evaluation in job["evaluate"]],
        "start_digest": hashlib.sha256((start / JOB).read_bytes()).hexdigest() if start else None,
    }


def _start(job: dict[str, Any], runs: Path) -> Path | None:
    """Return the folder of the job that a job starts from."""
    return None if job["start"] in (None, "scratch") else runs / job["start"]


def run_job(job: dict[str, Any], runs: Path, device: str) -> dict[str, Any]:
    """Pre-train and evaluate one job, in the folder `runs/<name>`; what is finished is not done again."""
    from skeletonmae.checkpoint import load_checkpoint
    from skeletonmae.memory import retain_freed_memory
    from skeletonmae.recipe import read_recipe
    from skeletonmae.runs import evaluate, pretrain
    from skeletonmae.training import init_distributed

    retain_freed_memory()
    folder, inputs = runs / job["name"], job_inputs(job, runs)
    if (saved := _finished(folder)) is not None:
        if saved.get("inputs") == inputs:
            return saved
        old = folder.with_name(folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    row = {**job, **facts(device)}
    start = _start(job, runs)
    model = start / "model.safetensors" if start else None
    with init_distributed(device) as distributed:
        if job["pretrain"]:
            init_from = [f"init_from={model}"] if model else []
            recipe = read_recipe(ROOT / job["recipe"], [*job["overrides"], *init_from])
            began = time.perf_counter()
            model = pretrain(recipe, folder, distributed)
            row["pretrain_seconds"] = round(time.perf_counter() - began, 1)
        row["evaluations"] = {}
        for evaluation in job["evaluate"]:
            began = time.perf_counter()
            recipe = read_recipe(ROOT / evaluation["recipe"], evaluation["overrides"])
            file = model.with_name(evaluation["checkpoint"]) if model else None
            checkpoint = load_checkpoint(file, distributed.device) if file else None
            results = evaluate(recipe, checkpoint, folder / evaluation["name"], distributed)
            row["evaluations"][evaluation["name"]] = {
                "seconds": round(time.perf_counter() - began, 1),
                "results": [_summary(result.model_dump(mode="json")) for result in results],
            }
    row["inputs"] = inputs
    _write(folder / JOB, row)
    return row


def _summary(result: dict[str, Any]) -> dict[str, Any]:
    """The fields of a result that a table needs; the rest is in the folder of the job."""
    starts = ("top1_", "macro", "mean_")
    return {name: value for name, value in result.items() if name in RESULT_FIELDS or name.startswith(starts)}


def run_series(
    jobs: list[dict[str, Any]],
    runs: Path,
    device: str,
    workers: int,
    seconds: float,
    baseline: str | None = None,
) -> dict[str, dict[str, Any]]:
    """Run the jobs, at most `workers` at a time, until all are finished or `seconds` have passed.

    A finished job is compared with the one of `baseline` that has its seed, as soon as both are finished.
    """
    began, rows = time.monotonic(), {}
    runs.mkdir(parents=True, exist_ok=True)
    pending, running = list(jobs), {}
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)
    try:
        while (pending or running) and time.monotonic() - began < seconds:
            for job in list(pending):
                start = job["start"] if job["start"] != "scratch" else None
                if start in rows and "error" in rows[start]:
                    rows[job["name"]] = {**job, "error": f"job {start!r}, from which this one starts, failed"}
                    pending.remove(job)
                elif len(running) < workers and (start is None or start in rows):
                    running[pool.submit(run_job, job, runs, device)] = job
                    pending.remove(job)
            done, _ = concurrent.futures.wait(running, timeout=1, return_when="FIRST_COMPLETED")
            for future in done:
                job = running.pop(future)
                error = future.exception()
                if error:
                    text = "".join(traceback.format_exception(error))
                    rows[job["name"]] = {**job, "error": text}
                else:
                    rows[job["name"]] = future.result()
                elapsed = time.monotonic() - began
                print(f"{elapsed:6.0f} s  {job['name']}: {_headline(rows[job['name']])}", flush=True)
                for line in _new_verdicts(job["name"], rows, runs, baseline):
                    print(f"{'':10}{line}", flush=True)
                _write(runs / "series.json", {"jobs": rows})
    finally:
        if pending or running:  # the time is over, or somebody has pressed Ctrl-C
            for process in multiprocessing.active_children():
                process.kill()
        pool.shutdown(wait=not (pending or running), cancel_futures=True)
    left = [job["name"] for job in [*running.values(), *pending]]
    failed = [name for name, row in rows.items() if "error" in row]
    ended = f"{len(rows) - len(failed)} of {len(jobs)} jobs are finished"
    ended += f"; {len(failed)} failed: {', '.join(failed)}" if failed else ""
    print(ended + (f"; not finished: {', '.join(left)}" if left else ""), flush=True)
    _write(runs / "series.json", {"jobs": rows, "not_finished": left})
    return rows


def _new_verdicts(name: str, rows: dict[str, dict[str, Any]], runs: Path, baseline: str | None) -> Iterator[str]:
    """Yield the comparisons that a job makes possible by being finished."""
    finished = [other for other, row in rows.items() if "error" not in row]
    for other in finished if baseline else ():
        first = baseline_of(other, baseline, finished)
        if first and name in (first, other):
            yield from (f"{other}: {line}" for line in verdicts(runs / other, runs / first))


def _headline(row: dict[str, Any]) -> str:
    if "error" in row:
        return "FAILED: " + row["error"].strip().splitlines()[-1]
    parts = [f"pre-trained in {row['pretrain_seconds']:.0f} s"] if "pretrain_seconds" in row else []
    for name, evaluation in row["evaluations"].items():
        values = [f"{r['protocol']} {r['setting']} {100 * r['top1']:.1f}" for r in evaluation["results"]]
        parts.append(f"{name} ({evaluation['seconds']:.0f} s): " + ", ".join(values))
    return "; ".join(parts)


def facts(device: str) -> dict[str, str]:
    """Return when, where and with what a job is run."""
    import torch
    from environment import facts as all_facts

    is_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    known = all_facts()
    name = torch.cuda.get_device_name(0) if is_gpu else known["processor"]
    return {"device": name} | {fact: known[fact] for fact in ("torch", "commit", "date")}


def _write(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=Path, help="YAML file with the jobs")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs and series.json")
    parser.add_argument("--workers", type=int, default=1, help="jobs that run at the same time")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    arguments = parser.parse_args()
    try:
        jobs, baseline = read_series(arguments.series), read_baseline(arguments.series)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    rows = run_series(jobs, arguments.runs, arguments.device, arguments.workers, arguments.seconds, baseline)
    raise SystemExit(any("error" in row for row in rows.values()))


if __name__ == "__main__":
    main()
