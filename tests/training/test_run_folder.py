from __future__ import annotations

import errno
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from skeletonmae.errors import InputError
from skeletonmae.training.run_folder import Log, load_state, lock_folder, read_log, save_state

STATE = {
    "step": 3,
    "fingerprint": "x",
    "model": {"w": torch.arange(6.0).view(2, 3)},
    "ema_model": None,
    "loss_sum": 1.5,
    "num_terms": 2.0,
}


def test_a_saved_state_can_be_loaded(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None
    save_state(tmp_path, STATE)
    state = load_state(tmp_path)
    assert state is not None
    assert torch.equal(state["model"]["w"], torch.arange(6.0).view(2, 3))
    assert {key: state[key] for key in state if key != "model"} == {k: STATE[k] for k in STATE if k != "model"}


class Evil:
    """An object that creates a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def truncated(file: Path, harm: Path) -> None:
    save_state(file.parent, STATE)
    file.write_bytes(file.read_bytes()[:-200])


def flipped(file: Path, harm: Path) -> None:
    save_state(file.parent, STATE)
    content = bytearray(file.read_bytes())
    content[:64] = bytes(64)
    file.write_bytes(content)


DAMAGES = {
    "truncated": truncated,
    "header lost": flipped,
    "empty": lambda file, harm: file.write_bytes(b""),
    "garbage": lambda file, harm: file.write_bytes(bytes(range(256)) * 8),
    "text": lambda file, harm: file.write_text("hello"),
    "pickle with code": lambda file, harm: file.write_bytes(pickle.dumps({"fingerprint": Evil(harm)})),
    "torch file with code": lambda file, harm: torch.save({"fingerprint": Evil(harm)}, file),
    "something else": lambda file, harm: torch.save([1, 2], file),
    "no fingerprint": lambda file, harm: torch.save({"step": 1}, file),
    "format only": lambda file, harm: torch.save({"format": 2, "identity": "x"}, file),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_refused_and_runs_no_code(tmp_path: Path, damage: str) -> None:
    harm = tmp_path / "harm"
    DAMAGES[damage](tmp_path / "state.pt", harm)
    with pytest.raises(InputError, match=r"state\.pt.*delete it"):
        load_state(tmp_path)
    assert not harm.exists()


@pytest.mark.parametrize(
    "state",
    [{"identity": "x", "step": 3}, {"format": 3, "fingerprint": "x"}, {"format": None, "fingerprint": "x"}],
)
def test_a_state_of_another_format_is_refused(tmp_path: Path, state: dict[str, Any]) -> None:
    torch.save(state, tmp_path / "state.pt")
    expected = r"state\.pt: written by another version of skeletonmae.*delete it.*expected format 2; got format "
    with pytest.raises(InputError, match=expected + str(state.get("format", 1))):
        load_state(tmp_path)


def test_the_same_pickle_runs_code_in_the_pickle_module(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Evil(tmp_path / "harm")))  # noqa: S301 - shows that the test above can fail
    assert (tmp_path / "harm").exists()


def test_a_full_disk_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(tmp_path, STATE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        save_state(tmp_path, STATE | {"step": 4})
    state = load_state(tmp_path)
    assert state is not None
    assert state["step"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_a_folder_is_locked_for_one_run(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with lock_folder(folder):
        with pytest.raises(InputError, match="another run is writing"), lock_folder(folder):
            pass
        with lock_folder(folder, rank=1):  # another process of the same run
            pass
    with lock_folder(folder):
        pass


def test_a_log_continues_from_the_step_of_the_state(tmp_path: Path) -> None:
    log = Log(tmp_path, resume_step=0)
    for step in (2, 4, 6):
        log.add({"step": step, "loss": 1 / 3 * step})
    log.close()
    before = (tmp_path / "log.csv").read_text()
    assert [row["loss"] for row in read_log(tmp_path)] == pytest.approx([2 / 3, 4 / 3, 2], rel=1e-8)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("8,0.1234")  # a kill in the middle of a line
    assert [row["step"] for row in read_log(tmp_path)] == [2, 4, 6]
    log = Log(tmp_path, resume_step=4)
    log.add({"step": 6, "loss": 2.0})
    log.close()
    assert (tmp_path / "log.csv").read_text() == before


@pytest.mark.parametrize("cut", ["", "st", "step,loss", "step,loss\n"])
def test_a_log_may_be_cut_in_its_first_lines(tmp_path: Path, cut: str) -> None:
    (tmp_path / "log.csv").write_text(cut)
    log = Log(tmp_path, resume_step=0)
    log.add({"step": 1, "loss": 0.5})
    log.close()
    assert read_log(tmp_path) == [{"step": 1, "loss": 0.5}]


def test_without_a_log_there_are_no_rows(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []


def test_tensorboard_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = Log(tmp_path, resume_step=0)
    log.add({"step": 1, "loss": 0.5})
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]
    assert read_log(tmp_path) == [{"step": 1, "loss": 0.5}]


@pytest.mark.filterwarnings("ignore")
def test_rows_are_written_to_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("torch.utils.tensorboard")
    log = Log(tmp_path, resume_step=0)
    log.add({"step": 1, "loss": 0.5})
    log.close()
    assert any((tmp_path / "tensorboard").iterdir())


def test_a_full_disk_names_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path, 0)
    monkeypatch.setattr(Path, "open", full_disk)
    with pytest.raises(OSError, match=r"No space left on device: '.*log\.csv'"):
        log.add({"step": 1.0})


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
