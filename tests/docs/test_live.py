"""The example on the page about cameras runs, with a camera and a pose estimator of the tests."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")

from fake_poses import FakeEstimator

from skeletonmae.live.sources import LiveFrame

ROOT = Path(__file__).parents[2]
PAGE, FROZEN = ROOT / "docs" / "live.md", ROOT / "tests" / "fixtures" / "frozen"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The classifier knows other joints, of which the example's person has some."""

    @contextmanager
    def camera(number: int) -> Iterator[Iterator[LiveFrame]]:
        assert number == 0
        yield iter([LiveFrame(np.zeros((128, 192, 3), np.uint8), frame / 20, 0.0, 0.0) for frame in range(60)])

    monkeypatch.setattr("skeletonmae.live.sources.open_camera", camera)
    monkeypatch.setattr("skeletonmae.pose.make_estimator", lambda name: FakeEstimator())
    shutil.copy(FROZEN / "classifier.safetensors", tmp_path)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    namespace: dict[str, Any] = {}
    exec(compile(code, "docs/live.md", "exec"), namespace)
    assert namespace["recognizer"].budget.num_frames == 60
