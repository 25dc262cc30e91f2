"""The page `gpu.md`, from the measurements of `gpu.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PUBLISHED = {"MAMP": 20 * 60 + 27, "GFP": 3 * 60 + 14}
"""Minutes of 400 epochs of NTU RGB+D 60 on an RTX 4090."""
GOAL_SHARE, GOAL_MINUTES, GOAL_DATA = 1 / 3, 40, 0.02
INTRODUCTION = """\
# Training and inference on one GPU

`benchmarks/gpu.py` times pre-training steps, an epoch and inference with the settings of `recipes/ntu60/mamp.yaml`
(A1: 120 frames, 25 joints, tokens of 4 frames, width 256, 8 blocks, 3 blocks in the decoder, 90 % hidden) and with
the network of `recipes/ntu60/graph.yaml` on the same clips (B), in bf16. It generates as many recordings as the
training side of NTU RGB+D 60 has, 40,000: lengths as there (mean 84 frames), 18 % with two persons, all joints
observed, float16. They are read from a store, whose arrays lie in the memory of the GPU. Every step is one of the
training loop, with the optimizer.

    python benchmarks/gpu.py --out benchmarks --budget-seconds 200
    python benchmarks/gpu.py --out benchmarks --page    # only this page, from gpu.json
"""


def page(facts: dict[str, Any] | None) -> str:
    """Return the page; without measurements, it says that there are none."""
    if not facts:
        return f"{INTRODUCTION}\n**It has not been run on a GPU.**\n"
    cases: dict[str, list[dict[str, Any]]] = {}
    for case in facts["cases"]:
        cases.setdefault(case["section"], []).append(case)
    lines = [INTRODUCTION, *_where(facts)]
    for name, write in SECTIONS.items():
        if measured := [case for case in cases.get(name, []) if _is_measured(case)]:
            lines += ["", *write(measured)]
    missing = [case for case in facts["cases"] if not _is_measured(case)]
    if missing:
        lines += ["", "## Not measured", ""]
        lines += [f"- {case['section']}, {_name(case)}: {_reason(case)}" for case in missing]
    return "\n".join([*lines, ""])


def _is_measured(case: dict[str, Any]) -> bool:
    return not {"error", "skipped", "out_of_memory"} & case.keys()


def _reason(case: dict[str, Any]) -> str:
    if "error" in case:
        return f"failed with `{case['error'].strip().splitlines()[-1][:200]}`"
    return "out of memory" if "out_of_memory" in case else f"left out: {case['skipped']}"


def _name(case: dict[str, Any]) -> str:
    parts = [case["name"]]
    parts += [f"batch {case['batch']}"] if "batch" in case else []
    parts += ["compiled"] if case.get("compiled") else []
    return ", ".join(parts)


def _where(facts: dict[str, Any]) -> Iterator[str]:
    gpu = f"{facts['gpu']}, {facts['gpu_gib']:.0f} GiB, CUDA {facts['cuda']}" if "gpu" in facts else "no GPU"
    yield f"{facts['date']}, commit {facts['commit'] or 'unknown'}; {gpu}; {facts['cores']} CPU cores; Python"
    yield f"{facts['python']}, torch {facts['torch']}. The run took {facts['seconds_used']:.0f} of"
    yield f"{facts['budget_seconds']:.0f} seconds."
    if "gpu" not in facts:
        yield ""
        yield "**This was a smoke test on a CPU with tiny sizes. It has not been run on a GPU.**"


def _ceilings(cases: list[dict[str, Any]]) -> Iterator[str]:
    found = cases[0]
    yield "## Limits of the device"
    yield ""
    yield "| what | |"
    yield "|---|---:|"
    yield f"| bf16 matrix product | {found['matmul_tflops']:,.0f} TFLOP/s |"
    yield f"| copy in memory, bytes read and written | {found['copy_gb_per_second']:,.0f} GB/s |"
    yield f"| launch of a small kernel | {found['launch_microseconds']:.1f} µs |"


def _steps(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## A pre-training step"
    yield ""
    yield "`ms`: a step with batches from the loader. `data`: how much shorter it is with batches that lie ready"
    yield f"(goal under {GOAL_DATA:.0%}). `waits`: how long the thread that trains waits for a batch."
    yield "`new shapes`: a step in which the number of persons is one that has not been seen before. TFLOP/s: of"
    yield "matrix products, a multiplication with its addition counted as two, without what is computed again"
    yield "(`benchmarks/gpu_flops.py`). `peak`: the share of the rate of the large product above (goal at batch"
    yield f"1024: {GOAL_SHARE:.0%}). Memory: of all tensors, at its peak. `warm-up`: the first two steps."
    yield ""
    yield (
        "| model | batch | compiled | clips/s | ms | new shapes, ms | data | waits | TFLOP/s | peak |"
        " memory, GiB | warm-up, s |"
    )
    yield "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for case in cases:
        seconds = case["step_with_loader_seconds"]
        tflops = case["step_teraflop"] / seconds
        peak = f"{case['share_of_peak'] * tflops / case['tflops']:.1%}" if "share_of_peak" in case else ""
        memory = f"{case['peak_gib']:.1f}" if "peak_gib" in case else ""
        data = (
            f"{case['data_share']:.1%}" if "new_shapes_seconds" in case else ""
        )  # else from one pass with new shapes
        yield (
            f"| {case['name']} | {case['batch']} | {'yes' if case['compiled'] else 'no'} |"
            f" {case['clips_per_second']:,.0f} | {1e3 * seconds:,.1f} |"
            f" {1e3 * case.get('new_shapes_seconds', case['step_seconds']):,.1f} |"
            f" {data} | {case['waited_share']:.1%} | {tflops:,.1f} | {peak} | {memory} |"
            f" {case['warm_up_seconds']:.1f} |"
        )


def _epochs(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## An epoch, and 400 of them"
    yield ""
    yield "The second of two epochs of the training loop, with log and state. 400 epochs are 400 times as much."
    published = ", ".join(f"{name} {minutes // 60} h {minutes % 60} m" for name, minutes in PUBLISHED.items())
    yield f"Published, on an RTX 4090: {published}. Goal: under {GOAL_MINUTES} minutes."
    yield ""
    yield "| model | batch | compiled | clips | epoch, s | 400 epochs, minutes | memory, GiB |"
    yield "|---|---:|---|---:|---:|---:|---:|"
    for case in cases:
        memory = f"{case['peak_gib']:.1f}" if "peak_gib" in case else ""
        yield (
            f"| {case['name']} | {case['batch']} | {'yes' if case['compiled'] else 'no'} | {case['clips']:,} |"
            f" {case['epoch_seconds']:.2f} | {case['minutes_400_epochs']:.1f} | {memory} |"
        )


def _inference(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Inference"
    yield ""
    yield "The classifier with 60 classes, from a batch on the device to logits on the CPU; median of 40 calls."
    yield ""
    yield "| precision | batch | ms | clips/s | memory, GiB |"
    yield "|---|---:|---:|---:|---:|"
    for case in cases:
        memory = f"{case['peak_gib']:.2f}" if "peak_gib" in case else ""
        yield (
            f"| {case['precision']} | {case['batch']} | {1e3 * case['seconds']:.2f} |"
            f" {case['clips_per_second']:,.0f} | {memory} |"
        )


def _attention(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Attention"
    yield ""
    yield "Eight heads of width 32 in bf16, forward and backward, without and with a mask for padding."
    yield ""
    yield "| keys | rows | no mask, ms | mask, ms | kernels without | kernels with |"
    yield "|---:|---:|---:|---:|---|---|"
    for case in cases:
        kernels = [", ".join(f"`{_short(name)}`" for name in case[f"{what}, kernels"]) for what in MASKS]
        seconds = [f"{1e3 * case[f'{what}, seconds']:.2f}" for what in MASKS]
        yield f"| {case['keys']} | {case['rows']} | {' | '.join(seconds)} | {' | '.join(kernels)} |"


MASKS = ("no mask", "mask")


def _profiles(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## What a step consists of"
    for case in cases:
        yield ""
        yield f"### {_name(case)}"
        yield ""
        busy = f" ({case['busy_share']:.0%} of the step)" if "busy_share" in case else ""
        yield f"{case['num_kernels']:,} kernels take {1e3 * case['kernel_seconds']:,.1f} ms{busy}. The host"
        lines = ", ".join(f"`{line}` ({count})" for line, count in case["synchronizations"].items())
        yield f"waits for the device at: {lines or 'no line'}."
        yield ""
        yield "| kernel | share | calls |"
        yield "|---|---:|---:|"
        total = max(case["kernel_seconds"], 1e-9)
        for name, seconds, count in case["kernels"][:10]:
            yield f"| `{_short(name)}` | {seconds / total:.1%} | {count} |"


def _short(kernel: str) -> str:
    """Return the name of a kernel without its arguments, so that it fits into a table."""
    return kernel.replace("|", "/").replace("`", "").removeprefix("void ")[:90]


SECTIONS = {
    "ceilings": _ceilings,
    "step": _steps,
    "epoch": _epochs,
    "inference": _inference,
    "attention": _attention,
    "profile": _profiles,
}
