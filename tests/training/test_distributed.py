from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from fresh_process import start_cli

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.recipe import recipe_from
from skeletonmae.training import DistributedContext, choose_device, init_distributed, read_log


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def pretrain_with_two_processes(recipe: Path, out: Path) -> None:
    """Start the processes that `torchrun --nproc-per-node 2 -m skeletonmae pretrain` starts."""
    rendezvous = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    words = ("pretrain", recipe, "--out", out, "--device", "cpu")
    processes = [
        start_cli(*words, env=rendezvous | {"RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(2)
    ]
    try:
        for process in processes:
            process.wait(120)
    finally:
        for process in processes:
            process.kill()
    outputs = [(process.stdout, process.stderr) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert str(out / "model.safetensors") in outputs[0][0]
    assert outputs[1][0] == ""  # only the main process prints


def flat(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_two_processes_equal_one(tmp_path: Path, tiny_tree: Any, alone: DistributedContext) -> None:
    # Batches are odd, so that each process gets another number of clips, and there are two micro-batches per step;
    # clips have one or two persons, so that the micro-batches differ in their number of terms.
    tree = tiny_tree(epochs=2, batch_size=18, gradient_accumulation_steps=2, lr=1e-3, ema_decay=0.5)
    tree["data"]["augment"] = [
        {"kind": "scale"}, {"kind": "rotate", "degrees": [5, 15, 5]}, {"kind": "mirror"},
        {"kind": "drop_joints", "probability": 0.1}, {"kind": "noise"},
    ]  # fmt: skip
    recipe = recipe_from(tree, "tiny")
    runs.pretrain(recipe, tmp_path / "one", alone)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
    pretrain_with_two_processes(tmp_path / "recipe.yaml", tmp_path / "two")
    one, both = (load_checkpoint(tmp_path / folder) for folder in ("one", "two"))
    torch.manual_seed(recipe.training.seed)
    start, end, other = (flat(model) for model in (recipe.build(one.header.spec), one.method, both.method))
    # Adam makes steps of whatever is left of a gradient that is 0 but for rounding, so not weight by weight.
    assert (other - end).norm() < 2e-3 * (end - start).norm()
    rows = [read_log(tmp_path / folder) for folder in ("one", "two")]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    assert [row["loss"] for row in rows[1]] == pytest.approx([row["loss"] for row in rows[0]], rel=1e-5)


def test_in_a_single_process_the_sum_is_the_value(alone: DistributedContext) -> None:
    assert alone.is_main
    assert alone.all_reduce_sum(torch.tensor(2), torch.tensor(0.5)) == [2.0, 0.5]
    alone.barrier()


def test_only_rank_0_is_the_main_process(alone: DistributedContext) -> None:
    assert not DistributedContext(1, 2, alone.device).is_main


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with init_distributed("cpu") as distributed:
        assert distributed == DistributedContext(0, 1, torch.device("cpu"))


@pytest.mark.parametrize("name", ["banana", "cuda:99", "cpu:x", ""])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no such device") as caught:
        choose_device(name)
    assert f"got {name}" in str(caught.value)


def test_auto_chooses_the_cpu_without_a_gpu() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert choose_device() == torch.device("cpu")
