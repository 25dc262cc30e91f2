from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skeletonmae.cli.recording_summary import ObservedLayouts
from skeletonmae.skeletons import Skeleton


def test_each_layout_has_a_line(make_recording: Any) -> None:
    recording = make_recording(0)
    skeleton = recording.skeleton
    layouts = ObservedLayouts()
    layouts.add(recording)
    assert layouts.lines() == [f"layout: {skeleton.name}, {skeleton.num_joints} joints"]

    mouse = Skeleton("mouse", ("snout", "tail"), {"tail": "snout"})
    positions, observed = recording.positions[:, :, :2].copy(), np.ones_like(recording.observed[:, :, :2])
    layouts.add(replace(recording, skeleton=mouse, positions=positions, observed=observed))
    layouts.add(recording)
    assert layouts.lines() == [
        f"layout: {skeleton.name} in 2 recordings, {skeleton.num_joints} joints",
        "layout: mouse in 1 recording, 2 joints of the files: snout, tail",
    ]


def test_joints_that_were_never_observed_are_named(make_recording: Any) -> None:
    recording = make_recording(0)
    joints, observed = recording.skeleton.joints, recording.observed.copy()
    observed[:, :, :-2] = True
    observed[:, :, -2:] = False
    positions = np.where(observed[..., None], recording.positions, np.float32(0))
    layouts = ObservedLayouts()
    layouts.add(replace(recording, positions=positions, observed=observed))
    number = len(joints)
    (line,) = layouts.lines()
    assert line.endswith(f", {number - 2} of its {number} joints observed; never {joints[-2]}, {joints[-1]}")
