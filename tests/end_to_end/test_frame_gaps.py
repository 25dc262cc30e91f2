"""Frame numbers that skip: every second one, and those that a Kinect dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.cli import main
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import KINECT20

RECIPE = """
data: {evaluate: {store: stores/mine, split: stratified}, frames: 16, transforms: [{kind: center}]}
masking: {kind: random, ratio: 0.5}
method: {kind: joint_patch, token_frames: 4, width: 16, depth: 1, heads: 2, decoder_width: 16, decoder_depth: 1}
training: {epochs: 2, batch_size: 16, warmup_epochs: 1}
evaluation:
  - {kind: knn, k: [1]}
  - kind: finetune
    classifier: {kind: joint_patch, dropout: 0, drop_path: 0}
    training: {epochs: 20, batch_size: 8, lr: 3e-3, warmup_epochs: 2}
"""
ACTIONS = ("left", "right")


def write_recordings(folder: Path, frames: np.ndarray, num: int) -> None:
    """Write recordings of two actions, in which a hand goes up; `frames` are the frame numbers of each."""
    rng, rest = np.random.default_rng(len(frames)), np.random.default_rng(1).normal(size=(20, 3))
    for number in range(num):
        action = ACTIONS[number % 2]
        lines = ["frame,joint,x,y,z"]
        for frame in frames:
            body = rest + rng.normal(size=(20, 3)) * 0.01
            body[KINECT20.index[f"{action}_hand"], 1] += 3 * (frame - frames[0]) / (frames[-1] - frames[0])
            lines += [
                f"{frame},{joint},{x:.4f},{y:.4f},{z:.4f}"
                for joint, (x, y, z) in zip(KINECT20.joints, body, strict=True)
            ]
        path = folder / action / f"{action} {number}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("which", ["every second", "dropped"])
def test_recordings_with_gaps_all_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    monkeypatch.chdir(tmp_path)
    frames = np.arange(252, 312, 2)
    if which == "dropped":
        frames = np.array([252, 253, 256, 257, 260, 262, 263, 267, 268, 270, 273, 274, 275, 279, 280, 284, 285])
    write_recordings(Path("raw"), frames, 24)
    Path("recipe.yaml").write_text(RECIPE)
    run = ["recipe.yaml", "--device", "cpu"]

    def said(*command: str) -> tuple[int, Any]:
        capsys.readouterr()
        status = main([*command, "--json"])
        return status, json.loads(capsys.readouterr().out)

    def clip_findings(*command: str) -> list[str]:
        _, found = said("validate", *command)
        return [one["severity"] for one in found["findings"] if one["check"] == "clips"]

    status, found = said("validate", "raw")
    assert found["clip_share"] == 1.0
    assert clip_findings("raw") == []
    assert main(["prepare", "raw", "stores/mine"]) == 0
    store = SequenceStore.open("stores/mine")
    assert len(store) == 24
    num_recorded = int(store[0].observed.sum())
    assert num_recorded == len(frames) * 20  # nothing is lost, and nothing is added
    assert clip_findings("stores/mine", "--recipe", "recipe.yaml") == []

    assert main(["pretrain", *run, "--out", "run"]) == 0
    status, results = said("evaluate", *run, "--checkpoint", "run")
    assert status == 0
    assert json.loads(Path("run/results.json").read_text())["empty_clips"] == {"train": 0, "test": 0}
    assert [result["top1"] for result in results] == [1.0, 1.0]

    write_recordings(Path("new"), frames, 4)
    lines = ["frame,joint,x,y,z", "0,head,1,1,1", "99,head,1,1,1", *(f"{i},head,,," for i in range(1, 99))]
    Path("new/far.csv").write_text("\n".join(lines))
    options = ["--layout", "kinect20", "--device", "cpu"]
    status, predictions = said("predict", "run/finetune-1-seed0.safetensors", "new", *options)
    assert status == 3
    for prediction in predictions:
        if prediction["recording"].endswith("far"):
            assert prediction["error"] == "no joint that the model knows was observed"
            assert prediction["classes"] == []
        else:
            assert prediction["error"] == ""
            assert prediction["recording"].split("/")[-1].startswith(prediction["classes"][0][0])
    assert len(predictions) == 5


def test_without_bridging_every_second_frame_of_an_array_is_an_error(tmp_path: Path) -> None:
    """Where the numbers cannot be renumbered, `validate` says what a model would see."""
    write_recordings(tmp_path / "raw", np.array([0, 1, *range(3, 60, 2)]), 4)
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("frames: 16", "frames: 16, bridge_seconds: 0"))
    assert main(["validate", str(tmp_path / "raw"), "--recipe", str(tmp_path / "recipe.yaml")]) == 1
