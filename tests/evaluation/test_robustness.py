from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.datasets import Split
from skeletonmae.evaluation import LinearProbe, Result
from skeletonmae.evaluation.altered_clips import LostFrames
from skeletonmae.evaluation.altered_probe import evaluate_altered
from skeletonmae.evaluation.robustness import Robustness
from skeletonmae.sequences import SequenceStore

NOTHING: dict[str, Any] = {
    "noise": [], "lost_joints": [], "lost_frames": [], "lost_person": False, "turned_camera": [], "tilted_camera": [],
    "frame_rate": [],
}  # fmt: skip


def words(result: Result) -> str:
    """The setting without that of the probe."""
    return result.setting.removesuffix(" epochs=5").removesuffix(" epochs=1")


@pytest.fixture
def task(tiny_run: Path, tiny_store: Path, make_task: Any) -> Any:
    """A tiny encoder, and recordings of 25 classes, some of them of two persons."""
    checkpoint, store = load_checkpoint(tiny_run), SequenceStore.open(tiny_store)
    camera = store.tag("camera")
    split = Split(np.flatnonzero(camera != "3"), np.flatnonzero(camera == "3"))
    about = {"method": checkpoint.method, "store": store, "split": split, "clips": checkpoint.header.clips}
    return make_task(np.eye(2), "ab", np.eye(2), "ab", **about)


def test_every_corruption_has_its_levels_and_its_mean(task: Any) -> None:
    probe = LinearProbe(epochs=5)
    settings = Robustness(noise=(0.1,), lost_joints=(0.3, 0.6), probe=probe)
    clean, *corrupted = settings.run(task)
    assert [words(result) for result in corrupted] == [
        "noise=0.1", "lost_joints=0.3", "lost_joints=0.6",
        "lost_frames=0.1", "lost_frames=0.25", "lost_frames=0.5", "lost_frames=0.75", "lost_person",
        "turned_camera=15", "turned_camera=30", "turned_camera=60", "turned_camera=90",
        "tilted_camera=10", "tilted_camera=20", "tilted_camera=30",
        "frame_rate=1/2", "frame_rate=1/4", "frame_rate=1/8",
    ]  # fmt: skip
    top1 = {words(result): result.top1 for result in corrupted}
    means = clean.metrics
    assert means["noise"] == top1["noise=0.1"]
    assert means["lost_joints"] == pytest.approx((top1["lost_joints=0.3"] + top1["lost_joints=0.6"]) / 2)
    assert list(means)[:-1] == [
        "noise", "lost_joints", "lost_frames", "lost_person", "turned_camera", "tilted_camera", "frame_rate",
    ]  # fmt: skip
    assert means["mean_top1"] == pytest.approx(sum(list(means.values())[:-1]) / 7)
    (linear,) = probe.run(task)
    assert clean.confusion_matrix == linear.confusion_matrix
    assert {len(task.clip_scores[result.key].label) for result in corrupted} == {len(task.split.test)}
    assert task.clip_scores[corrupted[0].key].recordings == task.clip_scores[linear.key].recordings


def test_a_turned_camera_does_not_matter_to_bodies_that_face_forward(task: Any) -> None:
    settings = Robustness.model_validate(NOTHING | {"turned_camera": [40], "probe": {"epochs": 5}})
    clean, turned = settings.run(task)
    assert turned.confusion_matrix == clean.confusion_matrix
    plain = replace(task, clips=task.clips.model_copy(update={"transforms": ()}))
    clean, turned = settings.run(plain)
    assert turned.confusion_matrix != clean.confusion_matrix


def test_the_head_is_fitted_once_on_clean_clips(task: Any, reads: list[Any]) -> None:
    Robustness.model_validate(NOTHING | {"lost_frames": [0.2, 0.4, 0.6], "probe": {"epochs": 1}}).run(task)
    read = np.concatenate([index for _, index in reads]).tolist()
    assert {read.count(index) for index in task.split.train} == {1}
    assert {read.count(index) for index in task.split.test} == {4}


def test_frames_that_were_not_recorded_are_bridged_as_the_clips_say(task: Any) -> None:
    levels = {"lost_frames": [0.5], "dropped_frames": [0.3, 0.5], "probe": {"epochs": 5}}
    clean, *corrupted = Robustness.model_validate(NOTHING | levels).run(task)
    assert [words(result) for result in corrupted] == [
        "lost_frames=0.5",
        "dropped_frames=0.3",
        "dropped_frames=0.5",
    ]
    means = clean.metrics
    assert means["dropped_frames"] == pytest.approx((corrupted[1].top1 + corrupted[2].top1) / 2)
    assert means["mean_top1"] == pytest.approx((means["lost_frames"] + means["dropped_frames"]) / 2)
    unbridged = replace(task, clips=task.clips.model_copy(update={"bridge_seconds": 0}))
    again = Robustness.model_validate(NOTHING | levels).run(unbridged)
    assert again[-1].confusion_matrix != corrupted[-1].confusion_matrix


def test_a_corruption_that_cannot_be_is_left_out(task: Any) -> None:
    single = np.flatnonzero(task.store.num_persons[task.split.test] == 1)
    alone = replace(task, split=Split(task.split.train, task.split.test[single]))
    settings = Robustness.model_validate(NOTHING | {"lost_person": True, "probe": {"epochs": 1}})
    assert [words(result) for result in settings.run(alone)] == ["clean"]
    assert [words(result) for result in settings.run(task)] == ["clean", "lost_person"]


def test_in_2d_no_camera_is_tilted() -> None:
    class Flat:
        axes, num_persons = 2, np.ones(4, dtype=int)

    class Task:
        store, split, clips = Flat, Split(np.arange(2), np.arange(2, 4)), LinearProbe
        clips.max_persons = 2  # type: ignore[attr-defined]

    assert "tilted_camera" not in Robustness()._curves(Task)  # type: ignore[arg-type]
    Flat.axes = 3
    curves = Robustness()._curves(Task)  # type: ignore[arg-type]
    assert "tilted_camera" in curves
    assert list(curves["noise"]) == ["noise=0.01", "noise=0.02", "noise=0.05", "noise=0.1"]
    assert list(curves["lost_joints"]) == [f"lost_joints={share}" for share in (0.1, 0.2, 0.4, 0.6)]


def test_a_clip_in_which_nothing_is_left_gets_the_most_frequent_class(make_task: Any) -> None:
    class LoseAll(LostFrames):
        def __call__(self, batch: Any) -> Any:
            return batch.with_positions(batch.positions, batch.observed & (batch.label != 1)[:, None, None, None])

    train = np.eye(3)[[0, 1, 2, 2]] * 5
    task = make_task(train, "abcc", np.eye(3) * 5, "abc")
    clean, lost = evaluate_altered(
        task, LinearProbe(epochs=50), {"clean": LostFrames(share=0), "lost": LoseAll(share=0)}, "robustness"
    )
    assert clean.top1 == 1.0
    assert lost.confusion_matrix == ((1, 0, 0), (0, 0, 1), (0, 0, 1))
    assert lost.num_test == 3


def test_features_that_are_zero_are_not_those_of_an_empty_clip(
    make_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = np.array([[9, 5], [5, 5], [5, 9], [5, 9]])
    task = make_task(train, "abcc", train[:3], "abc")
    embed = task.method.embed
    monkeypatch.setattr(task.method, "embed", lambda batch, *a, **k: embed(batch)[:, :2] - 5)
    (clean,) = evaluate_altered(task, LinearProbe(epochs=50), {"clean": LostFrames(share=0)}, "robustness")
    assert clean.confusion_matrix == ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def test_the_probe_has_all_its_settings(task: Any) -> None:
    probe = {
        "pooling": "joints", "time_parts": 2, "last_blocks": 2, "views": 1, "test_views": 2, "epochs": 2,
        "label_fraction": 0.5, "draw": "plain", "seed": 3, "weight_decays": [0.1, 0.001],
    }  # fmt: skip
    clean, noisy = Robustness.model_validate(NOTHING | {"noise": [0.5], "probe": probe}).run(task)
    (linear,) = LinearProbe.model_validate(probe).run(task)
    assert clean.confusion_matrix == linear.confusion_matrix
    assert noisy.confusion_matrix != linear.confusion_matrix
    assert noisy.setting == f"noise=0.5 {linear.setting}"
    assert (noisy.label_fraction, noisy.seed, noisy.num_train) == (0.5, 3, linear.num_train)
    assert (noisy.details, noisy.best_params) == (linear.details, linear.best_params)
    assert noisy.best_params


def test_the_seed_of_the_corruptions_is_in_the_name_of_the_result() -> None:
    first, second = (Robustness(noise=(0.1,), seed=seed, probe=LinearProbe()).result_keys for seed in (0, 7))
    assert first[:2] == (("robustness clean", 1.0, 0), ("robustness noise=0.1", 1.0, 0))
    assert second[1] == ("robustness noise=0.1 corruption_seed=7", 1.0, 0)
    assert not set(first) & set(second)
