from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skeletonmae import processes
from skeletonmae.errors import InputError
from skeletonmae.processes import ProcessLostError, is_main_process, start_processes

READY = """
import os, pathlib, time
folder = pathlib.Path(os.environ["SKELETONMAE_RENDEZVOUS"])
(folder / f"ready-{os.environ['RANK']}").touch()
"""


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An unusual name for the folder of temporary files, in which nothing may stay."""
    folder = tmp_path / "temporary ü%20"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield folder
    assert not list(folder.iterdir())


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


def test_the_others_know_their_rank_and_the_environment_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(processes, "num_cores", lambda: 7)
    monkeypatch.syspath_prepend("/of/this/test")
    say = f"""
import json, sys
print("not for the user")
facts = dict(os.environ), os.getsid(0) == os.getpid(), sys.path, sys.stdin.read()
pathlib.Path({str(tmp_path)!r}, os.environ["RANK"]).write_text(json.dumps(facts))
"""
    before = dict(os.environ)
    with start_processes(3, command(READY + say)):
        assert (os.environ["RANK"], os.environ["WORLD_SIZE"]) == ("0", "3")
        assert is_main_process()
    assert dict(os.environ) == before
    assert capfd.readouterr() == ("", "")
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["1", "2"]
    for rank in ("1", "2"):
        variables, leads_session, places, given = json.loads((tmp_path / rank).read_text())
        assert (variables["RANK"], variables["LOCAL_RANK"], variables["WORLD_SIZE"]) == (rank, rank, "3")
        assert variables["OMP_NUM_THREADS"] == "2"
        assert variables["GLOO_SOCKET_IFNAME"].startswith("lo")
        assert leads_session  # so that a terminal's Ctrl-C does not reach it
        assert "/of/this/test" in places
        assert "" not in places
        assert given == ""


def test_the_number_of_threads_that_the_user_has_set_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with start_processes(2, command(READY)):
        assert os.environ["OMP_NUM_THREADS"] == "5"


def test_cores_that_this_process_may_not_use_are_not_counted() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system binds no process to cores")
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, [min(allowed)])
        assert processes.num_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert processes.num_cores() == len(allowed)


def test_none_is_started_for_one_or_by_one_of_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = command(f"open({str(tmp_path / 'started')!r}, 'w')")
    with start_processes(1, start):
        assert is_main_process()
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="torchrun has started processes already"), start_processes(2, start):
        pytest.fail("the block must not run")
    monkeypatch.setenv(processes.RENDEZVOUS, str(tmp_path))
    with start_processes(2, start):
        assert not is_main_process()
    assert not (tmp_path / "started").exists()


def test_without_a_loopback_address_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processes.can_connect()
    monkeypatch.setattr(processes, "ADDRESS", "192.0.2.1")  # of no machine: RFC 5737
    with pytest.raises(InputError, match="cannot connect"), start_processes(2, command(READY)):
        pytest.fail("the block must not run")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('no such thing')", "ended: ValueError: no such thing; run the same"),
        (
            "import sys; sys.exit('warning: a\\nerror: a.yaml: it has\\ntwo lines')",
            "ended: a.yaml: it has\ntwo lines; ",
        ),
        ("raise SystemExit(3)", "ended: exit status 3"),
        (
            "import os; print('a', file=os.sys.stderr); os.kill(os.getpid(), 9)",
            "was killed by signal 9; fewer processes",
        ),
        ("import os; os.kill(os.getpid(), 11)", "was killed by signal 11; run the same command again"),
    ],
)
def test_one_that_never_gets_ready_is_named_with_its_reason(code: str, message: str) -> None:
    with pytest.raises(ProcessLostError) as raised, start_processes(2, command(code)):
        pytest.fail("the block must not run")
    assert f"process 2 of this command {message}" in str(raised.value)


def test_one_that_fails_is_why_the_connection_broke(tmp_path: Path) -> None:
    fail = f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)\n"
    fail += "time.sleep(1); raise SystemExit('the disk is full')"  # a while after it has closed its connection
    lost = pytest.raises(ProcessLostError, match="the disk is full")
    with lost as raised, start_processes(2, command(READY + fail)):
        (tmp_path / "go").touch()
        raise RuntimeError("Connection closed by peer")
    assert isinstance(raised.value.__cause__, RuntimeError)


def test_this_one_ends_if_it_waits_for_one_that_has_failed(tmp_path: Path, temporary_folder: Path) -> None:
    main = f"""
import sys, time
from skeletonmae import processes
processes.GRACE_SECONDS = 0.2
with processes.start_processes(2, [sys.executable, "-c", {READY + "raise SystemExit('the disk is full')"!r}]):
    time.sleep(60)
"""
    process = subprocess.run(command(main), capture_output=True, text=True, timeout=30)
    assert process.returncode == 1
    assert (
        process.stderr
        == "error: process 2 of this command ended: the disk is full; run the same command again to resume\n"
    )


def test_an_error_of_this_one_is_its_own_and_ends_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
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


def test_one_that_does_not_end_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "END_SECONDS", 0.2)
    start = time.monotonic()
    with start_processes(2, command(READY + "time.sleep(60)")):
        pass
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_the_others_end_when_this_one_is_killed(tmp_path: Path, delay: float) -> None:
    other = f"""
import os, pathlib, time
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
time.sleep({delay})  # while it loads modules
from skeletonmae.processes import announce_ready, follow_main_process
follow_main_process()
announce_ready()
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
