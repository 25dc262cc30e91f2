"""Classifiers that were forged or damaged, and recordings that a classifier cannot read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import skeletonmae
from skeletonmae.errors import InputError
from skeletonmae.files import WEIGHTS
from skeletonmae.inference import RecordingClassifier
from skeletonmae.inference.classifier_file import is_classifier_file
from skeletonmae.inference.classifier_header import METADATA_KEY
from skeletonmae.inference.featurizers import CombinedFeaturizer
from skeletonmae.inference.pretrained import CONFIG
from skeletonmae.sequences.manifest import file_sha256
from skeletonmae.skeletons import KINECT20, Skeleton

FROZEN = Path(__file__).parents[1] / "fixtures" / "frozen"
COMBINED = FROZEN / "classifier_combined.safetensors"
Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], None]


def forged(path: Path, change: Change) -> Path:
    """Write a copy of a classifier on the features of an encoder with something changed."""
    with safe_open(FROZEN / "classifier.safetensors", "pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header, tensors)
    save_file(tensors, path, {METADATA_KEY: json.dumps(header)})
    return path


def renamed(name: str) -> Change:
    return lambda header, _: header.update(classes=[name, *header["classes"][1:]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _, arrays: arrays["head.weight"].fill_(3e38), "some weights are too large"),
        (lambda header, _: header.update(temperature=1e308), "temperature"),
        (lambda header, _: header.update(temperature=1e-320), "temperature"),
        (lambda header, _: header.update(time_parts=1000), "the head does not fit the encoder"),
        (
            lambda header, _: header.update(classes=["a"] * len(header["classes"])),
            "two classes have the same name",
        ),
        (renamed(""), "the name of a class is empty"),
        (renamed(" "), "the name of a class is empty"),
        (renamed("\x1b[2J"), "control characters or line breaks: '\\\\x1b"),
        (renamed("wave\n\nWEBVTT"), "control characters or line breaks"),
        (renamed("a\u2028b"), "control characters or line breaks"),
        (renamed("\u202eevaw"), "control characters or line breaks"),
    ],
)
def test_a_forged_classifier_is_refused(tmp_path: Path, change: Change, message: str) -> None:
    path = forged(tmp_path / "c.safetensors", change)
    with pytest.raises(InputError, match=message) as error:
        RecordingClassifier.load(path)
    assert "c.safetensors" in str(error.value)
    assert str(error.value).isprintable()


def test_names_of_other_scripts_are_read(tmp_path: Path) -> None:
    for name in ("größer", "می\u200cدود", "=1+1", "拍手"):
        path = forged(tmp_path / "c.safetensors", renamed(name))
        assert RecordingClassifier.load(path).classes[0] == name


def test_recordings_that_no_encoder_reads_have_a_reason(make_recording: Any) -> None:
    classifier = RecordingClassifier.load(FROZEN / "classifier.safetensors")
    other = Skeleton("other", ("p", "q"), {"q": "p"})
    misfits = [
        make_recording(skeleton=other, lost=0.0, name="other", fps=30.0),
        make_recording(axes=2, lost=0.0, name="flat", fps=30.0),
    ]
    for recordings in (misfits, misfits[:1]):
        assert classifier.features(recordings).values.shape == (len(recordings), len(classifier.head.mean))
        predictions = classifier.predict(recordings)
        assert [one.recording for one in predictions] == [one.name for one in recordings]
        assert all(one.error and not one.classes for one in predictions)
    mixed = classifier.predict([misfits[0], make_recording(skeleton=KINECT20, lost=0.0, fps=30.0, frames=24)])
    assert [bool(one.error) for one in mixed] == [True, False]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "c.safetensors"
    os.mkfifo(pipe)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / WEIGHTS)
    assert not is_classifier_file(pipe)
    assert not is_classifier_file(tmp_path / "folder")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        skeletonmae.load(pipe)
    for read in (RecordingClassifier.load, skeletonmae.SkeletonEncoder.from_pretrained):
        with pytest.raises(InputError, match="not a regular file"):
            read(pipe)
    with pytest.raises(InputError, match="not a regular file"):
        skeletonmae.load(tmp_path / "folder")


@pytest.mark.parametrize(("folder", "kind"), [("classifier_folder", "encoder"), ("encoder_folder", "classifier")])
def test_the_kind_of_a_folder_is_that_of_its_weights(tmp_path: Path, folder: str, kind: str) -> None:
    for name in (CONFIG, WEIGHTS):
        (tmp_path / name).write_bytes((FROZEN / folder / name).read_bytes())
    skeletonmae.load(tmp_path, device="cpu")
    config = json.loads((tmp_path / CONFIG).read_text())
    assert config["sha256"] == file_sha256(tmp_path / WEIGHTS)
    (tmp_path / CONFIG).write_text(json.dumps(config | {"kind": kind}))
    with pytest.raises(InputError, match="the kind is not that of the weights"):
        skeletonmae.load(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"coordinates": None}, "needs the settings coordinates"),
        ({"features": "encoder"}, "features encoder has no settings coordinates"),
        ({"time_parts": 1}, "the head does not fit the encoder"),
    ],
)
def test_a_forged_classifier_of_both_kinds_of_features_is_refused(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with safe_open(COMBINED, "pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, tmp_path / "c.safetensors", {METADATA_KEY: json.dumps(header | changed)})
    with pytest.raises(InputError, match=message):
        RecordingClassifier.load(tmp_path / "c.safetensors")


def test_coordinates_beside_an_encoder_decide_the_class_but_not_what_is_unknown() -> None:
    classifier = RecordingClassifier.load(COMBINED)
    assert isinstance(classifier.featurizer, CombinedFeaturizer)
    num_coordinates = classifier.featurizer.coordinates.config.num_features
    num_features = len(classifier.head.mean)
    assert 0 < num_coordinates < num_features
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(1, num_features)), 2, axis=0)
    features[1, -num_coordinates:] += 1
    probabilities = classifier.probabilities(features)
    assert not np.allclose(probabilities[0], probabilities[1])
    novelty = classifier.doubt.novelty(features, probabilities[:1].repeat(2, axis=0))
    assert novelty[0] == novelty[1]
    features[1, :-num_coordinates] += 1
    novelty = classifier.doubt.novelty(features, probabilities[:1].repeat(2, axis=0))
    assert novelty[0] != novelty[1]
