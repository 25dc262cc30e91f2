"""The benchmark of a GPU runs on a CPU, writes its page and counts operations correctly."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend
from torch.utils.flop_counter import FlopCounterMode

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.masking import FixedParts, RandomTokens
from skeletonmae.methods import GraphMAEConfig, InputSpec, JointPatchMAEConfig, Method
from skeletonmae.models import transformer
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import NTU25

FOLDER = Path(__file__).parents[2] / "benchmarks"
SPEC = InputSpec(16, 3, NTU25.joints)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("gpu")


def module(name: str) -> Any:
    """A module beside gpu.py; the fixture `gpu` makes them importable."""
    return importlib.import_module(name)


def clips(num: int) -> Batch:
    positions = torch.randn(num, 1, SPEC.frames, 25, 3, generator=torch.Generator().manual_seed(0))
    index = torch.arange(num)
    observed = torch.ones(positions.shape[:4], dtype=torch.bool)
    return Batch(positions, observed, index, sample_keys(0, 0, index), NTU25)


def counted_flops(method: Method, batch: Batch) -> int:
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(method(batch).loss)
    return counter.get_total_flops()


@pytest.mark.parametrize("decoder", ["self", "cross"])
@pytest.mark.parametrize("predict_ratio", [1.0, 0.25])
def test_flops_of_joint_patch(gpu: Any, decoder: str, predict_ratio: float) -> None:
    config = JointPatchMAEConfig(
        width=32, depth=2, heads=2, decoder=decoder, decoder_width=16, decoder_depth=2, predict_ratio=predict_ratio
    )
    # With 50 tokens, attention on a CPU is written out in products, which the counter of torch sees.
    spec = InputSpec(8, 3, NTU25.joints)
    batch = clips(3)
    batch = batch.with_positions(
        batch.positions[:, :, :8].contiguous(), batch.observed[:, :, :8], batch.bridged[:, :, :8]
    )
    counted = counted_flops(config.build(spec, RandomTokens(ratio=0.8)), batch)
    assert module("gpu_flops").joint_patch_flops(config, spec, 0.8, 3) == counted


def test_flops_of_graph(gpu: Any) -> None:
    recipe: dict[str, Any] = {
        "target": "embedding",
        "joint_identity": "none",
        "remask": True,
        "frame_context": False,
    }
    config = GraphMAEConfig(depth=2, joint_masking=FixedParts(parts=("left_arm",)), **recipe)
    counted = counted_flops(config.build(SPEC), clips(12))
    num_hidden = len(NTU25.parts["left_arm"])
    assert module("gpu_flops").graph_flops(config, SPEC, num_hidden, 12) == pytest.approx(counted, rel=0.01)


def test_the_generated_store_is_valid(gpu: Any, tmp_path: Path) -> None:
    module("gpu_store").write_generated_store(tmp_path / "store", 60, torch.device("cpu"))
    store = SequenceStore.open(tmp_path / "store")
    store.verify()
    assert (store.num_persons == 2).sum() == 11
    recording = store[3]
    assert recording.observed.all()
    assert 0.01 < recording.positions.std(1).mean() < 0.1  # it moves


def run(gpu: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """Run the benchmark in the quick mode, and return gpu.json."""
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--quick", "--device", "cpu", *arguments])
    gpu.main()
    facts: dict[str, Any] = json.loads((Path(arguments[1]) / "gpu.json").read_text())
    return facts


def test_it_runs_every_case_and_writes_its_page(gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = run(gpu, monkeypatch, "--out", str(tmp_path))
    assert [case for case in facts["cases"] if {"error", "skipped", "out_of_memory"} & case.keys()] == []
    sections = {case["section"] for case in facts["cases"]}
    assert sections == {"ceilings", "store", "step", "epoch", "profile", "inference", "attention"}
    steps = {case["name"] for case in facts["cases"] if case["section"] == "step"}
    assert steps == set(module("gpu_session").MODELS)
    page = (tmp_path / "gpu.md").read_text()
    assert "It has not been run on a GPU" in page
    assert "| 1 | A1, self | 4 | no |" in page


def test_the_series_of_compiled_models_is_merged_into_earlier_runs(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []
    monkeypatch.setattr("skeletonmae.training.trainer.compile_blocks", compiled.append)
    monkeypatch.setattr(gpu, "QUICK", dataclasses.replace(gpu.QUICK, compiles=True))
    run(gpu, monkeypatch, "--out", str(tmp_path), "--only", "inference")
    earlier = ["--merge", str(tmp_path / "gpu.json")]
    facts = run(gpu, monkeypatch, "--out", str(tmp_path), *earlier, "--series", "compiled", "--only", "step,epoch")
    assert [case for case in facts["cases"] if {"error", "skipped"} & case.keys()] == []
    assert {(case["section"], case["run"]) for case in facts["cases"]} == {
        ("inference", 1),
        ("step", 2),
        ("epoch", 2),
    }
    names = {(case["section"], case["name"]) for case in facts["cases"] if case.get("compiled")}
    assert names == {
        ("step", "B"),
        *(
            (section, name)
            for section in ("step", "epoch")
            for name in (module("gpu_session").CROSS, module("gpu_session").RECIPE_AS_IT_IS)
        ),
    }
    assert len(compiled) == 3 * 3 + 2  # three trainings for a step, one for an epoch
    assert len(facts["runs"]) == 2


def test_a_run_replaces_what_it_measured(gpu: Any) -> None:
    def case(**facts: Any) -> dict[str, Any]:
        return {"section": "step", "name": "x", "batch": 2} | facts

    first = module("gpu_runs").add_run(
        {}, {"date": 1, "cases": [case(ms=1), case(batch=3, skipped=""), case(batch=4, ms=1)]}
    )
    second = module("gpu_runs").add_run(
        first, {"date": 2, "cases": [case(error=""), case(batch=3, ms=2), case(batch=4, ms=2)]}
    )
    assert [(each["batch"], each.get("ms"), each["run"]) for each in second["cases"]] == [
        (2, 1, 1),
        (3, 2, 2),
        (4, 2, 2),
    ]
    assert second["runs"] == [{"date": 1}, {"date": 2}]


def test_kernels_of_attention_are_chosen_within_a_block(gpu: Any) -> None:
    chosen = transformer.CUDA_KERNELS
    with module("gpu_attention").allowed_kernels("cudnn"):
        assert transformer.CUDA_KERNELS[0] is SDPBackend.CUDNN_ATTENTION
    assert transformer.CUDA_KERNELS is chosen


def test_a_case_that_fails_leaves_its_traceback(gpu: Any, tmp_path: Path) -> None:
    session = gpu.Session(
        torch.device("cpu"), gpu.QUICK, tmp_path, 1e12, {"budget_seconds": 1.0, "seconds_used": 0.0, "cases": []}
    )
    session.facts |= gpu.describe(torch.device("cpu"))
    session.run("step", "broken", lambda: {"x": 1 / 0}, needs=0.0)
    session.run("step", "large", lambda: {}, needs=1e13)
    broken, large = json.loads((tmp_path / "gpu.json").read_text())["cases"]
    assert "ZeroDivisionError" in broken["error"]
    assert "skipped" in large
    assert "- run 1, step, broken: failed with `ZeroDivisionError" in (tmp_path / "gpu.md").read_text()


def test_the_page_says_that_nothing_was_measured(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--page", "--out", str(tmp_path)])
    gpu.main()
    assert "It has not been run on a GPU" in (tmp_path / "gpu.md").read_text()


def test_the_committed_page_is_that_of_the_measurements(gpu: Any) -> None:
    file = FOLDER / "gpu.json"
    facts = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    assert (FOLDER / "gpu.md").read_text(encoding="utf-8") == gpu.page(facts)


def test_the_time_with_the_published_batch_is_estimated_from_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    estimate = importlib.import_module("gpu_page")._at_published_batch
    steps = [
        {"name": name, "batch": batch, "run": 1, "clips_per_second": 2000.0}
        for name, batch in (("A1, cross", 128), ("A1, cross", 1024), ("B", 128))
    ]
    (line,) = estimate([*steps, {"name": "A1, self", "batch": 128, "run": 1, "skipped": "no time"}], 40_000)
    assert line == "- A1, cross, batch 128, run 1: about 133 minutes, estimated from steps at 2,000 clips/s"


def test_the_page_says_which_goals_were_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    goals = importlib.import_module("gpu_page")._goals

    def step(share: float, waited: float) -> dict[str, Any]:
        return {"name": "A", "batch": 1024, "run": 1, "share_of_peak": share, "waited_share": waited}

    def epoch(name: str, minutes: float) -> dict[str, Any]:
        return {"name": name, "batch": 1024, "run": 1, "minutes_400_epochs": minutes}

    epochs = [epoch("A", 50.0), epoch("A", 39.0), epoch("B", 41.0)]
    rows = [line for line in goals({"step": [step(0.2, 0.01), step(0.4, 0.03)], "epoch": epochs}) if "|" in line]
    assert [row.split("|")[-2].strip() for row in rows[2:]] == ["reached", "reached", "missed", "missed"]
    assert "40%" in rows[2]
    assert "39.0 minutes" in rows[3]
    assert "41.0 minutes" in rows[4]
    assert list(goals({"step": [step(0.2, 0.01)]})) == []
