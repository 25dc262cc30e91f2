"""The report of a demo: accuracies, reconstructions, the training curve and the confusion matrix."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from skeletonmae.demo.result_rows import describe_result, describe_seeds, describe_test_side
from skeletonmae.evaluation import Result, describe_reliability
from skeletonmae.methods import Method
from skeletonmae.plotting import (
    HtmlReport,
    plot_accuracies,
    plot_confusion_matrix,
    plot_curves,
    plot_reconstruction,
)
from skeletonmae.plotting.result_table import format_interval
from skeletonmae.recipe import Recipe
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import read_log

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW_COLUMNS = ("model", "accuracy %", "95 % interval")
NUM_EXAMPLES = 2
"""Recordings whose reconstruction is shown."""


def make_report(
    results: list[Result],
    recipe: Recipe,
    store: SequenceStore,
    method: Method,
    out: Path,
    data: Path | None,
) -> HtmlReport:
    """Make the report of a demo.

    Args:
        results: results with and without pre-training.
        recipe: recipe of the demo.
        store: recordings of the demo.
        method: the pre-trained model.
        out: folder of the demo, which has the training log.
        data: folder of the recordings; None for synthetic motion.

    Raises:
        InputError: matplotlib is not installed.
    """
    finetuned = [result for result in results if result.protocol == "finetune" and result.pretrained]
    scratch = [result for result in results if result.protocol == "finetune" and not result.pretrained]
    first = finetuned[0]
    accuracy = mean_accuracy(finetuned)
    warning = describe_reliability(results)
    report = HtmlReport(
        f"skeletonmae on the folder {data.resolve().name}" if data else "skeletonmae on synthetic motion",
        "What a masked auto-encoder learned from motion without labels, and how well it recognizes actions.",
    )
    if warning:
        report.add_warning(warning)
    figures = [
        (f"{len(store)}", "recordings"),
        (f"{len(store.classes)}", "actions"),
        (f"{first.num_train}", f"labeled {'clip' if first.num_train == 1 else 'clips'} for fine-tuning"),
        (first.test_clips, f"test {'clip' if first.test_clips == '1' else 'clips'}"),
    ]
    if not warning:
        figures += [
            (f"{accuracy:.1f} %", f"accuracy with pre-training ({describe_seeds(finetuned)})"),
            (f"{accuracy - mean_accuracy(scratch):+.1f}", "percentage points over training from scratch"),
        ]
    report.add_key_figures(figures)
    report.add_heading(f"Accuracy on {figures[3][0]} {figures[3][1]}")
    split = recipe.data.evaluate.split_rule(store).describe(store)
    left_out = (
        f" {first.num_test_left_out} of them are left out, because no joint was observed in them."
        if first.num_test_left_out
        else ""
    )
    report.add_paragraph(
        f"The test clips were never used for training.{left_out} The split: {split}. Fine-tuning was run with "
        f"{len(finetuned)} seeds, which draw different labeled clips; error bars are the standard deviation over "
        "seeds."
    )
    bars = _accuracy_bars(results)
    highlight = [name for name, _, _ in bars if "scratch" not in name]
    figure = plot_accuracies(bars, highlight=highlight, title="Top-1 accuracy")
    report.add_figure(figure, "Bar chart of top-1 accuracy, with and without pre-training")
    report.add_paragraph(
        "Each row is one model. Its 95 % interval is the range in which the accuracy of this model on more clips "
        "of the same kind would plausibly lie. Clips of one person resemble each other, which makes the true "
        "range wider. Differences between seeds are not part of it."
    )
    test_side = describe_test_side(recipe, store)
    rows = [
        [describe_result(result, test_side), f"{100 * result.top1:.1f}", format_interval(result.top1_interval)]
        for result in results
    ]
    report.add_table(ROW_COLUMNS, rows)
    report.add_heading("The pretext task")
    report.add_paragraph(
        "Most tokens (a few frames of one joint) are hidden. The encoder receives the visible ones, and the "
        "decoder predicts the positions of the hidden joints. Predictions are normalized, so each hidden token is "
        "drawn with its true mean and standard deviation."
    )
    for index in _choose_examples(store, recipe):
        reconstruction = _plot_example(index, store, recipe, method)
        if reconstruction:
            alt = f"Original, masked and reconstructed motion of recording {store.name(index)}"
            report.add_figure(reconstruction, alt)
    report.add_heading("Training curve")
    log = read_log(out / "pretrained")
    curve = {"loss": ([row["epoch"] for row in log], [row["loss"] for row in log])}
    figure = plot_curves(curve, xlabel="epoch", ylabel="loss", title="Pre-training")
    report.add_figure(figure, "Pre-training loss over epochs")
    report.add_heading("Confusion matrix")
    title = f"Fine-tuned on {first.num_train} clips"
    figure = plot_confusion_matrix(np.array(first.confusion_matrix), first.classes, title=title)
    report.add_figure(figure, "Confusion matrix of the fine-tuned classifier on the test clips")
    return report


def mean_accuracy(results: list[Result]) -> float:
    """Mean top-1 accuracy in percent."""
    return 100 * statistics.fmean(result.top1 for result in results)


def _accuracy_bars(results: list[Result]) -> list[tuple[str, float, float | None]]:
    """(name, mean, standard deviation over seeds) in percent of each protocol, with and without pre-training."""
    groups: dict[tuple[str, bool, int], list[Result]] = {}
    for result in results:
        groups.setdefault((result.name, result.pretrained, result.num_train), []).append(result)
    bars = []
    for (name, pretrained, num_train), group in groups.items():
        clips = "1 clip" if num_train == 1 else f"{num_train} clips"
        label = f"{name}, {clips}, {'pre-trained' if pretrained else 'scratch'}"
        deviation = statistics.stdev(100 * result.top1 for result in group) if len(group) > 1 else None
        bars.append((label, mean_accuracy(group), deviation))
    return sorted(bars, key=lambda bar: bar[0])


def _choose_examples(store: SequenceStore, recipe: Recipe) -> list[int]:
    """The longest test recordings of different classes, by index."""
    test = recipe.data.evaluate.split_rule(store)(store).test
    test = test[np.argsort(-store.num_frames[test], kind="stable")]
    chosen: list[int] = []
    for index in test.tolist():
        if all(store.labels[index] != store.labels[other] for other in chosen):
            chosen.append(index)
        if len(chosen) == NUM_EXAMPLES:
            break
    return chosen


@torch.inference_mode()
def _plot_example(index: int, store: SequenceStore, recipe: Recipe, method: Method) -> Figure | None:
    """Plot the reconstruction of a recording; None if the method reconstructs no positions."""
    device = next(method.parameters()).device
    batch = recipe.data.clips.loader(store, np.array([index]), batch_size=1, device=device).batch(0, 0)
    reconstruction = method.reconstruct(batch)
    if reconstruction is None:
        return None
    tracks = batch.tracks
    label = store.labels[index]
    return plot_reconstruction(
        tracks.positions[0].cpu().numpy(),
        tracks.observed[0].cpu().numpy(),
        reconstruction.hidden,
        reconstruction.positions,
        store.skeleton,
        title=f"{store.classes[label]} ({store.name(index)})" if label >= 0 else store.name(index),
    )
