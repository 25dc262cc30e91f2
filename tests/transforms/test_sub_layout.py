from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

import pytest

from skeletonmae.skeletons import HAND21, KINECT20, PENN13
from skeletonmae.transforms.sub_layout import MIN_JOINTS, PRESETS, Preset, SubLayout, kept_joints

Make = Callable[..., Any]


def test_every_preset_is_a_setting() -> None:
    assert get_args(Preset) == tuple(PRESETS)
    assert SubLayout().presets == tuple(PRESETS)


def test_presets_keep_their_joints_and_are_equally_likely(make_batch: Make) -> None:
    batch = make_batch((1, 2) * 300, lost=0.0)
    presets = ("penn13", "upper_body", "five_tips")
    dropped = SubLayout(probability=0.6, presets=presets)(batch)
    kept_sets = []
    for clip in range(len(batch)):
        observed = dropped.observed[clip, : 1 + clip % 2]
        assert (observed == observed[:1, :1]).all()  # the same in all frames and for both persons
        kept_sets.append(
            frozenset(KINECT20.joints[joint] for joint in observed[0, 0].nonzero().flatten().tolist())
        )
    num = Counter(kept_sets)
    expected = {frozenset(set(PRESETS[preset]) & set(KINECT20.joints)): 0.2 for preset in presets}
    expected[frozenset(KINECT20.joints)] = 0.4
    assert num.keys() == expected.keys()
    for joints, share in expected.items():
        assert num[joints] / len(batch) == pytest.approx(share, abs=0.06)
    assert not dropped.positions[~dropped.observed].any()


def test_presets_that_fit_a_layout() -> None:
    assert kept_joints(HAND21, tuple(PRESETS)) == ()
    counts = {preset: [sum(mask) for mask in kept_joints(KINECT20, (preset,))] for preset in PRESETS}
    assert counts["kinect20"] == []
    assert counts["coco17"] == [12]
    assert counts["penn13"] == [13]
    assert counts["five_joints"] == counts["five_tips"] == [5]
    assert all(MIN_JOINTS <= sum(mask) < 13 for mask in kept_joints(PENN13, tuple(PRESETS)))


def test_a_layout_without_presets_is_unchanged(make_batch: Make) -> None:
    batch = make_batch(skeleton=HAND21)
    assert SubLayout(probability=1.0)(batch) is batch
