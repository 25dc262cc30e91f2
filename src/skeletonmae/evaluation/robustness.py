"""Frozen encoder, recognition of clips that a sensor recorded worse than those of the training side."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from skeletonmae.config import Config, Seed
from skeletonmae.evaluation.altered_clips import (
    Alteration,
    DroppedFrames,
    LostFrames,
    LostJoints,
    LostPerson,
    LowFrameRate,
    Noise,
    TiltedCamera,
    TurnedCamera,
)
from skeletonmae.evaluation.altered_probe import altered_key, evaluate_altered, with_metrics
from skeletonmae.evaluation.linear import LinearProbe
from skeletonmae.evaluation.protocol import EvaluationTask
from skeletonmae.evaluation.result import Result, ResultKey

Levels = tuple[Annotated[float, Field(gt=0)], ...]
Shares = tuple[Annotated[float, Field(gt=0, lt=1)], ...]


class Robustness(Config):
    """A linear probe of clean clips, tested on corrupted test clips, with one curve for each corruption.

    A corruption comes before all transforms of the recipe. Its levels are nested: a higher one loses the same
    joints and more.
    """

    is_curve: ClassVar[bool] = True
    kind: Literal["robustness"] = "robustness"
    noise: Levels = (0.01, 0.02, 0.05, 0.1)
    """Standard deviations of Gaussian noise on every joint, as shares of the size of the person: the diagonal of
    the box around the joints."""
    lost_joints: Shares = (0.1, 0.2, 0.4, 0.6)
    """Shares of the joints that are not observed in the whole clip."""
    lost_frames: Shares = (0.1, 0.25, 0.5, 0.75)
    """Shares of the frames of the clip in which nothing is observed; they are not bridged."""
    dropped_frames: Shares = ()
    """Shares of the frames of the recording that were not recorded, at random; the gaps are bridged as the setting
    `bridge_seconds` of the clips says."""
    lost_person: bool = True
    """Whether one of the persons is lost, in clips of several; left out where no test recording has several."""
    turned_camera: Levels = (15, 30, 60, 90)
    """Angles about the vertical axis, in degrees, to either side; in 2D, in the image."""
    tilted_camera: Levels = (10, 20, 30)
    """Angles about the axis from left to right, in degrees, up or down; left out in 2D."""
    frame_rate: tuple[Annotated[int, Field(ge=2)], ...] = (2, 4, 8)
    """Divisors of the frame rate: 4 keeps every fourth recorded frame."""
    seed: Seed = 0
    """Seed of what is random in a corruption."""
    probe: LinearProbe = LinearProbe()
    """The linear probe, with the settings of `linear`."""

    @property
    def result_keys(self) -> tuple[ResultKey, ...]:
        """The keys of the results, with those of all corruptions that some recordings do not have."""
        curves = self._all_curves(lost_person=self.lost_person, tilted_camera=self.tilted_camera)
        settings = ["clean", *(setting for curve in curves.values() for setting in curve)]
        return tuple(altered_key("robustness", self._setting(setting), self.probe) for setting in settings)

    def run(self, task: EvaluationTask) -> list[Result]:
        """One result without corruption and one for each level.

        The metrics of the first are the mean accuracy over the levels of each corruption, and over them.
        """
        curves = self._curves(task)
        alterations = {setting: alteration for curve in curves.values() for setting, alteration in curve.items()}
        named = {self._setting(setting): each for setting, each in ({"clean": Alteration()} | alterations).items()}
        clean, *corrupted = evaluate_altered(task, self.probe, named, "robustness")
        top1 = dict(zip(alterations, (result.top1 for result in corrupted), strict=True))
        means = {name: sum(top1[setting] for setting in curve) / len(curve) for name, curve in curves.items()}
        if means:
            means["mean_top1"] = sum(means.values()) / len(means)
        return with_metrics([clean, *corrupted], means)

    def _setting(self, setting: str) -> str:
        return f"{setting} corruption_seed={self.seed}" if self.seed else setting

    def _curves(self, task: EvaluationTask) -> dict[str, dict[str, Alteration]]:
        """The curves of corruptions that the test recordings can have."""
        num_persons = np.minimum(task.store.num_persons[task.split.test], task.clips.max_persons)
        return self._all_curves(
            lost_person=self.lost_person and bool((num_persons > 1).any()),
            tilted_camera=self.tilted_camera if task.store.axes == 3 else (),
        )

    def _all_curves(self, *, lost_person: bool, tilted_camera: Levels) -> dict[str, dict[str, Alteration]]:
        """Corruption -> setting of the result -> what is changed."""
        seed = self.seed
        curves: dict[str, dict[str, Alteration]] = {
            "noise": {f"noise={level:g}": Noise(level=level, seed=seed) for level in self.noise},
            "lost_joints": {
                f"lost_joints={share:g}": LostJoints(share=share, seed=seed) for share in self.lost_joints
            },
            "lost_frames": {
                f"lost_frames={share:g}": LostFrames(share=share, seed=seed) for share in self.lost_frames
            },
            "dropped_frames": {
                f"dropped_frames={share:g}": DroppedFrames(share=share, seed=seed) for share in self.dropped_frames
            },
            "lost_person": {"lost_person": LostPerson(seed=seed)} if lost_person else {},
            "turned_camera": {
                f"turned_camera={degrees:g}": TurnedCamera(degrees=degrees, seed=seed)
                for degrees in self.turned_camera
            },
            "tilted_camera": {
                f"tilted_camera={degrees:g}": TiltedCamera(degrees=degrees, seed=seed) for degrees in tilted_camera
            },
            "frame_rate": {f"frame_rate=1/{step}": LowFrameRate(step=step) for step in self.frame_rate},
        }
        return {name: curve for name, curve in curves.items() if curve}
