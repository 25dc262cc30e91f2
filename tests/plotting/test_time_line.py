from __future__ import annotations

from matplotlib.colors import to_hex

from skeletonmae.inference.segment import UNKNOWN, Segment, SegmentedRecording
from skeletonmae.plotting.time_line import MAX_ROWS, _color, plot_time_line


def one(name: str, *labels: str, person: int | None = None, fps: float | None = 30.0) -> SegmentedRecording:
    segments = tuple(
        Segment(name, person, 60 * number, 60 * number + 45, None, None, label, 0.9)
        for number, label in enumerate(labels)
    )
    return SegmentedRecording(name, 300, fps, (person,), segments)


def test_there_is_a_row_for_each_person_and_a_bar_for_each_segment() -> None:
    figure = plot_time_line([one("a", "wave", "sit", UNKNOWN), one("b", "wave", person=1)])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b, person 1"]
    bars = [(bar.get_x(), bar.get_width(), round(bar.get_y() + 0.4)) for bar in axes.patches]
    assert bars == [(0, 10, 0), (0, 1.5, 0), (2, 1.5, 0), (4, 1.5, 0), (0, 10, 1), (0, 1.5, 1)]
    same = [to_hex(axes.patches[place].get_facecolor()) for place in (1, 5)]
    assert same[0] == same[1]
    assert axes.get_xlabel() == "seconds"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["sit", "wave", UNKNOWN]


def test_times_are_in_frames_if_a_rate_is_not_known() -> None:
    (axes,) = plot_time_line([one("a", "wave", fps=None), one("b", "wave")]).axes
    assert axes.get_xlabel() == "frames"
    assert axes.patches[1].get_width() == 45


def test_recordings_with_an_error_have_no_row_and_too_many_are_said() -> None:
    failed = SegmentedRecording("x", 0, None, (None,), (), error="nobody")
    many = [one(str(number), "wave") for number in range(MAX_ROWS + 3)]
    (axes,) = plot_time_line([failed, *many]).axes
    assert len(axes.get_yticks()) == MAX_ROWS
    assert axes.get_title() == f"the first {MAX_ROWS} of {MAX_ROWS + 3} rows"
    assert plot_time_line([]).axes


def test_twenty_classes_have_twenty_colors() -> None:
    assert len({_color(index) for index in range(21)}) == 21
