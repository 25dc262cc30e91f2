from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.recipe import recipe_from
from skeletonmae.training import Processes, choose_device, processes, read_log


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def two(recipe: Path, out: Path) -> None:
    """What `torchrun --nproc-per-node 2 -m skeletonmae pretrain` starts."""
    together = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "-m", "skeletonmae", "pretrain", str(recipe), "--out", str(out), "--device", "cpu"]
    started = [
        subprocess.Popen(
            command,
            env=os.environ | together | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=120) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], said
    assert str(out / "model.safetensors") in said[0][0]
    assert said[1][0] == ""  # one of them answers


def flat(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_two_processes_equal_one(tmp_path: Path, tiny_tree: Any, alone: Processes) -> None:
    # Batches are odd, so that each process has another number of clips, and in two parts; clips are of one person
    # or of two, so that the parts have other weights.
    tree = tiny_tree(epochs=2, batch_size=18, accumulate=2, lr=1e-3, ema=0.5)
    tree["data"]["augment"] = [
        {"kind": "scale"}, {"kind": "rotate", "degrees": [5, 15, 5]}, {"kind": "mirror"},
        {"kind": "drop_joints", "probability": 0.1}, {"kind": "noise"},
    ]  # fmt: skip
    recipe = recipe_from(tree, "tiny")
    runs.pretrain(recipe, tmp_path / "one", alone)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
    two(tmp_path / "recipe.yaml", tmp_path / "two")
    one, both = (load_checkpoint(tmp_path / folder) for folder in ("one", "two"))
    torch.manual_seed(recipe.training.seed)
    start, end, other = (flat(model) for model in (recipe.build(one.header.spec), one.method, both.method))
    # Adam makes steps of whatever is left of a gradient that is 0 but for rounding, so not weight by weight.
    assert (other - end).norm() < 2e-3 * (end - start).norm()
    rows = [read_log(tmp_path / folder) for folder in ("one", "two")]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    assert [row["loss"] for row in rows[1]] == pytest.approx([row["loss"] for row in rows[0]], rel=1e-5)


def test_alone_a_sum_is_the_value(alone: Processes) -> None:
    assert alone.first
    assert alone.sum(torch.tensor(2), torch.tensor(0.5)) == [2.0, 0.5]
    alone.wait()


def test_a_later_process_is_not_the_first(alone: Processes) -> None:
    assert not Processes(1, 2, alone.device).first


def test_no_torchrun_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with processes("cpu") as one:
        assert one == Processes(0, 1, torch.device("cpu"))


@pytest.mark.parametrize("name", ["banana", "cuda:99", "cpu:x", ""])
def test_a_device_that_is_not_there_is_said(name: str) -> None:
    with pytest.raises(InputError, match="no such device") as caught:
        choose_device(name)
    assert f"got {name}" in str(caught.value)


def test_the_device_is_chosen() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert choose_device() == torch.device("cpu")
