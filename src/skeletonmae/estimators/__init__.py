"""Estimators of scikit-learn: features of a frozen encoder, and a classifier of recordings."""

from skeletonmae.estimators.classifier import SkeletonClassifier
from skeletonmae.estimators.transformer import SkeletonTransformer

__all__ = ["SkeletonClassifier", "SkeletonTransformer"]
