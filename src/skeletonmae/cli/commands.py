"""The commands that use models. Slow imports are inside the functions, so that --help is fast."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from skeletonmae.cli.console import (
    INCOMPLETE,
    OK,
    USER_ERROR,
    print_output,
    print_output_json,
    print_output_table,
    print_status,
    training_progress,
)
from skeletonmae.cli.help_text import CheckpointPath, RecipePath
from skeletonmae.cli.input_options import Up, print_ignored, read_options
from skeletonmae.config import Precision
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.datasets import UnreadFile
    from skeletonmae.evaluation import Result
    from skeletonmae.inference import Prediction


CURVES = ("robustness", "early")
"""Protocols with many results, for altered test clips, whose confusion matrices are not plotted."""


def pretrain(
    recipe: RecipePath,
    overrides: Positional[tuple[str, ...]] = (),
    out: Path | None = None,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Pre-train a model on unlabeled motion.

    Writes model.safetensors, the resolved recipe.yaml, log.csv and the training state. An interrupted run resumes
    when the same command is run again. With several GPUs:
    `torchrun --nproc-per-node 4 -m skeletonmae pretrain ...`.

    For example::

        skeletonmae pretrain recipes/nw_ucla/mamp.yaml --out runs/mine
        skeletonmae pretrain recipes/nw_ucla/mamp.yaml data.stream=bone training.epochs=50

    Args:
        recipe: Recipe, a YAML file.
        overrides: Settings that override those of the recipe, such as training.epochs=50.
        out: Folder of the run. By default runs/<folder and name of the recipe>.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print the path of the model as JSON.
    """
    from skeletonmae import runs
    from skeletonmae.recipe import read_recipe
    from skeletonmae.training import init_distributed

    settings = read_recipe(recipe, overrides)
    folder = out or Path("runs") / run_name(recipe)
    with init_distributed(device) as distributed, training_progress() as on_progress:
        model = runs.pretrain(settings, folder, distributed, on_progress, print_status)
        if distributed.is_main:
            if json:
                print_output_json(_to_json({"model": str(model)}))
            else:
                print_output(f"pre-trained model: {model}")
    return OK


def evaluate(
    recipe: RecipePath,
    overrides: Positional[tuple[str, ...]] = (),
    checkpoint: Path | None = None,
    from_scratch: bool = False,
    out: Path | None = None,
    precision: Precision = "float32",
    device: str = "auto",
    json: bool = False,
) -> int:
    """Evaluate a pre-trained model, or the same network from scratch, with the protocols of a recipe.

    Writes results.json, a plot of each confusion matrix, and the fine-tuned classifiers that `predict` uses.

    For example::

        skeletonmae evaluate recipes/nw_ucla/mamp.yaml --checkpoint runs/mine
        skeletonmae evaluate recipes/nw_ucla/mamp.yaml --from-scratch --out runs/scratch

    Args:
        recipe: Recipe, a YAML file; its sections `data` and `evaluation` are used.
        overrides: Settings that override those of the recipe, such as evaluation.0.epochs=50.
        checkpoint: Folder of a run, its model.safetensors, or the name of a shipped encoder.
        from_scratch: Evaluate the baseline: the network of the recipe with freshly initialized weights.
        out: Folder for the results. By default that of the checkpoint, or runs/<folder and name of the recipe>
            with -scratch or the name of the encoder.
        precision: Precision of features and logits: float32, bf16, or auto, which is bf16 where the device has
            instructions for it. Fine-tuning trains in the precision that the recipe states.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print the results as JSON.
    """
    from skeletonmae import runs
    from skeletonmae.encoders import load_encoder
    from skeletonmae.recipe import read_recipe
    from skeletonmae.training import init_distributed

    if (checkpoint is None) != from_scratch:
        problem = "choose what to evaluate"
        raise InputError(problem, expected="either --checkpoint <run> or --from-scratch")
    settings = read_recipe(recipe, overrides)
    folder = out or _evaluation_folder(checkpoint, run_name(recipe))
    with init_distributed(device) as distributed, training_progress() as on_progress:
        model = load_encoder(checkpoint, distributed.device) if checkpoint else None
        results = runs.evaluate(
            settings, model, folder, distributed, on_progress, on_message=print_status, precision=precision
        )
    if distributed.is_main:
        _plot_confusion_matrices(results, folder)
        if json:
            print_output_json(_to_json([result.model_dump() for result in results]))
        else:
            print_results(results)
            _print_cost(folder)
            print_status(f"results written to {folder}")
    return OK


def predict(
    checkpoint: CheckpointPath,
    recordings: Positional[tuple[Path, ...]],
    top: int = 3,
    per_person: bool = False,
    format: str | None = None,
    layout: str | None = None,
    unit: str | None = None,
    up: Up | None = None,
    fps: float | None = None,
    ntu_cleanup: Literal["reference", "none"] = "reference",
    precision: Precision = "float32",
    device: str = "auto",
    json: bool = False,
) -> int:
    """Predict the actions of recordings.

    Reads files of any known format, folders and zip archives of them, and stores. Recordings that cannot be read,
    that do not fit the model, or in which no joint that the model knows was observed, are listed with the reason,
    and the exit status is 3; it is 1 if no recording could be classified. 3D recordings are converted to 2D for a
    2D model.

    For example::

        skeletonmae predict runs/mine/finetune-1-seed0.safetensors new/*.csv
        skeletonmae predict runs/mine/finetune-1-seed0.safetensors new/ --per-person --json

    Args:
        checkpoint: Fine-tuned classifier that `evaluate` wrote.
        recordings: Files, folders or stores.
        top: Number of classes to print for each recording.
        per_person: Classify every person on its own instead of the recording as a whole.
        format: Format of all input files. By default it is detected from their content.
        layout: Joint layout of files that name their joints, as for `prepare`. By default the joints of the model.
        unit: Unit of the coordinates in the files, in place of what they state: m, cm or mm (converted to
            meters), px, image (fractions of the image's size) or unknown.
        up: Axis that points up in the files: y, z, or -y if y points down. The recordings are turned so that y is
            up; left stays left.
        fps: Frames per second, as given to `prepare`. Overrides the files' own.
        ntu_cleanup: Clean-up of NTU RGB+D, as given to `prepare`: that of published results, or none, which keeps
            every recorded body.
        precision: float32, bf16, or auto, which is bf16 where the device has instructions for it. bf16 is faster,
            and probabilities differ slightly.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print the predictions as JSON.
    """
    from skeletonmae.checkpoint import load_checkpoint
    from skeletonmae.inference import Prediction, load_recordings, predict
    from skeletonmae.training import choose_device

    if top < 1:
        raise InputError("--top must be at least 1", got=top)
    options = read_options(layout, unit, fps, ntu_cleanup, format=format, up=up)
    model = load_checkpoint(checkpoint, choose_device(device))
    if options.layout is None:
        options = replace(options, layout=model.header.custom_layout)
    ignored: list[UnreadFile] = []
    loaded, problems = load_recordings(recordings, options, ignored.append)
    predictions = predict(model, loaded, top=top, per_person=per_person, precision=precision)
    if json:
        unread = [Prediction(problem.recording, None, (), problem.reason) for problem in problems]
        print_output_json(_to_json([asdict(prediction) for prediction in [*predictions, *unread]]))
    else:
        for prediction in predictions:
            print_output(_format_prediction(prediction))
    print_ignored(ignored)
    for problem in problems:
        print_status(f"skipped: {problem}")
    if all(prediction.error for prediction in predictions):
        print_status("error: there is no recording that the model could classify")
        return USER_ERROR
    return INCOMPLETE if problems or any(prediction.error for prediction in predictions) else OK


def demo(
    out: Path = Path("runs/demo"),
    data: Path | None = None,
    layout: str | None = None,
    unit: str | None = None,
    up: Up | None = None,
    fps: float | None = None,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Run everything once, in a few minutes: pre-train, fine-tune with few labels, evaluate, write a report.

    Uses built-in synthetic motion, or your labeled recordings with --data (sub-folders named after the actions
    suffice as labels). Prints a table and writes result.json and report.html.

    Args:
        out: Folder for all outputs.
        data: Folder of recordings.
        layout: Joint layout of files that name their joints: a built-in layout or a YAML file.
        unit: Unit of the coordinates in the files, in place of what they state: m, cm or mm (converted to
            meters), px, image (fractions of the image's size) or unknown.
        up: Axis that points up in the files: y, z, or -y if y points down. The recordings are turned so that y is
            up; left stays left.
        fps: Frames per second. Overrides the files' own.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print result.json.
    """
    from skeletonmae.demo import run_demo
    from skeletonmae.training import init_distributed

    with init_distributed(device) as distributed, training_progress() as on_progress:
        options = read_options(layout, unit, fps, up=up)
        results = run_demo(out, data, distributed, on_progress, print_status, options)
    if json:
        print_output_json((out / "result.json").read_text(encoding="utf-8"))
    else:
        print_results(results)
        print_output(f"\nreport: {out / 'report.html'}\nnumbers: {out / 'result.json'}")
    return OK


def print_results(results: list[Result]) -> None:
    """Print a table of results, and before it why they mean little, if they do."""
    from skeletonmae.evaluation import describe_reliability
    from skeletonmae.plotting.result_table import RESULT_COLUMNS, format_interval, result_rows

    if warning := describe_reliability(results):
        print_output(f"{warning}\n")
    print_output_table(RESULT_COLUMNS, result_rows(results))
    for result in results:
        if result.top1_without_copies is not None:
            interval = format_interval(result.top1_without_copies_interval or (0.0, 1.0))
            copies = "test clips that are copies of training clips"
            print_output(f"{result.name}: without {copies} {100 * result.top1_without_copies:.1f} ({interval})")
        if result.metrics:
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in result.metrics.items())
            print_output(f"{result.name}: {numbers}")


def _print_cost(folder: Path) -> None:
    from skeletonmae.evaluation.saved_results import SavedResults

    cost = SavedResults.read(folder).fields.get("cost") or {}
    if not cost:
        return
    numbers = [
        f"{cost['parameters'] / 1e6:.3g} M parameters",
        f"{cost['flops_per_clip'] / 1e9:.3g} GFLOP per clip",
    ]
    numbers += [f"{cost['clips_per_second']:.3g} clips/s"]
    if cost["pretraining_seconds"] is not None:
        numbers += [f"pre-trained in {cost['pretraining_seconds'] / 60:.1f} minutes"]
    print_status(f"encoder: {', '.join(numbers)}")


def _format_prediction(prediction: Prediction) -> str:
    name = prediction.recording
    if prediction.person is not None:
        name = f"{name}, person {prediction.person}"
    classes = ", ".join(f"{class_name} {probability:.0%}" for class_name, probability in prediction.classes)
    return f"{name}: {prediction.error or classes}"


def _plot_confusion_matrices(results: list[Result], folder: Path) -> None:
    import numpy as np

    try:
        from skeletonmae.plotting import plot_confusion_matrix, save_figure

        for result in results:
            if result.protocol in CURVES:
                continue
            name = f"confusion-{result.name}-{result.label_fraction:g}-seed{result.seed}".replace(" ", "-")
            figure = plot_confusion_matrix(np.array(result.confusion_matrix), result.classes, title=result.name)
            save_figure(figure, folder / f"{name}.png")
    except InputError as error:
        print_status(f"no plots: {error}")


def _evaluation_folder(checkpoint: Path | None, name: str) -> Path:
    """The folder of an evaluation by default: that of the checkpoint, or one named after the recipe."""
    from skeletonmae.encoders import find_shipped

    if checkpoint is None:
        return Path("runs") / f"{name}-scratch"
    if find_shipped(checkpoint):
        return Path("runs") / f"{name}-{checkpoint}"
    return checkpoint if checkpoint.is_dir() else checkpoint.parent


def run_name(recipe: Path) -> str:
    """Return the folder and the name of a recipe, the name of its run."""
    return "-".join(filter(None, [recipe.parent.name, recipe.stem]))


def _to_json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
