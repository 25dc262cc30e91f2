from __future__ import annotations

import errno
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.skeletons import COCO17, KINECT20, Skeleton

Make = Callable[..., Any]


def test_an_empty_store_is_a_store(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s", KINECT20, classes=("wave",)) as writer:
        assert len(writer) == 0
    store = SequenceStore.open(tmp_path / "s")
    store.verify()
    assert (len(store), store.classes, list(store)) == (0, ("wave",), [])
    assert len(store.labels) == len(store.num_frames) == len(store.tag("subject")) == 0


def test_declared_classes_keep_their_numbers_and_new_ones_follow(
    tmp_path: Path, make_recording: Make, make_store: Make
) -> None:
    given = ["kick", "bow", None, "wave"]
    recordings = [make_recording(seed, label=label) for seed, label in enumerate(given)]
    store = make_store(tmp_path / "s", recordings, classes=("wave", "kick"))
    assert store.classes == ("wave", "kick", "bow")
    assert store.labels.tolist() == [1, 2, -1, 0]


def test_only_what_was_seen_takes_room(tmp_path: Path, make_store: Make) -> None:
    observed = np.zeros((3, 10, 20), dtype=bool)
    observed[0, 4, 7] = observed[0, 6, 0] = observed[2, 0] = True  # three rows, none, one
    sequence = SkeletonSequence.from_positions(np.ones((3, 10, 20, 3)), KINECT20, observed=observed)
    store = make_store(tmp_path / "s", [sequence])
    arrays = store.shards[0].arrays
    assert arrays["positions"].shape == (4, 20, 3)
    assert arrays["track_rows"].tolist() == [0, 3, 4]
    assert arrays["track_starts"].tolist() == [4, 0]
    np.testing.assert_array_equal(store[0].observed, observed[[0, 2]])


def test_the_same_joints_in_another_order_are_reordered(tmp_path: Path, make_store: Make) -> None:
    ordered = Skeleton("three", ("a", "b", "c"), {"b": "a", "c": "b"})
    turned = Skeleton("three", ("c", "a", "b"), {"a": "c", "b": "c"})
    positions = np.arange(9.0, dtype=np.float32).reshape(1, 1, 3, 3) + 1
    observed = np.array([[[True, False, True]]])
    first = SkeletonSequence.from_positions(positions, ordered)
    second = SkeletonSequence.from_positions(positions, turned, observed=observed)
    store = make_store(tmp_path / "s", [first, second])
    assert store[1].skeleton == ordered
    assert store[1].positions[0, 0, :, 0].tolist() == [0, 7, 1]
    assert store[1].observed[0, 0].tolist() == [False, True, True]


def test_joints_that_differ_are_named(tmp_path: Path) -> None:
    few = Skeleton("three", ("a", "b", "d"), {"b": "a", "d": "b"})
    layout = Skeleton("three", ("a", "b", "c"), {"b": "a", "c": "b"})
    message = "got three, 3 axes, m, without c and with d"
    with StoreWriter(tmp_path / "s", layout) as writer, pytest.raises(InputError, match=message):
        writer.add(SkeletonSequence.from_positions(np.ones((1, 1, 3, 3)), few))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"skeleton": COCO17}, "coco17"), ({"axes": 2}, "2 axes"), ({"unit": "px"}, "px")],
)
def test_a_recording_that_does_not_fit_is_refused_and_the_rest_kept(
    tmp_path: Path, make_recording: Make, change: dict[str, Any], message: str
) -> None:
    with StoreWriter(tmp_path / "s", KINECT20) as writer:
        writer.add(make_recording(0))
        with pytest.raises(InputError, match=rf"'clip 1'.*expected kinect20, 3 axes, m; got .*{message}"):
            writer.add(make_recording(1, **change))
        writer.add(make_recording(2))
    assert [recording.name for recording in SequenceStore.open(tmp_path / "s")] == ["clip 0", "clip 2"]


def test_a_value_too_large_for_half_precision_is_refused(tmp_path: Path) -> None:
    far = SkeletonSequence.from_positions(np.full((1, 20, 3), 1e5), KINECT20, name="far")
    with StoreWriter(tmp_path / "s", KINECT20, dtype="float16") as writer, pytest.raises(InputError, match="far"):
        writer.add(far)
    assert len(SequenceStore.open(tmp_path / "s")) == 0


@pytest.mark.parametrize("fps", [0.0, -30.0, float("inf"), float("nan"), 1e39])
def test_an_impossible_frame_rate_is_refused(tmp_path: Path, make_recording: Make, fps: float) -> None:
    writer = StoreWriter(tmp_path / "s", KINECT20)
    with writer, pytest.raises(InputError, match="recording 'clip 0': impossible frame rate; expected"):
        writer.add(make_recording(0, fps=fps))
    assert len(SequenceStore.open(tmp_path / "s")) == 0


def test_a_name_that_is_no_text_is_refused_and_the_rest_kept(tmp_path: Path, make_recording: Make) -> None:
    # Names of files that are not UTF-8 reach Python with lone surrogates.
    broken = b"caf\xe9".decode("utf-8", "surrogateescape")
    with StoreWriter(tmp_path / "s", KINECT20) as writer:
        for seed, what in enumerate(({"name": broken}, {"label": broken}, {"tags": {"subject": broken}})):
            with pytest.raises(InputError):
                writer.add(make_recording(seed, **what))
        writer.add(make_recording(3, label="wave"))
    assert [recording.name for recording in SequenceStore.open(tmp_path / "s")] == ["clip 3"]


def test_a_unit_that_is_not_known_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown unit.*got feet"):
        StoreWriter(tmp_path / "s", KINECT20, unit="feet")
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_read_whole_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skeletonmae.limits.MAX_CELLS", 2 * 3 * 20)
    monkeypatch.setattr("skeletonmae.sequences.shard.MAX_CELLS", 2 * 3 * 20)
    with StoreWriter(tmp_path / "s", KINECT20) as writer:
        for frames in (3, 4):
            sequence = SkeletonSequence.from_positions(np.ones((2, frames, 20, 3)), KINECT20)
            if frames == 4:
                with pytest.raises(InputError, match=r"persons x frames x joints is too large.*got 2 x 4 x 20"):
                    writer.add(sequence)
            else:
                writer.add(sequence)
    assert [recording.num_frames for recording in SequenceStore.open(tmp_path / "s")] == [3]


def test_a_recording_without_persons_cannot_have_any_number_of_frames(tmp_path: Path) -> None:
    positions = np.zeros((0, 2**31, 20, 3), np.float32)
    endless = SkeletonSequence(positions, np.zeros(positions.shape[:3], bool), KINECT20, name="endless")
    with StoreWriter(tmp_path / "s", KINECT20) as writer, pytest.raises(InputError, match=r"'endless'.*of frames"):
        writer.add(endless)


@pytest.mark.parametrize("name", ["positions", "observed"])
@pytest.mark.parametrize("call", [1, 2])  # of the two persons
def test_a_recording_that_fails_halfway_leaves_nothing_behind(
    tmp_path: Path, make_recording: Make, monkeypatch: pytest.MonkeyPatch, name: str, call: int
) -> None:
    recordings = [make_recording(seed, persons=2, label=str(seed)) for seed in range(3)]
    with StoreWriter(tmp_path / "a", KINECT20, classes=("0", "1", "2")) as writer:
        writer.add(recordings[0])
        appender, calls = getattr(writer, name), iter(range(1, 9))
        append = appender.append

        def fail(rows: np.ndarray) -> None:
            append(rows)
            if next(calls) == call:
                raise MemoryError

        monkeypatch.setattr(appender, "append", fail)
        with pytest.raises(MemoryError):
            writer.add(recordings[1])
        monkeypatch.setattr(appender, "append", append)
        writer.add(recordings[2])
    with StoreWriter(tmp_path / "b", KINECT20, classes=("0", "1", "2")) as writer:
        writer.add(recordings[0])
        writer.add(recordings[2])
    SequenceStore.open(tmp_path / "a").verify()
    files = sorted(path.name for path in (tmp_path / "b").iterdir())
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_an_existing_folder_is_left_alone(tmp_path: Path, make_recording: Make, make_store: Make) -> None:
    make_store(tmp_path / "s", [make_recording(0)])
    with pytest.raises(FileExistsError, match="s already exists"):
        make_store(tmp_path / "s", [make_recording(1)])
    assert SequenceStore.open(tmp_path / "s").name(0) == "clip 0"
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_an_error_in_the_block_leaves_nothing(tmp_path: Path, make_recording: Make) -> None:
    def fail() -> None:
        with StoreWriter(tmp_path / "s", KINECT20) as writer:
            writer.add(make_recording(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["labels.npy", "manifest.json"])
def test_a_disk_that_fills_at_the_end_leaves_nothing(
    tmp_path: Path, make_recording: Make, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    from skeletonmae.sequences import writer as module

    def full(path: Path, *_: Any, **__: Any) -> None:
        if path.name == file:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(
        module if file == "manifest.json" else np, "write_text" if "json" in file else "save", full
    )

    def write() -> None:
        with StoreWriter(tmp_path / "s", KINECT20) as writer:
            writer.add(make_recording(0))

    with pytest.raises((OSError, FileNotFoundError), match="No space left"):
        write()
    assert list(tmp_path.iterdir()) == []


WRITE = """
import os, sys, numpy as np
from pathlib import Path
from skeletonmae.sequences import SkeletonSequence, StoreWriter
from skeletonmae.skeletons import KINECT20
{before}
one = SkeletonSequence.from_positions(np.ones((50, 20, 3)), KINECT20)
with StoreWriter(Path(sys.argv[1]), KINECT20) as writer:
    for _ in range(40):
        writer.add(one)
    {inside}
"""


def run(path: Path, *, before: str = "", inside: str = "pass") -> subprocess.CompletedProcess[str]:
    code = WRITE.format(before=before, inside=inside)
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("size", [20_000, 479_000])  # met while recordings are added, and when the file is closed
def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, size: int) -> None:
    limit = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""
    done = run(tmp_path / "s", before=limit)
    assert done.returncode == 1
    assert "OSError" in done.stderr
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_a_killed_writer_leaves_no_store_and_does_not_stand_in_the_way(tmp_path: Path) -> None:
    killed = run(tmp_path / "s", before="import signal", inside="os.kill(os.getpid(), signal.SIGKILL)")
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "s").exists()
    assert run(tmp_path / "s").returncode == 0
    store = SequenceStore.open(tmp_path / "s")
    store.verify()
    assert len(store) == 40
