"""When, where and with what something is measured."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]


def environment(threads: int, repeats: int) -> dict[str, Any]:
    """Return the date, the commit, the command and the machine of a benchmark on a CPU."""
    return {**facts(f"OMP_NUM_THREADS={threads}"), "threads": threads, "repeats": repeats}


def facts(*variables: str) -> dict[str, Any]:
    """Return the date, the commit, the command and the machine.

    Args:
        variables: Of the environment in which the command was run, such as `OMP_NUM_THREADS=1`.
    """
    script, words = Path(sys.argv[0]), sys.argv[1:]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit(),
        "command": shlex.join([*variables, "python", f"benchmarks/{script.name}", *words]),
        **machine(),
    }


def commit() -> str:
    """Return the commit, and whether src differs from it; the environment variable COMMIT has precedence."""
    if stated := os.environ.get("COMMIT"):
        return stated
    changes = " with changes in src" if git("status", "--porcelain", "--", "src") else ""
    return git("rev-parse", "--short=12", "HEAD") + changes


def machine() -> dict[str, Any]:
    """Return the machine and the versions of Python and torch."""
    return {
        "processor": processor(),
        "bf16_instructions": bf16_instructions(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def git(*words: str) -> str:
    """Return the output of a git command in the project; empty where there is no repository."""
    try:
        done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:  # git is not installed
        return ""
    return done.stdout.strip()


def processor() -> str:
    """Return the name of the processor, with its vector instructions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return f"{name or platform.processor()} ({torch.backends.cpu.get_cpu_capability()})"


def bf16_instructions() -> str:
    """Return the instructions by which the processor multiplies bfloat16 matrices; empty if it has none."""
    from skeletonmae.models.cpu_attention import processor as kind

    return {"amx": "AMX", "avx512_bf16": "AVX-512 BF16"}.get(kind(), "")
