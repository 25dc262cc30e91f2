"""What `gpu.py` measures of the device itself: its limits, and the time to write recordings."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu_session import Session
from gpu_store import write_generated_store

from skeletonmae.sequences import SequenceStore


def measure_ceilings(session: Session) -> dict[str, Any]:
    """Measure the rate of bf16 matrix products, of copies in memory, and of empty kernels."""
    sizes, device = session.sizes, session.device
    a, b = (torch.randn(sizes.matmul, sizes.matmul, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = torch.empty_like(a)
    x = torch.randn(sizes.copy_bytes // 4, device=device)
    y, small = torch.empty_like(x), torch.zeros(1, device=device)

    def rate(call: Callable[[], object], repeats: int, work: float) -> float:
        for _ in range(3):
            call()
        return max(work * repeats / session.seconds(lambda: [call() for _ in range(repeats)]) for _ in range(3))

    repeats = 60 if sizes.seconds else 2
    found = {
        "matmul_tflops": rate(lambda: torch.mm(a, b, out=product), repeats, 2 * sizes.matmul**3) / 1e12,
        "copy_gb_per_second": rate(lambda: y.copy_(x), repeats, 2 * x.numel() * 4) / 1e9,
        "launch_microseconds": 1e6 / rate(lambda: small.add_(1.0), 20 * repeats, 1),
    }
    session.facts["ceilings"] = found
    return found


def measure_store(session: Session, folder: Path) -> SequenceStore:
    """Generate the recordings, and open them: all other cases need them."""
    started = time.perf_counter()
    write_generated_store(folder, session.sizes.recordings, session.device)
    seconds = time.perf_counter() - started
    store = SequenceStore.open(folder)
    row = {
        "recordings": len(store),
        "tracks": int(store.num_persons.sum()),
        "frames": int(store.num_frames.sum()),
        "megabytes": sum(file.stat().st_size for file in folder.glob("*.npy")) / 1e6,
        "write_seconds": seconds,
    }
    session.run("store", "store", lambda: row, 0)
    return store
