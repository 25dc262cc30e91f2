"""A process that measures a case ends with the one that started it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
CHILD = "import json, os, time; from child import exit_with_parent; exit_with_parent(); "


def test_it_ends_when_its_parent_is_killed() -> None:
    environment = os.environ | {"PYTHONPATH": str(FOLDER)}
    read, write = os.pipe()  # held by the child: it is closed when the child ends
    child = CHILD + f"os.write({write}, b'up'); time.sleep(60)"
    start = (
        f"subprocess.Popen([sys.executable, '-c', {child!r}], stdin=subprocess.PIPE, pass_fds=({write},)).wait()"
    )
    script = f"import subprocess, sys; {start}"
    with subprocess.Popen([sys.executable, "-c", script], env=environment, pass_fds=(write,)) as process:
        os.close(write)
        assert os.read(read, 2) == b"up"
        process.kill()
    assert os.read(read, 1) == b""
    os.close(read)


def test_the_json_that_it_prints_is_returned(benchmark_module: Callable[[str], Any]) -> None:
    child, environment = benchmark_module("child"), os.environ | {"PYTHONPATH": str(FOLDER)}
    words = [sys.executable, "-c", CHILD + "time.sleep(0.05); print(json.dumps([1, 2]))"]
    assert child.json_of_child(words, environment) == [1, 2]
    with pytest.raises(subprocess.CalledProcessError):
        child.json_of_child([sys.executable, "-c", CHILD + "raise SystemExit(3)"], environment)
