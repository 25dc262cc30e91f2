from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import Any

import pytest

from skeletonmae.errors import InputError
from skeletonmae.pose import model_files
from skeletonmae.pose.model_files import MODEL_FILES, ModelFile, open_session

NOTICE = Path(__file__).parents[2] / "NOTICE"


@pytest.mark.parametrize("model", MODEL_FILES, ids=lambda model: model.file)
def test_every_network_is_shipped_and_named_in_the_notice(model: ModelFile) -> None:
    pytest.importorskip("onnxruntime")
    assert model.load().get_inputs()[0].shape[-1] == 3
    assert model.file in NOTICE.read_text(encoding="utf-8")


def test_no_other_file_is_shipped() -> None:
    assert {path.name for path in model_files.FOLDER.iterdir()} == {model.file for model in MODEL_FILES}


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "FOLDER", tmp_path)
    model = MODEL_FILES[0]
    with pytest.raises(InputError, match="is missing; install skeletonmae again"):
        model.load()
    (tmp_path / model.file).write_bytes(b"something else")
    with pytest.raises(InputError, match=f"is not the pose network .*expected SHA-256 {model.sha256}; got"):
        model.load()


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'x.onnx'}: not an ONNX model")):
        open_session(tmp_path / "x.onnx")


def test_without_onnxruntime_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'skeletonmae\[video\]'"):
        MODEL_FILES[0].load()
