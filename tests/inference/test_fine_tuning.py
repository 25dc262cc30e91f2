from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.errors import InputError
from skeletonmae.inference import (
    FitConfig,
    FitReport,
    RecordingClassifier,
    Stream,
    fit_classifier,
    segment_recording,
)
from skeletonmae.inference.doubt_fitting import fit_doubt
from skeletonmae.inference.featurizers import EncoderFeaturizer, FineTunedFeaturizer
from skeletonmae.inference.fine_tuning import FineTuner, FineTuningConfig, label_preserving
from skeletonmae.inference.fine_tuning_choice import FINE_TUNED
from skeletonmae.inference.fit_data import encoder_featurizer, load_for_fit
from skeletonmae.inference.fit_text import describe_accuracy, describe_choice
from skeletonmae.inference.folds import make_folds
from skeletonmae.predictions.motion_statistics import ReferencePose, measure_motion
from skeletonmae.predictions.prediction import NOTHING_OBSERVED
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import Mirror, Rotate

WEIGHT = "encoder.patch_embed.weight"


def short(**settings: Any) -> FineTuningConfig:
    """A fine-tuning of a few steps."""
    config = FineTuningConfig(**settings)
    training = {"epochs": 2, "min_steps": 0, "batch_size": 12, "lr": 3e-3, "warmup_epochs": 0.0}
    return config.model_copy(update={"training": config.training.model_copy(update=training)})


@pytest.fixture(scope="module")
def recordings(tiny_store: Path) -> list[SkeletonSequence]:
    """Twenty-four recordings of two classes by four persons, with a joint that moves in a way of its own in each."""
    store = SequenceStore.open(tiny_store)
    changed = []
    for number in range(24):
        one = store[number]
        positions = one.positions.copy()
        time = np.linspace(0, 2 * np.pi, one.num_frames, dtype=np.float32)
        positions[:, :, 7 + 4 * (number % 2), 1] += 0.5 * np.sin(time)
        positions = np.where(one.observed[..., None], positions, np.float32(0))
        tags = {"subject": str(number // 2 % 4)}
        changed.append(replace(one, positions=positions, label="ab"[number % 2], name=f"clip {number}", tags=tags))
    return changed


@pytest.fixture(scope="module")
def featurizer(tiny_run: Path) -> EncoderFeaturizer:
    path = str(tiny_run / "model.safetensors")
    checkpoint = load_for_fit(path, "cpu")
    assert checkpoint
    return encoder_featurizer(checkpoint, path)


@pytest.fixture(scope="module")
def tuner(featurizer: EncoderFeaturizer, recordings: list[SkeletonSequence]) -> FineTuner:
    return FineTuner.of(featurizer, recordings, ("a", "b"), short())


def test_encoder_and_head_are_trained_and_the_frozen_encoder_stays(
    tuner: FineTuner, recordings: list[SkeletonSequence]
) -> None:
    frozen = tuner.frozen.checkpoint.method
    before = {name: weight.clone() for name, weight in frozen.state_dict().items()}
    steps: list[tuple[int, int]] = []
    featurizer, head = tuner.fine_tune(np.arange(16), lambda *step: steps.append(step))
    assert steps[-1] == (tuner.num_steps(16), tuner.num_steps(16)) == (4, 4)
    after = featurizer.checkpoint.classifier.state_dict()
    assert not torch.equal(after[WEIGHT], before[WEIGHT])
    assert all(torch.equal(weight, before[name]) for name, weight in frozen.state_dict().items())
    again, same_head = tuner.fine_tune(np.arange(16))
    scores = head.scores(featurizer(recordings).values)
    np.testing.assert_array_equal(same_head.scores(again(recordings).values), scores)


def test_the_encoder_has_a_learning_rate_of_its_own(
    featurizer: EncoderFeaturizer, recordings: list[SkeletonSequence]
) -> None:
    config = short()
    config = config.model_copy(update={"training": config.training.model_copy(update={"encoder_lr": 0.0})})
    tuner = FineTuner.of(featurizer, recordings, ("a", "b"), config)
    tuned, _ = tuner.fine_tune(np.arange(24))
    before = tuner.frozen.checkpoint.method.state_dict()
    assert torch.equal(tuned.checkpoint.classifier.state_dict()[WEIGHT], before[WEIGHT])
    other, _ = FineTuner.of(featurizer, recordings, ("a", "b"), short()).fine_tune(np.arange(24))
    assert not torch.equal(other.checkpoint.classifier.state_dict()[WEIGHT], before[WEIGHT])


def test_features_and_head_are_the_layers_of_the_classifier(
    tuner: FineTuner, recordings: list[SkeletonSequence]
) -> None:
    featurizer, head = tuner.fine_tune(np.arange(24))
    model, header = featurizer.checkpoint.classifier, featurizer.checkpoint.header
    nobody = replace(
        recordings[0],
        positions=np.zeros_like(recordings[0].positions),
        observed=np.zeros_like(recordings[0].observed),
    )
    features = featurizer([recordings[0], nobody, *recordings[1:]])
    assert features.errors == ("", NOTHING_OBSERVED, *[""] * 23)
    (batch,) = header.clips.loader(tuner.stores[0], np.arange(24), batch_size=99).epoch()
    with torch.inference_mode():
        logits = model(batch).numpy()
    np.testing.assert_allclose(head.scores(features.values[features.is_known]), logits, atol=1e-4)


def test_only_what_keeps_the_class_goes_on() -> None:
    clips = label_preserving(ClipConfig(frames=8, augment=(Mirror(), Rotate())))
    assert [one.kind for one in clips.augment] == ["rotate"]


def test_recordings_of_two_layouts_are_trained_on(
    featurizer: EncoderFeaturizer, recordings: list[SkeletonSequence]
) -> None:
    skeleton = replace(recordings[0].skeleton, name="renamed", parts={})
    mixed = [*recordings[:12], *(replace(one, skeleton=skeleton) for one in recordings[12:])]
    tuner = FineTuner.of(featurizer, mixed, ("a", "b"), short())
    assert [len(store) for store in tuner.stores] == [12, 12]
    _, head = tuner.fine_tune(np.arange(24))
    assert np.isfinite(head.weight).all()
    with pytest.raises(InputError, match=r"at least two clips of each layout.*1 clips of renamed"):
        tuner.fine_tune(np.arange(13))


@pytest.fixture(scope="module")
def fitted(recordings: list[SkeletonSequence], tiny_run: Path) -> tuple[RecordingClassifier, FitReport, list[str]]:
    """A fine-tuned classifier, which is kept because the frozen choice is made to be always wrong."""
    messages: list[str] = []
    config = FitConfig(encoder=str(tiny_run / "model.safetensors"), finetune=True, fine_tuning=short(), folds=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skeletonmae.inference.fine_tuning_choice.is_surely_better", lambda *_: True)
        classifier, report = fit_classifier(recordings, config, on_message=messages.append, measure=False)
    return classifier, report, messages


def test_what_is_kept_is_measured_on_subjects_that_it_had_not_seen(
    fitted: tuple[RecordingClassifier, FitReport, list[str]],
) -> None:
    classifier, report, messages = fitted
    assert report.fine_tuning
    assert (report.fine_tuning.is_kept, report.fine_tuning.num_folds, report.fine_tuning.num_clips) == (
        True,
        2,
        24,
    )
    assert sorted(clip.index for clip in report.tested) == list(range(24))
    assert report.accuracy == pytest.approx(report.fine_tuning.accuracy)
    assert report.chosen.candidate == FINE_TUNED
    assert classifier.summary["head"] == "fine-tuned"
    assert len(messages) == 1
    assert messages[0].startswith("fine-tuning the encoder 2 times for its accuracy and once on all 24 clips")
    assert "fine-tuned together with a head" in describe_choice(report)
    assert "24 clips of 4 subjects" in describe_accuracy(report)


def test_it_answers_like_any_classifier(
    fitted: tuple[RecordingClassifier, FitReport, list[str]],
    recordings: list[SkeletonSequence],
    tmp_path: Path,
) -> None:
    classifier, _, _ = fitted
    classifier.save(tmp_path / "c.safetensors")
    loaded = RecordingClassifier.load(tmp_path / "c.safetensors")
    assert isinstance(loaded.featurizer, FineTunedFeaturizer)
    np.testing.assert_allclose(loaded.predict_proba(recordings), classifier.predict_proba(recordings), atol=1e-4)
    noise = np.random.default_rng(0).normal(size=recordings[0].positions.shape).astype(np.float32)
    odd = replace(recordings[0], positions=noise, observed=np.ones_like(recordings[0].observed))
    assert loaded.predict([odd])[0].unknown is True
    assert sum(bool(one.unknown) for one in loaded.predict(recordings)) <= 6
    assert segment_recording(loaded, recordings[0]).error == ""
    stream = Stream(loaded, recordings[0].skeleton, fps=30)
    assert [stream.update(recordings[0].positions[0, 0]) for _ in range(5)] == [None] * 5


def test_too_long_a_cross_validation_becomes_one_held_out_part(
    recordings: list[SkeletonSequence], tiny_run: Path
) -> None:
    messages: list[str] = []
    config = FitConfig(
        encoder=str(tiny_run / "model.safetensors"),
        finetune=True,
        fine_tuning=short(max_minutes=1e-6),
        folds=2,
        inner_folds=2,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skeletonmae.inference.fine_tuning_choice.is_surely_better", lambda *_: True)
        _, report = fit_classifier(recordings, config, on_message=messages.append)
    assert "measured on one held-out fold instead" in messages[0]
    assert report.fine_tuning
    assert report.fine_tuning.num_folds == 1
    assert len(report.tested) == report.fine_tuning.num_clips < 24
    subjects = {clip.group for clip in report.tested}
    assert f"{len(report.tested)} clips of {len(subjects)} subjects" in describe_accuracy(report)
    assert "one held-out part of the clips" in describe_accuracy(report)
    assert set(report.accuracies) == {"chosen", "encoder", "coordinates", "encoder and coordinates"}


def test_what_does_not_help_is_not_kept(
    recordings: list[SkeletonSequence], tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skeletonmae.inference.fine_tuning_choice.is_surely_better", lambda *_: False)
    settings: dict[str, Any] = {"encoder": str(tiny_run / "model.safetensors"), "folds": 2, "inner_folds": 2}
    config = FitConfig(finetune=True, fine_tuning=short(), **settings)
    classifier, report = fit_classifier(recordings, config, measure=False)
    plain, _ = fit_classifier(recordings, FitConfig(**settings), measure=False)
    assert report.chosen.candidate != FINE_TUNED
    np.testing.assert_array_equal(classifier.predict_proba(recordings), plain.predict_proba(recordings))
    assert "Fine-tuning did not help by more than one standard error, and was not kept" in describe_choice(report)


def test_without_an_encoder_there_is_nothing_to_fine_tune(recordings: list[SkeletonSequence]) -> None:
    with pytest.raises(InputError, match=r"no encoder to fine-tune.*no encoder was named"):
        fit_classifier(recordings, FitConfig(encoder="none", finetune=True))


def test_distances_to_the_training_clips_are_those_of_the_encoder_of_each_fold(
    recordings: list[SkeletonSequence],
) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(24, 6)), np.arange(24) % 2
    folds = make_folds(labels, np.arange(24), 3)
    probabilities = np.full((24, 2), 0.5)
    reference = ReferencePose.of(recordings)
    statistics = [measure_motion(one, reference) for one in recordings]
    about = (labels, 2, probabilities, statistics, folds)
    alone = fit_doubt(features, *about).novelties
    same = fit_doubt(features, *about, [features] * 3).novelties
    np.testing.assert_array_equal(same, alone)
    drifted = [np.where(np.isin(np.arange(24), test)[:, None], 9 + features, features) for _, test in folds]
    assert fit_doubt(features, *about, drifted).novelties.mean() > alone.mean()
