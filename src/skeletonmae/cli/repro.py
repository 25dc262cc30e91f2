"""The command that runs a published result again. Slow imports are inside the function."""

from __future__ import annotations

import json as json_format
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from skeletonmae.cli.console import OK, print_output, print_output_json, print_status, training_progress
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.checkpoint import Checkpoint
    from skeletonmae.recipe import Recipe
    from skeletonmae.training import DistributedContext

NOT_REPRODUCED = 4
"""Exit status: the result does not agree with the published one."""


def repro(
    row: Annotated[Positional[str], arg(metavar="ROW")] = "",
    results: Path = Path("docs/results.json"),
    checkpoint: Path | None = None,
    out: Path = Path("runs/repro"),
    device: str = "auto",
    json: bool = False,
) -> int:
    """Run a row of the published results again, and say whether it agrees.

    Pre-trains by the recipe of the row, unless the folder has the finished model, and evaluates with its protocol
    and seeds. With several seeds, the 95 % interval of the difference is allowed; with one, that of the published
    accuracy; with the same weights and a frozen encoder, one test clip. The exit status is 4 if the row does not
    agree. Without ROW, the rows are listed.

    For example::

        skeletonmae repro
        skeletonmae repro "nw_ucla/mamp linear joints 100% pre-trained"

    Args:
        row: Number of a row, or words of its description that no other row has.
        results: File of the published results; recipes are found beside its folder, and stores in the working
            directory.
        checkpoint: Folder of a run, its model.safetensors, or the name of a shipped encoder, to evaluate in place
            of a new pre-training.
        out: Folder for the runs.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print the comparison, or the list, as JSON.
    """
    from skeletonmae import runs
    from skeletonmae.evaluation.reproduction import (
        check_agreement,
        describe_row,
        ensemble_streams,
        find_row,
        matching_protocols,
        read_rows,
        recipe_words,
    )
    from skeletonmae.recipe import read_recipe
    from skeletonmae.training import init_distributed
    from skeletonmae.training.weights_digest import weights_digest

    rows = read_rows(results)
    if not row:
        listed = [f"{number:4d}  {describe_row(each)}: {each['mean']:.1f}" for number, each in enumerate(rows, 1)]
        if json:
            print_output_json(json_format.dumps([describe_row(each) for each in rows]))
        else:
            print_output("\n".join(listed))
        return OK
    found = find_row(rows, row)
    name, *overrides = recipe_words(found)
    if ensemble_streams(found):
        problem, expected = "the row adds the scores of several runs", f"skeletonmae streams {found['recipe']}"
        raise InputError(problem, where=describe_row(found), expected=expected)
    recipe = read_recipe(results.resolve().parent.parent / name, overrides)
    recipe = recipe.model_copy(update={"evaluation": matching_protocols(recipe.evaluation, found)})
    print_status(describe_row(found))
    run = out / _slug(found["recipe"])
    with init_distributed(device) as distributed, training_progress() as on_progress:
        model = _model(recipe, found, checkpoint, run, distributed, on_progress)
        digest = weights_digest(model.method) if model else ""
        fingerprint = recipe.data.evaluate.open().fingerprint
        has_other_data = found.get("store_fingerprint", fingerprint) != fingerprint
        if has_other_data and distributed.is_main:
            print_status(
                f"{recipe.data.evaluate.store} does not have the contents that the row was measured on: other"
                " files, another version of the reader, or another precision of the coordinates"
            )
        made = runs.evaluate(
            recipe, model, run / _slug(describe_row(found)), distributed, on_progress, on_message=print_status
        )
        agreement = check_agreement(found, made, digest)
        if distributed.is_main:
            if json:
                print_output_json(
                    json_format.dumps(
                        {
                            "row": describe_row(found),
                            **asdict(agreement),
                            "agrees": agreement.agrees,
                            "has_other_data": has_other_data,
                        }
                    )
                )
            else:
                print_output(agreement.sentence)
    return OK if agreement.agrees else NOT_REPRODUCED


def _model(
    recipe: Recipe,
    row: dict[str, Any],
    checkpoint: Path | None,
    folder: Path,
    distributed: DistributedContext,
    on_progress: Any,
) -> Checkpoint | None:
    """The encoder of a row: the one given, or a new one by the recipe; None from scratch."""
    from skeletonmae import runs
    from skeletonmae.encoders import load_encoder

    if not row["pretrained"]:
        return None
    return load_encoder(checkpoint or runs.pretrain(recipe, folder, distributed, on_progress), distributed.device)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_=.,]+", "-", text.removeprefix("recipes/")).strip("-")
