from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from skeletonmae import cli

FAULTS = """
import ctypes, resource, sys
import torch
from skeletonmae.cli.memory import retain_freed_memory

if sys.argv[1] == "kept":
    retain_freed_memory()

def tensor():
    torch.empty(64 << 20, dtype=torch.uint8).fill_(1)

def last_of_the_heap():
    block = libc.malloc(64 << 20)
    ctypes.memset(block, 1, 64 << 20)
    libc.free(block)

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
for use in (last_of_the_heap, tensor):  # above a tensor may lie something in use
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        use()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other has the switch")
def test_what_was_freed_is_used_again_without_page_faults() -> None:
    def faults(word: str) -> list[int]:
        done = subprocess.run([sys.executable, "-c", FAULTS, word], capture_output=True, text=True, check=True)
        return [int(count) for count in done.stdout.split()]

    for kept, without in zip(faults("kept"), faults("not"), strict=True):
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


HOLES = """
import time
from pathlib import Path
import torch
from skeletonmae.cli import memory

def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024

memory.TRIM_SECONDS = 0.2
memory.retain_freed_memory()
blocks = [torch.ones(1 << 20) for _ in range(100)]
high, last = megabytes(), blocks[-1]
del blocks
until = time.monotonic() + 20
while megabytes() > high - 300 and time.monotonic() < until:
    time.sleep(0.05)
print(high - megabytes())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other has the switch")
def test_memory_that_lies_unused_below_a_used_block_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 300
