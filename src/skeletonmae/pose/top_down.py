"""Estimators that find persons now and then, and look at each of them in every frame."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from skeletonmae.formats.video_options import Persons
from skeletonmae.pose.cropping import Cropper
from skeletonmae.pose.image_scaling import limit_size
from skeletonmae.pose.person_choice import choose
from skeletonmae.pose.person_pose import PersonPose
from skeletonmae.pose.reading import Reading, remove_duplicates
from skeletonmae.pose.regions import Region
from skeletonmae.pose.tracking import Track, Tracker
from skeletonmae.skeletons import Skeleton

NEW_DISTANCE = 0.25
"""Distance of the hips from those of all others, in sides of the region, from which on somebody is new."""
NEW_SIZE = 2.0
"""Ratio of sizes from which on somebody is new in the place of another."""


class PersonFinder(Protocol):
    """Says where in an image persons are."""

    def find(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Region]:
        """Return the region of each person, the most certain first."""


class PersonReader(Protocol):
    """Reads the pose of a person in a region."""

    skeleton: Skeleton
    has_depth: bool
    min_confidence: float

    def read(self, cropper: Cropper, region: Region) -> Reading | None:
        """Return the pose in a region of the image that `cropper` holds; None if nobody is there."""


class TopDownEstimator:
    """Finds persons in every n-th frame, and reads the pose of each person in every frame.

    In the frames between, each person is looked for where the last pose says. Persons are searched for more often
    while somebody whom the estimator followed is absent, and in every frame while nobody is there.

    Args:
        finder: Finds persons.
        reader: Reads the pose of one.
        persons: How many are followed: a number, "largest" or "all".
        every: Frames from one search to the next.
    """

    def __init__(self, finder: PersonFinder, reader: PersonReader, persons: Persons, every: int) -> None:
        self.finder, self.reader, self.persons, self.every = finder, reader, persons, every
        self.cropper = Cropper()
        self.reset()

    @property
    def skeleton(self) -> Skeleton:
        """The joint layout of the poses."""
        return self.reader.skeleton

    @property
    def has_depth(self) -> bool:
        """Whether the poses have `world` coordinates."""
        return self.reader.has_depth

    @property
    def min_confidence(self) -> float:
        """Confidence from which on a joint counts as observed."""
        return self.reader.min_confidence

    def reset(self) -> None:
        """Forget all persons: the next frame starts another video."""
        self.tracker = Tracker()
        self.since_search = self.every

    def update(self, image: UInt8[np.ndarray, "height width 3"], time: float) -> list[PersonPose]:
        """Return the persons in the next frame, in the order of their numbers.

        Args:
            image: RGB; an image with a longer side of more than 640 pixels is made smaller first.
            time: Seconds since the start of the video; greater than that of the frame before.
        """
        image, scale = limit_size(image)
        self.cropper.load(image)
        followed = [track.reading.region for track in self.tracker.followed]
        readings = self._read(followed)
        self.since_search += 1
        if self._is_search_due(len(readings), len(followed)):
            self.since_search = 0
            readings = self._add_new(image, readings)
        tracks = self.tracker.update(readings, time)
        return [to_person_pose(track, scale) for track in sorted(tracks, key=lambda track: track.identity)]

    def _read(self, regions: list[Region]) -> list[Reading]:
        readings = (self.reader.read(self.cropper, region) for region in regions)
        return remove_duplicates([reading for reading in readings if reading is not None])

    def _is_search_due(self, num_seen: int, num_followed: int) -> bool:
        if isinstance(self.persons, int) and num_seen >= self.persons:
            return False
        if num_seen == 0 or num_seen < num_followed:
            return True
        every = self.every if not self.tracker.is_someone_absent else max(1, self.every // 3)
        return self.since_search >= every

    def _add_new(self, image: UInt8[np.ndarray, "height width 3"], readings: list[Reading]) -> list[Reading]:
        regions = [
            region
            for region in self.finder.find(image)
            if all(_is_elsewhere(region, reading.region) for reading in readings)
        ]
        sizes = [reading.region.side for reading in readings] + [region.side for region in regions]
        is_followed = [True] * len(readings) + [False] * len(regions)
        kept = choose(self.persons, sizes, is_followed)
        old = [readings[index] for index in kept if index < len(readings)]
        new = [regions[index - len(readings)] for index in kept if index >= len(readings)]
        found = (self.reader.read(self.cropper, region) for region in new)
        return remove_duplicates([*old, *(reading for reading in found if reading is not None)])


def _is_elsewhere(region: Region, other: Region) -> bool:
    ratio = region.side / other.side
    distance = np.hypot(*(region.center - other.center))
    return bool(distance > NEW_DISTANCE * other.side or not 1 / NEW_SIZE < ratio < NEW_SIZE)


def to_person_pose(track: Track, scale: float) -> PersonPose:
    """Return the last pose of a person.

    Args:
        track: The person.
        scale: Pixels of the image that was given in one of the image that was read.
    """
    reading = track.reading
    points = (reading.points * scale).astype(np.float32)
    return PersonPose(track.identity, points, reading.confidence, reading.world, reading.score)
