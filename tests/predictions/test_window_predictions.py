from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skeletonmae.predictions.doubt import LIMITS, Familiarity
from skeletonmae.predictions.motion_statistics import MotionStatistics, ReferencePose
from skeletonmae.predictions.prediction import Prediction
from skeletonmae.predictions.prediction_files import describe_prediction
from skeletonmae.predictions.window_predictions import window_predictions
from skeletonmae.predictions.windows import Window

ORDINARY = MotionStatistics(*[float("nan")] * len(MotionStatistics._fields))


@pytest.fixture
def familiarity() -> Familiarity:
    """Motion from 0.1, roughness up to 0.5, and no other limit."""
    low, high = np.full(len(LIMITS), -np.inf), np.full(len(LIMITS), np.inf)
    names = [limit.statistic for limit in LIMITS]
    low[names.index("motion")], high[names.index("roughness")] = 0.1, 0.5
    return Familiarity(np.linspace(0, 1, 20), low, high)


def test_a_recording_without_a_joint_of_the_training_clips_is_an_error(
    make_recording: Any, familiarity: Familiarity
) -> None:
    recording = make_recording(0)
    joints = recording.skeleton.joints
    reference = ReferencePose((joints[0], joints[1], "snout"), np.zeros((3, 3), np.float32))
    without = recording.observed.copy()
    without[:, :, :2] = False
    positions = np.where(without[..., None], recording.positions, np.float32(0))
    other = replace(recording, observed=without, positions=positions)

    class AnyRange:
        def warnings(self, *_: Any, **__: Any) -> list[str]:
            return []

    fields: dict[str, Any] = {"classes": ("a", "b"), "doubt": familiarity, "training": AnyRange(), "top": 2}
    windows = [Window(one, None, None, None) for one in (recording, other)]
    seen, unseen = window_predictions(
        windows, np.full((2, 2), 0.5), np.zeros(2), ("", ""), reference=reference, unknown=True, **fields
    )
    assert not seen.error
    assert seen.classes
    assert unseen.classes == ()
    assert unseen.error == (
        f"none of the joints of the training clips was observed; expected some of {joints[0]}, {joints[1]}, snout;"
        f" got {', '.join(joints[2:8])} ..."
    )


def test_a_reason_that_another_one_implies_is_not_given(familiarity: Familiarity) -> None:
    still = list(familiarity.reasons(ORDINARY._replace(motion=0.0, roughness=0.1)))
    noise = list(familiarity.reasons(ORDINARY._replace(motion=0.0, roughness=0.9)))
    assert [reason.split(",")[0] for reason in still] == ["the body hardly moves"]
    assert [reason.split(",")[0] for reason in noise] == ["the motion is as irregular as noise"]
    assert not list(familiarity.reasons(ORDINARY._replace(motion=0.2, roughness=0.1)))


def test_the_nearest_classes_of_what_is_unknown_have_no_probability() -> None:
    answer = Prediction("clip", None, (("squat", 0.96), ("wave", 0.04)))
    assert describe_prediction(answer) == "clip: squat 96%, wave 4%"
    assert describe_prediction(replace(answer, unknown=True)) == "clip: unknown (nearest: squat, wave)"


def of_size(num_clips: int) -> Familiarity:
    return Familiarity(np.linspace(0, 1, num_clips), np.full(len(LIMITS), -np.inf), np.full(len(LIMITS), np.inf))


@pytest.mark.parametrize("share", [0.01, 0.05])
@pytest.mark.parametrize("num_clips", [2, 18, 20, 98, 99, 150, 1000])
def test_what_is_less_familiar_than_all_training_clips_is_unknown(num_clips: int, share: float) -> None:
    clips = of_size(num_clips)
    far, *trained = clips.familiarity_of(np.array([2.0, *clips.novelties]), [ORDINARY] * (num_clips + 1)).tolist()
    assert clips.is_unknown(far, share)
    num_unknown = sum(clips.is_unknown(one, share) for one in trained)
    assert num_unknown == max(0, int(share * (num_clips + 1)) - 1)  # each counts itself and the new clip
    assert clips.is_unknown(0.0, share)  # beyond a limit


def test_without_measured_clips_only_limits_make_a_clip_unknown() -> None:
    (far,) = of_size(0).familiarity_of(np.array([1e9]), [ORDINARY]).tolist()
    assert not of_size(0).is_unknown(far, 0.05)
    assert of_size(0).is_unknown(0.0, 0.05)
