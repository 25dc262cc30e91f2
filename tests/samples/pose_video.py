"""Small videos whose pixels hold the poses that are to be found, and an estimator that reads them there.

Nothing is lost in these videos (FFV1 in Matroska), so that poses come out as they went in.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

JOINTS = 33
WIDTH, HEIGHT = 96, 64
MAGIC = b"pose"
PERSON = np.dtype(
    [
        ("identity", "<i4"),
        ("score", "<f4"),
        ("points", "<f4", (JOINTS, 2)),
        ("confidence", "<f4", (JOINTS,)),
        ("world", "<f4", (JOINTS, 3)),
    ]
)


def person(identity: int, points: np.ndarray, confidence: Any = 1.0, world: Any = 0.0) -> np.ndarray:
    """One person in one frame."""
    record = np.zeros((), PERSON)
    record["identity"], record["score"], record["points"] = identity, 0.9, points
    record["confidence"], record["world"] = confidence, world
    return record


def image_of(persons: Sequence[np.ndarray], size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    """An image whose pixels hold persons."""
    body = b"".join(one.tobytes() for one in persons)
    data = MAGIC + len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little") + body
    pixels = np.zeros(size[0] * size[1] * 3, np.uint8)
    pixels[: len(data)] = np.frombuffer(data, np.uint8)
    return pixels.reshape(size[1], size[0], 3)


class PixelEstimator:
    """Finds the persons that `image_of` put into an image; images without any hold nobody."""

    min_confidence = 0.5

    def __init__(self) -> None:
        from skeletonmae.skeletons import MEDIAPIPE33

        self.skeleton, self.has_depth = MEDIAPIPE33, True
        self.num_updates, self.times = 0, list[float]()

    def update(self, image: np.ndarray, time: float) -> list[Any]:
        from skeletonmae.pose import PersonPose

        self.num_updates += 1
        self.times.append(time)
        data = image.tobytes()
        size, check = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8))
        body = data[12 : 12 + size]
        if data[:4] != MAGIC or zlib.crc32(body) != check or len(body) != size or size % PERSON.itemsize:
            return []
        return [
            PersonPose(
                int(one["identity"]), one["points"].copy(), one["confidence"].copy(), one["world"].copy(), 0.9
            )
            for one in np.frombuffer(body, PERSON)
        ]

    def reset(self) -> None:
        self.times = []


def write_images(
    path: Path,
    images: Sequence[np.ndarray],
    *,
    fps: Fraction | float = 30,
    times: Sequence[int] | None = None,
    codec: str = "ffv1",
    pix_fmt: str = "bgr0",
    rotation: float | None = None,
    mirrored: bool = False,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write images as a video; `times` are in milliseconds, by default they follow from `fps`."""
    import av

    rate = Fraction(fps).limit_denominator(100_000)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = index if times is None else times[index]
            frame.time_base = 1 / rate if times is None else Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_video(path: Path, values: np.ndarray) -> list[Any]:
    """Write `(frame, joint, axis)` as a video of one person, and give back the recording."""
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import MEDIAPIPE33

    points = np.zeros((len(values), JOINTS, 2), np.float32)
    points[:, : values.shape[1]] = 20 + 10 * values[..., :2]
    observed = np.ones((len(values), JOINTS), bool)
    observed[2, 5], observed[:, -1] = False, False
    images = [image_of([person(7, *pose)]) for pose in zip(points, observed, strict=True)]
    write_images(path, images)
    inside = observed & (points >= 0).all(-1) & (points[..., 0] <= WIDTH) & (points[..., 1] <= HEIGHT)
    return [
        SkeletonSequence.from_positions(
            np.where(inside[..., None], points, 0)[None],
            MEDIAPIPE33,
            observed=inside[None],
            name=path.stem,
            unit="px",
            fps=30.0,
            tags={"image_size": f"{WIDTH}x{HEIGHT}"},
        )
    ]
