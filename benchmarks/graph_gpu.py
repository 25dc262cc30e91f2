"""The graph SkeletonMAE at the size of its paper, for a GPU: pre-train on all 2D poses, fine-tune on Penn Action.

    python scripts/graph_pool.py stores/graph_pool --views 8     # once; see there
    python benchmarks/graph_gpu.py RESULTS.jsonl [--set method.target=embedding ...]

Pre-training takes Penn Action's training side and the projected 3D stores in batches of 1,024 clips; fine-tuning
takes all labels of Penn Action with the schedule of the paper's recipe (recipes/ntu60/graph.yaml). Each seed is a
pre-training with its fine-tuning, and a network from scratch with the same schedule. Each finished one is a line
of the results, and is not run again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from skeletonmae.evaluation import EvaluationTask, Finetune, leave_out_empty_clips
from skeletonmae.methods import InputSpec, Method
from skeletonmae.pretraining_data import PretrainingData
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.training import DistributedContext, train

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "ntu60" / "graph.yaml"
SETTINGS = (
    "data.evaluate={store: stores/penn_action, split: given}",
    "data.pretrain=[{store: stores/penn_action, split: given}, {store: stores/graph_pool, use: all}]",
    "data.validation_group=null",
    "data.max_persons=1",
    "data.augment=[{kind: mirror}, {kind: rotate, degrees: [0, 0, 10]}, {kind: scale, low: 0.9, high: 1.1},"
    " {kind: noise, sigma: 0.01}]",
    "method.target=coordinates",
    "method.joint_masking={kind: random_parts, num_parts: 2}",
    "method.joint_identity=all",
    "method.frame_context=true",
    "method.remask=false",
    "training.lr=1.5e-3",
)
SEEDS = (0, 1, 2)
STARTS = ("pre-trained", "from scratch")


def new_method(recipe: Recipe, data: PretrainingData, seed: int) -> Method:
    """Return the method of the recipe with new weights."""
    store = data.stores[0]
    torch.manual_seed(seed)
    return recipe.build(InputSpec(recipe.data.frames, store.axes, store.skeleton.joints, data.num_recordings))


def run_one(recipe: Recipe, start: str, seed: int, device: torch.device) -> dict[str, Any]:
    """Pre-train if `start` says so, fine-tune, and return the accuracy on the test side.

    Args:
        recipe: Its only protocol is the fine-tuning.
        start: One of `STARTS`.
        seed: Of the weights, the clips and the order of the batches.
        device: Where to compute.
    """
    training = recipe.training.model_copy(update={"seed": seed})
    recipe = recipe.model_copy(update={"training": training})
    data, alone = PretrainingData.open(recipe), DistributedContext(rank=0, world_size=1, device=device)
    method, losses = new_method(recipe, data, seed).to(device), list[float]()
    is_pretrained = start == STARTS[0]
    if is_pretrained:
        train(
            method,
            data.loader(alone),
            training,
            alone,
            on_progress=lambda progress: losses.append(progress.loss),
        )
    (protocol,) = recipe.evaluation
    assert isinstance(protocol, Finetune)
    store = recipe.data.evaluate.open()
    task = EvaluationTask(
        method=method,
        pretrained=is_pretrained,
        clips=recipe.data.clips,
        store=store,
        split=recipe.data.evaluate.split_rule(store)(store),
        validation_group=recipe.data.validation_group,
        distributed=alone,
        init_method=None if is_pretrained else lambda of: new_method(recipe, data, of).to(device),
    )
    task, _ = leave_out_empty_clips(task)
    (result,) = protocol.model_copy(update={"seeds": (seed,)}).run(task)
    row = {"start": start, "seed": seed, "top1": result.top1, "num_test": result.num_test}
    return row | {"recordings": data.num_recordings, "steps": len(losses), "loss": losses[-1] if losses else None}


def run(out: Path, settings: tuple[str, ...], seeds: tuple[int, ...], device: torch.device) -> None:
    """Append a line to the results for each start and seed that is not there."""
    from environment import facts

    about = {name: facts()[name] for name in ("commit", "date", "processor", "torch")}
    about |= {"device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"}
    recipe = read_recipe(RECIPE, list(settings))
    about["settings"] = list(settings)
    done = {(row["start"], row["seed"]) for row in read_rows(out) if row["settings"] == about["settings"]}
    out.parent.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for start in STARTS:
            if (start, seed) not in done:
                row = run_one(recipe, start, seed, device) | about
                with out.open("a", encoding="utf-8") as file:
                    file.write("\n" * bool(file.tell()) + json.dumps(row))  # a line that was cut off stays alone


def read_rows(out: Path) -> list[dict[str, Any]]:
    """Return the finished rows; a line that was cut off by a kill is left out, and its row is run again."""
    rows = []
    for line in out.read_text(encoding="utf-8").splitlines() if out.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def report(out: Path) -> Iterator[str]:
    """Yield a line for each start and group of settings, with the mean accuracy over seeds."""
    found: dict[tuple[str, ...], list[float]] = {}
    for row in read_rows(out):
        found.setdefault((row["start"], *row["settings"][len(SETTINGS) :]), []).append(100 * row["top1"])
    for (start, *changes), values in found.items():
        spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
        yield f"{start} {' '.join(changes)}: {fmean(values):.1f}{spread} ({len(values)} seeds)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="file of the results")
    parser.add_argument("--set", nargs="*", default=[], help="changes of the recipe")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run(arguments.out, (*SETTINGS, *arguments.set), SEEDS, device)
    print("\n".join(report(arguments.out)))


if __name__ == "__main__":
    main()
