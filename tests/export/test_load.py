from __future__ import annotations

from pathlib import Path

import pytest

from skeletonmae.errors import InputError
from skeletonmae.export.load import load_exportable
from skeletonmae.inference import RecordingClassifier, SkeletonEncoder

FROZEN = Path(__file__).parents[1] / "fixtures" / "frozen" / "classifier.safetensors"


def test_a_saved_folder_of_a_classifier_is_exported(tmp_path: Path) -> None:
    RecordingClassifier.load(FROZEN).save_pretrained(tmp_path / "saved")
    file, folder = load_exportable(FROZEN), load_exportable(tmp_path / "saved")
    assert (folder.kind, folder.labels, folder.outputs) == (file.kind, file.labels, file.outputs)
    assert folder.classifier


def test_a_saved_folder_of_an_encoder_is_exported(tiny_run: Path, tmp_path: Path) -> None:
    SkeletonEncoder.from_pretrained(tiny_run).save_pretrained(tmp_path / "saved")
    run, folder = load_exportable(tiny_run), load_exportable(tmp_path / "saved")
    assert (folder.kind, folder.joints, folder.outputs) == ("encoder", run.joints, run.outputs)


def test_a_fine_tuned_classifier_is_exported(tiny_run: Path) -> None:
    assert load_exportable(tiny_run / "finetune-1-seed0.safetensors").kind == "classifier"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model"):
        load_exportable(tmp_path / "nothing.safetensors")
