"""Which pre-trainings and fine-tunings benchmarks/graph_proof.py runs, in which order, and what it chooses."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any

Cell = dict[str, Any]
SELECTION_SETS = ("penn_action", "nw_ucla")
PROOF_SETS = ("penn_action", "nw_ucla", "pyskl_sample", "utd_mhad")
DRAWS_TO_SELECT, DRAWS, PRETRAININGS = 4, 5, 3
PRETRAINING = {"batch_size": 64, "epochs": 1, "min_steps": 400, "warmup_epochs": 2.0}
"""About 400 steps on every set, with the rate of the recipe."""
RATES = (0.1, 1.0, 0.0)
"""Factors of the encoder's learning rate in fine-tuning; 0 freezes it."""
DEPTHS = (1, 3)
"""Layers of STRL."""

TARGETS = {name: f"method.target={name}" for name in ("coordinates", "centered", "embedding")}
HIDING = {
    "random parts": "method.joint_masking={kind: random_parts, num_parts: 2}",
    "right arm and leg": "method.joint_masking={kind: parts, parts: [right_arm, right_leg]}",
    "random joints": "method.joint_masking={kind: random_joints, ratio: 0.5}",
}
BASE = (TARGETS["coordinates"], HIDING["random parts"])

IDENTITY = "method.joint_identity=all"
PRETEXT: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "base": ((), {}),
    "target centered": ((TARGETS["centered"],), {}),
    "target embedding": ((TARGETS["embedding"],), {}),
    "decoder_depth 3": (("method.decoder_depth=3",), {}),
    "window 3": (("method.window=3",), {}),
    "joint_identity hidden": (("method.joint_identity=hidden",), {}),
    "joint_identity all": ((IDENTITY,), {}),
    "identity, lr 5e-3": ((IDENTITY,), {"lr": 5e-3}),
    "identity, 800 steps": ((IDENTITY,), {"min_steps": 800}),
    "identity, decoder_depth 3": ((IDENTITY, "method.decoder_depth=3"), {}),
    "identity, remask, decoder_depth 3": ((IDENTITY, "method.remask=true", "method.decoder_depth=3"), {}),
    "identity, depth 5": ((IDENTITY, "method.depth=5"), {}),
    "identity, window 5": ((IDENTITY, "method.window=5"), {}),
    "identity, width 128": ((IDENTITY, "method.width=128"), {}),
    "identity, gat": ((IDENTITY, "method.gnn=gat"), {}),
    "identity, target centered": ((IDENTITY, TARGETS["centered"]), {}),
    "identity, 1 random part": ((IDENTITY, "method.joint_masking={kind: random_parts, num_parts: 1}"), {}),
    "identity, 3 random parts": ((IDENTITY, "method.joint_masking={kind: random_parts, num_parts: 3}"), {}),
    "identity, right arm and leg": ((IDENTITY, HIDING["right arm and leg"]), {}),
    "identity, random joints": ((IDENTITY, HIDING["random joints"]), {}),
}
"""Changes of the base, which predicts the coordinates of two random parts: settings of method and of training."""

CANDIDATES: dict[str, tuple[str, ...]] = {
    "coordinates, random parts": BASE,
    "centered, random parts": (TARGETS["centered"], HIDING["random parts"]),
    "embedding, random parts": (TARGETS["embedding"], HIDING["random parts"]),
    "coordinates, right arm and leg": (TARGETS["coordinates"], HIDING["right arm and leg"]),
    "coordinates, random joints": (TARGETS["coordinates"], HIDING["random joints"]),
    "embedding, right arm and leg": (TARGETS["embedding"], HIDING["right arm and leg"]),
}
"""Targets and hiding to choose from."""


def pretrain_cell(dataset: str, part: str, settings: tuple[str, ...], seed: int, **training: Any) -> Cell:
    """Return a pre-training."""
    changes = PRETRAINING | training
    names = {"kind": "pretrain", "dataset": dataset, "part": part}
    return names | {"settings": list(settings), "seed": seed, "training": changes}


def finetune_cell(
    dataset: str, part: str, start: Cell | None, *, draw: int, depth: int, encoder_lr: float, fraction: float = 0.1
) -> Cell:
    """Return a fine-tuning, from scratch if it has no start."""
    names = {"kind": "finetune", "dataset": dataset, "part": part, "start": start}
    settings = start["settings"] if start else list(BASE)
    training = {"encoder_lr": encoder_lr}
    return names | {
        "settings": settings, "fraction": fraction, "draw": draw, "depth": depth, "training": training,
    }  # fmt: skip


def pretext_cells(dataset: str) -> Iterator[Cell]:
    """Yield the pre-trainings that are compared by their reconstruction error on the validation part."""
    for settings, training in PRETEXT.values():
        yield pretrain_cell(dataset, "selection", merged(BASE, settings), 0, **training)


def merged(settings: tuple[str, ...], changes: tuple[str, ...]) -> tuple[str, ...]:
    """Return settings without those that a change replaces, and the changes."""
    changed = {change.partition("=")[0] for change in changes}
    return (*(setting for setting in settings if setting.partition("=")[0] not in changed), *changes)


def select_cells() -> Iterator[Cell]:
    """Yield the fine-tunings on the validation parts; from scratch and the first candidate come first."""
    first, *others = CANDIDATES
    for depth in DEPTHS:
        for candidates in ((None, first), others):
            for rate in RATES:
                for dataset in SELECTION_SETS:
                    for candidate in candidates:
                        yield from _select(dataset, candidate, depth, rate)


def _select(dataset: str, candidate: str | None, depth: int, rate: float) -> Iterator[Cell]:
    start = pretrain_cell(dataset, "selection", CANDIDATES[candidate], 0) if candidate else None
    for draw in range(DRAWS_TO_SELECT):
        yield finetune_cell(dataset, "selection", start, draw=draw, depth=depth, encoder_lr=rate)


def mean_accuracy(lines: dict[str, Any], cells: Iterator[Cell], key: Any) -> float | None:
    """Return the mean accuracy of cells; None if one is not finished."""
    results = [lines.get(key(cell)) for cell in cells]
    return fmean(line["result"]["top1"] for line in results) if all(results) else None


def selection_table(lines: dict[str, Any], key: Any) -> dict[tuple[str | None, int, float], dict[str, float]]:
    """Return the validation accuracy of each candidate (None is from scratch), depth and rate, by dataset."""
    table = {}
    for candidate in (None, *CANDIDATES):
        for depth in DEPTHS:
            for rate in RATES:
                found = {
                    dataset: mean_accuracy(lines, _select(dataset, candidate, depth, rate), key)
                    for dataset in SELECTION_SETS
                }
                table[candidate, depth, rate] = {name: value for name, value in found.items() if value is not None}
    return table


def choose(table: dict[tuple[str | None, int, float], dict[str, float]]) -> tuple[str, int, float, float] | None:
    """Return candidate, depth and rate with the best mean over the datasets, and the best rate from scratch.

    The rate from scratch is chosen for the same depth. None if no candidate is finished on all datasets.
    """
    means = {row: fmean(found.values()) for row, found in table.items() if len(found) == len(SELECTION_SETS)}
    pretrained = [row for row in means if row[0] is not None]
    if not pretrained:
        return None
    candidate, depth, rate = max(pretrained, key=lambda row: means[row])
    scratch = [row for row in means if row[0] is None and row[1] == depth]
    return str(candidate), depth, rate, max(scratch, key=lambda row: means[row])[2]


def proof_cells(candidate: str, depth: int, rate: float, scratch_rate: float) -> Iterator[Cell]:
    """Yield the cells of the proof with one setting for all datasets, a tenth of the labels first."""
    settings = CANDIDATES[candidate]
    for dataset in PROOF_SETS:
        yield from few_labels(dataset, settings, depth, rate)
        yield from few_labels(dataset, None, depth, scratch_rate)
    other_depth = next(other for other in DEPTHS if other != depth)
    for other, other_rate in ((other_depth, rate), *((depth, each) for each in RATES if each != rate)):
        yield from few_labels(PROOF_SETS[0], settings, other, other_rate)
    for other, other_rate in (
        (other_depth, scratch_rate),
        *((depth, each) for each in RATES if each != scratch_rate),
    ):
        yield from few_labels(PROOF_SETS[0], None, other, other_rate)
    for seed in range(PRETRAININGS):
        for dataset in PROOF_SETS:
            yield all_labels(dataset, settings, depth, rate, seed)
            yield all_labels(dataset, None, depth, scratch_rate, seed)


def few_labels(dataset: str, settings: tuple[str, ...] | None, depth: int, rate: float) -> Iterator[Cell]:
    """Yield every draw of every pre-training, or every draw from scratch."""
    for seed in range(PRETRAININGS if settings else 1):
        start = pretrain_cell(dataset, "test", settings, seed) if settings else None
        for draw in range(DRAWS):
            yield finetune_cell(dataset, "test", start, draw=draw, depth=depth, encoder_lr=rate)


def all_labels(dataset: str, settings: tuple[str, ...] | None, depth: int, rate: float, seed: int) -> Cell:
    """Return the fine-tuning of one pre-training with all labels, or one from scratch."""
    start = pretrain_cell(dataset, "test", settings, seed) if settings else None
    return finetune_cell(dataset, "test", start, draw=seed, depth=depth, encoder_lr=rate, fraction=1.0)
