"""Compiled blocks compute the same, under the same names."""

from __future__ import annotations

import pytest
import torch
from fresh_process import FreshProcess
from torch import Tensor, nn

from skeletonmae.models.transformer import Block
from skeletonmae.training import DistributedContext, TrainingConfig
from skeletonmae.training.compilation import compile_blocks
from skeletonmae.training.trainer import Trainer


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.ModuleList(Block(16, 2) for _ in range(2))
        self.head = nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(x).square().mean()
        return out


def test_the_entries_of_module_lists_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self, dynamic: compiled.append(self))
    network = Network()
    compile_blocks(network)
    assert compiled == list(network.blocks)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_the_setting_decides(is_compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr("skeletonmae.training.trainer.compile_blocks", compiled.append)
    network, process = Network(), DistributedContext(0, 1, torch.device("cpu"))
    Trainer(network, TrainingConfig(compile=is_compiled), process, None, 1)
    assert compiled == [network] * is_compiled


def compare(backend: str) -> None:
    """Compare losses and gradients, without the checks of types that the tests add to the package."""
    plain, compiled = Network(), Network()
    compile_ = nn.Module.compile
    nn.Module.compile = lambda self, dynamic: compile_(self, dynamic=dynamic, backend=backend)  # type: ignore[method-assign,misc,assignment]
    compile_blocks(compiled)
    assert list(compiled.state_dict()) == list(plain.state_dict())
    for rows, tokens in ((2, 5), (3, 7)):  # of any size
        x = torch.randn(rows, tokens, 16)
        losses = [network(x) for network in (plain, compiled)]
        torch.testing.assert_close(losses[1], losses[0])
        for loss in losses:
            loss.backward()
    for got, expected in zip(compiled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(got.grad, expected.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_loss_and_gradient_do_not_change(backend: str) -> None:
    process = FreshProcess(compare, backend).wait()
    assert process.returncode == 0, process.stderr
