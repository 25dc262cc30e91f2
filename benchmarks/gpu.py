"""Measure training and inference on one GPU within a given time, and write gpu.json and gpu.md.

    python benchmarks/gpu.py --out benchmarks --budget-seconds 200
    python benchmarks/gpu.py --out benchmarks --merge benchmarks/gpu.json --series compiled --budget-seconds 90
    python benchmarks/gpu.py --out benchmarks --merge benchmarks/gpu.json --only attention,inference
    python benchmarks/gpu.py --out benchmarks --page       # write the page from gpu.json, measure nothing
    python benchmarks/gpu.py --out /tmp/gpu --quick        # tiny sizes, on a CPU too: a smoke test

gpu.json is written after every case, so that a run which is stopped leaves what it has measured. A case that fails
leaves its traceback there, and the run goes on. With --merge, the cases of an earlier file stay, unless they are
measured again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from environment import facts
from gpu_cases import measure
from gpu_page import page
from gpu_session import QUICK, Session, Sizes

from skeletonmae.files import write_text
from skeletonmae.models.transformer import CUDA_KERNELS
from skeletonmae.training.distributed import init_distributed


def expandable_segments() -> bool | None:
    """Return whether the allocator of torch grows its segments; None if torch does not say."""
    try:
        settings: dict[str, Any] = torch.cuda.memory._snapshot().get("allocator_settings", {})
    except (RuntimeError, AttributeError, TypeError):  # it is not documented, and nothing depends on it
        return None
    return settings.get("expandable_segments")


def describe(device: torch.device) -> dict[str, Any]:
    """Return when, where and with what this was measured."""
    described: dict[str, Any] = {**facts(), "device": str(device)}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        described |= {
            "gpu": properties.name,
            "gpu_gib": properties.total_memory / 2**30,
            "cuda": torch.version.cuda,
            "expandable_segments": expandable_segments(),
            "attention_kernels": [kernel.name for kernel in CUDA_KERNELS],
        }
    return described


def main() -> None:
    started = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu.json and gpu.md")
    parser.add_argument("--budget-seconds", type=float, default=200.0, help="seconds for all cases")
    parser.add_argument("--page", action="store_true", help="write gpu.md from gpu.json, and measure nothing")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: a smoke test, also on a CPU")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--recordings", type=int, help="number of generated recordings")
    parser.add_argument("--merge", type=Path, help="gpu.json of earlier runs, whose other cases are kept")
    parser.add_argument("--series", choices=("all", "compiled"), default="all", help="which cases to measure")
    parser.add_argument("--only", default="", help="sections to measure, separated by commas")
    parser.add_argument("--batches", type=int, nargs="+", help="batch sizes, the most important first")
    arguments = parser.parse_args()
    file = arguments.out / "gpu.json"
    if arguments.page:
        measured = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        return write_text(arguments.out / "gpu.md", page(measured))
    if arguments.device != "cuda" and not arguments.quick:
        parser.error("there is no GPU; --quick runs on a CPU")
    sizes = QUICK if arguments.quick else Sizes()
    if arguments.series == "compiled" and not arguments.quick:
        sizes = replace(sizes, seconds=1.0)
    if arguments.recordings:
        sizes = replace(sizes, recordings=arguments.recordings)
    if arguments.batches:
        sizes = replace(sizes, batches=tuple(arguments.batches))
    earlier = json.loads(arguments.merge.read_text(encoding="utf-8")) if arguments.merge else {}
    only = frozenset(filter(None, arguments.only.split(",")))
    # As the commands do: on a GPU, it tells the allocator of torch to grow its segments.
    with init_distributed(arguments.device) as context, tempfile.TemporaryDirectory() as folder:
        run = describe(context.device)
        run |= {"budget_seconds": arguments.budget_seconds, "seconds_used": 0.0, "cases": []}
        deadline = started + arguments.budget_seconds
        session = Session(context.device, sizes, arguments.out, deadline, run, earlier, only)
        measure(session, Path(folder), arguments.series)
    print(f"{run['seconds_used']:.0f} s used; {file}", flush=True)


if __name__ == "__main__":
    main()
