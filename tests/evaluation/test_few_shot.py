from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.evaluation.few_shot import Episodes, FewShot, classify_episodes, clip_interval
from skeletonmae.recipe import recipe_from

NAMES = "abcdef"


@pytest.fixture
def task(make_task: Any) -> Any:
    """Six classes; those of a, b and c are apart, those of d, e and f are the same."""
    rng = np.random.default_rng(0)
    centers = np.concatenate([np.eye(4)[:3], np.eye(4)[[3, 3, 3]]]) * 20
    labels, test_labels = np.arange(60) % 6, np.arange(90) % 6
    train, test = (centers[each] + rng.normal(size=(len(each), 4)) for each in (labels, test_labels))
    return make_task(train, [NAMES[i] for i in labels], test, [NAMES[i] for i in test_labels])


def test_the_nearest_prototype() -> None:
    train = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0, 1], [1, 1], [-1, 0.1]]))
    test = torch.nn.functional.normalize(torch.tensor([[1.0, 0.2], [0.1, 1], [-1, 1]]))
    episodes = Episodes(
        classes=torch.tensor([[4, 7], [7, 4]]),
        support=torch.tensor([[[0, 2], [1, 1]], [[3, 3], [0, 0]]]),
        query=torch.tensor([[[0, 1], [2, 2]], [[2, 0], [0, 1]]]),
    )
    # In the first episode the prototypes are at 22.5 and 90 degrees, in the second at 174 and 0.
    assert classify_episodes(train, test, episodes).tolist() == [[[0, 1], [1, 1]], [[0, 1], [1, 1]]]


def test_a_prototype_of_scattered_examples_is_as_near_as_one_of_equal_examples() -> None:
    """Its mean is shorter, which must not count: the query is 15 degrees from class 0, and 30 from class 1."""
    train = torch.tensor([[1.0, 0], [0, 1]])
    test = torch.tensor([[math.cos(math.pi / 6), math.sin(math.pi / 6)]])
    support = torch.tensor([[[0, 1], [0, 0]]])
    episodes = Episodes(torch.tensor([[0, 1]]), support, torch.zeros(1, 2, 1, dtype=torch.int64))
    assert classify_episodes(train, test, episodes).tolist() == [[[0], [0]]]


def test_chunks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = torch.randn(20, 6), torch.randn(30, 6)
    episodes = Episodes(
        torch.zeros(9, 3, dtype=torch.int64), torch.randint(20, (9, 3, 2)), torch.randint(30, (9, 3, 4))
    )
    whole = classify_episodes(train, test, episodes)
    monkeypatch.setattr("skeletonmae.evaluation.few_shot.VALUES_AT_ONCE", 150)
    assert torch.equal(classify_episodes(train, test, episodes), whole)


def test_classes_that_are_apart_and_classes_that_are_not(task: Any) -> None:
    (apart,) = FewShot(classes=tuple("abc"), way=3, shots=(1,)).run(task)
    assert apart.top1 > 0.99
    (same,) = FewShot(classes=tuple("def"), way=3, shots=(1,)).run(task)
    low, high = same.top1_interval
    assert same.top1 == pytest.approx(1 / 3, abs=0.06)
    half_width = same.metrics.pop("episode_half_width")
    assert same.metrics == {"episodes": 1000, "queries": 30_000, "chance": pytest.approx(1 / 3)}
    assert low < same.top1 < high
    assert half_width < 0.01
    (fewer,) = FewShot(classes=tuple("def"), way=3, shots=(1,), episodes=100).run(task)
    assert fewer.metrics["episode_half_width"] == pytest.approx(half_width * 10**0.5, rel=0.3)
    # 45 test clips say no more in more episodes.
    assert same.num_test == fewer.num_test == 45
    assert np.ptp(same.top1_interval) == pytest.approx(np.ptp(fewer.top1_interval), rel=0.25)
    assert high - low > 5 * half_width


def test_the_interval_is_that_of_resampled_clips() -> None:
    """Each clip is a query as often as others, and always or never correct: the interval is that of 0s and 1s."""
    is_right = np.arange(40) < 30
    query = torch.arange(40).repeat(50).view(50, 4, 10)
    low, high = clip_interval(torch.from_numpy(is_right)[query], query)
    draw = np.random.default_rng(3).binomial(40, 0.75, 20_000) / 40
    assert (low, high) == pytest.approx(tuple(np.quantile(draw, [0.025, 0.975])), abs=0.026)


def test_a_result_counts_test_clips_once_and_queries_apart(task: Any) -> None:
    settings = FewShot(classes=tuple("adef"), way=2, shots=(2,), episodes=50, queries=3)
    (result,) = settings.run(task)
    assert result.num_train == 4
    assert 45 <= result.num_test <= 60  # of 60 clips, 15 of each class
    assert result.metrics["queries"] == 50 * 2 * 3
    assert sum(map(sum, result.confusion_matrix)) == 300
    assert result.top1 == pytest.approx(sum(result.confusion_matrix[i][i] for i in range(4)) / 300)
    assert result.classes == tuple("adef")
    assert result.name == "few_shot 2-way 2-shot classes=4 queries=3 episodes=50"


def test_more_shots_are_better(make_task: Any) -> None:
    rng = np.random.default_rng(2)
    labels = np.arange(100) % 5
    train, test = (np.eye(5)[labels] * 2 + rng.normal(size=(100, 5)) for _ in range(2))
    task = make_task(train, labels, test, labels)
    one, five = FewShot(shots=(1, 5)).run(task)
    assert one.top1_interval[1] < five.top1_interval[0]
    assert (one.name, five.name) == ("few_shot 5-way 1-shot", "few_shot 5-way 5-shot")


def test_episodes_are_drawn_by_the_seed_without_repeats() -> None:
    labels, test_labels = np.arange(40) % 4, np.arange(60) % 4
    settings = FewShot(way=3, queries=6, episodes=30)
    classes = np.array([0, 1, 3])
    episodes = settings._draw(labels, test_labels, classes, 4)
    again, other = (
        each._draw(labels, test_labels, classes, 4) for each in (settings, settings.model_copy(update={"seed": 1}))
    )
    assert torch.equal(episodes.query, again.query)
    assert not torch.equal(episodes.query, other.query)
    for rows, of in ((episodes.support, labels), (episodes.query, test_labels)):
        assert (of[rows.numpy()] == episodes.classes.numpy()[:, :, None]).all()
        assert all(len(set(clips)) == rows.shape[2] for clips in rows.flatten(0, 1).tolist())
    assert all(sorted(way) == [0, 1, 3] for way in episodes.classes.tolist())
    assert len(set(episodes.query.flatten().tolist())) == 45  # all clips of the three classes are used
    assert torch.equal(settings._draw(labels, test_labels, classes, 1).classes, episodes.classes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"classes": ["a", "z"], "way": 2},
            "classes: the store has no such class; expected a, b, c, d, e, f; got z",
        ),
        ({"way": 7}, "too few classes for an episode; expected at least way = 7 classes; got 6"),
        (
            {"shots": [11]},
            r"class 'a' has too few clips on the train side; lower `shots`; expected at least 11; got 10",
        ),
        ({"queries": 16}, r"class 'a' has too few clips on the test side; lower `queries`; .*16; got 15"),
    ],
)
def test_what_cannot_be_drawn_is_refused(task: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FewShot.model_validate(settings).run(task)


def test_classes_of_the_pretraining_are_refused(task: Any) -> None:
    labels = np.array([task.classes[label] for label in task.labels])
    seen = replace(task, pretrain_index=np.flatnonzero(np.isin(labels, ["a", "b", "c"])))
    FewShot(classes=tuple("def"), way=3, episodes=2).run(seen)
    FewShot(classes=tuple("abc"), way=3, episodes=2).run(task)  # it is not known what pre-training has seen
    with pytest.raises(InputError, match=r"pre-trained on clips of b, c; expected .*exclude_classes"):
        FewShot(classes=tuple("bcd"), way=3, episodes=2).run(seen)


def test_a_checkpoint_knows_which_classes_it_has_seen(
    tmp_path: Path, tiny_tree: Any, tiny_run: Path, alone: Any
) -> None:
    tree = tiny_tree(epochs=1)
    classes = ["drinking", "clapping", "sitting down"]
    from skeletonmae.sequences import SequenceStore

    classes = list(SequenceStore.open(tree["data"]["evaluate"]["store"]).classes[:3])
    few = {"kind": "few_shot", "classes": classes, "way": 3, "shots": [1], "queries": 1, "episodes": 5}
    tree["evaluation"] = [few]
    with pytest.raises(InputError, match="few_shot: classes: the encoder was pre-trained on clips of"):
        runs.evaluate(recipe_from(tree, ""), load_checkpoint(tiny_run), None, alone)
    runs.evaluate(recipe_from(tree, ""), None, None, alone)  # from scratch, it has seen nothing
    tree["data"]["evaluate"]["exclude_classes"] = classes
    recipe = recipe_from(tree, "")
    checkpoint = load_checkpoint(runs.pretrain(recipe, tmp_path / "run", alone))
    (result,) = runs.evaluate(recipe, checkpoint, None, alone)
    assert result.classes == tuple(classes)


def test_what_episodes_consist_of_is_in_the_name_of_the_result() -> None:
    settings = {
        "way": 4,
        "shots": (2,),
        "queries": 3,
        "episodes": 5,
        "seed": 2,
        "classes": ("pick up", "sit", "b"),
    }
    made = [
        FewShot(shots=(1,)),
        *(FewShot(**({"shots": (1,)} | {name: value})) for name, value in settings.items()),
    ]
    keys = [key for protocol in made for key in protocol.result_keys]
    assert len(set(keys)) == len(made)
    assert keys[0] == ("few_shot 5-way 1-shot", 1.0, 0)
    assert keys[-1] == ("few_shot 5-way 1-shot classes=3", 1.0, 0)
