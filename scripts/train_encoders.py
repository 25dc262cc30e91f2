"""Train the encoders that are shipped in the package, and ship them.

    python scripts/train_encoders.py                           # small, free and base, on whatever is there
    python scripts/train_encoders.py small --device cpu
    python scripts/train_encoders.py base --device cuda --out $OUT --runs $OUT/runs training.batch_size=256
    torchrun --standalone --nproc-per-node 2 scripts/train_encoders.py base    # the same, on two cores

The stores of the pool must exist (`encoder_pool.py stores`); the synthetic motion, which is the largest, is made
here if it is missing. A run that was stopped resumes when the same command is run again, and one that is complete
is shipped again. `base` starts from the `small` in `--out`, by default that of the package. The card names the
commits that the run was trained with, from `commits.txt` in its folder. Overrides are settings of the recipes, as
for `skeletonmae pretrain`.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from encoder_facts import facts_file, read_facts
from encoder_pool import NUM_SYNTHETIC, write_synthetic
from ship_encoder import COMMITS, START, read_commits, ship

from skeletonmae import runs
from skeletonmae.cli.console import training_progress
from skeletonmae.encoders import load_encoder
from skeletonmae.encoders.identity import weights_checksum
from skeletonmae.encoders.shipped import FOLDER
from skeletonmae.errors import InputError
from skeletonmae.files import WEIGHTS, write_text
from skeletonmae.processes import is_main_process
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.training import TrainingStopped, init_distributed

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes" / "encoders"
NAMES = ("small", "free", "base")
SYNTHETIC = "synthetic"


def train(
    name: str,
    run_folder: Path,
    device: str = "auto",
    overrides: Sequence[str] = (),
    num_synthetic: int = NUM_SYNTHETIC,
    commit: str = "",
    out: Path = FOLDER,
) -> Path:
    """Pre-train an encoder, or resume; return the folder of the run.

    One that starts from another encoder starts from that in `out`, if it is there, and else from the shipped one.

    Args:
        name: Name of the encoder and of its recipe.
        run_folder: Folder of the runs.
        device: cpu, cuda, or auto.
        overrides: Settings that override those of the recipe.
        num_synthetic: Number of synthetic recordings, if they must be made.
        commit: Commit of the code; by default that of the repository.
        out: Where the encoders are shipped.
    """
    recipe = read_recipe(RECIPES / f"{name}.yaml", overrides)
    if recipe.init_from and out != FOLDER and (start := out / f"{recipe.init_from}.safetensors").exists():
        recipe = recipe.model_copy(update={"init_from": start})
    with init_distributed(device) as distributed, training_progress() as on_progress:
        if distributed.is_main:
            for store in _missing_synthetic(recipe):
                write_synthetic(store, num_synthetic)
            if not (run_folder / name / WEIGHTS).exists():
                record_commit(run_folder / name, commit or _commit())
                record_start(run_folder / name, recipe)
        distributed.barrier()
        runs.pretrain(recipe, run_folder / name, distributed, on_progress)
    return run_folder / name


def record_commit(folder: Path, commit: str) -> None:
    """Add a commit to those that a run was trained with, unless it is the last of them."""
    commits = read_commits(folder)
    if commits[-1:] != [commit]:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / COMMITS, "\n".join([*commits, commit]) + "\n")


def record_start(folder: Path, recipe: Recipe) -> None:
    """Write which encoder a run starts from, with its checksum and the duration of its training, only once."""
    if recipe.init_from is None or (folder / START).exists():
        return
    start = load_encoder(recipe.init_from).path
    assert start is not None
    words = f"`{start.stem}` (SHA-256 {weights_checksum(start)[:12]})"
    if facts_file(start.stem, start.parent).exists():
        duration = read_facts(start.stem, start.parent).facts.get("duration", "unknown hours")
        words += f", which was trained for {duration}"
    write_text(folder / START, f"{words}\n")


def device_name(device: str) -> str:
    """Return the device in words, for the model card."""
    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        return f"one {torch.cuda.get_device_name(0)}"
    num_cores = int(os.environ.get("WORLD_SIZE", "1"))  # of torchrun
    return f"{num_cores} cores of a CPU" if num_cores > 1 else "one core of a CPU, shared with other processes"


def _missing_synthetic(recipe: Recipe) -> list[Path]:
    stores = [source.store for source in recipe.data.pretrain_sources]
    return [store for store in stores if store.name == SYNTHETIC and not store.exists()]


def _commit() -> str:
    """Return the commit of the repository, and whether the package differs from it."""
    changes = " with changes" if _git("status", "--porcelain", "--", "src", "recipes") else ""
    return _git("rev-parse", "--short=12", "HEAD") + changes or "unknown"


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main() -> int:
    """Read the command line, train, and ship."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM stops after a step, with the state saved
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "words", nargs="*", metavar="NAME or SETTING=VALUE", help=f"{', '.join(NAMES)}; all of them"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto, which uses a GPU if there is one")
    parser.add_argument("--runs", type=Path, default=Path("runs/encoders"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the shipped files")
    parser.add_argument(
        "--num-synthetic", type=int, default=NUM_SYNTHETIC, help="recordings, if they must be made"
    )
    parser.add_argument("--commit", default="", help="commit of the code, where there is no repository")
    options = parser.parse_intermixed_args()
    overrides = [word for word in options.words if "=" in word]
    names = [word for word in options.words if "=" not in word] or list(NAMES)
    changes = f" with {' '.join(overrides)}" if overrides else ""
    try:
        for name in names:
            print(f"{name}: training", flush=True)
            run = train(
                name, options.runs, options.device, overrides, options.num_synthetic, options.commit, options.out
            )
            if not is_main_process():
                continue
            recipe = f"`recipes/encoders/{name}.yaml`{changes}"
            facts = {"recipe": recipe, "device": device_name(options.device)}
            options.out.mkdir(parents=True, exist_ok=True)
            file = ship(run, name, facts, folder=options.out)
            print(f"{file}: {file.stat().st_size:,} bytes", flush=True)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except TrainingStopped as stopped:
        print(f"{stopped}; the same command resumes", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
