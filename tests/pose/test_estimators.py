from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.cli.input_options import VideoFlags
from skeletonmae.cli.live import live
from skeletonmae.errors import InputError
from skeletonmae.pose import ESTIMATORS, make_estimator
from skeletonmae.pose.blazepose_detector import BlazePoseDetector
from skeletonmae.pose.movenet import MoveNet
from skeletonmae.pose.top_down import TopDownEstimator

READY = [name for name, entry in ESTIMATORS.items() if not entry.takes_file]


@pytest.mark.parametrize("name", READY)
def test_every_estimator_keeps_to_the_interface(name: str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("av")
    estimator = make_estimator(name)
    assert estimator.skeleton.num_joints >= 17
    assert isinstance(estimator.has_depth, bool)
    assert 0 < estimator.min_confidence < 1
    for size in ((64, 48, 3), (33, 500, 3)):
        assert estimator.update(np.zeros(size, np.uint8), 0.0) == []
    estimator.reset()


@pytest.mark.parametrize(
    ("persons", "finder"), [(1, BlazePoseDetector), (2, MoveNet), ("largest", MoveNet), ("all", MoveNet)]
)
def test_blazepose_finds_one_person_itself_and_several_with_movenet(persons: int | str, finder: type) -> None:
    pytest.importorskip("onnxruntime")
    estimator = make_estimator(persons=persons)
    assert isinstance(estimator, TopDownEstimator)
    assert isinstance(estimator.finder, finder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "openpose"}, "no such pose estimator; expected blazepose, movenet, rtmpose; got openpose"),
        ({"persons": "few"}, "persons: not a number of persons"),
        ({"every": 0}, "every: not a positive number; expected 1 or more; got 0"),
        ({"threads": -1}, "threads: not a positive number"),
        ({"name": "rtmpose"}, "rtmpose needs a file .--pose-model.; expected an ONNX file of RTMPose; got none"),
        ({"name": "rtmpose", "model": "none.onnx"}, "none.onnx: there is no such file"),
        ({"name": "movenet", "model": "x.onnx"}, "movenet takes no file"),
    ],
)
def test_mistakes_have_a_message(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_estimator(**settings)  # type: ignore[arg-type]


def test_importing_loads_none_of_the_packages_of_the_extra() -> None:
    code = "import sys, skeletonmae.pose; assert not {'av', 'onnxruntime', 'cv2', 'torch', 'scipy.optimize'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path("/"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [VideoFlags, live])
def test_the_help_names_every_estimator(command: object) -> None:
    (line,) = [line for line in str(command.__doc__).splitlines() if " estimator: " in line]
    assert [name for name in ESTIMATORS if name not in line] == []
    (line,) = [line for line in str(command.__doc__).splitlines() if " pose_model: " in line]
    assert [name for name, entry in ESTIMATORS.items() if entry.takes_file and name not in line] == []
