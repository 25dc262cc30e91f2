"""The commands that use models. Slow imports are inside the functions, so that --help is fast."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from skeletonmae.cli.console import (
    OK,
    print_output,
    print_output_json,
    print_output_table,
    print_status,
    training_progress,
)
from skeletonmae.cli.help_text import FromEncoder, RecipePath
from skeletonmae.cli.input_options import DEFAULT_FLAGS, Up, read_options, video_options
from skeletonmae.cli.processes import further_processes, this_command
from skeletonmae.config import Precision
from skeletonmae.errors import InputError
from skeletonmae.processes import is_main_process

if TYPE_CHECKING:
    from skeletonmae.evaluation import Result


def pretrain(
    recipe: RecipePath,
    overrides: Positional[tuple[str, ...]] = (),
    from_encoder: FromEncoder = None,
    out: Path | None = None,
    device: str = "auto",
    processes: int = 1,
    json: bool = False,
) -> int:
    """Pre-train a model on unlabeled motion.

    Writes model.safetensors, the resolved recipe.yaml, log.csv and the training state. An interrupted run resumes
    when the same command is run again.

    For example::

        skeletonmae pretrain recipes/nw_ucla/mamp.yaml --out runs/mine
        skeletonmae pretrain recipes/nw_ucla/mamp.yaml data.stream=bone training.epochs=50
        skeletonmae pretrain stores/mine --from kinect20 --out runs/mine --processes 2

    Args:
        recipe: Recipe, a YAML file; with --from also the folder of a store, the recordings to pre-train on.
        overrides: Settings that override those of the recipe, such as training.epochs=50.
        from_encoder: Shipped encoder, checkpoint or run to go on from. Clips, method and training have its
            settings where the recipe states no others.
        out: Folder of the run. By default runs/<folder and name of the recipe>.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        processes: Number of processes on this machine that divide each batch: one for each GPU or, on a CPU, for
            each core, where two processes train small networks faster than one with two threads does.
        json: Print the path of the model as JSON.
    """
    from skeletonmae import runs
    from skeletonmae.encoders import settings_to_continue
    from skeletonmae.recipe import read_recipe
    from skeletonmae.training import init_distributed

    defaults = settings_to_continue(from_encoder) if from_encoder else None
    settings = read_recipe(recipe, overrides, defaults)
    folder = out or Path("runs") / run_name(recipe)
    with (
        naming(recipe),
        further_processes(processes, device),
        init_distributed(device) as distributed,
        training_progress() as on_progress,
    ):
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
    processes: int = 1,
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
        processes: Number of processes on this machine that divide each batch of fine-tuning; each computes all
            features. Dropout draws other random numbers than in one process.
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
    with (
        naming(recipe),
        further_processes(processes, device),
        init_distributed(device) as distributed,
        training_progress() as on_progress,
    ):
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
    suffice as labels). Prints a table and writes result.json and report.html. On a CPU with two cores or more,
    two processes train together if there are at least 1,000 recordings.

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

    with training_progress() as on_progress:
        of_videos = video_options(DEFAULT_FLAGS, 2, out)
        options = read_options(layout, unit, fps, up=up, video=of_videos)
        results = run_demo(out, data, device, on_progress, print_status, options, this_command())
    if not is_main_process():
        return OK
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


def _plot_confusion_matrices(results: list[Result], folder: Path) -> None:
    import numpy as np

    from skeletonmae.evaluation import CURVES

    try:
        from skeletonmae.plotting import plot_confusion_matrix, save_figure

        for result in results:
            if result.protocol in CURVES:  # many results
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


@contextmanager
def naming(recipe: Path) -> Iterator[None]:
    """Name the file of a recipe in messages about settings that do not fit each other or the clips."""
    try:
        yield
    except InputError as error:
        if not str(error.where).startswith("recipe: "):
            raise
        raise InputError(str(error).removeprefix("recipe: "), where=recipe) from error


def run_name(recipe: Path) -> str:
    """Return the folder and the name of a recipe, the name of its run."""
    return "-".join(filter(None, [recipe.parent.name, recipe.stem]))


def _to_json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
