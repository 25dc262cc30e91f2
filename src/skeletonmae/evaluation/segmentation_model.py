"""What the protocol `segmentation` fits to training clips, and its answers for windows of long recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from skeletonmae.evaluation.action_timing import ActionTiming, local_speed
from skeletonmae.evaluation.features import center_and_normalize
from skeletonmae.evaluation.linear import LinearProbe
from skeletonmae.evaluation.linear_solvers import LinearClassifier
from skeletonmae.evaluation.protocol import EvaluationTask, check_finite
from skeletonmae.evaluation.segmentation_evidence import (
    SegmentationSettings,
    background_evidence,
    decode,
    log_emissions,
    spans_of_steps,
)
from skeletonmae.evaluation.segmentation_metrics import (
    BACKGROUND,
    LabeledSpan,
)
from skeletonmae.evaluation.segmentation_recordings import (
    LabeledRecording,
)
from skeletonmae.evaluation.segmentation_windows import window_batches, window_centers
from skeletonmae.training import autocast

COVERAGE = 0.95
"""Share of the training clips whose similarity to another one is enough for the nearest-window baseline."""


class WindowScores(NamedTuple):
    """The answers for the windows of a recording."""

    features: Float[Tensor, "step feature"]
    log_probability: Float[np.ndarray, "step class"]
    speeds: Float64[np.ndarray, " step"]


class SegmentationModel(NamedTuple):
    """What is fitted to training clips: a probe, durations and speeds, and for the baseline their features."""

    task: EvaluationTask
    probe: LinearProbe
    classifier: LinearClassifier
    timing: ActionTiming
    features: Float[Tensor, "clip feature"]
    labels: Int[np.ndarray, " clip"]

    @classmethod
    def fit(cls, task: EvaluationTask, probe: LinearProbe, index: np.ndarray) -> SegmentationModel:
        """Fit the probe to training clips, and measure how long their actions take.

        Args:
            task: The encoder and the clips.
            probe: The probe.
            index: Rows of the clips in the store.
        """
        classifier = probe.fit(task, index).classifier
        clips = (task.store[int(place)] for place in index)
        timing = ActionTiming.of(clips, task.labels[index], len(task.classes))
        features, labels = probe.extract(task, index)
        return cls(task, probe, classifier, timing, features, labels.numpy())

    def score(self, one: LabeledRecording, settings: SegmentationSettings) -> WindowScores:
        """Classify the windows of a recording."""
        recording, fps = one.recording, self.timing.fps_of(one.recording)
        centers = window_centers(recording.num_frames, settings.frames_per_step(self.timing, fps))
        features, is_shown = self._features(one, centers, settings.frames_per_window(self.timing, fps))
        logits: Tensor = self.classifier(features.to(self.task.distributed.device)).cpu()
        log_probability = logits.double().log_softmax(1).masked_fill(~is_shown[:, None], torch.nan).numpy()
        speeds = local_speed(recording.positions, recording.observed, centers, fps)
        return WindowScores(features, log_probability, speeds)

    @torch.inference_mode()
    def _features(
        self, one: LabeledRecording, centers: Float64[np.ndarray, " step"], window: float
    ) -> tuple[Float[Tensor, "step feature"], Tensor]:
        device, method = self.task.distributed.device, self.task.method.eval()
        features, is_shown = [], []
        for batch in window_batches(self.task.clips, one.recording, centers, window, device=device):
            with autocast(self.task.precision, device):
                embedded = method.embed(
                    batch,
                    self.probe.pooling,
                    time_parts=self.probe.time_parts,
                    last_blocks=self.probe.last_blocks,
                )
            features.append(embedded.float().cpu())
            is_shown.append(batch.has_observed(self.task.joints).cpu())
        shown = torch.cat(is_shown)
        rows = torch.cat(features)
        check_finite(rows[shown])
        return rows, shown

    def segments(
        self, one: LabeledRecording, scores: WindowScores, settings: SegmentationSettings
    ) -> list[LabeledSpan]:
        """Make segments of the answers for windows."""
        num_frames = one.recording.num_frames
        seconds_per_step = num_frames / len(scores.speeds) / self.timing.fps_of(one.recording)
        background = background_evidence(self.timing, scores.speeds, settings)
        emissions = log_emissions(scores.log_probability, background, settings)
        labels = decode(emissions, self.timing, seconds_per_step, settings)
        return list(spans_of_steps(labels, scores.log_probability, num_frames))

    def nearest_windows(
        self, recordings: Sequence[LabeledRecording], scores: Sequence[WindowScores]
    ) -> list[list[LabeledSpan]]:
        """Give each window the class of the nearest training clip by cosine, or the background if it is far."""
        num_classes = len(self.task.classes)
        clips, _ = center_and_normalize(self.features, self.features)
        similarity = (clips @ clips.T).fill_diagonal_(-1.0)
        threshold = float(similarity.amax(1).quantile(1 - COVERAGE))
        found = []
        for one, score in zip(recordings, scores, strict=True):
            _, windows = center_and_normalize(self.features, score.features)
            best, nearest = (windows @ clips.T).max(1)
            labels = np.where(best.numpy() < threshold, BACKGROUND, self.labels[nearest.numpy()])
            by_class = np.full((len(labels), num_classes), -np.inf)
            by_class[np.arange(len(labels)), labels] = np.log(best.clamp(min=1e-9).double().numpy())
            found.append(list(spans_of_steps(labels, by_class, one.recording.num_frames)))
        return found
