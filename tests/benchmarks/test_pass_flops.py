"""The FLOPs of passes agree with torch's counter, where nothing is computed again, on both sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from skeletonmae.models import Block


def by_torch(call: Callable[[], object]) -> int:
    """Count with torch's counter; the backward pass of fused attention as twice its forward pass."""
    aten = torch.ops.aten
    kernels = {
        aten._scaled_dot_product_flash_attention_for_cpu: lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v),
        aten._scaled_dot_product_flash_attention_for_cpu_backward: (
            lambda grad, q, k, v, *_, **__: 2 * sdpa_flop_count(q, k, v)
        ),
    }
    with FlopCounterMode(display=False, custom_mapping=kernels) as counter:
        call()
    return int(counter.get_total_flops())


class Embedded(nn.Module):
    """A layer whose input needs no gradient, and a block."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.embed, self.block = nn.Linear(3, 16), block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.block(self.embed(x))
        return out


@pytest.fixture
def counted(benchmark_module: Callable[[str], Any]) -> Callable[[Callable[[], object]], int]:
    pass_flops = benchmark_module("pass_flops")

    def count(call: Callable[[], object]) -> int:
        found = pass_flops.FlopCount()
        with pass_flops.counting(found):
            call()
        return int(found.total)

    return count


@pytest.mark.parametrize("tokens", [20, 100])  # written out and fused
@pytest.mark.parametrize("side", ["ours", "ours, cross", "reference"])
def test_the_count_is_that_of_torch(
    benchmark_module: Callable[[str], Any], counted: Any, side: str, tokens: int
) -> None:
    block = benchmark_module("plain").PlainBlock(16, 2) if side == "reference" else Block(16, 2)
    model, x = Embedded(block), torch.randn(4, tokens, 3)
    if side == "ours, cross":
        context, cross = nn.Linear(3, 16), Block(16, 2, cross=True)
        model = Embedded(nn.Identity())
        model.block.forward = lambda out: cross(out, context=context(x[:, :7]))  # type: ignore[method-assign]
    assert counted(lambda: model(x).sum().backward()) == by_torch(lambda: model(x).sum().backward())
    with torch.inference_mode():
        assert counted(lambda: model(x)) == by_torch(lambda: model(x)) > 0


def test_attention_that_is_computed_again_counts_once(counted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from skeletonmae.models import cpu_attention

    monkeypatch.setattr(cpu_attention, "choose_form", lambda num_keys, dtype: "blocks")
    model, x = Block(16, 2), torch.randn(4, 20, 16, requires_grad=True)

    def call() -> None:
        model(x).sum().backward()

    exact = by_torch(call)
    monkeypatch.setattr(cpu_attention, "MAX_SAVED_KEYS", 8)
    assert counted(call) == exact < by_torch(call)


def test_a_hook_is_removed(counted: Any, benchmark_module: Callable[[str], Any]) -> None:
    found = benchmark_module("pass_flops").FlopCount()
    with benchmark_module("pass_flops").counting(found):
        pass
    nn.Linear(2, 2)(torch.ones(1, 2))
    assert found.total == 0


def test_a_row_has_the_mean_of_all_passes(
    benchmark_module: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cases, rows = benchmark_module("cases"), benchmark_module("rows")
    inputs = [torch.ones(num, 3) for num in (8, 11)]

    def build(folder: Path, settings: Any) -> Any:
        passes = [cases.Passes(nn.Linear(3, 5), lambda model, x: model(x).sum(), inputs, "float32") for _ in "ab"]
        return cases.Comparison(passes[0], [cases.Ours("ours", 0.18, passes[1])], 8, 2)

    monkeypatch.setitem(rows.CASES, "two passes", (build, "float32", True))
    monkeypatch.setattr(rows, "matmul_ceiling", lambda precision: 1e9)
    (row,) = rows.measure_case("two passes", cases.Settings())
    mean = 2 * 3 * 5 * 2 * (8 + 11) / 2  # forward, and the gradient of the weights
    for side in ("our", "reference"):
        assert row[f"{side}_limits"]["gigaflops"] == pytest.approx(mean / 1e9)
        seconds = 8 * row[f"{side}_seconds"]
        assert row[f"{side}_limits"]["share_of_ceiling"] == pytest.approx(mean / seconds / 1e9)
