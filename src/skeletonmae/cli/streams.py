"""The command that trains and evaluates a recipe for several streams. Slow imports are inside the functions."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from skeletonmae.cli.console import OK, print_output, print_output_json, print_status, training_progress
from skeletonmae.cli.help_text import RecipePath
from skeletonmae.config import Precision
from skeletonmae.errors import InputError

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
    finished is kept when the same command is run again with the same data, weights and settings.

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
    if chosen := [each for each in overrides if each.split("=")[0] == "data.stream"]:
        expected = "the streams in --streams"
        raise InputError("each stream of the ensemble replaces it", where=chosen[0], expected=expected)
    out = out or Path("runs") / f"{run_name(recipe)}-streams"
    with init_distributed(device) as distributed, training_progress() as on_progress:
        for stream in streams:
            settings, folder = read_recipe(recipe, (*overrides, f"data.stream={stream}")), out / stream
            model = None
            if not from_scratch:
                checkpoint = runs.pretrain(settings, folder, distributed, on_progress)
                model = load_checkpoint(checkpoint, distributed.device)
            runs.evaluate(
                settings,
                model,
                folder,
                distributed,
                on_progress,
                on_message=print_status,
                precision=precision,
                keep_complete=True,
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
