from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from skeletonmae.checkpoint import Header, save_checkpoint
from skeletonmae.datasets import RecordingConverter
from skeletonmae.errors import InputError
from skeletonmae.inference import FitConfig, FitReport, RecordingClassifier, fit_classifier
from skeletonmae.inference.classifier_file import is_classifier_file
from skeletonmae.inference.classifier_header import METADATA_KEY
from skeletonmae.inference.featurizers import CoordinateFeaturizer, EncoderFeaturizer
from skeletonmae.inference.fine_tuning_choice import FINE_TUNED, FineTuned
from skeletonmae.inference.fit import _accuracies
from skeletonmae.inference.fit_data import FitData
from skeletonmae.inference.fit_report import FineTuningOutcome, HeldOutClip
from skeletonmae.inference.fit_text import describe_accuracy
from skeletonmae.inference.folds import group_recordings
from skeletonmae.inference.head_choice import Choice
from skeletonmae.inference.nested_validation import NestedValidation
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import InputSpec, JointPatchMAEConfig
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import COCO17, HAND21, VOCABULARY
from skeletonmae.transforms import ClipConfig


@pytest.fixture(scope="module")
def recordings(tiny_store: Path) -> list[SkeletonSequence]:
    """Forty recordings of four classes by eight persons."""
    store = SequenceStore.open(tiny_store)
    chosen = [store[index] for index in range(len(store)) if store.labels[index] < 25]
    names = sorted({one.label or "" for one in chosen})
    return [
        replace(one, label=names[number % 4], tags={"subject": str(number % 8 // 1)}, name=f"clip {number}")
        for number, one in enumerate(_moving(chosen[:40]))
    ]


def _moving(recordings: list[SkeletonSequence]) -> list[SkeletonSequence]:
    """Recordings with motion of their own for each of four classes."""
    changed = []
    for number, one in enumerate(recordings):
        positions = one.positions.copy()
        time = np.linspace(0, 2 * np.pi, one.num_frames, dtype=np.float32)
        joint = 4 + 3 * (number % 4)
        positions[:, :, joint, 1] += 0.4 * np.sin(time)
        changed.append(replace(one, positions=np.where(one.observed[..., None], positions, np.float32(0))))
    return changed


@pytest.fixture(scope="module")
def fitted(recordings: list[SkeletonSequence], tiny_run: Path) -> tuple[RecordingClassifier, FitReport]:
    """A classifier on the features of an encoder, even if the coordinates are better."""
    config = FitConfig(encoder=str(tiny_run / "model.safetensors"), features="encoder", folds=2, inner_folds=2)
    classifier, report = fit_classifier(recordings, config)
    assert isinstance(classifier.featurizer, EncoderFeaturizer)
    return classifier, report


@pytest.fixture(scope="module")
def on_coordinates(recordings: list[SkeletonSequence]) -> tuple[RecordingClassifier, FitReport]:
    """A classifier on the coordinates."""
    return fit_classifier(recordings, FitConfig(encoder="none", folds=2, inner_folds=2))


@pytest.fixture(params=["fitted", "on_coordinates"])
def either(request: pytest.FixtureRequest) -> tuple[RecordingClassifier, FitReport]:
    answer: tuple[RecordingClassifier, FitReport] = request.getfixturevalue(request.param)
    return answer


def test_every_recording_is_tested_by_a_classifier_that_had_not_seen_it(
    either: tuple[RecordingClassifier, FitReport], recordings: list[SkeletonSequence]
) -> None:
    classifier, report = either
    assert sorted(clip.index for clip in report.tested) == list(range(40))
    assert report.accuracy == report.accuracies["chosen"]
    assert report.confusion.sum() == 40
    assert report.counts == (10, 10, 10, 10)
    assert report.grouping.tag == "subject"
    assert report.interval[0] <= (report.accuracy or 0) <= report.interval[1]
    assert (classifier.predict_proba(recordings).argmax(1) == [n % 4 for n in range(40)]).mean() > 0.5


def test_clips_that_do_not_move_and_noise_are_counted(recordings: list[SkeletonSequence]) -> None:
    rng = np.random.default_rng(0)

    def changed(one: SkeletonSequence, positions: np.ndarray) -> SkeletonSequence:
        return replace(one, positions=positions.astype(np.float32), observed=np.ones_like(one.observed))

    frozen = [changed(one, 1 + np.repeat(one.positions[:, :1], one.num_frames, 1)) for one in recordings[:8]]
    noise = [changed(one, rng.normal(size=one.positions.shape)) for one in recordings[:8]]
    counts = []
    for clips in (frozen, noise, recordings[:8]):
        _, report = fit_classifier(clips, FitConfig(encoder="none", folds=2, inner_folds=2), measure=False)
        counts.append((report.num_motionless, report.num_noisy))
    assert counts == [(8, 0), (0, 8), (0, 0)]


def test_flat_recordings_are_classified_by_their_coordinates(
    recordings: list[SkeletonSequence], tiny_run: Path
) -> None:
    flat = [replace(one, positions=one.positions[..., :2].copy()) for one in recordings]
    _, report = fit_classifier(flat, FitConfig(encoder=str(tiny_run), folds=2, inner_folds=2), measure=False)
    assert report.notes[0].startswith("2D recordings: their coordinates are classified, because the encoder")


def test_the_accuracy_of_random_labels_is_that_of_chance(recordings: list[SkeletonSequence]) -> None:
    accuracies = []
    for seed in range(4):
        labels = np.random.default_rng(seed).permutation(np.arange(len(recordings)) % 2)
        shuffled = [replace(one, label=str(label)) for one, label in zip(recordings, labels, strict=True)]
        _, report = fit_classifier(shuffled, FitConfig(encoder="none", folds=2, inner_folds=2))
        accuracies.append(report.accuracy or 0)
    # Three standard errors about 0.5; a leak makes it 1.
    assert 0.35 < np.mean(accuracies) < 0.65


def test_one_copy_in_two_subjects_leaves_the_accuracy_known(recordings: list[SkeletonSequence]) -> None:
    two = [replace(one, tags={"subject": str(number // 4 % 2)}) for number, one in enumerate(recordings[:24])]
    copy = replace(two[0], name="copy", tags={"subject": "1"})
    _, report = fit_classifier([*two, copy], FitConfig(encoder="none", folds=5, inner_folds=2))
    assert report.accuracy is not None
    assert len(report.tested) == 25
    assert report.single_subject_classes == []
    assert "2 subjects" in describe_accuracy(report)
    assert any("left with clips of one subject" in note for note in report.notes)


def test_the_choice_of_fine_tuning_in_a_fold_does_not_use_the_fold(make_recording: Any) -> None:
    labels = np.array([0, 1, 0, 1])
    data = FitData([make_recording(index) for index in range(4)], ("a", "b"), labels, {}, {}, [], ())
    grouping = group_recordings(data.recordings)
    folds = (np.array([2, 3]), np.array([0, 1])), (np.array([0, 1]), np.array([2, 3]))
    frozen = tuple(HeldOutClip(f"clip {index}", "ab"[index % 2], "a", 0.5, "", index) for index in range(4))
    nested = NestedValidation(frozen, {"chosen": labels == 0}, (), {})
    outcome = FineTuningOutcome(1.0, 0.5, 4, 2, is_kept=True)
    choice = Choice(FINE_TUNED, 1.0, 1.0, 0.0, 9 * np.eye(2)[labels])
    tuned = FineTuned(outcome, folds, choice, (), keeps=(False, True))
    tested, accuracies = _accuracies(data, grouping, nested, tuned)
    assert [clip.index for clip in tested] == [0, 1, 2, 3]
    assert [clip.predicted for clip in tested] == ["a", "a", "a", "b"]  # frozen, and then fine-tuned
    assert accuracies["chosen"] == 0.75


def test_a_file_gives_the_same_answers(
    either: tuple[RecordingClassifier, FitReport], recordings: list[SkeletonSequence], tmp_path: Path
) -> None:
    classifier, _ = either
    path = tmp_path / "a folder" / "größe.safetensors"
    classifier.save(path)
    assert is_classifier_file(path)
    loaded = RecordingClassifier.load(path)
    assert loaded.classes == classifier.classes
    assert loaded.skeleton == recordings[0].skeleton
    here, there = classifier.predict(recordings[:9]), loaded.predict(recordings[:9])
    for one, other in zip(here, there, strict=True):
        assert (one.recording, one.unknown, one.warnings) == (other.recording, other.unknown, other.warnings)
        assert one.familiarity == pytest.approx(other.familiarity, abs=0.06)
        assert dict(one.classes) == pytest.approx(dict(other.classes), abs=1e-3)


def test_the_file_holds_the_encoder_and_its_terms(
    recordings: list[SkeletonSequence],
    ship_tiny: Any,
    tiny_run: Path,
    tmp_path: Path,
) -> None:
    ship_tiny(tiny_run / "model.safetensors")
    config = FitConfig(encoder="tiny", features="encoder", folds=2)
    classifier, report = fit_classifier(recordings, config, measure=False)
    assert report.license == "for tests"
    classifier.save(tmp_path / "c.safetensors")
    with safe_open(tmp_path / "c.safetensors", "pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
        assert {file.get_tensor(name).dtype for name in file.keys() if "encoder/" in name} == {torch.float16}  # noqa: SIM118
    assert (header["encoder"], header["license"], len(header["encoder_sha256"])) == ("tiny", "for tests", 64)


def tampered(path: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], None]) -> Path:
    """A copy of a classifier with something changed."""
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header, tensors)
    other = path.with_name("tampered.safetensors")
    save_file(tensors, other, {METADATA_KEY: json.dumps(header)})
    return other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header, _: header.update(format=2), "newer format"),
        (lambda header, _: header.update(classes=[]), "the header is invalid \\(classes"),
        (lambda header, _: header.update(num_features=10**12), "wrong shape|num_features"),
        (lambda header, _: header.update(classes=header["classes"][:-1]), "wrong shape"),
        (lambda header, _: header.update(temperature=0), "temperature"),
        (lambda header, _: header.update(layout={"joints": 3}), "layout: not a description of a skeleton"),
        (lambda _, arrays: arrays.pop("reference"), "missing or unexpected"),
        (lambda _, arrays: arrays.update(more=torch.zeros(1)), "missing or unexpected"),
        (lambda _, arrays: arrays.update({"encoder/x": torch.zeros(1)}), "encoder|weights do not fit"),
        (lambda _, arrays: arrays["head.mean"].fill_(float("nan")), "not finite"),
        (lambda _, arrays: arrays["head.deviation"].fill_(0.0), "not above 0"),
        (lambda _, arrays: arrays.update(reference=arrays["reference"].half()), "wrong data type"),
    ],
)
def test_a_damaged_file_is_refused(
    either: tuple[RecordingClassifier, FitReport], tmp_path: Path, change: Any, message: str
) -> None:
    either[0].save(tmp_path / "c.safetensors")
    with pytest.raises(InputError, match=message) as error:
        RecordingClassifier.load(tampered(tmp_path / "c.safetensors", change))
    assert "tampered.safetensors" in str(error.value)


def test_what_is_no_classifier_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no classifier of `fit`"):
        RecordingClassifier.load(tiny_run / "model.safetensors")
    with pytest.raises(InputError, match="no such classifier"):
        RecordingClassifier.load(tmp_path / "absent.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(InputError, match="damaged, or not safetensors"):
        RecordingClassifier.load(tmp_path / "text.safetensors")
    assert not is_classifier_file(tmp_path / "text.safetensors")


def test_what_is_unusual_is_said(
    either: tuple[RecordingClassifier, FitReport], recordings: list[SkeletonSequence]
) -> None:
    classifier, one = either[0], recordings[0]
    assert classifier.predict([one])[0].warnings == ()

    def said(positions: np.ndarray) -> str:
        changed = replace(one, positions=(positions * one.observed[..., None]).astype(np.float32))
        (answer,) = classifier.predict([changed])
        return "; ".join(answer.warnings)

    assert "upside down" in said(one.positions * np.array([1, -1, 1]))
    assert "another unit" in said(one.positions * 100)
    middle = one.num_frames // 2
    assert "hardly moves" in said(np.repeat(one.positions[:, middle : middle + 1], one.num_frames, 1))
    assert "noise" in said(np.random.default_rng(0).normal(size=one.positions.shape))
    few = one.observed.copy()
    few[:, :, 5:] = False
    lost = replace(one, observed=few, positions=np.where(few[..., None], one.positions, np.float32(0)))
    assert any("few joints" in warning for warning in classifier.predict([lost])[0].warnings)


def test_long_recordings_are_cut(
    either: tuple[RecordingClassifier, FitReport], recordings: list[SkeletonSequence]
) -> None:
    classifier, one = either[0], recordings[0]
    frames = int(5 * classifier.training.longest * (one.fps or 1 if classifier.training.in_seconds else 1))
    index = np.arange(frames) % one.num_frames
    long = replace(one, positions=one.positions[:, index], observed=one.observed[:, index])
    answers = classifier.predict([long])
    assert len(answers) > 4
    assert answers[0].start == 0
    assert answers[-1].end == frames
    (whole,) = classifier.predict([long], windows=False)
    assert whole.end is None
    assert any("longer or slower" in warning for warning in whole.warnings)


def test_unknown_can_be_switched_off(
    either: tuple[RecordingClassifier, FitReport], recordings: list[SkeletonSequence]
) -> None:
    noise = replace(
        recordings[0], positions=np.random.default_rng(0).normal(size=recordings[0].positions.shape).astype(np.float32),
        observed=np.ones_like(recordings[0].observed),
    )  # fmt: skip
    (answer,) = either[0].predict([noise])
    assert (answer.unknown, answer.familiarity) == (True, 0.0)
    (answer,) = either[0].predict([noise], unknown=False)
    assert (answer.unknown, answer.familiarity) == (None, None)
    assert not any("noise" in warning for warning in answer.warnings)


def test_2d_recordings_fall_back_to_the_coordinates(recordings: list[SkeletonSequence], tiny_run: Path) -> None:
    flat = [replace(one, positions=one.positions[..., :2].copy(), unit="px") for one in recordings]
    config = FitConfig(encoder=str(tiny_run / "model.safetensors"), folds=2, inner_folds=2)
    classifier, report = fit_classifier(flat, config)
    assert isinstance(classifier.featurizer, CoordinateFeaturizer)
    assert report.encoder == ""
    assert "reads 3D recordings only" in report.notes[0]
    assert classifier.predict(flat[:1])[0].classes
    assert "another unit" in classifier.predict([replace(flat[0], unit="m")])[0].error
    with pytest.raises(InputError, match=r"no features of an encoder.*reads 3D recordings only"):
        fit_classifier(flat, config.model_copy(update={"features": "encoder"}))


def test_the_features_of_the_encoder_can_be_asked_for(recordings: list[SkeletonSequence], tiny_run: Path) -> None:
    config = FitConfig(encoder=str(tiny_run / "model.safetensors"), features="encoder", folds=2, inner_folds=2)
    classifier, report = fit_classifier(recordings, config)
    assert isinstance(classifier.featurizer, EncoderFeaturizer)
    assert report.chosen.candidate.features == "encoder"
    assert set(report.accuracies) == {"chosen", "encoder", "coordinates", "encoder and coordinates"}
    assert report.accuracies["chosen"] == report.accuracies["encoder"]


def test_what_cannot_be_used_is_left_out(recordings: list[SkeletonSequence]) -> None:
    nobody = replace(
        recordings[0], name="nobody", observed=np.zeros_like(recordings[0].observed),
        positions=np.zeros_like(recordings[0].positions),
    )  # fmt: skip
    odd = [replace(recordings[0], name="no label", label=None), nobody]
    _, report = fit_classifier([*recordings, *odd], FitConfig(encoder="none"), measure=False)
    assert [one.recording for one in report.left_out] == ["no label", "nobody"]
    assert len(report.recordings) == 40
    for few in ([], recordings[:1], [replace(one, label="a") for one in recordings]):
        with pytest.raises(InputError, match="there are not two classes"):
            fit_classifier(few, FitConfig(encoder="none"))


def test_one_clip_of_a_class_is_enough_to_fit(recordings: list[SkeletonSequence]) -> None:
    classifier, report = fit_classifier(recordings[:2], FitConfig(encoder="none"))
    assert report.accuracy is None
    assert classifier.predict(recordings[:1])[0].unknown is False
    one_short = [replace(recordings[8], label="rare"), *recordings[:8]]
    _, report = fit_classifier(one_short, FitConfig(encoder="none", folds=2, inner_folds=2))
    assert {row.name: row.num_clips for row in report.per_class}["rare"] == 1


@pytest.fixture
def any_layout(tmp_path: Path) -> str:
    """An encoder of any layout, with random weights and two time steps in a clip."""
    torch.manual_seed(0)
    sizes = {"token_frames": 4, "width": 8, "depth": 1, "heads": 2, "decoder_width": 8, "decoder_depth": 1}
    config = JointPatchMAEConfig(**sizes, joint_embedding="description")
    clips = ClipConfig(
        frames=8,
        axes=3,
        transforms=({"kind": "normalize_size"}, {"kind": "center"}),
        augment=(),
        final_transforms=(),
    )
    joints = tuple(VOCABULARY)
    method = config.build(InputSpec(8, 3, joints), RandomTokens()).eval()
    header = Header(
        role="method", clips=clips, masking=RandomTokens(), method=config, axes=3, unit="m", joints=joints
    )
    save_checkpoint(tmp_path / "any.safetensors", method, header)
    return str(tmp_path / "any.safetensors")


def test_recordings_of_several_layouts_units_and_axes_are_fitted_to_together(
    recordings: list[SkeletonSequence], any_layout: str, tmp_path: Path
) -> None:
    convert = RecordingConverter(layout=COCO17)
    mixed = [
        *recordings[:16],
        *map(convert, recordings[16:24]),
        *(replace(one, positions=one.positions[..., :2].copy(), unit="px") for one in recordings[24:32]),
    ]
    config = FitConfig(encoder=any_layout, features="encoder", folds=2, inner_folds=2)
    classifier, report = fit_classifier(mixed, config)
    assert len(report.recordings) == 32
    assert "the coordinates alone were not tried: those of 8 recordings have another unit" in report.notes[-1]
    assert set(report.accuracies) == {"chosen", "encoder"}
    assert classifier.skeleton == recordings[0].skeleton
    assert classifier.featurizer.kind == "encoder"
    classifier.save(tmp_path / "c.safetensors")
    loaded = RecordingClassifier.load(tmp_path / "c.safetensors")
    assert all(one.classes for one in loaded.predict(mixed))
    # where the coordinates are candidates too, all are compared on the recordings that both can read
    _, fair = fit_classifier(mixed, config.model_copy(update={"features": "best"}), measure=False)
    assert len(fair.recordings) == 24
    assert len(fair.left_out) == 8


def test_hands_among_bodies_are_left_out_whatever_their_place(
    recordings: list[SkeletonSequence], any_layout: str, make_recording: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skeletonmae.inference.fit_data.BLOCK", 8)
    label = recordings[0].label
    hands = [replace(make_recording(one, skeleton=HAND21, name=f"hand {one}"), label=label) for one in range(12)]
    config = FitConfig(encoder=any_layout, features="encoder", folds=2, inner_folds=2)
    _, report = fit_classifier([*hands, *recordings[:24]], config, measure=False)
    assert len(report.recordings) == 24
    assert {one.recording for one in report.left_out} == {one.name for one in hands}
    assert "its layout has other body parts" in report.left_out[0].reason


def test_a_classifier_of_2d_clips_by_an_encoder_of_any_layout_can_be_read(
    recordings: list[SkeletonSequence], any_layout: str, tmp_path: Path
) -> None:
    flat = [replace(one, positions=one.positions[..., :2].copy(), unit="px") for one in recordings]
    config = FitConfig(encoder=any_layout, features="encoder", folds=2, inner_folds=2)
    classifier, _ = fit_classifier(flat, config, measure=False)
    classifier.save(tmp_path / "c.safetensors")
    loaded = RecordingClassifier.load(tmp_path / "c.safetensors")
    assert loaded.axes == 2
    np.testing.assert_allclose(loaded.predict_proba(flat[:5]), classifier.predict_proba(flat[:5]), atol=1e-3)
