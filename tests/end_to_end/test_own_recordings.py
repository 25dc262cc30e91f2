"""From raw files to named actions, by the commands alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from skeletonmae.cli import main
from skeletonmae.skeletons import KINECT20

RECIPE = """
data:
  evaluate: {store: %s, split: stratified}
  frames: 16
  transforms: [{kind: center}]
masking: {kind: random, ratio: 0.7}
method:
  {kind: joint_patch, token_frames: 4, width: 24, depth: 2, heads: 2, decoder_width: 16}
training: {epochs: 5, batch_size: 20, lr: 1e-3, warmup_epochs: 1}
evaluation:
  - {kind: linear, pooling: joints}
  - {kind: knn, k: [1, 3]}
  - kind: finetune
    classifier: {kind: joint_patch, dropout: 0, drop_path: 0}
    training: {epochs: 20, batch_size: 16, lr: 3e-3, warmup_epochs: 2}
"""  # fmt: skip
ACTIONS = ("wave", "both arms up", "größte Verbeugung")


def body(action: str, rng: np.random.Generator, frames: int = 20) -> np.ndarray:
    """A stick figure `(frame, joint, axis)` in metres that does one of three things."""
    height = {"head": 0.8, "spine": 0.2, "hip_center": 0.0, "shoulder_center": 0.6}
    rest = np.zeros((20, 3))
    for joint, name in enumerate(KINECT20.joints):
        side = 0.2 if name.startswith("left") else -0.2 if name.startswith("right") else 0.0
        low = {
            "shoulder": 0.5,
            "elbow": 0.25,
            "wrist": 0.0,
            "hand": -0.1,
            "hip": -0.1,
            "knee": -0.5,
            "ankle": -0.9,
        }
        rest[joint] = side, height.get(name, low.get(name.split("_")[-1], -1.0)), 0.0
    moving = np.repeat(rest[None], frames, 0)
    time = np.linspace(0, 1, frames)
    arms = [j for j, n in enumerate(KINECT20.joints) if n.split("_")[-1] in ("elbow", "wrist", "hand")]
    if action == "wave":
        moving[:, arms[-3:], 1] += 0.9
        moving[:, arms[-2:], 0] += 0.3 * np.sin(time * 12 + rng.uniform(0, 6))[:, None]
    elif action == "both arms up":
        moving[:, arms, 1] += 1.2 * time[:, None]
    else:
        upper = rest[:, 1] > 0.1
        moving[:, upper, 2] -= np.sin(time * np.pi)[:, None] * rest[upper, 1]
        moving[:, upper, 1] *= 1 - 0.6 * np.sin(time * np.pi)[:, None]
    return moving * rng.uniform(0.9, 1.1) + rng.normal(size=3) + rng.normal(size=moving.shape) * 0.01


def table(path: Path, seed: int, per_action: int, labelled: bool) -> dict[str, str]:
    """Write a long CSV; gives back what each recording shows."""
    rng, truth = np.random.default_rng(seed), {}
    lines = ["recording,frame,person,joint,x,y,z" + (",label" if labelled else "")]
    for number in range(per_action * 3):
        action, name = ACTIONS[number % 3], f"clip {seed}-{number}"
        truth[name] = action
        for frame, joints in enumerate(body(action, rng)):
            for joint, (x, y, z) in zip(KINECT20.joints, joints, strict=True):
                lines.append(
                    f"{name},{frame},0,{joint},{x:.4f},{y:.4f},{z:.4f}" + (f",{action}" if labelled else "")
                )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return truth


def test_a_table_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "my recordings" / "all of them.csv", 0, 16, labelled=True)
    truth = table(tmp_path / "new ones" / "übung.csv", 1, 4, labelled=False)
    Path("my recipe.yaml").write_text(RECIPE % "stores/mine")

    assert main(["prepare", "my recordings", "stores/mine"]) == 0
    out = capsys.readouterr().out
    assert "48 recordings" in out
    assert all(action in out for action in ACTIONS)
    assert main(["pretrain", "my recipe.yaml"]) == 0
    run = Path("runs") / "my recipe"
    assert str(run / "model.safetensors") in capsys.readouterr().out
    assert main(["evaluate", "my recipe.yaml", "--checkpoint", str(run)]) == 0
    assert "finetune" in capsys.readouterr().out
    results = {one["protocol"]: one for one in json.loads((run / "results.json").read_text())["results"]}
    assert sorted(results["finetune"]["classes"]) == sorted(ACTIONS)
    assert results["finetune"]["top1"] > 0.8
    assert main(["predict", str(run / "finetune-1-seed0.safetensors"), "new ones", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert {answer["recording"] for answer in answers} == truth.keys()
    assert {name for answer in answers for name, _ in answer["classes"]} <= set(ACTIONS)
    right = [truth[answer["recording"]] == answer["classes"][0][0] for answer in answers]
    assert np.mean(right) > 0.8


def test_files_of_another_format_in_a_folder_for_each_action(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write_sample: Any
) -> None:
    """Prepared from one format, asked with another: the joints are known by name."""
    rng = np.random.default_rng(0)
    for action in ACTIONS:
        (tmp_path / "raw" / action).mkdir(parents=True)
        for number in range(5):
            write_sample("kinder_gator", tmp_path / "raw" / action / f"{number}.csv", body(action, rng) + 5)
    write_sample("utd_mhad", tmp_path / "new.mat", body(ACTIONS[1], rng) + 5)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE % json.dumps(str(tmp_path / "store")))
    assert main(["prepare", str(tmp_path / "raw"), str(tmp_path / "store"), "--workers", "1"]) == 0
    assert main(["pretrain", str(recipe), "--out", str(tmp_path / "run"), "training.epochs=1"]) == 0
    quick = "evaluation=[{kind: finetune, training: {epochs: 1, batch_size: 8}}]"
    assert main(["evaluate", str(recipe), quick, "--checkpoint", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert (
        main(["predict", str(tmp_path / "run" / "finetune-1-seed0.safetensors"), str(tmp_path / "new.mat")]) == 0
    )
    line = capsys.readouterr().out
    assert line.startswith("new: ")
    assert all(action in line for action in ACTIONS)


def test_synthetic_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_tree: Any) -> None:
    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(yaml.safe_dump(tiny_tree(tmp_path / "synthetic", epochs=1)))
    assert (
        main(["prepare", "synthetic", str(tmp_path / "synthetic"), "--num-recordings", "50", "--seed", "3"]) == 0
    )
    assert main(["pretrain", str(recipe), "--out", str(run)]) == 0
    assert main(["evaluate", str(recipe), "--checkpoint", str(run)]) == 0
    capsys.readouterr()
    classifier = str(run / "finetune-1-seed0.safetensors")
    assert main(["predict", classifier, str(tmp_path / "synthetic"), "--json", "--top", "25"]) == 0
    from skeletonmae.datasets import SYNTHETIC

    answers = json.loads(capsys.readouterr().out)
    assert len(answers) == 50
    assert {name for answer in answers for name, _ in answer["classes"]} == set(SYNTHETIC.classes)
