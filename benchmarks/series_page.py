"""Write the results of a series (see series.py) into a JSON file and a page beside its YAML file.

    python benchmarks/series_page.py benchmarks/series/nw_ucla_switches.yaml runs/switches/series.json ...

Several `series.json`, of runs on different machines, are merged; of a job that was run twice, the last is kept.
Without any, the page is written again from the JSON file that is there. The seeds of a job, `NAME-seed0`,
`NAME-seed1`, ..., share a row with their mean and standard deviation.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
from pathlib import Path
from typing import Any

import yaml
from scipy.stats import t, ttest_ind

FACTS = ("device", "torch", "commit", "date")
JOB_FIELDS = ("recipe", "overrides", "start", "pretrain_seconds")
NOTE = (
    "Top-1 accuracy in percent; ± is the standard deviation over seeds. The difference between one seed and the"
    " mean of n seeds has a standard deviation of ± x sqrt(1 + 1/n). Its 95 % limit, by Student's t with n - 1"
    " degrees of freedom, is about 5 x ± for 3 seeds."
)


def merge(kept: dict[str, Any], series: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """Return the finished jobs of all series by name, in the order of `names`, each with the facts of its run."""
    jobs = dict(kept)
    for content in series:
        for name, row in content["jobs"].items():
            if "evaluations" in row:
                short = {key: row[key] for key in JOB_FIELDS if row.get(key)}
                facts = {fact: row[fact] if fact in row else content[fact] for fact in FACTS}  # once of the whole
                jobs[name] = {**short, **facts, "evaluations": row["evaluations"]}
    return {name: jobs[name] for name in names if name in jobs}


def columns(job: dict[str, Any]) -> dict[str, float]:
    """Return the accuracy of every result of a job, by evaluation, protocol and setting."""
    first = next(iter(job["evaluations"]), "")
    return {
        " ".join(filter(None, (result["protocol"], result["setting"], f"({name})" if name != first else ""))): 100
        * result["top1"]
        for name, evaluation in job["evaluations"].items()
        for result in evaluation["results"]
    }


def single_seeds(groups: dict[str, list[dict[str, float]]]) -> list[str]:
    """Return which rows with one seed differ from the first row with several, by the 95 % limit in a column."""
    several = [name for name, group in groups.items() if len(group) > 1]
    single = {name: group[0] for name, group in groups.items() if len(group) == 1}
    if not several or not single:
        return []
    seeds = groups[several[0]]
    factor = float(t.ppf(0.975, len(seeds) - 1)) * math.sqrt(1 + 1 / len(seeds))
    differ = []
    for name, row in single.items():
        for head, value in row.items():
            values = [one[head] for one in seeds if head in one]
            if len(values) == len(seeds) and abs(value - statistics.mean(values)) > factor * statistics.stdev(
                values
            ):
                differ.append(f"{name} ({head})")
    which = (
        f"these rows with a single seed differ: {', '.join(differ)}"
        if differ
        else "no row with a single seed differs"
    )
    return [
        f"Against {several[0]} ({len(seeds)} seeds, limit {factor:.1f} x ±), {which}. To tell"
        " rows apart, several seeds of each are needed."
    ]


def several_seeds(groups: dict[str, list[dict[str, float]]], machines: dict[str, set[str]]) -> list[str]:
    """Return a table of the differences between rows with several seeds and the first such row of their machine.

    A difference has half of its 95 % interval by Welch's t test, over the seeds of both rows.

    Args:
        groups: The results of each seed, by row.
        machines: Devices and precisions of each row; rows of one machine are compared with each other, and a row
            whose seeds ran on several machines with none.
    """
    several = {name: group for name, group in groups.items() if len(group) > 1 and len(machines[name]) == 1}
    machine = {name: next(iter(machines[name])) for name in several}
    first = {machine[name]: name for name in reversed(several)}
    rows = [(name, first[machine[name]]) for name in several if first[machine[name]] != name]
    if not rows:
        return []
    heads = list(dict.fromkeys(head for name, _ in rows for values in several[name] for head in values))
    lines = [
        "Rows with several seeds, against the first one that ran on the same device in the same precision:",
        "",
    ]
    lines += ["| job | against | " + " | ".join(heads) + " |", "|---|---|" + "---:|" * len(heads)]
    for name, baseline in rows:
        cells = []
        for head in heads:
            ours, theirs = ([one[head] for one in several[each] if head in one] for each in (name, baseline))
            cells.append(_difference(ours, theirs) if min(len(ours), len(theirs)) > 1 else "")
        lines.append(f"| {name} | {baseline} | " + " | ".join(cells) + " |")
    return [*lines, "", "Without `better` or `worse`, a difference is noise."]


def _difference(ours: list[float], theirs: list[float]) -> str:
    mean = statistics.mean(ours) - statistics.mean(theirs)
    interval = ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    word = "" if interval.low <= 0 <= interval.high else ", better" if mean > 0 else ", worse"
    return f"{mean:+.1f} ± {(interval.high - interval.low) / 2:.1f}{word}"


def page(title: str, comment: str, jobs: dict[str, Any], names: list[str]) -> str:
    """Return the page: a row per job, or per group of seeds."""
    groups: dict[str, list[dict[str, float]]] = {}
    machines: dict[str, set[str]] = {}
    for name, job in jobs.items():
        row = re.sub(r"-seed\d+$", "", name)
        groups.setdefault(row, []).append(columns(job))
        precision = [each for each in job.get("overrides", ()) if each.startswith("training.precision=")]
        machines.setdefault(row, set()).add(" ".join([job["device"], *precision[-1:]]))
    heads = list(dict.fromkeys(head for group in groups.values() for values in group for head in values))
    lines = [f"# {title}", "", comment, "", NOTE, ""]
    lines += ["| job | seeds | " + " | ".join(heads) + " |", "|---|---:|" + "---:|" * len(heads)]
    for name, group in groups.items():
        cells = []
        for head in heads:
            values = [one[head] for one in group if head in one]
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{spread}" if values else "")
        lines.append(f"| {name} | {len(group)} | " + " | ".join(cells) + " |")
    lines += ["", *found] if (found := single_seeds(groups)) else []
    lines += ["", *found] if (found := several_seeds(groups, machines)) else []
    runs = sorted({tuple(job[fact] for fact in FACTS) for job in jobs.values()})
    lines += ["", "Runs: " + "; ".join(f"{d}, torch {t}, commit {c}, {date}" for d, t, c, date in runs) + "."]
    if missing := [name for name in names if name not in jobs]:
        lines += ["", f"Not run yet: {', '.join(missing)}."]
    return "\n".join([*lines, ""])


def job_names(series: Path) -> list[str]:
    """Return the names of the jobs of a series, in its order."""
    return [job["name"] for job in yaml.safe_load(series.read_text(encoding="utf-8"))["jobs"]]


def page_of(series: Path, jobs: dict[str, Any]) -> str:
    """Return the page of a series, with the comment at the beginning of its YAML file."""
    lines = series.read_text(encoding="utf-8").splitlines()
    comment = "\n".join(line[1:].strip() for line in lines if line.startswith("#"))
    return page(series.stem.replace("_", " "), comment, jobs, job_names(series))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=Path, help="YAML file of the series")
    parser.add_argument("results", type=Path, nargs="*", help="series.json of a run")
    arguments = parser.parse_args()
    stored = arguments.series.with_suffix(".json")
    kept = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    results = [json.loads(path.read_text(encoding="utf-8")) for path in arguments.results]
    jobs = merge(kept, results, job_names(arguments.series))
    stored.write_text(json.dumps(jobs, indent=1) + "\n", encoding="utf-8")
    arguments.series.with_suffix(".md").write_text(page_of(arguments.series, jobs), encoding="utf-8")


if __name__ == "__main__":
    main()
