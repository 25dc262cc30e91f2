"""No command replaces what it reads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from skeletonmae.cli import main
from skeletonmae.cli.output_paths import check_outputs
from skeletonmae.errors import InputError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a classifier, recordings, a store and the folder of a run, and nothing that can be read."""
    monkeypatch.chdir(tmp_path)
    for name in ("c.safetensors", "rec.csv", "clips/a/x.csv", "store/manifest.json", "run/model.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"this is {name}")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "predict c.safetensors rec.csv --out rec.csv",
        "predict c.safetensors rec.csv clips --out clips/a/x.csv",
        "predict c.safetensors store --out store/answers.csv",
        "segment rec.csv --classifier c.safetensors --out rec.csv",
        "segment rec.csv --classifier c.safetensors --out s.csv ./s.csv",
        "embed rec.csv --encoder kinect20 --out rec.csv",
        "fit clips --out d.html",
        "fit clips --out d.safetensors --report d.safetensors",
        "fit clips --report clips/a/x.csv",
        "fit clips --encoder run --out run/model.safetensors",
        "fit rec.csv --out rec.csv",
        "render rec.csv --classifier c.gif --out c.gif",
        "export c.safetensors c.safetensors",
        "live c.safetensors --video rec.csv --record rec.csv",
    ],
)
def test_an_output_that_is_an_input_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(words.split()) == 1
    error = capsys.readouterr().err
    assert any(
        said in error
        for said in ("would replace", "inside a store", "two outputs have the same path", "--out names a web page")
    ), error
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_links_lead_to_the_same_file(folder: Path) -> None:
    (folder / "link.csv").symlink_to(folder / "rec.csv")
    os.link(folder / "rec.csv", folder / "hard.csv")
    for name in ("link.csv", "hard.csv", "clips/../rec.csv"):
        with pytest.raises(InputError, match="would replace an input"):
            check_outputs([folder / name], [folder / "rec.csv"])


def test_what_replaces_no_input_is_allowed(folder: Path) -> None:
    shutil.copy(folder / "c.safetensors", folder / "clips" / "c.safetensors")
    (folder / "run" / "features.csv").write_text("of last time")
    inputs = ["kinect20", folder / "clips", folder / "rec.csv", folder / "run", None]
    for name in ("new.csv", "clips/new.csv", "clips/c.safetensors", "run/features.csv"):
        check_outputs([folder / name, None], inputs)
