"""Video -> recordings, per person. Needs the extra `video`; knows numpy, av and onnxruntime, never torch."""

from skeletonmae.pose.estimate import estimate_poses
from skeletonmae.pose.estimators import ESTIMATORS, make_estimator
from skeletonmae.pose.other_estimators import (
    recording_from_mediapipe,
    recording_from_rtmlib,
    recording_from_ultralytics,
)
from skeletonmae.pose.person_pose import PersonPose, PoseEstimator
from skeletonmae.pose.recordings import identities_of_persons, recording_from_poses
from skeletonmae.pose.video_poses import VideoPoses
from skeletonmae.pose.video_reader import Video, VideoFrame, VideoInfo, open_video, read_video

__all__ = [
    "ESTIMATORS",
    "PersonPose",
    "PoseEstimator",
    "Video",
    "VideoFrame",
    "VideoInfo",
    "VideoPoses",
    "estimate_poses",
    "identities_of_persons",
    "make_estimator",
    "open_video",
    "read_video",
    "recording_from_mediapipe",
    "recording_from_poses",
    "recording_from_rtmlib",
    "recording_from_ultralytics",
]
