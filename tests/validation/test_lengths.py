from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.validation import Finding, check_basics, validate


def found(recordings: list[SkeletonSequence], check: str) -> list[Finding]:
    return [finding for finding in validate(recordings).findings if finding.check == check]


def cut(recording: SkeletonSequence, frames: int, **fields: Any) -> SkeletonSequence:
    """The recording with so many frames, repeated if it has fewer."""
    index = np.arange(frames) % recording.num_frames
    return replace(
        recording, positions=recording.positions[:, index], observed=recording.observed[:, index], **fields
    )


@pytest.mark.parametrize(
    ("frames", "message"), [(1, "only one frame"), (2, "only 2 frames"), (6, "only 6 frames")]
)
def test_one_to_six_frames_are_a_warning(clean: list[SkeletonSequence], frames: int, message: str) -> None:
    (finding,) = found([cut(clean[0], frames), *clean[1:]], "short")
    assert (finding.severity, finding.message, finding.recording) == ("warning", message, clean[0].name)
    assert found([cut(clean[0], 7), *clean[1:]], "short") == []


def test_a_recording_far_longer_than_its_class_is_a_warning(clean: list[SkeletonSequence]) -> None:
    recordings = [cut(clean[i], 30, name=str(i), label="wave") for i in range(4)]
    long = cut(clean[4], 900, name="uncut", label="wave")
    (finding,) = found([*recordings, long], "long")
    assert finding.recording == "uncut"
    assert "900 frames, 30 times the median of class 'wave' (30)" in finding.message
    assert found([*recordings, cut(clean[4], 590, name="uncut", label="wave")], "long") == []
    assert found([*recordings[:1], long], "long") == []  # two recordings have no typical length
    assert found([*(replace(one, label=None) for one in recordings), replace(long, label=None)], "long") == []


def test_one_frame_per_second_is_a_warning(clean: list[SkeletonSequence]) -> None:
    (finding,) = (
        finding
        for finding in found([replace(clean[0], fps=1.0), *clean[1:]], "fps")
        if finding.recording == clean[0].name
    )
    assert (finding.severity, "1 frames per second; expected 5 to 1000" in finding.message) == ("warning", True)


def test_a_folder_of_single_frames_is_an_error(clean: list[SkeletonSequence]) -> None:
    recordings = [cut(clean[i], 1, name=f"video 1/{i}") for i in range(4)]
    (finding,) = found([*recordings, *clean[4:]], "frames")
    assert (finding.severity, finding.recordings) == ("error", 4)
    assert "single frame in the folder 'video 1'" in finding.message


@pytest.mark.parametrize(
    ("turn", "scale", "check", "advice"),
    [
        ((1, 1, 1), 1000.0, "units", "are these millimeters? If so, state `--unit mm`"),
        ((1, 1, 1), 100.0, "units", "are these centimeters? If so, state `--unit cm`"),
        ((-1, -1, 1), 1.0, "upright", "`--up -y` turns them"),
        ((-1, 1, 1), 1.0, "mirrored", "the feet point backward"),
    ],
)
def test_a_store_is_checked_for_its_unit_and_its_axes(
    clean: list[SkeletonSequence],
    changed: Callable[..., SkeletonSequence],
    make_store: Callable[..., Path],
    tmp_path: Path,
    turn: tuple[int, ...],
    scale: float,
    check: str,
    advice: str,
) -> None:
    make_store(tmp_path / "store", [changed(one, one.positions * np.array(turn) * scale) for one in clean])
    counts, findings = check_basics(SequenceStore.open(tmp_path / "store"))
    assert [count.check for count in counts if count.severity != "note"] == [check]
    assert advice in findings[0].message


def test_z_up_is_told_with_its_remedy(
    clean: list[SkeletonSequence], changed: Callable[..., SkeletonSequence], make_store: Any, tmp_path: Path
) -> None:
    recordings = [changed(one, one.positions[..., [0, 2, 1]] * np.array([1, -1, 1])) for one in clean]
    make_store(tmp_path / "store", recordings)
    counts, findings = check_basics(SequenceStore.open(tmp_path / "store"))
    assert [count.check for count in counts if count.severity != "note"] == ["upright"]
    assert "bodies stand along z in" in findings[0].message
    assert "`--up z` turns files with z up" in findings[0].message


def test_a_large_store_is_sampled_with_its_shortest_and_longest(
    clean: list[SkeletonSequence], make_store: Any, tmp_path: Path
) -> None:
    recordings = [replace(clean[i % 50], name=str(i)) for i in range(300)]
    recordings[7] = cut(recordings[7], 3)
    make_store(tmp_path / "store", recordings)
    store = SequenceStore.open(tmp_path / "store")
    _, findings = check_basics(store, max_recordings=10)
    assert [finding.recording for finding in findings if finding.check == "short"] == ["7"]
    assert check_basics(make_store(tmp_path / "clean", clean))[1] == tuple(
        finding
        for finding in check_basics(SequenceStore.open(tmp_path / "clean"))[1]
        if finding.severity == "note"
    )
