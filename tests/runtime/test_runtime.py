from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.frozen_exports import FROZEN, frozen_recordings

from skeletonmae.errors import InputError
from skeletonmae.predictions.prediction import NOT_FINITE, NOTHING_OBSERVED
from skeletonmae.runtime import Runtime
from skeletonmae.skeletons import HAND21, NTU25


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime(FROZEN / "classifier", num_threads=1)


@pytest.fixture
def recordings(make_recording: Callable[..., Any]) -> list[Any]:
    return frozen_recordings(make_recording)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the frozen model, to be damaged, in a folder with a space and a non-ASCII name."""
    return shutil.copytree(FROZEN / "classifier", tmp_path / "exported módel")


@pytest.mark.parametrize("name", ["classifier", "fitted"])
def test_a_model_of_this_version_stays_readable(name: str, recordings: list[Any]) -> None:
    expected = json.loads((FROZEN / name / "expected.json").read_text())
    predictions = Runtime(FROZEN / name).predict(recordings)
    for prediction, (recording, shares, familiarity, warnings) in zip(predictions, expected, strict=True):
        assert prediction.recording == recording
        assert dict(prediction.classes) == pytest.approx(shares, abs=1e-5)
        assert list(dict(prediction.classes)) == sorted(shares, key=lambda label: -shares[label])
        assert prediction.familiarity == pytest.approx(familiarity, abs=1e-6)
        assert list(prediction.warnings) == warnings


def test_one_by_one_equals_all_at_once(runtime: Runtime, recordings: list[Any]) -> None:
    alone = [runtime.predict(recording)[0] for recording in recordings]
    for one, other in zip(runtime.predict(recordings), alone, strict=True):
        assert one.recording == other.recording
        assert dict(one.classes) == pytest.approx(dict(other.classes), abs=1e-5)


def test_each_person_alone(runtime: Runtime, recordings: list[Any]) -> None:
    pair = recordings[1]
    predictions = runtime.predict(pair, per_person=True, top=1)
    assert [(one.recording, one.person, len(one.classes)) for one in predictions] == [
        ("clip 1", 0, 1),
        ("clip 1", 1, 1),
    ]
    second = replace(pair, positions=pair.positions[1:], observed=pair.observed[1:])
    assert dict(predictions[1].classes) == pytest.approx(dict(runtime.predict(second, top=1)[0].classes))


def test_joints_are_found_by_name(runtime: Runtime, recordings: list[Any]) -> None:
    recording = recordings[2]
    order = np.random.default_rng(0).permutation(20)
    names = tuple(recording.skeleton.joints[joint] for joint in order)
    shuffled = replace(
        recording,
        skeleton=replace(recording.skeleton, joints=names),
        positions=recording.positions[:, :, order],
        observed=recording.observed[:, :, order],
    )
    assert runtime.predict(shuffled)[0].classes == runtime.predict(recording)[0].classes


CODE = """
import json, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnx", "onnxscript", "sklearn"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
from skeletonmae.runtime import Runtime

predictions = Runtime(sys.argv[1]).predict(sys.argv[2:], top=1)
assert "torch" not in sys.modules
print(json.dumps([[one.recording, one.classes, one.error] for one in predictions]))
"""


def test_files_of_all_formats_are_answered_without_torch(samples: dict[str, Path], runtime: Runtime) -> None:
    words = [str(path) for path in samples.values()]
    command = [sys.executable, "-c", CODE, str(FROZEN / "classifier"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    here = runtime.predict(list(samples.values()), top=1)
    assert rows == json.loads(json.dumps([[one.recording, one.classes, one.error] for one in here]))
    assert len(rows) >= len(samples)
    answered = [name for name, classes, _ in rows if classes]
    assert len(answered) >= 5
    others = [error for _, classes, error in rows if not classes]
    reasons = ("another layout", "takes 3D", "another unit", "no joint that the model knows was observed")
    assert all(any(reason in error for reason in reasons) for error in others), others


def test_what_cannot_be_answered_has_a_reason(
    runtime: Runtime, make_recording: Callable[..., Any], tmp_path: Path, recordings: list[Any]
) -> None:
    seen = make_recording(0, 1, 9, lost=0.0)
    video = tmp_path / "walk.mp4"
    video.write_bytes(b"\0\0\0\x18ftypmp42")
    cases: list[tuple[Any, str]] = [
        (
            make_recording(0, 1, 9, HAND21),
            "another layout than the exported model; export the model for that layout: --layout hand21",
        ),
        (make_recording(0, 1, 9, axes=2), "expected 3 axes; got 2"),
        (replace(seen, unit="px"), "if the coordinates are in m, state unit m; expected m; got px"),
        (
            replace(seen, observed=np.zeros_like(seen.observed), positions=np.zeros_like(seen.positions)),
            NOTHING_OBSERVED,
        ),
        (video, "video"),
        (tmp_path / "absent.csv", "no such folder or file"),
    ]
    good = recordings[1]
    predictions = runtime.predict([good, *(case for case, _ in cases), good])
    for prediction, (_, reason) in zip(predictions[1:-1], cases, strict=True):
        assert reason in prediction.error
        assert prediction.classes == ()
    assert predictions[0].classes == predictions[-1].classes != ()


def test_an_output_that_is_not_finite_is_no_answer(
    runtime: Runtime, recordings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runtime.session.run

    def damaged(arrays: Any) -> Any:
        outputs = run(arrays)
        outputs["probabilities"][arrays["num_frames"] == 64] = np.nan
        return outputs

    monkeypatch.setattr(runtime.session, "run", damaged)
    errors = [prediction.error for prediction in runtime.predict(recordings)]
    assert errors == ["", "", NOT_FINITE, ""]


def test_a_layout_with_more_joints_is_read(runtime: Runtime, make_recording: Callable[..., Any]) -> None:
    more = make_recording(0, 1, 9, NTU25, lost=0.0)
    missing = set(runtime.adapt.skeleton.joints) - set(NTU25.joints)
    assert bool(runtime.predict(more)[0].error) == bool(missing)


def test_the_other_call_is_named(runtime: Runtime, recordings: list[Any]) -> None:
    with pytest.raises(InputError, match="the exported model is a classifier; call predict"):
        runtime.embed(recordings)


def test_damaged_folders(copied: Path, tmp_path: Path, recordings: list[Any]) -> None:
    with pytest.raises(
        InputError, match=r"no exported model; expected a folder with model\.onnx and config\.json"
    ):
        Runtime(tmp_path)
    assert Runtime(copied).predict(recordings)[0].classes
    (copied / "labels.json").write_text('{"a": 1}')
    with pytest.raises(InputError, match="not a list of classes"):
        Runtime(copied)
    (copied / "labels.json").write_text('["a", "b"]')
    with pytest.raises(InputError, match="not those of the model; expected 3 classes; got 2"):
        Runtime(copied)
    (copied / "labels.json").unlink()
    with pytest.raises(InputError, match="the classes cannot be read"):
        Runtime(copied)


def test_a_damaged_graph(copied: Path) -> None:
    (copied / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="not an ONNX model that can be run"):
        Runtime(copied)


@pytest.mark.parametrize(
    ("old", "new"), [('"format": 1', '"format": 2'), ('"unit": "m"', '"unit": "mm"'), ('"axes"', '"axis"')]
)
def test_an_invalid_description(old: str, new: str, copied: Path) -> None:
    text = (copied / "config.json").read_text()
    assert old in text
    (copied / "config.json").write_text(text.replace(old, new))
    with pytest.raises(InputError, match="the description of the model is invalid"):
        Runtime(copied)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install skeletonmae\[export\]"):
        Runtime(FROZEN / "classifier")
