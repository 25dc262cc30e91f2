"""A self-contained HTML report: no scripts, no external resources, all text escaped."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.plotting.figure import Figure, figure_to_png

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #5b6470; --line: #dfe3e8; --paper: #fff;
  --card: #f5f7f9; --accent: #0072b2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --soft: #9aa5b1; --line: #30363d; --paper: #14171c; --card: #1d2229;
    --accent: #56b4e9 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 62rem; color: var(--ink);
  background: var(--paper); font: 16px/1.6 system-ui, sans-serif }
h1 { margin: 0 0 .4rem; font-size: 2rem; line-height: 1.2; letter-spacing: -.015em }
h2 { margin: 2.8rem 0 .6rem; padding-top: 1.2rem; border-top: 1px solid var(--line); font-size: 1.3rem }
h1, h2, p, dt, dd, figcaption { overflow-wrap: anywhere }
td, th { overflow-wrap: break-word }
p { max-width: 46rem; margin: .6rem 0 }
.lead { color: var(--soft); font-size: 1.1rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem;
  margin: 1.4rem 0 }
dl div { display: flex; flex-direction: column-reverse; justify-content: flex-end; padding: .9rem 1.1rem;
  border-radius: .6rem; background: var(--card) }
dd { margin: 0; color: var(--accent); font-size: 1.7rem; font-weight: 650; line-height: 1.3 }
dt { color: var(--soft); font-size: .9rem; line-height: 1.4 }
.table { overflow-x: auto; margin: 1.2rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .95rem }
caption { padding-bottom: .5rem; color: var(--soft); text-align: left; font-size: .9rem }
th, td { padding: .45rem 1.4rem .45rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top }
th { color: var(--soft); font-weight: 600; font-size: .85rem }
.number { text-align: right; white-space: nowrap }
.warning { padding: .9rem 1.1rem; border-left: .3rem solid #d55e00; border-radius: .3rem;
  background: var(--card); font-weight: 600 }
figure { margin: 1.4rem 0; overflow-x: auto }
figure img { display: block; max-width: 100%; height: auto; padding: .6rem; border-radius: .6rem;
  background: #fff; border: 1px solid var(--line) }
figure img.wide { max-width: none }
figcaption { max-width: 46rem; margin-top: .6rem; color: var(--soft); font-size: .9rem }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem }
  h1 { font-size: 1.6rem }
  dl { grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)) }
  dd { font-size: 1.4rem }
  table, tbody, tr, caption { display: block }
  thead { display: none }
  tr { padding: .6rem 0; border-bottom: 1px solid var(--line) }
  td { display: flex; justify-content: space-between; gap: 1rem; padding: .1rem 0; border: 0 }
  td::before { content: attr(data-label); flex: none; color: var(--soft) }
  td.text { display: block }
  td.text::before { content: none } }
"""

WIDE_FIGURE = 16.0
"""Wider figures, in inches, scroll sideways instead of being scaled down, to stay readable."""

LONG_CELL = 30
"""Longer text takes the whole width of a narrow screen."""

NUMERIC = re.compile(r"[-+−]?\d[\d.,  ]*(±[\d.,  ]+)?%?( to [\d.]+)?|[-–—]?")

Cell = str | int | float


class HtmlReport:
    """An HTML page to which sections are added from top to bottom.

    Args:
        title: Title of the page.
        lead: A sentence or two on what the page shows.
    """

    def __init__(self, title: str, lead: str = "") -> None:
        self.title = title
        self.parts = [f"<h1>{escape(title)}</h1>"]
        if lead:
            self.parts.append(f'<p class="lead">{escape(lead)}</p>')

    def add_heading(self, text: str) -> None:
        """Start a section."""
        self.parts.append(f"<h2>{escape(text)}</h2>")

    def add_paragraph(self, text: str) -> None:
        """Add a paragraph of plain text."""
        self.parts.append(f"<p>{escape(text)}</p>")

    def add_warning(self, text: str) -> None:
        """Add a paragraph of plain text that stands out."""
        self.parts.append(f'<p class="warning">{escape(text)}</p>')

    def add_key_figures(self, figures: Sequence[tuple[str, str]]) -> None:
        """Add a row of large numbers, given as (number, label)."""
        cards = (
            f"<div><dt>{escape(description)}</dt><dd>{escape(number)}</dd></div>"
            for number, description in figures
        )
        self.parts.append(f"<dl>{''.join(cards)}</dl>")

    def add_table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = "") -> None:
        """Add a table; columns of numbers are aligned to the right.

        On a narrow screen each row is a block of its cells, with the names of their columns.

        Raises:
            InputError: A row does not have one cell per column.
        """
        cells = [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
        for index, row in enumerate(cells):
            if len(row) != len(columns):
                raise InputError(f"row {index} of a table", expected=f"{len(columns)} cells", got=len(row))
        numeric = [all(NUMERIC.fullmatch(row[column]) for row in cells) for column in range(len(columns))]

        def cell_html(column: str, is_number: bool, text: str) -> str:
            kind = ' class="number"' if is_number else ' class="text"' if len(text) > LONG_CELL else ""
            return f'<td{kind} data-label="{escape(column)}">{escape(text)}</td>'

        def row_html(texts: Sequence[str]) -> str:
            return "".join(map(cell_html, columns, numeric, texts))

        classes = (' class="number"' if is_number else "" for is_number in numeric)
        head = "".join(
            f"<th{css_class}>{escape(column)}</th>" for css_class, column in zip(classes, columns, strict=True)
        )
        head = f"<thead><tr>{head}</tr></thead>"
        body = "\n".join(f"<tr>{row_html(row)}</tr>" for row in cells)
        caption_html = f"<caption>{escape(caption)}</caption>" if caption else ""
        self.parts.append(f'<div class="table"><table>{caption_html}{head}<tbody>\n{body}\n</tbody></table></div>')

    def add_figure(self, figure: Figure, alt: str, caption: str = "") -> None:
        """Add a figure.

        Args:
            figure: The figure.
            alt: Alternative text, which describes the figure.
            caption: Text below the figure.
        """
        data = base64.b64encode(figure_to_png(figure)).decode()
        inches = float(figure.get_size_inches()[0])
        css_class = ' class="wide"' if inches > WIDE_FIGURE else ""
        attributes = f'src="data:image/png;base64,{data}" width="{inches * 96:.0f}" alt="{escape(alt)}"'
        caption_html = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        self.parts.append(f"<figure><img{css_class} {attributes}>{caption_html}</figure>")

    def html(self) -> str:
        """The page as HTML."""
        head = (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<link rel="icon" href="data:,">\n<title>{escape(self.title)}</title>\n'
            f"<style>{STYLE}</style>\n</head>\n<body>\n"
        )
        return head + "\n".join(self.parts) + "\n</body>\n</html>\n"

    def write(self, path: Path | str) -> None:
        """Write the page to `path`, atomically."""
        write_text(Path(path), self.html())
