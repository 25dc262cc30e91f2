"""Moving pictures of recordings and videos: skeletons, numbers, labels and a time line. Needs Pillow and PyAV."""

from skeletonmae.rendering.render import Rendered, render_recording
from skeletonmae.rendering.render_video import render_video
from skeletonmae.rendering.settings import RenderSettings

__all__ = ["RenderSettings", "Rendered", "render_recording", "render_video"]
