from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from samples import numbers
from samples.pose_video import write_video


@pytest.fixture(scope="session")
def written(written: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The samples of all formats, and a video, whose poses another estimator than usual finds."""
    path = tmp_path_factory.mktemp("video") / "video.mkv"
    return written | {"video": (path, write_video(path, numbers()))}


@pytest.fixture(scope="session")
def samples(written: dict[str, Any]) -> dict[str, Path]:
    return {name: path for name, (path, _) in written.items()}


@pytest.fixture(autouse=True)
def _pixel_estimator(pixel_estimator: Any) -> None:
    """Find the poses that the sample holds."""
