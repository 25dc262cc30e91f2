from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.datasets import Split
from skeletonmae.evaluation import segmentation
from skeletonmae.evaluation.segmentation import Segmentation, frame_accuracy_interval, segmentation_metrics
from skeletonmae.evaluation.segmentation_metrics import LabeledSpan
from skeletonmae.evaluation.segmentation_model import SegmentationModel
from skeletonmae.evaluation.segmentation_recordings import LabeledRecording
from skeletonmae.methods import Method
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms import ClipConfig

FRAMES, NUM_TRAIN, NUM_TEST = 45, 24, 16


class Pose(Method):
    """The vector between two joints, averaged over a clip: what a class of these recordings is known by."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def forward(self, batch: Any) -> Any:
        raise AssertionError("an encoder that is judged is not trained")

    def classifier(self, num_classes: int, config: Any) -> Any:
        raise AssertionError("nothing is fine-tuned")

    def embed(self, batch: Any, pooling: Any = "mean", *, time_parts: int = 1, last_blocks: int = 1) -> Any:
        return (batch.positions[:, 0, :, 1] - batch.positions[:, 0, :, 0]).mean(1)


def clip(number: int) -> SkeletonSequence:
    """A body that swings; joint 1 is on the side of joint 0 that the class says."""
    rng = np.random.default_rng(number)
    label = number % 3
    positions = np.tile(rng.normal(size=(20, 3)), (FRAMES, 1, 1))
    positions[:, 1] = positions[:, 0] + 2 * np.eye(3)[label] + 0.1 * rng.normal(size=3)
    positions += 0.4 * np.sin(np.arange(FRAMES)[:, None, None] / 3 + rng.normal())
    tags = {"subject": str(number % 8 // 2)}
    return SkeletonSequence.from_positions(
        positions, KINECT20, name=f"clip {number}", fps=30.0, label="abc"[label], tags=tags
    )


@pytest.fixture
def task(make_task: Any, make_store: Any, tmp_path: Any) -> Any:
    store = make_store(tmp_path / "store", [clip(number) for number in range(NUM_TRAIN + NUM_TEST)])
    about = {
        "store": store,
        "split": Split(np.arange(NUM_TRAIN), np.arange(NUM_TRAIN, NUM_TRAIN + NUM_TEST)),
        "method": Pose(),
        "clips": ClipConfig(frames=8, transforms=()),
        "validation_group": "subject",
    }
    return make_task(np.eye(2), "ab", np.eye(2), "ab", **about)


def protocol(**settings: Any) -> Segmentation:
    few = {
        "windows": [0.75],
        "class_weights": [0.4],
        "background_weights": [4],
        "junctions": {"clips_per_recording": 4},
    }
    return Segmentation.model_validate({"probe": {"solver": "lbfgs", "weight_decays": [0.01]}} | few | settings)


def test_actions_and_pauses_are_found(task: Any) -> None:
    smoothed, nearest = protocol().run(task)
    assert (smoothed.setting, nearest.setting) == ("hmm", "nearest window")
    assert smoothed.classes == ("a", "b", "c", "background")
    assert smoothed.top1 == pytest.approx(smoothed.metrics["frame_accuracy"])
    assert smoothed.top1 > 0.8
    assert smoothed.metrics["f1_50"] > 0.9
    assert smoothed.metrics["f1_50"] > nearest.metrics["f1_50"]
    assert smoothed.metrics["edit"] > nearest.metrics["edit"]
    assert smoothed.num_test == NUM_TEST
    assert np.array(smoothed.confusion_matrix).sum() == smoothed.metrics["num_frames"]


def test_settings_are_chosen_on_subjects_that_were_not_fitted(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, read = [], []
    fit, recordings = SegmentationModel.fit, segmentation.concatenated_recordings

    def record_fit(task: Any, config: Any, index: np.ndarray) -> Any:
        fitted.append(set(index.tolist()))
        return fit(task, config, index)

    def record_read(store: Any, index: np.ndarray, *settings: Any) -> Any:
        read.append(set(index.tolist()))
        return recordings(store, index, *settings)

    monkeypatch.setattr(SegmentationModel, "fit", record_fit)
    monkeypatch.setattr(segmentation, "concatenated_recordings", record_read)
    first, _ = protocol(class_weights=[0.2, 0.4]).run(task)
    train, test = set(range(NUM_TRAIN)), set(range(NUM_TRAIN, NUM_TRAIN + NUM_TEST))
    assert set(first.best_params) == {"window", "class_weight", "background_weight"}
    assert len(fitted) == len(read) == 2
    assert fitted[0] | read[0] == train  # the choice
    assert not fitted[0] & read[0]
    subjects = task.store.tag("subject")
    assert not {subjects[place] for place in fitted[0]} & {subjects[place] for place in read[0]}
    assert (fitted[1], read[1]) == (train, test)  # the test side once, at the end


def test_the_choice_counts(task: Any) -> None:
    bad, good = 0.001, 4.0  # with no weight on pauses, everything is an action
    chosen, _ = protocol(background_weights=[bad, good]).run(task)
    assert chosen.best_params["background_weight"] == good
    forced, _ = protocol(background_weights=[bad]).run(task)
    assert forced.best_params == {}
    assert forced.top1 < chosen.top1


def test_metrics_of_a_recording_by_hand() -> None:
    recording = SkeletonSequence.from_positions(np.zeros((1, 20, 20, 3)), KINECT20)
    truth = LabeledRecording(recording, (LabeledSpan(0, 8, 0), LabeledSpan(10, 18, 1)), (0, 1))
    found = [[LabeledSpan(0, 8, 0, 0.9), LabeledSpan(10, 14, 1, 0.8), LabeledSpan(14, 20, 2, 0.7)]]
    metrics = segmentation_metrics([truth], found)
    assert metrics["frame_accuracy"] == pytest.approx((8 + 2 + 4) / 20)
    assert metrics["edit"] == pytest.approx(1 - 1 / 3)
    # two are right at 50 % (8/8 and 4/8), one is too many
    assert metrics["f1_50"] == metrics["f1_10"] == pytest.approx(2 * 2 / (2 * 2 + 1))
    assert metrics["map_50"] == pytest.approx(1.0)
    assert metrics["map"] == pytest.approx((1.0 + 9 * 0.5) / 10)  # from 55 % on, only the first class is found


def test_the_interval_draws_whole_recordings() -> None:
    same = frame_accuracy_interval(np.array([80, 80, 80]), np.array([100, 100, 100]))
    assert same == pytest.approx((0.8, 0.8))
    low, high = frame_accuracy_interval(np.array([100, 0]), np.array([100, 100]))
    assert (low, high) == (0.0, 1.0)
