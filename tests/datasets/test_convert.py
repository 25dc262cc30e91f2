from __future__ import annotations

from typing import Any

import pytest

from skeletonmae.datasets.convert import RecordingConverter
from skeletonmae.errors import InputError
from skeletonmae.skeletons import COCO17, KINECT20, Skeleton


def test_a_conversion_that_yields_almost_nothing_is_an_error(make_recording: Any) -> None:
    rig = Skeleton("rig", ("head", "a", "b", "c"), {"a": "head", "b": "a", "c": "b"})
    with pytest.raises(
        InputError, match=r"only 1 of the 20 joints of kinect20 can be derived \(head\).*got head, a, b, c"
    ):
        RecordingConverter(layout=KINECT20)(make_recording(skeleton=rig))
    converted = RecordingConverter(layout=KINECT20)(make_recording(skeleton=COCO17))
    assert converted.skeleton == KINECT20


def test_joints_of_the_kinect_sdk_convert_like_those_of_the_vocabulary(make_recording: Any) -> None:
    raw = ("SpineBase", "SpineMid", "SpineShoulder", "Head", "ShoulderLeft", "HipLeft")
    joints = ("pelvis", "spine", "shoulder_center", "head", "left_shoulder", "left_hip")
    chain = Skeleton("raw", raw, dict(zip(raw[1:], raw, strict=False)))
    plain = Skeleton("plain", joints, dict(zip(joints[1:], joints, strict=False)))
    converter = RecordingConverter(layout=KINECT20)
    converted, expected = (converter(make_recording(skeleton=skeleton)) for skeleton in (chain, plain))
    assert (converted.positions == expected.positions).all()
    assert (converted.observed == expected.observed).all()
    assert converted.observed.any()
