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
from skeletonmae.pose.reading import Reading, body_indices, remove_duplicates
from skeletonmae.pose.regions import Region, region_of_joints
from skeletonmae.pose.top_down import to_person_pose
from skeletonmae.pose.tracking import Tracker
from skeletonmae.skeletons import COCO17, Skeleton

SIDE = 256
"""Pixels of the longer side of the image that the network takes."""
MULTIPLE = 32
"""The sides of the image that the network takes are multiples of it, with black pixels on the right and below."""
MIN_SCORE = 0.2
"""Score below which there is no person."""
BODY_INDICES = body_indices(COCO17)


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
        region = region_of_joints(points, joints[:, 2], COCO17)
        if region is not None:
            score = float(person[55].clip(0, 1))
            confidence = joints[:, 2].clip(0, 1)
            readings.append(Reading(points, confidence, None, score, region, BODY_INDICES))
    return readings


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
