"""Labeled procedural motion: people of different builds who act in front of a simulated depth camera."""

from skeletonmae.datasets.synthetic.generate import CLASSES, FPS, FRAMES, generate, record

__all__ = ["CLASSES", "FPS", "FRAMES", "generate", "record"]
