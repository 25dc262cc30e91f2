"""The teacher and the oracle of the graph SkeletonMAE, tiny."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from skeletonmae.skeletons import COCO17

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch, tiny_store: Path, tmp_path: Path) -> Any:
    """The script with one dataset, short trainings and no results of the proof."""
    monkeypatch.syspath_prepend(str(FOLDER))
    script, cells = (importlib.import_module(name) for name in ("graph_features", "graph_cells"))
    training = {"epochs": 1, "batch_size": 16, "warmup_epochs": 0}
    few = {"kind": "finetune", "classifier": {"kind": "graph", "head_width": 8}, "training": training}
    recipe = {
        "data": {"evaluate": {"store": str(tiny_store), "split": "view"}, "frames": 8},
        "method": {"kind": "graph", "width": 8, "depth": 1},
        "training": training,
        "evaluation": [few, few | {"label_fraction": 0.5}],
    }
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "graph.yaml").write_text(yaml.safe_dump(recipe))
    monkeypatch.setattr(cells, "RECIPES", tmp_path)
    cells.side.cache_clear()
    for name, value in {"SELECTION_SETS": ("tiny",), "DRAWS_TO_SELECT": 2, "MIN_STEPS": 4}.items():
        monkeypatch.setattr(script, name, value)
    monkeypatch.setattr(script, "PROOF", tmp_path / "proof.jsonl")
    (tmp_path / "proof.jsonl").write_text("")
    return script


def tiny_target(features: Any) -> tuple[Any, Any]:
    of = features.side("tiny", "selection")
    torch.manual_seed(0)
    method = features.build(of, list(features.SETTING), "tiny", 0)
    loader = of.recipe.data.clips.loader(of.store, of.split.train, batch_size=16, training=True, seed=0)
    return features.FeatureTarget(method), next(iter(loader.epoch(0)))


def test_targets_have_mean_0_for_each_joint_and_variance_1(features: Any) -> None:
    joint = torch.arange(600) % len(COCO17.joints)
    values = torch.randn(600, 4) * torch.tensor([0.1, 1.0, 2.0, 3.0]) + joint[:, None]
    target, share = features.standardized(values, joint, len(COCO17.joints))
    for index in range(len(COCO17.joints)):
        assert target[joint == index].mean(0).abs().max() < 1e-4
    assert torch.allclose(target.square().mean(0), torch.ones(4), atol=1e-3)
    assert 0 < share < 0.5
    assert features.standardized(joint[:, None].float(), joint, len(COCO17.joints))[1] < 1e-6  # nothing varies


def test_the_teacher_follows_the_encoder_and_its_batch_norms_and_is_not_trained(features: Any) -> None:
    target, batch = tiny_target(features)
    target.train()
    before = [value.clone() for value in target.teacher.module.parameters()]
    target(batch).loss.backward()
    assert all(value.grad is None for value in target.teacher.parameters())
    assert target.method.embedding.weight.grad.abs().sum() > 0
    torch.optim.SGD(target.parameters(), 1.0).step()
    assert all(torch.equal(a, b) for a, b in zip(before, target.teacher.module.parameters(), strict=True))
    target.after_step(1, 10)
    encoder = features.Encoder(target.method)
    for old, own, new in zip(before, target.teacher.module.parameters(), encoder.parameters(), strict=True):
        if not torch.equal(old, new):
            assert 0 < (own - old).norm() < (new - old).norm()
    for own, followed in zip(target.teacher.module.buffers(), encoder.buffers(), strict=True):
        assert torch.equal(own, followed)


def test_the_teacher_sees_what_the_encoder_does_not(features: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    target, batch = tiny_target(features)
    target.eval()
    seen: list[torch.Tensor] = []
    predict = target.method.predict

    def spy(inputs: Any, hidden: Any, graph: Any, nodes: Any) -> Any:
        seen.append(predict(inputs, hidden, graph, nodes))
        return seen[-1]

    monkeypatch.setattr(target.method, "predict", spy)
    frames = features.FrameGraph(batch.tracks)
    hidden = target.method.draw_mask(batch, frames)
    losses = [target(batch).loss.item()]
    positions = batch.positions.clone()
    track_hidden = hidden.view(len(hidden), -1, batch.positions.shape[2])[:, :, 0].T
    present = batch.present.nonzero().tolist()
    for track, (clip, person) in enumerate(present):
        positions[clip, person, :, track_hidden[track]] += 0.3
    losses.append(target(batch.with_positions(positions)).loss.item())
    assert torch.allclose(seen[0], seen[1], atol=1e-6)
    assert losses[0] != losses[1]


def test_all_rows_are_run_once_and_stand_on_the_page(features: Any, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    lines = features.run(folder)
    assert len(lines) == 4 * 2 + 3
    oracle = features.start_cell("oracle", "tiny")
    weights = torch.load(features.weights_file(oracle, folder), weights_only=True)
    new = features.build(features.side("tiny", "selection"), oracle["settings"], "tiny", 0).state_dict()
    moved = {name for name, value in weights.items() if not torch.equal(value, new[name])}
    assert {"embedding.weight", "joint_identity.weight"} <= moved
    assert any(name.startswith("encoder.") for name in moved)
    assert not any(name.startswith(("decoder.", "head.")) for name in moved)  # they are not in a classifier
    text = (folder / "cells.jsonl").read_text()
    assert features.run(folder).keys() == lines.keys()
    assert (folder / "cells.jsonl").read_text() == text
    page = "\n".join(features.page(lines))
    for row in features.ROWS:
        assert f"| {row} | " in page
    assert json.loads(text.splitlines()[0])["commit"] in page
