"""MoveNet MultiPose Lightning: up to six persons in an image, 17 joints each, in 2D.

The network is Google's (google/movenet/multipose/lightning/1).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

from skeletonmae.formats.video_options import Persons
from skeletonmae.pose.image_scaling import fitted_size, limit_size, resize
from skeletonmae.pose.model_files import MOVENET_MULTIPOSE
from skeletonmae.pose.person_choice import choose
from skeletonmae.pose.person_pose import PersonPose
from skeletonmae.pose.reading import MIN_CONFIDENCE, Reading, body_indices, remove_duplicates
from skeletonmae.pose.regions import Region
from skeletonmae.pose.top_down import to_person_pose
from skeletonmae.pose.tracking import Tracker
from skeletonmae.skeletons import COCO17, Skeleton

SIDE = 256
"""Pixels of the longer side of the image that the network takes."""
MULTIPLE = 32
"""The sides of the image that the network takes are multiples of it, with black pixels on the right and below."""
MIN_SCORE = 0.2
"""Score below which there is no person."""
REACH = 1.1
"""Radius of a person around the hips, in distances to the farthest joint."""
MIN_TRUNKS = 1.5
"""Smallest radius, in distances from the hips to the shoulders."""
TRUNK_PER_WIDTH, TRUNK_PER_NECK = 1.4, 2.0
"""Distance from the shoulders to the hips where no hip is seen, by the width of the shoulders and by the distance
from the nose to their center; the larger one counts."""
BODY_INDICES = body_indices(COCO17)
NOSE = COCO17.index["nose"]
SHOULDERS, HIPS = (
    [COCO17.index[f"{side}_{joint}"] for side in ("left", "right")] for joint in ("shoulder", "hip")
)


class MoveNet:
    """Finds persons and their joints in an image.

    Args:
        threads: Number of threads that run the network.
    """

    def __init__(self, threads: int = 1) -> None:
        self.session = MOVENET_MULTIPOSE.load(threads)

    def read(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Reading]:
        """Return the persons of whom enough is seen to have a region, the most certain first."""
        height, width = fitted_size(image.shape[0], image.shape[1], SIDE)
        padded = np.zeros((1, -height % MULTIPLE + height, -width % MULTIPLE + width, 3), dtype=np.int32)
        padded[0, :height, :width] = resize(image, height, width)
        (persons,) = self.session.run(None, {"input": padded})
        scale = np.array([image.shape[1] / width, image.shape[0] / height])
        return decode_persons(persons[0], np.array(padded.shape[2:0:-1]) * scale)

    def find(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Region]:
        """Return where persons are, the most certain first."""
        return [reading.region for reading in remove_duplicates(self.read(image))]


def decode_persons(persons: Float32[np.ndarray, "person 56"], size: np.ndarray) -> list[Reading]:
    """Return the persons with a score of at least `MIN_SCORE`, the most certain first.

    Args:
        persons: y, x and score of each of 17 joints, the box, and the score of the person; coordinates are shares
            of the image that the network took.
        size: Width and height of that image, with its black pixels, in pixels of the image that was given.
    """
    readings = []
    for person in persons[np.argsort(-persons[:, 55], kind="stable")]:
        if not person[55] >= MIN_SCORE:
            break
        joints = person[:51].reshape(-1, 3)
        points = (joints[:, 1::-1] * size).astype(np.float32)
        region = region_of_joints(points, joints[:, 2])
        if region is not None:
            score = float(person[55].clip(0, 1))
            confidence = joints[:, 2].clip(0, 1)
            readings.append(Reading(points, confidence, None, score, region, BODY_INDICES))
    return readings


def region_of_joints(
    points: Float32[np.ndarray, "joint 2"], confidence: Float32[np.ndarray, " joint"]
) -> Region | None:
    """Return the region around the 17 joints of a person.

    Where no hip is seen, as of somebody behind a desk, the hips are taken to be below nose and shoulders.

    Returns:
        None without a shoulder, and without a hip unless both shoulders and the nose are seen.
    """
    seen = confidence >= MIN_CONFIDENCE
    hips, shoulders = ([joint for joint in pair if seen[joint]] for pair in (HIPS, SHOULDERS))
    if not shoulders:
        return None
    if hips:
        center = points[hips].mean(0)
    elif len(shoulders) == 2 and seen[NOSE]:
        center = _assumed_hips(points[shoulders], points[NOSE])
    else:
        return None
    trunk = points[shoulders].mean(0) - center
    length = float(np.hypot(*trunk))
    if length == 0:
        return None
    farthest = float(np.hypot(*(points[seen] - center).T).max())
    radius = max(REACH * farthest, MIN_TRUNKS * length)
    return Region.from_points(center, center + trunk * (radius / length))


def _assumed_hips(shoulders: np.ndarray, nose: np.ndarray) -> np.ndarray:
    middle = shoulders.mean(0)
    neck = middle - nose
    length = max(float(np.hypot(*neck)), 1e-6)
    trunk = max(TRUNK_PER_WIDTH * float(np.hypot(*(shoulders[0] - shoulders[1]))), TRUNK_PER_NECK * length)
    hips: np.ndarray = middle + neck * (trunk / length)
    return hips


class MoveNetEstimator:
    """Reads all persons in every frame with one run of the network.

    Args:
        persons: How many are followed: a number, "largest" or "all".
        threads: Number of threads that run the network.
    """

    min_confidence = 0.3
    """Confidence from which on a joint counts as observed."""

    def __init__(self, persons: Persons, threads: int = 1) -> None:
        self.network, self.persons = MoveNet(threads), persons
        self.reset()

    @property
    def skeleton(self) -> Skeleton:
        """The joint layout of the poses."""
        return COCO17

    @property
    def has_depth(self) -> bool:
        """Whether the poses have `world` coordinates."""
        return False

    def reset(self) -> None:
        """Forget all persons: the next frame starts another video."""
        self.tracker = Tracker()
        self.followed: set[int] = set()

    def update(self, image: UInt8[np.ndarray, "height width 3"], time: float) -> list[PersonPose]:
        """Return the persons in the next frame, in the order of their numbers.

        Args:
            image: RGB.
            time: Seconds since the start of the video; greater than that of the frame before.
        """
        image, scale = limit_size(image)
        tracks = self.tracker.update(remove_duplicates(self.network.read(image)), time)
        sizes = [track.reading.region.side for track in tracks]
        kept = choose(self.persons, sizes, [track.identity in self.followed for track in tracks])
        chosen = sorted((tracks[index] for index in kept), key=lambda track: track.identity)
        self.followed = {track.identity for track in chosen}
        return [to_person_pose(track, scale) for track in chosen]
