"""The estimators on recordings, used as those of scikit-learn are."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.motion import CLASSES, motion, write_folder
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skeletonmae import SkeletonEncoder
from skeletonmae.errors import InputError
from skeletonmae.estimators import SkeletonClassifier, SkeletonTransformer
from skeletonmae.evaluation.finetune import FinetuneTraining
from skeletonmae.inference import FitConfig, RecordingClassifier, fit
from skeletonmae.inference.fine_tuning import FineTuningConfig
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20


@pytest.fixture(scope="module")
def recordings() -> list[SkeletonSequence]:
    return [motion(label, seed) for seed in range(8) for label in CLASSES]


@pytest.fixture(scope="module")
def labels(recordings: list[SkeletonSequence]) -> list[str]:
    return [recording.label or "" for recording in recordings]


@pytest.fixture(scope="module")
def subjects(recordings: list[SkeletonSequence]) -> list[str]:
    return [recording.tags["subject"] for recording in recordings]


@pytest.fixture(scope="module")
def make(tiny_run: Path) -> Callable[..., Any]:
    def made(kind: Any = SkeletonClassifier, **settings: Any) -> Any:
        return kind(**{"encoder": tiny_run, "device": "cpu"} | settings)

    return made


@pytest.fixture(scope="module")
def fitted(make: Any, recordings: list[SkeletonSequence], labels: list[str]) -> SkeletonClassifier:
    classifier: SkeletonClassifier = make().fit(recordings, labels)
    return classifier


def test_features_are_those_of_the_encoder(make: Any, recordings: list[SkeletonSequence], tiny_run: Path) -> None:
    transformer = make(SkeletonTransformer, pooling="parts")
    features = transformer.fit_transform(recordings)
    expected = SkeletonEncoder.from_pretrained(tiny_run, device="cpu").embed(recordings, pooling="parts")
    np.testing.assert_array_equal(features, expected.features)
    assert tuple(transformer.get_feature_names_out()) == expected.feature_names
    np.testing.assert_allclose(transformer.transform(recordings[3:4]), features[3:4], atol=1e-5)
    assert not hasattr(transformer, "n_features_in_")


def test_an_encoder_may_be_given_instead_of_its_name(
    make: Any, recordings: list[SkeletonSequence], tiny_run: Path, labels: list[str]
) -> None:
    encoder = SkeletonEncoder.from_pretrained(tiny_run, device="cpu")
    ones = clone(make(SkeletonTransformer, encoder=encoder)).fit_transform(recordings)
    np.testing.assert_array_equal(ones, make(SkeletonTransformer).fit_transform(recordings))
    assert make(encoder=encoder).fit(recordings, labels).score(recordings, labels) > 0.9


def test_features_as_a_data_frame(make: Any, recordings: list[SkeletonSequence]) -> None:
    transformer = make(SkeletonTransformer, pooling="mean").set_output(transform="pandas")
    frame = transformer.fit_transform(recordings[:2])
    assert list(frame.columns[:2]) == ["mean_0", "mean_1"]


def test_classes_and_probabilities(
    fitted: SkeletonClassifier, recordings: list[SkeletonSequence], labels: list[str]
) -> None:
    assert fitted.classes_.tolist() == sorted(CLASSES)
    probabilities = fitted.predict_proba(recordings)
    assert probabilities.shape == (24, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(1)], fitted.predict(recordings))
    assert fitted.score(recordings, labels) > 0.9
    new = [motion(label, 20) for label in CLASSES]
    assert fitted.predict(new).tolist() == list(CLASSES)
    assert fitted.transform(new).shape[0] == 3


def test_the_encoder_can_be_fine_tuned(
    make: Any, recordings: list[SkeletonSequence], labels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = FineTuningConfig(training=FinetuneTraining(epochs=1, warmup_epochs=0.0))
    monkeypatch.setattr("skeletonmae.estimators.classifier.FitConfig", partial(FitConfig, fine_tuning=quick))
    monkeypatch.setattr("skeletonmae.inference.fine_tuning_choice.is_surely_better", lambda *_: True)
    classifier = clone(make(finetune=True, folds=2)).fit(recordings, labels)
    assert classifier.report_.fine_tuning.is_kept
    assert classifier.classifier_.featurizer.kind == "fine-tuned"
    assert classifier.predict_proba(recordings[:2]).shape == (2, 3)


def test_numbers_are_labels_too(make: Any, recordings: list[SkeletonSequence], labels: list[str]) -> None:
    """Their order as texts is another one."""
    numbers = np.array([{"wave": 100, "bow": 9, "kick": 20}[label] for label in labels])
    classifier = make(encoder="none").fit(recordings, numbers)
    assert classifier.classes_.tolist() == [9, 20, 100]
    assert classifier.predict([motion("wave", 20), motion("bow", 20)]).tolist() == [100, 9]


def test_labels_of_the_recordings_are_the_default(make: Any, recordings: list[SkeletonSequence]) -> None:
    classifier = make(encoder="none").fit(recordings)
    assert classifier.score(recordings, [one.label for one in recordings]) == 1
    unlabeled = SkeletonSequence.from_positions(recordings[0].positions, KINECT20, name="new")
    with pytest.raises(InputError, match=r"requires y to be passed, but the target y is None.*no label of new"):
        make().fit([*recordings, unlabeled])


def test_folders_files_and_arrays(
    make: Any, recordings: list[SkeletonSequence], labels: list[str], tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "Aufnahmen ä 動作")
    of_folder = make(encoder="none").fit(folder)
    files = sorted(folder.rglob("*.json"))
    assert of_folder.predict(files).tolist() == [file.parent.name for file in files]
    arrays = np.stack([one.positions[0] for one in recordings])
    of_arrays = make(layout="kinect20", fps=30, encoder="none").fit(arrays, labels)
    assert of_arrays.predict(arrays).tolist() == labels
    channels = arrays.reshape(24, 24, 60).transpose(0, 2, 1)
    np.testing.assert_array_equal(of_arrays.predict_proba(channels), of_arrays.predict_proba(arrays))


def test_the_classifier_is_that_of_fit(
    fitted: SkeletonClassifier, recordings: list[SkeletonSequence], tiny_run: Path, tmp_path: Path
) -> None:
    """It answers as the command does, says what is unknown, and can be saved for it."""
    classifier, _ = fit.fit_classifier(recordings, fit.FitConfig(encoder=str(tiny_run)))
    np.testing.assert_allclose(classifier.predict_proba(recordings), fitted.predict_proba(recordings), atol=1e-5)
    fitted.classifier_.save(tmp_path / "classifier.safetensors")
    loaded = RecordingClassifier.load(tmp_path / "classifier.safetensors")
    assert loaded.predict(recordings[:1])[0].classes[0][0] == recordings[0].label


def test_groups_stay_together_where_the_head_is_chosen(
    make: Any,
    recordings: list[SkeletonSequence],
    labels: list[str],
    subjects: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given as `groups`, by metadata routing, or as the tag of the recordings."""
    seen = []
    make_folds = fit.make_folds

    def recorded(codes: Any, groups: Any, *settings: Any) -> Any:
        folds = make_folds(codes, groups, *settings)
        seen.extend([(set(names[train]), set(names[test])) for train, test in folds])
        return folds

    monkeypatch.setattr(fit, "make_folds", recorded)
    names = np.array(subjects)
    make(encoder="none").fit(recordings, labels)
    names = np.array(["pair 1" if subject in ("anna", "ben") else "pair 2" for subject in subjects])
    make(encoder="none").fit(recordings, labels, groups=names)
    assert len(seen) == 4 + 2
    assert all(not train & test for train, test in seen)


def test_the_encoder_alone_can_be_classified_by(make: Any, recordings: list[SkeletonSequence]) -> None:
    assert make(features="encoder").fit(recordings).classifier_.featurizer.kind == "encoder"
    with pytest.raises(InputError, match="unknown features"):
        make(features="coordinates").fit(recordings)


def test_groups_that_cannot_be_kept_together_are_said(
    make: Any, recordings: list[SkeletonSequence], labels: list[str], subjects: list[str]
) -> None:
    with pytest.warns(UserWarning, match="groups are not kept together"):
        make(encoder="none").fit(recordings, labels, groups=labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        make(encoder="none").fit(recordings, labels, groups=subjects)


def test_cross_validation_with_groups(
    make: Any, recordings: list[SkeletonSequence], labels: list[str], subjects: list[str]
) -> None:
    accuracy = cross_val_score(make(encoder="none"), recordings, labels, groups=subjects, cv=GroupKFold(4))
    assert accuracy.shape == (4,)
    assert accuracy.mean() > 0.9


def test_groups_reach_the_classifier_by_metadata_routing(
    make: Any,
    recordings: list[SkeletonSequence],
    labels: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six groups that no tag states: five in each fit, whole in its folds."""
    untagged = [replace(one, tags={}) for one in recordings]
    groups = [number // 4 for number in range(24)]
    seen = []
    make_folds = fit.make_folds

    def recorded(codes: Any, numbers: Any, *settings: Any) -> Any:
        folds = make_folds(codes, numbers, *settings)
        overlaps = [set(numbers[train]) & set(numbers[test]) for train, test in folds]
        seen.append((len(set(numbers)), len(folds), any(overlaps)))
        return folds

    monkeypatch.setattr(fit, "make_folds", recorded)
    with config_context(enable_metadata_routing=True):
        classifier = make(encoder="none").set_fit_request(groups=True)
        cross_val_score(classifier, untagged, labels, params={"groups": groups}, cv=GroupKFold(6))
    assert seen == [(5, 5, False)] * 6


def test_in_a_pipeline_and_a_grid_search(
    make: Any, recordings: list[SkeletonSequence], labels: list[str], subjects: list[str]
) -> None:
    pipeline = make_pipeline(make(SkeletonTransformer), StandardScaler(), LogisticRegression())
    settings = {"skeletontransformer__pooling": ["mean", "joints"], "logisticregression__C": [0.1, 1.0]}
    search = GridSearchCV(pipeline, settings, cv=GroupKFold(2)).fit(recordings, labels, groups=subjects)
    assert search.best_params_["skeletontransformer__pooling"] in ("mean", "joints")
    assert search.predict(recordings).shape == (24,)
    alone = GridSearchCV(make(), {"encoder": ["none", make().encoder]}, cv=GroupKFold(2))
    assert alone.fit(recordings, labels, groups=subjects).score(recordings, labels) > 0.9


@pytest.mark.slow
def test_two_processes_answer_as_one(
    make: Any, recordings: list[SkeletonSequence], labels: list[str], subjects: list[str]
) -> None:
    settings = {"groups": subjects, "cv": GroupKFold(2), "method": "predict_proba"}
    one, two = (cross_val_predict(make(), recordings, labels, n_jobs=jobs, **settings) for jobs in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_clones_settings_and_pickles(
    make: Any, fitted: SkeletonClassifier, recordings: list[SkeletonSequence], tiny_run: Path
) -> None:
    classifier = make(fps=30, joints=("head",))
    assert classifier.get_params()["encoder"] == tiny_run
    assert clone(classifier).set_params(folds=3).get_params() == classifier.get_params() | {"folds": 3}
    assert vars(clone(fitted)).keys() == classifier.get_params().keys()
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - of this test
    np.testing.assert_array_equal(again.predict_proba(recordings), fitted.predict_proba(recordings))
    assert "SkeletonClassifier(" in repr(classifier)


def test_nothing_happens_before_fit() -> None:
    """Not even a check of the settings."""
    estimator = SkeletonTransformer(encoder="no such encoder", pooling="none")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such checkpoint or shipped encoder"):
        estimator.fit([motion("wave", 0)])


def test_mistakes(
    make: Any, fitted: SkeletonClassifier, recordings: list[SkeletonSequence], labels: list[str]
) -> None:
    nothing = SkeletonSequence.from_positions(np.full((9, 20, 3), np.nan), KINECT20, name="nothing")
    given = [*recordings, nothing]
    with pytest.raises(InputError, match=r"item 24 of X \(nothing\): no joint that the model knows"):
        fitted.predict(given)
    with pytest.raises(InputError, match=r"item 24 of X \(nothing\)"):
        make(SkeletonTransformer).fit(recordings).transform(given)
    with pytest.raises(InputError, match=r"item 24 of X \(nothing\)"):
        make().fit(given, [*labels, "wave"])
    with pytest.raises(InputError, match="there are not two classes; got one class, wave"):
        make().fit(recordings, ["wave"] * 24)
    with pytest.raises(InputError, match=r"fitted to recordings; layout or joints say .*; got table"):
        fitted.predict(np.zeros((2, 60)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(recordings, labels[:-1])
    with pytest.raises(InputError, match="folds: too few folds"):
        make(folds=1).fit(recordings, labels)


def test_an_encoder_that_cannot_read_the_recordings_is_said(make: Any, labels: list[str]) -> None:
    """The coordinates are classified instead, as `fit` does."""
    flat = [
        SkeletonSequence.from_positions(motion(label, number).positions[..., :2], KINECT20, unit="px")
        for number, label in enumerate(labels)
    ]
    with pytest.warns(UserWarning, match="2D recordings: their coordinates are classified, because the encoder"):
        classifier = make().fit(flat, labels)
    assert classifier.predict(flat).shape == (24,)


def test_groups_stay_together_where_the_head_of_a_table_is_chosen() -> None:
    """The rows of a group are alike, and of one class, which others of the group therefore tell."""
    rng, groups = np.random.default_rng(0), np.arange(90) // 3
    table, labels = rng.normal(size=(30, 6))[groups] + 0.01 * rng.normal(size=(90, 6)), groups % 3
    apart, together = SkeletonClassifier().fit(table, labels), SkeletonClassifier().fit(table, labels, groups)
    new = rng.normal(size=(200, 6))
    assert apart.predict_proba(new).max(1).mean() > 0.7
    assert together.predict_proba(new).max(1).mean() < 0.6


def test_a_fit_to_a_table_forgets_the_recordings_and_back(
    make: Any, recordings: list[SkeletonSequence], labels: list[str]
) -> None:
    classifier = make(encoder="none").fit(np.random.default_rng(0).normal(size=(24, 3)), labels)
    assert (classifier.kind_, classifier.n_features_in_) == ("table", 3)
    classifier.fit(recordings, labels)
    assert classifier.kind_ == "recordings"
    assert not hasattr(classifier, "n_features_in_")
    assert classifier.predict(recordings).shape == (24,)
