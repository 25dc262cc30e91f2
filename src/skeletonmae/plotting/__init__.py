"""Plots of motion and of results, and an HTML report. Needs the extra `skeletonmae[plot]`."""

from skeletonmae.plotting.charts import plot_accuracies, plot_confusion_matrix, plot_curves
from skeletonmae.plotting.contact_sheet import plot_contact_sheets
from skeletonmae.plotting.figure import figure_to_png, new_figure, save_figure
from skeletonmae.plotting.html_report import HtmlReport
from skeletonmae.plotting.skeletons import plot_reconstruction, plot_recording, plot_skeletons, project

__all__ = [
    "HtmlReport",
    "figure_to_png",
    "new_figure",
    "plot_accuracies",
    "plot_confusion_matrix",
    "plot_contact_sheets",
    "plot_curves",
    "plot_reconstruction",
    "plot_recording",
    "plot_skeletons",
    "project",
    "save_figure",
]
