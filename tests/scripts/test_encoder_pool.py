"""The pool of the shipped encoders: no copy of a test side, thinned and cut recordings, small stores."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore, SkeletonSequence

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, with one source, the synthetic store split by camera, and one unseen store."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    script = importlib.import_module("encoder_pool")
    monkeypatch.setattr(script, "SOURCES", {"synthetic": script.PoolSource("view")})
    monkeypatch.setattr(script, "UNSEEN", ("unseen",))
    return script


@pytest.fixture
def stores(tiny_store: Path, tmp_path: Path, make_store: Any) -> Callable[..., Path]:
    """Copy the tiny store, `change(recording)`; the unseen store has one mirrored recording of camera 1."""

    def copy(change: Callable[[SkeletonSequence], SkeletonSequence] = lambda one: one) -> Path:
        store = SequenceStore.open(tiny_store)
        recordings = [change(store[index]) for index in range(len(store))]
        make_store(tmp_path / "stores" / "synthetic", recordings, dataset="synthetic", classes=store.classes)
        trained = next(one for one in recordings if one.tags["camera"] == "1")
        mirrored = np.where(trained.observed[..., None], trained.positions * np.float32([-1, 1, 1]), 0)
        unseen = replace(trained, name="mirrored", positions=mirrored.astype(np.float32))
        make_store(tmp_path / "stores" / "unseen", [unseen], dataset="folder", classes=store.classes)
        return tmp_path / "stores"

    return copy


def test_a_mirrored_copy_of_an_unseen_recording_is_left_out(pool: Any, stores: Any, tmp_path: Path) -> None:
    folder = stores()
    source = SequenceStore.open(folder / "synthetic")
    first = next(source[index] for index in range(len(source)) if source[index].tags["camera"] == "1")
    names = pool.write_lists(folder, tmp_path / "lists")["synthetic"]
    assert first.name in names
    assert (tmp_path / "lists" / "synthetic.txt").read_text().split() == names
    pool.write_stores(folder, tmp_path / "pool", tmp_path / "lists", num_synthetic=1)
    written = SequenceStore.open(tmp_path / "pool" / "synthetic")
    kept = {written.name(index) for index in range(len(written))}
    train = {one.name for one in (source[index] for index in range(len(source))) if one.tags["camera"] != "3"}
    assert kept == train - set(names)
    assert written.shards[0].positions.dtype == np.float16
    assert (written.labels == -1).all()


def test_a_list_that_does_not_fit(pool: Any, stores: Any, tmp_path: Path) -> None:
    folder = stores()
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "synthetic.txt").write_text("nobody\n")
    with pytest.raises(InputError, match="nobody"):
        pool.write_stores(folder, tmp_path / "pool", tmp_path / "lists")


def test_stores_that_are_too_large(
    pool: Any, stores: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="too large"):
        pool.write_stores(stores(), tmp_path / "pool", tmp_path)


@pytest.mark.parametrize(("fps", "step"), [(None, 1), (30.00003, 1), (15.0, 1), (60.0, 2), (120.0, 4), (50.0, 2)])
def test_thin(pool: Any, make_recording: Any, fps: float | None, step: int) -> None:
    recording = replace(make_recording(), fps=fps)
    thinned = pool.thin(recording, 30.0)
    np.testing.assert_array_equal(thinned.positions, recording.positions[:, ::step])
    np.testing.assert_array_equal(thinned.observed, recording.observed[:, ::step])
    assert thinned.fps == (None if fps is None else fps / step)


def test_cut(pool: Any, make_recording: Any) -> None:
    recording = replace(make_recording(), fps=10.0)
    frames = recording.num_frames
    pieces = list(pool.cut(recording, (frames - 1) / 2 / 10))
    assert [piece.name for piece in pieces] == [f"{recording.name}, piece {number} of 3" for number in (1, 2, 3)]
    joined = np.concatenate([piece.positions for piece in pieces], 1)
    np.testing.assert_array_equal(joined, recording.positions)
    for whole in (pool.cut(recording, frames / 10), pool.cut(replace(recording, fps=None), 0.1)):
        (piece,) = whole
        assert (piece.name, piece.num_frames) == (recording.name, frames)


def test_every_second_recording_of_each_class(pool: Any, tiny_store: Path) -> None:
    store = SequenceStore.open(tiny_store)
    index = np.arange(len(store))
    kept = pool._every(store, index, 2)
    for label in range(len(store.classes)):
        of_class = index[store.labels == label]
        assert (store.labels[kept] == label).sum() == -(-len(of_class) // 2)


def test_every_second_recording_of_each_style(
    pool: Any, make_recording: Any, make_store: Any, tmp_path: Path
) -> None:
    styles = ["calm", "calm", "angry", "calm", "angry", "angry", "angry", "calm", "calm"]
    recordings = [
        replace(make_recording(seed=number), name=f"{9 - number}", label="walk", tags={"style": style})
        for number, style in enumerate(styles)
    ]
    store = make_store(tmp_path / "store", recordings)
    kept = pool._every(store, np.arange(9), 2)
    # By name, the last comes first: calm 8, 7, 3, 1, 0 and angry 6, 5, 4, 2.
    assert kept.tolist() == [0, 3, 4, 6, 8]


def test_copies_of_the_test_sides_of_all_sources_are_left_out(
    pool: Any, make_recording: Any, make_store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source has a copy of a test recording of the other, and each unseen store one of both sources."""

    def of(name: str, seeds: dict[str, tuple[int, ...]]) -> None:
        recordings = [
            replace(make_recording(seed=seed), name=f"{name}{seed}", label="walk", tags={"camera": camera})
            for camera, seeds_of_camera in seeds.items()
            for seed in seeds_of_camera
        ]
        make_store(tmp_path / "stores" / name, recordings, dataset="synthetic")

    of("first", {"1": (1, 2), "2": (3, 22), "3": (11, 12)})
    of("second", {"1": (4, 11), "2": (5, 31), "3": (21, 22)})
    of("third", {"1": (6, 12), "2": (7, 21, 32), "3": (13,)})
    of("unseen", {"1": (31,), "3": (41,)})
    of("other", {"2": (32,)})
    monkeypatch.setattr(pool, "SOURCES", dict.fromkeys(("first", "second", "third"), pool.PoolSource("view")))
    monkeypatch.setattr(pool, "UNSEEN", ("unseen", "other"))
    assert pool.write_lists(tmp_path / "stores", tmp_path / "lists") == {
        "first": ["first22"],
        "second": ["second11", "second31"],
        "third": ["third12", "third21", "third32"],
    }


@pytest.mark.real
def test_the_lists_are_those_of_the_stores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    script = importlib.import_module("encoder_pool")
    stores = SCRIPTS.parent / "stores"
    if not all((stores / name).exists() for name in (*script.SOURCES, *script.UNSEEN)):
        pytest.skip("the stores are not prepared")
    script.write_lists(stores, tmp_path)
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert written == {file.name: file.read_text() for file in script.LISTS.iterdir()}
