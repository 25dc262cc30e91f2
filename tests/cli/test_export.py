from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.inference import predict
from skeletonmae.runtime import Runtime
from skeletonmae.sequences import SequenceStore

CLASSIFIER = "finetune-1-seed0.safetensors"
FITTED = Path(__file__).parents[1] / "fixtures" / "frozen" / "classifier.safetensors"


@pytest.mark.slow
def test_a_fine_tuned_classifier_is_exported_and_answers_as_before(
    tiny_run: Path, tiny_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from skeletonmae.cli import main

    folder = tmp_path / "exported módel"
    words = ["export", str(tiny_run / CLASSIFIER), str(folder), "--compare-on", str(tiny_store), "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["max_difference"] < 1e-5
    assert report["num_compared"] > 96
    assert {path.name for path in folder.iterdir()} == {"model.onnx", "config.json", "labels.json", "README.md"}
    checkpoint = load_checkpoint(tiny_run / CLASSIFIER)
    assert json.loads((folder / "labels.json").read_text()) == list(checkpoint.header.classes)
    store = SequenceStore.open(tiny_store)
    recordings = [store[index] for index in range(0, 96, 5)]
    for per_person in (False, True):
        expected = predict(checkpoint, recordings, per_person=per_person)
        got = Runtime(folder).predict(recordings, per_person=per_person)
        assert [(one.recording, one.person) for one in got] == [(one.recording, one.person) for one in expected]
        for one, other in zip(got, expected, strict=True):
            assert dict(one.classes) == pytest.approx(dict(other.classes), abs=1e-4)
    # a folder that is not empty is left alone
    before = (folder / "model.onnx").read_bytes()
    assert main(words) == 1
    assert "already exists" in capsys.readouterr().err
    assert (folder / "model.onnx").read_bytes() == before


@pytest.fixture(scope="module")
def exported_fit(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A classifier of `fit` on an encoder, and the folder that it is exported to."""
    from skeletonmae.export import export_model
    from skeletonmae.inference import RecordingClassifier

    folder = tmp_path_factory.mktemp("exported") / "fit"
    export_model(FITTED, folder)
    return RecordingClassifier.load(FITTED), folder


@pytest.mark.slow
@pytest.mark.parametrize("per_person", [False, True])
def test_long_recordings_of_two_persons_are_answered_as_by_pytorch(
    exported_fit: tuple[Any, Path], make_recording: Callable[..., Any], per_person: bool
) -> None:
    classifier, folder = exported_fit
    frames = int(5 * classifier.training.longest * (20 if classifier.training.in_seconds else 1))
    recordings = [make_recording(seed, 2, frames, fps=20.0, lost=0.1) for seed in range(2)]
    recordings.append(make_recording(2, 1, 20, fps=20.0))
    expected = classifier.predict(recordings, per_person=per_person)
    answers = Runtime(folder, num_threads=1).predict(recordings, per_person=per_person)
    assert len(answers) > 8
    assert {one.person for one in answers} >= ({0, 1} if per_person else {None})
    for one, other in zip(answers, expected, strict=True):
        assert (one.recording, one.person, one.start, one.end) == (
            other.recording,
            other.person,
            other.start,
            other.end,
        )
        assert (one.error, one.unknown, one.warnings) == (other.error, other.unknown, other.warnings)
        assert dict(one.classes) == pytest.approx(dict(other.classes), abs=1e-4)


def test_what_cannot_be_exported_is_refused_with_what_can(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from skeletonmae.cli import main

    cases = [
        (["export", "absent.safetensors", str(tmp_path / "out")], "there is no such"),
        (
            ["export", str(tiny_run / CLASSIFIER), str(tmp_path / "out"), "--layout", "hand21"],
            "knows no joint of the layout",
        ),
        (
            ["export", str(tiny_run / CLASSIFIER), str(tmp_path / "out"), "--layout", "kinect2"],
            "there is no layout 'kinect2'",
        ),
    ]
    for words, message in cases:
        assert main(words) == 1
        assert message in capsys.readouterr().err.replace("\n", " ")
        assert not (tmp_path / "out").exists()


def test_another_method_is_refused(tmp_path: Path, make_recording: Callable[..., Any]) -> None:
    from skeletonmae.checkpoint import Checkpoint, Header
    from skeletonmae.errors import InputError
    from skeletonmae.export.exportable import classifier_to_export, encoder_to_export
    from skeletonmae.masking import RandomTokens
    from skeletonmae.methods import METHODS, InputSpec
    from skeletonmae.skeletons import KINECT20
    from skeletonmae.transforms import ClipConfig

    config = METHODS["graph"]()
    method = config.build(InputSpec(8, 3, KINECT20.joints, bones=KINECT20.bones), RandomTokens())
    fields: dict[str, Any] = {
        "clips": ClipConfig(frames=8),
        "masking": None,
        "method": config,
        "axes": 3,
        "unit": "m",
    }
    encoder = Header(role="method", joints=KINECT20.joints, **fields)
    with pytest.raises(InputError, match=r"an encoder of joint_patch.*; got method of method graph"):
        encoder_to_export(Checkpoint(encoder, method), "graph")
    header = Header(role="classifier", joints=KINECT20.joints, classes=("a", "b"), **fields)
    with pytest.raises(InputError, match="a classifier that `fit` wrote; got classifier of method graph"):
        classifier_to_export(Checkpoint(header, method.classifier(2)), "graph")


def test_a_difference_is_refused(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skeletonmae.errors import InputError
    from skeletonmae.export import export, export_model

    def write_nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(export, "write_onnx", write_nothing)
    monkeypatch.setattr(export, "GraphSession", lambda _: None)
    monkeypatch.setattr(export, "compare", lambda *_: (12, 0.0011))
    with pytest.raises(InputError, match=r"answers otherwise than PyTorch.*at most 0\.001; got 0\.0011"):
        export_model(tiny_run / CLASSIFIER, tmp_path / "out")
    monkeypatch.setattr(export, "compare", lambda *_: (12, float(np.nan)))
    with pytest.raises(InputError, match="got nan"):
        export_model(tiny_run / CLASSIFIER, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
