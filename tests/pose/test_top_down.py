from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from stick_figures import figure, reading

from skeletonmae.formats.video_options import Persons
from skeletonmae.pose.cropping import Cropper
from skeletonmae.pose.reading import Reading
from skeletonmae.pose.regions import Region
from skeletonmae.pose.top_down import TopDownEstimator
from skeletonmae.skeletons import COCO17

IMAGE = np.zeros((480, 640, 3), dtype=np.uint8)


class Stage:
    """A finder and a reader of people who stand where `people` says; counts what they are asked."""

    skeleton, has_depth, min_confidence = COCO17, False, 0.5

    def __init__(self, people: Callable[[int], list[np.ndarray]]) -> None:
        self.people = people
        self.frame = self.searches = self.reads = 0

    def find(self, _image: np.ndarray) -> list[Region]:
        self.searches += 1
        return [reading(points).region for points in self.people(self.frame)]

    def read(self, _cropper: Cropper, region: Region) -> Reading | None:
        """Whoever is nearest, if the region is on them."""
        self.reads += 1
        near = [one for one in map(reading, self.people(self.frame)) if _distance(one.region, region) < 60]
        return min(near, key=lambda one: _distance(one.region, region)) if near else None


def _distance(one: Region, other: Region) -> float:
    return float(np.hypot(*(one.center - other.center)))


def run(stage: Stage, frames: int, persons: Persons = "all", every: int = 10) -> list[dict[int, float]]:
    """Number and x of the nose of everybody, frame by frame."""
    estimator = TopDownEstimator(stage, stage, persons, every)
    rows = []
    for frame in range(frames):
        stage.frame = frame
        rows.append({pose.identity: float(pose.points[0, 0]) for pose in estimator.update(IMAGE, frame / 30)})
    return rows


def test_one_search_in_ten_frames_and_one_read_per_person_and_frame() -> None:
    stage = Stage(lambda frame: [figure(150), figure(450)])
    rows = run(stage, 30)
    assert all(len(row) == 2 for row in rows)
    assert stage.searches == 3
    assert stage.reads == 60  # whoever is followed is not read again after a search


def test_searches_in_every_frame_while_nobody_is_there() -> None:
    stage = Stage(lambda frame: [])
    assert run(stage, 12) == [{}] * 12
    assert stage.searches == 12


def test_somebody_new_is_found_at_the_next_search() -> None:
    rows = run(Stage(lambda frame: [figure(150)] + [figure(450)] * (frame >= 13)), 30)
    assert [len(row) for row in rows] == [1] * 20 + [2] * 10


def test_somebody_who_comes_back_is_found_sooner_and_has_the_number() -> None:
    rows = run(Stage(lambda frame: [figure(150)] + [figure(450)] * (not 12 <= frame < 25)), 40)
    assert all(set(row) <= {0, 1} for row in rows)
    assert [len(row) for row in rows[12:25]] == [1] * 13
    assert len(rows[27]) == 2  # a third of the interval later at most
    assert len(rows[39]) == 2


def test_whoever_walks_is_followed_between_searches() -> None:
    rows = run(Stage(lambda frame: [figure(100 + 8 * frame)]), 50, every=1000)
    assert [set(row) for row in rows] == [{0}] * 50


def test_two_regions_on_one_person_give_one_pose() -> None:
    # the second person goes behind the first one, and both regions see the first
    stage = Stage(lambda frame: [figure(300)] + [figure(300 + max(0, 150 - 10 * frame))] * (frame < 12))
    rows = run(stage, 30)
    assert len(rows[0]) == 2
    assert all(len(row) == 1 for row in rows[13:])
    assert set(rows[-1]) == {0}


def test_a_number_of_persons_is_not_exceeded_and_needs_no_more_searches() -> None:
    stage = Stage(lambda frame: [figure(120, height=150), figure(320, height=220), figure(520, height=180)])
    rows = run(stage, 30, persons=2)
    assert all(len(row) == 2 for row in rows)
    assert min(rows[-1].values()) > 200  # the two largest
    assert stage.searches == 1


def test_the_largest_changes_when_somebody_is_clearly_larger() -> None:
    stage = Stage(lambda frame: [figure(150, height=200), figure(450, height=150 if frame < 15 else 280)])
    rows = run(stage, 30, persons="largest")
    assert all(len(row) == 1 for row in rows)
    assert max(rows[5].values()) < 300 < min(rows[-1].values())


def test_large_images_are_read_small_and_points_are_those_of_the_image() -> None:
    stage = Stage(lambda frame: [figure(150)])
    estimator = TopDownEstimator(stage, stage, "all", 10)
    (pose,) = estimator.update(np.zeros((1080, 1920, 3), np.uint8), 0.0)
    np.testing.assert_allclose(pose.points, 3 * figure(150), atol=1e-3)


def test_reset_forgets_everybody() -> None:
    stage = Stage(lambda frame: [figure(150)])
    estimator = TopDownEstimator(stage, stage, "all", 10)
    estimator.update(IMAGE, 0.0)
    estimator.reset()
    (pose,) = estimator.update(IMAGE, 0.0)
    assert (pose.identity, stage.searches) == (0, 2)


def test_somebody_who_is_lost_is_searched_for_at_once() -> None:
    stage = Stage(lambda frame: [figure(150), figure(450 if frame < 15 else 511)])  # not in the region
    rows = run(stage, 30)
    assert [set(row) for row in rows] == [{0, 1}] * 30


def test_somebody_whom_a_search_finds_twice_is_one_person() -> None:
    class Twice(Stage):
        def find(self, image: np.ndarray) -> list[Region]:
            found = super().find(image)
            return [*found, *(replace(region, center=region.center + 20) for region in found)]

    rows = run(Twice(lambda frame: [figure(150), figure(450)]), 12)
    assert [set(row) for row in rows] == [{0, 1}] * 12
