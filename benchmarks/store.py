"""Time and weigh the store against the field's padded array, and open an index of ten million recordings.

    OMP_NUM_THREADS=1 python benchmarks/store.py --out benchmarks

The padded array has room for 300 frames of two persons a clip: `(clip, person, frame, joint, axis)` float32 in a
`.npy` file. Lengths are drawn as NTU RGB+D 60 has them: log-normal around 78 frames with sigma 0.4, clipped to 20
and 300 (mean 84); 11 of its 60 classes are of two persons.
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
from cases import Case
from plain import PlainDataset
from run import about, measure
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
    """Frames of so many clips."""
    drawn = 78 * np.exp(0.4 * np.random.default_rng(0).standard_normal(num))
    return drawn.round().clip(20, 300).astype(np.int64)


def recordings(num: int, persons: tuple[int, ...]) -> list[SkeletonSequence]:
    """Clips of numbers drawn at random; everything is observed."""
    rng = np.random.default_rng(1)
    made = []
    for i, frames in enumerate(lengths(num).tolist()):
        shape = (persons[i % len(persons)], frames, *ROOM[2:])
        values = rng.standard_normal(shape, dtype=np.float32)
        tags = {"subject": SUBJECTS[i % len(SUBJECTS)], "camera": str(i % 3)}
        made.append(SkeletonSequence.from_positions(values, NTU25, name=f"clip {i}", label="a", tags=tags))
    return made


def write_padded(path: Path, made: list[SkeletonSequence]) -> None:
    padded = np.zeros((len(made), *ROOM), dtype=np.float32)
    for room, one in zip(padded, made, strict=True):
        room[: one.num_persons, : one.num_frames] = one.positions
    np.save(path, padded)


def write_store(path: Path, made: list[SkeletonSequence], dtype: Any) -> None:
    with StoreWriter(path, NTU25, dtype=dtype) as writer:
        for one in made:
            writer.add(one)


class PaddedDataset(PlainDataset):
    """One clip at a time from a memory map of the padded array: cropped at random and resampled."""

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        total = self.labels[index]  # how many frames are not padding
        length = max(1, round(total * np.random.uniform(*self.crop)))  # noqa: NPY002 - as they do
        first = np.random.randint(total - length + 1)  # noqa: NPY002
        return torch.from_numpy(self.resample(self.recordings[index][:, first : first + length])), total


def cases(folder: Path, num: int) -> Iterator[Case]:
    """Writing and random batches."""
    fresh = (folder / str(number) for number in range(10**9))
    for name, persons in PERSONS.items():
        made = recordings(num, persons)
        write_padded(folder / "padded.npy", made)
        padded = PaddedDataset(
            list(np.load(folder / "padded.npy", mmap_mode="r")),
            [m.num_frames for m in made],
            FRAMES,
            np.zeros(0),
            (),
            CROP,
        )
        plain = DataLoader(padded, batch_size=BATCH, shuffle=True)
        ours: dict[str, Callable[[], object]] = {}
        for dtype in DTYPES:
            path = next(fresh)
            write_store(path, made, dtype)
            ours[dtype] = epoch_of(SequenceStore.open(path))
        yield Case("random batches", name, num, lambda plain=plain: through(plain), ours)
    yield Case(
        "writing",
        name,
        num,
        lambda: write_padded(folder / "padded.npy", made),
        {dtype: lambda dtype=dtype: write_store(next(fresh), made, dtype) for dtype in DTYPES},
    )


def epoch_of(store: SequenceStore) -> Callable[[], None]:
    """Makes all batches of an epoch, in the calling thread; every call is another epoch."""
    index = np.arange(len(store))
    loader = Loader(ClipReader(store, FRAMES), store.labels, index, BATCH, crop=CROP, training=True, prefetch=0)
    epochs = iter(range(10**9))
    return lambda: through(loader.epoch(next(epochs)))


def through(batches: Iterable[object]) -> None:
    for _ in batches:
        pass


def sizes(folder: Path, num: int) -> dict[str, float]:
    """Bytes of a clip, all files of the store counted, and of the padded array."""
    made = recordings(num, PERSONS["as in NTU"])
    found = {"padded float32": float(np.prod(ROOM) * 4)}
    for dtype in DTYPES:
        path = folder / f"size {dtype}"
        write_store(path, made, dtype)
        found[dtype] = sum(file.stat().st_size for file in path.iterdir()) / num
    return found


def write_index(path: Path, num: int) -> None:
    """A store of so many recordings of one person, whose positions are a hole in a file."""
    path.mkdir()
    frames, place = lengths(num), np.arange(num)
    index: dict[str, np.ndarray] = {
        "track_rows": np.concatenate([[0], np.cumsum(frames)]),
        "track_starts": np.zeros(num),
        "recordings": np.arange(num + 1),
        "frames": frames,
        "fps": np.full(num, 30.0),
        "labels": place % 60,
        "names": np.frombuffer(b"S001C001P001R001A001" * num, dtype=np.uint8),
        "name_ends": 20 * np.arange(num + 1),
    }
    tags = {"subject": SUBJECTS, "camera": ("1", "2", "3"), "setup": tuple(map(str, range(1, 33)))}
    for name, array in index.items():
        np.save(path / f"{name}.npy", array.astype(ARRAYS[name]))
    for tag, values in tags.items():
        np.save(path / f"tag_{tag}.npy", (place % len(values)).astype(np.int32))
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
    """Seconds and memory, in this process, of opening a store and of what training then asks of it."""

    def memory() -> dict[str, float]:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return {key: int(lines[key].split()[0]) / 1024 for key in MEMORY}

    found: dict[str, Any] = {"before": memory()}
    started = time.perf_counter()
    store = SequenceStore.open(path)
    one = store[len(store) // 2]
    found["open"] = {"recordings": len(store), "seconds": time.perf_counter() - started} | memory()
    started = time.perf_counter()
    rule = TagSplit(tag="subject", train=SUBJECTS[::2], test=SUBJECTS[1::2])
    index = rule.pretrain_index(store)
    index = index[store.num_persons[index] > 0]
    loader = Loader(ClipReader(store, FRAMES), store.labels, index, BATCH, crop=CROP, training=True, prefetch=0)
    batch = loader.batch(0, 0)
    found["first batch"] = {"clips": len(batch), "seconds": time.perf_counter() - started} | memory()
    found["one"] = one.name
    return found


def opened_elsewhere(path: Path) -> dict[str, Any]:
    """The same, in a process of its own."""
    words = [sys.executable, __file__, "--open", str(path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def markdown(facts: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The page `store.md`."""
    size, opened = facts["bytes"], facts["opening"]
    padded = size["padded float32"]
    lines = [
        "# The store against a padded array",
        "",
        *(__doc__ or "").strip().split("\n\n")[-1].splitlines(),
        "",
        "Both were timed in one run, turn by turn, by the time the processor spent on them. Medians; the brackets",
        "hold the quartiles of the ratio. Rerun to rewrite this page:",
        "",
        f"    {facts['command']}",
        "",
        f"{facts['date']}, commit {facts['commit']}; {facts['processor']}, {facts['cores']} cores of which"
        f" {facts['threads']} used, load of the machine {facts['load'][0]} to {facts['load'][1]};"
        f" {facts['system']}; Python {facts['python']}, torch {facts['torch']}; {facts['repeats']} turns.",
        "",
        f"Random batches: {BATCH} clips of {FRAMES} frames, each {CROP[0]:.0%} to {CROP[1]:.0%} of a recording,",
        "from a memory map that was read before. The reference crops and resamples clip by clip, as research code",
        "does, and both persons always. Writing a store takes in its checksums.",
        "",
        "| what | recordings | ours is | plain, clips/s | ours, clips/s | ratio |",
        "|---|---|---|---:|---:|---:|",
    ]
    for row in rows:
        plain, ours = (f"{row['clips'] / row[f'{who}_seconds']:,.0f}" for who in ("plain", "ours"))
        low, high = row["ratio_quartiles"]
        lines.append(
            f"| {row['what']} | {row['data']} | {row['ours_is']} | {plain} | {ours} |"
            f" **{row['ratio']:.1f}** ({low:.1f} to {high:.1f}) |"
        )
    lines += ["", "| store | bytes a clip | of the padded array |", "|---|---:|---:|"]
    lines += [f"| {name} | {its:,.0f} | {its / padded:.1%} |" for name, its in size.items()]
    lines += [
        "",
        f"A store of {opened['open']['recordings']:,} recordings, whose positions are a hole in a file, opened in",
        "a fresh process with its modules loaded. `own` is memory of the process; `all` has pages of files too,",
        "the store's and the libraries', which the system takes back when it needs them; `peak` is the most of",
        "all. MiB more than before.",
        "",
        "| what | seconds | own | all | peak |",
        "|---|---:|---:|---:|---:|",
    ]
    before = opened["before"]
    for what, said in (
        ("open", "open, and read one recording"),
        ("first batch", "split by a tag, leave out who is not there, shuffle, first batch"),
    ):
        its = opened[what]
        more = [f"{its[key] - before['VmRSS' if key == 'VmHWM' else key]:,.0f}" for key in MEMORY]
        lines.append(f"| {said} | {its['seconds']:.3f} | {' | '.join(more)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="turns of each")
    parser.add_argument("--recordings", type=int, default=1024, help="of each kind")
    parser.add_argument("--index", type=int, default=10_000_000, help="recordings of the index that is opened")
    parser.add_argument("--out", type=Path, help="folder for store.md and store.json; else they are only printed")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        return print(json.dumps(opening(arguments.open)))
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    facts, rows, loads = about(threads, arguments), [], []
    with tempfile.TemporaryDirectory() as folder:
        facts["bytes"] = sizes(Path(folder), 8 * arguments.recordings)
        for case in cases(Path(folder), arguments.recordings):
            loads.append(round(os.getloadavg()[0], 1))
            for row in measure(case, arguments.repeats):
                rows.append(row)
                print(f"{row['what']:16} {row['data']:12} {row['ours_is']:8} {row['ratio']:6.2f}", flush=True)
        write_index(Path(folder) / "index", arguments.index)
        facts["opening"] = opened_elsewhere(Path(folder) / "index")
    facts["load"] = [min(loads), max(loads)]
    page = markdown(facts, rows)
    print(page)
    if arguments.out:
        (arguments.out / "store.md").write_text(page, encoding="utf-8")
        (arguments.out / "store.json").write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
