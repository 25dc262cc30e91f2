from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.datasets import Split
from skeletonmae.evaluation.cost import (
    count_flops,
    count_parameters,
    logged_seconds,
    measure_cost,
    pretraining_duration,
)
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import METHODS, InputSpec, JointPatchMAEConfig
from skeletonmae.methods.supervised import NETWORKS, SupervisedConfig
from skeletonmae.models.cpu_attention import cpu_attention
from skeletonmae.recipe import recipe_from
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import KINECT20
from skeletonmae.training import read_log


@pytest.fixture
def task(tiny_run: Path, tiny_store: Path, make_task: Any) -> Any:
    checkpoint, store = load_checkpoint(tiny_run), SequenceStore.open(tiny_store)
    split = Split(np.arange(40), np.arange(40, 96))
    about = {"method": checkpoint.method, "store": store, "split": split, "clips": checkpoint.header.clips}
    return make_task(np.eye(2), "ab", np.eye(2), "ab", **about)


def test_a_multiplication_with_its_addition_counts_as_two() -> None:
    linear, x = torch.nn.Linear(10, 20), torch.randn(7, 10)
    assert count_flops(lambda: linear(x)) == 2 * 7 * 10 * 20
    convolution = torch.nn.Conv1d(4, 6, 3)
    assert count_flops(lambda: convolution(torch.randn(5, 4, 11))) == 2 * 5 * 6 * 9 * 4 * 3


@pytest.mark.parametrize("form", ["products", "blocks", "fused", "fused_float32_backward"])
def test_every_form_of_attention_is_counted(form: Any) -> None:
    query, key = torch.randn(2, 3, 50, 16), torch.randn(2, 3, 60, 16)
    with torch.inference_mode():
        assert count_flops(lambda: cpu_attention(query, key, key, None, form)) == 2 * 2 * 2 * 3 * 50 * 60 * 16


def test_the_backward_pass_of_attention_is_counted() -> None:
    query, key = (torch.randn(2, 3, num, 16, requires_grad=True) for num in (50, 60))
    forward, backward = 2, 5  # matrix products; the backward pass computes the scores again
    counted = count_flops(lambda: cpu_attention(query, key, key, None, "fused").sum().backward())
    assert counted == (forward + backward) * 2 * 2 * 3 * 50 * 60 * 16


def test_the_operations_of_an_encoder_follow_from_its_shape(task: Any, tiny_tree: Any) -> None:
    """Of tracks in which every joint is observed; the tokens of the others are fewer."""
    cost = measure_cost(task)
    batch = task.clips.loader(task.store, task.split.train, batch_size=40).batch(0, 0)
    width, depth, tokens, token_frames = 16, 2, 8 // 4 * 25, 4
    block = 2 * (12 * tokens * width**2 + 2 * tokens**2 * width)  # projections and MLP of ratio 4; attention
    of_track = 2 * tokens * token_frames * 4 * width + depth * block
    most = of_track * float(batch.present.sum()) / 40
    assert 0.75 * most < cost.flops_per_clip <= most
    full = torch.where(batch.present[..., None, None], True, False).expand_as(batch.observed)
    whole = replace(batch, observed=full)
    with torch.inference_mode():
        assert count_flops(lambda: task.method.embed(whole)) == of_track * int(batch.present.sum())


def test_the_weights_of_the_encoder_are_counted_and_not_those_of_the_decoder(task: Any) -> None:
    expected = sum(parameter.numel() for parameter in task.method.encoder.parameters())
    cost = measure_cost(task)
    assert cost.parameters == expected < sum(parameter.numel() for parameter in task.method.parameters())
    task.method.requires_grad_(False)
    assert measure_cost(task).parameters == expected
    unused = torch.nn.Linear(3, 3)
    assert count_parameters(lambda: unused.weight.device) == 0
    assert count_parameters(lambda: unused.weight[0]) == 9


def test_a_measurement_says_what_it_was_measured_on(task: Any) -> None:
    cost = measure_cost(task, pretraining_seconds=12.5)
    assert cost.num_clips == 40
    batch = task.clips.loader(task.store, task.split.train, batch_size=40).batch(0, 0)
    num_persons = batch.present.sum(1).tolist()
    assert set(num_persons) == {1, 2}
    assert cost.persons_per_clip == sum(num_persons) / 40
    assert cost.clips_per_second > 0
    assert cost.peak_memory_bytes is None or cost.peak_memory_bytes > 2**20
    assert cost.pretraining_seconds == 12.5
    assert measure_cost(replace(task, split=Split(np.arange(80), np.arange(80, 96)))).num_clips == 64


def test_the_speed_is_that_of_the_fastest_pass(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 14.0, 20.0, 22.0, 30.0, 35.0])  # three passes, of 4, 2 and 5 seconds
    monkeypatch.setattr("skeletonmae.evaluation.cost.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    assert measure_cost(task).clips_per_second == 40 / 2


def test_only_training_clips_are_read(task: Any, reads: list[Any]) -> None:
    measure_cost(task)
    assert set(np.concatenate([index for _, index in reads])) == set(range(40))


def test_the_duration_of_a_training_by_its_log() -> None:
    rows = [
        {"step": 10.0, "epoch": 1.0, "batches_per_second": 5.0},
        {"step": 20.0, "epoch": 2.0, "batches_per_second": 10.0},
    ]
    assert logged_seconds(rows) == pytest.approx(10 / 5 + 10 / 10)
    assert logged_seconds(rows, accumulation_steps=3) == pytest.approx(9)
    assert logged_seconds([]) is None
    assert logged_seconds([{"step": 1.0}]) is None


def test_results_have_a_cost_card(tiny_run: Path) -> None:
    cost = json.loads((tiny_run / "results.json").read_text())["cost"]
    assert cost["flops_per_clip"] > 1e5
    assert cost["num_clips"] == 64
    assert cost["pretraining_seconds"] is None or cost["pretraining_seconds"] > 0


def test_the_duration_of_the_pretraining_is_read_beside_the_checkpoint(
    tiny_run: Path, tiny_tree: Any, tmp_path: Path, alone: Any
) -> None:
    recipe = recipe_from(tiny_tree() | {"evaluation": [{"kind": "knn"}]}, "")
    for file in ("model.safetensors", "log.csv"):
        shutil.copy(tiny_run / file, tmp_path)
    costs = []
    for log in ((tiny_run / "log.csv").read_text(), "something,else\n1,2\n"):
        (tmp_path / "log.csv").write_text(log)
        runs.evaluate(recipe, load_checkpoint(tmp_path), tmp_path, alone)
        costs.append(json.loads((tmp_path / "results.json").read_text())["cost"]["pretraining_seconds"])
    assert costs == [logged_seconds(read_log(tiny_run)), None]
    runs.evaluate(recipe, None, tmp_path, alone)
    assert json.loads((tmp_path / "results.json").read_text())["cost"]["pretraining_seconds"] is None


def test_the_log_of_a_second_stage_is_not_the_duration_of_both(tiny_run: Path) -> None:
    recipe = load_checkpoint(tiny_run).header.recipe
    assert pretraining_duration(tiny_run, recipe | {"init_from": None}) == logged_seconds(read_log(tiny_run))
    assert pretraining_duration(tiny_run, recipe | {"init_from": "runs/first"}) is None


def test_a_supervised_network_has_a_cost(tiny_tree: Any, tmp_path: Path, alone: Any) -> None:
    tree = tiny_tree() | {"method": {"kind": "supervised"}}
    training = {"epochs": 1, "batch_size": 70, "warmup_epochs": 0}
    tree["evaluation"] = [{"kind": "finetune", "training": training}]
    del tree["masking"]
    runs.evaluate(recipe_from(tree, ""), None, tmp_path, alone)
    assert json.loads((tmp_path / "results.json").read_text())["cost"]["parameters"] > 1e5


@pytest.mark.parametrize("kind", [kind for kind, config in METHODS.items() if config.has_pretext_task])
def test_the_weights_that_count_are_those_that_the_features_depend_on(kind: str, make_batch: Any) -> None:
    config: Any = METHODS[kind]()
    config = config.starting_from(JointPatchMAEConfig())
    method = config.build(InputSpec(24, 3, KINECT20.joints, 8), RandomTokens(ratio=0.5)).eval()
    batch = make_batch((2, 1), frames=24)
    parameters = list(method.parameters())
    trained = [parameter.requires_grad for parameter in parameters]
    method.requires_grad_(True)
    gradients = torch.autograd.grad(method.embed(batch).sum(), parameters, allow_unused=True)
    expected = sum(
        each.numel() for each, gradient in zip(parameters, gradients, strict=True) if gradient is not None
    )
    for parameter, is_trained in zip(parameters, trained, strict=True):
        parameter.requires_grad_(is_trained)
    with torch.inference_mode():
        assert count_parameters(lambda: method.embed(batch)) == expected > 0


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_operations_of_supervised_networks_do_not_depend_on_the_precision(
    task: Any, make_batch: Any, kind: str
) -> None:
    """The counter of torch takes a product of bfloat16 with float32 apart before autocast sees it."""
    config = SupervisedConfig.model_validate({"network": {"kind": kind, "width": 8}})
    skeleton = task.store.skeleton
    spec = InputSpec(task.clips.frames, 3, skeleton.joints, persons=2, bones=skeleton.bones)
    network = config.build(spec).classifier(3).eval()
    in_float32, in_bf16 = (
        measure_cost(replace(task, precision=precision), network) for precision in ("float32", "bf16")
    )
    assert in_bf16.flops_per_clip == in_float32.flops_per_clip > 0
    assert in_bf16.parameters == in_float32.parameters
