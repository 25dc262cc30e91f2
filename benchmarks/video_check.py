"""Check poses of real videos: what is right, what is not, and what a classifier of another dataset says of them.

    OMP_NUM_THREADS=1 python benchmarks/video_check.py VIDEOS --store stores/penn_action
    OMP_NUM_THREADS=1 python benchmarks/video_check.py VIDEOS --parts memory
    python benchmarks/video_check.py --page        # writes the page again

VIDEOS is the folder of the videos, which are not part of the project: people in them can be recognized. What they
do is written in video_contents.py, from looking at the frames, before any prediction was made.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import facts
from pose import BEFORE, PERSONS
from pose_measures import PARTS, body_height, find_person, second_differences, swaps_of_frames
from video_check_page import page
from video_contents import CONTENTS, DEMO, SIGNS, SQUATS, VIEWS
from video_measures import (
    block_interval,
    count_repetitions,
    disagreement,
    facing_forward,
    knee_angles,
    observed_share,
    view_distance,
)
from video_memory import measure_long_video
from video_windows import actions_of, classifier_of, windows_of

from skeletonmae.formats.video_options import VideoOptions
from skeletonmae.pose import (
    PersonPose,
    VideoPoses,
    estimate_poses,
    make_estimator,
    read_video,
    recording_from_poses,
)
from skeletonmae.sequences import SkeletonSequence

FILE = Path(__file__).with_suffix(".json")
PARTS_OF_PAGE = ("steadiness", "agreement", "views", "squats", "low_rate", "legs", "windows")
FINDS, EVERY_10, ALONE = (
    "BlazePose, MoveNet finds in every frame", "BlazePose, MoveNet finds in every 10th frame", "MoveNet alone",
)  # fmt: skip
ESTIMATORS = {EVERY_10: "blazepose", ALONE: "movenet"}
LOW_FPS = 5
UPPER = ("hip", "wrist", "elbow", "shoulder")
LOW_RATE_VIDEOS = (VIEWS[0], DEMO)
SIGN_VIDEOS = {sign: f"intel_sign_{sign}.mkv" for sign in SIGNS}


class Videos:
    """The poses of the videos of a folder, which are estimated once."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache

    def poses(self, video: str, estimator: str = "blazepose") -> VideoPoses:
        """Return the poses of a video."""
        options = VideoOptions(estimator=estimator, cache_folders=(self.cache,))
        return estimate_poses(self.folder / video, options)

    def recording(self, video: str, axes: Any) -> SkeletonSequence:
        """Return the persons of a video."""
        return recording_from_poses(self.poses(video), VideoOptions(axes=axes), name=video)

    def person(self, person: str, estimator: str) -> tuple[dict[int, PersonPose], VideoPoses]:
        """Return frame -> pose of a person of pose.py, and the poses of the video."""
        video, places = PERSONS[person]
        poses = self.poses(video, estimator)
        frames = [poses.at(frame) for frame in range(poses.num_frames)]
        return find_person(frames, poses.skeleton, (poses.width, poses.height), places), poses


def check_steadiness(videos: Videos) -> list[dict[str, Any]]:
    """Return jitter and swaps of each person, with intervals, beside the figures of the first implementation."""
    rows = []
    for person in PERSONS:
        for estimator, name in ESTIMATORS.items():
            found, poses = videos.person(person, name)
            frames = np.array(list(found))
            points = np.array([pose.points for pose in found.values()], dtype=np.float64)
            index = poses.skeleton.index
            pairs = points[:, [[index[f"{side}_{part}"] for side in ("left", "right")] for part in PARTS]]
            swaps = swaps_of_frames(pairs, frames)
            row: dict[str, Any] = {"person": person, "estimator": estimator, "frames": len(frames)}
            for joint in ("ankle", "wrist"):
                each = second_differences(pairs[:, PARTS.index(joint)], frames, body_height(points))
                row[joint], row[f"{joint}_interval"] = float(each.mean()), block_interval(each)
            row |= {"swaps": int(swaps.sum()), "swaps_interval": block_interval(swaps, is_sum=True)}
            before = BEFORE[estimator].get(person) or BEFORE[FINDS][person]
            rows.append(row | {"before": dict(zip(("frames", "ankle", "wrist", "swaps"), before, strict=True))})
    return rows


def check_agreement(videos: Videos) -> list[dict[str, Any]]:
    """Return how far the joints of BlazePose are from those of MoveNet alone, for each person."""
    rows = []
    for person in PERSONS:
        (one, first), (other, second) = (videos.person(person, name) for name in ESTIMATORS.values())
        frames, percent = disagreement(one, other, (first.skeleton, second.skeleton))
        rows.append({"person": person, "frames": frames, "percent": percent})
    return rows


def check_views(videos: Videos) -> dict[str, Any]:
    """Return how far the joints of one walk are apart in each pair of views, in 3D, facing forward."""
    views = [facing_forward(videos.recording(video, 3)) for video in VIEWS]
    pairs = [
        {"one": one + 1, "other": other + 1} | view_distance(views[one], views[other])._asdict()
        for one, other in combinations(range(len(views)), 2)
    ]
    return {"frames": len(views[0].positions), "sizes_m": [view.size for view in views], "pairs": pairs}


def check_squats(videos: Videos) -> dict[str, Any]:
    """Return the angle at the knees over time, and how many repetitions it has."""
    result: dict[str, Any] = {}
    for axes in (2, 3):
        recording = videos.recording(SQUATS, axes)
        angles = knee_angles(recording)
        count, is_unfinished = count_repetitions(angles)
        result[f"axes_{axes}"] = {
            "angles": [None if np.isnan(angle) else round(float(angle), 1) for angle in angles],
            "repetitions": count,
            "is_unfinished": is_unfinished,
        }
    return result | {"fps": recording.fps, "frames": recording.num_frames, "notes": list(recording.notes)}


def check_low_rate(videos: Videos) -> list[dict[str, Any]]:
    """Return what changes if only so many frames that 5 a second remain are given to the estimator."""
    rows = []
    for video in LOW_RATE_VIDEOS:
        full = videos.poses(video)
        step = round((full.fps or LOW_FPS) / LOW_FPS)
        estimator, few = make_estimator(), dict[int, list[PersonPose]]()
        for frame in read_video(videos.folder / video):
            if frame.index % step == 0:
                scale = full.width / frame.image.shape[1]
                found = estimator.update(frame.image, frame.time)
                few[frame.index] = [replace(pose, points=pose.points * scale) for pose in found]
        for person, (where, places) in PERSONS.items():
            if where == video:
                size = full.width, full.height
                one, other = (
                    find_person(
                        [frames[number] if number in few else [] for number in range(full.num_frames)],
                        full.skeleton,
                        size,
                        places,
                    )
                    for frames in (few, {number: full.at(number) for number in few})
                )
                both, percent = disagreement(one, other, (full.skeleton, full.skeleton))
                rows.append(
                    {"person": person, "frames": len(few), "found": len(one), "found_at_full_rate": len(other)}
                    | {"numbers": len({pose.identity for pose in one.values()}), "both": both, "percent": percent}
                )
    return rows


def check_legs(videos: Videos) -> list[dict[str, Any]]:
    """Return the share of joints that are observed in signs, where legs are below the picture."""
    rows = []
    for sign, video in SIGN_VIDEOS.items():
        recording = videos.recording(video, 2)
        row: dict[str, Any] = {"sign": sign, "frames": recording.num_frames, "legs": observed_share(recording)}
        rows.append(row | {part: observed_share(recording, (part,)) for part in UPPER})
    return rows


def main(words: Sequence[str] | None = None) -> None:
    """Check, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="?", help="folder of the videos")
    parser.add_argument("--store", type=Path, help="store of Penn Action, for the windows")
    parser.add_argument("--classifier", type=Path, help="its file, which is written if it is not there")
    parser.add_argument("--cache", type=Path, default=Path("runs/video_check"), help="where poses are kept")
    parser.add_argument("--parts", nargs="+", default=PARTS_OF_PAGE, choices=[*PARTS_OF_PAGE, "memory"])
    parser.add_argument("--minutes", type=float, nargs="+", default=(10, 20, 40, 60), help="of the long video")
    parser.add_argument("--page", action="store_true", help="write the page from the results that there are")
    parser.add_argument("--out", type=Path, default=FILE, help="JSON file to write; the page is beside it")
    arguments = parser.parse_args(words)
    content = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
    if not arguments.page:
        if not arguments.videos:
            parser.error("VIDEOS is missing")
        torch.set_num_threads(1)
        content |= check(arguments, content)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    arguments.out.with_suffix(".md").write_text(page(content), encoding="utf-8")


def check(arguments: argparse.Namespace, content: dict[str, Any]) -> dict[str, Any]:
    """Return the results of the parts that were asked for."""
    videos = Videos(arguments.videos, arguments.cache)
    checks = {
        "steadiness": check_steadiness,
        "agreement": check_agreement,
        "views": check_views,
        "squats": check_squats,
        "low_rate": check_low_rate,
        "legs": check_legs,
    }
    results: dict[str, Any] = {part: checks[part](videos) for part in arguments.parts if part in checks}
    if "windows" in arguments.parts:
        if not arguments.store:
            raise SystemExit("--store is missing: the windows need a classifier")
        classifier, about = classifier_of(arguments.store, arguments.classifier)
        results["windows"] = {"classifier": about, "seconds": [], "actions": []}
        for video in CONTENTS:
            recording = videos.recording(video, classifier.axes)
            results["windows"]["seconds"] += windows_of(recording, video, classifier)
            results["windows"]["actions"] += actions_of(recording, video, classifier)
    if "memory" in arguments.parts:
        results["memory"] = measure_long_video(arguments.videos / VIEWS[0], arguments.minutes)
    about = facts("OMP_NUM_THREADS=1")
    return results | {"about": content.get("about", {}) | dict.fromkeys(results, about)}


if __name__ == "__main__":
    main()
