"""The page is read back with the parser of the standard library."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path

import pytest

from skeletonmae.errors import InputError
from skeletonmae.plotting import HtmlReport, figure_to_png, new_figure

pytest.importorskip("matplotlib")

HOSTILE = "<script>alert(\"1\")</script> & <img src=x onerror='y'>"
VOID = {"meta", "link", "img"}


class Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data))


def hostile_page() -> HtmlReport:
    page = HtmlReport(HOSTILE, HOSTILE)
    page.add_heading(HOSTILE)
    page.add_paragraph(HOSTILE)
    page.add_key_figures([(HOSTILE, HOSTILE)])
    page.add_table([HOSTILE], [[HOSTILE]], HOSTILE)
    page.add_figure(new_figure(2.0, 1.0), HOSTILE, HOSTILE)
    return page


def test_every_text_is_escaped() -> None:
    reader = Reader(hostile_page().html())
    assert not reader.open, "every element is closed"
    tags = [tag for tag, _ in reader.elements]
    assert "script" not in tags
    assert tags.count("img") == 1
    places = ["title", "h1", "p", "h2", "p", "dt", "dd", "caption", "th", "td", "figcaption"]
    assert [tag for tag, text in reader.texts if text == HOSTILE] == places
    assert dict(reader.elements)["img"]["alt"] == HOSTILE


def test_nothing_is_fetched() -> None:
    html = hostile_page().html()
    assert "http" not in html
    assert "<script" not in html
    assert "url(" not in html
    assert "@import" not in html
    for _, attributes in Reader(html).elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")


def test_pictures_are_inside() -> None:
    page, figure = HtmlReport("t"), new_figure(2.0, 1.0)
    page.add_figure(figure, "a picture")
    source = dict(Reader(page.html()).elements)["img"]["src"] or ""
    assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == figure_to_png(figure)


def test_columns_of_numbers_are_set_to_the_right() -> None:
    page = HtmlReport("t")
    page.add_table(
        ["name", "top-1", "seeds"], [["linear", "75.4 ± 1.2", 3], ["9 mm", 88.123456, "–"], ["3d", "", 1]]
    )
    reader = Reader(page.html())
    cells = [attributes.get("class") for tag, attributes in reader.elements if tag in ("th", "td")]
    assert cells == [None, "number", "number"] * 4
    assert ("td", "88.12") in reader.texts


def test_a_row_has_one_cell_a_column() -> None:
    with pytest.raises(InputError, match="row 1 of a table"):
        HtmlReport("t").add_table(["a", "b"], [[1, 2], [1]])


def test_light_and_dark() -> None:
    html = HtmlReport("t").html()
    assert "color-scheme: light dark" in html
    assert "prefers-color-scheme: dark" in html


def test_written_whole(tmp_path: Path) -> None:
    page = HtmlReport("Übersicht")
    page.write(tmp_path / "new" / "report.html")
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == page.html()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["report.html"]


def test_a_warning_stands_out() -> None:
    page = HtmlReport("t")
    page.add_warning(HOSTILE)
    reader = Reader(page.html())
    assert ("p", {"class": "warning"}) in reader.elements
    assert ("p", HOSTILE) in reader.texts


def test_each_cell_names_its_column_for_narrow_screens() -> None:
    page = HtmlReport("t")
    page.add_table(["model", "accuracy %"], [["a sentence that is longer than a line", "62.5"], ["x", "50.0"]])
    cells = [attributes for tag, attributes in Reader(page.html()).elements if tag == "td"]
    assert [cell["data-label"] for cell in cells] == ["model", "accuracy %"] * 2
    assert [cell.get("class") for cell in cells] == ["text", "number", None, "number"]
