"""The source distribution holds what its tests read."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_source_distribution_has_the_folders_that_tests_import() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    mirrored = {path.name for path in (ROOT / "tests").iterdir() if (ROOT / path.name).is_dir()}
    mirrored -= {"runs"}  # tests of src/skeletonmae/runs; a folder of this name in a checkout holds results
    assert all(pattern.startswith("/") for pattern in included)  # others match in every folder
    names = {pattern.removeprefix("/") for pattern in included}
    assert {"benchmarks", "docs", "scripts"} <= mirrored <= names
    assert [name for name in names if not (ROOT / name).exists()] == []
