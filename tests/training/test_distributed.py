from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from fresh_process import FreshProcess
from safetensors.torch import load_file

from skeletonmae import runs
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.cli import main
from skeletonmae.errors import InputError
from skeletonmae.recipe import recipe_from
from skeletonmae.training import DistributedContext, choose_device, init_distributed, read_log
from skeletonmae.training.trainer import Trainer


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Killed(BaseException):
    """Ends a run as a kill does: nothing is saved."""


def pretrain_each_way(recipes: list[Path], ports: list[int]) -> int:
    """In each process: pre-train by every recipe; the last one is killed after a step, and resumed."""
    train_step = Trainer.train_step

    def killed(trainer: Trainer, *inputs: Any) -> Any:
        if trainer.step == 3:
            raise Killed
        return train_step(trainer, *inputs)

    def pretrain(recipe: Path, out: Path) -> int:
        os.environ["MASTER_PORT"] = str(ports.pop())  # that of the run before may not be closed yet
        return main(["pretrain", str(recipe), "--out", str(out), "--device", "cpu"])

    statuses = [pretrain(recipe, recipe.with_suffix("")) for recipe in recipes]
    out = recipes[-1].with_name("killed")
    Trainer.train_step = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        pretrain(recipes[-1], out)
    Trainer.train_step = train_step  # type: ignore[method-assign]
    return max(*statuses, pretrain(recipes[-1], out))


def run_two_processes(recipes: list[Path]) -> list[str]:
    """Start the processes that `torchrun --nproc-per-node 2` starts, and return what they print."""
    rendezvous = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    ports = [free_port() for _ in range(len(recipes) + 2)]
    processes = [
        FreshProcess(
            pretrain_each_way, recipes, ports, env=rendezvous | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            process.wait(120)
    finally:
        for process in processes:
            process.kill()
    outputs = [(process.stdout, process.stderr) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    return [stdout for stdout, _ in outputs]


def flat(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def recipe_tree(tiny_tree: Any, **training: Any) -> dict[str, Any]:
    # Batches are odd, so that each process gets another number of clips, and there are two micro-batches per step;
    # clips have one or two persons, so that the micro-batches differ in their number of terms.
    tree: dict[str, Any] = tiny_tree(epochs=2, batch_size=18, gradient_accumulation_steps=2, lr=1e-3, **training)
    tree["data"]["augment"] = [
        {"kind": "scale"}, {"kind": "rotate", "degrees": [5, 15, 5]}, {"kind": "mirror"},
        {"kind": "drop_joints", "probability": 0.1}, {"kind": "noise"},
    ]  # fmt: skip
    return tree


def mixed_tree(tiny_tree: Any, **training: Any) -> dict[str, Any]:
    """Two sources of which every micro-batch takes one."""
    tree = recipe_tree(tiny_tree, **training)
    source = tree["data"]["evaluate"]
    tree["data"]["pretrain"] = [source | {"share": 1}, source | {"split": None, "use": "all", "share": 2}]
    return tree


@pytest.fixture(scope="module")
def distributed_runs(tmp_path_factory: pytest.TempPathFactory, tiny_tree: Any) -> Path:
    """The folder of runs of two processes: with whole weights, divided ones, and divided ones after a kill."""
    folder = tmp_path_factory.mktemp("runs")
    recipes = [folder / "mixed.yaml", folder / "ddp.yaml", folder / "fsdp.yaml"]
    recipes[0].write_text(yaml.safe_dump(mixed_tree(tiny_tree)))
    for recipe, training in zip(recipes[1:], ({"ema_decay": 0.5}, {"parallel": "fsdp"}), strict=True):
        recipe.write_text(yaml.safe_dump(recipe_tree(tiny_tree, **training)))
    first, second = run_two_processes(recipes)
    assert all(str(folder / run / "model.safetensors") in first for run in ("mixed", "ddp", "fsdp", "killed"))
    assert second == ""  # only the main process prints
    return folder


@pytest.mark.parametrize(("run", "ema_decay"), [("ddp", 0.5), ("fsdp", 0.0), ("mixed", 0.0)])
def test_two_processes_equal_one(
    tmp_path: Path, tiny_tree: Any, alone: DistributedContext, distributed_runs: Path, run: str, ema_decay: float
) -> None:
    tree = mixed_tree if run == "mixed" else recipe_tree
    recipe = recipe_from(tree(tiny_tree, ema_decay=ema_decay), "tiny")
    runs.pretrain(recipe, tmp_path, alone)
    one, both = (load_checkpoint(folder) for folder in (tmp_path, distributed_runs / run))
    torch.manual_seed(recipe.training.seed)
    start, end, other = (flat(model) for model in (recipe.build(one.header.spec), one.method, both.method))
    # Adam makes steps of whatever is left of a gradient that is 0 but for rounding, so not weight by weight.
    assert (other - end).norm() < 2e-3 * (end - start).norm()
    rows = [read_log(folder) for folder in (tmp_path, distributed_runs / run)]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    assert [row["loss"] for row in rows[1]] == pytest.approx([row["loss"] for row in rows[0]], rel=1e-5)


def test_the_option_processes_starts_them(
    tmp_path: Path,
    distributed_runs: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (temporary := tmp_path / "temporary ü%20").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    recipe, out = str(distributed_runs / "ddp.yaml"), tmp_path / "run"
    num_threads = torch.get_num_threads()
    on_two = ["--device", "cpu", "--processes", "2"]
    assert main(["pretrain", recipe, "--out", str(out), *on_two]) == 0
    assert capfd.readouterr().out == f"pre-trained model: {out / 'model.safetensors'}\n"
    assert (out / ".lock-1").exists()  # of the second process
    assert torch.get_num_threads() == num_threads
    assert not list(temporary.iterdir())
    assert main(["evaluate", recipe, "--checkpoint", str(out), "--out", str(tmp_path / "evaluated"), *on_two]) == 0
    results = json.loads((tmp_path / "evaluated" / "results.json").read_text(encoding="utf-8"))
    assert results["processes"] == 2
    assert len(results["results"]) == 3
    one, other = (flat(load_checkpoint(folder).method) for folder in (distributed_runs / "ddp", out))
    assert torch.allclose(one, other, atol=1e-4)


def test_the_number_of_processes_is_positive(capsys: pytest.CaptureFixture[str], distributed_runs: Path) -> None:
    assert main(["pretrain", str(distributed_runs / "ddp.yaml"), "--processes", "0"]) == 1
    assert "number of processes is not positive; expected at least 1; got 0" in capsys.readouterr().err


def test_there_is_a_gpu_for_each_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], distributed_runs: Path
) -> None:
    monkeypatch.setattr("skeletonmae.training.choose_device", torch.device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    recipe = str(distributed_runs / "ddp.yaml")
    for device, processes, most in (("cuda", 3, 2), ("cuda:1", 2, 1)):
        assert main(["pretrain", recipe, "--device", device, "--processes", str(processes)]) == 1
        said = " ".join(capsys.readouterr().err.split())
        assert f"GPU of its own; expected at most {most} processes on {device}; got {processes}" in said


def test_divided_weights_give_the_same_loss_and_one_file_that_resumes_exactly(distributed_runs: Path) -> None:
    ddp, fsdp, killed = (distributed_runs / run for run in ("ddp", "fsdp", "killed"))
    losses = [[row["loss"] for row in read_log(run)] for run in (ddp, fsdp, killed)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] == losses[1]
    weights, resumed = (load_file(run / "model.safetensors") for run in (fsdp, killed))
    assert weights.keys() == resumed.keys() == load_file(ddp / "model.safetensors").keys()
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)
    state = torch.load(fsdp / "state.pt", weights_only=True)
    assert all(torch.equal(state["model"][name], weights[name]) for name in weights)


def test_divided_weights_have_no_moving_average(tiny_tree: Any) -> None:
    with pytest.raises(InputError, match="no moving average"):
        recipe_from(tiny_tree(parallel="fsdp", ema_decay=0.5), "tiny")
    with pytest.raises(InputError, match="does not compile"):
        recipe_from(tiny_tree(parallel="fsdp", compile=True), "tiny")


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


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_the_allocator_of_a_gpu_grows_its_segments_unless_the_user_configures_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("WORLD_SIZE", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"):
        monkeypatch.setenv(variable, "")  # so that it is restored
        monkeypatch.delenv(variable)
    choose_device("cpu")
    assert os.environ["PYTORCH_CUDA_ALLOC_CONF"] == "expandable_segments:True"
    monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF")
    monkeypatch.setenv(name, "backend:native")
    choose_device("cpu")
    assert os.environ[name] == "backend:native"
    cuda = os.environ.get("PYTORCH_CUDA_ALLOC_CONF")
    assert cuda == (None if name == "PYTORCH_ALLOC_CONF" else "backend:native")


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_each_process_has_its_own_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", lambda _, device: type("Tensor", (), {"device": torch.device(device)}))
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert choose_device(name) == torch.device("cuda:2")
    monkeypatch.delenv("LOCAL_RANK")
    assert choose_device(name) == torch.device("cuda:0")


def test_auto_chooses_the_cpu_without_a_gpu() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert choose_device() == torch.device("cpu")
