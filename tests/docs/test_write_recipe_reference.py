from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pytest
from pydantic import Field

from skeletonmae.config import Config

SCRIPT = Path(__file__).parents[2] / "docs" / "write_recipe_reference.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_recipe_reference", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--check"])
    assert script.main() == 0


def test_a_page_that_is_out_of_date_fails_the_check_and_can_be_rewritten(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "recipes.md"
    current = script.PAGE.read_text(encoding="utf-8")
    outdated = current.replace("Number of encoder blocks", "Number of blocks")
    assert outdated != current
    page.write_text(outdated, encoding="utf-8")
    monkeypatch.setattr(script, "PAGE", page)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--check"])
    assert script.main() == 1
    assert page.read_text(encoding="utf-8") == outdated
    monkeypatch.setattr(sys, "argv", [str(SCRIPT)])
    assert script.main() == 0
    assert page.read_text(encoding="utf-8") == current


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int | None, "whole number or null"),
        (tuple[float, float], "2 of: number"),
        (tuple[Annotated[int, Field(ge=4, le=8)], ...], "list of whole number from 4 to 8"),
    ],
)
def test_describe_type(script: ModuleType, annotation: Any, text: str) -> None:
    assert script.describe_type(annotation) == text


class Base(Config):
    """Settings that another group inherits."""

    width: int = 1
    """How wide
    it is."""
    depth: int = 2
    """How deep it is."""


class Derived(Base):
    """The docstring of the group belongs to no setting."""

    depth: int = 3
    """How deep it is here."""
    bare: int = 4


def test_the_docstrings_of_settings(script: ModuleType) -> None:
    assert script.docstrings(Derived) == {"width": "How wide\nit is.", "depth": "How deep it is here."}
    assert script.meaning(Derived, "width") == "How wide it is."
    with pytest.raises(SystemExit, match=r"Derived\.bare has no description"):
        script.meaning(Derived, "bare")
