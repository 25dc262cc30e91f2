"""A classifier whose training is killed, by signal and for good, ends as one that was left alone."""

from __future__ import annotations

import json
import signal
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

NAME = "finetune-1-seed0"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_killed_baseline_ends_with_the_same_bits(tmp_path: Path, tiny_tree: Any) -> None:
    tree = tiny_tree()
    del tree["masking"], tree["training"]
    tree["method"] = {"kind": "supervised", "network": {"kind": "sgn", "width": 4}}
    training = {"epochs": 8, "batch_size": 7, "warmup_epochs": 0, "checkpoint_seconds": 0}
    tree["evaluation"] = [{"kind": "finetune", "training": training, "test_clips": 2}]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
    state = tmp_path / "killed" / NAME / "state.pt"

    def start(folder: str) -> FreshProcess:
        return start_cli("evaluate", "recipe.yaml", "--from-scratch", "--out", folder, cwd=tmp_path)

    def wait_for_another_state(run: FreshProcess) -> None:
        before = state.stat().st_mtime_ns if state.exists() else 0
        while run.returncode is None and (not state.exists() or state.stat().st_mtime_ns == before):
            time.sleep(0.005)

    run = start("whole")
    assert run.wait().returncode == 0, run.stderr
    run = start("killed")
    wait_for_another_state(run)
    run.kill()
    step = torch.load(state, weights_only=True)["step"]
    assert 0 < step < 60, "the kill came too late to show anything"
    run = start("killed")
    wait_for_another_state(run)
    run.send_signal(signal.SIGTERM)
    assert run.wait().returncode == 130, run.stderr
    assert "run the same command again to resume" in run.stderr
    assert torch.load(state, weights_only=True)["step"] > step
    run = start("killed")
    assert run.wait().returncode == 0, run.stderr

    expected, found = (load_file(tmp_path / name / f"{NAME}.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    one, other = (
        json.loads((tmp_path / name / "results.json").read_text())["results"] for name in ("whole", "killed")
    )
    assert {**one[0], "seconds": 0} == {**other[0], "seconds": 0}
    one, other = ([row["loss"] for row in read_log(tmp_path / name / NAME)] for name in ("whole", "killed"))
    assert one == other
    assert not state.exists()
