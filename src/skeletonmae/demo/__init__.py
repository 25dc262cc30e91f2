"""The whole pipeline once, on synthetic motion or a folder of your own recordings."""

from skeletonmae.demo.run import demo_recipe, run_demo

__all__ = ["demo_recipe", "run_demo"]
