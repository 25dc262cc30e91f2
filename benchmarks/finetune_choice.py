"""Compare settings of fine-tuning on training sides; the test sides are not read.

    OMP_NUM_THREADS=1 python benchmarks/finetune_choice.py run msr_action3d --checkpoint kinect20
    python benchmarks/finetune_choice.py write

Every subject of the training side is predicted once by classifiers of all others; on NW-UCLA, camera 1 is
predicted by classifiers of camera 2, and the checkpoint must not have been pre-trained on camera 1. The settings
are those of `recipes/<store>/mamp.yaml` with the changes that the page names. Finished folds are kept, so that a
run that was stopped continues.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from probe_choice import HELD_OUT

from skeletonmae import runs
from skeletonmae.datasets import DATASETS
from skeletonmae.encoders import load_encoder
from skeletonmae.evaluation import Finetune
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import init_distributed

FILE = Path(__file__).with_suffix(".jsonl")
RECIPES = Path(__file__).resolve().parents[1] / "recipes"
VARIANTS: dict[str, dict[str, Any]] = {
    "as in the recipe": {},
    "statistics": {"classifier": {"pooling": "statistics"}},
}
TEST_CLIPS = (0, 5)
"""Each classifier is tested on the middle of a recording, and on so many random parts of it."""

KEY = ("store", "checkpoint", "variant", "held_out", "seed")
"""What tells the rows of the file apart."""


def protocols(base: Finetune, variant: str, seed: int) -> list[dict[str, Any]]:
    """Return the settings of fine-tuning with a change, once for each of `TEST_CLIPS`.

    Args:
        base: Fine-tuning with all labels, as in the recipe.
        variant: Key of `VARIANTS`.
        seed: Seed of the clips and of new weights.
    """
    content = base.model_dump(mode="json") | {"seeds": [seed]}
    for part, changes in VARIANTS[variant].items():
        content[part] = content[part] | changes
    return [content | {"test_clips": number} for number in TEST_CLIPS]


def fold_recipe(recipe: Recipe, tag: str, train: Sequence[str], held_out: str) -> Recipe:
    """Return a recipe that trains on some groups of the training side, and tests on another."""
    split = {"kind": "tag", "tag": tag, "train": list(train), "test": [held_out]}
    source = {"store": str(recipe.data.evaluate.store), "split": split}
    content = recipe.model_dump(mode="json")
    content["data"] |= {"evaluate": source, "validation_group": None}
    return Recipe.model_validate(content)


def run(store_name: str, checkpoint: str, variants: Sequence[str], seed: int, scratch: Path) -> None:
    """Append the number of correct clips of every fold and variant to the file.

    Args:
        store_name: Name of a store under `stores`, and of the folder of its recipe.
        checkpoint: What to fine-tune; `scratch` for new weights.
        variants: Keys of `VARIANTS`.
        seed: Seed of the clips and of new weights.
        scratch: Folder for what a run leaves.
    """
    from environment import facts

    about = {name: facts()[name] for name in ("commit", "processor", "torch")}
    recipe = read_recipe(RECIPES / store_name / "mamp.yaml")
    with_labels = (one for one in recipe.evaluation if isinstance(one, Finetune) and one.label_fraction == 1)
    finetune = next(with_labels)
    store = SequenceStore.open(Path("stores") / store_name)
    tag, held_out = HELD_OUT.get(store_name, ("subject", ()))
    dataset = DATASETS[store_name]
    train = dataset.splits[dataset.default_split](store).train
    groups = sorted(set(np.asarray(store.tag(tag))[train].tolist()))
    done = {tuple(row[key] for key in KEY) for row in read_rows()}
    model = None if checkpoint == "scratch" else load_encoder(checkpoint)
    for variant in variants:
        for group in held_out or groups:
            names = (store_name, checkpoint, variant, group, seed)
            if names in done:
                continue
            fold = fold_recipe(recipe, tag, [each for each in groups if each != group], group)
            content = fold.model_dump(mode="json") | {"evaluation": protocols(finetune, variant, seed)}
            folder = scratch / "-".join(map(str, names)).replace(" ", "_")
            with init_distributed("cpu") as distributed:
                results = runs.evaluate(Recipe.model_validate(content), model, folder, distributed)
            correct = {
                str(n): round(each.top1 * each.num_test) for n, each in zip(TEST_CLIPS, results, strict=True)
            }
            row = dict(zip(KEY, names, strict=True)) | {"num_test": results[0].num_test, "correct": correct}
            row |= about | {"date": datetime.now(UTC).date().isoformat()}
            with FILE.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)


def read_rows() -> list[dict[str, Any]]:
    """Return the finished folds."""
    text = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table for each store: the accuracy over all folds, of one clip and of several per recording."""
    parts = (__doc__ or "").split("\n\n")
    lines = ["# Settings of fine-tuning", "", parts[0], "", parts[2].strip(), ""]
    for store in dict.fromkeys(row["store"] for row in rows):
        group = [row for row in rows if row["store"] == store]
        lines += [f"## {store}", "", "| checkpoint | change | clips | the middle | 5 random parts |"]
        lines += ["|---|---|---:|---:|---:|"]
        for checkpoint, variant in dict.fromkeys((row["checkpoint"], row["variant"]) for row in group):
            own = [row for row in group if (row["checkpoint"], row["variant"]) == (checkpoint, variant)]
            number = sum(row["num_test"] for row in own)
            shares = [100 * sum(row["correct"][str(clips)] for row in own) / number for clips in TEST_CLIPS]
            lines.append(f"| {checkpoint} | {variant} | {number} | {shares[0]:.1f} | {shares[1]:.1f} |")
        about = sorted(
            {f"{row['processor']}, torch {row['torch']}, {row['commit']}, {row['date']}" for row in group}
        )
        lines += ["", f"Runs: {'; '.join(about)}.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("run", help="fine-tune and test every fold that is missing")
    measure.add_argument("store", help="name of a store under stores")
    measure.add_argument("--checkpoint", default="kinect20", help="checkpoint, shipped encoder, or scratch")
    measure.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    measure.add_argument("--seed", type=int, default=0)
    measure.add_argument("--scratch", type=Path, default=Path("runs/finetune_choice"), help="folder of the runs")
    commands.add_parser("write", help="write the page")
    given = parser.parse_args()
    if given.command == "run":
        run(given.store, given.checkpoint, given.variants, given.seed, given.scratch)
    FILE.with_suffix(".md").write_text(page(read_rows()), encoding="utf-8")


if __name__ == "__main__":
    main()
