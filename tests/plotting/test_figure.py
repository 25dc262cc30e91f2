from __future__ import annotations

import sys
from pathlib import Path

import pytest

from skeletonmae.errors import InputError
from skeletonmae.plotting import figure_to_png, new_figure, save_figure
from skeletonmae.plotting.figure import shorten

pytest.importorskip("matplotlib")


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"pip install 'skeletonmae\[plot\]'"):
        new_figure(2.0, 1.0)


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")])
def test_the_ending_names_the_format(tmp_path: Path, name: str, start: bytes) -> None:
    save_figure(new_figure(2.0, 1.0), tmp_path / "new" / name)
    assert (tmp_path / "new" / name).read_bytes().startswith(start)
    assert [file.name for file in (tmp_path / "new").iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_another_ending_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="unknown image format"):
        save_figure(new_figure(2.0, 1.0), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_same_figure_same_bytes_and_no_address_of_the_maker() -> None:
    first, second = figure_to_png(new_figure(2.0, 1.0)), figure_to_png(new_figure(2.0, 1.0))
    assert first == second
    assert b"matplotlib" not in first.lower()


def test_shorten() -> None:
    assert shorten(" two\n words ", 9) == "two words"
    assert shorten("0123456789", 5) == "0123…"
