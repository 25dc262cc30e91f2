"""Procedural motion with labels: people of many builds who act in front of a depth camera."""

from skeletonmae.datasets.synthetic.generate import CLASSES, FPS, FRAMES, generate, record

__all__ = ["CLASSES", "FPS", "FRAMES", "generate", "record"]
