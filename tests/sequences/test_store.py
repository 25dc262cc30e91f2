from __future__ import annotations

import json
import math
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter, join
from skeletonmae.skeletons import COCO17, KINECT20

Make = Callable[..., Any]
text = st.text(max_size=8)
described = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "persons": st.integers(0, 3),
        "frames": st.integers(0, 6),
        "lost": st.sampled_from([0.0, 0.4, 0.9, 1.0]),
        "name": text,
        "label": st.none() | text,
        "fps": st.none() | st.floats(1, 1000, width=32),
        "tags": st.dictionaries(st.sampled_from(["subject", "camera", "set up"]), text),
    }
)
COMMON = {"skeleton", "name", "unit", "fps", "label", "tags"}


def same(a: SkeletonSequence, b: SkeletonSequence, dtype: str = "float32") -> None:
    """`b` is `a` without the persons who were never seen."""
    is_present = a.observed.any((1, 2))
    np.testing.assert_array_equal(b.observed, a.observed[is_present])
    np.testing.assert_array_equal(b.positions, a.positions[is_present].astype(dtype).astype(np.float32))
    assert b.num_frames == a.num_frames
    assert {name: getattr(a, name) for name in COMMON} == {name: getattr(b, name) for name in COMMON}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(described, max_size=5), st.sampled_from([2, 3]), st.sampled_from(["float32", "float16"]))
def test_what_is_written_is_read(make_recording: Make, specs: list[dict[str, Any]], axes: int, dtype: str) -> None:
    recordings = [make_recording(axes=axes, skeleton=COCO17, unit="px", **spec) for spec in specs]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        with StoreWriter(path, COCO17, axes=axes, unit="px", dtype=dtype) as writer:  # type: ignore[arg-type]
            for recording in recordings:
                writer.add(recording)
        store = SequenceStore.open(path)
        store.verify()
        assert len(store) == len(recordings)
        for recording, read in zip(recordings, store, strict=True):
            same(recording, read, dtype)
        assert store.num_frames.tolist() == [recording.num_frames for recording in recordings]
        assert store.num_persons.tolist() == [int(r.observed.any((1, 2)).sum()) for r in recordings]
        for recording, label in zip(recordings, store.labels, strict=True):
            assert recording.label == (None if label < 0 else store.classes[label])
        for tag in ("subject", "camera", "set up", "never given"):
            assert store.tag(tag).tolist() == [recording.tags.get(tag, "") for recording in recordings]
            codes, values = store.tag_codes(tag)
            given = [None if code < 0 else values[code] for code in codes]
            assert given == [recording.tags.get(tag) for recording in recordings]


@pytest.fixture
def shards(tmp_path: Path, make_recording: Make, make_store: Make) -> list[Path]:
    """Three stores of 3, 1 and 2 recordings, that number their classes each in its own way."""
    labels = [["wave", "bow", None], ["kick"], ["bow", "wave"]]
    seed = 0
    for number, of_shard in enumerate(labels):
        recordings = []
        for label in of_shard:
            tags = {"subject": f"s{seed % 2}"} | ({"camera": "c"} if number == 1 else {})
            recordings.append(make_recording(seed, persons=1 + seed % 2, label=label, tags=tags))
            seed += 1
        make_store(tmp_path / f"part {number}", recordings, dataset=f"set {number}")
    return [tmp_path / f"part {number}" for number in range(3)]


def all_of(paths: list[Path]) -> list[SkeletonSequence]:
    return [recording for path in paths for recording in SequenceStore.open(path)]


@pytest.mark.parametrize("how", ["join", "pool"])
def test_shards_are_one_store(shards: list[Path], tmp_path: Path, how: str) -> None:
    single = all_of(shards)
    if how == "join":
        join(shards, tmp_path / "joined")
        store = SequenceStore.open(tmp_path / "joined")
        store.verify()
    else:
        store = SequenceStore.concat([SequenceStore.open(path) for path in shards])
    assert len(store) == 6
    for a, b in zip(single, store, strict=True):
        same(a, b)
    assert store.classes == ("wave", "bow", "kick")
    assert store.labels.tolist() == [0, 1, -1, 2, 1, 0]
    assert store.tag("subject").tolist() == ["s0", "s1"] * 3
    assert store.tag("camera").tolist() == ["", "", "", "c", "", ""]
    assert store.tags == {"subject": ("s0", "s1"), "camera": ("c",)}
    assert [store.tag_codes(tag)[0].tolist() for tag in store.tags] == [[0, 1] * 3, [-1, -1, -1, 0, -1, -1]]
    assert store.datasets == ("set 0", "set 1", "set 2")
    assert [store.name(i) for i in range(6)] == [recording.name for recording in single]


def test_a_joined_store_moves_with_its_shards(shards: list[Path], tmp_path: Path) -> None:
    join(shards, tmp_path / "all")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in (*shards, tmp_path / "all"):
        path.rename(moved / path.name)
    assert len(SequenceStore.open(moved / "all")) == 6


def test_only_recordings_that_are_there_can_be_asked_for(shards: list[Path]) -> None:
    store = SequenceStore.open(shards[0])
    for index in (-1, 3):
        with pytest.raises(IndexError, match="of 3"):
            store[index]


@pytest.mark.parametrize("change", [{"skeleton": COCO17}, {"axes": 2}, {"unit": "px"}])
def test_unlike_stores_are_not_pooled(
    shards: list[Path], tmp_path: Path, make_recording: Make, make_store: Make, change: dict[str, Any]
) -> None:
    written = {key: value for key, value in change.items() if key != "skeleton"}
    other = make_store(tmp_path / "other", [make_recording(9, **change)], **written)
    with pytest.raises(InputError, match=f"different {next(iter(change))} cannot be combined"):
        SequenceStore.concat([SequenceStore.open(shards[0]), other])
    with pytest.raises(InputError, match="other"):
        join([shards[0], tmp_path / "other"], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_joining_does_not_destroy_a_store(shards: list[Path]) -> None:
    before = all_of(shards[1:2])
    with pytest.raises(FileExistsError):
        join(shards, shards[1])
    for a, b in zip(before, SequenceStore.open(shards[1]), strict=True):
        same(a, b)


def test_the_fingerprint_is_of_the_content(tmp_path: Path, make_recording: Make, make_store: Make) -> None:
    recordings = [make_recording(seed, label="wave") for seed in range(3)]
    prints = {
        name: make_store(tmp_path / name, chosen).fingerprint
        for name, chosen in {"a": recordings, "again": recordings, "fewer": recordings[:2]}.items()
    }
    assert prints["a"] == prints["again"] != prints["fewer"]


@pytest.mark.skipif(sys.platform != "linux", reason="a file with holes")
def test_a_store_larger_than_the_memory_opens(tmp_path: Path, make_recording: Make, make_store: Make) -> None:
    make_store(tmp_path / "s", [make_recording(0, frames=9, lost=0.0)])
    rows, files = 10**10, json.loads((tmp_path / "s" / "manifest.json").read_text())["files"]
    for name, shape, itemsize in (("positions", (rows, 20, 3), 4), ("observed", (rows, 3), 1)):
        path = tmp_path / "s" / f"{name}.npy"
        head = path.read_bytes()[:128]
        now = re.sub(rb"'shape': \(\d+", b"'shape': (%d" % rows, head)[:127] + b"\n"
        with path.open("rb+") as file:
            file.write(now)
            file.truncate(128 + math.prod(shape) * itemsize)  # 2.4 TB and 30 GB, which no disk has to hold
        files[path.name]["bytes"] = path.stat().st_size
    np.save(tmp_path / "s" / "track_rows.npy", np.array([0, rows]))
    edited(tmp_path / "s", files=files)
    store = SequenceStore.open(tmp_path / "s")
    assert len(store) == 1
    assert store.name(0) == "clip 0"
    with pytest.raises(InputError, match=r"index is invalid.*recording 0"):
        store[0]


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells how memory is mapped")
@pytest.mark.parametrize(("memory", "is_random"), [(1.0, True), (1e12, False)])
def test_only_of_a_store_larger_than_the_memory_nothing_is_read_ahead(
    tmp_path: Path,
    make_recording: Make,
    make_store: Make,
    monkeypatch: pytest.MonkeyPatch,
    memory: float,
    is_random: bool,
) -> None:
    monkeypatch.setattr("skeletonmae.sequences.store.memory_bytes", lambda: memory)
    store = make_store(tmp_path / "store", [make_recording(frames=600)])
    store.expect_random_reads()
    entry = Path("/proc/self/smaps").read_text().partition(str(tmp_path / "store" / "positions.npy"))[2]
    flags = next(line for line in entry.splitlines() if line.startswith("VmFlags"))
    assert ("rr" in flags.split()) == is_random  # rr: random reads are expected


def test_the_index_is_not_copied(shards: list[Path]) -> None:
    store = SequenceStore.open(shards[0])
    arrays = store.shards[0].arrays
    columns = {"labels": store.labels, "frames": store.num_frames, "tag_subject": store.tag_codes("subject")[0]}
    assert all(np.shares_memory(arrays[name], column) for name, column in columns.items())


def test_nothing_can_write_to_a_store(shards: list[Path]) -> None:
    for name, array in SequenceStore.open(shards[0]).shards[0].arrays.items():
        if array.size:
            with pytest.raises(ValueError, match="read-only"):
                array[...] = array
        assert not array.flags.writeable, name


# What can happen to a store on disk.


def test_a_flipped_byte_is_found_and_named(shards: list[Path]) -> None:
    arrays = sorted(shards[0].glob("*.npy"))
    assert len(arrays) == 11
    for path in arrays:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(InputError, match=path.name):
            SequenceStore.open(shards[0]).verify()
        path.write_bytes(content)
    SequenceStore.open(shards[0]).verify()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_flipped_bit_goes_unseen_or_crashes(shards: list[Path], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(shards[0].glob("*.npy"))))
    content = path.read_bytes()
    offset = data.draw(st.integers(0, min(len(content), 160) - 1))  # the header is where reading can go wrong
    bit = data.draw(st.integers(0, 7))
    path.write_bytes(content[:offset] + bytes([content[offset] ^ (1 << bit)]) + content[offset + 1 :])
    try:
        with pytest.raises(InputError, match=path.name):
            SequenceStore.open(shards[0]).verify()
    finally:
        path.write_bytes(content)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_manifest_opens_or_is_refused(shards: list[Path], data: st.DataObject) -> None:
    path = shards[0] / "manifest.json"
    content = path.read_bytes()
    offset = data.draw(st.integers(0, len(content) - 1))
    value = data.draw(st.integers(0, 255))
    path.write_bytes(content[:offset] + bytes([value]) + content[offset + 1 :])
    message = str(shards[0])
    try:
        SequenceStore.open(shards[0])
    except InputError as error:
        message = str(error)
    finally:
        path.write_bytes(content)
    assert str(shards[0]) in message


def edited(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format 1: format"),
        ({"axes": 4}, "axes"),
        ({"color": "red"}, "color"),
        ({"axes": 2}, "positions.npy: wrong shape"),
        ({"dtype": "float16"}, "positions.npy: wrong data type; expected float16; got float32"),
        ({"skeleton": {"name": "kinect20"}}, "manifest"),
        ({"skeleton": COCO17.to_dict()}, "wrong shape"),
        ({"tags": {"hair": ["red"]}}, "tag_hair.npy: the manifest does not list"),
        ({"tags": {"../../hair": ["red"]}}, "tags.../../hair.*pattern"),
        ({"unit": "feet"}, "unit: .*expected one of m, px, image, unknown; got feet"),
        ({"skeleton": {"name": "many", "joints": ["a"] * 5000, "parents": {}}}, "at most 1000 joints; got 5000"),
        ({"skeleton": {"name": "odd", "joints": 7, "parents": {}}}, "manifest.json: not a description"),
        ({"skeleton": {"name": "odd", "joints": [["a"]], "parents": {}}}, "manifest.json: not a description"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    shards: list[Path], changes: dict[str, Any], message: str
) -> None:
    edited(shards[0], **changes)
    with pytest.raises(InputError, match=message):
        SequenceStore.open(shards[0])


def test_a_changed_shard_is_not_the_one_that_was_joined(shards: list[Path], tmp_path: Path) -> None:
    join(shards, tmp_path / "all")
    edited(shards[1], classes=["punch"])
    with pytest.raises(InputError, match=r"part 1.* is not the one that was joined"):
        SequenceStore.open(tmp_path / "all")


@pytest.mark.parametrize("name", ["positions", "observed", "recordings", "names", "tag_subject"])
def test_a_missing_or_cut_file_is_named(shards: list[Path], name: str) -> None:
    path = shards[0] / f"{name}.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(
        InputError, match=f"{name}.npy: the file was truncated or changed; expected {len(content)} b"
    ):
        SequenceStore.open(shards[0])
    path.unlink()
    with pytest.raises(InputError, match=f"{name}.npy: the file is missing"):
        SequenceStore.open(shards[0])


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a store"):
        SequenceStore.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="not a valid manifest"):
        SequenceStore.open(tmp_path)


def test_nothing_is_ever_unpickled(shards: list[Path], tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "it went off",))

    path = shards[0] / "labels.npy"
    np.save(path, np.array([Bomb(), Bomb(), Bomb()], dtype=object), allow_pickle=True)
    files = json.loads((shards[0] / "manifest.json").read_text())["files"]
    files["labels.npy"]["bytes"] = path.stat().st_size
    edited(shards[0], files=files)
    with pytest.raises(InputError, match=r"labels\.npy: wrong data type; expected int32; got object"):
        SequenceStore.open(shards[0])
    assert not (tmp_path / "it went off").exists()


def test_an_index_that_leaves_the_arrays_is_refused(shards: list[Path]) -> None:
    path = shards[0] / "track_rows.npy"
    rows = np.load(path)
    np.save(path, rows + 1)
    with pytest.raises(InputError, match=r"track_rows\.npy: the first offset is not 0; got 1"):
        SequenceStore.open(shards[0])


HUGE = {
    "recordings": (1, 2**62),  # so many tracks
    "frames": (0, 2**31 - 1),
    "track_rows": (1, 2**62),
    "track_starts": (0, -1),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_recording_is_never_as_large_as_a_number_says(shards: list[Path], name: str) -> None:
    path, (offset, value) = shards[0] / f"{name}.npy", HUGE[name]
    array = np.load(path)
    array[offset] = value
    np.save(path, array)
    store = SequenceStore.open(shards[0])
    with pytest.raises(InputError, match=r"part 0.*(invalid.*recording 0|recording 0 is too large)"):
        store[0]
    with pytest.raises(InputError, match=r"part 0"):
        store.verify()


@pytest.mark.parametrize("shape", [(10**13,), (2**70, 2**70), (0, 10**30), (-1, -3), ()])
@pytest.mark.parametrize("name", ["frames", "positions", "names"])
def test_an_array_is_never_as_large_as_its_header_says(
    shards: list[Path], name: str, shape: tuple[int, ...]
) -> None:
    path = shards[0] / f"{name}.npy"
    content = path.read_bytes()
    head = re.sub(rb"'shape': \([^)]*\)", b"'shape': %a" % (shape,), content[:128])[:127].ljust(127) + b"\n"
    path.write_bytes(head + content[128:])
    with pytest.raises(InputError, match=f"{name}.npy: (not a numpy array|the size of the file is not)"):
        SequenceStore.open(shards[0])


@pytest.mark.parametrize(("name", "read"), [("labels", "labels"), ("tag_subject", "tag")])
@pytest.mark.parametrize("code", [-2, 2])
def test_a_code_without_a_value_is_refused(shards: list[Path], name: str, read: str, code: int) -> None:
    path = shards[0] / f"{name}.npy"
    codes = np.load(path)
    codes[1] = code
    np.save(path, codes)
    store = SequenceStore.open(shards[0])
    with pytest.raises(InputError, match=f"{name}.npy: the index is invalid"):
        store.labels if read == "labels" else store.tag("subject")


def test_a_name_that_is_no_text_is_shown_as_well_as_can_be(shards: list[Path]) -> None:
    path = shards[0] / "names.npy"
    text = np.load(path)
    text[0] = 0xFF
    np.save(path, text)
    assert SequenceStore.open(shards[0]).name(0) == "\ufffdlip 0"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="cannot count open files here")
def test_small_shards_keep_no_file_open(shards: list[Path], tmp_path: Path) -> None:
    join(shards, tmp_path / "all")
    before = len(list(Path("/proc/self/fd").iterdir()))
    store = SequenceStore.open(tmp_path / "all")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert len(store) == 6


def test_layouts_come_back_whole(shards: list[Path]) -> None:
    assert SequenceStore.open(shards[0]).skeleton == KINECT20
