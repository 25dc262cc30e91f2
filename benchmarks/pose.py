"""Measure how fast videos become poses, and how steady the poses are.

    OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/pose.py VIDEOS

Speed: a file of 1080 x 1920 pixels (H.264, 60 frames a second) is decoded, and the poses of its frames are
estimated, on one core. The time is that of the processor, since others may use the machine; they make it longer
all the same, so the time of the networks alone, measured in the same run, stands beside it. Pre-processing is
what turns a decoded frame into the input of the networks: conversion to RGB at 640 pixels on the longer side,
and one crop per person. The best of three passes counts.

Steadiness: three videos with one, two and two persons. Jitter is the mean second difference of ankles and
wrists in percent of the height of the body; a swap is a pair of a left and a right joint that change places
from one frame to the next. The numbers of the first implementation are those of a prototype with the same
networks, which read the frames in full resolution; that does not explain the differences (see video_check.md).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from environment import facts
from pose_measures import Place, measure

from skeletonmae.pose import PersonPose, PoseEstimator, blazepose_detector, make_estimator, movenet, read_video
from skeletonmae.pose.blazepose import BlazePoseReader
from skeletonmae.pose.blazepose_detector import BlazePoseDetector
from skeletonmae.pose.movenet import MoveNetEstimator
from skeletonmae.pose.top_down import TopDownEstimator

FILE = Path(__file__).with_suffix(".json")
SINGLE, MULTI, DEMO = "pose2sim_single_cam01.mp4", "pose2sim_multi_cam01.mp4", "sports2d_demo.mp4"
GOALS = {"one person": 45, "two persons": 28, "MoveNet alone, two persons": 0}
MAX_SHARE = 0.2
"""Goal for the share of pre-processing."""
PASSES = 3

PERSONS: dict[str, tuple[str, list[Place]]] = {
    "one, near": (SINGLE, [Place()]),
    "performer": (MULTI, [Place(y=(0, 0.56))]),
    "woman from behind": (MULTI, [Place(y=(0.56, 1))]),
    "jumper": (DEMO, [Place(frames=(0, 179), y=(0, 0.5))]),
    "walker": (DEMO, [Place(frames=(0, 175), y=(0.5, 1)), Place(frames=(176, 229), x=(-1, 0.4), y=(0.5, 1))]),
    "jumper, landed": (DEMO, [Place(frames=(176, 229), x=(0.4, 1), y=(0.5, 1))]),
}
"""Person -> video, and where in it the person is."""

BEFORE: dict[str, dict[str, tuple[int, float, float, int]]] = {
    "MoveNet alone": {
        "one, near": (100, 0.93, 2.51, 0),
        "performer": (100, 2.31, 5.00, 0),
        "woman from behind": (100, 0.38, 2.31, 0),
        "jumper": (74, 10.4, 26.3, 53),
        "walker": (157, 8.6, 5.7, 28),
        "jumper, landed": (35, 12.6, 10.5, 6),
    },
    "BlazePose, own detector": {
        "one, near": (100, 0.81, 0.98, 0),
        "performer": (100, 1.60, 1.41, 0),
        "woman from behind": (100, 0.85, 4.61, 0),
        "jumper": (168, 8.4, 5.3, 38),
        "walker": (128, 3.4, 2.3, 6),
        "jumper, landed": (41, 5.5, 11.7, 5),
    },
    "BlazePose, MoveNet finds in every frame": {
        "one, near": (100, 0.84, 1.01, 0),
        "performer": (100, 1.73, 2.18, 0),
        "woman from behind": (100, 0.91, 5.30, 0),
        "jumper": (169, 6.9, 5.6, 35),
        "walker": (161, 4.2, 2.5, 9),
        "jumper, landed": (38, 6.3, 7.7, 3),
    },
    "BlazePose, MoveNet finds in every 10th frame": {
        "jumper": (169, 6.9, 5.6, 35),
        "walker": (160, 3.9, 2.8, 8),
        "jumper, landed": (37, 7.3, 6.7, 3),
    },
}
"""Estimator -> person -> frames, jitter of ankles and wrists, and swaps of the first implementation."""

ESTIMATORS: dict[str, Callable[[], PoseEstimator]] = {
    "MoveNet alone": lambda: make_estimator("movenet"),
    "BlazePose, own detector": lambda: TopDownEstimator(BlazePoseDetector(), BlazePoseReader(), "all", 1),
    "BlazePose, MoveNet finds in every frame": lambda: make_estimator(every=1),
    "BlazePose, MoveNet finds in every 10th frame": make_estimator,
}


class Clock:
    """Adds up the processor's time in calls of functions."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_running = False

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function; calls within a call are counted once."""

        def call(*values: Any, **named: Any) -> Any:
            if self.is_running:
                return function(*values, **named)
            self.is_running, start = True, time.process_time()
            try:
                return function(*values, **named)
            finally:
                self.is_running = False
                self.seconds += time.process_time() - start

        return call


class TimedSession:
    """A session of a network whose runs are timed."""

    def __init__(self, session: Any, clock: Clock) -> None:
        self.run = clock.timed(session.run)


def measure_speed(path: Path, estimator: TopDownEstimator | MoveNetEstimator) -> dict[str, float]:
    """Return milliseconds per frame of one pass: decoding, pre-processing, networks, and the rest."""
    networks, crops = Clock(), Clock()
    with_networks: list[Any] = (
        [estimator.finder, estimator.reader] if isinstance(estimator, TopDownEstimator) else [estimator.network]
    )
    sessions = [one.session for one in with_networks]
    resize = blazepose_detector.resize
    for one in with_networks:
        one.session = TimedSession(one.session, networks)
    blazepose_detector.resize = movenet.resize = crops.timed(resize)
    if isinstance(estimator, TopDownEstimator):
        estimator.cropper.load = crops.timed(estimator.cropper.load)
        estimator.cropper.crop = crops.timed(estimator.cropper.crop)
    persons = []
    try:
        estimator.reset()
        start = time.process_time()
        for frame in read_video(path):
            persons.append(len(estimator.update(frame.image, frame.time)))
        total = time.process_time() - start
    finally:
        blazepose_detector.resize = movenet.resize = resize
        for one, session in zip(with_networks, sessions, strict=True):
            one.session = session
        if isinstance(estimator, TopDownEstimator):
            del estimator.cropper.load, estimator.cropper.crop
    decoding = decoding_seconds(path)
    start = time.process_time()
    for _ in read_video(path):
        pass
    conversion = max(0.0, time.process_time() - start - decoding)
    per_frame = 1000 / len(persons)
    return {
        "frames": len(persons),
        "persons": float(np.mean(persons)),
        "total": total * per_frame,
        "decoding": decoding * per_frame,
        "pre_processing": (conversion + crops.seconds) * per_frame,
        "networks": networks.seconds * per_frame,
    }


def decoding_seconds(path: Path) -> float:
    """Return the processor's time to decode a video without doing anything with its frames."""
    import av

    start = time.process_time()
    with av.open(path) as container:
        for _ in container.decode(video=0):
            pass
    return time.process_time() - start


def poses_of(path: Path, estimator: PoseEstimator) -> tuple[list[list[PersonPose]], tuple[int, int]]:
    """Return the poses of all frames, and the width and height of the images."""
    rows, size = [], (0, 0)
    for frame in read_video(path):
        rows.append(estimator.update(frame.image, frame.time))
        size = frame.image.shape[1], frame.image.shape[0]
    return rows, size


def measure_steadiness(videos: Path) -> list[dict[str, Any]]:
    """Return the steadiness of each person with each estimator."""
    rows = []
    for name, make in ESTIMATORS.items():
        for video in (SINGLE, MULTI, DEMO):
            estimator = make()
            poses, size = poses_of(videos / video, estimator)
            for person, (where, places) in PERSONS.items():
                if where == video:
                    found = measure(poses, estimator.skeleton, size, places)
                    rows.append({"estimator": name, "person": person} | found._asdict())
    return rows


def speed_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table of the speed; the ratio is that of all to the networks."""
    head = ("", "ms a frame", "frames a second", "goal", "decoding", "pre-processing", "networks", "rest", "ratio")
    lines = [f"| {' | '.join(head)} |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        total, goal = row["total"], GOALS[row["name"]]
        rest = total - row["decoding"] - row["pre_processing"] - row["networks"]
        share = row["pre_processing"] / total
        lines.append(
            f"| {row['name']} | {total:.1f} | {1000 / total:.0f} | {goal or ''} | {row['decoding']:.1f} |"
            f" {row['pre_processing']:.1f} ({share:.0%}) | {row['networks']:.1f} | {rest:.1f} |"
            f" {total / row['networks']:.2f} |"
        )
    return lines


def speed_notes(rows: list[dict[str, Any]]) -> list[str]:
    """Return what the table does not say."""
    lines = ["Ratio: all, by the networks alone."]
    for row in rows:
        if (share := row["pre_processing"] / row["total"]) > MAX_SHARE:
            taken, goal = row["pre_processing"], GOALS[row["name"]]
            lines.append(
                f"Pre-processing of {row['name']} takes {share:.0%} ({taken:.1f} ms); the goal was at most"
                f" {MAX_SHARE:.0%}, which at {goal} frames a second are {MAX_SHARE * 1000 / goal:.1f} ms."
            )
    return lines


def steadiness_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table of the steadiness, with the earlier numbers below each."""
    lines = [
        "| person | estimator | frames | ankle | wrist | swaps | identities |",
        "|---|---|---|---|---|---|---|",
    ]
    for person in PERSONS:
        for row in (row for row in rows if row["person"] == person):
            lines.append(
                f"| {person} | {row['estimator']} | {row['frames']} | {row['ankle']:.2f} | {row['wrist']:.2f} |"
                f" {row['swaps']} | {row['numbers']} |"
            )
            if before := BEFORE[row["estimator"]].get(person):
                frames, ankle, wrist, swaps = before
                lines.append(f"| | *first implementation* | {frames} | {ankle:.2f} | {wrist:.2f} | {swaps} | |")
    return lines


def page(content: dict[str, Any]) -> str:
    """Return the page of what was measured."""
    about = content["about"]
    notes = (__doc__ or "").split("\n\n")
    lines = ["<!-- Written by benchmarks/pose.py. -->", "# Poses of videos", "", notes[2], ""]
    lines += [
        *speed_table(content["speed"]),
        "",
        *speed_notes(content["speed"]),
        "",
        notes[3].strip(),
        "",
        *steadiness_table(content["steadiness"]),
    ]
    lines += ["", f"{about['date']}, commit {about['commit']}, {about['processor']}.", ""]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, help="folder of the three videos")
    parser.add_argument("--parts", nargs="+", default=["speed", "steadiness"])
    parser.add_argument("--passes", type=int, default=PASSES)
    arguments = parser.parse_args()
    content = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    content["about"] = facts("OMP_NUM_THREADS=1")
    if "speed" in arguments.parts:
        cases: list[tuple[str, str, Any]] = [
            ("one person", SINGLE, make_estimator(persons=1)),
            ("two persons", MULTI, make_estimator()),
            ("MoveNet alone, two persons", MULTI, make_estimator("movenet")),
        ]
        content["speed"] = []
        for name, video, estimator in cases:
            passes = [measure_speed(arguments.videos / video, estimator) for _ in range(arguments.passes)]
            content["speed"].append({"name": name} | min(passes, key=lambda one: one["total"]))
    if "steadiness" in arguments.parts:
        content["steadiness"] = measure_steadiness(arguments.videos)
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if {"speed", "steadiness"} <= content.keys():
        FILE.with_suffix(".md").write_text(page(content), encoding="utf-8")


if __name__ == "__main__":
    main()
