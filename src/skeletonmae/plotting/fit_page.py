"""The page of a fit: what to expect of the classifier, what is confused, and what to record next."""

from __future__ import annotations

from dataclasses import replace

from skeletonmae.inference.fit_report import FitReport
from skeletonmae.inference.fit_text import (
    describe_accuracy,
    describe_choice,
    describe_next_recordings,
    describe_warnings,
    percent,
)
from skeletonmae.plotting.charts import plot_confusion_matrix, plot_curves
from skeletonmae.plotting.contact_sheet import plot_contact_sheets
from skeletonmae.plotting.html_report import Cell, HtmlReport

NUM_WORST = 6
"""Wrong predictions that are pictured."""
MAX_CLASSES = 80
"""With more classes, a confusion matrix is unreadable."""
MIN_CALIBRATED = 50
"""With fewer clips, a reliability diagram shows chance."""
MAX_LEFT_OUT = 1000
"""Recordings that could not be used that are listed."""


def make_fit_page(report: FitReport, name: str) -> HtmlReport:
    """Make the page of a fit.

    Args:
        report: The result of `fit_classifier`.
        name: Name of what was fitted to, such as a folder.

    Raises:
        InputError: matplotlib is not installed.
    """
    page = HtmlReport(f"A classifier of {name}", describe_accuracy(report))
    low, high = report.interval
    figures = [
        (f"{len(report.recordings)}", "labeled clips"),
        (f"{len(report.classes)}", "classes"),
        (f"{report.grouping.num_subjects or 'not known'}", "subjects"),
    ]
    if report.accuracy is not None:
        figures.insert(
            0, (percent(report.accuracy), f"of unseen clips recognized ({percent(low)} to {percent(high)})")
        )
    page.add_key_figures(figures)
    for warning in describe_warnings(report):
        page.add_warning(f"{warning[0].upper()}{warning[1:]}.")
    page.add_paragraph(describe_choice(report))
    if report.license:
        page.add_paragraph(
            f"Terms of the encoder {report.encoder}, which hold for the classifier too: {report.license}."
        )
    if advice := list(describe_next_recordings(report)):
        page.add_heading("What to record next")
        for sentence in advice:
            page.add_paragraph(f"{sentence[0].upper()}{sentence[1:]}.")
    if report.tested:
        _add_classes(page, report)
        _add_confusion(page, report)
        _add_held_out(page, report)
        _add_reliability(page, report)
    if report.left_out or report.notes:
        page.add_heading("What was not used")
        for note in report.notes:
            page.add_paragraph(f"{note[0].upper()}{note[1:]}.")
        if report.left_out:
            rows = [[one.recording, one.reason] for one in report.left_out[:MAX_LEFT_OUT]]
            number = len(report.left_out)
            caption = f"{number} file{'s' * (number > 1)} or recording{'s' * (number > 1)} left out"
            caption += f"; these are the first {MAX_LEFT_OUT}" if number > MAX_LEFT_OUT else ""
            page.add_table(("recording", "reason"), rows, caption)
    return page


def _add_classes(page: HtmlReport, report: FitReport) -> None:
    page.add_heading("Every class")
    rows: list[list[Cell]] = [
        [
            row.name,
            row.num_clips,
            "–" if not row.num_tested else f"{100 * row.accuracy:.0f}",
            "–" if not row.num_tested else f"{100 * row.interval[0]:.0f} to {100 * row.interval[1]:.0f}",
            row.confused_with or "–",
        ]
        for row in report.per_class
    ]
    caption = "The worst class first. The interval holds if clips are independent."
    page.add_table(("class", "clips", "recognized %", "95 % interval", "most often taken for"), rows, caption)


def _add_confusion(page: HtmlReport, report: FitReport) -> None:
    page.add_heading("What is taken for what")
    if len(report.classes) <= MAX_CLASSES:
        figure = plot_confusion_matrix(report.confusion, report.classes)
        page.add_figure(figure, "Confusion matrix of clips that the classifier had not seen")
    worst = report.worst_clips(NUM_WORST)
    if not worst:
        page.add_paragraph("Nothing was confused.")
        return
    page.add_paragraph(
        "The wrong predictions with the highest probability. If a label is wrong, correct it and fit again."
    )
    clips = [
        replace(report.recordings[clip.index], label=f"{clip.label}, taken for {clip.predicted}", tags={})
        for clip in worst
    ]
    for figure in plot_contact_sheets(clips, recordings_per_class=2):
        page.add_figure(figure, "The wrong predictions with the highest probability, each at four moments")
    rows = [
        [clip.recording, clip.label, clip.predicted, f"{100 * clip.probability:.0f}", clip.group or "–"]
        for clip in worst
    ]
    page.add_table(("recording", "label", "predicted", "probability %", "subject"), rows)


def _add_held_out(page: HtmlReport, report: FitReport) -> None:
    if not report.grouping.tag:
        return
    page.add_heading(f"Every {report.grouping.tag}, held out")
    groups: dict[str, list[bool]] = {}
    for clip in report.tested:
        groups.setdefault(clip.group or "not known", []).append(clip.is_correct)
    rows: list[list[Cell]] = [
        [name, len(hits), f"{100 * sum(hits) / len(hits):.0f}"]
        for name, hits in sorted(groups.items(), key=lambda item: sum(item[1]) / len(item[1]))
    ]
    caption = "Clips of each by a classifier that had seen none of them; the worst first."
    page.add_table((report.grouping.tag, "clips", "recognized %"), rows, caption)


def _add_reliability(page: HtmlReport, report: FitReport) -> None:
    page.add_heading("Can the probabilities be trusted?")
    if len(report.tested) < MIN_CALIBRATED:
        page.add_paragraph(f"With fewer than {MIN_CALIBRATED} clips, that cannot be measured.")
        return
    bins = report.reliability
    page.add_paragraph(
        "Of predictions with a probability of 80 %, 80 % should be right. The curve should lie on the diagonal."
        f" The mean difference (expected calibration error) is {100 * report.calibration_error:.1f} points."
    )
    series = {
        "predictions": ([100 * one.probability for one in bins], [100 * one.accuracy for one in bins]),
        "perfect": ([0.0, 100.0], [0.0, 100.0]),
    }
    figure = plot_curves(series, xlabel="probability, %", ylabel="recognized, %")
    page.add_figure(
        figure, "Reliability diagram", f"Each point of the curve is the mean of {bins[0].num_clips} clips."
    )
