"""The benchmark of method B counts operations and bytes correctly, and its plain network equals method B."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("graph")


def test_the_plain_network_has_the_same_loss_and_gradient(graph: Any) -> None:
    batch, ours, plain = graph.clips(3), graph.method(), graph.method()
    loss, expected = ours(batch).loss, graph.PerEdge(plain)(batch)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    for got, wanted in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(got.grad, wanted.grad, atol=1e-5, rtol=1e-3)


def test_the_network_layer_by_layer_has_the_same_loss_and_gradient(graph: Any) -> None:
    batch, ours, plain = graph.clips(3), graph.method(), graph.method()
    loss, expected = ours(batch).loss, graph.LayerByLayer(plain)(batch).loss
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    for got, wanted in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(got.grad, wanted.grad, atol=1e-5, rtol=1e-3)


def test_flops_and_bytes_by_hand(graph: Any) -> None:
    a, b = torch.ones(4, 8), torch.ones(8, 2)
    with graph.OpCounter() as counter:
        a @ b  # 4 x 2 sums of 8 products; 32 + 16 numbers read, 8 written
        a.T.add_(1.0)  # a view moves nothing; 32 read, 32 written
        torch.zeros_like(a)  # 32 written
        a.index_select(0, torch.tensor([1]))  # a row of 8 read and written, and where it is
    found = [pair for pair in counter.ops if pair[1]]
    assert found[:3] == [(128, 4 * 56), (0, 4 * 64), (0, 4 * 32)]
    assert found[-1] == (0, 4 * 16 + 8)


def test_flops_of_a_step(graph: Any) -> None:
    found = graph.measure_step("B", 4, "float32", "default", 1)
    num_poses = 4 * 64
    nodes, width = num_poses * 17, 64
    linear, messages = 2 * nodes * width**2, 2 * 17 * 17 * num_poses * width
    method, batch = graph.method(), graph.clips(4)
    hidden = int(method.draw_mask(batch, graph.FrameGraph(batch.tracks)).sum())
    # Two linear maps in each layer, three times: forward, of the input and of the weight. The input of the first one
    # is narrow and has no gradient, and the last one is that of the hidden joints.
    first = 2 * 17 * nodes * 4 + 2 * 2 * nodes * 4 * width
    expected = first + 3 * 6 * linear + 2 * 3 * messages + 3 * 2 * hidden * width**2
    assert sum(flops for flops, _ in found["ops"]) == pytest.approx(expected, rel=0.01)


def test_it_runs_and_writes_its_page(graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "retain_freed_memory", lambda: None)  # not in the process that runs the tests
    cases = importlib.import_module("cases")
    monkeypatch.setattr(cases, "SIZES", {"token_frames": 4, "width": 16, "depth": 1, "heads": 2})
    monkeypatch.setattr(cases, "DECODER", {"decoder_width": 16, "decoder_depth": 1})
    monkeypatch.setattr(sys, "argv", ["graph.py", "--quick", "--out", str(tmp_path)])
    graph.main()
    facts = json.loads((tmp_path / "graph.json").read_text())
    found = [(step["network"], step["precision"], step["clips"]) for step in facts["steps"]]
    assert found == [
        (name, precision, 8) for precision in ("float32", "bf16") for name in (graph.LAYER_BY_LAYER, "B")
    ]
    for step in facts["steps"]:
        share = step["shares"]
        assert 0 < max(share["matmul share"], share["memory share"]) <= share["either share"]
    page = (tmp_path / "graph.md").read_text()
    assert "| step, bf16 |" in page
    assert "| A1 | 8 |" in page
