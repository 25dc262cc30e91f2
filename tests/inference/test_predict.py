from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.checkpoint import Checkpoint, load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.inference import Prediction, predict
from skeletonmae.methods import InputSpec, JointPatchClassifierConfig
from skeletonmae.recipe import recipe_from
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import HAND21, KINECT20, NTU25


@pytest.fixture(scope="module")
def classifier(tiny_run: Path) -> Checkpoint:
    return load_checkpoint(tiny_run / "finetune-1-seed0.safetensors")


@pytest.fixture(scope="module")
def recordings(tiny_store: Path) -> list[SkeletonSequence]:
    store = SequenceStore.open(tiny_store)
    return [store[index] for index in range(30)]


def assert_same(ones: list[Prediction], others: list[Prediction]) -> None:
    assert [(one.recording, one.person) for one in ones] == [(other.recording, other.person) for other in others]
    for one, other in zip(ones, others, strict=True):
        for (name, share), (its_name, its_share) in zip(one.classes, other.classes, strict=True):
            assert share == pytest.approx(its_share, abs=1e-5)
            assert name == its_name or abs(share - its_share) < 1e-5


def test_it_says_what_the_classifier_scores_highest(
    classifier: Checkpoint, recordings: list[SkeletonSequence], tiny_store: Path
) -> None:
    """Against the scores of the store's own clips, asked for without `predict`."""
    loader = classifier.header.clips.loader(SequenceStore.open(tiny_store), np.arange(30), batch_size=30)
    shares = classifier.classifier(loader.batch(0, 0)).softmax(1)
    answers = predict(classifier, recordings, top=25)
    assert [answer.recording for answer in answers] == [recording.name for recording in recordings]
    for answer, row in zip(answers, shares, strict=True):
        assert answer.person is None
        found = dict(answer.classes)
        assert sum(found.values()) == pytest.approx(1.0, abs=1e-5)
        assert [found[name] for name in classifier.header.classes] == pytest.approx(row.tolist(), abs=1e-5)
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_one_by_one_equals_all_at_once(classifier: Checkpoint, recordings: list[SkeletonSequence]) -> None:
    together = predict(classifier, recordings)
    assert_same(together, [answer for one in recordings for answer in predict(classifier, [one])])
    assert_same(together, predict(classifier, recordings, batch_size=7))
    assert all(len(answer.classes) == 3 for answer in together)


def test_each_person_alone(classifier: Checkpoint, recordings: list[SkeletonSequence]) -> None:
    pair = next(one for one in recordings if one.num_persons == 2)
    single = next(one for one in recordings if one.num_persons == 1)
    answers = predict(classifier, [pair, single], per_person=True)
    assert [(a.recording, a.person) for a in answers] == [(pair.name, 0), (pair.name, 1), (single.name, 0)]
    cut = [replace(pair, positions=pair.positions[[i]], observed=pair.observed[[i]]) for i in (0, 1)]
    expected = predict(classifier, [*cut, single])
    assert_same([replace(answer, person=None) for answer in answers], expected)


def test_a_tag_called_person_is_just_a_tag(classifier: Checkpoint, recordings: list[SkeletonSequence]) -> None:
    tagged = replace(recordings[0], tags={"person": "anna"})
    assert predict(classifier, [tagged])[0].person is None
    assert predict(classifier, [tagged], per_person=True)[0].person == 0


@pytest.mark.parametrize("per_person", [False, True])
def test_nobody_is_seen(classifier: Checkpoint, recordings: list[SkeletonSequence], per_person: bool) -> None:
    empty = SkeletonSequence.from_positions(np.full((2, 9, 25, 3), np.nan), NTU25, name="empty")
    none = SkeletonSequence.from_positions(np.zeros((0, 0, 25, 3)), NTU25, name="nothing at all")
    given = [recordings[0], empty, none, recordings[1]]
    answers = predict(classifier, given, per_person=per_person)
    assert [answer.recording for answer in answers] == [one.name for one in given]
    assert [len(answer.classes) for answer in answers] == [3, 0, 0, 3]
    assert_same(answers[:1], predict(classifier, recordings[:1], per_person=per_person))


def test_no_recording_no_answer(classifier: Checkpoint) -> None:
    assert predict(classifier, []) == []


def test_one_frame_is_enough(classifier: Checkpoint, recordings: list[SkeletonSequence]) -> None:
    full = recordings[0]
    still = replace(full, positions=full.positions[:, :1], observed=full.observed[:, :1])
    assert len(predict(classifier, [still])[0].classes) == 3


def test_no_more_actions_than_there_are(classifier: Checkpoint, recordings: list[SkeletonSequence]) -> None:
    assert len(predict(classifier, recordings[:1], top=99)[0].classes) == 25
    assert len(predict(classifier, recordings[:1], top=1)[0].classes) == 1


def test_names_and_unknown_labels_do_no_harm(classifier: Checkpoint, recordings: list[SkeletonSequence]) -> None:
    strange = replace(recordings[0], name="größer 小さい/ü\n", label="never seen", tags={"x": "ü"})
    answer = predict(classifier, [strange, strange])
    assert [one.recording for one in answer] == [strange.name] * 2
    assert_same(answer[:1], [replace(predict(classifier, recordings[:1])[0], recording=strange.name)])


def as_kinect(sequence: SkeletonSequence) -> SkeletonSequence:
    """The joints that both layouts know; the others are unobserved."""
    names = [name for name in KINECT20.joints if name in NTU25.index]
    to, come = [KINECT20.index[n] for n in names], [NTU25.index[n] for n in names]
    positions = np.full((*sequence.positions.shape[:2], 20, 3), np.nan, np.float32)
    positions[:, :, to] = np.where(sequence.observed[:, :, come, None], sequence.positions[:, :, come], np.nan)
    return SkeletonSequence.from_positions(positions, KINECT20, name=sequence.name, fps=sequence.fps)


@pytest.fixture(scope="module")
def of_kinect(tiny_tree: Any) -> Checkpoint:
    """A classifier that knows the joints of kinect20 alone."""
    tree = tiny_tree()
    tree["data"]["transforms"] = []
    recipe = recipe_from(tree, "")
    model = recipe.build(InputSpec(8, 3, KINECT20.joints)).classifier(3, JointPatchClassifierConfig())
    from skeletonmae.checkpoint import Header

    about = {
        "clips": recipe.data.clips,
        "masking": recipe.masking,
        "method": recipe.method,
        "axes": 3,
        "unit": "m",
        "joints": KINECT20.joints,
        "classes": ("a", "b", "c"),
    }
    header = Header(role="classifier", **about)  # type: ignore[arg-type]
    return Checkpoint(header, model.eval())


def test_another_layout_is_read_by_its_joints(of_kinect: Checkpoint, recordings: list[SkeletonSequence]) -> None:
    """A model of kinect20 sees the joints of ntu25 that it knows, and is deaf to the others."""
    answers = predict(of_kinect, recordings)
    assert_same(answers, predict(of_kinect, [as_kinect(one) for one in recordings]))
    assert len({answer.classes[0][1] for answer in answers}) > 10  # it does look at them


def test_layouts_may_come_mixed(classifier: Checkpoint, recordings: list[SkeletonSequence]) -> None:
    mixed = [recordings[0], as_kinect(recordings[1]), recordings[2]]
    answers = predict(classifier, mixed)
    assert [answer.recording for answer in answers] == [one.name for one in mixed]
    assert_same(answers, [predict(classifier, [one])[0] for one in mixed])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"unit": "px"}, r"the model was trained on another unit.*; expected m; got px"),
        ({"axes": 2}, r"the model was trained on 3D coordinates.*; expected 3 axes; got 2"),
        ({"skeleton": HAND21}, r"the model knows none of the joints"),
    ],
)
@pytest.mark.parametrize("per_person", [False, True])
def test_a_recording_that_does_not_fit_is_its_own_problem(
    classifier: Checkpoint,
    recordings: list[SkeletonSequence],
    make_recording: Any,
    settings: Any,
    reason: str,
    per_person: bool,
) -> None:
    odd = make_recording(7, lost=0.0, **settings)
    first, failed, last = predict(classifier, [recordings[0], odd, recordings[0]], per_person=per_person)
    assert (failed.recording, failed.person, failed.classes) == ("clip 7", None, ())
    assert re.match(reason, failed.error)
    assert_same([first, last], predict(classifier, [recordings[0]] * 2, per_person=per_person))
    assert first.error == ""


def test_a_recording_with_huge_values_is_its_own_problem(
    classifier: Checkpoint, recordings: list[SkeletonSequence]
) -> None:
    huge = replace(recordings[1], positions=recordings[1].positions * np.float32(1e37))
    first, failed, last = predict(classifier, [recordings[0], huge, recordings[2]])
    assert failed.classes == ()
    assert failed.error.startswith("the output of the model is not finite")
    assert_same([first, last], predict(classifier, [recordings[0], recordings[2]]))


def test_a_clip_that_spoils_its_batch_is_classified_alone(
    classifier: Checkpoint, recordings: list[SkeletonSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model whose batch is lost with one clip, as a normalization over the batch would do."""
    forward = type(classifier.classifier).forward

    def spoiled(self: Any, batch: Any) -> Any:
        logits = forward(self, batch)
        return logits if logits.isfinite().all() else logits * torch.nan

    expected = predict(classifier, [recordings[0], recordings[2]])
    monkeypatch.setattr(type(classifier.classifier), "forward", spoiled)
    huge = replace(recordings[1], positions=recordings[1].positions * np.float32(1e37))
    first, failed, last = predict(classifier, [recordings[0], huge, recordings[2]])
    assert failed.error
    assert_same([first, last], expected)


def test_a_method_names_no_actions(tiny_run: Path, recordings: list[SkeletonSequence]) -> None:
    with pytest.raises(InputError, match="without classes; fine-tune it first"):
        predict(load_checkpoint(tiny_run), recordings)


def test_bf16_changes_probabilities_only_slightly(
    classifier: Checkpoint, recordings: list[SkeletonSequence]
) -> None:
    exact, rounded = (
        [dict(each.classes) for each in predict(classifier, recordings[:20], top=100, precision=precision)]
        for precision in ("float32", "bf16")
    )
    assert exact == [dict(each.classes) for each in predict(classifier, recordings[:20], top=100)]
    assert exact != rounded
    for one, other in zip(exact, rounded, strict=True):
        assert other == pytest.approx(one, abs=0.03)
