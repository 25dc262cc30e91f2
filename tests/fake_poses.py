"""A video of a gray ramp, and an estimator that sees a person in it who is not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from skeletonmae.pose import PersonPose
from skeletonmae.skeletons import COCO17, MEDIAPIPE33, Skeleton

WIDTH, HEIGHT = 192, 128


def write_video(
    path: Path, num_frames: int = 10, size: tuple[int, int] = (WIDTH, HEIGHT), times: np.ndarray | None = None
) -> Path:
    """Write a video with 20 frames per second, or with frames at `times`, each a little brighter than the last."""
    from fractions import Fraction

    import av

    times = np.arange(num_frames) / 20 if times is None else times
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20, options={"crf": "12"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p" if not (size[0] % 2 or size[1] % 2) else "yuv444p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        for number, time in enumerate(times):
            image = np.full((size[1], size[0], 3), 100 + 2 * (number % 60), np.uint8)
            image[: size[1] // 4] = 40  # the upper quarter is dark
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def body(x: float, y: float, size: float, raised: float = 0.0) -> np.ndarray:
    """Landmarks of a person from the front, `(33, 2)`, with the hips at (x, y); `size` is that of the trunk."""
    places = {
        "nose": (0, -1.5), "eye": (0.1, -1.6), "ear": (0.2, -1.55), "mouth": (0.08, -1.4),
        "shoulder": (0.4, -1), "elbow": (0.55, -0.5), "wrist": (0.6, 0), "hip": (0.25, 0), "knee": (0.28, 0.8),
        "ankle": (0.3, 1.6), "heel": (0.3, 1.7), "toe": (0.4, 1.75),
    }  # fmt: skip
    points = np.zeros((33, 2), np.float32)
    for row, joint in enumerate(MEDIAPIPE33.joints):
        side = 1 if joint.startswith("left_") else -1 if joint.startswith("right_") else 0
        word = joint.removeprefix("left_").removeprefix("right_").partition("_")[0]
        across, down = places.get(word, places["wrist"])
        up = raised if word not in places or word in ("wrist", "elbow") else 0.0
        points[row] = x + side * across * size, y + (down - (up if side > 0 else 0.0)) * size
    return points


def raised(label: str, time: float) -> float:
    """How high the left hand of a class is at a time, in trunks; a body that rests does not move."""
    return {"high": 1.2 + 0.5 * np.sin(6 * time), "low": 0.2 * np.sin(6 * time)}.get(label, 0.0)


class FakeEstimator:
    """Sees persons side by side; `script` says what each does when: (second, label), in the order of time."""

    skeleton: Skeleton = MEDIAPIPE33
    min_confidence = 0.5

    def __init__(
        self,
        num_persons: int = 1,
        has_depth: bool = True,
        script: tuple[tuple[float, str], ...] = ((0.0, "high"),),
    ) -> None:
        self.num_persons, self.has_depth, self.script = num_persons, has_depth, script
        self.num_resets = 0
        self.times: list[float] = []

    def update(self, image: np.ndarray, time: float) -> list[PersonPose]:
        self.times.append(time)
        height, width = image.shape[:2]
        poses = []
        for person in range(self.num_persons):
            x = width * (person + 0.5) / self.num_persons
            label = [name for start, name in self.script if start <= time][-1]
            sway = 0.0 if label == "rest" else 0.15 * np.cos(6 * time)  # never still while the hand turns round
            points = body(x + sway * height * 0.22, height * 0.6, height * 0.22, raised(label, time))
            flat = body(sway * 0.5, 0, 0.5, raised(label, time))
            world = np.stack([-flat[:, 0], -flat[:, 1], np.zeros(33)], 1).astype(np.float32)
            confidence = np.where(np.arange(33) == 26, 0.1, 0.9).astype(np.float32)  # the right knee is not seen
            poses.append(PersonPose(person + 3, points, confidence, world if self.has_depth else None, 0.9))
        return poses

    def reset(self) -> None:
        self.num_resets += 1
        self.times = []


class FlatEstimator(FakeEstimator):
    """Sees the same persons as `FakeEstimator`, with the 17 joints of COCO and low scores, and without depth."""

    skeleton: Skeleton = COCO17
    min_confidence = 0.3
    ROWS = tuple(MEDIAPIPE33.index[joint] for joint in COCO17.joints)

    def __init__(self, num_persons: int = 1, script: tuple[tuple[float, str], ...] = ((0.0, "high"),)) -> None:
        super().__init__(num_persons, False, script)

    def update(self, image: np.ndarray, time: float) -> list[PersonPose]:
        rows = list(self.ROWS)
        return [
            replace(pose, points=pose.points[rows], confidence=np.float32(0.45) * pose.confidence[rows])
            for pose in super().update(image, time)
        ]
