"""The ablations of the graph SkeletonMAE's paper, repeated on Penn Action in small.

python docs/ablations.py run runs/ablations --part 1/2 & python docs/ablations.py run runs/ablations --part 2/2
python docs/ablations.py add runs/ablations
python docs/results.py write

Each row is recipes/penn_action/graph.yaml, pre-trained for fewer epochs, with one setting changed; then fine-tuned
on a tenth of the labels, as the last entry of that recipe says. Finished rows are not run again.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import results

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.cli.memory import keep_memory
from skeletonmae.files import write_text
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.training import init_distributed

RECIPE = Path("recipes/penn_action/graph.yaml")
SMALL = ("training.epochs=20", "training.warmup_epochs=2")
KEPT = Path(__file__).parent / "ablations.json"
PARTS = ("head", "torso", "left_arm", "right_arm", "left_leg", "right_leg")
SCRATCH = "none: from scratch"

ROWS: dict[str, dict[str, str]] = {
    "pre-training": {"as in the recipe": "", SCRATCH: ""},
    "hidden": {
        **{part.replace("_", " "): f"method.joint_masking={{kind: parts, parts: [{part}]}}" for part in PARTS},
        "two parts, drawn at random": "method.joint_masking={kind: random_parts, num_parts: 2}",
        "half of the joints, at random": "method.joint_masking={kind: random_joints, ratio: 0.5}",
    },
    "layers of the encoder": {str(n): f"method.depth={n}" for n in (1, 2, 4)},
    "layers of STRL": {str(n): f"evaluation.3.classifier.depth={n}" for n in (1, 2, 4)},
    "GNN layer": {kind.upper(): f"method.gnn={kind}" for kind in ("gcn", "gat")},
    "hidden joints zeroed before the decoder": {"yes": "method.remask=true"},
    "layers of the decoder": {"2": "method.decoder_depth=2"},
    "edges in the loss": {"with weight 1": "method.edge_loss_weight=1.0"},
}
"""What is changed -> to what -> the setting."""


def rows(out: Path) -> Iterator[tuple[str, str, str, Path, Recipe]]:
    """What is changed, to what, the setting, the folder of its run and its recipe."""
    for what, changes in ROWS.items():
        for to, change in changes.items():
            name = re.sub(r"\W+", "_", f"{what} {to}").strip("_")
            yield what, to, change, out / name, read_recipe(RECIPE, [*SMALL, *filter(None, [change])])


def finished(folder: Path, to: str, recipe: Recipe) -> bool:
    """Whether the row was run; stops where another run lies in its folder."""
    file = folder / runs.RESULTS
    if not file.exists():
        return False
    there = json.loads(file.read_text(encoding="utf-8"))
    same = _what_counts(there["recipe"]) == _what_counts(recipe.model_dump(mode="json"))
    if not same or (there["pretraining_recipe"] is None) != (to == SCRATCH):
        raise SystemExit(f"{folder} holds a run of another recipe")
    return True


def _what_counts(recipe: dict[str, Any]) -> dict[str, Any]:
    return recipe | {"evaluation": recipe["evaluation"][3:]}


def run(out: Path, part: int, parts: int) -> None:
    """Run every `parts`-th row, beginning with row `part`."""
    for what, to, _, folder, recipe in islice(rows(out), part - 1, None, parts):
        if finished(folder, to, recipe):
            continue
        with init_distributed("cpu") as together:
            model = None
            if to != SCRATCH:
                model = load_checkpoint(runs.pretrain(recipe, folder, together), together.device)
            found = runs.evaluate(recipe, model, folder, together, protocols=recipe.evaluation[3:])
        print(f"{what}: {to}:", *(f"{100 * result.top1:.1f}" for result in found), flush=True)


def add(out: Path, commit: str, device: str) -> None:
    """Keep the finished rows, and name the others."""
    kept = []
    for what, to, change, folder, recipe in rows(out):
        if not finished(folder, to, recipe):
            print(f"not run: {what}: {to}")
            continue
        found = results.rows_of(folder, str(RECIPE), device, commit, change)
        kept += [{"what": what, "to": to} | row for row in found]
    write_text(KEPT, json.dumps(kept, indent=1) + "\n")


def main() -> None:
    """Run a part of the rows, or keep what was run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "add"))
    parser.add_argument("out", type=Path, help="folder of the runs")
    parser.add_argument("--part", default="1/1", help="which share of the rows to run, such as 1/2")
    parser.add_argument(
        "--commit", default=results.head(), help="of the code that ran; the present one if not given"
    )
    parser.add_argument("--device", default=results.DEVICE, help="what it was computed on")
    given = parser.parse_args()
    if given.command == "add":
        return add(given.out, given.commit, given.device)
    part, parts = (int(number) for number in given.part.split("/"))
    if not 1 <= part <= parts:
        parser.error(f"--part is from 1/{parts} to {parts}/{parts}")
    keep_memory()
    return run(given.out, part, parts)


if __name__ == "__main__":
    main()
