"""The ablations of the graph SkeletonMAE in benchmarks/graph_proof.py: one change of the proven setting at a time.

They are tested on the test side of Penn Action, with a tenth of the labels, after the setting was chosen; nothing
is chosen by them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graph_plan import BASE, CONTEXT, DRAWS, HIDING, IDENTITY, TARGETS, Cell, merged, pretrain_cell

DATASET, PRETRAININGS = "penn_action", 2
SETTING = (*BASE, IDENTITY, CONTEXT)
MIN_STEPS, ENCODER_LR, DEPTH = 1600, 0.1, 1
"""Steps of pre-training, factor of the encoder's rate on both sides, and layers of STRL."""


@dataclass(frozen=True)
class Ablation:
    """A change of the setting.

    Args:
        what: What is changed.
        value: What it is changed to.
        changes: Settings of the method that differ.
        network: Whether the network that is fine-tuned differs too, so that it has a baseline from scratch of its
            own.
        min_steps: Steps of pre-training.
    """

    what: str
    value: str
    changes: tuple[str, ...] = ()
    network: bool = False
    min_steps: int = MIN_STEPS


def _hide(parts: str) -> str:
    return f"method.joint_masking={{kind: parts, parts: [{parts}]}}"


def _random_parts(number: int) -> str:
    return f"method.joint_masking={{kind: random_parts, num_parts: {number}}}"


def _random_joints(ratio: float) -> str:
    return f"method.joint_masking={{kind: random_joints, ratio: {ratio:g}}}"


_PARTS = ("head", "torso", "left_arm", "right_arm", "left_leg", "right_leg")
ABLATIONS = (
    Ablation("setting", "of the proof"),
    Ablation("target", "embedding", (TARGETS["embedding"],)),
    Ablation("target", "centered", (TARGETS["centered"],)),
    Ablation("frame context", "none", ("method.frame_context=false",)),
    Ablation("identity of joints", "none", ("method.joint_identity=none",), network=True),
    Ablation("steps", "400", min_steps=400),
    Ablation("hidden", "right arm and leg", (HIDING["right arm and leg"],)),
    Ablation("hidden", "half of the joints, at random", (_random_joints(0.5),)),
    Ablation("hidden", "a random part", (_random_parts(1),)),
    Ablation("hidden", "three random parts", (_random_parts(3),)),
    Ablation("layers of the encoder", "1", ("method.depth=1",), network=True),
    Ablation("layers of the encoder", "2", ("method.depth=2",), network=True),
    Ablation("layers of the encoder", "4", ("method.depth=4",), network=True),
    *(Ablation("hidden", part.replace("_", " "), (_hide(part),)) for part in _PARTS),
    Ablation("GNN layer", "GCN", ("method.gnn=gcn",), network=True),
    Ablation("GNN layer", "GAT", ("method.gnn=gat",), network=True),
    Ablation("hidden", "a quarter of the joints, at random", (_random_joints(0.25),)),
    Ablation("hidden", "three quarters of the joints, at random", (_random_joints(0.75),)),
    Ablation("layers of the decoder", "2", ("method.decoder_depth=2",)),
    Ablation("hidden joints zeroed before the decoder", "yes", ("method.remask=true",)),
)
"""In the order in which they are run; the first is the setting itself."""


def pretrained_cells(ablation: Ablation, seed: int) -> list[Cell]:
    """Return the fine-tunings of a pre-training, one for each draw of the labels."""
    settings = merged(SETTING, ablation.changes)
    start = pretrain_cell(DATASET, "test", settings, seed, min_steps=ablation.min_steps)
    return [_finetune(start, list(start["settings"]), draw) for draw in range(DRAWS)]


def scratch_cells(ablation: Ablation) -> list[Cell]:
    """Return the trainings of the same network from scratch, one for each draw of the labels."""
    changes = ablation.changes if ablation.network else ()
    return [_finetune(None, list(merged((*BASE, IDENTITY), changes)), draw) for draw in range(DRAWS)]


def ablation_cells() -> Iterator[Cell]:
    """Yield all fine-tunings, the first pre-training of every ablation before the second of any."""
    for seed in range(PRETRAININGS):
        for ablation in ABLATIONS:
            yield from pretrained_cells(ablation, seed)
            yield from scratch_cells(ablation)


def _finetune(start: Cell | None, settings: list[str], draw: int) -> Cell:
    names = {"kind": "finetune", "dataset": DATASET, "part": "test", "start": start, "settings": settings}
    training = {"encoder_lr": ENCODER_LR}
    return names | {"fraction": 0.1, "draw": draw, "depth": DEPTH, "training": training}
