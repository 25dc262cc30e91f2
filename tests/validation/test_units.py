"""Units and axes of few recordings, of markers, and of bodies that are not a person's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25, Skeleton
from skeletonmae.validation import Finding, validate

MARKERS = {"head": "LFHD", "left_shoulder": "LSHO", "right_shoulder": "RSHO", "left_knee": "LKNE",
           "left_ankle": "LANK", "right_ankle": "RANK"}  # fmt: skip
"""Joint of ntu25 -> the marker that stands for it."""


def findings(recordings: list[SkeletonSequence], check: str) -> list[Finding]:
    return [finding for finding in validate(recordings).findings if finding.check == check]


def as_markers(recording: SkeletonSequence) -> SkeletonSequence:
    names = tuple(MARKERS.values())
    layout = Skeleton("markers", names, dict.fromkeys(names[1:], names[0]))
    index = [NTU25.index[joint] for joint in MARKERS]
    return replace(
        recording,
        positions=recording.positions[:, :, index],
        observed=recording.observed[:, :, index],
        skeleton=layout,
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_z_up_is_a_warning_for_a_single_recording_too(
    clean: list[SkeletonSequence], changed: Callable[..., SkeletonSequence], sign: int
) -> None:
    z_up = changed(clean[0], clean[0].positions[..., [0, 2, 1]] * np.array([1, 1, sign]))
    (finding,) = findings([z_up], "upright")
    assert finding.severity == "warning"
    assert "along z in 1 of 1 recordings; unless they lie, `--up z`" in finding.message


def test_markers_tell_which_way_is_up(
    clean: list[SkeletonSequence], changed: Callable[..., SkeletonSequence]
) -> None:
    assert not findings([as_markers(clean[0])], "upright")
    z_up = changed(clean[0], clean[0].positions[..., [0, 2, 1]])
    (finding,) = findings([as_markers(z_up)], "upright")
    assert "`--up z`" in finding.message


def test_markers_in_a_wrong_unit_are_a_warning(
    clean: list[SkeletonSequence], changed: Callable[..., SkeletonSequence]
) -> None:
    tiny = changed(clean[0], clean[0].positions / 1000)
    (finding, *_) = findings([as_markers(tiny)], "units")
    assert (finding.severity, finding.message.startswith("the body size is 0.000")) == ("warning", True)
    assert not findings([as_markers(changed(clean[0], clean[0].positions / 10))], "units")


def test_the_unit_of_the_bvh_files_of_cmu_is_named(
    clean: list[SkeletonSequence], changed: Callable[..., SkeletonSequence]
) -> None:
    recordings = [changed(one, one.positions * 0.45 / 0.0254, unit="unknown") for one in clean]
    (finding,) = findings(recordings, "units")
    assert "units of CMU's BVH files, 5.64 cm each" in finding.message
