"""Video -> recordings, per person. Needs the extra `video`; knows numpy, av and onnxruntime, never torch."""

from skeletonmae.pose.estimators import ESTIMATORS, make_estimator
from skeletonmae.pose.person_pose import PersonPose, PoseEstimator

__all__ = ["ESTIMATORS", "PersonPose", "PoseEstimator", "make_estimator"]
