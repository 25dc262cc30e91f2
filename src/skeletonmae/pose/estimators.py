"""The table of pose estimators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.formats.video_options import Persons
from skeletonmae.pose.blazepose import BlazePoseReader
from skeletonmae.pose.blazepose_detector import BlazePoseDetector
from skeletonmae.pose.movenet import MoveNet, MoveNetEstimator
from skeletonmae.pose.person_choice import check_persons
from skeletonmae.pose.person_pose import PoseEstimator
from skeletonmae.pose.rtmpose import RTMPoseReader
from skeletonmae.pose.top_down import TopDownEstimator


@dataclass(frozen=True)
class EstimatorOptions:
    """What the user chooses of an estimator.

    Args:
        persons: How many persons are followed: a number, "largest" or "all".
        every: Frames from one search for persons to the next.
        threads: Number of threads that run the networks.
        model: An ONNX file; None for the networks in the package.
    """

    persons: Persons
    every: int
    threads: int
    model: Path | None

    @property
    def file(self) -> Path:
        """The ONNX file, of an estimator that takes one."""
        assert self.model is not None
        return self.model


@dataclass(frozen=True)
class EstimatorEntry:
    """An entry of the table.

    Args:
        make: Makes the estimator; `options.model` is a file if, and only if, the estimator takes one.
        takes_file: What the file of the user's is; empty for an estimator whose networks are in the package.
    """

    make: Callable[[EstimatorOptions], PoseEstimator]
    takes_file: str = ""


def _make_blazepose(options: EstimatorOptions) -> PoseEstimator:
    finder = BlazePoseDetector(options.threads) if options.persons == 1 else MoveNet(options.threads)
    return TopDownEstimator(finder, BlazePoseReader(options.threads), options.persons, options.every)


def _make_movenet(options: EstimatorOptions) -> PoseEstimator:
    return MoveNetEstimator(options.persons, options.threads)


def _make_rtmpose(options: EstimatorOptions) -> PoseEstimator:
    reader = RTMPoseReader(options.file, options.threads)
    return TopDownEstimator(MoveNet(options.threads), reader, options.persons, options.every)


ESTIMATORS: Mapping[str, EstimatorEntry] = {
    "blazepose": EstimatorEntry(_make_blazepose),
    "movenet": EstimatorEntry(_make_movenet),
    "rtmpose": EstimatorEntry(_make_rtmpose, takes_file="an ONNX file of RTMPose"),
}
"""Name -> how the estimator is made."""


def make_estimator(
    name: str = "blazepose",
    *,
    persons: Persons | str = "all",
    every: int = 10,
    threads: int = 1,
    model: str | Path | None = None,
) -> PoseEstimator:
    """Return a pose estimator.

    Args:
        name: An entry of `ESTIMATORS`.
        persons: How many persons are followed: a number, "largest" or "all". `blazepose` finds a single person (1)
            with its own detector, and several with MoveNet.
        every: Frames from one search for persons to the next. `movenet` finds persons in every frame.
        threads: Number of threads that run the networks.
        model: The file of an estimator that takes one, such as the ONNX file of `rtmpose`.

    Raises:
        InputError: There is no such estimator, a setting is invalid, or onnxruntime or PyAV is not installed.
    """
    if name not in ESTIMATORS:
        raise InputError("no such pose estimator", expected=", ".join(ESTIMATORS), got=name)
    for setting, value in (("every", every), ("threads", threads)):
        if value < 1:
            raise InputError("not a positive number", where=setting, expected="1 or more", got=value)
    entry = ESTIMATORS[name]
    if entry.takes_file and model is None:
        raise InputError(
            f"{name} needs a file (--pose-model)", where="model", expected=entry.takes_file, got="none"
        )
    if model is not None and not entry.takes_file:
        raise InputError(f"{name} takes no file", where="model", got=model)
    options = EstimatorOptions(check_persons(persons), every, threads, None if model is None else Path(model))
    return entry.make(options)
