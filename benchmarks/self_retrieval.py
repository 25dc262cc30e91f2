"""Measure how often a converted recording is nearest to itself among 1,000.

    OMP_NUM_THREADS=1 python benchmarks/self_retrieval.py kinect20 --stores stores

The recordings are 1,000 of the test sides of UTD-MHAD and Kinder-Gator: 3D, `kinect20`, 30 frames per second. The
gallery has their features (one view; pooling `parts`, or the one that the column names). A query is one of them,
converted: to 15 frames per second; to the layout `coco17`; to the 2D coordinates of a random camera; to all three.
The camera has a random direction around the body, an elevation of -15 to 45 degrees, a roll of up to 10 degrees,
and a distance of 2 to 6 meters; its image is a perspective one in pixels. Features are centered by the mean of the
gallery and compared by their cosine.

`random direction` draws the camera from all around the body, `front` from the 60 degrees to either side of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import encoder_features
import numpy as np
import torch
from encoder_noise import features
from environment import facts

from skeletonmae import SkeletonEncoder
from skeletonmae.datasets import DATASETS, RecordingConverter
from skeletonmae.errors import InputError
from skeletonmae.evaluation.features import center_and_normalize
from skeletonmae.methods import Pooling
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import COCO17

SETS = ("utd_mhad", "kinder_gator")
NUM_RECORDINGS = 1000
FILE = Path(__file__).with_suffix(".json")
FOCAL_LENGTH, IMAGE_CENTER = 1000.0, (960.0, 540.0)
Change = Callable[[SkeletonSequence, np.random.Generator], SkeletonSequence]


def half_rate(recording: SkeletonSequence, _rng: np.random.Generator) -> SkeletonSequence:
    """Return every second frame."""
    assert recording.fps is not None
    return replace(
        recording,
        positions=recording.positions[:, ::2],
        observed=recording.observed[:, ::2],
        fps=recording.fps / 2,
    )


def to_coco17(recording: SkeletonSequence, _rng: np.random.Generator) -> SkeletonSequence:
    """Return the recording in another layout."""
    return RecordingConverter(COCO17)(recording)


def film(recording: SkeletonSequence, rng: np.random.Generator, max_yaw: float = 180.0) -> SkeletonSequence:
    """Return the image of a random camera, in pixels.

    Args:
        recording: In meters, y up, z away from the camera.
        rng: Draws the camera.
        max_yaw: Largest angle between the directions of the two cameras, in degrees.
    """
    yaw, pitch, roll = np.radians([rng.uniform(-max_yaw, max_yaw), rng.uniform(-15, 45), rng.uniform(-10, 10)])
    rotation = _about(2, roll) @ _about(0, -pitch) @ _about(1, yaw)
    observed = recording.observed
    middle = recording.positions[observed].mean(0)
    turned = (recording.positions - middle) @ rotation.T
    depth = np.maximum(turned[..., 2] + rng.uniform(2.0, 6.0), 0.2)
    image = np.stack([-turned[..., 0], -turned[..., 1]], -1) * FOCAL_LENGTH / depth[..., None] + IMAGE_CENTER
    positions = np.where(observed[..., None], image, 0).astype(np.float32)
    return replace(recording, positions=positions, unit="px")


def film_front(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """Return the image of a random camera in front of the body."""
    return film(recording, rng, 60.0)


def film_all_around(recording: SkeletonSequence, rng: np.random.Generator) -> SkeletonSequence:
    """Return the image of a random camera around the body."""
    return film(recording, rng)


CHANGES: dict[str, tuple[Change, ...]] = {
    "nothing": (),
    "15 fps": (half_rate,),
    "coco17": (to_coco17,),
    "coco17, 15 fps": (to_coco17, half_rate),
    "2D, front": (film_front,),
    "2D, random direction": (film_all_around,),
    "2D, front, coco17, 15 fps": (to_coco17, film_front, half_rate),
    "2D, random direction, coco17, 15 fps": (to_coco17, film_all_around, half_rate),
}


def measure(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence], pooling: Pooling = "parts"
) -> dict[str, dict[str, float] | None]:
    """Return how often each change keeps a recording nearest to itself; None if the encoder cannot read it."""
    gallery = features(encoder, recordings, pooling)
    return {name: _retrieve(encoder, gallery, recordings, changes, pooling) for name, changes in CHANGES.items()}


def ranks(gallery: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return the rank of each query's own row in the gallery, the nearest is 0; others win a tie."""
    first, second = center_and_normalize(torch.from_numpy(gallery), torch.from_numpy(queries))
    similarity = second @ first.T
    own = similarity.diagonal()[:, None]
    return np.asarray(((similarity >= own).sum(1) - 1).numpy())


def _retrieve(
    encoder: SkeletonEncoder,
    gallery: np.ndarray,
    recordings: list[SkeletonSequence],
    changes: tuple[Change, ...],
    pooling: Pooling,
) -> dict[str, float] | None:
    changed = []
    for number, recording in enumerate(recordings):
        rng = np.random.default_rng([0, number])
        for change in changes:
            recording = change(recording, rng)
        changed.append(recording)
    try:
        rank = ranks(gallery, features(encoder, changed, pooling))
    except InputError:
        return None
    top = {f"top{count}": float((rank < count).mean()) for count in (1, 5)}
    return {**top, "median_rank": float(np.median(rank)) + 1}


def read_recordings(stores: Path, num_recordings: int = NUM_RECORDINGS) -> list[SkeletonSequence]:
    """Return recordings of the test sides, with names that are unique."""
    recordings = []
    for name in SETS:
        store = SequenceStore.open(stores / name)
        dataset = DATASETS[store.datasets[0]]
        for index in dataset.splits[dataset.default_split](store).test:
            recordings.append(replace(store[index], name=f"{name}/{store.name(index)}", label=None, tags={}))
    recordings = [one for one in recordings if one.observed.any() and one.num_frames > 1]
    order = np.random.default_rng(0).permutation(len(recordings))[:num_recordings]
    return [recordings[index] for index in order]


def _about(axis: int, angle: float) -> np.ndarray:
    """Return the matrix of a rotation about an axis."""
    one, other = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[one, one] = rotation[other, other] = np.cos(angle)
    rotation[one, other], rotation[other, one] = -np.sin(angle), np.sin(angle)
    return rotation


def page(result: dict[str, Any]) -> str:
    """Return the page of the results, in Markdown."""
    text = (__doc__ or "").split("\n\n", 2)[2]
    names = list(result["encoders"])
    lines = []
    for change in CHANGES:
        cells = []
        for name in names:
            found = result["encoders"][name]["results"].get(change)
            cells.append(
                "not read"
                if found is None
                else f"{100 * found['top1']:.1f} / {100 * found['top5']:.1f} / {found['median_rank']:.0f}"
            )
        lines.append(f"| {change} | {' | '.join(cells)} |")
    runs = "\n".join(
        f"- {name}, {one['num_recordings']:,} recordings, {one['date']}, {one['commit']}: `{one['command']}`"
        f"{_weights(one)}"
        for name, one in result["encoders"].items()
    )
    return f"""<!-- Written by benchmarks/self_retrieval.py. -->
# Converted recordings that find themselves

{text}
Share of the queries that are nearest to themselves, that are among the five nearest, both in percent, and the
median rank of a query's own recording, where 1 is the nearest. By chance, the share is 0.1 %.

| converted to | {" | ".join(names)} |
|---|{"---|" * len(names)}
{chr(10).join(lines)}

{runs}
"""


def _weights(row: dict[str, Any]) -> str:
    return f", SHA-256 of the weights `{row['weights'][:12]}`" if "weights" in row else ""


def main() -> None:
    """Measure an encoder, and write the results and their page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", help="name, checkpoint, folder of a run, or `untrained NAME`")
    parser.add_argument("--name", default="", help="what the encoder is called in the results")
    parser.add_argument("--pooling", choices=get_args(Pooling), default="parts", help="what the features are")
    parser.add_argument("--stores", type=Path, default=Path("stores"))
    parser.add_argument("--out", type=Path, default=FILE, help="JSON to add to; the page lies beside it")
    options = parser.parse_args()
    result = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {"encoders": {}}
    encoder = encoder_features.load(options.encoder)
    recordings = read_recordings(options.stores)
    row = {
        **facts("OMP_NUM_THREADS=1"),
        **encoder_features.identity(options.encoder),
        "num_recordings": len(recordings),
        "results": measure(encoder, recordings, options.pooling),
    }
    print(json.dumps(row["results"]), flush=True)
    pooling = "" if options.pooling == "parts" else f", {options.pooling}"
    result["encoders"][(options.name or options.encoder) + pooling] = row
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    options.out.with_suffix(".md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
