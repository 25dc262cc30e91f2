"""The examples in Python on the pages run, in the order in which a reader meets them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from samples.motion import motion, write_folder

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md", "docs/python.md", "docs/encoders.md", "docs/concepts.md", "docs/answers.md", "docs/streaming.md",
    "docs/render.md", "docs/deploy.md",
)  # fmt: skip
FROZEN = ROOT / "tests" / "fixtures" / "frozen"
EXPORTED = ROOT / "tests" / "runtime" / "frozen" / "fitted"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page: str, tmp_path: Path, tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder whose name has a space and letters beyond ASCII."""
    folder = tmp_path / "my work ä"
    write_folder(folder / "my recordings")
    for name in ("new recordings", "recordings"):
        write_folder(folder / name, num_each=2)
    shutil.copytree(EXPORTED, folder / "exported")
    shutil.copytree(tiny_store, folder / "stores" / "synthetic")
    monkeypatch.chdir(folder)
    shutil.copy(FROZEN / "classifier.safetensors", folder)
    namespace: dict[str, object] = {"camera": motion("wave", 9).positions[0]}
    code = blocks(page)
    assert code
    for number, block in enumerate(code):
        exec(compile(block, f"{page}, block {number}", "exec"), namespace)
