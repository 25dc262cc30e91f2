"""The statistics of a usual clip of a person."""

from __future__ import annotations

from skeletonmae.predictions.motion_statistics import MotionStatistics

USUAL = MotionStatistics(
    motion=0.3,
    pose_motion=0.2,
    roughness=0.05,
    velocity_roughness=0.3,
    bone_variation=0.05,
    tilt=5.0,
    size=0.6,
    observed=1.0,
    joints=20.0,
    frames=60.0,
    seconds=2.0,
    gap=0.1,
)
"""Two seconds at 30 frames per second, with a short gap."""
