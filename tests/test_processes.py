from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skeletonmae.processes import ProcessLostError, is_main_process, start_processes

READY = """
import os, pathlib, time
folder = pathlib.Path(os.environ["SKELETONMAE_RENDEZVOUS"])
(folder / f"ready-{os.environ['RANK']}").touch()
"""


def command(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended may still wait to be collected."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


def raise_once_written(file: Path, error: type[BaseException]) -> None:
    while not file.exists() or not file.read_text():
        time.sleep(0.01)
    raise error


def test_the_others_know_their_rank_and_the_environment_is_as_before(tmp_path: Path) -> None:
    say = f"(pathlib.Path({str(tmp_path)!r}) / os.environ['RANK']).write_text(os.environ['WORLD_SIZE'])"
    before = dict(os.environ)
    with start_processes(3, command(READY + say)):
        assert (os.environ["RANK"], os.environ["WORLD_SIZE"]) == ("0", "3")
        assert is_main_process()
    assert dict(os.environ) == before
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"1": "3", "2": "3"}


@pytest.mark.parametrize("num_processes", [1, 2])
def test_none_is_started_for_one_or_by_one_of_several(
    num_processes: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(num_processes))
    monkeypatch.setenv("RANK", str(num_processes - 1))
    with start_processes(num_processes, command(f"open({str(tmp_path / 'started')!r}, 'w')")):
        assert is_main_process() == (num_processes == 1)
    assert not (tmp_path / "started").exists()


def test_one_that_never_gets_ready_is_named_with_what_it_said() -> None:
    lost = pytest.raises(ProcessLostError, match=r"process 1 .* ended with status 1: ValueError: no such thing")
    with lost, start_processes(2, command("raise ValueError('no such thing')")):
        pytest.fail("the block must not run")


def test_one_that_is_killed_is_why_the_connection_broke(tmp_path: Path) -> None:
    kill = f"import signal\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)\n"
    kill += "os.kill(os.getpid(), signal.SIGKILL)"
    lost = pytest.raises(ProcessLostError, match=r"was killed by signal 9.*fewer processes need less memory")
    with lost as raised, start_processes(2, command(READY + kill)):
        (tmp_path / "go").touch()
        time.sleep(0.5)
        raise RuntimeError("Connection closed by peer")
    assert isinstance(raised.value.__cause__, RuntimeError)


def test_an_error_of_this_one_is_its_own_and_ends_the_others(tmp_path: Path) -> None:
    wait = f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(60)"
    for error in (RuntimeError, KeyboardInterrupt):
        (tmp_path / "pid").unlink(missing_ok=True)
        with pytest.raises(error), start_processes(2, command(READY + wait)):
            raise_once_written(tmp_path / "pid", error)
        assert not is_running(int((tmp_path / "pid").read_text()))


def test_a_failure_after_this_one_is_done_is_not_hidden() -> None:
    fail = "time.sleep(0.3); raise SystemExit('the disk is full')"
    lost = pytest.raises(ProcessLostError, match="the disk is full")
    with lost, start_processes(2, command(READY + fail)):
        pass


def test_the_others_end_when_this_one_is_killed(tmp_path: Path) -> None:
    other = f"""
import os, pathlib, time
from skeletonmae.processes import announce_ready
announce_ready()
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
time.sleep(60)
"""
    main = f"""
import sys, time
from skeletonmae.processes import start_processes
with start_processes(2, [sys.executable, "-c", {other!r}]):
    time.sleep(60)
"""
    process = subprocess.Popen(command(main))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert process.poll() is None
        time.sleep(0.05)
    pid = int((tmp_path / "pid").read_text())
    assert is_running(pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)
