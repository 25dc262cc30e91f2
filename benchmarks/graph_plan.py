"""Which pre-trainings and fine-tunings benchmarks/graph_proof.py runs, in which order, and what it chooses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import Any

Cell = dict[str, Any]
Row = tuple[str, int, float]
"""Name of a pre-training or of a network from scratch, layers of STRL, and factor of the encoder's rate."""
SELECTION_SETS = ("penn_action", "nw_ucla")
PROOF_SETS = ("penn_action", "nw_ucla", "pyskl_sample", "utd_mhad")
DRAWS_TO_SELECT, DRAWS, PRETRAININGS = 4, 5, 3
PRETRAINING = {"batch_size": 64, "epochs": 1, "min_steps": 400, "warmup_epochs": 2.0}
"""About 400 steps on every set, with the rate of the recipe."""
RATES = (0.1, 1.0, 0.0)
"""Factors of the encoder's learning rate in fine-tuning; 0 freezes it."""
DEPTHS = (1, 3)
"""Layers of STRL: in the selection and in the proof, and another number in the proof on one set."""

TARGETS = {name: f"method.target={name}" for name in ("coordinates", "centered", "embedding")}
HIDING = {
    "random parts": "method.joint_masking={kind: random_parts, num_parts: 2}",
    "right arm and leg": "method.joint_masking={kind: parts, parts: [right_arm, right_leg]}",
    "random joints": "method.joint_masking={kind: random_joints, ratio: 0.5}",
}
BASE = (TARGETS["coordinates"], HIDING["random parts"])

IDENTITY, CONTEXT = "method.joint_identity=all", "method.frame_context=true"
WHOLE = "method.pretrain_strl=true"
POOL = "pool"
"""Half of the batches from the training sides of other datasets, which `POOLS` names."""
_CAMERAS = "data.pretrain=[{{store: stores/graph_pool{}, use: all, share: 1}}]"
_KINECT = "data.pretrain=[{}]"
_SHARE = "{{store: stores/pool/{}, use: all, share: 0.33}}"


def _kinect(*others: str) -> str:
    return _KINECT.format(", ".join(map(_SHARE.format, (*others, "msr_action3d", "kinder_gator"))))


POOLS = {
    "penn_action": _CAMERAS.format(""),
    "pyskl_sample": _CAMERAS.format("_coco17"),
    "nw_ucla": _kinect("utd_mhad"),
    "utd_mhad": _kinect("nw_ucla"),
}
"""For 2D datasets, 3D recordings as random cameras see them (scripts/graph_pool.py, one camera each); for 3D ones,
the other datasets of the same sensor. The stores have no copies of a test side (scripts/encoder_pool.py)."""

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
    "identity, 1,600 steps": ((IDENTITY,), {"min_steps": 1600}),
    "identity, 3,200 steps": ((IDENTITY,), {"min_steps": 3200}),
    "identity, decoder_depth 3": ((IDENTITY, "method.decoder_depth=3"), {}),
    "identity, remask, decoder_depth 3": ((IDENTITY, "method.remask=true", "method.decoder_depth=3"), {}),
    "identity, depth 5": ((IDENTITY, "method.depth=5"), {}),
    "identity, window 5": ((IDENTITY, "method.window=5"), {}),
    "identity, width 128": ((IDENTITY, "method.width=128"), {}),
    "identity, frame context": ((IDENTITY, CONTEXT), {}),
    "identity, frame context, 1,600 steps": ((IDENTITY, CONTEXT), {"min_steps": 1600}),
    "identity, STRL": ((IDENTITY, WHOLE), {}),
    "identity, STRL, 1,600 steps": ((IDENTITY, WHOLE), {"min_steps": 1600}),
    "identity, frame context, pool, 1,600 steps": ((IDENTITY, CONTEXT, POOL), {"min_steps": 1600}),
    "identity, gat": ((IDENTITY, "method.gnn=gat"), {}),
    "identity, target centered": ((IDENTITY, TARGETS["centered"]), {}),
    "identity, 1 random part": ((IDENTITY, "method.joint_masking={kind: random_parts, num_parts: 1}"), {}),
    "identity, 3 random parts": ((IDENTITY, "method.joint_masking={kind: random_parts, num_parts: 3}"), {}),
    "identity, right arm and leg": ((IDENTITY, HIDING["right arm and leg"]), {}),
    "identity, random joints": ((IDENTITY, HIDING["random joints"]), {}),
}
"""Changes of the base, which predicts the coordinates of two random parts: settings of method and of training."""

CANDIDATES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "coordinates, random parts": (BASE, {}),
    "coordinates, random parts, identity": ((*BASE, IDENTITY), {}),
    "coordinates, random parts, identity, 1,600 steps": ((*BASE, IDENTITY), {"min_steps": 1600}),
    "coordinates, random parts, identity, frame context, 1,600 steps": (
        (*BASE, IDENTITY, CONTEXT),
        {"min_steps": 1600},
    ),
    "coordinates, random parts, identity, STRL, 1,600 steps": ((*BASE, IDENTITY, WHOLE), {"min_steps": 1600}),
    "coordinates, random parts, identity, frame context, pool, 1,600 steps": (
        (*BASE, IDENTITY, CONTEXT, POOL),
        {"min_steps": 1600},
    ),
    "centered, random parts": ((TARGETS["centered"], HIDING["random parts"]), {}),
    "embedding, right arm and leg": ((TARGETS["embedding"], HIDING["right arm and leg"]), {}),
}
"""Pre-trainings to choose from: settings of method and of training. They share one network, but for the identity
of joints."""
LATER: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "coordinates, random parts, identity, frame context, 6,400 steps": (
        (*BASE, IDENTITY, CONTEXT),
        {"min_steps": 6400},
    ),
}
"""Pre-trainings that were compared on validation parts after the test, so that they cannot be chosen."""
SCRATCH: dict[str, tuple[str, ...]] = {"from scratch": BASE, "from scratch, identity": (*BASE, IDENTITY)}
"""Networks that are not pre-trained; what the base predicts has no influence on them."""


def pretrain_cell(dataset: str, part: str, settings: tuple[str, ...], seed: int, **training: Any) -> Cell:
    """Return a pre-training."""
    changes = PRETRAINING | training
    names = {"kind": "pretrain", "dataset": dataset, "part": part}
    in_dataset = [POOLS[dataset] if setting == POOL else setting for setting in settings]
    return names | {"settings": in_dataset, "seed": seed, "training": changes}


def finetune_cell(
    name: str,
    dataset: str,
    part: str,
    seed: int,
    draw: int,
    depth: int,
    encoder_lr: float,
    fraction: float = 0.1,
) -> Cell:
    """Return a fine-tuning of a pre-training in `CANDIDATES` or `LATER`, or of a network in `SCRATCH`."""
    settings, training = (CANDIDATES | LATER).get(name, ((), {}))
    start = pretrain_cell(dataset, part, settings, seed, **training) if settings else None
    names = {"kind": "finetune", "dataset": dataset, "part": part, "start": start}
    names["settings"] = start["settings"] if start else list(SCRATCH[name])
    return names | {"fraction": fraction, "draw": draw, "depth": depth, "training": {"encoder_lr": encoder_lr}}


def pretext_cells(dataset: str) -> Iterator[Cell]:
    """Yield the pre-trainings that are compared by their reconstruction error on the validation part."""
    for settings, training in PRETEXT.values():
        yield pretrain_cell(dataset, "selection", merged(BASE, settings), 0, **training)


def merged(settings: tuple[str, ...], changes: tuple[str, ...]) -> tuple[str, ...]:
    """Return settings without those that a change replaces, and the changes."""
    changed = {change.partition("=")[0] for change in changes}
    return (*(setting for setting in settings if setting.partition("=")[0] not in changed), *changes)


def select_cells(lines: dict[str, Any], key: Any) -> Iterator[Cell]:
    """Yield the fine-tunings on the validation parts; which ones follow depends on what has been found so far.

    First all pre-trainings with the first rate, and the networks from scratch with every rate; then the best
    pre-training with the other rates, once the first round is complete.

    Args:
        lines: The finished cells, by their key.
        key: Returns the key of a cell.
    """

    def compare(names: Iterable[str], rates: Iterable[float]) -> Iterator[Cell]:
        for name in names:
            for rate in rates:
                for dataset in SELECTION_SETS:
                    yield from _select(dataset, name, DEPTHS[0], rate)

    first = [*compare(CANDIDATES, RATES[:1]), *compare(SCRATCH, RATES)]
    yield from first
    if all(key(cell) in lines for cell in first):
        means = mean_table(lines, key)
        best = max(CANDIDATES, key=lambda name: means[name, DEPTHS[0], RATES[0]])
        yield from compare([best], RATES[1:])


def _select(dataset: str, name: str, depth: int, rate: float) -> Iterator[Cell]:
    for draw in range(DRAWS_TO_SELECT):
        yield finetune_cell(name, dataset, "selection", 0, draw, depth, rate)


def mean_accuracy(lines: dict[str, Any], cells: Iterator[Cell], key: Any) -> float | None:
    """Return the mean accuracy of cells; None if one is not finished."""
    results = [lines.get(key(cell)) for cell in cells]
    return fmean(line["result"]["top1"] for line in results if line) if all(results) else None


def selection_table(lines: dict[str, Any], key: Any) -> dict[Row, dict[str, float]]:
    """Return the validation accuracy of each name, depth and rate, by dataset."""
    table = {}
    for name in (*SCRATCH, *CANDIDATES, *LATER):
        for depth in DEPTHS:
            for rate in RATES:
                found = {
                    dataset: mean_accuracy(lines, _select(dataset, name, depth, rate), key)
                    for dataset in SELECTION_SETS
                }
                table[name, depth, rate] = {name: value for name, value in found.items() if value is not None}
    return table


def mean_table(lines: dict[str, Any], key: Any) -> dict[Row, float]:
    """Return the mean validation accuracy over the datasets of what is finished on all of them."""
    table = selection_table(lines, key)
    return {row: fmean(found.values()) for row, found in table.items() if len(found) == len(SELECTION_SETS)}


def choose(lines: dict[str, Any], key: Any) -> tuple[Row, Row] | None:
    """Return name, depth and rate with the best mean over the datasets: of all pre-trainings, and from scratch.

    None if the selection is not complete.
    """
    cells = list(select_cells(lines, key))
    if not all(key(cell) in lines for cell in cells):
        return None
    means = mean_table(lines, key)
    pretrained, scratch = (
        max((row for row in means if row[0] in names), key=lambda row: means[row])
        for names in (CANDIDATES, SCRATCH)
    )
    return pretrained, scratch


def proof_cells(chosen: tuple[Row, Row]) -> Iterator[Cell]:
    """Yield the cells of the proof with one setting for all datasets, the most telling first."""

    def each(cells: Any, seeds: Iterable[int]) -> Iterator[Cell]:
        for seed in seeds:
            for dataset in PROOF_SETS:
                for row in chosen:
                    yield from cells(dataset, row, seed)

    first, others = range(1), range(1, PRETRAININGS)
    for seeds, cells in ((first, few_labels), (first, all_labels), (others, few_labels), (others, all_labels)):
        yield from each(cells, seeds)
    for row in chosen:
        for other in other_rows(row):
            for seed in range(PRETRAININGS):
                yield from few_labels(PROOF_SETS[0], other, seed)


def other_rows(row: Row) -> list[Row]:
    """Return the same with the other depth, and with the other rates."""
    name, depth, rate = row
    return [(name, other, rate) for other in DEPTHS if other != depth] + [
        (name, depth, other) for other in RATES if other != rate
    ]


def few_labels(dataset: str, row: Row, seed: int) -> Iterator[Cell]:
    """Yield every draw of a pre-training, or every draw from scratch, which does not depend on it."""
    name, depth, rate = row
    for draw in range(DRAWS):
        yield finetune_cell(name, dataset, "test", seed, draw, depth, rate)


def all_labels(dataset: str, row: Row, seed: int) -> Iterator[Cell]:
    """Yield the fine-tuning of one pre-training with all labels, or one from scratch."""
    name, depth, rate = row
    yield finetune_cell(name, dataset, "test", seed, seed, depth, rate, fraction=1.0)
