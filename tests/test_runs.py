from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.evaluation import KNN, Finetune, LinearProbe, Result
from skeletonmae.evaluation.finetune import FinetuneTraining
from skeletonmae.recipe import Recipe, recipe_from
from skeletonmae.sequences import SequenceStore, StoreWriter
from skeletonmae.skeletons import COCO17, KINECT20, NTU25
from skeletonmae.training import lock_folder, read_log


def test_the_files_of_a_run(tiny_run: Path, tiny_tree: Any) -> None:
    names = {path.name for path in tiny_run.iterdir()}
    assert names >= {"model.safetensors", "recipe.yaml", "log.csv", "state.pt", "results.json"}
    resolved = yaml.safe_load((tiny_run / "recipe.yaml").read_text())
    assert recipe_from(resolved, "") == recipe_from(tiny_tree(), "")
    assert resolved["training"]["weight_decay"] == 0.05  # a default is written out
    assert [row["epoch"] for row in read_log(tiny_run)] == [1, 2]


def test_results_json(tiny_run: Path, tiny_store: Path) -> None:
    written = json.loads((tiny_run / "results.json").read_text())
    store = SequenceStore.open(tiny_store)
    assert written["store_fingerprint"] == store.fingerprint
    assert written["recipe"]["method"]["width"] == 16
    results = [Result.model_validate(result) for result in written["results"]]
    assert [result.name for result in results] == ["linear epochs=3", "knn k=1", "finetune"]
    camera = store.tag("camera")
    for result in results:
        assert result.pretrained
        assert result.classes == store.classes
        assert result.num_train == (camera != "3").sum()
        assert result.num_test == (camera == "3").sum()
        assert (
            np.array(result.confusion_matrix).sum(1).tolist()
            == np.bincount(store.labels[camera == "3"], minlength=25).tolist()
        )


def test_test_recordings_never_enter_pretraining(
    tmp_path: Path, tiny_tree: Any, alone: Any, reads: list[Any]
) -> None:
    runs.pretrain(recipe_from(tiny_tree(epochs=1), ""), tmp_path, alone)
    assert reads
    for store, index in reads:
        assert set(store.tag("camera")[index]) <= {"1", "2"}
    assert (
        len(np.unique(np.concatenate([index for _, index in reads]))) == (reads[0][0].tag("camera") != "3").sum()
    )


def test_stores_are_pooled_each_by_its_own_rule(
    tmp_path: Path, tiny_tree: Any, tiny_store: Path, alone: Any, reads: list[Any]
) -> None:
    tree = tiny_tree(epochs=1)
    third = {"kind": "tag", "tag": "camera", "train": [3], "test": [1]}
    tree["data"]["pretrain"] = [
        {"store": str(tiny_store), "split": "view"},
        {"store": str(tiny_store), "split": third},
        {"store": str(tiny_store), "use": "all"},
    ]
    runs.pretrain(recipe_from(tree, ""), tmp_path, alone)
    camera = SequenceStore.open(tiny_store).tag("camera")
    expected = [*np.flatnonzero(camera != "3"), *(96 + np.flatnonzero(camera == "3")), *range(192, 288)]
    assert sorted(np.concatenate([index for _, index in reads])) == expected
    assert len(load_checkpoint(tmp_path).header.store_fingerprints) == 3


def test_stores_that_do_not_match(
    tmp_path: Path, tiny_tree: Any, make_store: Any, make_recording: Any, alone: Any
) -> None:
    make_store(tmp_path / "other", [make_recording(0, skeleton=KINECT20)])
    tree = tiny_tree()
    tree["data"]["pretrain"] = [tree["data"]["evaluate"], {"store": str(tmp_path / "other"), "use": "all"}]
    with pytest.raises(InputError, match=r"different skeleton.*--convert-to.*expected ntu25; got kinect20"):
        runs.pretrain(recipe_from(tree, ""), tmp_path / "run", alone)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("pretrain", r"axes.*prepare the 3D recordings with `--axes 2`.*got 2"),
        (
            "evaluate",
            r"flat: the model was trained on 3D coordinates, but the store has 2D.*expected 3 axes; got 2",
        ),
    ],
)
def test_2d_and_3d_do_not_mix(
    tmp_path: Path, tiny_tree: Any, make_store: Any, make_recording: Any, alone: Any, source: str, message: str
) -> None:
    flat = make_recording(0, skeleton=NTU25, label="a")
    flat = replace(flat, positions=np.ascontiguousarray(flat.positions[..., :2]))
    with StoreWriter(tmp_path / "flat", flat.skeleton, axes=2) as writer:
        writer.add(flat)
    tree = tiny_tree()
    two = {"store": str(tmp_path / "flat"), "use": "all"}
    tree["data"]["pretrain"] = [tree["data"]["evaluate"]]
    if source == "pretrain":
        tree["data"]["pretrain"].append(two)
    else:
        tree["data"]["evaluate"] = two
    with pytest.raises(InputError, match=message):
        runs.pretrain(recipe_from(tree, ""), tmp_path / "run", alone)
    assert not (tmp_path / "run").exists()


def test_pretraining_is_a_function_of_recipe_and_data(
    tmp_path: Path, tiny_tree: Any, tiny_run: Path, alone: Any
) -> None:
    again = load_file(runs.pretrain(recipe_from(tiny_tree(), ""), tmp_path / "again", alone))
    other = load_file(runs.pretrain(recipe_from(tiny_tree(seed=1), ""), tmp_path / "other", alone))
    for name, expected in load_file(tiny_run / "model.safetensors").items():
        assert torch.equal(again[name], expected), name
    assert any(not torch.equal(again[name], other[name]) for name in again)


def test_a_store_without_observed_persons_is_refused(
    tmp_path: Path, tiny_tree: Any, make_store: Any, make_recording: Any, alone: Any
) -> None:
    make_store(tmp_path / "empty", [make_recording(0, lost=1.0)])
    tree = tiny_tree()
    tree["data"]["pretrain"] = [{"store": str(tmp_path / "empty"), "use": "all"}]
    with pytest.raises(InputError, match="nothing to train on"):
        runs.pretrain(recipe_from(tree, ""), tmp_path / "run", alone)


def test_a_stopped_run_says_where_it_stopped_and_that_it_resumes(
    tmp_path: Path, tiny_tree: Any, alone: Any
) -> None:
    class Killed(BaseException):
        pass

    def kill(_: str, progress: Any) -> None:
        if progress.step == 3:
            raise Killed

    recipe, messages = recipe_from(tiny_tree(), ""), []
    with pytest.raises(Killed):
        runs.pretrain(recipe, tmp_path, alone, kill, messages.append)
    assert not any("resuming" in message for message in messages)
    with pytest.raises(InputError, match=r"no model yet: it stopped at step 2, or is still running; .*resumes it"):
        load_checkpoint(tmp_path)
    with pytest.raises(InputError, match="there is no such checkpoint"):
        load_checkpoint(tmp_path / "other.safetensors")
    runs.pretrain(recipe, tmp_path, alone, None, messages.append)
    assert f"resuming the run in {tmp_path} after step 2" in messages
    messages.clear()
    runs.pretrain(recipe, tmp_path, alone, None, messages.append)
    assert not any("resuming" in message for message in messages)  # it is finished


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda tree: tree["training"].update(lr=0.5), r"training\.lr: 0.001 in the saved recipe, 0.5 now"),
        (lambda tree: tree["method"].update(depth=1), r"method\.depth: 2 in the saved recipe, 1 now"),
        (lambda tree: tree["masking"].update(ratio=0.6), r"masking\.ratio: 0.5 in the saved recipe, 0.6 now"),
        (lambda tree: tree["data"].update(stream="bone"), r"data\.stream: joint in the saved recipe, bone now"),
        (lambda tree: tree["data"].update(transforms=[]), r"data\.transforms"),
        (
            lambda tree: tree["data"]["evaluate"].update(split="subject"),
            r"split: view in the saved recipe, subject now",
        ),
    ],
)
def test_another_recipe_in_the_same_folder_is_refused(
    tiny_run: Path, tiny_tree: Any, tmp_path: Path, alone: Any, change: Any, key: str
) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    tree = tiny_tree()
    change(tree)
    with pytest.raises(InputError, match=key) as caught:
        runs.pretrain(recipe_from(tree, ""), tmp_path / "run", alone)
    assert str(tmp_path / "run") in str(caught.value)
    for name in ("model.safetensors", "recipe.yaml", "log.csv", "state.pt"):
        assert (tmp_path / "run" / name).read_bytes() == (tiny_run / name).read_bytes()


def test_a_recipe_whose_run_never_began_may_be_corrected(tiny_tree: Any, tmp_path: Path, alone: Any) -> None:
    tree = tiny_tree() | {"method": {"kind": "graph", "joint_masking": {"kind": "parts", "parts": ["rigth_arm"]}}}
    del tree["masking"]
    tree["evaluation"] = []
    with pytest.raises(InputError, match="no part 'rigth_arm'"):
        runs.pretrain(recipe_from(tree, ""), tmp_path, alone)
    tree["method"]["joint_masking"]["parts"] = ["right_arm"]
    assert runs.pretrain(recipe_from(tree, ""), tmp_path, alone).exists()
    assert "right_arm" in (tmp_path / "recipe.yaml").read_text()


def test_what_does_not_change_pretraining_may_differ(
    tiny_run: Path, tiny_tree: Any, tmp_path: Path, alone: Any, reads: list[Any]
) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    tree = tiny_tree(checkpoint_seconds=7)
    tree["evaluation"] = [{"kind": "knn"}]
    runs.pretrain(recipe_from(tree, ""), tmp_path / "run", alone)
    assert reads == []  # it was finished already
    again, before = (load_file(folder / "model.safetensors") for folder in (tmp_path / "run", tiny_run))
    assert all(torch.equal(again[name], before[name]) for name in before)


def test_other_data_under_the_same_path_is_refused(
    tmp_path: Path, tiny_tree: Any, tiny_store: Path, make_store: Any, alone: Any
) -> None:
    recordings = list(SequenceStore.open(tiny_store))
    make_store(tmp_path / "store", recordings, dataset="synthetic")
    recipe = recipe_from(tiny_tree(tmp_path / "store", epochs=1), "")
    runs.pretrain(recipe, tmp_path / "run", alone)
    shutil.rmtree(tmp_path / "store")
    make_store(tmp_path / "store", recordings[::-1], dataset="synthetic")
    with pytest.raises(InputError, match=r"another run \(the recordings in .*store have changed since\)"):
        runs.pretrain(recipe, tmp_path / "run", alone)


def test_a_folder_that_another_run_has_locked(tmp_path: Path, tiny_tree: Any, alone: Any) -> None:
    with lock_folder(tmp_path), pytest.raises(InputError, match="another run is writing"):
        runs.pretrain(recipe_from(tiny_tree(), ""), tmp_path, alone)
    assert not (tmp_path / "recipe.yaml").exists()


def test_from_scratch_is_the_network_of_the_recipe(tmp_path: Path, tiny_tree: Any, alone: Any) -> None:
    recipe = with_protocols(recipe_from(tiny_tree(), ""), KNN(k=(1,)), LinearProbe(epochs=1))
    results = runs.evaluate(recipe, None, tmp_path, alone)
    assert [(result.name, result.pretrained) for result in results] == [
        ("knn k=1", False),
        ("linear epochs=1", False),
    ]
    scores = {"scores-knn-k=1-1-seed0.npz", "scores-linear-epochs=1-1-seed0.npz"}
    assert {path.name for path in tmp_path.iterdir() if path.name != ".lock-0"} == {"results.json", *scores}


def test_a_network_from_scratch_is_calibrated_and_initialized_for_each_seed(
    tiny_tree: Any, tmp_path: Path, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[Any] = []

    def record(_: KNN, task: Any) -> list[Result]:
        tasks.append(task)
        return []

    monkeypatch.setattr(KNN, "run", record)
    monkeypatch.setattr("skeletonmae.runs.evaluation.measure_cost", lambda *_, **__: None)
    graph = {"method": {"kind": "graph"}, "masking": None, "evaluation": [{"kind": "knn"}]}
    recipe = recipe_from(tiny_tree() | graph, "tiny")
    model = load_checkpoint(runs.pretrain(recipe, tmp_path, alone))
    for checkpoint in (None, model):
        runs.evaluate(recipe, checkpoint, None, alone)
    scratch, trained = tasks
    means = {name: value for name, value in scratch.method.state_dict().items() if name.endswith("running_mean")}
    assert means
    fresh = scratch.init_method(recipe.training.seed).state_dict()
    assert any(not torch.equal(value, fresh[name]) for name, value in means.items())  # of the training clips
    weight = next(name for name, _ in scratch.method.named_parameters() if name.endswith("weight"))
    assert torch.equal(scratch.method.state_dict()[weight], fresh[weight])
    assert not torch.equal(
        scratch.init_method(1).state_dict()[weight], scratch.init_method(2).state_dict()[weight]
    )
    assert trained.init_method is None
    assert all(
        torch.equal(value, trained.method.state_dict()[name]) for name, value in model.method.state_dict().items()
    )


def test_only_from_scratch_has_no_layer_decay(
    tiny_tree: Any, tiny_run: Path, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A low learning rate of early layers would preserve nothing in random weights."""
    tree, decays = tiny_tree(), []
    tree["evaluation"] = [{"kind": "finetune", "training": {"epochs": 1, "layer_decay": 0.7}}]

    def record(protocol: Finetune, task: Any) -> list[Result]:
        decays.append(protocol.training.layer_decay)
        return []

    monkeypatch.setattr(Finetune, "run", record)
    for checkpoint in (load_checkpoint(tiny_run), None):
        runs.evaluate(recipe_from(tree, ""), checkpoint, None, alone)
    assert decays == [0.7, 1.0]


def test_the_weights_make_the_difference(tiny_tree: Any, tiny_run: Path, alone: Any) -> None:
    recipe = with_protocols(recipe_from(tiny_tree(), ""), LinearProbe(epochs=10, pooling="joints"))
    trained, again, fresh = (
        runs.evaluate(recipe, checkpoint, None, alone)[0].confusion_matrix
        for checkpoint in (load_checkpoint(tiny_run), load_checkpoint(tiny_run), None)
    )
    assert trained == again != fresh


def test_a_model_of_another_method_is_refused(tiny_tree: Any, tiny_run: Path, alone: Any) -> None:
    tree = tiny_tree()
    tree["method"]["width"] = 24
    with pytest.raises(
        InputError, match=r"method: .*another method; expected \{'width': 16\}; got \{'width': 24\}"
    ):
        runs.evaluate(recipe_from(tree, ""), load_checkpoint(tiny_run), None, alone)


STOPPABLE = [
    KNN(k=(1, 3)),
    LinearProbe(epochs=1),
    Finetune(seeds=(0, 1), training=FinetuneTraining(epochs=1, batch_size=32)),
]


def with_protocols(recipe: Recipe, *protocols: Any) -> Recipe:
    return recipe.model_copy(update={"evaluation": protocols})


def without_seconds(results: list[Result]) -> list[Result]:
    """The results without what differs from run to run, or between a folder and none."""
    return [result.model_copy(update={"seconds": 0.0, "scores": ""}) for result in results]


def test_a_stopped_evaluation_keeps_what_is_finished(
    tmp_path: Path, tiny_tree: Any, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second seed of fine-tuning; the numbers are those of an evaluation that was left alone."""
    recipe = with_protocols(recipe_from(tiny_tree(), ""), *STOPPABLE)
    expected = runs.evaluate(recipe, None, None, alone)
    run, fits = Finetune._run, []

    def stopped(self: Finetune, task: Any, seed: int) -> Result:
        fits.append(seed)
        if seed == 1 and fits.count(1) == 1:
            raise KeyboardInterrupt
        return run(self, task, seed)

    monkeypatch.setattr(Finetune, "_run", stopped)
    (tmp_path / "confusion-old.png").touch()
    with pytest.raises(KeyboardInterrupt):
        runs.evaluate(recipe, None, tmp_path, alone)
    written = json.loads((tmp_path / "results.json").read_text())
    assert (written["complete"], written["num_finished"], len(written["results"])) == (False, 3, 4)
    assert not (tmp_path / "confusion-old.png").exists(), "pictures of another evaluation are gone"
    (tmp_path / "confusion-new.png").touch()
    messages: list[str] = []
    results = runs.evaluate(recipe, None, tmp_path, alone, on_message=messages.append)
    assert fits == [0, 1, 1]
    assert "resuming: 3 of 4 runs were finished earlier" in messages
    assert without_seconds(results) == without_seconds(expected)
    written = json.loads((tmp_path / "results.json").read_text())
    assert (written["complete"], written["num_finished"], len(written["results"])) == (True, 4, 5)
    assert (tmp_path / "confusion-new.png").exists()
    runs.evaluate(recipe, None, tmp_path, alone)  # a complete one is replaced
    assert fits == [0, 1, 1, 0, 1]


@pytest.mark.parametrize("change", ["seed", "protocols", "damaged"])
def test_results_of_another_evaluation_are_not_continued(
    tmp_path: Path, tiny_tree: Any, alone: Any, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    protocols: list[Any] = [KNN(k=(1,)), KNN(k=(3,))]
    run, settings = KNN.run, []

    def stopped(self: KNN, task: Any) -> list[Result]:
        settings.append(self.k)
        if len(settings) == 2:
            raise KeyboardInterrupt
        return run(self, task)

    monkeypatch.setattr(KNN, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        runs.evaluate(with_protocols(recipe_from(tiny_tree(), ""), *protocols), None, tmp_path, alone)
    tree = tiny_tree(seed=1) if change == "seed" else tiny_tree()
    if change == "protocols":
        protocols = [KNN(k=(5,)), KNN(k=(3,))]
    if change == "damaged":
        file = tmp_path / "results.json"
        file.write_text(file.read_text().replace("top1_interval", "top1_intervals"))
    messages: list[str] = []
    recipe = with_protocols(recipe_from(tree, ""), *protocols)
    runs.evaluate(recipe, None, tmp_path, alone, on_message=messages.append)
    assert settings[2:] == [protocol.k for protocol in protocols]
    said = [message for message in messages if "results.json: not the results of an evaluation" in message]
    assert len(said) == (change == "damaged")


def test_two_evaluations_do_not_write_to_one_folder(tmp_path: Path, tiny_tree: Any, alone: Any) -> None:
    with lock_folder(tmp_path), pytest.raises(InputError, match="another run is writing to this folder"):
        runs.evaluate(recipe_from(tiny_tree(), ""), None, tmp_path, alone)
    assert not (tmp_path / "results.json").exists()


def test_the_groups_on_each_side_are_named(tmp_path: Path, tiny_tree: Any, tiny_store: Path, alone: Any) -> None:
    tree, messages = tiny_tree(split="view"), list[str]()
    tree["data"]["evaluate"]["split"] = {"kind": "grouped", "group_by": "subject"}
    recipe = with_protocols(recipe_from(tree, ""), KNN(k=(1,)))
    runs.evaluate(recipe, None, tmp_path, alone, on_message=messages.append)
    written = json.loads((tmp_path / "results.json").read_text())
    store = SequenceStore.open(tiny_store)
    test = recipe.data.evaluate.split_rule(store)(store).test
    subjects = sorted(set(store.tag("subject")[test]))
    assert written["groups"]["subject"]["test"] == subjects
    assert set(written["groups"]["subject"]["train"]) == set(store.tags["subject"]) - set(subjects)
    assert messages == [f"split: {written['split_description']}"]
    assert f"of subject {', '.join(subjects)};" in messages[0]


def test_a_split_by_a_tag_names_its_values_and_the_subjects(tiny_run: Path) -> None:
    groups = json.loads((tiny_run / "results.json").read_text())["groups"]
    assert groups["camera"] == {"train": ["1", "2"], "test": ["3"]}
    assert groups["subject"]["test"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 8, "all 6 training recordings have the same class; .*got 'a'"),
        ([None] * 8, "none has a label"),
        (["a", "b"], "at least one class with two or more recordings"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    tmp_path: Path, tiny_tree: Any, make_store: Any, make_recording: Any, alone: Any, labels: Any, message: str
) -> None:
    clips = [make_recording(i, label=label, lost=0.0) for i, label in enumerate(labels)]
    make_store(tmp_path / "store", clips, dataset="folder")
    with pytest.raises(InputError, match=message):
        runs.evaluate(recipe_from(tiny_tree(tmp_path / "store", split=None), ""), None, tmp_path / "out", alone)
    assert not (tmp_path / "out").exists()


def test_without_a_folder_nothing_is_written(
    tmp_path: Path, tiny_tree: Any, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs.evaluate(recipe_from(tiny_tree(), ""), None, None, alone)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 16}, r"data\.frames: the model was pre-trained with another value; expected 8; got 16"),
        ({"stream": "motion"}, r"data\.stream: .*expected joint; got motion"),
        ({"transforms": []}, r"data\.transforms"),
    ],
)
def test_clips_that_the_model_was_not_trained_on(
    tiny_run: Path, tiny_tree: Any, alone: Any, change: dict[str, Any], message: str
) -> None:
    tree = tiny_tree()
    tree["data"] |= change
    with pytest.raises(InputError, match=message):
        runs.evaluate(recipe_from(tree, ""), load_checkpoint(tiny_run), None, alone)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "px"}, "another unit; .*expected m; got px"),
        ({"axes": 2}, "trained on 3D coordinates, but the store has 2D"),
    ],
)
def test_a_store_that_does_not_fit_the_model(
    tiny_run: Path, tiny_tree: Any, tmp_path: Path, make_store: Any, make_recording: Any, alone: Any,
    settings: dict[str, Any], message: str,
) -> None:  # fmt: skip
    recording = {"unit": settings.get("unit", "m"), "axes": settings.get("axes", 3)}
    make_store(
        tmp_path / "store", [make_recording(i, label="ab"[i % 2], **recording) for i in range(8)], **settings
    )
    tree = tiny_tree(tmp_path / "store", split=None)
    with pytest.raises(InputError, match=message):
        runs.evaluate(recipe_from(tree, ""), load_checkpoint(tiny_run), None, alone)


def test_a_classifier_is_not_a_method(tiny_run: Path, tiny_tree: Any, alone: Any) -> None:
    checkpoint = load_checkpoint(tiny_run / "finetune-1-seed0.safetensors")
    with pytest.raises(InputError, match="a pre-trained model is needed"):
        runs.evaluate(recipe_from(tiny_tree(), ""), checkpoint, None, alone)


def test_an_encoder_evaluates_another_layout(
    tiny_run: Path, tiny_tree: Any, tmp_path: Path, make_store: Any, make_recording: Any, alone: Any
) -> None:
    """A model of ntu25 evaluates recordings of kinect20, because joints have names."""
    clips = [make_recording(i, label="ab"[i % 2], lost=0.0) for i in range(12)]
    make_store(tmp_path / "store", clips, dataset="folder")
    tree = tiny_tree(tmp_path / "store", split="stratified")
    recipe = with_protocols(recipe_from(tree, ""), KNN(k=(1,)))
    results = runs.evaluate(recipe, load_checkpoint(tiny_run), None, alone)
    assert results[0].classes == ("a", "b")


def test_transfer_to_a_layout_with_unknown_joints(
    tiny_tree: Any, tmp_path: Path, make_store: Any, make_recording: Any, alone: Any
) -> None:
    """Pre-train on one store, evaluate on another one: joints are matched by name, and unknown ones are named."""
    tree, messages = tiny_tree(tmp_path / "other", split="stratified", epochs=1), list[str]()
    tree["data"]["pretrain"] = [{"store": tiny_tree()["data"]["evaluate"]["store"], "use": "all"}]
    clips = [make_recording(i, label="ab"[i % 2], skeleton=COCO17, lost=0.0) for i in range(12)]
    make_store(tmp_path / "other", clips, dataset="folder")
    recipe = with_protocols(recipe_from(tree, ""), KNN(k=(1,)))
    checkpoint = load_checkpoint(runs.pretrain(recipe, tmp_path, alone))
    runs.evaluate(recipe, checkpoint, tmp_path, alone, on_message=messages.append)
    written = json.loads((tmp_path / "results.json").read_text())
    unknown = [joint for joint in COCO17.joints if joint not in NTU25.joints]
    assert 0 < len(unknown) < 17
    assert (written["layout"], written["unknown_joints"]) == ("coco17", unknown)
    assert written["pretraining_store_fingerprints"] != [written["store_fingerprint"]]
    expected = (
        f"the model knows {17 - len(unknown)} of the 17 joints of coco17; it was not trained on {unknown[0]}"
    )
    assert any(message.startswith(expected) for message in messages)
    messages.clear()
    runs.evaluate(recipe, None, None, alone, on_message=messages.append)
    assert not any("joints of coco17" in message for message in messages)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_results_state_the_precision(
    tmp_path: Path, tiny_run: Path, tiny_tree: Any, alone: Any, precision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "skeletonmae.runs.evaluation.measure_cost", lambda *_, **__: None
    )  # counts operations in float32
    checkpoint, recipe = load_checkpoint(tiny_run), with_protocols(recipe_from(tiny_tree(), ""), KNN(k=(1,)))
    seen: list[torch.dtype] = []
    checkpoint.method.encoder.blocks[0].mlp[1].register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    runs.evaluate(recipe, checkpoint, tmp_path, alone, precision=precision)
    assert json.loads((tmp_path / "results.json").read_text())["precision"] == precision
    assert set(seen) == {torch.bfloat16 if precision == "bf16" else torch.float32}


def test_with_a_moving_average_both_weights_can_be_evaluated(tmp_path: Path, tiny_tree: Any, alone: Any) -> None:
    recipe = with_protocols(recipe_from(tiny_tree(ema_decay=0.8), ""), KNN(k=(1,)))
    averaged = load_checkpoint(runs.pretrain(recipe, tmp_path, alone))
    last = load_checkpoint(tmp_path / "model-last.safetensors")
    assert (averaged.header.weights, last.header.weights) == ("ema", "model")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    for name, weight in last.method.state_dict().items():
        assert torch.equal(weight, state["model"][name])
        assert torch.equal(averaged.method.state_dict()[name], state["ema_model"][f"module.{name}"])
    for checkpoint, folder in ((averaged, tmp_path), (last, tmp_path / "last")):
        runs.evaluate(recipe, checkpoint, folder, alone)
        assert json.loads((folder / "results.json").read_text())["weights"] == checkpoint.header.weights


def test_without_a_moving_average_there_is_one_checkpoint(tiny_run: Path) -> None:
    assert not (tiny_run / "model-last.safetensors").exists()
    assert load_checkpoint(tiny_run).header.weights == "model"
    assert json.loads((tiny_run / "results.json").read_text())["weights"] == "model"


def test_settings_that_an_evaluation_could_not_use_are_refused(tiny_tree: Any, alone: Any) -> None:
    tree = tiny_tree()
    with pytest.raises(
        InputError, match="evaluation: there is nothing to evaluate; expected one protocol or more"
    ):
        runs.evaluate(recipe_from(tree | {"evaluation": []}, ""), None, None, alone)
    tree = tree | {
        "evaluation": [{"kind": "knn", "k": [1]}],
        "data": tree["data"] | {"validation_group": "subjct"},
    }
    with pytest.raises(InputError, match=r"data\.validation_group: the store has no such tag.*got subjct"):
        runs.evaluate(recipe_from(tree, ""), None, None, alone)
