"""Time the forms of attention on a CPU, forward and backward, and write the table.

    OMP_NUM_THREADS=1 python benchmarks/attention.py --out benchmarks/attention.md

The forms are those of `skeletonmae.models.cpu_attention`, whose table `FORMS` is based on this one. To see how a
processor with fewer instructions would do, set `ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
import time
from pathlib import Path
from typing import get_args

import torch
from environment import processor as processor_name

from skeletonmae.models.cpu_attention import Form, cpu_attention

REPEATS = 5
SHAPES = (
    # rows, heads, queries, keys, width of a head
    (16, 8, 40, 40, 16),
    (16, 8, 75, 75, 32),
    (16, 8, 100, 100, 32),
    (16, 8, 130, 130, 32),
    (16, 8, 200, 200, 16),
    (16, 8, 200, 200, 32),
    (8, 8, 400, 160, 32),
    (8, 8, 400, 400, 16),
    (8, 8, 400, 400, 32),
    (4, 8, 750, 750, 32),
)
FORMS: tuple[Form, ...] = get_args(Form)


def seconds(
    shape: tuple[int, int, int, int, int], dtype: torch.dtype, masked: bool, repeats: int = REPEATS
) -> dict[Form, float]:
    """Return the least CPU seconds of each form, called in alternation."""
    rows, heads, num_queries, num_keys, width = shape
    query, key, value = (
        torch.randn(rows, length, heads, width, dtype=dtype, requires_grad=True)
        for length in (num_queries, num_keys, num_keys)
    )
    attn_mask = torch.rand(rows, 1, 1, num_keys) < 0.9 if masked else None
    gradient = torch.ones(rows, heads, num_queries, width, dtype=dtype)
    times: dict[Form, list[float]] = {form: [] for form in FORMS}
    for _ in range(repeats + 1):  # the first is a warm-up
        for form in FORMS:
            started = time.process_time()
            output = cpu_attention(*(x.transpose(1, 2) for x in (query, key, value)), attn_mask, form)
            torch.autograd.backward(output, gradient)
            times[form].append(time.process_time() - started)
    return {form: min(spent[1:]) for form, spent in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="file for the page; if not given, it is printed only")
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    variables = ("OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
    settings = [f"{name}={os.environ[name]}" for name in variables if name in os.environ]
    date, load = datetime.datetime.now(datetime.UTC).date(), os.getloadavg()[0]
    lines = [
        "# Forms of attention on a CPU",
        "",
        f"CPU milliseconds, forward and backward: the least of {REPEATS}, called in alternation. The forms are",
        "those of [`cpu_attention.py`](../src/skeletonmae/models/cpu_attention.py); the fastest is bold. Rerun to",
        "rewrite this page:",
        "",
        f"    {shlex.join([*settings, 'python', 'benchmarks/attention.py', *sys.argv[1:]])}",
        "",
        f"{date}; {processor_name()}, {threads} thread(s), load of the machine {load:.1f}; torch"
        f" {torch.__version__}.",
        "",
        "The sizes are those of pre-training (40 visible tokens) to fine-tuning on NTU-60 (750 tokens). A",
        "processor with AMX has not been measured.",
        "",
        "| rows x heads, queries x keys, width | keys masked | precision | "
        + " | ".join(f"`{form}`" for form in FORMS)
        + " |",
        "|---|---|---|" + "---:|" * len(FORMS),
    ]
    for shape in SHAPES:
        rows, heads, num_queries, num_keys, width = shape
        for dtype in (torch.bfloat16, torch.float32):
            for masked in (False, True):
                times = seconds(shape, dtype, masked)
                best = min(times, key=times.__getitem__)
                cells = [
                    f"**{1e3 * spent:.1f}**" if form == best else f"{1e3 * spent:.1f}"
                    for form, spent in times.items()
                ]
                lines.append(
                    f"| {rows} x {heads}, {num_queries} x {num_keys}, {width} | {'10 %' if masked else ''} |"
                    f" {str(dtype).removeprefix('torch.')} | " + " | ".join(cells) + " |"
                )
                print(lines[-1], flush=True)
    page = "\n".join([*lines, ""])
    if arguments.out:
        arguments.out.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
