"""Repeat the ablations of the graph SkeletonMAE's paper on a small dataset, Penn Action.

python docs/ablations.py run runs/ablations --part 1/2 & python docs/ablations.py run runs/ablations --part 2/2
python docs/ablations.py add runs/ablations
python docs/results.py write

Each row pre-trains recipes/penn_action/graph.yaml for fewer epochs with one setting changed, and fine-tunes it
on a tenth of the labels, as in the last entry of that recipe. Finished rows are not run again.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import results

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.evaluation.results_file import RESULTS
from skeletonmae.files import write_text
from skeletonmae.memory import retain_freed_memory
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.training import init_distributed

RECIPE = Path("recipes/penn_action/graph.yaml")
SMALL = ("training.epochs=20", "training.warmup_epochs=2")
SAVED_ROWS = Path(__file__).parent / "ablations.json"
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
"""Changed setting -> new value -> override of the recipe."""


def rows(out: Path) -> Iterator[tuple[str, str, str, Path, Recipe]]:
    """Yield the changed setting, its new value, the override, the run folder and the recipe of each row."""
    for setting, changes in ROWS.items():
        for value, override in changes.items():
            name = re.sub(r"\W+", "_", f"{setting} {value}").strip("_")
            recipe = read_recipe(RECIPE, [*SMALL, *filter(None, [override])])
            recipe = recipe.model_copy(update={"evaluation": recipe.evaluation[3:]})
            yield setting, value, override, out / name, recipe


def finished(folder: Path, value: str, recipe: Recipe) -> bool:
    """Return whether the row was run to the end; exit if the folder contains a run of another recipe."""
    file = folder / RESULTS
    if not file.exists():
        return False
    saved = json.loads(file.read_text(encoding="utf-8"))
    same = saved["recipe"] == recipe.model_dump(mode="json")
    if not same or (saved["pretraining_recipe"] is None) != (value == SCRATCH):
        raise SystemExit(f"{folder} contains a run of another recipe")
    return bool(saved.get("complete", True))  # older files were only written at the end


def run(out: Path, part: int, parts: int) -> None:
    """Run every `parts`-th row, starting with row `part`."""
    for setting, value, _, folder, recipe in islice(rows(out), part - 1, None, parts):
        if finished(folder, value, recipe):
            continue
        with init_distributed("cpu") as distributed:
            model = None
            if value != SCRATCH:
                model = load_checkpoint(runs.pretrain(recipe, folder, distributed), distributed.device)
            found = runs.evaluate(recipe, model, folder, distributed)
        print(f"{setting}: {value}:", *(f"{100 * result.top1:.1f}" for result in found), flush=True)


def add(out: Path, commit: str, device: str) -> None:
    """Save the finished rows and print the names of the others."""
    saved = []
    for setting, value, override, folder, recipe in rows(out):
        if not finished(folder, value, recipe):
            print(f"not run: {setting}: {value}")
            continue
        found = results.rows_of(folder, str(RECIPE), device, commit, override)
        saved += [{"what": setting, "to": value} | row for row in found]
    write_text(SAVED_ROWS, json.dumps(saved, indent=1) + "\n")


def main() -> None:
    """Run a part of the rows, or save the finished ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "add"))
    parser.add_argument("out", type=Path, help="folder of the runs")
    parser.add_argument("--part", default="1/1", help="the part of the rows to run, such as 1/2")
    parser.add_argument(
        "--commit", default=results.head(), help="commit of the code that ran; by default the current one"
    )
    parser.add_argument("--device", default=results.DEVICE, help="the device that the rows were computed on")
    given = parser.parse_args()
    if given.command == "add":
        return add(given.out, given.commit, given.device)
    part, parts = (int(number) for number in given.part.split("/"))
    if not 1 <= part <= parts:
        parser.error(f"--part must be between 1/{parts} and {parts}/{parts}")
    retain_freed_memory()
    return run(given.out, part, parts)


if __name__ == "__main__":
    main()
