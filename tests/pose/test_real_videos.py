"""The estimators on real persons. No picture leaves the test."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.pose import PersonPose, make_estimator, read_video
from skeletonmae.skeletons import COCO17, MEDIAPIPE33

pytestmark = pytest.mark.real
PAIRS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


@pytest.fixture(scope="module")
def videos(real_data: Path) -> Path:
    pytest.importorskip("av")
    pytest.importorskip("onnxruntime")
    folder = real_data.parent / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real videos at {folder}")
    return folder


def poses_of(path: Path, frames: int, name: str = "blazepose", **settings: object) -> list[list[PersonPose]]:
    estimator = make_estimator(name, **settings)  # type: ignore[arg-type]
    return [estimator.update(frame.image, frame.time) for frame in islice(read_video(path), frames)]


def one_person(rows: list[list[PersonPose]], identity: int) -> np.ndarray:
    """`(frame, joint, 2)` of somebody who is there throughout."""
    return np.array([next(pose.points for pose in row if pose.identity == identity) for row in rows])


def jitter(points: np.ndarray, joints: list[int]) -> float:
    """Mean second difference in percent of the height of the body."""
    height = np.median(np.ptp(points[..., 1], axis=1))
    return float(100 * np.hypot(*np.moveaxis(np.diff(points[:, joints], 2, axis=0), -1, 0)).mean() / height)


def test_one_person_near_as_measured_before(videos: Path) -> None:
    rows = poses_of(videos / "pose2sim_single_cam01.mp4", 50, persons=1)
    assert [[pose.identity for pose in row] for row in rows] == [[0]] * 50
    points = one_person(rows, 0)
    left, right = ([MEDIAPIPE33.index[f"{side}_{joint}"] for joint in PAIRS] for side in ("left", "right"))
    ankles = [MEDIAPIPE33.index["left_ankle"], MEDIAPIPE33.index["right_ankle"]]
    assert jitter(points, ankles) < 1.2  # 0.8 over the whole video
    stay = np.hypot(*np.moveaxis(np.diff(points, axis=0), -1, 0))
    across = np.hypot(*np.moveaxis(points[1:, left] - points[:-1, right], -1, 0))
    assert (stay[:, left] < across).all()  # no side is swapped
    world = np.array([row[0].world for row in rows])
    hips = [MEDIAPIPE33.index["left_hip"], MEDIAPIPE33.index["right_hip"]]
    assert np.abs(world[:, hips].mean(1)).max() < 0.01
    head, feet = world[:, MEDIAPIPE33.index["nose"], 1], world[:, ankles, 1].mean(1)
    assert (head > 0.2).all()  # y up
    assert (feet < -0.4).all()
    thigh = np.linalg.norm(world[:, hips[0]] - world[:, MEDIAPIPE33.index["left_knee"]], axis=1)
    assert np.median(thigh) == pytest.approx(0.40, abs=0.03)


def test_the_two_estimators_see_the_same_two_persons(videos: Path) -> None:
    path = videos / "pose2sim_multi_cam01.mp4"
    blazepose, movenet = poses_of(path, 20), poses_of(path, 20, "movenet")
    joints = [f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "hip", "knee")]
    for identity in (0, 1):
        mine = one_person(blazepose, identity)[:, [MEDIAPIPE33.index[joint] for joint in joints]]
        other = one_person(movenet, identity)[:, [COCO17.index[joint] for joint in joints]]
        distance = np.hypot(*np.moveaxis(mine - other, -1, 0)) / np.ptp(mine[..., 1], axis=1).mean()
        assert np.median(distance) < 0.08


def test_large_frames_give_the_same_poses(videos: Path) -> None:
    path = videos / "pose2sim_single_cam01.mp4"
    small, large = (
        [
            make_estimator(persons=1).update(frame.image, 0.0)[0].points * (1920 / frame.image.shape[0])
            for frame in islice(read_video(path, long_side=side), 2)
        ]
        for side in (640, None)
    )
    distance = np.hypot(*np.moveaxis(np.array(small) - np.array(large), -1, 0))
    assert np.median(distance) < 0.01 * 805  # of a body of 805 pixels


def test_two_people_who_pass_each_other_keep_their_numbers(videos: Path) -> None:
    """Somebody who walks through the picture, and her mirror image cut out before a still background."""
    first, last = 90, 138
    frames = list(islice(read_video(videos / "sports2d_demo.mp4"), 165))
    images = [frame.image[172:] for frame in frames]  # without the jumper above
    background = np.median(np.stack(images[::15]), 0)
    estimator, places = make_estimator(), []
    for frame, image in list(zip(frames, images, strict=True))[first:last:3]:
        changed = np.abs(image - background).max(-1)
        sums = np.pad(changed, ((5, 4), (5, 4)), mode="edge").cumsum(0).cumsum(1)
        mean = (sums[9:, 9:] - sums[:-9, 9:] - sums[9:, :-9] + sums[:-9, :-9]) / 81
        cut = (mean > 18)[:, ::-1, None]
        both = np.where(cut, image[:, ::-1], image)
        poses = estimator.update(both, frame.time)
        places.append({pose.identity: float(pose.points[23:25, 0].mean()) for pose in poses})
    assert len(places[0]) == 2
    assert set().union(*places) == set(places[0]) == set(places[-1])  # nobody gets a new number
    starts = sorted(places[0], key=lambda identity: places[0][identity])
    assert sorted(places[-1], key=lambda identity: places[-1][identity]) == starts[::-1]
    assert sum(len(row) == 2 for row in places) < len(places)  # one hides the other
    for identity, direction in zip(starts, (1, -1), strict=True):
        steps = np.diff([row[identity] for row in places if identity in row]) * direction
        assert (steps > -5).all()  # nobody turns back


def test_legs_outside_the_picture_are_not_invented(videos: Path) -> None:
    rows = poses_of(videos / "intel_sign_again.mkv", 12)
    assert [[pose.identity for pose in row] for row in rows] == [[0]] * 12
    confidence = np.array([row[0].confidence for row in rows])
    legs = [
        index for index, joint in enumerate(MEDIAPIPE33.joints) if joint.endswith(("knee", "ankle", "heel", "toe"))
    ]
    arms = [MEDIAPIPE33.index[f"{side}_{joint}"] for side in ("left", "right") for joint in ("shoulder", "wrist")]
    assert len(legs) == 8
    assert confidence[:, legs].max() < 0.5
    assert confidence[:, arms].min() > 0.5


def test_somebody_whose_hips_are_outside_the_picture_is_found(videos: Path) -> None:
    estimator = make_estimator()
    for frame in islice(read_video(videos / "intel_sign_again.mkv"), 5):
        (pose,) = estimator.update(frame.image[:300], frame.time)
        assert pose.confidence[MEDIAPIPE33.index["left_shoulder"]] > 0.5
        assert pose.confidence[MEDIAPIPE33.index["left_hip"]] < 0.5
