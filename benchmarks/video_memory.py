"""The memory of a process that reads a long video: one of the videos, again and again, small and slow.

Called by video_check.py, and by itself for a process in which nothing else was loaded:

    python benchmarks/video_memory.py LONG_VIDEO --minutes 10 20 40 60
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae.formats.video_options import VideoOptions, VideoProgress
from skeletonmae.pose import estimate_poses, open_video, recording_from_poses

FPS, LONG_SIDE = 5, 320
"""Of the long video."""
NUM_SOURCE_FRAMES = 100
MINUTES = (10, 20, 40, 60)


def write_long_video(source: Path, path: Path, minutes: float) -> None:
    """Write a long video, in which a short one runs forwards and backwards.

    Args:
        source: The short video, of which the first `NUM_SOURCE_FRAMES` frames are used.
        path: The file to write.
        minutes: How long it is, with `FPS` frames a second.
    """
    import av

    with open_video(source, LONG_SIDE) as video:
        images = [frame.image for frame in islice(video, NUM_SOURCE_FRAMES)]
    height, width = (2 * (side // 2) for side in images[0].shape[:2])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, image in enumerate(islice(_back_and_forth(images), round(60 * FPS * minutes))):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _back_and_forth(images: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    return cycle(chain(images, images[-2:0:-1]))


def measure_long_video(source: Path, minutes: Sequence[float] = MINUTES) -> dict[str, Any]:
    """Return the memory of a process that reads a long video, which is written for it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.mp4")
        write_long_video(source, path, max(minutes))
        words = [sys.executable, __file__, str(path), "--minutes", *map(str, minutes)]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def read_long_video(path: Path, minutes: Sequence[float]) -> dict[str, Any]:
    """Estimate and keep the poses of a video, and return the memory of this process on the way.

    Args:
        path: The video.
        minutes: When to look at the memory; the last one is the length of the video.
    """
    rows: list[dict[str, float]] = []
    frames = {round(60 * FPS * minute): minute for minute in minutes}

    def look(progress: VideoProgress) -> None:
        if not progress.is_done and (minute := frames.get(progress.num_frames)):
            rows.append({"minutes": minute, "peak_mb": memory_mb("VmHWM"), "now_mb": memory_mb("VmRSS")})

    with tempfile.TemporaryDirectory() as folder:
        options = VideoOptions(axes=3, cache_folders=(Path(folder),), on_progress=look)
        started = time.process_time()
        poses = estimate_poses(path, options)
        seconds = time.process_time() - started
        recording = recording_from_poses(poses, options)
        arrays = (poses.points, poses.confidence, poses.world, poses.score, poses.identity, poses.frame_index)
        return {
            "rows": rows,
            "peak_mb": memory_mb("VmHWM"),
            "frames": poses.num_frames,
            "persons": int(recording.positions.shape[0]),
            "size": f"{poses.width}x{poses.height}",
            "poses_mb": sum(one.nbytes for one in arrays if one is not None) / 2**20,
            "cpu_seconds": seconds,
        }


def memory_mb(name: str) -> float:
    """Return an entry of /proc/self/status in MB, such as VmHWM, the peak of what was resident."""
    lines = Path(f"/proc/{os.getpid()}/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=MINUTES)
    arguments = parser.parse_args()
    print(json.dumps(read_long_video(arguments.video, arguments.minutes)))


if __name__ == "__main__":
    main()
