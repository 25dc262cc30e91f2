"""One HTML file with everything in it: no script, nothing fetched, every text escaped."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.report.figure import Figure, png

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
figure { margin: 1.4rem 0; overflow-x: auto }
figure img { display: block; max-width: 100%; height: auto; padding: .6rem; border-radius: .6rem;
  background: #fff; border: 1px solid var(--line) }
figure img.wide { max-width: none }
figcaption { max-width: 46rem; margin-top: .6rem; color: var(--soft); font-size: .9rem }
"""

WIDE = 16.0
"""Inches from which on a picture keeps its size and scrolls sideways, as its letters would grow too small."""

NUMERIC = re.compile(r"[-+−]?\d[\d.,  ]*(±[\d.,  ]+)?%?|[-–—]?")

Cell = str | int | float


class Page:
    """A page that grows from top to bottom and is one file at the end.

    Args:
        title: of the page.
        lead: what the page shows, in a sentence or two.
    """

    def __init__(self, title: str, lead: str = "") -> None:
        self.title = title
        self.parts = [f"<h1>{escape(title)}</h1>"]
        if lead:
            self.parts.append(f'<p class="lead">{escape(lead)}</p>')

    def heading(self, text: str) -> None:
        """Start a section."""
        self.parts.append(f"<h2>{escape(text)}</h2>")

    def paragraph(self, text: str) -> None:
        """Add a paragraph of plain text."""
        self.parts.append(f"<p>{escape(text)}</p>")

    def numbers(self, numbers: Sequence[tuple[str, str]]) -> None:
        """Add a band of large numbers, each a pair of the number and what it is."""
        cards = (f"<div><dt>{escape(what)}</dt><dd>{escape(number)}</dd></div>" for number, what in numbers)
        self.parts.append(f"<dl>{''.join(cards)}</dl>")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = "") -> None:
        """Add a table; a column in which all cells are numbers is set to the right.

        Raises:
            InputError: a row has not one cell a column.
        """
        cells = [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
        for place, row in enumerate(cells):
            if len(row) != len(columns):
                raise InputError(f"row {place} of a table", expected=f"{len(columns)} cells", got=len(row))
        numeric = [all(NUMERIC.fullmatch(row[place]) for row in cells) for place in range(len(columns))]

        def line(tag: str, texts: Sequence[str]) -> str:
            kinds = (' class="number"' if is_number else "" for is_number in numeric)
            return "".join(f"<{tag}{k}>{escape(t)}</{tag}>" for k, t in zip(kinds, texts, strict=True))

        head = f"<thead><tr>{line('th', columns)}</tr></thead>"
        body = "\n".join(f"<tr>{line('td', row)}</tr>" for row in cells)
        named = f"<caption>{escape(caption)}</caption>" if caption else ""
        self.parts.append(f'<div class="table"><table>{named}{head}<tbody>\n{body}\n</tbody></table></div>')

    def picture(self, figure: Figure, alt: str, caption: str = "") -> None:
        """Add a picture.

        Args:
            figure: the picture.
            alt: what it shows, for who cannot see it.
            caption: a line under it.
        """
        data = base64.b64encode(png(figure)).decode()
        inches = float(figure.get_size_inches()[0])
        kind = ' class="wide"' if inches > WIDE else ""
        image = f'<img{kind} src="data:image/png;base64,{data}" width="{inches * 96:.0f}" alt="{escape(alt)}">'
        under = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        self.parts.append(f"<figure>{image}{under}</figure>")

    def html(self) -> str:
        """The whole page."""
        head = (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<link rel="icon" href="data:,">\n<title>{escape(self.title)}</title>\n'
            f"<style>{STYLE}</style>\n</head>\n<body>\n"
        )
        return head + "\n".join(self.parts) + "\n</body>\n</html>\n"

    def write(self, path: Path | str) -> None:
        """Write the page to `path`, whole or not at all."""
        write_text(Path(path), self.html())
