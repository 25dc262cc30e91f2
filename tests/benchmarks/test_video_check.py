from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.pose_video import PixelEstimator, image_of, person, write_images

from skeletonmae.predictions.prediction import Prediction
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import MEDIAPIPE33

FRAMES, VIDEO = 45, "small.mkv"
NAMES = list(MEDIAPIPE33.joints)


@pytest.fixture
def measures(benchmark_module: Any) -> Any:
    return benchmark_module("video_measures")


def walk(frames: int = 20) -> np.ndarray:
    """Positions `(frame, 33, 3)` of a body that faces forward and does not stay the same."""
    rng = np.random.default_rng(0)
    positions = 0.1 * rng.standard_normal((33, 3)).astype(np.float32)
    for joint, height in {"shoulder": 0.5, "hip": 0.0, "knee": -0.4, "ankle": -0.8}.items():
        for side, x in {"left": -0.2, "right": 0.2}.items():
            positions[NAMES.index(f"{side}_{joint}")] = x, height, 0
    return positions + 0.02 * np.cumsum(rng.standard_normal((frames, 33, 3)), 0).astype(np.float32)


def recording_of(positions: np.ndarray, fps: float = 10.0) -> SkeletonSequence:
    return SkeletonSequence.from_positions(positions[None].astype(np.float32), MEDIAPIPE33, fps=fps, unit="m")


def turned(positions: np.ndarray, axis: str, degrees: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = {"y": [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], "x": [[1, 0, 0], [0, cos, -sin], [0, sin, cos]]}
    return (positions @ np.array(matrix[axis]).T).astype(np.float32)


def distance(measures: Any, one: np.ndarray, other: np.ndarray) -> Any:
    views = [measures.facing_forward(recording_of(positions)) for positions in (one, other)]
    return measures.view_distance(*views)


def test_a_turn_about_the_vertical_is_no_distance(measures: Any) -> None:
    found = distance(measures, walk(), turned(walk(), "y", 70))
    assert found.cm == pytest.approx(0, abs=1e-3)
    assert (found.exchanged, found.best_lag) == (0, 0)


def test_a_tilt_is_taken_back_by_the_rotation_that_fits(measures: Any) -> None:
    found = distance(measures, walk(), turned(walk(), "x", 20))
    assert found.cm > 5
    assert found.rotated_cm == pytest.approx(0, abs=1e-3)
    assert found.rotated_degrees == pytest.approx(20, abs=0.1)


def test_distances_are_in_centimeters_and_body_sizes(measures: Any) -> None:
    found = distance(measures, walk(), walk() + np.array([0, 0.1, 0]))
    size = measures.facing_forward(recording_of(walk())).size
    assert (found.cm, found.limbs_cm) == pytest.approx((10, 10), abs=1e-3)
    assert found.body_sizes == pytest.approx(0.1 / size, rel=1e-3)


def test_exchanged_sides_and_late_views_are_found(measures: Any) -> None:
    exchanged = walk()
    exchanged[:5] = exchanged[:5][:, MEDIAPIPE33.mirror_index]
    found = distance(measures, walk(), exchanged)
    assert found.exchanged == 5 / 20
    assert found.same_sides_cm < found.cm
    assert distance(measures, walk()[3:], walk()[:-3]).best_lag == 3


def test_knees_are_bent_and_repetitions_counted(measures: Any) -> None:
    positions = walk(2)
    for side in ("left", "right"):
        hip, knee, ankle = (NAMES.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle"))
        positions[:, hip], positions[:, knee] = (0, 1, 0), (0, 0, 0)
        positions[:, ankle] = [(0, -1, 0), (0, 0, 1)]
    np.testing.assert_allclose(measures.knee_angles(recording_of(positions)), [180, 90], atol=1e-4)
    angles = np.array([170, 100, np.nan, 120, 100, 160, 170, 90, 155, 100, 140.0])
    assert measures.count_repetitions(angles) == (2, True)


def test_seconds_of_a_person(measures: Any) -> None:
    positions = walk(26)
    observed = np.ones((1, 26, 33), bool)
    observed[:, 10:16] = False
    recording = SkeletonSequence.from_positions(
        np.where(observed[..., None], positions, 0).astype(np.float32),
        MEDIAPIPE33,
        observed=observed,
        fps=10,
        unit="m",
    )
    windows = measures.cut_seconds(recording, 0)
    assert [(second, window.num_frames) for second, window in windows] == [(0, 10), (2, 6)]
    assert measures.observed_share(recording) == pytest.approx(20 / 26)


def test_the_interval_of_equal_values_is_their_mean(measures: Any) -> None:
    assert measures.block_interval(np.full(30, 2.0)) == (2, 2)
    assert measures.block_interval(np.full(30, 2.0), is_sum=True) == (60, 60)
    low, high = measures.block_interval(np.arange(100.0))
    assert low < 49.5 < high


class AlwaysSquat:
    axes = 2

    def predict(self, recordings: list[SkeletonSequence], windows: bool) -> list[Prediction]:
        return [
            Prediction(one.name, None, (("squat", 0.8),), unknown=one.num_frames < 30, familiarity=0.5)
            for one in recordings
        ]


@pytest.fixture
def small_video(tmp_path: Path) -> Path:
    """A video of somebody whose legs are not seen."""
    pytest.importorskip("av")
    flat = walk(FRAMES)
    points = np.stack([48 + 20 * flat[..., 0], 32 - 20 * flat[..., 1]], -1)
    confidence = np.array([not name.endswith(("knee", "ankle", "heel", "toe")) for name in NAMES], np.float32)
    images = [image_of([person(1, points[frame], confidence, flat[frame])]) for frame in range(FRAMES)]
    return write_images(tmp_path / VIDEO, images)


def test_the_script_checks_a_small_video(
    benchmark_module: Any, small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, windows = benchmark_module("video_check"), benchmark_module("video_windows")
    contents, place = benchmark_module("video_contents"), benchmark_module("pose_measures").Place()
    seen = {VIDEO: {"somebody": (contents.Seen(1, "squats", "squat"), contents.Seen(9, "rests"))}}
    monkeypatch.setattr("skeletonmae.pose.estimate.make_estimator", lambda *_, **__: PixelEstimator())
    monkeypatch.setattr(check, "make_estimator", PixelEstimator)
    monkeypatch.setattr(check, "classifier_of", lambda *_: (AlwaysSquat(), about))
    monkeypatch.setattr(check, "PERSONS", {"somebody": (VIDEO, [place])})
    monkeypatch.setattr(check, "BEFORE", {name: {"somebody": (FRAMES, 1.0, 1.0, 0)} for name in check.ESTIMATORS})
    monkeypatch.setattr(check, "VIEWS", (VIDEO, VIDEO))
    monkeypatch.setattr(check, "SQUATS", VIDEO)
    monkeypatch.setattr(check, "LOW_RATE_VIDEOS", (VIDEO,))
    monkeypatch.setattr(check, "SIGN_VIDEOS", {"small": VIDEO})
    for module in (check, windows):
        monkeypatch.setattr(module, "CONTENTS", seen)
    monkeypatch.setattr(windows, "ACTIONS", (contents.Action(VIDEO, 0, 0, 40, "squat"),))
    share = {"right": 0.9, "answered": 0.8}
    about = {"store": "penn_action", "head": "ridge", "test": share, "test_middle": share, "num_test": 10}
    out = tmp_path / "check.json"
    check.main([str(tmp_path), "--store", str(tmp_path), "--cache", str(tmp_path / "poses"), "--out", str(out)])
    content = json.loads(out.read_text(encoding="utf-8"))
    (legs,) = content["legs"]
    assert (legs["frames"], legs["legs"], legs["hip"]) == (FRAMES, 0, 1)
    assert content["views"]["pairs"][0]["cm"] == pytest.approx(0, abs=1e-3)
    assert content["agreement"] == [{"person": "somebody", "frames": FRAMES, "percent": 0}]
    (low,) = content["low_rate"]
    assert (low["frames"], low["found"], low["percent"]) == (8, 8, 0)
    assert [row["frames"] for row in content["steadiness"]] == [FRAMES, FRAMES]
    first, second = content["windows"]["seconds"]
    assert (first["frames"], first["expected"], first["given"]["is_right"]) == (30, "squat", True)
    assert (second["what"], second["penn13"]["unknown"], second["penn13"]["is_right"]) == ("rests", True, True)
    assert content["windows"]["actions"][0]["given"]["is_right"]
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs"))
    table = importlib.import_module("benchmark_tables").video_check_table(content)
    assert "| seconds of no class, called unknown | 1 of 1; converted to 13 joints 1 |" in table
    assert "| whole repetitions of a class | 1 | 1 | 1 | 1 | 1 |" in out.with_suffix(".md").read_text(
        encoding="utf-8"
    )


def test_a_long_video_is_the_short_one_back_and_forth(
    benchmark_module: Any, small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skeletonmae.pose import read_video

    memory = benchmark_module("video_memory")
    images = [np.full((32, 48, 3), 40 + 8 * number, np.uint8) for number in range(10)]
    memory.write_long_video(write_images(tmp_path / "short.mkv", images), tmp_path / "long.mp4", 0.1)
    levels = np.array([frame.image.mean() for frame in read_video(tmp_path / "long.mp4")])
    assert len(levels) == 6 * memory.FPS
    assert np.argmax(levels[:18]) == 9
    np.testing.assert_allclose(levels[18:], levels[:12], atol=4)
    monkeypatch.setattr("skeletonmae.pose.estimate.make_estimator", lambda *_, **__: PixelEstimator())
    found = memory.read_long_video(small_video, [0.05, 0.1])
    assert [row["minutes"] for row in found["rows"]] == [0.05, 0.1]
    assert (found["frames"], found["persons"]) == (FRAMES, 1)
    assert found["rows"][0]["peak_mb"] <= found["peak_mb"]


def test_the_page_is_that_of_the_results(benchmark_module: Any) -> None:
    file = benchmark_module("video_check").FILE
    content = json.loads(file.read_text(encoding="utf-8"))
    page = benchmark_module("video_check_page").page(content)
    assert file.with_suffix(".md").read_text(encoding="utf-8") == page
