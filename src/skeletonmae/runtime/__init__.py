"""Predictions of models that `skeletonmae export` wrote, with numpy and onnxruntime alone, without PyTorch."""

from skeletonmae.runtime.runtime import FeatureRows, Runtime

__all__ = ["FeatureRows", "Runtime"]
