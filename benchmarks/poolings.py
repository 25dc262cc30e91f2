"""Compare what frozen features are the mean of, on training subjects, and write poolings.json and poolings.md.

    OMP_NUM_THREADS=1 python benchmarks/poolings.py utd_mhad msr_action3d nw_ucla

Features are those of a block of the encoder: the mean over time and joints of each body part, and after it the
standard deviation over time, without the final norm for all blocks but the last. Heads are fitted as `fit` fits
them, in folds that keep the subjects of the training side apart; no test clip is read. Of several strengths, the
best is shown, which is a little too good, for all rows alike. Of the clips of NW-UCLA, 95 are exact copies of
clips of the test side.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import facts

from skeletonmae.batches import Batch
from skeletonmae.datasets import DATASETS
from skeletonmae.encoders import load_encoder
from skeletonmae.inference.folds import make_folds
from skeletonmae.inference.head_choice import cross_validate
from skeletonmae.inference.head_fitting import LOGISTIC_STRENGTHS, SHRINKAGES, Candidate
from skeletonmae.masking import TokenMask
from skeletonmae.methods.described_pooling import pooled_layout
from skeletonmae.methods.joint_patch_features import _spread, make_patches
from skeletonmae.methods.pooling import pool_statistics
from skeletonmae.sequences import SequenceStore

FILE = Path(__file__).with_suffix(".json")
MAX_CLIPS = 600
"""Training clips of a store, drawn at random if there are more."""
NUM_FOLDS, NUM_BLOCKS = 5, 4
"""Folds, and how many of the last blocks are compared."""
HEADS = ("logistic", "discriminant")


@torch.inference_mode()
def block_features(name: str, store: SequenceStore, index: np.ndarray) -> dict[int, np.ndarray]:
    """Return the means and standard deviations of the last blocks, by the number of the block.

    Args:
        name: Name of an encoder of `joint_patch` that reads any layout, or a checkpoint.
        store: The recordings.
        index: Which of them.
    """
    checkpoint = load_encoder(name)
    encoder: Any = checkpoint.method.encoder
    depth = len(encoder.blocks)
    used = range(depth - NUM_BLOCKS + 1, depth + 1)

    def embed(batch: Batch) -> list[np.ndarray]:
        tracks = batch.tracks
        patches = make_patches(encoder, tracks)
        visible = TokenMask.all_visible(patches.available).visible_index
        skeleton = pooled_layout(tracks.skeleton)
        outputs = encoder.block_outputs(patches, visible, depth)
        rows = []
        for number in used:
            output = encoder.norm(outputs[number - 1]) if number == depth else outputs[number - 1]
            tokens = _spread(output, visible, patches)
            pooled = pool_statistics(tokens, patches.available, skeleton.joints, skeleton)
            rows.append(tracks.mean_over_persons(pooled).float().numpy())
        return rows

    batches = [embed(batch) for batch in checkpoint.header.clips.loader(store, index, batch_size=64).epoch()]
    return {number: np.concatenate([rows[place] for rows in batches]) for place, number in enumerate(used)}


def measure(path: Path, encoder: str) -> list[dict[str, Any]]:
    """Return the accuracy of each head on each kind of features of a store's training side."""
    store = SequenceStore.open(path)
    dataset = DATASETS[path.name]
    train = dataset.splits[dataset.default_split](store).train
    subjects = store.tag("subject")
    tested = set(subjects[dataset.splits[dataset.default_split](store).test].tolist())
    if tested >= set(subjects[train].tolist()):  # a split by camera; benchmarks/doubt.py tests subjects 7 to 9
        train = train[~np.isin(subjects[train], ("7", "8", "9"))]
    train = np.array([one for one in train.tolist() if store[one].observed.any() and store.labels[one] >= 0])
    train = np.sort(np.random.default_rng(0).permutation(train)[:MAX_CLIPS])
    classes, labels = np.unique(store.labels[train], return_inverse=True)
    groups = np.unique(subjects[train], return_inverse=True)[1]
    folds = make_folds(labels, groups, NUM_FOLDS)
    rows = []
    for block, values in block_features(encoder, store, train).items():
        width = values.shape[1] // 2
        for kind, part in (("mean", values[:, :width]), ("mean and deviation", values)):
            candidates = [Candidate("x", "logistic", one) for one in LOGISTIC_STRENGTHS]
            candidates += [Candidate("x", "discriminant", one) for one in SHRINKAGES]
            results = cross_validate({"x": part}, labels, len(classes), folds, candidates)
            best = {
                method: max(choice.accuracy for one, choice in results.items() if one.method == method)
                for method in HEADS
            }
            rows.append(
                {"set": path.name, "clips": len(train), "subjects": len(set(groups)), "block": block, "kind": kind}
                | best
            )
            print(rows[-1], flush=True)
    return rows


def write_page(content: dict[str, Any]) -> None:
    """Write the table."""
    about = content["about"]
    lines = ["<!-- Written by benchmarks/poolings.py. -->", "# What frozen features are the mean of", ""]
    lines += [(__doc__ or "").rpartition("nw_ucla\n")[2].strip(), ""]
    lines += ["| set | clips, subjects | block | features | logistic regression | discriminant analysis |"]
    lines += ["|---|---|---|---|---|---|"]
    for row in content["rows"]:
        cells = [row["set"], f"{row['clips']}, {row['subjects']}", str(row["block"]), row["kind"]]
        cells += [f"{100 * row[method]:.1f}" for method in HEADS]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Percent. Encoder `{content['encoder']}`; {about['date']}, commit {about['commit']}:"]
    lines += [f"{about['processor']}.", ""]
    FILE.with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Measure the named sets; rows of others are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--stores", type=Path, default=Path("stores"))
    parser.add_argument("--encoder", default="small")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    content = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"rows": []}
    for name in arguments.sets:
        new = measure(arguments.stores / name, arguments.encoder)
        others = [row for row in content["rows"] if row["set"] != name]
        content["rows"] = sorted(others + new, key=lambda row: row["set"])
        content |= {"encoder": arguments.encoder, "about": facts("OMP_NUM_THREADS=1")}
        FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        write_page(content)


if __name__ == "__main__":
    main()
