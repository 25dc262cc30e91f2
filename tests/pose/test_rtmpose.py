from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.pose import make_estimator
from skeletonmae.pose.cropping import Cropper
from skeletonmae.pose.regions import Region
from skeletonmae.pose.rtmpose import RTMPoseReader, decode_simcc
from skeletonmae.pose.top_down import TopDownEstimator
from skeletonmae.skeletons import COCO17

WIDTH, HEIGHT = 48, 64
# Pixels from the bright spot of an image to each joint: shoulders above the hips, the rest somewhere.
OFFSETS = {"shoulder": (0, -10), "hip": (0, 0), "ankle": (2, 12)}


def offsets(num_joints: int) -> np.ndarray:
    names = [COCO17.joints[joint].rpartition("_")[2] if joint < 17 else "" for joint in range(num_joints)]
    return np.array([OFFSETS.get(name, (joint % 5 - 2, joint % 7 - 3)) for joint, name in enumerate(names)])


@pytest.fixture
def write_rtmpose(tmp_path: Path) -> Callable[..., Path]:
    """A network of RTMPose's signature which sees every joint at its offset from the brightest spot."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    def write(num_joints: int = 17, names: tuple[str, str] = ("simcc_x", "simcc_y"), channels: int = 3) -> Path:
        nodes, constants = [], []
        for axis, (name, size) in enumerate(zip(names, (WIDTH, HEIGHT), strict=True)):
            places = np.arange(2 * size) // 2 - offsets(num_joints)[:, axis : axis + 1]
            constants.append(
                numpy_helper.from_array(places.clip(0, size - 1)[None].astype(np.int64), f"places{axis}")
            )
            nodes += [
                helper.make_node("ReduceMax", ["input"], [f"line{axis}"], axes=[0, 1, 2 + axis], keepdims=0),
                helper.make_node("Gather", [f"line{axis}", f"places{axis}"], [name]),
            ]
        graph = helper.make_graph(
            nodes,
            "rtmpose",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", channels, HEIGHT, WIDTH])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", num_joints, 2 * size])
                for name, size in zip(names, (WIDTH, HEIGHT), strict=True)
            ],
            constants,
        )
        path = tmp_path / "rtmpose.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    return write


def spot(x: int, y: int) -> Cropper:
    image = np.zeros((240, 320, 3), dtype=np.uint8)
    image[y - 1 : y + 2, x - 1 : x + 2] = 255
    cropper = Cropper()
    cropper.load(image)
    return cropper


@pytest.mark.parametrize(
    ("joints", "layout", "kept"),
    [(17, "coco17", 17), (26, "halpe26", 26), (133, "coco17", 17), (136, "halpe26", 26)],
)
def test_points_are_those_of_the_image(
    write_rtmpose: Callable[..., Path], joints: int, layout: str, kept: int
) -> None:
    reader = RTMPoseReader(write_rtmpose(joints))
    region = Region(np.array([170.0, 115.0]), 64.0, np.array([0.6, -0.8]))  # upright, whatever the region says
    found = reader.read(spot(165, 120), region)
    assert found is not None
    assert reader.skeleton.name == layout
    assert found.points.shape == (kept, 2)
    assert found.world is None
    scale = 128 / HEIGHT
    np.testing.assert_allclose(found.points, [165, 120] + scale * offsets(kept), atol=scale)
    np.testing.assert_allclose(found.confidence, 1)  # scores may be larger
    np.testing.assert_allclose(found.region.center, [165, 120], atol=scale)


def test_nobody_in_a_black_image(write_rtmpose: Callable[..., Path]) -> None:
    cropper = Cropper()
    cropper.load(np.zeros((240, 320, 3), np.uint8))
    reader = RTMPoseReader(write_rtmpose())
    assert reader.read(cropper, Region(np.array([160.0, 120.0]), 64.0, np.array([0.0, -1.0]))) is None


def test_decoding_worked_out_by_hand() -> None:
    x, y = np.zeros((2, 96), np.float32), np.zeros((2, 128), np.float32)
    x[0, 31], y[0, 90], x[1, 5], y[1, 4] = 0.7, 0.4, 0.2, 0.9
    y[1] -= 2
    places, scores = decode_simcc(x, y, 48, 64)
    np.testing.assert_allclose(places, [[15.5, 45], [2.5, 2]])
    np.testing.assert_allclose(scores, [0.4, 0])  # the smaller one, never negative


def test_the_estimator_finds_persons_with_movenet(write_rtmpose: Callable[..., Path]) -> None:
    estimator = make_estimator("rtmpose", model=write_rtmpose(26), persons=2, every=5)
    assert isinstance(estimator, TopDownEstimator)
    assert (estimator.skeleton.name, estimator.has_depth) == ("halpe26", False)
    assert estimator.update(np.zeros((120, 160, 3), np.uint8), 0.0) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_joints": 5}, "no layout is known for the joints; expected 17, 26, 133, 136 joints; got 5"),
        ({"channels": 1}, r"not an RTMPose; expected RTMPose's input \(1, 3, height, width\)"),
    ],
)
def test_other_networks_are_refused(
    write_rtmpose: Callable[..., Path], settings: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        RTMPoseReader(write_rtmpose(**settings))


SCORES = np.random.default_rng(0).random((1, 17, 96), np.float32)


@pytest.fixture
def write_constant(tmp_path: Path) -> Callable[..., Path]:
    """A network that states RTMPose's signature and gives constants."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import helper, numpy_helper

    def write(
        shape: tuple[int | str, ...] = (1, 3, 64, 48),
        dtype: str = "float32",
        out: np.ndarray = SCORES,
        stated: tuple[int | str, ...] = ("batch", 17, "places"),
    ) -> Path:
        types = {name: helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in (dtype, out.dtype.name)}
        names = ("simcc_x", "simcc_y")
        graph = helper.make_graph(
            [helper.make_node("Identity", ["scores"], [name]) for name in names],
            "rtmpose",
            [helper.make_tensor_value_info("input", types[dtype], shape)],
            [helper.make_tensor_value_info(name, types[out.dtype.name], stated) for name in names],
            [numpy_helper.from_array(out, "scores")],
        )
        path = tmp_path / "constant.onnx"
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path.write_bytes(model.SerializeToString())
        return path

    return write


REGION = Region(np.array([160.0, 120.0]), 64.0, np.array([0.0, -1.0]))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_single_and_half_precision(write_constant: Callable[..., Path], dtype: str) -> None:
    found = RTMPoseReader(write_constant(dtype=dtype, out=SCORES.astype(dtype))).read(spot(165, 120), REGION)
    assert found is not None
    np.testing.assert_allclose(found.confidence, SCORES[0].max(1), atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dtype": "float64"}, r"the input .* of another type; expected float32 or float16; got tensor\(double\)"),
        ({"shape": (8, 3, 64, 48)}, "for several images; expected a batch of 1, or of any size; got 8"),
        ({"shape": (1, 3, 20_000, 20_000)}, "too large; expected at most 2048 pixels; got 20000 x 20000"),
        (
            {"out": np.zeros((0, 17, 96), np.float32)},
            r"not the outputs of an RTMPose; .*got float32 \(0, 17, 96\)",
        ),
        ({"out": np.zeros((1, 17, 0), np.float32)}, "not the outputs of an RTMPose"),
        ({"out": np.zeros((8, 17, 96), np.float32)}, "not the outputs of an RTMPose"),
        ({"out": np.zeros((1, 5, 96), np.float32)}, "no layout is known for the joints; .*; got 5"),
        ({"out": np.zeros((17, 96), np.float32)}, "not an RTMPose; .*got the outputs simcc_x"),
        ({"out": np.full((1, 17, 96), "a", object)}, "not the outputs of an RTMPose"),
        ({"out": np.ones((1, 17, 96), np.int64)}, "not the outputs of an RTMPose"),
    ],
)
def test_networks_that_cannot_be_read_are_refused_when_they_are_loaded(
    write_constant: Callable[..., Path], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        RTMPoseReader(write_constant(**settings))
    assert "constant.onnx" in str(caught.value)


def test_outputs_may_have_other_names(write_rtmpose: Callable[..., Path]) -> None:
    assert RTMPoseReader(write_rtmpose(names=("a", "b"))).outputs == ["a", "b"]


def test_a_detector_is_no_rtmpose() -> None:
    pytest.importorskip("onnxruntime")
    from skeletonmae.pose.model_files import BLAZEPOSE_DETECTOR

    with pytest.raises(InputError, match="not an RTMPose"):
        RTMPoseReader(BLAZEPOSE_DETECTOR.path)


@pytest.fixture
def write_channel_means(tmp_path: Path) -> Path:
    """A network of RTMPose's signature whose scores of joint i are the mean of channel i mod 3 of its input."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("ReduceMean", ["input"], ["means"], axes=[2, 3], keepdims=0)]
    nodes += [helper.make_node("Gather", ["means", "joint"], ["by_joint"], axis=1)]
    for name, size in (("simcc_x", 2 * WIDTH), ("simcc_y", 2 * HEIGHT)):
        zeros = numpy_helper.from_array(np.zeros((1, 1, size), np.float32), f"zeros_{name}")
        nodes.append(helper.make_node("Constant", [], [f"zeros_{name}"], value=zeros))
        nodes.append(helper.make_node("Add", ["column", f"zeros_{name}"], [name]))
    axes = numpy_helper.from_array(np.array([2]), "axes")
    nodes.insert(2, helper.make_node("Unsqueeze", ["by_joint", "axes"], ["column"]))
    joints = numpy_helper.from_array(np.arange(17) % 3, "joint")
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 17, 2 * size])
            for name, size in (("simcc_x", WIDTH), ("simcc_y", HEIGHT))
        ],
        [joints, axes],
    )
    path = tmp_path / "means.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_the_network_gets_rgb_minus_the_mean_by_the_deviation(write_channel_means: Path) -> None:
    """The constants of ImageNet, as MMPose states them, in place of those of the module."""
    color = (200, 150, 120)
    cropper = Cropper()
    cropper.load(np.full((240, 320, 3), color, np.uint8))
    reader = RTMPoseReader(write_channel_means)
    region = Region(np.array([160.0, 120.0]), 40.0, np.array([0.0, -1.0]))
    seen: list[np.ndarray] = []
    run = reader._run
    reader._run = lambda image: seen.append(run(image)[0]) or run(image)  # type: ignore[method-assign,func-returns-value]
    reader.read(cropper, region)
    expected = (np.array(color) - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    np.testing.assert_allclose(seen[0][:3, 0], expected, atol=1e-3)
