"""Converted recordings that find themselves: cameras, ranks, and the page."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae import SkeletonEncoder


@pytest.fixture
def retrieval(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("self_retrieval")


def test_a_camera_in_front_keeps_up_and_left(retrieval: Any, make_recording: Any) -> None:
    class Straight:
        """Draws 0 for every angle, and a distance of 2 meters."""

        def uniform(self, low: float, _high: float) -> float:
            return 2.0 if low == 2 else 0.0

    recording = make_recording()
    filmed = retrieval.film(recording, Straight())
    assert (filmed.unit, filmed.positions.shape[3]) == ("px", 2)
    observed = recording.observed
    np.testing.assert_array_equal(filmed.observed, observed)
    relative = recording.positions[observed] - recording.positions[observed].mean(0)
    expected = -relative[:, :2] * 1000 / np.maximum(relative[:, 2:] + 2, 0.2) + [960, 540]
    np.testing.assert_allclose(filmed.positions[observed], expected, rtol=1e-4)


@pytest.mark.parametrize(("film", "max_yaw"), [("film_front", 60), ("film_all_around", 180)])
@pytest.mark.parametrize("end", [-1, 0, 1])
def test_the_directions_of_a_camera(
    retrieval: Any, make_recording: Any, film: str, max_yaw: int, end: int
) -> None:
    class Far:
        """Draws the first, the middle or the last yaw, 0 for the other angles, and a distance of 1,000 km."""

        def __init__(self) -> None:
            self.num_drawn = 0

        def uniform(self, low: float, high: float) -> float:
            self.num_drawn += 1
            if self.num_drawn == 4:
                return 1e6
            return (low, (low + high) / 2, high)[end + 1] if self.num_drawn == 1 else 0.0

    recording = make_recording()
    observed = recording.observed
    x, _, z = (recording.positions[observed] - recording.positions[observed].mean(0)).T
    yaw = np.radians(max_yaw * end)
    filmed = getattr(retrieval, film)(recording, Far()).positions[observed]
    expected = -(x * np.cos(yaw) + z * np.sin(yaw)) * 1000 / 1e6 + 960
    np.testing.assert_allclose(filmed[:, 0], expected, atol=2e-4)


def test_half_the_rate_lasts_as_long(retrieval: Any, make_recording: Any) -> None:
    recording = replace(make_recording(frames=31, lost=0.2), fps=30.0)
    half = retrieval.half_rate(recording, np.random.default_rng(0))
    assert (half.num_frames, half.fps) == (16, 15.0)
    assert (half.num_frames - 1) / half.fps == (recording.num_frames - 1) / recording.fps
    np.testing.assert_array_equal(half.positions, recording.positions[:, ::2])
    np.testing.assert_array_equal(half.observed, recording.observed[:, ::2])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rotations(retrieval: Any, axis: int) -> None:
    rotation = retrieval._about(axis, np.pi / 2)
    expected = np.cross(np.eye(3)[axis], np.eye(3)[(axis + 1) % 3])
    np.testing.assert_allclose(rotation @ np.eye(3)[(axis + 1) % 3], expected, atol=1e-12)


def test_ranks(retrieval: Any) -> None:
    gallery = np.array([[0.0, 0], [4, 0], [0, 4], [4, 4]], np.float32)
    queries = np.array([[0.1, 0], [0, 4], [0, 4], [2, 2]], np.float32)  # the last is at the center: a tie
    assert retrieval.ranks(gallery, queries).tolist() == [0, 3, 0, 3]


def test_another_pooling_is_another_column(
    retrieval: Any, tiny_run: Path, make_recording: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = [replace(make_recording(seed=seed), name=str(seed), fps=30.0, label=None) for seed in range(3)]
    monkeypatch.setattr(retrieval, "read_recordings", lambda stores: recordings)
    out, asked, features = tmp_path / "found.json", [], retrieval.features
    monkeypatch.setattr(retrieval, "features", lambda *words: asked.append(words[2]) or features(*words))
    for options in ([], ["--pooling", "statistics"]):
        words = [str(tiny_run), "--name", "tiny", "--out", str(out), *options]
        monkeypatch.setattr("sys.argv", ["self_retrieval.py", *words])
        retrieval.main()
    assert list(json.loads(out.read_text())["encoders"]) == ["tiny", "tiny, statistics"]
    assert asked == ["parts"] * 9 + ["statistics"] * 9


def test_results(retrieval: Any, tiny_run: Path, make_recording: Any) -> None:
    recordings = [replace(make_recording(seed=seed), name=str(seed), fps=30.0, label=None) for seed in range(6)]
    found = retrieval.measure(SkeletonEncoder.from_pretrained(tiny_run), recordings)
    assert list(found) == list(retrieval.CHANGES)
    assert found["nothing"] == {"top1": 1.0, "top5": 1.0, "median_rank": 1.0}
    assert found["2D, front"] is None  # the tiny model reads 3D alone
    text = retrieval.page(
        {"encoders": {"tiny": {"results": found, "date": "", "commit": "", "command": "", "num_recordings": 6}}}
    )
    assert "| nothing | 100.0 / 100.0 / 1 |" in text
    assert "| 2D, front | not read |" in text


def test_the_page_is_that_of_the_results(retrieval: Any) -> None:
    result = json.loads(retrieval.FILE.read_text(encoding="utf-8"))
    assert retrieval.FILE.with_suffix(".md").read_text(encoding="utf-8") == retrieval.page(result)
