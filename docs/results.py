"""Maintain docs/results.json and write docs/results.md from it.

`add` takes the results of a run into docs/results.json; `write` only writes the page, with tables of benchmarks
where docs/results.template.md has a mark such as `<!-- table: doubt -->`. Two keys of a row are
written by hand: `caveat`, a sentence below the table, and `recipe_at_commit`, the path of the recipe at the commit
of the run if it was another.

python docs/results.py add runs/nw_ucla --recipe recipes/nw_ucla/mamp.yaml
python docs/results.py write
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import re
import statistics
import subprocess
from pathlib import Path
from typing import Any

from benchmark_tables import insert_tables
from result_costs import class_and_cost_table, optional_numbers
from result_curves import early_table, robustness_table

from skeletonmae.evaluation import CURVES, PROTOCOLS

DOCS = Path(__file__).parent
DATA = DOCS / "results.json"
PAGE = DOCS / "results.md"
TEMPLATE = DOCS / "results.template.md"
ABLATIONS = DOCS / "ablations.json"
KEY = ("set", "split", "protocol", "setting", "method", "stream", "label_fraction", "pretrained", "recipe")
DEVICE = f"{platform.machine()} CPU"
TITLES = {"linear": "linear probe", "knn": "nearest neighbors", "finetune": "fine-tuned", "few_shot": "few-shot"}
"""Protocol -> its name in the tables, where that is another one."""
FOLD = re.compile(r" data\.evaluate\.split=fold(\d+)")
"""Override of a recipe that selects a fold of its split."""
INTRODUCTION = """\
<!-- docs/results.py writes the tables from docs/results.json; the text below them is docs/results.template.md. -->
# Results

Top-1 accuracy in percent on the test side of the split, after the last epoch. `±` is the standard deviation over
seeds: each seed has its own label subset, order of clips, crops and head, and from scratch also its own encoder;
there is one pre-training. The deviation of a gain is over the differences of the individual seeds. A gain is given
only where both networks were tested on the same clips. Where test clips are exact copies of training clips, the
first number is without them, and the second is the usual one, with them. `mAP` is the mean average precision.
Where a split has folds, the numbers are the mean and the standard deviation over the folds, and the number of
labeled clips is that of a fold.

Two commits or dates in a row are those of the pre-trained network and of the one from scratch. A recipe is named
by its present path; if it had another path at the commit of the run, that path is given below the table.
"""


def rows_of(run: Path, recipe: str, device: str, commit: str, note: str) -> list[dict[str, Any]]:
    """Return one row for each protocol, setting and label fraction of a run's results.json, over its seeds."""
    run_results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    if not run_results.get("complete", True):  # older files were only written at the end
        raise SystemExit(f"{run / 'results.json'}: the evaluation was stopped; run it again to finish it")
    data, method = run_results["recipe"]["data"], run_results["recipe"]["method"]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for result in run_results["results"]:
        key = (result["protocol"], result["setting"], result["label_fraction"], result["pretrained"])
        groups.setdefault(key, []).append(result)
    return [
        {
            "set": Path(data["evaluate"]["store"]).name,
            "split": _describe_split(run_results["split"]),
            "protocol": protocol,
            "setting": setting,
            "method": method["kind"],
            "stream": _stream(run_results),
            "label_fraction": label_fraction,
            "pretrained": pretrained,
            "recipe": recipe,
            "seeds": [result["seed"] for result in group],
            "top1": [round(100 * result["top1"], 2) for result in group],
            "mean": round(100 * statistics.fmean(result["top1"] for result in group), 2),
            "spread": round(100 * statistics.stdev([r["top1"] for r in group]), 2) if len(group) > 1 else None,
            "num_train": group[0]["num_train"],
            "num_test": group[0]["num_test"],
            "num_test_left_out": run_results.get("empty_clips", {}).get("test", 0),
            **_optional(group),
            **optional_numbers(group, run_results.get("cost")),
            **{key: run_results[key] for key in ("weights_digest", "store_fingerprint") if run_results.get(key)},
            "best_params": [result["best_params"] for result in group],
            "commit": commit,
            "device": device,
            "seconds": round(sum(result["seconds"] for result in group)),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "note": note,
        }
        for (protocol, setting, label_fraction, pretrained), group in groups.items()
    ]


def _stream(run_results: dict[str, Any]) -> str:
    """The stream of a run; those of the members for an ensemble."""
    if "ensemble" in run_results:
        return " + ".join(member["stream"] for member in run_results["ensemble"]["members"])
    return str(run_results["recipe"]["data"]["stream"])


def _optional(group: list[dict[str, Any]]) -> dict[str, Any]:
    """Keys of a row that not every result has: the mean accuracy without copies, and means of other metrics."""
    row: dict[str, Any] = {}
    without_copies = [result.get("top1_without_copies") for result in group]
    if None not in without_copies:
        row["mean_without_copies"] = round(100 * statistics.fmean(without_copies), 2)
    if metrics := group[0].get("metrics"):
        row["metrics"] = {
            name: round(statistics.fmean(result["metrics"][name] for result in group), 4) for name in metrics
        }
    return row


def add(run: Path, recipe: str, device: str, commit: str, note: str) -> None:
    """Add the rows of a run to docs/results.json, in place of older rows with the same key."""
    new_rows = rows_of(run, recipe, device, commit, note)
    new_keys = {tuple(row[key] for key in KEY) for row in new_rows}
    old_rows = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else []
    caveats = {tuple(row[key] for key in KEY): row["caveat"] for row in old_rows if "caveat" in row}
    for row in new_rows:  # a caveat is about the settings, and does not go away when they are run again
        if caveat := caveats.get(tuple(row[key] for key in KEY)):
            row["caveat"] = caveat
    rows = [row for row in old_rows if tuple(row[key] for key in KEY) not in new_keys] + new_rows
    DATA.write_text(json.dumps(sorted(rows, key=_order), indent=1) + "\n", encoding="utf-8")


def page(rows: list[dict[str, Any]], ablations: list[dict[str, Any]], text: str) -> str:
    """Return the page: a table for each set, the table of ablations, and `text`."""
    lines, rows = [INTRODUCTION], merge_folds(rows)
    for name in dict.fromkeys(row["set"] for row in rows):
        lines += _set_table([row for row in rows if row["set"] == name])
    return "\n".join([*lines, *_ablation_table(ablations)]) + "\n" + insert_tables(text)


def merge_folds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows, with one for all folds of a split in place of a row for each."""
    folds: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for number, row in enumerate(rows):
        recipe = FOLD.sub("", row["recipe"])
        names = [row[name] for name in KEY if name not in ("split", "recipe")]
        key = (*names, recipe) if recipe != row["recipe"] else (number,)
        folds.setdefault(key, []).append(row)
    return [_over_folds(group) if FOLD.search(group[0]["recipe"]) else group[0] for group in folds.values()]


def _over_folds(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a split with folds: `seeds` are the numbers of the folds, `num_train` counts all clips."""
    first, means = rows[0], [row["mean"] for row in rows]
    return {
        **first,
        "recipe": FOLD.sub("", first["recipe"]),
        "split": f"{len(rows)} folds by {first['split'].split()[0]}",
        "folds": len(rows),
        "seeds": [int(FOLD.findall(row["recipe"])[0]) for row in rows],
        "top1": means,
        "mean": statistics.fmean(means),
        "spread": statistics.stdev(means) if len(means) > 1 else None,
        "num_train": round(statistics.fmean(row["num_train"] for row in rows)),
        "num_test": sum(row["num_test"] for row in rows),
        "num_test_left_out": sum(row.get("num_test_left_out", 0) for row in rows),
    }


def _set_table(rows: list[dict[str, Any]]) -> list[str]:
    first = rows[0]
    lines = [f"## {first['set']}, {first['split']}, {_num_clips(first)} test clips", ""]
    lines += ["| protocol | labels | pre-trained | same network from scratch | gain | recipe | commit | date |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    pairs: dict[tuple[Any, ...], dict[bool, dict[str, Any]]] = {}
    for row in rows:
        if row["protocol"] in CURVES:  # they have tables of their own
            continue
        key = (row["recipe"], row["stream"], row["protocol"], row["setting"], row["label_fraction"])
        pairs.setdefault(key, {})[row["pretrained"]] = row
    caveats = list(dict.fromkeys(row["caveat"] for row in rows if "caveat" in row))
    for (recipe, stream, protocol, setting, label_fraction), pair in pairs.items():
        present = [pair[pretrained] for pretrained in (True, False) if pretrained in pair]
        gain = _gain(*present) if len(present) == 2 else ""
        names = [TITLES.get(protocol, protocol), setting, f"({stream})" if stream != "joint" else ""]
        own_caveats = dict.fromkeys(row["caveat"] for row in present if "caveat" in row)
        names += [f"[{caveats.index(text) + 1}]" for text in own_caveats]
        labels = f"{label_fraction:.0%} ({present[0]['num_train']} clips)"
        cells = [" ".join(filter(None, names)), labels, _cell(pair.get(True)), _cell(pair.get(False)), gain]
        cells += [f"`{recipe}`"]
        cells += [" / ".join(dict.fromkeys(row[key] for row in present)) for key in ("commit", "date")]
        lines += [f"| {' | '.join(cells)} |"]
    notes = [f"[{number}] {text}" for number, text in enumerate(caveats, 1)]
    notes += dict.fromkeys(
        f"At {row['commit']}, `{row['recipe']}` was called `{row['recipe_at_commit']}`."
        for row in rows
        if "recipe_at_commit" in row
    )
    lines += [line for note in notes for line in ("", note)]
    lines += robustness_table(rows, caveats) + early_table(rows, caveats) + class_and_cost_table(rows)
    return [*lines, "", f"Device: {'; '.join(dict.fromkeys(row['device'] for row in rows))}.", ""]


def _ablation_table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    first = rows[0]
    lines = [f"## Ablations on {first['set']}, `{first['recipe']}`", ""]
    lines += ["| what | value | setting | fine-tuned | against the first row |", "|---|---|---|---|---|"]
    for row in rows:
        gain = _gain(row, first) if row is not first else ""
        setting = f"`{row['note']}`" if row["note"] else ""
        lines += [f"| {row['what']} | {row['to']} | {setting} | {_cell(row)} | {gain} |"]
    return [*lines, "", f"Device: {first['device']}; commit {first['commit']}, {first['date']}.", ""]


def head() -> str:
    """Return the commit of the checkout."""
    call = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()


def _describe_split(split: dict[str, Any]) -> str:
    if split["kind"] == "tag" and split["train"] == ["train"]:
        return f"the split that came with it, `{split['tag']}`"
    if split["kind"] == "tag":
        return f"{split['tag']} {', '.join(split['train'])} train, {', '.join(split['test'])} test"
    return f"{split['test_size']:.0%} of the {split.get('group_by', 'recording')}s test"


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    text = f"{row['mean_without_copies']:.1f} / " if "mean_without_copies" in row else ""
    text += f"{row['mean']:.1f}"
    if row["spread"] is not None:
        text += f" ± {row['spread']:.1f} ({len(row['seeds'])} {'folds' if 'folds' in row else 'seeds'})"
    if row.get("num_test_left_out", 0):
        text += f" ({row['num_test']} of {_num_clips(row)} test clips)"
    if "map" in row.get("metrics", {}):
        text += f", mAP {100 * row['metrics']['map']:.1f}"
    return text


def _num_clips(row: dict[str, Any]) -> int:
    """Number of clips of the test side, with those that were left out. Old rows left none out."""
    num_test, num_left_out = row["num_test"], row.get("num_test_left_out", 0)
    return int(num_test + num_left_out)


def _gain(row: dict[str, Any], baseline: dict[str, Any]) -> str:
    """Mean difference; with its deviation if both have the same seeds, and so the same label subsets.

    Empty if the two were tested on different clips: a pre-trained model may know fewer joints than the store has,
    so that more clips are empty for it than from scratch. The clips are the same if their number is.
    """
    if row["num_test"] != baseline["num_test"]:
        return ""
    mean = f"{row['mean'] - baseline['mean']:+.1f}"
    if row["seeds"] != baseline["seeds"] or len(row["seeds"]) < 2:
        return mean
    return f"{mean} ± {statistics.stdev(a - b for a, b in zip(row['top1'], baseline['top1'], strict=True)):.1f}"


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    protocol = list(PROTOCOLS).index(row["protocol"])
    fraction = -row["label_fraction"]
    return (row["set"], row["recipe"], row["stream"], protocol, row["setting"], fraction, not row["pretrained"])


def main() -> None:
    """Add a run if asked to, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", help="take the results of a run into docs/results.json")
    adding.add_argument("run", type=Path, help="folder with a results.json that `skeletonmae evaluate` wrote")
    adding.add_argument("--recipe", required=True, help="path of the recipe in the repository")
    adding.add_argument("--device", default=DEVICE, help="description of the device of the run")
    adding.add_argument("--commit", help="commit of the code of the run; by default that of the checkout")
    adding.add_argument("--note", default="", help="settings that differ from those of the recipe")
    commands.add_parser("write", help="write docs/results.md")
    arguments = parser.parse_args()
    if arguments.command == "add":
        add(arguments.run, arguments.recipe, arguments.device, arguments.commit or head(), arguments.note)
    rows = json.loads(DATA.read_text(encoding="utf-8"))
    ablations = json.loads(ABLATIONS.read_text(encoding="utf-8")) if ABLATIONS.exists() else []
    PAGE.write_text(page(rows, ablations, TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
