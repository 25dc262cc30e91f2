"""The page `gpu.md`, from the measurements of `gpu.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpu_runs import is_measured

PUBLISHED = {"MAMP": 20 * 60 + 27, "GFP": 3 * 60 + 14}
"""Minutes of 400 epochs of NTU RGB+D 60 on an RTX 4090."""
PUBLISHED_BATCH, NUM_EPOCHS = 128, 400
GOAL_SHARE, GOAL_MINUTES, GOAL_DATA, GOAL_BATCH = 1 / 3, 40, 0.02, 1024
INTRODUCTION = """\
# Training and inference on one GPU

`benchmarks/gpu.py` times pre-training steps, an epoch and inference with the settings of `recipes/ntu60/mamp.yaml`
(A1: 120 frames, 25 joints, tokens of 4 frames, width 256, 8 blocks, 3 blocks in the decoder, 90 % hidden) and with
the network of `recipes/ntu60/graph.yaml` on the same clips (B), in bf16. It generates as many recordings as the
training side of NTU RGB+D 60 has, 40,000: lengths as there (mean 84 frames), 18 % with two persons, all joints
observed, float16. They are read from a store, whose arrays lie in the memory of the GPU. Every step is one of the
training loop, with the optimizer.

    python benchmarks/gpu.py --out benchmarks --budget-seconds 200
    python benchmarks/gpu.py --out benchmarks --merge benchmarks/gpu.json --series compiled --budget-seconds 90
    python benchmarks/gpu.py --out benchmarks --page    # only this page, from gpu.json
"""


def page(facts: dict[str, Any] | None) -> str:
    """Return the page; without measurements, it says that there are none."""
    if not facts:
        return f"{INTRODUCTION}\n**It has not been run on a GPU.**\n"
    cases: dict[str, list[dict[str, Any]]] = {}
    for case in facts["cases"]:
        cases.setdefault(case["section"], []).append(case)
    lines = [INTRODUCTION, *_where(facts["runs"]), *_goals(cases)]
    for name, write in SECTIONS.items():
        if measured := [case for case in cases.get(name, []) if is_measured(case)]:
            lines += ["", *write(measured)]
            if name == "epoch":
                num_clips = measured[0]["clips"]
                if estimates := list(_at_published_batch(cases.get("step", []), num_clips)):
                    lines += [
                        "",
                        f"{NUM_EPOCHS} epochs with batches of {PUBLISHED_BATCH}, as published:",
                        "",
                        *estimates,
                    ]
    missing = [case for case in facts["cases"] if not is_measured(case)]
    if missing:
        lines += ["", "## Not measured", ""]
        lines += [f"- run {case['run']}, {case['section']}, {_name(case)}: {_reason(case)}" for case in missing]
    return "\n".join([*lines, ""])


def _reason(case: dict[str, Any]) -> str:
    if "error" in case:
        return f"failed with `{case['error'].strip().splitlines()[-1][:200]}`"
    return "out of memory" if "out_of_memory" in case else f"left out: {case['skipped']}"


def _name(case: dict[str, Any]) -> str:
    parts = [case["name"]]
    parts += [f"batch {case['batch']}"] if "batch" in case else []
    parts += ["compiled"] if case.get("compiled") else []
    parts += [f"attention by {case['attention']}"] if case.get("attention", "default") != "default" else []
    return ", ".join(parts)


def _where(runs: list[dict[str, Any]]) -> Iterator[str]:
    for number, run in enumerate(runs, 1):
        gpu = f"{run['gpu']}, {run['gpu_gib']:.0f} GiB, CUDA {run['cuda']}" if "gpu" in run else "no GPU"
        yield f"Run {number}: {run['date']}, commit {run['commit'] or 'unknown'}; {gpu}; {run['cores']} CPU cores;"
        yield f"Python {run['python']}, torch {run['torch']}. It took {run['seconds_used']:.0f} of"
        yield f"{run['budget_seconds']:.0f} seconds.{_allocator(run)}"
        if number < len(runs):
            yield ""
    if not any("gpu" in run for run in runs):
        yield ""
        yield "**This was a smoke test on a CPU with tiny sizes. It has not been run on a GPU.**"


def _allocator(run: dict[str, Any]) -> str:
    grows = {True: "grew its segments", False: "had segments of a fixed size"}.get(run.get("expandable_segments"))
    return f" The allocator of torch {grows}." if grows else ""


WHY_SHORT = """\
Why a third of the peak is not reached: in the profile of the step with `decoder: self` that is not compiled,
attention takes 23 % and other matrix products 16 %. The rest is limited by memory: layer norms in float32,
conversions between bf16 and float32, residual sums, gradients of biases. Compiling the blocks fuses a part of
it. The products are narrow, too: widths of 256 and heads of 32, where the peak is that of matrices of 8,192.
Batches are made on the same GPU while the step runs, so a step with the loader is 2 to 9 % longer than one with
batches that lie ready, although no step waits for a batch.
"""


def _goals(cases: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yield the goals, and by how much each is reached or missed."""
    steps = [case for case in cases.get("step", []) if case.get("batch") == GOAL_BATCH and "share_of_peak" in case]
    epochs = [case for case in cases.get("epoch", []) if is_measured(case)]
    if not steps or not epochs:
        return
    best = max(steps, key=lambda case: float(case["share_of_peak"]))
    yield from ("", "## Goals", "", "| goal | measured | |", "|---|---|---|")
    share = best["share_of_peak"]
    words = f"{share:.0%}, {_name(best)}, run {best['run']}"
    yield _row(f"{GOAL_SHARE:.0%} of the bf16 peak at batch {GOAL_BATCH}", words, _reached(share >= GOAL_SHARE))
    by_time = sorted(epochs, key=lambda case: float(case["minutes_400_epochs"]))
    for fastest in {case["name"]: case for case in reversed(by_time)}.values():
        minutes = fastest["minutes_400_epochs"]
        words = f"{minutes:.1f} minutes, {_name(fastest)}, run {fastest['run']}"
        yield _row(f"400 epochs under {GOAL_MINUTES} minutes", words, _reached(minutes < GOAL_MINUTES))
    waits = max(float(case["waited_share"]) for case in steps)
    yield _row(f"waits for data under {GOAL_DATA:.0%}", f"at most {waits:.1%}", _reached(waits < GOAL_DATA))
    if share < GOAL_SHARE:
        yield from ("", WHY_SHORT.rstrip())


DIFFERENCES = (
    "The published time of MAMP is not that of the same computation. MAMP trained with batches of 128 on an RTX",
    "4090, with `decoder: self`, and predicted all hidden tokens. Here, the GPU is an H100, the rows `cross, 0.25",
    "predicted` have another decoder, which predicts a quarter of them, and batches of 1024 need an eighth of",
    "the steps. No run of 400 epochs was made: the time of one epoch is multiplied.",
)


def _at_published_batch(steps: list[dict[str, Any]], num_clips: int) -> Iterator[str]:
    """Yield an estimate of the time of 400 epochs with the published batch, where steps with it were timed."""
    for case in steps:
        if case.get("batch") == PUBLISHED_BATCH and case["name"].startswith("A1") and is_measured(case):
            minutes = NUM_EPOCHS * num_clips / case["clips_per_second"] / 60
            yield (
                f"- {_name(case)}, run {case['run']}: about {minutes:.0f} minutes, estimated from steps at"
                f" {case['clips_per_second']:,.0f} clips/s"
            )


def _reached(is_reached: bool) -> str:
    return "reached" if is_reached else "missed"


def _ceilings(cases: list[dict[str, Any]]) -> Iterator[str]:
    found = cases[-1]
    yield "## Limits of the device"
    yield ""
    yield "| what | |"
    yield "|---|---:|"
    yield f"| bf16 matrix product | {found['matmul_tflops']:,.0f} TFLOP/s |"
    yield f"| copy in memory, bytes read and written | {found['copy_gb_per_second']:,.0f} GB/s |"
    yield f"| launch of a small kernel | {found['launch_microseconds']:.1f} µs |"


STEPS = f"""\
## A pre-training step

`ms`: a step of the training loop with batches from the loader, after the same batches have been seen twice;
clips/s, TFLOP/s and `peak` are those of this time. `ready`: the same with batches that lie ready on the GPU, and
`data`: how much shorter that is (goal under {GOAL_DATA:.0%}). `waits`: how long the thread that trains waits for a
batch. `new`: when batches that lie ready are seen for the first time, with numbers of persons that are new, too.
TFLOP/s: of matrix products, a multiplication with its addition counted as two, without what is computed again
(`benchmarks/gpu_flops.py`). `peak`: the share of the rate of the large product above (goal at batch 1024:
{GOAL_SHARE:.0%}). `attention`: `default` is what `models/transformer.py` chooses. GiB: the peak memory of tensors.
`warm-up`: the first two steps; that of the first compiled model includes the start of the compiler.

| run | model | batch | compiled | attention | clips/s | ms | ready | data | waits | new | TFLOP/s | peak | GiB | \
warm-up, s |
|---:|---|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""


def _steps(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield STEPS
    for case in cases:
        yield _row(
            case["run"],
            case["name"],
            case["batch"],
            "yes" if case["compiled"] else "no",
            case["attention"],
            f"{case['clips_per_second']:,.0f}",
            f"{1e3 * case['step_with_loader_seconds']:,.1f}",
            f"{1e3 * case['step_seconds']:,.1f}" if "step_seconds" in case else "",
            f"{case['data_share']:.1%}" if "data_share" in case else "",
            f"{case['waited_share']:.1%}",
            f"{1e3 * case['new_shapes_seconds']:,.1f}" if "new_shapes_seconds" in case else "",
            f"{case['tflops']:,.1f}",
            f"{case['share_of_peak']:.1%}" if "share_of_peak" in case else "",
            f"{case['peak_gib']:.1f}" if "peak_gib" in case else "",
            f"{case['warm_up_seconds']:.1f}",
        )


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _epochs(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## An epoch, and 400 of them"
    yield ""
    yield "The last epoch of the training loop, with log and state; `of`: the number of epochs that were run."
    yield "Steps of the model came before, so its code was compiled already. 400 epochs are 400 times as much."
    published = ", ".join(f"{name} {minutes // 60} h {minutes % 60} m" for name, minutes in PUBLISHED.items())
    yield f"Published, on an RTX 4090: {published}. Goal: under {GOAL_MINUTES} minutes."
    yield ""
    yield from DIFFERENCES
    yield ""
    yield "| run | model | batch | compiled | attention | clips | of | epoch, s | 400 epochs, minutes | GiB |"
    yield "|---:|---|---:|---|---|---:|---:|---:|---:|---:|"
    for case in cases:
        yield _row(
            case["run"],
            case["name"],
            case["batch"],
            "yes" if case["compiled"] else "no",
            case["attention"],
            f"{case['clips']:,}",
            case["epochs"],
            f"{case['epoch_seconds']:.2f}",
            f"{case['minutes_400_epochs']:.1f}",
            f"{case['peak_gib']:.1f}" if "peak_gib" in case else "",
        )


def _inference(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Inference"
    yield ""
    yield "The classifier with 60 classes, from a batch on the device to logits on the CPU; median of 40 calls."
    yield ""
    yield "| run | precision | batch | ms | clips/s | memory, GiB |"
    yield "|---:|---|---:|---:|---:|---:|"
    for case in cases:
        memory = f"{case['peak_gib']:.2f}" if "peak_gib" in case else ""
        yield (
            f"| {case['run']} | {case['precision']} | {case['batch']} | {1e3 * case['seconds']:.2f} |"
            f" {case['clips_per_second']:,.0f} | {memory} |"
        )


def _attention(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Attention"
    yield ""
    yield "Eight heads of width 32 in bf16, forward and backward, without and with a mask for padding."
    yield "`new rows`: the first call with another number of rows."
    yield ""
    yield "| queries | keys | rows | kernel | mask | ms | new rows, ms |"
    yield "|---:|---:|---:|---|---|---:|---:|"
    for case in cases:
        for kernel, by_mask in case["kernels"].items():
            for what, found in by_mask.items():
                if "error" in found:
                    cells = ("does not run", "")
                else:
                    cells = (f"{1e3 * found['seconds']:.2f}", f"{1e3 * found['new_rows_seconds']:.2f}")
                has_mask = "yes" if what == "mask" else "no"
                yield _row(case["queries"], case["keys"], case["rows"], kernel, has_mask, *cells)


def _profiles(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## What a step consists of"
    for case in cases:
        yield ""
        yield f"### {_name(case)}, run {case['run']}"
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
