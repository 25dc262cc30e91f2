"""The whole way once, on synthetic motion or on a folder of one's own."""

from skeletonmae.demo.run import demo_recipe, run_demo

__all__ = ["demo_recipe", "run_demo"]
