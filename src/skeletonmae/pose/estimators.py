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


def _make_blazepose(options: EstimatorOptions) -> PoseEstimator:
    _refuse_file("blazepose", options)
    finder = BlazePoseDetector(options.threads) if options.persons == 1 else MoveNet(options.threads)
    return TopDownEstimator(finder, BlazePoseReader(options.threads), options.persons, options.every)


def _make_movenet(options: EstimatorOptions) -> PoseEstimator:
    _refuse_file("movenet", options)
    return MoveNetEstimator(options.persons, options.threads)


def _make_rtmpose(options: EstimatorOptions) -> PoseEstimator:
    if options.model is None:
        raise InputError("rtmpose needs the path of its ONNX file", where="model", expected="a file", got="none")
    reader = RTMPoseReader(options.model, options.threads)
    return TopDownEstimator(MoveNet(options.threads), reader, options.persons, options.every)


def _refuse_file(name: str, options: EstimatorOptions) -> None:
    if options.model is not None:
        raise InputError(f"{name} takes no file", where="model", got=options.model)


ESTIMATORS: Mapping[str, Callable[[EstimatorOptions], PoseEstimator]] = {
    "blazepose": _make_blazepose,
    "movenet": _make_movenet,
    "rtmpose": _make_rtmpose,
}
"""Name -> function that makes the estimator."""


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
        model: The ONNX file of `rtmpose`; the others take none.

    Raises:
        InputError: There is no such estimator, a setting is invalid, or onnxruntime or PyAV is not installed.
    """
    if name not in ESTIMATORS:
        raise InputError("no such pose estimator", expected=", ".join(ESTIMATORS), got=name)
    for setting, value in (("every", every), ("threads", threads)):
        if value < 1:
            raise InputError("not a positive number", where=setting, expected="1 or more", got=value)
    options = EstimatorOptions(check_persons(persons), every, threads, None if model is None else Path(model))
    return ESTIMATORS[name](options)
