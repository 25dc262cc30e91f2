"""Make docs/images/rebuilt_<method>.png: `python docs/make_pictures.py runs/pictures`.

Each method is pre-trained on synthetic motion, for some minutes on one core, and reconstructs the same
test recording.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skeletonmae import datasets, runs
from skeletonmae.checkpoint import Checkpoint, load_checkpoint
from skeletonmae.demo.run import NUM_SYNTHETIC, demo_recipe
from skeletonmae.plotting import plot_reconstruction, save_figure
from skeletonmae.recipe import recipe_from
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import DistributedContext

IMAGES = Path(__file__).parent / "images"
GRAPH: dict[str, Any] = {
    "masking": None,
    "method": {
        "kind": "graph",
        "joint_masking": {"kind": "parts", "parts": ["right_arm", "right_leg"]},
        "target": "embedding",
        "joint_identity": "none",
        "frame_context": False,
        "remask": True,
    },
    "training": {"epochs": 12, "warmup_epochs": 1, "optimizer": "adam", "weight_decay": 0.0},
}
MODELS: dict[str, dict[str, Any]] = {
    "joint_patch": {},  # the model of the demo
    "mamp": {"masking": {"kind": "motion_aware", "ratio": 0.8}, "method": {"target": "motion"}},
    "sttformer": {
        "masking": {"kind": "spatial_temporal", "frame_ratio": 0.3, "joint_ratio": 0.3},
        "method": {
            "kind": "sttformer",
            "tuple_frames": 6,
            "widths": [32, 32, 64],
            "decoder_widths": [32],
            "target_norm": "clip",
        },
        "training": {"epochs": 6, "warmup_epochs": 1},
    },
    "graph": GRAPH,
    "graph_unzeroed": GRAPH | {"method": GRAPH["method"] | {"remask": False}},
}
"""Differences from the recipe of the demo. A section of another kind replaces that of the demo entirely."""


def main() -> None:
    """Prepare the motion, pre-train the missing models and draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder for the motion and the models")
    parser.add_argument("--method", choices=MODELS, action="append", help="draw only this method; can be repeated")
    parser.add_argument("--action", default="kick", help="action to draw")
    given = parser.parse_args()
    folder = given.folder / "store"
    if not folder.exists():
        datasets.prepare(replace(datasets.SYNTHETIC, num_recordings=NUM_SYNTHETIC), Path(), folder)
    store = SequenceStore.open(folder)
    test = datasets.DATASETS["synthetic"].splits["subject"](store).test
    index = next(i for i in test.tolist() if store.classes[store.labels[i]] == given.action)
    for name in given.method or MODELS:
        draw(name, pretrained(name, store, given.folder), store, index)


def pretrained(name: str, store: SequenceStore, folder: Path) -> Checkpoint:
    """Return the model of that name, trained now or by an earlier call."""
    device = torch.device("cpu")
    tree = demo_recipe(store, folder / "store", device).model_dump() | {"evaluation": [{"kind": "linear"}]}
    for section, settings in MODELS[name].items():
        replaces = settings is None or settings.get("kind", tree[section].get("kind")) != tree[section].get("kind")
        tree[section] = settings if replaces else tree[section] | settings
    run = folder / name
    return load_checkpoint(runs.pretrain(recipe_from(tree, name), run, DistributedContext(0, 1, device)))


def draw(name: str, model: Checkpoint, store: SequenceStore, index: int) -> None:
    """Draw one recording: the original, the masked one and the reconstruction."""
    batch = model.header.clips.loader(store, np.array([index]), batch_size=1).batch(0, 0)
    reconstruction = model.method.reconstruct(batch)
    if reconstruction is None:
        raise SystemExit(f"{name} does not predict positions")
    positions, observed = batch.positions[0, 0].numpy(), batch.observed[0, 0].numpy()
    figure = plot_reconstruction(
        positions, observed, reconstruction.hidden, reconstruction.positions, store.skeleton
    )
    save_figure(figure, IMAGES / f"rebuilt_{name}.png")


if __name__ == "__main__":
    main()
