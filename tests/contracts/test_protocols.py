"""What every entry in `PROTOCOLS` must hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation import PROTOCOLS, EvaluationTask, Result
from skeletonmae.recipe import recipe_from

TRAINING = {"epochs": 2, "batch_size": 16, "lr": 0.05, "warmup_epochs": 0}
# Quick settings of each, and settings under which it has something to choose.
QUICK: dict[str, dict[str, Any]] = {
    "linear": {"epochs": 3},
    "finetune": {"training": TRAINING},
    "few_shot": {"way": 3, "shots": [1], "queries": 1, "episodes": 40},
    "robustness": {
        "noise": [1e-5],  # most of the features are constant, and the probe divides by their deviation
        "lost_joints": [0.05],
        "lost_frames": [0.1],
        "turned_camera": [1e-3],
        "tilted_camera": [1e-3],
        "frame_rate": [2],
        "probe": {"epochs": 3},
    },
    "early": {"shares": [0.5, 1], "probe": {"epochs": 3}},
    "segmentation": {
        "probe": {"epochs": 3},
        "windows": [1],
        "class_weights": [1],
        "background_weights": [8],
        "junctions": {"pause_seconds": [0, 0], "blend_seconds": [0, 0]},
    },
}
CHOOSING: dict[str, dict[str, Any]] = {
    "linear": {"epochs": 3, "weight_decays": (0.0, 0.1), "views": 2},
    "finetune": {"training": TRAINING, "lrs": (0.1, 0.01), "label_fraction": 0.5},
    "robustness": {"frame_rate": [], "probe": {"epochs": 3, "weight_decays": (0.0, 0.1)}},
    "early": {"shares": [0.5, 1], "probe": {"epochs": 3, "weight_decays": (0.0, 0.1)}},
    "segmentation": QUICK["segmentation"] | {"probe": {"epochs": 3}, "class_weights": [0.5, 1]},
}
# Protocols that test several versions of each clip, and that test some classes in episodes.
REPEATING, IN_EPISODES = ("robustness", "early"), ("few_shot",)
# Protocols that read test clips in long recordings, and count frames; their tests say what they read.
IN_RECORDINGS = ("segmentation",)
CLASSES = ("0", "1", "2", "nobody does this")
entries = pytest.mark.parametrize("kind", PROTOCOLS)
of_clips = pytest.mark.parametrize("kind", [kind for kind in PROTOCOLS if kind not in IN_RECORDINGS])


def protocol(kind: str, settings: dict[str, dict[str, Any]] = QUICK) -> Any:
    return PROTOCOLS[kind].model_validate(settings.get(kind, {}))


@pytest.fixture
def task(make_task: Any) -> Any:
    rng = np.random.default_rng(0)
    labels, test_labels = np.arange(60) % 3, np.arange(31) % 3
    train, test = (np.eye(3)[each] * 2 + rng.normal(size=(len(each), 3)) for each in (labels, test_labels))
    return make_task(train, labels, test, test_labels, classes=CLASSES)


def without_times(results: list[Result]) -> list[Result]:
    return [result.model_copy(update={"seconds": 0.0}) for result in results]


@entries
def test_its_settings_know_their_kind(kind: str) -> None:
    made: Config = PROTOCOLS[kind]()
    assert made.kind == kind  # type: ignore[attr-defined]
    assert PROTOCOLS[kind].model_validate_json(made.model_dump_json()) == made


@entries
def test_its_numbers_agree_with_each_other(kind: str, task: Any) -> None:
    results = protocol(kind).run(task)
    assert results
    for result in results:
        confusion = np.array(result.confusion_matrix)
        assert result.protocol == kind
        assert result.top1 == pytest.approx(np.trace(confusion) / confusion.sum())
        assert result.top1 > 0.5 or kind in IN_RECORDINGS  # the classes are well apart
        assert result.top1_interval[0] <= result.top1 <= result.top1_interval[1]
        assert result.seconds >= 0
        assert Result.model_validate_json(result.model_dump_json()) == result
        if kind in (*IN_EPISODES, *IN_RECORDINGS):
            continue
        assert result.classes == CLASSES
        assert confusion.shape == (4, 4)
        assert confusion.sum(1).tolist() == [11, 10, 10, 0]
        assert result.num_test == 31
        assert result.top5 == 1.0
        assert result.per_class_accuracy[:3] == pytest.approx(tuple(np.diag(confusion)[:3] / [11, 10, 10]))
        assert result.per_class_accuracy[3] is None
        assert result.num_train == 60
    assert len({(result.name, result.seed) for result in results}) == len(results)


@entries
def test_it_says_before_what_its_results_are_called(kind: str, task: Any) -> None:
    made = protocol(kind)
    keys = [result.key for result in made.run(task)]
    assert [key for key in made.result_keys if key in keys] == keys
    assert len(set(made.result_keys)) == len(made.result_keys)
    assert len(made.result_keys) == len(keys) or kind == "robustness"  # nobody else is lost in clips of one person


@entries
def test_no_result_replaces_another_of_the_same_name(kind: str) -> None:
    settings = {"kind": kind, **QUICK.get(kind, {})}
    data = {"evaluate": {"store": "x"}}
    assert len(recipe_from({"data": data, "evaluation": [settings]}, "here").evaluation) == 1
    with pytest.raises(InputError, match=f"items 0 and 1 both have the result '{kind}.* and seed 0"):
        recipe_from({"data": data, "evaluation": [settings, settings]}, "here")


@entries
def test_it_is_deterministic(kind: str, task: Any) -> None:
    first = without_times(protocol(kind).run(task))
    torch.manual_seed(99)
    assert without_times(protocol(kind).run(task)) == first


@of_clips
def test_the_test_side_is_read_once_at_the_end(kind: str, task: Any, reads: list[Any]) -> None:
    protocol(kind, CHOOSING if kind in CHOOSING else QUICK).run(task)
    first_test = next(
        position for position, (_, index) in enumerate(reads) if np.isin(index, task.split.test).any()
    )
    before = np.concatenate([index for _, index in reads[:first_test]])
    after = np.concatenate([index for _, index in reads[first_test:]])
    assert set(before) <= set(task.split.train.tolist())
    times, rest = divmod(len(after), len(task.split.test))
    assert rest == 0
    assert times == 1 or kind in REPEATING
    assert sorted(after) == np.repeat(task.split.test, times).tolist()


@of_clips
def test_settings_are_selected_on_recordings_that_were_not_fitted(
    kind: str, task: Any, reads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[tuple[int, set[int], set[int], set[int]]] = []
    divide = EvaluationTask.train_val_split

    def divided(task: EvaluationTask, index: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        fit, val = divide(task, index, seed)
        parts.append((len(reads), set(index.tolist()), set(fit.tolist()), set(val.tolist())))
        return fit, val

    monkeypatch.setattr(EvaluationTask, "train_val_split", divided)
    results = protocol(kind, CHOOSING if kind in CHOOSING else QUICK).run(task)
    assert bool(parts) == any(result.best_params for result in results) == (kind in CHOOSING)
    for start, both, fit, val in parts:
        assert not fit & val
        assert fit | val == both <= set(task.split.train.tolist())
        since = [set(index.tolist()) for _, index in reads[start:]]
        apart = [read <= fit or read <= val for read in since]
        choosing = since[: apart.index(False)]  # then all of it is fitted, or the test side is read
        assert set().union(*choosing) == both
        assert choosing[0] <= fit


@entries
def test_it_leaves_the_method_as_it_was(kind: str, tiny_run: Any, tiny_store: Any, make_task: Any) -> None:
    from skeletonmae.checkpoint import load_checkpoint
    from skeletonmae.datasets import Split
    from skeletonmae.sequences import SequenceStore

    checkpoint = load_checkpoint(tiny_run)
    store = SequenceStore.open(tiny_store)
    split = Split(np.arange(48), np.arange(48, 96))
    method = checkpoint.method
    before = {name: value.clone() for name, value in method.state_dict().items()}
    about = {"method": method, "store": store, "split": split, "clips": checkpoint.header.clips}
    results = protocol(kind).run(make_task(np.eye(2), "ab", np.eye(2), "ab", **about, pretrained=False))
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())
    assert all(parameter.requires_grad for parameter in method.parameters())
    assert {result.pretrained for result in results} == {False}


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        *((kind, "seed", seed) for kind in ("linear", "few_shot", "robustness", "segmentation") for seed in (-1, 2**63)),
        ("finetune", "seeds", [0, -1]), ("finetune", "lrs", [1e-3, 0]), ("finetune", "lrs", [-1e-3]),
        ("knn", "k", [1, 0]), ("knn", "k", [-1]),
        ("linear", "shrinkages", [0]), ("linear", "shrinkages", []), ("linear", "weight_decays", [float("nan")]),
        ("few_shot", "episodes", 1), ("robustness", "noise", [float("inf")]), ("early", "shares", [0]),
    ],
)  # fmt: skip
def test_numbers_that_numpy_and_torch_refuse_are_refused_by_the_recipe(
    kind: str, setting: str, value: Any
) -> None:
    tree = {"data": {"evaluate": {"store": "x"}}, "evaluation": [{"kind": kind, setting: value}]}
    with pytest.raises(InputError, match=rf"evaluation\.0\.{setting}"):
        recipe_from(tree, "here")
