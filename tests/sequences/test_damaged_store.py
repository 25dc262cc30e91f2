"""What `SequenceStore.open` accepts can be read: damage is refused in a sentence, or changes values only."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.batches import ClipReader, Loader
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.merge import merge

Make = Callable[..., Any]
NUM_RECORDINGS = 6
ARRAYS = (
    "fps", "frames", "labels", "name_ends", "names", "observed", "positions", "recordings", "tag_subject",
    "track_rows", "track_starts",
)  # fmt: skip
OFFSETS = ("name_ends", "recordings", "track_rows")
WRONG_VALUES = (
    -1, 0, 2**31, 2**70, -(2**70), 1e308, float("nan"), float("inf"), "", "x", "../..", "\0", "\ud800", "a" * 9999,
    None, True, [], {}, ["a", "a"], {"a": ["b"]},
)  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, make_recording: Make, make_store: Make) -> Path:
    """A sound store with one to three persons per recording."""
    about = [{"label": "ab"[seed % 2], "fps": (None, 25.0)[seed % 2]} for seed in range(NUM_RECORDINGS)]
    recordings = [
        make_recording(seed, persons=1 + seed % 3, tags={"subject": f"s{seed % 4}"}, **fields)
        for seed, fields in enumerate(about)
    ]
    folder = tmp_path_factory.mktemp("damaged") / "sound"
    make_store(folder, recordings)
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy of the store, to be damaged."""
    return Path(shutil.copytree(sound, tmp_path / "store"))


def read_everything(store: SequenceStore) -> int:
    """Read a store in every way; return the number of ways that were refused, in a sentence that names the store."""
    loader_settings: dict[str, Any] = {"batch_size": 4, "training": True, "crop": (0.5, 1.0), "prefetch": 0}

    def batches() -> None:
        reader = ClipReader(store, num_frames=4, bridge_seconds=0.2)
        loader = Loader(reader, store.labels, np.arange(len(store)), **loader_settings)
        for step in range(len(loader)):
            loader.batch(0, step)

    ways: list[Callable[[], object]] = [batches, lambda: store.labels, lambda: store.num_persons]
    ways += [lambda: store.tag("subject")]
    ways += [lambda index=index: store[index] for index in range(len(store))]  # type: ignore[misc]
    messages = []
    for way in ways:
        try:
            way()
        except InputError as error:
            messages.append(str(error))
    assert all(str(store.shards[0].path) in message for message in messages)
    return len(messages)


def is_refused(folder: Path) -> bool:
    """Whether a store is refused when it is opened or read; any other error than an `InputError` is raised."""
    message = None
    try:
        store = SequenceStore.open(folder)
    except InputError as error:
        message = str(error)
    assert message is None or str(folder) in message
    return message is not None or read_everything(store) > 0


def damaged_array(content: bytes, dtype: np.dtype[Any], dice: random.Random) -> bytes:
    """Flip bits, cut, extend, damage the header, exchange two values or write an extreme one."""
    damage = dice.choice(["flip", "cut", "extend", "header", "exchange", "extreme"])
    if damage == "cut":
        return content[: dice.randrange(len(content))]
    if damage == "extend":
        return content + dice.randbytes(dice.randint(1, 64))
    changed = bytearray(content)
    if damage == "flip":
        for _ in range(dice.randint(1, 3)):
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    elif damage == "header":
        changed[dice.randrange(128)] = dice.randrange(256)
    else:
        values = np.frombuffer(changed, dtype, offset=128)  # a view
        one, other = dice.randrange(len(values)), dice.randrange(len(values))
        if damage == "exchange":
            values[[one, other]] = values[[other, one]]
        elif dtype.kind == "f":
            values[one] = dice.choice([np.nan, np.inf, -np.inf, -1, 0, 1e30, 1e-40])
        else:
            limits = np.iinfo(dtype)
            values[one] = dice.choice([limits.min, limits.max, limits.max // 2, 0, 1, 2, 5, 100])
    return bytes(changed)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_damaged_array_is_refused_or_differs_in_values_only(folder: Path, name: str) -> None:
    dice = random.Random(name)
    file, manifest = folder / f"{name}.npy", folder / "manifest.json"
    content, fields = file.read_bytes(), json.loads(manifest.read_text())
    dtype = np.load(file).dtype
    num_refused = 0
    for _ in range(40):
        changed = damaged_array(content, dtype, dice)
        file.write_bytes(changed)
        fields["files"][file.name]["bytes"] = len(changed)  # or the length alone would give the damage away
        manifest.write_text(json.dumps(fields))
        num_refused += is_refused(folder)
    assert num_refused >= 8, "the damage is too mild"


def paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in nested mappings and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, value in items for found in ((*path, key), *paths(value, (*path, key)))]


def test_a_changed_manifest_is_refused_or_fits(folder: Path) -> None:
    dice = random.Random(0)
    file = folder / "manifest.json"
    content, num_refused = file.read_text(), 0
    for _ in range(150):
        fields = json.loads(content)
        *parents, key = dice.choice(paths(fields))
        within = fields
        for parent in parents:
            within = within[parent]
        if dice.random() < 0.2:
            del within[key]
        elif dice.random() < 0.3 and isinstance(within, dict):
            within[dice.choice(["x", "..", "\0", "a" * 300])] = dice.choice(WRONG_VALUES)
        else:
            within[key] = dice.choice(WRONG_VALUES)
        file.write_text(json.dumps(fields))
        num_refused += is_refused(folder)
    assert num_refused > 100


@pytest.mark.parametrize(
    ("name", "position", "value", "message"),
    [
        ("recordings", 2, 10**6, "recordings.npy: the index is invalid: the tracks of recording 1"),
        ("recordings", 1, -5, "recordings.npy: the index is invalid: the tracks of recording 0"),
        ("frames", 3, -1, "frames.npy: the index is invalid: the number of frames of recording 3"),
        ("fps", 4, -30.0, "fps.npy: the index is invalid: the rate of recording 4"),
        ("fps", 5, np.inf, "fps.npy: the index is invalid: the rate of recording 5"),
        ("track_rows", 1, 2**62, "track_rows.npy: the index is invalid: the rows of a track of recording 0"),
        ("track_starts", 0, 10**9, "track_starts.npy: the index is invalid: the frames of a track of recording 0"),
    ],
)
def test_clips_are_read_from_valid_places_only(
    folder: Path, name: str, position: int, value: float, message: str
) -> None:
    array = np.load(folder / f"{name}.npy")
    array[position] = value
    np.save(folder / f"{name}.npy", array)
    store = SequenceStore.open(folder)
    loader = Loader(ClipReader(store, 4), store.labels, np.arange(len(store)), batch_size=99, prefetch=0)
    with pytest.raises(InputError, match=message):
        loader.batch(0, 0)
    with pytest.raises(InputError, match=message):
        list(store)
    with pytest.raises(InputError, match="the index is invalid"):
        merge(store, folder / "merged", np.ones(len(store), bool))


@pytest.mark.parametrize("name", OFFSETS)
@pytest.mark.parametrize(("end", "message"), [(0, "the first offset is not 0"), (-1, "the last offset is not")])
def test_the_ends_of_the_offsets_are_checked_when_a_store_is_opened(
    folder: Path, name: str, end: int, message: str
) -> None:
    offsets = np.load(folder / f"{name}.npy")
    offsets[end] += 1
    np.save(folder / f"{name}.npy", offsets)
    with pytest.raises(InputError, match=f"{name}.npy: {message}"):
        SequenceStore.open(folder)


@pytest.mark.parametrize(("name", "code"), [("labels", -2), ("labels", 2), ("tag_subject", 4), ("name_ends", 999)])
def test_a_recording_with_an_impossible_label_tag_or_name_is_refused(folder: Path, name: str, code: int) -> None:
    codes = np.load(folder / f"{name}.npy")
    codes[1] = code
    np.save(folder / f"{name}.npy", codes)
    store = SequenceStore.open(folder)
    with pytest.raises(InputError, match=rf"{name}\.npy: the index is invalid.*recording 1"):
        store[1]
    assert store[3].name == "clip 3"


def test_a_coordinate_that_is_not_finite_is_refused_when_the_recording_is_read(folder: Path) -> None:
    positions = np.load(folder / "positions.npy")
    positions[0] = np.nan
    np.save(folder / "positions.npy", positions)
    with pytest.raises(InputError, match=r"store: the store is damaged: recording 'clip 0'.* is not finite"):
        SequenceStore.open(folder)[0]
