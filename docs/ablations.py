"""The ablations of the graph SkeletonMAE's paper, repeated on Penn Action in small.

python docs/ablations.py run runs/ablations --part 1/2 & python docs/ablations.py run runs/ablations --part 2/2
python docs/ablations.py add runs/ablations
python docs/results.py write

Each row is recipes/penn_action/ablation.yaml with one setting changed: pre-trained, then fine-tuned with every
seed of the recipe. Finished rows are not run again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import results

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.files import write_text
from skeletonmae.recipe import read_recipe
from skeletonmae.training import processes

RECIPE = Path("recipes/penn_action/ablation.yaml")
KEPT = Path(__file__).parent / "ablations.json"
PARTS = ("head", "torso", "left_arm", "right_arm", "left_leg", "right_leg")
SCRATCH = "none: from scratch"

ROWS: dict[str, dict[str, str]] = {
    "pre-training": {"as in the recipe": "", SCRATCH: ""},
    "hidden": {
        **{part.replace("_", " "): f"method.hide={{kind: parts, parts: [{part}]}}" for part in PARTS},
        "two parts, drawn at random": "method.hide={kind: random_parts, count: 2}",
        **{f"{r:.0%} of the joints": f"method.hide={{kind: random_joints, ratio: {r}}}" for r in (0.3, 0.5, 0.7)},
    },
    "layers of the encoder": {str(n): f"method.depth={n}" for n in (1, 2, 4)},
    "layers of STRL": {str(n): f"evaluation.0.classifier.depth={n}" for n in (1, 2, 4)},
    "messages": {kind.upper(): f"method.messages={kind}" for kind in ("gcn", "gat")},
    "hidden joints zeroed before the decoder": {"yes": "method.remask=true"},
    "layers of the decoder": {"2": "method.decoder_depth=2"},
    "edges in the loss": {"with weight 1": "method.edge_weight=1.0"},
}
"""What is changed -> to what -> the setting."""


def run(out: Path, part: int, parts: int) -> None:
    """Run every `parts`-th row, beginning with row `part`."""
    rows = [(what, to, change) for what, changes in ROWS.items() for to, change in changes.items()]
    for number in range(part - 1, len(rows), parts):
        what, to, change = rows[number]
        folder = out / f"{number:02d}"
        if (folder / runs.RESULTS).exists():
            continue
        recipe = read_recipe(RECIPE, [change] if change else [])
        with processes("cpu") as together:
            model = None
            if to != SCRATCH:
                model = load_checkpoint(runs.pretrain(recipe, folder, together), together.device)
            found = runs.evaluate(recipe, model, folder, together)
        print(f"{what}: {to}:", *(f"{100 * result.top1:.1f}" for result in found), flush=True)


def add(out: Path, commit: str, device: str) -> None:
    """Keep the finished rows."""
    kept = []
    numbered = enumerate((what, to, change) for what, changes in ROWS.items() for to, change in changes.items())
    for number, (what, to, change) in numbered:
        rows = results.rows_of(out / f"{number:02d}", str(RECIPE), device, commit, change)
        kept += [{"what": what, "to": to} | row for row in rows]
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
    if given.command == "run":
        run(given.out, *(int(number) for number in given.part.split("/")))
    else:
        add(given.out, given.commit, given.device)


if __name__ == "__main__":
    main()
