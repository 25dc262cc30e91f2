"""The run for a GPU, tiny on a CPU: both sides of every seed, once."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from skeletonmae.sequences import SequenceStore

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_both_sides_of_a_seed_are_run_once(
    monkeypatch: pytest.MonkeyPatch, tiny_store: Path, make_store: Any, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    script = importlib.import_module("graph_gpu")
    store = SequenceStore.open(tiny_store)
    others = [replace(store[index], name=f"other {index}", label=None) for index in range(4)]
    make_store(tmp_path / "pool", others)
    settings = (
        *script.SETTINGS,
        f"data.evaluate={{store: {tiny_store}, split: view}}",
        f"data.pretrain=[{{store: {tiny_store}, split: view}}, {{store: {tmp_path / 'pool'}, use: all}}]",
        "data.frames=8",
        "method.width=8",
        "training={epochs: 1, batch_size: 8}",
        "evaluation=[{kind: finetune, classifier: {kind: graph, depth: 1, head_width: 8},"
        " training: {epochs: 1, batch_size: 8}}]",
    )
    out = tmp_path / "results.jsonl"
    for _ in range(2):
        if out.exists():  # a kill leaves one finished row, and a line that is cut off
            first, _ = out.read_text().splitlines()
            out.write_text(first + '\n{"start": "from scr')
        script.run(out, settings, (3,), torch.device("cpu"))
    rows = script.read_rows(out)
    assert len(out.read_text().splitlines()) == len(rows) + 1
    assert [(row["start"], row["seed"]) for row in rows] == [(start, 3) for start in script.STARTS]
    num_train = rows[0]["recordings"]
    assert num_train == sum(store[index].tags["camera"] != "3" for index in range(len(store))) + len(others)
    assert [row["steps"] for row in rows] == [-(-num_train // 8), 0]
    assert all(0 <= row["top1"] <= 1 and row["num_test"] == rows[0]["num_test"] > 0 for row in rows)
    assert len(list(script.report(out))) == 2
