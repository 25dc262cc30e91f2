from __future__ import annotations

import ctypes
import platform
import sys
import time
from pathlib import Path

import pytest
from fresh_process import FreshProcess

from skeletonmae import cli, memory

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other has the switch")


def count_faults(is_kept: bool) -> None:
    """Print the page faults of using a block again and again: the last of the heap, and below others."""
    import resource

    import torch

    if is_kept:
        memory.retain_freed_memory()
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

    def tensor() -> None:
        torch.empty(64 << 20, dtype=torch.uint8).fill_(1)

    def last_of_the_heap() -> None:
        block = libc.malloc(64 << 20)
        ctypes.memset(block, 1, 64 << 20)
        libc.free(block)

    for use in (last_of_the_heap, tensor):  # above a tensor may lie something in use
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(8):
            use()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    sys.stdout.flush()


@glibc_only
def test_what_was_freed_is_used_again_without_page_faults() -> None:
    def faults(is_kept: bool) -> list[int]:
        process = FreshProcess(count_faults, is_kept).wait()
        assert process.returncode == 0, process.stderr
        return [int(count) for count in process.stdout.split()]

    for kept, without in zip(faults(True), faults(False), strict=True):
        assert 4 * kept < without


@pytest.mark.parametrize(
    ("command", "expected"), [("pretrain", 1), ("evaluate", 1), ("validate", 0), ("prepare", 0)]
)
def test_commands_that_train_keep_their_memory(
    command: str, expected: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: list[None] = []
    monkeypatch.setattr(cli, "retain_freed_memory", lambda: kept.append(None))
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    assert len(kept) == expected
    assert command in capsys.readouterr().out


def measure_holes() -> None:
    """Print the megabytes that are given back while a block above them is in use."""
    import torch

    def megabytes() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024

    memory.TRIM_SECONDS = 0.1
    memory.retain_freed_memory()
    blocks = [torch.ones(1 << 18) for _ in range(100)]
    high, last = megabytes(), blocks[-1]
    del blocks
    until = time.monotonic() + 20
    while megabytes() > high - 75 and time.monotonic() < until:
        time.sleep(0.05)
    print(high - megabytes(), len(last), flush=True)


@glibc_only
def test_memory_that_lies_unused_below_a_used_block_is_given_back() -> None:
    process = FreshProcess(measure_holes).wait()
    assert process.returncode == 0, process.stderr
    assert int(process.stdout.split()[0]) > 75


@glibc_only
def test_a_second_call_starts_no_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[None] = []

    class FakeThread:
        def __init__(self, **_: object) -> None:
            pass

        def start(self) -> None:
            started.append(None)

    memory.retain_freed_memory.cache_clear()
    monkeypatch.setattr(memory.threading, "Thread", FakeThread)
    memory.retain_freed_memory()
    memory.retain_freed_memory()
    memory.retain_freed_memory.cache_clear()  # the real thread was not started
    assert len(started) == 1
