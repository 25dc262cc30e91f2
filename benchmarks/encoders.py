"""Measure frozen encoders beside the same network untrained and a ridge classifier on the coordinates.

    OMP_NUM_THREADS=1 python benchmarks/encoders.py kinect20 "untrained kinect20" ridge --stores stores
    OMP_NUM_THREADS=1 python benchmarks/encoders.py --page        # writes the page again

An encoder is the name of a shipped one, a checkpoint, or the folder of a run. Results are added to the file, by
encoder, dataset and protocol; features are kept in `runs/encoder_features`, so that a second call is fast.

Features are the means of six body parts of the middle view (`parts`), once over all of a clip and once over each
eighth of it (`parts, 8 times`), and the means and deviations over time of these parts from a block inside the
encoder (`statistics`, which `fit` takes; found on training subjects of UTD-MHAD, MSR-Action3D and NW-UCLA).

`linear` is a linear classifier of standardized features with all labels of the training side: logistic
regression; for `statistics` and `coordinates, linear`, that or linear discriminant analysis. `few` is the same
with 1, 5 and 10 clips a class, in 20 draws. `nearest` takes the class of the nearest training clip. Kind and
strength are chosen on the training side: in five folds by subject (by pair in SBU; at random where nobody is
named), and for few clips in five draws from one half of the subjects, with the other half as the test. Those of
the ridge classifier (`ridge.py`) are chosen likewise, for both of its scalings. *Turned coordinates* are those of
bodies that are scaled to one size and, in 3D, face forward, as an encoder reads them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import encoder_features
import numpy as np
import ridge
from encoder_probes import (
    NUM_DRAWS,
    SHOTS,
    Fit,
    Task,
    few_shot,
    full,
    linear,
    logistic,
    nearest,
    ridge_all,
    ridge_each,
)
from environment import facts
from ridge import GROUPS, split_names

from skeletonmae.datasets import DATASETS
from skeletonmae.evaluation.reliability import wilson_interval
from skeletonmae.recipe import Source
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.copies import number_recordings
from skeletonmae.transforms.geometry import Center, FaceForward
from skeletonmae.transforms.size import NormalizeSize

SETS = ("nw_ucla", "utd_mhad", "msr_action3d", "kinder_gator", "penn_action", "sbu", "pyskl_sample")
TIME_PARTS = (1, 8)
STATISTICS = "statistics"
FILE = Path(__file__).with_suffix(".json")
KEY = ("encoder", "set", "features", "protocol")
TITLES = {
    "encoder_ablations": (
        "What matters in the pre-training of `small`",
        """The jobs of `encoder_ablations.yaml` and `encoder_own_sets.yaml`: the network of `small` after a quarter
of its schedule, 3,456 to 3,570 steps of 256 clips, on one GPU (NVIDIA H200, float32, up to 15 jobs at a time), one
pre-training each. *Alone* is on the training side of that set, with the augmentation of `small`.""",
    )
}
"""Title and introduction of the page of a results file, by its name; others have those of the shipped encoders."""


Reader = Callable[[], np.ndarray]


def measure(encoder: str, path: Path, cache: Path, names: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the results of an encoder on the default split of a store, or on all folds of it together.

    A row says which weights it belongs to (`encoder_features.identity`).

    Args:
        encoder: Name or path of an encoder, `untrained NAME`, or `ridge`.
        path: The store.
        cache: Folder of computed features.
        names: Which features to measure; by default all.
    """
    store = SequenceStore.open(path)
    if not encoder_features.is_read(encoder, store):
        return

    def read(**settings: Any) -> Reader:
        return lambda: encoder_features.read(encoder, store, cache, **settings)

    kinds: dict[str, tuple[Reader, Fit]]
    if encoder == encoder_features.RIDGE:
        fits = {"coordinates, each": ridge_each, "coordinates, all": ridge_all, "coordinates, linear": linear}
        kinds = {name: (read(), fit) for name, fit in fits.items()}
        for name, fit in {"turned coordinates, each": ridge_each, "turned coordinates, all": ridge_all}.items():
            kinds[name] = (lambda: turned_coordinates(store), fit)
    else:
        kinds = {_features_name(parts): (read(time_parts=parts), logistic) for parts in TIME_PARTS}
        kinds[STATISTICS] = (read(pooling=STATISTICS), linear)
    for name, (features, fit) in kinds.items():
        if names is None or name in names:
            yield from _measure(path, store, features(), name, encoder, fit)


def turned_coordinates(store: SequenceStore) -> np.ndarray:
    """Return coordinates of all recordings after what `small` does to a clip, `(recording, feature)`.

    Bodies are scaled to one size and, in 3D, turned to face forward.
    """
    transforms = (NormalizeSize(), Center(), *([FaceForward(optional=True)] if store.axes == 3 else []))
    clips = ridge.CLIPS.model_copy(update={"transforms": transforms})
    return ridge.read_features(store, np.arange(len(store)), clips)


def _measure(
    path: Path, store: SequenceStore, features: np.ndarray, name: str, encoder: str, fit: Fit
) -> Iterator[dict[str, Any]]:
    tasks = list(_tasks(path, store, features))
    about = {"encoder": encoder, "set": path.name, "features": name, **encoder_features.identity(encoder)}
    is_copy = np.concatenate([_copies(store, task) for task in tasks])

    def result(protocol: str, is_correct: np.ndarray) -> dict[str, Any]:
        without = float(is_correct[~is_copy].mean()) if is_copy.any() else None
        interval = wilson_interval(int(is_correct.sum()), len(is_correct))
        top1 = {"top1": float(is_correct.mean()), "interval": interval, "top1_without_copies": without}
        clips = {"num_test": len(is_correct)} | (
            {"num_without_copies": int((~is_copy).sum())} if is_copy.any() else {}
        )
        return {**about, "protocol": protocol, **top1, **clips}

    yield result("linear", np.concatenate([full(task, fit) for task in tasks]))
    if encoder != encoder_features.RIDGE:
        yield result("nearest", np.concatenate([nearest(task) for task in tasks]))
    for shots in SHOTS:
        num_draws = NUM_DRAWS // len(tasks)
        draws = [one for task in tasks for one in few_shot(task, fit, shots, num_draws)]
        spread = {
            "top1": float(np.mean(draws)),
            "deviation": float(np.std(draws, ddof=1)),
            "num_draws": len(draws),
        }
        yield {**about, "protocol": f"few {shots}", **spread}


def _tasks(path: Path, store: SequenceStore, features: np.ndarray) -> Iterator[Task]:
    group = next((tag for tag in GROUPS if tag in store.tags), None)
    groups = np.array(store.tag(group)) if group else np.full(len(store), "")
    for split in split_names(path) if store.datasets[0] in DATASETS else (None,):
        train, test = Source(store=path, split=split).split_rule(store)(store)
        yield Task(features, store.labels.astype(np.int64), groups, train, test, len(store.classes))


def default_task(path: Path, store: SequenceStore) -> Task:
    """Return the default split of a store, or its first fold, without features.

    Args:
        path: The store.
        store: The same, opened.
    """
    return next(_tasks(path, store, np.zeros((len(store), 0), np.float32)))


def _copies(store: SequenceStore, task: Task) -> np.ndarray:
    number = number_recordings(store)
    return np.isin(number[task.test], number[task.train])


def _features_name(time_parts: int) -> str:
    return "parts" if time_parts == 1 else f"parts, {time_parts} times"


def page(result: dict[str, Any], name: str = "encoders") -> str:
    """Return the page of the results, in Markdown: one table for each dataset.

    Args:
        result: The content of the results file.
        name: Its name without suffix.
    """
    heading, introduction = TITLES.get(name, ("Frozen encoders", ""))
    names = ["linear", "nearest", *(f"few {shots}" for shots in SHOTS)]
    tables = []
    for dataset in SETS:
        rows = [row for row in result["rows"] if row["set"] == dataset]
        lines = []
        for encoder, features in dict.fromkeys((row["encoder"], row["features"]) for row in rows):
            found = {
                row["protocol"]: row for row in rows if (row["encoder"], row["features"]) == (encoder, features)
            }
            cells = [_cell(found[name]) if name in found else "" for name in names]
            without = found.get("linear", {}).get("top1_without_copies")
            cells.insert(1, "" if without is None else f"{100 * without:.1f}")
            lines.append(f"| {encoder} | {features} | {' | '.join(cells)} |")
        if lines:
            num_test = next(row["num_test"] for row in rows if "num_test" in row)
            title = DATASETS[dataset].title if dataset in DATASETS else dataset
            tables.append(f"## {title}: {num_test:,} test clips\n\n{HEAD}\n" + "\n".join(lines))
    text = (__doc__ or "").split("\n\n", 2)[2]
    runs = "\n".join(f"- {run['date']}, commit {run['commit']}: `{run['command']}`" for run in result["runs"])
    weights = "\n".join(_weights(result["rows"]))
    return f"""<!-- Written by benchmarks/encoders.py. -->
# {heading}

{introduction}{chr(10) * 2 if introduction else ""}{text}
Top-1 accuracy in percent on the test side: `linear` and `nearest` with the 95 % interval of that many clips, `few`
with the standard deviation over draws. The draws are the same for all rows. SBU is tested in all of its folds.
"Without copies" is `linear` without test clips that are exact copies of training clips. Features come from one
view, the middle of a clip. The solution of a probe is unique, so it has no seed.

{chr(10).join(f"{table}{chr(10)}" for table in tables)}
## Weights

The first digits of the SHA-256 of the file that was measured; a model card has the rows of its own weights alone.
For an untrained network, the first digits of a checksum of its settings.

{weights}

## Runs

{runs}
"""


def _weights(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each file that was measured, with what it was measured on if a name has several."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for row in rows:
        if checksum := row.get("weights") or row.get("network"):
            found.setdefault(row["encoder"], {}).setdefault(checksum, {})[f"{row['set']} ({row['features']})"] = (
                None
            )
    for encoder, files in found.items():
        for checksum, sets in files.items():
            where = f" on {', '.join(sets)}" if len(files) > 1 else ""
            yield f"- {encoder}: `{checksum[:12]}`{where}"


HEAD = """| encoder | features | linear | without copies | nearest | 1 clip a class | 5 clips | 10 clips |
|---|---|---|---|---|---|---|---|"""


def _cell(row: dict[str, Any]) -> str:
    if "interval" in row:
        low, high = row["interval"]
        return f"{100 * row['top1']:.1f} ({100 * low:.1f} to {100 * high:.1f})"
    return f"{100 * row['top1']:.1f} ± {100 * row['deviation']:.1f}"


def merge(result: dict[str, Any], rows: list[dict[str, Any]], keys: Sequence[str] = KEY) -> dict[str, Any]:
    """Return the results with new rows, which replace those with the same `keys`."""
    kept = {tuple(row[key] for key in keys): row for row in [*result["rows"], *rows]}
    return {**result, "rows": list(kept.values())}


def main() -> None:
    """Measure encoders, and write the results and their page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", nargs="*", help="names, checkpoints, `untrained NAME`, or `ridge`")
    parser.add_argument("--name", default="", help="what the first encoder is called in the results")
    parser.add_argument("--stores", type=Path, default=Path("stores"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--features", nargs="*", help="which features to measure; by default all")
    parser.add_argument("--cache", type=Path, default=Path("runs/encoder_features"))
    parser.add_argument("--out", type=Path, default=FILE, help="JSON to add to; the page lies beside it")
    parser.add_argument("--page", action="store_true", help="only write the page again")
    options = parser.parse_args()
    empty: dict[str, Any] = {"runs": [], "rows": []}
    result = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else empty
    if not options.page:
        result["runs"].append(facts("OMP_NUM_THREADS=1"))
    for encoder in options.encoders:
        for name in options.sets:
            rows = list(measure(encoder, options.stores / name, options.cache, options.features))
            if options.name:
                rows = [
                    {**row, "encoder": row["encoder"].replace(options.encoders[0], options.name)} for row in rows
                ]
            result = merge(result, rows)
            for row in rows:
                print(json.dumps(row), flush=True)
            options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    options.out.with_suffix(".md").write_text(page(result, options.out.stem), encoding="utf-8")


if __name__ == "__main__":
    main()
