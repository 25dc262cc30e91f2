"""The commands on models. Each returns its exit status; what is slow to import is imported inside."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from skeletonmae.cli.console import INCOMPLETE, OK, answer, answer_json, answer_table, say, trained
from skeletonmae.cli.reading import read_options
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.evaluation import Result


def pretrain(
    recipe: Positional[Path],
    overrides: Positional[tuple[str, ...]] = (),
    out: Path | None = None,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Pre-train on motion without labels, as a recipe says.

    Writes model.safetensors, the resolved recipe.yaml, log.csv and the state of the run. Run the same command
    again after a stop, whatever the reason: it goes on where it was. With several GPUs:
    `torchrun --nproc-per-node 4 -m skeletonmae pretrain ...`.

    For example::

        skeletonmae pretrain recipes/nw_ucla/mamp.yaml --out runs/mine
        skeletonmae pretrain recipes/nw_ucla/mamp.yaml data.stream=bone training.epochs=50

    Args:
        recipe: a YAML file.
        overrides: settings in place of the recipe's, such as training.epochs=50.
        out: folder of the run; runs/<folder and name of the recipe> if not given.
        device: cpu, cuda, cuda:1, mps; auto takes a GPU if there is one.
        json: print where the model is as JSON.
    """
    from skeletonmae import runs
    from skeletonmae.recipe import read_recipe
    from skeletonmae.training import processes

    chosen = read_recipe(recipe, overrides)
    folder = out or Path("runs") / _name(recipe)
    with processes(device) as together, trained() as report:
        model = runs.pretrain(chosen, folder, together, report)
        if together.first:
            answer_json(_json({"model": str(model)})) if json else answer(f"pre-trained model: {model}")
    return OK


def evaluate(
    recipe: Positional[Path],
    overrides: Positional[tuple[str, ...]] = (),
    checkpoint: Path | None = None,
    from_scratch: bool = False,
    out: Path | None = None,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Judge a pre-trained model, or the same network from scratch, by the protocols of a recipe.

    Writes results.json, a picture of every confusion matrix, and the fine-tuned classifiers, which `predict` uses.

    For example::

        skeletonmae evaluate recipes/nw_ucla/mamp.yaml --checkpoint runs/mine
        skeletonmae evaluate recipes/nw_ucla/mamp.yaml --from-scratch --out runs/scratch

    Args:
        recipe: a YAML file; its data and evaluation count.
        overrides: settings in place of the recipe's, such as evaluation.0.epochs=50.
        checkpoint: a run's folder, or its model.safetensors.
        from_scratch: the baseline: the recipe's network with fresh weights.
        out: folder for the results; if not given, the checkpoint's or runs/<folder and name of recipe>-scratch.
        device: cpu, cuda, cuda:1, mps; auto takes a GPU if there is one.
        json: print the results as JSON.
    """
    from skeletonmae import runs
    from skeletonmae.checkpoint import load_checkpoint
    from skeletonmae.recipe import read_recipe
    from skeletonmae.training import processes

    if (checkpoint is None) != from_scratch:
        raise InputError("say what to judge", expected="just one of --checkpoint <run> and --from-scratch")
    chosen = read_recipe(recipe, overrides)
    folder = out or _folder_of(checkpoint) or Path("runs") / f"{_name(recipe)}-scratch"
    with processes(device) as together, trained() as report:
        model = load_checkpoint(checkpoint, together.device) if checkpoint else None
        results = runs.evaluate(chosen, model, folder, together, report)
    if together.first:
        _draw(results, folder)
        if json:
            answer_json(_json([result.model_dump() for result in results]))
        else:
            answer_table(*_result_table(results))
            say(f"written to {folder}")
    return OK


def predict(
    checkpoint: Positional[Path],
    recordings: Positional[tuple[Path, ...]],
    top: int = 3,
    each_person: bool = False,
    layout: str | None = None,
    unit: str | None = None,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Name the likeliest actions of recordings.

    Takes files of any known format, folders and zip archives of them, and stores. What cannot be read, or does not
    fit the model, is said, the others are answered, and the exit status is 3. 3D recordings are brought to 2D for
    a model that reads 2D.

    For example::

        skeletonmae predict runs/mine/finetune-1-seed0.safetensors new/*.csv
        skeletonmae predict runs/mine/finetune-1-seed0.safetensors new/ --each-person --json

    Args:
        checkpoint: a fine-tuned classifier that `evaluate` wrote.
        recordings: files, folders or stores.
        top: how many actions to name for each.
        each_person: judge every person alone, not the recording as a whole.
        layout: of files that name their joints, as for `prepare`; the model's own joints are known without it.
        unit: of the coordinates, as for `prepare`.
        device: cpu, cuda, cuda:1, mps; auto takes a GPU if there is one.
        json: print the answers as JSON.
    """
    from skeletonmae.checkpoint import load_checkpoint
    from skeletonmae.inference import fitted, predict, read_recordings
    from skeletonmae.training import choose_device

    if top < 1:
        raise InputError("--top must be at least 1", got=top)
    options = read_options(layout, unit)
    model = load_checkpoint(checkpoint, choose_device(device))
    if options.layout is None:
        options = replace(options, layout=model.header.own_layout)
    sequences, problems = read_recordings(recordings, options)
    fit = []
    for sequence in sequences:
        try:
            fit.append(fitted(model.header, sequence))
        except InputError as error:
            problems.append(str(error))
    if not fit:
        raise InputError("no recording fits the model", where=checkpoint, got="\n".join(problems))
    answers = predict(model, fit, top=top, each_person=each_person)
    if json:
        answer_json(_json([asdict(one) for one in answers]))
    else:
        for one in answers:
            who = one.recording if one.person is None else f"{one.recording}, person {one.person}"
            said = ", ".join(f"{name} {share:.0%}" for name, share in one.actions) or "nobody is seen"
            answer(f"{who}: {said}")
    for problem in problems:
        say(f"not read: {problem}")
    return INCOMPLETE if problems else OK


def demo(out: Path = Path("runs/demo"), data: Path | None = None, device: str = "auto", json: bool = False) -> int:
    """Do everything once, in a few minutes: pre-train, fine-tune on few labels, evaluate, write a report.

    Without --data on built-in synthetic motion; with it on your recordings, which need labels (sub-folders named
    after the actions will do). Prints a table, writes result.json and report.html.

    Args:
        out: folder for everything that is made.
        data: a folder of recordings.
        device: cpu, cuda, cuda:1, mps; auto takes a GPU if there is one.
        json: print result.json.
    """
    from skeletonmae.demo import run_demo
    from skeletonmae.training import processes

    with processes(device) as together, trained() as report:
        results = run_demo(out, data, together, report, say)
    if json:
        answer_json((out / "result.json").read_text(encoding="utf-8"))
    else:
        answer_table(*_result_table(results))
        answer(f"\nreport: {out / 'report.html'}\nnumbers: {out / 'result.json'}")
    return OK


def _result_table(results: list[Result]) -> tuple[list[str], list[list[str]]]:
    columns = ["protocol", "encoder", "labels", "seed", "training clips", "test clips", "top-1 %", "top-5 %"]
    rows = [
        [
            result.name,
            "pre-trained" if result.pretrained else "not pre-trained",
            f"{result.label_fraction:.0%}",
            str(result.seed),
            str(result.num_train),
            str(result.num_test),
            f"{100 * result.top1:.1f}",
            f"{100 * result.top5:.1f}",
        ]
        for result in results
    ]
    return columns, rows


def _draw(results: list[Result], folder: Path) -> None:
    import numpy as np

    try:
        from skeletonmae.report import picture_confusion, save_picture

        for result in results:
            name = f"confusion-{result.name}-{result.label_fraction:g}-seed{result.seed}".replace(" ", "-")
            save_picture(
                picture_confusion(np.array(result.confusion), result.classes, title=result.name),
                folder / f"{name}.png",
            )
    except InputError as error:
        say(f"no pictures: {error}")


def _folder_of(checkpoint: Path | None) -> Path | None:
    return checkpoint if checkpoint is None or checkpoint.is_dir() else checkpoint.parent


def _name(recipe: Path) -> str:
    return "-".join(filter(None, [recipe.parent.name, recipe.stem]))


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
