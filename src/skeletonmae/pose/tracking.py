"""Numbers for persons: which of the poses in a frame belongs to which person of the frames before.

Nothing is known of how persons look. What counts is where somebody is and where they were going, how large they
are, and their pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skeletonmae.pose.reading import Reading

MAX_ABSENCE = 30
"""Frames for which an absent person keeps the number."""
MAX_DISTANCE = 0.25
"""Distance from the expected place, in sides of the region, up to which a pose may be that of the person."""
DISTANCE_PER_FRAME = 0.02
"""What is added for each frame of absence."""
DISTANCE_PER_SECOND = 0.6
"""What is added for each second since the last pose, if that is more: the same at 30 frames a second."""
MAX_SIZE_RATIO = 2.0
"""Ratio of sizes up to which a pose may be that of the person."""
SIZE_WEIGHT = 0.25
"""Sides of the region that a size e times as large counts."""
VELOCITY_SECONDS = 0.2
"""Time over which velocities are averaged."""
COAST_SECONDS = 1.0
"""Time constant with which an absent person is expected to slow down."""


@dataclass(eq=False)
class Track:
    """A person who is followed.

    Args:
        identity: Number of the person.
        reading: The last pose.
        time: When it was seen, in seconds.
        velocity: Of the hips, in pixels a second.
        absence: Frames since then.
        seen_for: Seconds for which the velocity was averaged.
    """

    identity: int
    reading: Reading
    time: float
    velocity: np.ndarray
    absence: int = 0
    seen_for: float = 0.0

    def expected_center(self, time: float) -> np.ndarray:
        """Return where the hips are expected."""
        elapsed = max(time - self.time, 0.0)
        coasting = COAST_SECONDS * (1 - np.exp(-elapsed / COAST_SECONDS))
        center: np.ndarray = self.reading.region.center + self.velocity * coasting
        return center

    def cost(self, reading: Reading, time: float) -> float:
        """Return how unlikely it is that a pose is of this person; infinite if it cannot be."""
        old, new = self.reading, reading
        side = max(old.region.side, new.region.side)
        distance = float(np.hypot(*(new.region.center - self.expected_center(time)))) / side
        size = abs(float(np.log(new.region.side / old.region.side)))
        allowance = max(DISTANCE_PER_FRAME * self.absence, DISTANCE_PER_SECOND * (time - self.time))
        if distance > MAX_DISTANCE + allowance or size > np.log(MAX_SIZE_RATIO):
            return np.inf
        both = old.body_seen & new.body_seen
        shape = 0.0
        if both.any():
            shapes = (one.body_points[both] - one.region.center for one in (new, old))
            shape = float(np.hypot(*(next(shapes) - next(shapes)).T).mean()) / side
        return distance + shape + SIZE_WEIGHT * size

    def see(self, reading: Reading, time: float) -> None:
        """Take the pose of this frame."""
        elapsed = max(time - self.time, 1e-6)
        velocity = (reading.region.center - self.reading.region.center) / elapsed
        self.seen_for += elapsed
        weight = max(1 - np.exp(-elapsed / VELOCITY_SECONDS), elapsed / self.seen_for)
        self.velocity = self.velocity + weight * (velocity - self.velocity)
        self.reading, self.time, self.absence = reading, time, 0


class Tracker:
    """Gives persons the same numbers in all frames, from 0 in the order in which they appear."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.num_persons = 0

    @property
    def followed(self) -> list[Track]:
        """The persons who were seen in the last frame."""
        return [track for track in self.tracks if track.absence == 0]

    @property
    def is_someone_absent(self) -> bool:
        """Whether a person is absent who keeps the number."""
        return any(track.absence for track in self.tracks)

    def update(self, readings: Sequence[Reading], time: float) -> list[Track]:
        """Return the person of each pose of the next frame.

        Poses are assigned such that the sum of the costs is minimal. A pose that is not assigned is a new person.

        Args:
            readings: The poses of the frame, each of another person.
            time: Seconds; greater than that of the frame before.
        """
        from scipy.optimize import linear_sum_assignment  # a fifth of the time that a command takes to start

        costs = np.array([[track.cost(reading, time) for reading in readings] for track in self.tracks])
        costs = costs.reshape(len(self.tracks), len(readings))
        assigned: dict[int, Track] = {}
        rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, 1e6))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if np.isfinite(costs[row, column]):
                assigned[column] = self.tracks[row]
        for track in self.tracks:
            track.absence += 1
        for index, reading in enumerate(readings):
            if index in assigned:
                assigned[index].see(reading, time)
            else:
                assigned[index] = Track(self.num_persons, reading, time, np.zeros(2))
                self.tracks.append(assigned[index])
                self.num_persons += 1
        self.tracks = [track for track in self.tracks if track.absence <= MAX_ABSENCE]
        return [assigned[index] for index in range(len(readings))]
