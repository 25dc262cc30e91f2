from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return a function that imports a module of the benchmarks, with sizes that compute in no time."""
    monkeypatch.syspath_prepend(str(FOLDER))
    cases = importlib.import_module("cases")
    monkeypatch.setattr(cases, "SIZES", {"token_frames": 4, "width": 16, "depth": 1, "heads": 2})
    monkeypatch.setattr(cases, "DECODER", {"decoder_width": 16, "decoder_depth": 1})
    monkeypatch.setattr(cases, "CLIPS", cases.CLIPS.model_copy(update={"frames": 8}))
    monkeypatch.setattr(cases, "SPEC", cases.InputSpec(8, 3, cases.SPEC.joints))
    monkeypatch.setattr(cases, "CLASSIFIER", cases.JointPatchClassifierConfig(head_width=8))
    return importlib.import_module
