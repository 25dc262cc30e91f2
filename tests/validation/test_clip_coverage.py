"""The share of joints that a model sees equals that of the clips it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.sequences.clip_sampling import ClipSampling
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms import ClipConfig
from skeletonmae.validation import clip_coverage, validate, validate_store
from skeletonmae.validation.block import RecordingBlock

Make = Callable[..., Any]


@pytest.mark.parametrize("settings", [{}, {"sampling": "segments"}, {"bridge_seconds": 0, "max_persons": 1}])
def test_it_equals_the_clips_of_the_loader(
    tmp_path: Path, make_recording: Make, make_store: Make, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = (None, 30.0, 8.0)
    recordings = [make_recording(i, i % 4, 5 + 9 * i, lost=0.5, fps=rates[i % 3]) for i in range(9)]
    store = make_store(tmp_path / "s", recordings)
    config = ClipConfig(frames=12, transforms=(), **settings)
    batch = config.loader(store, np.arange(9), batch_size=9).batch(0, 0)
    expected = batch.observed.flatten(2).double().mean(2).amax(1)
    sampling = ClipSampling(frames=12, **settings)
    for cells in (1, 2**22):
        monkeypatch.setattr(clip_coverage, "MAX_CHUNK_CELLS", cells)
        block = RecordingBlock.from_recordings(recordings)
        found = clip_coverage.measure_clips(block, sampling)["clip_share"]
        np.testing.assert_allclose(np.nan_to_num(found), expected.numpy(), atol=1e-6)
        assert np.isnan(found).tolist() == [not one.observed.any() for one in recordings]
    assert 0 < expected.mean() < 1


@pytest.mark.parametrize(
    ("period", "bridge_seconds", "severity"),
    [((1, 1), 0, None), ((1, 2), 0.25, None), ((1, 2), 0, "error"), ((4, 12), 0.25, "warning")],
)
def test_findings(
    clean: list[SkeletonSequence], period: tuple[int, int], bridge_seconds: float, severity: str | None
) -> None:
    """The first frames of each period were observed, at 30 per second."""
    one = next(one for one in clean if one.num_frames >= 60 and one.num_persons == 1)
    observed = one.observed & (np.arange(one.num_frames) % period[1] < period[0])[:, None]
    recording = replace(one, positions=one.positions * observed[..., None], observed=observed)
    result = validate([recording], clips=ClipSampling(bridge_seconds=bridge_seconds))
    assert [one.severity for one in result.findings if one.check == "clips"] == ([severity] if severity else [])
    assert result.recorded_share == pytest.approx(observed.mean())
    assert result.clip_frames == 64


def test_an_empty_clip_is_an_error_with_a_store_as_without(tmp_path: Path, make_store: Make) -> None:
    observed = np.zeros((1, 100, 20), dtype=bool)
    observed[0, [0, 99]] = True  # the crop of evaluation shows neither
    positions = np.random.default_rng(0).normal(size=(1, 100, 20, 3))
    one = SkeletonSequence.from_positions(positions, KINECT20, observed=observed, name="far apart", fps=30.0)
    store = make_store(tmp_path / "s", [one])
    for result in (validate([one]), validate_store(store)):
        (finding,) = [found for found in result.findings if found.check == "clips"]
        assert (finding.severity, finding.recording) == ("error", "far apart")
        assert finding.message == "no joint is observed in its clip; 2% of the joints were recorded"
        assert result.status == "errors"
        assert (result.recorded_share, result.clip_share) == (pytest.approx(0.02), 0.0)


def test_without_any_observed_joint_there_is_no_share(make_recording: Make) -> None:
    result = validate([make_recording(0, 1, 5, lost=1.1)])
    assert (result.recorded_share, result.clip_share) == (None, None)
    assert [one.check for one in result.findings if one.severity == "error"] == ["empty"]
