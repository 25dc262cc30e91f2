"""A run that is killed, again and again, ends as one that was left alone."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from fresh_process import FreshProcess, start_cli
from safetensors.torch import load_file

from skeletonmae.training import read_log


def numbers(folder: Path) -> list[dict[str, float]]:
    return [{key: row[key] for key in row if key != "batches_per_second"} for row in read_log(folder)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_killed_runs_end_with_the_same_bits(tmp_path: Path, tiny_tree: Any) -> None:
    # 10 batches an epoch: most kills come in the middle of one.
    tree = tiny_tree(epochs=4, batch_size=7, ema_decay=0.9, checkpoint_seconds=0)
    tree["data"]["augment"] = [{"kind": "rotate", "degrees": [5, 15, 5]}]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
    state = tmp_path / "killed" / "state.pt"

    def start(folder: str) -> FreshProcess:
        return start_cli("pretrain", "recipe.yaml", "--out", folder, cwd=tmp_path)

    def finish(run: FreshProcess) -> None:
        assert run.wait().returncode == 0, run.stderr

    def saved() -> int:
        return state.stat().st_mtime_ns if state.exists() else 0

    finish(start("whole"))
    kills = []
    for _ in range(2):
        before, run = saved(), start("killed")
        try:
            while saved() == before and run.returncode is None:
                time.sleep(0.005)
            time.sleep(random.uniform(0, 0.3))
        finally:
            run.kill()
        kills.append(torch.load(state, weights_only=True)["step"])
    assert 0 < kills[0] < 40, "the first kill came too late to show anything"
    assert kills == sorted(kills)
    finish(start("killed"))

    expected, found = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    for name in expected:
        assert torch.equal(found[name], expected[name]), (name, kills)
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "whole")
    assert [row["step"] for row in numbers(tmp_path / "killed")] == [10, 20, 30, 40]
