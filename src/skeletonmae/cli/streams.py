"""The command that trains and evaluates a recipe for several streams. Slow imports are inside the functions."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from skeletonmae.cli.console import OK, print_output, print_output_json, print_status, training_progress
from skeletonmae.cli.help_text import RecipePath
from skeletonmae.config import Precision
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.recipe import Recipe

ENSEMBLE = "ensemble"
"""Sub-folder of the results of the ensemble."""


def streams(
    recipe: RecipePath,
    overrides: Positional[tuple[str, ...]] = (),
    out: Path | None = None,
    streams: tuple[Literal["joint", "bone", "motion"], ...] = ("joint", "bone", "motion"),
    from_scratch: bool = False,
    precision: Precision = "float32",
    device: str = "auto",
    json: bool = False,
) -> int:
    """Pre-train and evaluate a recipe once for each stream, and add their scores with equal weights.

    Each stream has a folder of its own, as `pretrain` and `evaluate` write it, and so has the ensemble. What is
    finished is kept when the same command is run again.

    For example::

        skeletonmae streams recipes/nw_ucla/mamp.yaml --out runs/streams
        skeletonmae compare runs/streams/joint runs/streams/ensemble

    Args:
        recipe: Recipe, a YAML file; its data.stream is replaced.
        overrides: Settings that override those of the recipe, such as training.epochs=50.
        out: Folder of all runs. By default runs/<folder and name of the recipe>-streams.
        streams: Streams of the ensemble.
        from_scratch: Evaluate the baseline: the network of the recipe with freshly initialized weights.
        precision: Precision of features and logits, as for `evaluate`.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print the results of the ensemble as JSON.
    """
    from skeletonmae import runs
    from skeletonmae.checkpoint import load_checkpoint
    from skeletonmae.cli.commands import print_results, run_name
    from skeletonmae.evaluation.ensemble import ensemble
    from skeletonmae.evaluation.saved_results import SavedResults
    from skeletonmae.recipe import read_recipe
    from skeletonmae.training import init_distributed, lock_folder

    if len(set(streams)) < max(2, len(streams)):
        got = ", ".join(streams) or "none"
        raise InputError("an ensemble needs members", where="--streams", expected="two or more streams", got=got)
    out = out or Path("runs") / f"{run_name(recipe)}-streams"
    with init_distributed(device) as distributed, training_progress() as on_progress:
        for stream in streams:
            settings, folder = read_recipe(recipe, (*overrides, f"data.stream={stream}")), out / stream
            if _is_evaluated(settings, folder, pretrained=not from_scratch):
                print_status(f"{stream}: kept the finished results in {folder}")
                continue
            model = None
            if not from_scratch:
                checkpoint = runs.pretrain(settings, folder, distributed, on_progress)
                model = load_checkpoint(checkpoint, distributed.device)
            runs.evaluate(
                settings, model, folder, distributed, on_progress, on_message=print_status, precision=precision
            )
            distributed.barrier()
        if distributed.is_main:
            with lock_folder(out / ENSEMBLE):
                results = ensemble([SavedResults.read(out / stream) for stream in streams], out / ENSEMBLE)
            if json:
                print_output_json(json_format.dumps([result.model_dump() for result in results]))
            else:
                for stream in streams:
                    print_output(f"{stream}:")
                    print_results(list(SavedResults.read(out / stream).results))
                    print_output("")
                print_output(f"{', '.join(streams)} with equal weights:")
                print_results(results)
                print_status(f"results written to {out}")
    return OK


def _is_evaluated(recipe: Recipe, folder: Path, *, pretrained: bool) -> bool:
    """Whether the folder holds the finished results of a recipe."""
    from skeletonmae.evaluation.saved_results import SavedResults

    try:
        saved = SavedResults.read(folder)
    except InputError:
        return False
    expected, got = recipe.model_dump(mode="json"), saved.fields.get("recipe", {})
    is_same_encoder = all(result.pretrained == pretrained for result in saved.results)
    return is_same_encoder and bool(_without_layer_decay(expected) == _without_layer_decay(got))


def _without_layer_decay(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe without the setting that evaluation from scratch changes."""
    protocols = [
        protocol | {"training": protocol["training"] | {"layer_decay": None}}
        if "training" in protocol
        else protocol
        for protocol in recipe.get("evaluation", [])
    ]
    return recipe | {"evaluation": protocols}
