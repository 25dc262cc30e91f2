"""Compare speed and size of the store with a padded array, and open an index of ten million recordings.

    OMP_NUM_THREADS=1 python benchmarks/store.py --out benchmarks

The padded array has room for 300 frames of two persons per clip: `(clip, person, frame, joint, axis)` float32 in a
`.npy` file. Lengths follow NTU RGB+D 60: log-normal around 78 frames with sigma 0.4, clipped to 20 and 300 (mean
84); 11 of its 60 classes have two persons.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import environment
from measuring import Case, measure
from plain import PlainDataset
from torch import Tensor
from torch.utils.data import DataLoader

from skeletonmae.batches import ClipReader, Loader
from skeletonmae.datasets.splits import TagSplit
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.sequences.manifest import ARRAYS, MANIFEST, NPY_HEADER_BYTES, FileRecord, Manifest
from skeletonmae.skeletons import NTU25

ROOM = (2, 300, NTU25.num_joints, 3)
MEMORY = ("RssAnon", "VmRSS", "VmHWM")
FRAMES, BATCH, CROP = 64, 128, (0.5, 1.0)
DTYPES: tuple[Any, ...] = ("float32", "float16")
PERSONS = {"one person": (1,), "two persons": (2,), "as in NTU": (1,) * 49 + (2,) * 11}
SUBJECTS = tuple(f"P{number:03}" for number in range(1, 107))


def lengths(num: int) -> np.ndarray:
    """Return the number of frames of each clip."""
    num_frames = 78 * np.exp(0.4 * np.random.default_rng(0).standard_normal(num))
    return num_frames.round().clip(20, 300).astype(np.int64)


def recordings(num: int, persons: tuple[int, ...]) -> list[SkeletonSequence]:
    """Generate recordings of random coordinates; everything is observed."""
    rng = np.random.default_rng(1)
    sequences = []
    for i, frames in enumerate(lengths(num).tolist()):
        shape = (persons[i % len(persons)], frames, *ROOM[2:])
        values = rng.standard_normal(shape, dtype=np.float32)
        tags = {"subject": SUBJECTS[i % len(SUBJECTS)], "camera": str(i % 3)}
        sequences.append(SkeletonSequence.from_positions(values, NTU25, name=f"clip {i}", label="a", tags=tags))
    return sequences


def write_padded(path: Path, sequences: list[SkeletonSequence]) -> None:
    padded = np.zeros((len(sequences), *ROOM), dtype=np.float32)
    for array, sequence in zip(padded, sequences, strict=True):
        array[: sequence.num_persons, : sequence.num_frames] = sequence.positions
    np.save(path, padded)


def write_store(path: Path, sequences: list[SkeletonSequence], dtype: Any) -> None:
    with StoreWriter(path, NTU25, dtype=dtype) as writer:
        for sequence in sequences:
            writer.add(sequence)


class PaddedDataset(PlainDataset):
    """One clip at a time from a memory map of the padded array, cropped at random and resampled."""

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        total = self.labels[index]  # number of frames without padding
        length = max(1, round(total * np.random.uniform(*self.crop)))  # noqa: NPY002 - as in research code
        first = np.random.randint(total - length + 1)  # noqa: NPY002
        return torch.from_numpy(self.resample(self.recordings[index][:, first : first + length])), total


def cases(folder: Path, num: int) -> Iterator[Case]:
    """Yield the cases: random batches, and writing."""
    fresh = (folder / str(number) for number in range(10**9))
    for name, persons in PERSONS.items():
        sequences = recordings(num, persons)
        write_padded(folder / "padded.npy", sequences)
        padded = PaddedDataset(
            list(np.load(folder / "padded.npy", mmap_mode="r")),
            [m.num_frames for m in sequences],
            FRAMES,
            np.zeros(0),
            (),
            CROP,
        )
        plain = DataLoader(padded, batch_size=BATCH, shuffle=True)
        ours: dict[str, Callable[[], object]] = {}
        for dtype in DTYPES:
            path = next(fresh)
            write_store(path, sequences, dtype)
            ours[dtype] = epoch_of(SequenceStore.open(path))
        yield Case("random batches", name, num, lambda plain=plain: iterate(plain), ours)
    yield Case(
        "writing",
        name,
        num,
        lambda: write_padded(folder / "padded.npy", sequences),
        {dtype: lambda dtype=dtype: write_store(next(fresh), sequences, dtype) for dtype in DTYPES},
    )


def epoch_of(store: SequenceStore) -> Callable[[], None]:
    """Return a function that makes all batches of the next epoch in the calling thread."""
    index = np.arange(len(store))
    loader = Loader(ClipReader(store, FRAMES), store.labels, index, BATCH, crop=CROP, training=True, prefetch=0)
    epochs = iter(range(10**9))
    return lambda: iterate(loader.epoch(next(epochs)))


def iterate(batches: Iterable[object]) -> None:
    for _ in batches:
        pass


def sizes(folder: Path, num: int) -> dict[str, float]:
    """Return the bytes per clip of the store, with all its files, and of the padded array."""
    sequences = recordings(num, PERSONS["as in NTU"])
    found = {"padded float32": float(np.prod(ROOM) * 4)}
    for dtype in DTYPES:
        path = folder / f"size {dtype}"
        write_store(path, sequences, dtype)
        found[dtype] = sum(file.stat().st_size for file in path.iterdir()) / num
    return found


def write_index(path: Path, num: int) -> None:
    """Write a store of recordings of one person whose positions are a sparse file."""
    path.mkdir()
    frames, index_of_recording = lengths(num), np.arange(num)
    index: dict[str, np.ndarray] = {
        "track_rows": np.concatenate([[0], np.cumsum(frames)]),
        "track_starts": np.zeros(num),
        "recordings": np.arange(num + 1),
        "frames": frames,
        "fps": np.full(num, 30.0),
        "labels": index_of_recording % 60,
        "names": np.frombuffer(b"S001C001P001R001A001" * num, dtype=np.uint8),
        "name_ends": 20 * np.arange(num + 1),
    }
    tags = {"subject": SUBJECTS, "camera": ("1", "2", "3"), "setup": tuple(map(str, range(1, 33)))}
    for name, array in index.items():
        np.save(path / f"{name}.npy", array.astype(ARRAYS[name]))
    for tag, values in tags.items():
        np.save(path / f"tag_{tag}.npy", (index_of_recording % len(values)).astype(np.int32))
    rows = int(frames.sum())
    for name, shape, kind in (("positions", (rows, *ROOM[2:]), np.float32), ("observed", (rows, 4), np.uint8)):
        with (path / f"{name}.npy").open("wb") as file:
            header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            assert file.tell() == NPY_HEADER_BYTES
            file.truncate(NPY_HEADER_BYTES + int(np.prod(shape)) * np.dtype(kind).itemsize)
    manifest = Manifest(
        skeleton=NTU25.to_dict(),
        axes=3,
        unit="m",
        classes=tuple(f"A{number:03}" for number in range(1, 61)),
        tags=tags,
        files={f.name: FileRecord(bytes=f.stat().st_size, sha256="") for f in path.glob("*.npy")},
    )
    (path / MANIFEST).write_text(manifest.model_dump_json())


def opening(path: Path) -> dict[str, Any]:
    """Measure time and memory, in this process, of opening a store and of the first batch of training."""

    def memory() -> dict[str, float]:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return {key: int(lines[key].split()[0]) / 1024 for key in MEMORY}

    found: dict[str, Any] = {"before": memory()}
    started = time.perf_counter()
    store = SequenceStore.open(path)
    sequence = store[len(store) // 2]
    found["open"] = {"recordings": len(store), "seconds": time.perf_counter() - started} | memory()
    started = time.perf_counter()
    rule = TagSplit(tag="subject", train=SUBJECTS[::2], test=SUBJECTS[1::2])
    index = rule.pretrain_index(store)
    index = index[store.num_persons[index] > 0]
    loader = Loader(ClipReader(store, FRAMES), store.labels, index, BATCH, crop=CROP, training=True, prefetch=0)
    batch = loader.batch(0, 0)
    found["first batch"] = {"clips": len(batch), "seconds": time.perf_counter() - started} | memory()
    found["name"] = sequence.name
    return found


def opening_in_new_process(path: Path) -> dict[str, Any]:
    """Measure the same in a new process."""
    command = [sys.executable, __file__, "--open", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def markdown(facts: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return the page `store.md`."""
    size, opened = facts["bytes"], facts["opening"]
    padded = size["padded float32"]
    lines = [
        "# The store against a padded array",
        "",
        *(__doc__ or "").strip().split("\n\n")[-1].splitlines(),
        "",
        "Both were timed in one run, in alternation, by CPU time. Medians, with the quartiles of the ratio in",
        "parentheses. Rerun to rewrite this page:",
        "",
        f"    {facts['command']}",
        "",
        f"{facts['date']}, commit {facts['commit']}; {facts['processor']}, {facts['cores']} cores,"
        f" {facts['threads']} used, load of the machine {facts['load'][0]} to {facts['load'][1]};"
        f" {facts['system']}; Python {facts['python']}, torch {facts['torch']}; {facts['repeats']} repeats.",
        "",
        f"Random batches: {BATCH} clips of {FRAMES} frames, each {CROP[0]:.0%} to {CROP[1]:.0%} of a recording,",
        "from a memory map in the page cache. The reference crops and resamples clip by clip, as research code",
        "does, and always both persons. Writing a store includes its checksums.",
        "",
        "| what | recordings | variant | plain, clips/s | ours, clips/s | ratio |",
        "|---|---|---|---:|---:|---:|",
    ]
    for row in rows:
        plain, ours = (f"{row['clips'] / row[f'{who}_seconds']:,.0f}" for who in ("plain", "ours"))
        low, high = row["ratio_quartiles"]
        lines.append(
            f"| {row['what']} | {row['data']} | {row['ours_is']} | {plain} | {ours} |"
            f" **{row['ratio']:.1f}** ({low:.1f} to {high:.1f}) |"
        )
    lines += ["", "| store | bytes per clip | relative to the padded array |", "|---|---:|---:|"]
    lines += [f"| {name} | {value:,.0f} | {value / padded:.1%} |" for name, value in size.items()]
    lines += [
        "",
        f"A store of {opened['open']['recordings']:,} recordings, whose positions are a sparse file, opened in a",
        "new process with its modules loaded. `own` is memory of the process; `all` includes pages of files, of",
        "the store and the libraries, which the system reclaims when it needs them; `peak` is the maximum of",
        "`all`. In MiB, relative to before.",
        "",
        "| what | seconds | own | all | peak |",
        "|---|---:|---:|---:|---:|",
    ]
    before = opened["before"]
    for what, description in (
        ("open", "open, and read one recording"),
        ("first batch", "split by a tag, leave out empty recordings, shuffle, first batch"),
    ):
        measured = opened[what]
        increase = [f"{measured[key] - before['VmRSS' if key == 'VmHWM' else key]:,.0f}" for key in MEMORY]
        lines.append(f"| {description} | {measured['seconds']:.3f} | {' | '.join(increase)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="repeats of each")
    parser.add_argument("--recordings", type=int, default=1024, help="recordings of each kind")
    parser.add_argument("--index", type=int, default=10_000_000, help="recordings of the index that is opened")
    parser.add_argument(
        "--out", type=Path, help="folder for store.md and store.json; if not given, they are printed"
    )
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        return print(json.dumps(opening(arguments.open)))
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    facts, rows, loads = environment(threads, arguments.repeats), [], []
    with tempfile.TemporaryDirectory() as folder:
        facts["bytes"] = sizes(Path(folder), 8 * arguments.recordings)
        for case in cases(Path(folder), arguments.recordings):
            loads.append(round(os.getloadavg()[0], 1))
            for row in measure(case, arguments.repeats):
                rows.append(row)
                print(f"{row['what']:16} {row['data']:12} {row['ours_is']:8} {row['ratio']:6.2f}", flush=True)
        write_index(Path(folder) / "index", arguments.index)
        facts["opening"] = opening_in_new_process(Path(folder) / "index")
    facts["load"] = [min(loads), max(loads)]
    page = markdown(facts, rows)
    print(page)
    if arguments.out:
        (arguments.out / "store.md").write_text(page, encoding="utf-8")
        (arguments.out / "store.json").write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
