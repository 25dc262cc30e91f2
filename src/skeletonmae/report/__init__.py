"""Pictures of motion and of results, and one page that holds them. Needs the extra `skeletonmae[plot]`."""

from skeletonmae.report.bodies import draw_bodies, picture_rebuilt, picture_sequence, project
from skeletonmae.report.charts import picture_accuracies, picture_confusion, picture_curves
from skeletonmae.report.classes import picture_classes
from skeletonmae.report.figure import new_figure, png, save_picture
from skeletonmae.report.page import Page

__all__ = [
    "Page",
    "draw_bodies",
    "new_figure",
    "picture_accuracies",
    "picture_classes",
    "picture_confusion",
    "picture_curves",
    "picture_rebuilt",
    "picture_sequence",
    "png",
    "project",
    "save_picture",
]
