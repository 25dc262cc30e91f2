from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, FOLDER, SYNTHETIC, detect_dataset, prepare, unread_files
from skeletonmae.errors import InputError

Write = Callable[[str, Path, np.ndarray], Path]
VALUES = np.random.default_rng(0).normal(size=(9, 20, 3))
LOST = {
    "notes.txt": b"1\n2 3\n",  # an ending of a format
    "other.json": b'{"hello": 1}',
    "sheet.XLSX": b"PK\x03\x04 and so on",
    "scan.fbx": b"Kaydara FBX Binary",
    "values.pt": b"\x80\x02",
    "more.tar.gz": b"\x1f\x8b\x08",
    "packed.7z": b"7z\xbc\xaf\x27\x1c",
    "broken.zip": b"PK\x03\x04 cut short",
    "export.log1": b"frame,x,y\n0,1,2\n1,2,3\n2,3,4\n",  # a table by its content
    "no_ending": b'{"frames": []}',
}
IGNORED = {
    ".DS_Store": b"x",
    "joint order.txt": b"The order of the joints, from the head to the feet.\n",
    "README.txt": b"Recorded in the garden.\n",
    "LICENSE": b"MIT\n",
    "readme.md": b"# Data\n",
    "frame_000001.png": b"\x89PNG",
    "clip.mp4": b"x",
    "load.py": b"print()\n",
    "Thumbs.db": b"x",
    "random.dll": b"\x00\x01",
}


def write_all(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path, write_sample: Write) -> Path:
    """Two recordings of NW-UCLA, and many files that are none."""
    root = tmp_path / "my data Ü"
    (root / "sub").mkdir(parents=True)
    for camera in (1, 3):
        write_sample("nw_ucla", root / f"a01_s01_e00_v0{camera}.json", VALUES)
    write_all(root / "sub", LOST | IGNORED)
    return root


def pack(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("packed", [False, True])
def test_every_file_is_read_or_listed(
    folder: Path, tmp_path: Path, write_sample: Write, known: bool, packed: bool
) -> None:
    if known:
        write_sample("trc", folder / "stray.trc", VALUES)
    dataset = DATASETS["nw_ucla"] if known else FOLDER
    root = pack(folder, tmp_path / "all.zip") if packed else folder
    report = prepare(dataset, root, tmp_path / "out")
    assert report.recordings == 2
    lost = {f"sub/{name}" for name in LOST}
    lost |= {"stray.trc"} if known else {"sub/joint order.txt", "sub/clip.mp4"}
    assert {entry.file for entry in report.skipped} == lost
    assert {entry.file for entry in report.ignored} == {f"sub/{name}" for name in IGNORED} - lost
    (broken,) = (entry.reason for entry in report.skipped if entry.file.endswith(".zip"))
    complaint = "an archive in an archive is not opened; unpack it" if packed else "is it complete?"
    assert complaint in broken
    assert all(len(entry.reason) > 5 for entry in (*report.skipped, *report.ignored))
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {entry["file"] for entry in written["skipped"]} == lost


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("scan.fbx", b"x", "no reader for .fbx files; export them as BVH, C3D or a table"),
        ("a.tar", b"x", "unpack it, or pack it as .zip"),
        ("a.feather", b"x", "no reader recognizes this table; expected a format that docs/data.md lists; got"),
        ("a.dat", b"25\n1 2 3\n", "no reader recognizes this table"),
    ],
)
def test_the_reason_says_what_to_do(folder: Path, name: str, content: bytes, reason: str) -> None:
    (folder / name).write_bytes(content)
    (found,) = (file for file in unread_files(FOLDER, folder) if file.path == folder / name)
    assert reason in found.reason
    assert found.may_hold_recordings


def test_a_recording_by_another_ending_and_one_beside_a_known_set(folder: Path, samples: dict[str, Path]) -> None:
    (folder / "walk.dump").write_bytes(samples["bvh"].read_bytes())
    (folder / "walk.trc").write_bytes(samples["trc"].read_bytes())
    reasons = {file.path.name: file.reason for file in unread_files(FOLDER, folder)}
    assert "if it is bvh, rename it so that it ends in .bvh" in reasons["walk.dump"]
    assert "walk.trc" not in reasons  # it is read
    reasons = {file.path.name: file.reason for file in unread_files(DATASETS["nw_ucla"], folder)}
    assert "not a file of Northwestern-UCLA, but it looks like trc" in reasons["walk.trc"]


def test_documents_by_name_that_are_recordings_are_read(tmp_path: Path, write_sample: Write) -> None:
    write_sample("msr_action3d", tmp_path / "notice_1.txt", VALUES)
    assert [file.path.name for file in FOLDER.files(tmp_path)] == ["notice_1.txt"]
    assert unread_files(FOLDER, tmp_path) == []


def test_archives_in_archives_hidden_folders_stores_and_links(folder: Path, tmp_path: Path) -> None:
    prepare(FOLDER, folder, tmp_path / "store")
    (tmp_path / "store").rename(folder / "store")
    write_all(folder / ".git", {"config": b"x", "index": b"y"})
    with zipfile.ZipFile(folder / "outer.zip", "w") as archive:
        archive.write(pack(folder / "sub", tmp_path / "inner.zip"), "deep/inner.zip")
        archive.writestr("__MACOSX/._a.json", b"x")
    try:
        (folder / "loop").symlink_to(folder)
        (folder / "gone.csv").symlink_to(tmp_path / "absent")
        (folder / "endless").symlink_to(folder / "endless")
    except OSError:
        pytest.skip("no links here")
    found = {
        file.path.relative_to(folder).as_posix(): file
        for file in unread_files(DATASETS["nw_ucla"], folder)
        if file.path.parent.name != "sub"
    }
    expected = {
        ".git": (False, "hidden"),
        "store": (False, "a store"),
        "outer.zip/deep/inner.zip": (True, "an archive in an archive is not opened; unpack it"),
        "outer.zip/__MACOSX": (False, "hidden"),
        "loop": (False, "a link to a folder that is read elsewhere"),
        "gone.csv": (True, "No such file"),
        "endless": (True, "cannot be read"),
    }
    assert set(found) == set(expected)
    for name, (may_hold, reason) in expected.items():
        assert (found[name].may_hold_recordings, reason in found[name].reason) == (may_hold, True), found[name]


def test_a_folder_that_cannot_be_opened_is_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: object = ".") -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)  # type: ignore[call-overload]

    (folder / "locked").mkdir()
    monkeypatch.setattr(os, "scandir", scandir)
    (found,) = (file for file in unread_files(DATASETS["nw_ucla"], folder) if file.path.name == "locked")
    assert found.may_hold_recordings


def test_strict_stops_at_a_file_that_is_not_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"broken\.zip: not read: not a valid zip archive"):
        prepare(FOLDER, folder, tmp_path / "out", strict=True)


def test_lists_that_belong_to_a_set_are_not_left_out(
    tmp_path: Path, written: dict[str, tuple[Path, object]]
) -> None:
    root = tmp_path / "ntu"
    root.mkdir()
    (root / "S001C001P001R001A001.skeleton").write_bytes(written["ntu"][0].read_bytes())
    (root / "NTU_RGBD_samples_with_missing_skeletons.txt").write_text("S001C001P001R001A002\n")
    dataset = detect_dataset(root)
    assert dataset.name == "ntu60"
    assert unread_files(dataset, root) == []


def test_nothing_is_left_out_of_a_single_file_or_of_synthetic_motion(samples: dict[str, Path]) -> None:
    assert unread_files(FOLDER, samples["bvh"]) == []
    assert unread_files(SYNTHETIC, Path("synthetic")) == []


def test_the_text_of_a_file_elsewhere_is_not_in_the_report(tmp_path: Path, write_sample: Write) -> None:
    (tmp_path / "secret").write_text("root:x:0:0\n")
    folder = tmp_path / "raw"
    folder.mkdir()
    write_sample("nw_ucla", folder / "a01_s01_e00_v01.json", VALUES)
    try:
        for name in ("passwd", "a.txt"):
            (folder / name).symlink_to(tmp_path / "secret")
    except OSError:
        pytest.skip("no links here")
    report = prepare(FOLDER, folder, tmp_path / "out")
    text = report.model_dump_json()
    assert "root:x" not in text
    assert text.count("is a link to another place, to 11 bytes") == 2
