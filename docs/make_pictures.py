"""Make docs/images/rebuilt.png from the model of a demo: `python docs/make_pictures.py runs/demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.datasets import DATASETS
from skeletonmae.report import picture_rebuilt, save_picture
from skeletonmae.sequences import SequenceStore


def main() -> None:
    """Draw the first long test recording of an action."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path, help="folder of a finished demo")
    parser.add_argument("--action", default="kick", help="which action to show")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images" / "rebuilt.png")
    given = parser.parse_args()
    checkpoint = load_checkpoint(given.demo / "pretrained")
    store = SequenceStore.open(given.demo / "store")
    test = DATASETS[store.datasets[0]].splits[DATASETS[store.datasets[0]].default_split](store).test
    index = next(i for i in test.tolist() if store.classes[store.labels[i]] == given.action)
    batch = checkpoint.header.clips.loader(store, np.array([index]), batch_size=1).batch(0, 0)
    rebuilt = checkpoint.method.rebuild(batch)
    if rebuilt is None:
        raise SystemExit("this method rebuilds no positions")
    positions, observed = batch.positions[0, 0].numpy(), batch.observed[0, 0].numpy()
    figure = picture_rebuilt(positions, observed, rebuilt.hidden, rebuilt.positions, store.skeleton, title="")
    save_picture(figure, given.out)


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
