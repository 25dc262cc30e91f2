"""Keep results: `add` takes those of a run into docs/results.json, `write` makes docs/results.md of them.

python docs/results.py add runs/nw_ucla --recipe recipes/nw_ucla/mamp.yaml
python docs/results.py write
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
import subprocess
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
KEPT = DOCS / "results.json"
PAGE = DOCS / "results.md"
KEY = ("set", "split", "protocol", "setting", "method", "stream", "label_share", "pretrained", "recipe")
ABLATIONS = DOCS / "ablations.json"
DEVICE = f"{platform.machine()} CPU"
PROTOCOLS = {"linear": "linear probe", "knn": "nearest neighbours", "finetune": "fine-tuned"}


def rows_of(run: Path, recipe: str, device: str, commit: str, note: str) -> list[dict[str, Any]]:
    """One row for each protocol, setting and label share of a run's results.json, over its seeds."""
    kept = json.loads((run / "results.json").read_text(encoding="utf-8"))
    data, method = kept["recipe"]["data"], kept["recipe"]["method"]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for result in kept["results"]:
        key = (result["protocol"], result["setting"], result["label_fraction"], result["pretrained"])
        groups.setdefault(key, []).append(result)
    return [
        {
            "set": Path(data["evaluate"]["store"]).name,
            "split": _in_words(kept["split"]),
            "protocol": protocol,
            "setting": setting,
            "method": method["kind"],
            "stream": data["stream"],
            "label_share": share,
            "pretrained": pretrained,
            "recipe": recipe,
            "seeds": [result["seed"] for result in group],
            "top1": [round(100 * result["top1"], 2) for result in group],
            "mean": round(100 * statistics.fmean(result["top1"] for result in group), 2),
            "spread": round(100 * statistics.stdev([r["top1"] for r in group]), 2) if len(group) > 1 else None,
            "num_train": group[0]["num_train"],
            "num_test": group[0]["num_test"],
            "chosen": [result["chosen"] for result in group],
            "commit": commit,
            "device": device,
            "seconds": round(sum(result["seconds"] for result in group)),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "note": note,
        }
        for (protocol, setting, share, pretrained), group in groups.items()
    ]


def add(run: Path, recipe: str, device: str, commit: str, note: str) -> None:
    """Put a run's rows in place of older rows of the same kind."""
    fresh = rows_of(run, recipe, device, commit, note)
    there = {tuple(row[key] for key in KEY) for row in fresh}
    old = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else []
    rows = [row for row in old if tuple(row[key] for key in KEY) not in there] + fresh
    KEPT.write_text(json.dumps(sorted(rows, key=_order), indent=1) + "\n", encoding="utf-8")


def page(rows: list[dict[str, Any]], ablations: list[dict[str, Any]], text: str) -> str:
    """The tables of all sets and of the ablations, followed by what is said about them."""
    out = [
        "<!-- The tables are written by docs/results.py from docs/results.json; the text below them by hand. -->"
    ]
    out += ["# Results", ""]
    out += [
        "Top-1 accuracy in percent on the test side of the split; the last epoch is reported. `±` is the standard"
    ]
    out += [
        "deviation over seeds: each has its own draw of labels, order, crops and head, and from scratch its own"
    ]
    out += ["encoder; there is one pre-training. That of a gain is over the differences of each seed.", ""]
    for name in dict.fromkeys(row["set"] for row in rows):
        mine = [row for row in rows if row["set"] == name]
        out += [f"## {name}, {mine[0]['split']}, {mine[0]['num_test']} test clips", ""]
        out += ["| protocol | labels | pre-trained | same network from scratch | gain | recipe | commit | date |"]
        out += ["|---|---|---|---|---|---|---|---|"]
        pairs: dict[tuple[Any, ...], dict[bool, dict[str, Any]]] = {}
        for row in mine:
            key = (row["recipe"], row["stream"], row["protocol"], row["setting"], row["label_share"])
            pairs.setdefault(key, {})[row["pretrained"]] = row
        for (recipe, stream, protocol, setting, share), pair in pairs.items():
            both = [pair[side] for side in (True, False) if side in pair]
            gain = _gain(*both) if len(both) == 2 else ""
            what = " ".join(
                filter(None, [PROTOCOLS[protocol], setting, f"({stream})" if stream != "joint" else ""])
            )
            of = f"{share:.0%} ({both[0]['num_train']} clips)"
            cells = [what, of, _cell(pair.get(True)), _cell(pair.get(False)), gain, f"`{recipe}`"]
            cells += [both[0]["commit"], both[0]["date"]]
            out += [f"| {' | '.join(cells)} |"]
        out += ["", f"Device: {'; '.join(dict.fromkeys(row['device'] for row in mine))}.", ""]
    return "\n".join([*out, *_ablated(ablations)]) + "\n" + text


def _ablated(rows: list[dict[str, Any]]) -> list[str]:
    """One table of all that was changed."""
    if not rows:
        return []
    first = rows[0]
    out = [f"## Ablations on {first['set']}, `{first['recipe']}`", ""]
    out += ["| what | is | setting | fine-tuned | against the first row |", "|---|---|---|---|---|"]
    for row in rows:
        gain = _gain(row, first) if row is not first else ""
        setting = f"`{row['note']}`" if row["note"] else ""
        out += [f"| {row['what']} | {row['to']} | {setting} | {_cell(row)} | {gain} |"]
    return [*out, "", f"Device: {first['device']}; commit {first['commit']}, {first['date']}.", ""]


def head() -> str:
    """The commit of the checkout."""
    call = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()


def _in_words(split: dict[str, Any]) -> str:
    if split["kind"] == "tag" and split["train"] == ["train"]:
        return f"the split that came with it, `{split['tag']}`"
    if split["kind"] == "tag":
        return f"{split['tag']} {', '.join(split['train'])} train, {', '.join(split['test'])} test"
    return f"{split['test_share']:.0%} of the {split['by'] or 'recording'}s test"


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["spread"] is None:
        return f"{row['mean']:.1f}"
    return f"{row['mean']:.1f} ± {row['spread']:.1f} ({len(row['seeds'])} seeds)"


def _gain(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Mean difference, and its deviation where both have the same seeds, and so the same draws of labels."""
    mean = f"{one['mean'] - other['mean']:+.1f}"
    if one["seeds"] != other["seeds"] or len(one["seeds"]) < 2:
        return mean
    return f"{mean} ± {statistics.stdev(a - b for a, b in zip(one['top1'], other['top1'], strict=True)):.1f}"


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    protocol = list(PROTOCOLS).index(row["protocol"])
    return (
        row["set"],
        row["recipe"],
        row["stream"],
        protocol,
        row["setting"],
        -row["label_share"],
        not row["pretrained"],
    )


def main() -> None:
    """Add a run, and write the page in any case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", help="take the results of a run into docs/results.json")
    adding.add_argument("run", type=Path, help="folder with a results.json that `skeletonmae evaluate` wrote")
    adding.add_argument("--recipe", required=True, help="path of the recipe in the repository")
    adding.add_argument("--device", default=DEVICE, help="what it was computed on")
    adding.add_argument("--commit", help="of the code that ran; the present one if not given")
    adding.add_argument("--note", default="", help="settings that differ from the recipe's")
    commands.add_parser("write", help="write docs/results.md")
    given = parser.parse_args()
    if given.command == "add":
        add(given.run, given.recipe, given.device, given.commit or head(), given.note)
    rows = json.loads(KEPT.read_text(encoding="utf-8"))
    text = (DOCS / "results_text.md").read_text(encoding="utf-8") if (DOCS / "results_text.md").exists() else ""
    ablations = json.loads(ABLATIONS.read_text(encoding="utf-8")) if ABLATIONS.exists() else []
    PAGE.write_text(page(rows, ablations, text), encoding="utf-8")


if __name__ == "__main__":
    main()
