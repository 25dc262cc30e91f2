"""The examples of the pages on pose estimators."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from samples.pose_video import image_of
from stick_figures import figure

from skeletonmae.errors import InputError
from skeletonmae.pose import estimators

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run(page: str, number: int, namespace: dict[str, Any]) -> dict[str, Any]:
    block = BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))[number]
    exec(compile(block, f"{page}, block {number}", "exec"), namespace)
    return namespace


def test_the_loop_over_a_video(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    pytest.importorskip("onnxruntime")
    path = tmp_path / "empty.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=30, width=96, height=64, pix_fmt="bgr0")
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(image_of([]), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode())
    assert run("pose_estimators.md", 0, {"path": path})["frame"].index == 2


def test_results_of_other_tools() -> None:
    recording = run("pose_estimators.md", 2, {})["recording"]
    assert (recording.num_persons, recording.num_frames) == (2, 30)


def test_the_example_of_an_estimator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    from skeletonmae.pose.cropping import Cropper
    from skeletonmae.pose.regions import Region

    joints = np.concatenate([figure(0.5, 0.5, height=0.8), np.full((17, 1), 0.9)], 1).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMin", ["image"], ["least"], keepdims=0),
        helper.make_node("Add", ["joints", "least"], ["found"]),
    ]
    graph = helper.make_graph(
        nodes,
        "regression",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 256, 256])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, 17, 3])],
        [numpy_helper.from_array(joints[None], "joints")],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "x.onnx"
    )
    module = ModuleType("skeletonmae.pose.regression")
    run("extending/estimator.md", 0, vars(module))
    reader = vars(module)["RegressionReader"](tmp_path / "x.onnx")
    cropper = Cropper()
    cropper.load(np.zeros((200, 300, 3), np.uint8))
    reading = reader.read(cropper, Region(np.array([150.0, 100.0]), 50.0, np.array([0.0, -1.0])))
    np.testing.assert_allclose(reading.points, figure(150, 100, height=80), atol=1e-3)
    assert reading.score == pytest.approx(0.9)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    namespace = run("extending/estimator.md", 1, dict(vars(estimators)))
    entry = BLOCK.findall((ROOT / "docs" / "extending" / "estimator.md").read_text(encoding="utf-8"))[2]
    table = {**estimators.ESTIMATORS, **eval(f"{{{entry}}}", namespace)}
    monkeypatch.setattr(estimators, "ESTIMATORS", table)
    made = estimators.make_estimator("regression", model=tmp_path / "x.onnx")
    assert made.min_confidence == 0.5
    assert made.update(np.zeros((64, 48, 3), np.uint8), 0.0) == []
    with pytest.raises(InputError, match=r"regression needs a file .*; expected an ONNX file of a regression"):
        estimators.make_estimator("regression")
