"""Frozen encoder, temporal segmentation of long recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Int
from pydantic import Field

from skeletonmae.config import Config, Seed
from skeletonmae.evaluation.lap_timer import LapTimer
from skeletonmae.evaluation.linear import LinearProbe
from skeletonmae.evaluation.protocol import EvaluationTask
from skeletonmae.evaluation.result import Result, ResultKey, accuracy_metrics
from skeletonmae.evaluation.segmentation_evidence import (
    Positive,
    SegmentationSettings,
)
from skeletonmae.evaluation.segmentation_metrics import (
    ACTIVITYNET_OVERLAPS,
    BACKGROUND,
    OVERLAPS,
    F1Counts,
    LabeledSpan,
    edit_score,
    f1_counts,
    frame_labels,
    mean_average_precision,
)
from skeletonmae.evaluation.segmentation_model import SegmentationModel
from skeletonmae.evaluation.segmentation_recordings import (
    JunctionSettings,
    LabeledRecording,
    concatenated_recordings,
)

NUM_RESAMPLES = 1000
"""Number of resamples of the recordings for the interval of the accuracy."""
BACKGROUND_NAME = "background"
Candidates = Annotated[tuple[Positive, ...], Field(min_length=1)]


class Segmentation(Config):
    """Find the actions in long recordings, which consist of test clips in a row, with pauses and blends.

    A linear probe that is fitted to training clips classifies overlapping windows, and a hidden Markov model with
    the durations of the training clips makes segments of them. The second result is a baseline without either: the
    class of the nearest training clip, window by window.
    """

    kind: Literal["segmentation"] = "segmentation"
    probe: LinearProbe = LinearProbe(pooling="joints", solver="lbfgs", views=2)
    """The linear probe, with the settings of `linear`."""
    windows: Candidates = (0.5, 0.75, 1.0)
    """Candidate lengths of a window, as shares of the median duration of the training clips. These and the next
    two are chosen on recordings of the validation part, by the sum of frame accuracy and F1 at 50 %."""
    class_weights: Candidates = (0.2, 0.4, 0.8)
    """Candidate weights of the probabilities of the classes."""
    background_weights: Candidates = (2.0, 4.0, 8.0)
    """Candidate weights of the evidence that nothing happens."""
    stride: Positive = 0.1
    """Time from one window to the next, as a share of the median duration."""
    junctions: JunctionSettings = JunctionSettings()
    """How clips are put in a row."""
    group: str = "subject"
    """Tag whose values never share a recording; without such a tag, any clips may."""
    seed: Seed = 0
    """Seed of the recordings and of the validation part."""

    @property
    def result_keys(self) -> tuple[ResultKey, ...]:
        """The keys of the two results."""
        return ("segmentation hmm", 1.0, self.seed), ("segmentation nearest window", 1.0, self.seed)

    def run(self, task: EvaluationTask) -> list[Result]:
        """Two results: `hmm`, and the baseline `nearest window`."""
        timer = LapTimer()
        settings = self._choose(task)
        model = SegmentationModel.fit(task, self.probe, task.split.train)
        recordings = list(self._recordings(task, task.split.test))
        scores = [model.score(one, settings) for one in recordings]
        found = [model.segments(one, score, settings) for one, score in zip(recordings, scores, strict=True)]
        best = {name: getattr(settings, name) for name in ("window", "class_weight", "background_weight")}
        results = [
            self._result(task, recordings, found, "hmm", best if self._num_candidates > 1 else {}, timer.lap())
        ]
        nearest = model.nearest_windows(recordings, scores)
        results.append(self._result(task, recordings, nearest, "nearest window", {}, timer.lap()))
        return results

    @property
    def _num_candidates(self) -> int:
        return len(self.windows) * len(self.class_weights) * len(self.background_weights)

    def _recordings(self, task: EvaluationTask, index: np.ndarray) -> Iterator[LabeledRecording]:
        return concatenated_recordings(task.store, index, self.junctions, self.seed, self.group)

    def _choose(self, task: EvaluationTask) -> SegmentationSettings:
        """The candidates that are best on recordings of the validation part."""
        first = SegmentationSettings(
            window=self.windows[0],
            stride=self.stride,
            class_weight=self.class_weights[0],
            background_weight=self.background_weights[0],
        )
        if self._num_candidates == 1:
            return first
        fit_index, val_index = task.train_val_split(task.split.train, self.seed)
        model = SegmentationModel.fit(task, self.probe, fit_index)
        recordings = list(self._recordings(task, val_index))
        best, best_value = first, -np.inf
        for window in self.windows:
            settings = first.model_copy(update={"window": window})
            scores = [model.score(one, settings) for one in recordings]
            for class_weight, background_weight in product(self.class_weights, self.background_weights):
                update = {"class_weight": class_weight, "background_weight": background_weight}
                settings = settings.model_copy(update=update)
                found = [
                    model.segments(one, score, settings) for one, score in zip(recordings, scores, strict=True)
                ]
                metrics = segmentation_metrics(recordings, found)
                value = metrics["frame_accuracy"] + metrics["f1_50"]
                if value > best_value:
                    best, best_value = settings, value
        return best

    def _result(
        self,
        task: EvaluationTask,
        recordings: Sequence[LabeledRecording],
        found: Sequence[Sequence[LabeledSpan]],
        setting: str,
        best: dict[str, float],
        seconds: float,
    ) -> Result:
        classes = (*task.classes, BACKGROUND_NAME)
        lengths = [one.recording.num_frames for one in recordings]
        true = [frame_labels(one.spans, num) for one, num in zip(recordings, lengths, strict=True)]
        guess = [frame_labels(spans, num) for spans, num in zip(found, lengths, strict=True)]
        labels, predicted = (
            torch.from_numpy(np.where(frames == BACKGROUND, len(task.classes), frames).astype(np.int64))
            for frames in (np.concatenate(true), np.concatenate(guess))
        )
        scores = torch.nn.functional.one_hot(predicted, len(classes)).float()
        fields = accuracy_metrics(scores, labels, classes)
        num_right = np.array([(a == b).sum() for a, b in zip(true, guess, strict=True)])
        interval = frame_accuracy_interval(num_right, np.array(lengths), self.seed)
        num_used = sum(len(one.index) for one in recordings)
        fields |= {
            "top1_interval": interval,
            "top5": fields["top1"],
            "top5_interval": interval,
            "num_test": num_used,
        }
        return Result(
            protocol="segmentation",
            setting=setting,
            pretrained=task.pretrained,
            seed=self.seed,
            num_train=len(task.split.train),
            num_test_left_out=len(task.split.test) - num_used,
            metrics={
                **segmentation_metrics(recordings, found),
                "num_recordings": float(len(recordings)),
                "num_frames": float(sum(lengths)),
                "background_share": float((labels == len(task.classes)).float().mean()),
            },
            details={
                **self.probe.feature_details,
                "recordings": f"{self.junctions.clips_per_recording} clips in a row, with pauses and blends",
                "selection": task.describe_validation() if best else "none",
            },
            best_params=best,
            seconds=seconds,
            **fields,
        )


def segmentation_metrics(
    recordings: Sequence[LabeledRecording], found: Sequence[Sequence[LabeledSpan]]
) -> dict[str, float]:
    """Return the metrics of segmentation, from 0 to 1.

    `frame_accuracy` counts the background as a class. The others are of segments, without the background: the
    edit score is the mean over recordings, F1 is of all recordings together, and `map_50` and `map` are the mean
    average precision at an overlap of 50 %, and the mean over 50 % to 95 %.

    Args:
        recordings: What there is to find.
        found: Segments of each recording.
    """
    true = [one.spans for one in recordings]
    lengths = [one.recording.num_frames for one in recordings]
    is_right = [
        frame_labels(spans, num) == frame_labels(guess, num)
        for spans, guess, num in zip(true, found, lengths, strict=True)
    ]
    metrics = {
        "frame_accuracy": float(np.concatenate(is_right).mean()),
        "edit": float(np.mean([edit_score(spans, guess) for spans, guess in zip(true, found, strict=True)])),
    }
    for overlap in OVERLAPS:
        counts = [f1_counts(spans, guess, overlap) for spans, guess in zip(true, found, strict=True)]
        metrics[f"f1_{overlap * 100:g}"] = F1Counts(*np.array(counts).sum(0).tolist()).f1
    precisions = [mean_average_precision(true, found, overlap) for overlap in ACTIVITYNET_OVERLAPS]
    return metrics | {"map_50": precisions[0], "map": float(np.mean(precisions))}


def frame_accuracy_interval(
    num_right: Int[np.ndarray, " recording"], num_frames: Int[np.ndarray, " recording"], seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the frame accuracy, by a bootstrap over the recordings.

    Frames of a recording resemble each other, so they are drawn together.

    Args:
        num_right: Number of frames of each recording with the right class.
        num_frames: Number of frames of each.
        seed: Seed of the resamples.
    """
    drawn = np.random.default_rng(seed).integers(len(num_right), size=(NUM_RESAMPLES, len(num_right)))
    low, high = np.quantile(num_right[drawn].sum(1) / num_frames[drawn].sum(1), [0.025, 0.975]).tolist()
    return low, high
