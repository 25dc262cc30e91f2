"""RTMPose (Jiang et al., 2023), from an ONNX file of the user's.

MMDeploy writes such files. `input` is `(1, 3, height, width)`: an RGB image minus the mean of ImageNet, divided by
its standard deviation. The outputs `simcc_x` and `simcc_y` have a row for each joint, with a score for each half
pixel of the width or height (SimCC; Li et al., ECCV 2022). The number of joints tells the layout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from skeletonmae.errors import InputError
from skeletonmae.pose.cropping import Cropper
from skeletonmae.pose.model_files import open_session
from skeletonmae.pose.reading import Reading, body_indices
from skeletonmae.pose.regions import Region, region_of_joints
from skeletonmae.skeletons import COCO17, LAYOUTS, Skeleton

LAYOUT_BY_COUNT = {17: COCO17, 26: LAYOUTS["halpe26"], 133: COCO17, 136: LAYOUTS["halpe26"]}
"""Joints of the network -> layout. Of whole bodies, the joints of the body are used, which come first."""
MEAN = np.array([123.675, 116.28, 103.53], dtype=np.float32) / 255
DEVIATION = np.array([58.395, 57.12, 57.375], dtype=np.float32) / 255
"""Of ImageNet, for pixels from 0 to 1."""
MIN_SCORE = 0.3
"""Mean score of the joints of the body, below which nobody is there."""
MAX_INPUT_SIDE = 2048
"""Pixels of the input; RTMPose has 256 x 192 or 384 x 288."""
FLOATS = {"tensor(float)": "float32", "tensor(float16)": "float16"}
"""Types of the input, as onnxruntime and as numpy call them."""
EXPECTED = "RTMPose's input (1, 3, height, width) and outputs simcc_x and simcc_y"


class RTMPoseReader:
    """Reads the pose of one person with the RTMPose of an ONNX file.

    Args:
        model: The file.
        threads: Number of threads that run the network.

    Raises:
        InputError: The file is no RTMPose, its joints are not known, it cannot be run, or onnxruntime is not
            installed.
    """

    has_depth = False
    min_confidence = 0.3
    """Score that MMPose draws from."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        if not model.is_file():
            raise InputError("there is no such file", where=model, expected="an ONNX file of RTMPose")
        self.model = model
        self.session = open_session(model, threads)
        self.input, self.dtype, self.height, self.width = _input(self.session, model)
        self.outputs, num_joints = _outputs(self.session, model)
        if num_joints not in LAYOUT_BY_COUNT:
            expected = f"{', '.join(map(str, LAYOUT_BY_COUNT))} joints"
            raise InputError("no layout is known for the joints", where=model, expected=expected, got=num_joints)
        self.skeleton: Skeleton = LAYOUT_BY_COUNT[num_joints]
        self.body = body_indices(self.skeleton)
        self.num_joints = num_joints
        self._run(np.zeros((1, 3, self.height, self.width), np.float32))  # to learn now if it cannot be run

    def _run(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The scores of all places, for each joint in x and in y.

        Raises:
            InputError: The network cannot be run, or gives something else than it states.
        """
        try:
            found = self.session.run(self.outputs, {self.input: image.astype(self.dtype, copy=False)})
        except Exception as error:  # onnxruntime raises its own types, which have no common base
            reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise InputError(f"the network cannot be run ({reason})", where=self.model) from error
        for values in found:
            shape = np.shape(values)
            if len(shape) != 3 or shape[:2] != (1, self.num_joints) or not shape[2] or values.dtype.kind != "f":
                expected = f"numbers (1, {self.num_joints}, width or height)"
                got = f"{getattr(values, 'dtype', type(values).__name__)} {shape}"
                raise InputError("not the outputs of an RTMPose", where=self.model, expected=expected, got=got)
        x, y = found
        return x[0].astype(np.float32), y[0].astype(np.float32)

    def read(self, cropper: Cropper, region: Region) -> Reading | None:
        """Return the pose in a region of the image that `cropper` holds; None if nobody is there."""
        scale = region.side / self.height
        origin = region.center - np.array([self.width, self.height]) * (scale / 2)
        right, down = np.array([scale, 0.0]), np.array([0.0, scale])
        crop = cropper.crop(origin, right, down, self.height, self.width)
        image = ((crop - MEAN) / DEVIATION).transpose(2, 0, 1)[None]
        places, scores = decode_simcc(*self._run(np.ascontiguousarray(image)), self.width, self.height)
        joints = slice(self.skeleton.num_joints)
        points = (origin + places[joints] * scale).astype(np.float32)
        confidence = scores[joints].clip(0, 1).astype(np.float32)
        score = float(confidence[list(self.body)].mean())
        next_region = region_of_joints(points, confidence, self.skeleton)
        if next_region is None or score < MIN_SCORE:
            return None
        return Reading(points, confidence, None, score, next_region, self.body)


def decode_simcc(
    x: Float32[np.ndarray, "joint columns"], y: Float32[np.ndarray, "joint rows"], width: int, height: int
) -> tuple[Float32[np.ndarray, "joint 2"], Float32[np.ndarray, " joint"]]:
    """Return each joint in pixels of the input, and its score.

    Args:
        x: Scores of the horizontal places.
        y: Scores of the vertical places.
        width: Of the input in pixels.
        height: Of the input in pixels.

    Returns:
        Where both scores are largest, and the smaller one of the two; 0 if that is negative.
    """
    places = np.stack([x.argmax(1) * (width / x.shape[1]), y.argmax(1) * (height / y.shape[1])], 1)
    scores = np.minimum(x.max(1), y.max(1))
    return places.astype(np.float32), np.nan_to_num(scores, nan=0.0).clip(0).astype(np.float32)


def _input(session: Any, model: Path) -> tuple[str, str, int, int]:
    """Name, type, height and width of the input."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    is_image = len(shape) == 4 and shape[1] == 3 and all(isinstance(size, int) and size > 0 for size in shape[2:])
    if not is_image:
        got = ", ".join(f"{one.name} {one.shape}" for one in inputs)
        raise InputError("not an RTMPose", where=model, expected=EXPECTED, got=f"the inputs {got}")
    problem, expected, got = "", "", ""
    if inputs[0].type not in FLOATS:
        problem, expected, got = "of another type", "float32 or float16", inputs[0].type
    elif isinstance(shape[0], int) and shape[0] != 1:
        problem, expected, got = "for several images", "a batch of 1, or of any size", str(shape[0])
    elif max(shape[2:]) > MAX_INPUT_SIDE:
        problem, expected, got = "too large", f"at most {MAX_INPUT_SIDE} pixels", f"{shape[3]} x {shape[2]}"
    if problem:
        raise InputError(f"the input of the network is {problem}", where=model, expected=expected, got=got)
    return str(inputs[0].name), FLOATS[inputs[0].type], shape[2], shape[3]


def _outputs(session: Any, model: Path) -> tuple[list[str], int]:
    """Names of the two outputs, x first, and the number of joints."""
    outputs = {one.name: one.shape for one in session.get_outputs()}
    names = ["simcc_x", "simcc_y"] if {"simcc_x", "simcc_y"} <= outputs.keys() else list(outputs)
    shapes = [outputs[name] for name in names]
    counts = {shape[1] for shape in shapes if len(shape) == 3 and isinstance(shape[1], int)}
    if len(names) != 2 or any(len(shape) != 3 for shape in shapes) or len(counts) != 1:
        got = ", ".join(f"{name} {shape}" for name, shape in outputs.items())
        raise InputError("not an RTMPose", where=model, expected=EXPECTED, got=f"the outputs {got}")
    return names, counts.pop()
