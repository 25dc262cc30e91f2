"""What other frame rates do to the features of an encoder: resampling, pieces, distances, and the page."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae import SkeletonEncoder
from skeletonmae.sequences import SequenceStore


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("encoder_rates")


@pytest.mark.parametrize("rate", [10, 15, 20, 30, 60, 120])
def test_straight_motion_is_the_same_at_every_rate(rates: Any, make_recording: Any, rate: int) -> None:
    recording = replace(make_recording(frames=31, lost=0.0), fps=30.0)
    seconds = np.arange(31, dtype=np.float32)[:, None, None] / 30
    observed = np.ones_like(recording.observed)
    recording = replace(
        recording, positions=np.broadcast_to(seconds, recording.positions.shape).copy(), observed=observed
    )
    found = rates.resample(recording, rate)
    assert (found.num_frames, found.fps) == (rate + 1, rate)
    expected = np.linspace(0, 1, rate + 1)
    np.testing.assert_allclose(found.positions[0, :, 3, 1], expected, atol=1e-6)


def test_a_lower_rate_keeps_frames_and_a_higher_one_needs_both(rates: Any, make_recording: Any) -> None:
    recording = replace(make_recording(frames=31, lost=0.3), fps=30.0)
    slow, fast = rates.resample(recording, 10), rates.resample(recording, 60)
    np.testing.assert_array_equal(slow.positions, recording.positions[:, ::3])
    np.testing.assert_array_equal(slow.observed, recording.observed[:, ::3])
    np.testing.assert_array_equal(fast.positions[:, ::2], recording.positions)
    np.testing.assert_array_equal(fast.observed[:, 1::2], recording.observed[:, 1:] & recording.observed[:, :-1])
    assert not fast.positions[~fast.observed].any()


def test_pieces_end_with_a_frame_of_every_rate(rates: Any, make_recording: Any) -> None:
    recording = replace(make_recording(frames=100, lost=0.0), fps=15.0)
    observed = np.ones_like(recording.observed)
    pieces = rates._pieces(replace(recording, observed=observed))
    assert [piece.num_frames for piece in pieces] == [46, 46, 10]  # 3 s, 3 s, and 9 of 9.9 frames
    np.testing.assert_array_equal(pieces[1].positions, recording.positions[:, 45:91])
    assert {(piece.num_frames - 1) * 2 % 6 for piece in pieces} == {0}
    short = replace(make_recording(frames=3), fps=15.0)
    assert rates._pieces(short) == []


def test_distances_by_hand(rates: Any) -> None:
    own = np.array([[0.0, 0, 7], [0, 4, 7], [4, 0, 7]])  # the last feature does not vary
    other = np.add(own, [[0, 1, 5], [0, 0, 0], [-4, 0, 0]])
    scale = own.std(0)[0]
    assert scale == own.std(0)[1]
    found = rates.compare(own, other)
    assert found["share"] == pytest.approx(0.25)  # 1, 0 and 4, of 4 each
    assert found["top1"] == pytest.approx(2 / 3)


def test_the_own_rate_changes_nothing(rates: Any, tiny_run: Path, make_recording: Any) -> None:
    recordings = [replace(make_recording(seed=seed, frames=31, lost=0.1), fps=30.0) for seed in range(5)]
    rows = rates.measure(SkeletonEncoder.from_pretrained(tiny_run, device="cpu"), recordings)
    by_rate = {row["rate"]: row for row in rows}
    assert list(by_rate) == list(rates.RATES)
    assert by_rate[30]["share"] == pytest.approx(0, abs=1e-5)
    assert by_rate[30]["top1"] == 1
    assert by_rate[10]["share"] > 0.01


def test_only_training_sides_are_read(rates: Any, tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "NUM_RECORDINGS", 1000)
    store = SequenceStore.open(tiny_store)
    train = {store.name(number) for number in rates.default_task(tiny_store, store).train}
    names = set(map(store.name, range(len(store))))
    assert train < names
    assert {one.name for one in rates.read_recordings(tiny_store)} == train
    monkeypatch.setattr(rates, "UNDIVIDED", (tiny_store.name,))
    assert {one.name for one in rates.read_recordings(tiny_store)} == names


def test_rows_say_which_weights_were_measured(
    rates: Any, tiny_run: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stores").mkdir()
    (tmp_path / "stores" / "synthetic").symlink_to(tiny_store)
    monkeypatch.setattr(rates, "SETS", {"synthetic": "Synthetic"})
    monkeypatch.setattr(rates, "NUM_RECORDINGS", 6)
    out = tmp_path / "found.json"
    words = [str(tiny_run), f"untrained {tiny_run}", "--stores", str(tmp_path / "stores"), "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["encoder_rates.py", *words])
    rates.main()
    rows = json.loads(out.read_text())["rows"]
    assert [(row["encoder"], row["rate"]) for row in rows] == [
        (name, rate) for name in words[:2] for rate in rates.RATES
    ]
    weights = hashlib.sha256((tiny_run / "model.safetensors").read_bytes()).hexdigest()
    assert [row.get("weights") for row in rows] == [weights] * 6 + [None] * 6
    assert ["network" in row for row in rows] == [False] * 6 + [True] * 6
    assert f"\n- {tiny_run}: `{weights[:12]}` on synthetic\n" in out.with_suffix(".md").read_text()


def test_the_page_is_that_of_the_results(rates: Any) -> None:
    result = json.loads(rates.FILE.read_text(encoding="utf-8"))
    assert rates.FILE.with_suffix(".md").read_text(encoding="utf-8") == rates.page(result)
    assert all(row.keys() & {"weights", "network"} for row in result["rows"])
