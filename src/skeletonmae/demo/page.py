"""The report of a demo: what came out, what the model saw, how it learned."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from skeletonmae.evaluation import Result
from skeletonmae.methods import Method
from skeletonmae.recipe import Recipe
from skeletonmae.report import Page, picture_accuracies, picture_confusion, picture_curves, picture_rebuilt
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import read_log

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def demo_page(results: list[Result], recipe: Recipe, store: SequenceStore, method: Method, out: Path) -> Page:
    """The report of a demo.

    Args:
        results: with and without pre-training.
        recipe: of the demo.
        store: its recordings.
        method: pre-trained.
        out: the demo's folder, for the log.

    Raises:
        InputError: matplotlib is not installed.
    """
    groups: dict[tuple[str, bool, float], list[Result]] = {}
    for result in results:
        groups.setdefault((result.name, result.pretrained, result.label_fraction), []).append(result)
    rows = []
    for (name, pretrained, fraction), group in groups.items():
        top1 = [100 * result.top1 for result in group]
        label = f"{name}, {fraction:.0%}, {'pre-trained' if pretrained else 'scratch'}"
        rows.append((label, statistics.fmean(top1), statistics.stdev(top1) if len(top1) > 1 else None))
    rows.sort(key=lambda row: row[0])
    few = [row for row in rows if row[0].startswith("finetune")]
    gain = few[1][1] - few[0][1] if len(few) == 2 else 0.0
    with_few = [r for r in results if r.protocol == "finetune" and r.pretrained]
    log = read_log(out / "pretrained")
    title = f"skeletonmae on {store.datasets[0]}"
    page = Page(title, "What a masked auto-encoder learned from motion without labels, and how far that carries.")
    page.numbers(
        [
            (f"{len(store)}", "recordings"),
            (f"{len(store.classes)}", "actions"),
            (f"{with_few[0].num_train}", f"labelled clips ({with_few[0].label_fraction:.0%})"),
            (f"{rows_mean(with_few):.1f} %", "right with pre-training"),
            (f"{-gain if few and 'scratch' in few[1][0] else gain:+.1f}", "points over training from scratch"),
        ]
    )
    page.heading(f"Accuracy on {with_few[0].num_test} test clips")
    page.paragraph(f"Kept out of all training: {_in_words(recipe, store)}. Spread is the deviation over seeds.")
    pretrained_rows = [row[0] for row in rows if "scratch" not in row[0]]
    figure = picture_accuracies(rows, highlight=pretrained_rows, title="Top-1 accuracy")
    page.picture(figure, "Bars of top-1 accuracy, with and without pre-training")
    page.table(
        ["protocol", "encoder", "labels", "seed", "training clips", "test clips", "top-1 %", "top-5 %"],
        [
            [
                r.name,
                "pre-trained" if r.pretrained else "not pre-trained",
                f"{r.label_fraction:.0%}",
                str(r.seed),
                str(r.num_train),
                str(r.num_test),
                f"{100 * r.top1:.1f}",
                f"{100 * r.top5:.1f}",
            ]
            for r in results
        ],
    )
    page.heading("What it is asked in pre-training")
    page.paragraph(
        "Most of the tokens (a few frames of one joint) are hidden. The encoder sees the others, and the decoder "
        "says where the hidden joints were. A hidden token is drawn with its true mean and spread, as usual for "
        "normalised targets."
    )
    for index in _examples(store, recipe):
        pictured = _rebuilt(index, store, recipe, method)
        if pictured:
            page.picture(pictured, f"Original, masked and rebuilt motion of recording {store.name(index)}")
    page.heading("How it learned")
    curve = {"loss": ([row["epoch"] for row in log], [row["loss"] for row in log])}
    page.picture(
        picture_curves(curve, xlabel="epoch", ylabel="loss", title="Pre-training"), "The loss over epochs"
    )
    page.heading("What is taken for what")
    best = with_few[0]
    figure = picture_confusion(
        np.array(best.confusion), best.classes, title=f"Fine-tuned on {best.num_train} clips"
    )
    page.picture(figure, "Confusion matrix of the fine-tuned classifier on the test clips")
    return page


def _in_words(recipe: Recipe, store: SequenceStore) -> str:
    rule = recipe.data.evaluate.rule(store)
    if rule.kind == "tag":
        return f"{rule.tag} {', '.join(rule.test)}"
    by = rule.by if rule.by and len(store.tags.get(rule.by, ())) > 1 else None
    return f"{rule.test_share:.0%} of the {by or 'recording'}s"


def rows_mean(results: list[Result]) -> float:
    """Mean top-1 accuracy in percent."""
    return 100 * statistics.fmean(result.top1 for result in results)


def _examples(store: SequenceStore, recipe: Recipe) -> list[int]:
    """Two test recordings of different actions, long enough to show something."""
    source = recipe.data.evaluate
    test = source.rule(store)(store).test
    test = test[np.argsort(-store.num_frames[test], kind="stable")]
    chosen: list[int] = []
    for index in test.tolist():
        if all(store.labels[index] != store.labels[other] for other in chosen):
            chosen.append(index)
        if len(chosen) == 2:
            break
    return chosen


@torch.inference_mode()
def _rebuilt(index: int, store: SequenceStore, recipe: Recipe, method: Method) -> Figure | None:
    device = next(method.parameters()).device
    batch = recipe.data.clips.loader(store, np.array([index]), batch_size=1, device=device).batch(0, 0)
    rebuilt = method.rebuild(batch)
    if rebuilt is None:
        return None
    tracks = batch.tracks
    label = store.labels[index]
    return picture_rebuilt(
        tracks.positions[0].cpu().numpy(),
        tracks.observed[0].cpu().numpy(),
        rebuilt.hidden,
        rebuilt.positions,
        store.skeleton,
        title=f"{store.classes[label]} ({store.name(index)})" if label >= 0 else store.name(index),
    )
