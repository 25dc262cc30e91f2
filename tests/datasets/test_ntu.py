from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, detect_dataset, prepare
from skeletonmae.formats import ReadOptions
from skeletonmae.sequences import SequenceStore

Write = Callable[[str, Path, np.ndarray], Path]
NTU60, NTU120 = DATASETS["ntu60"], DATASETS["ntu120"]


@pytest.fixture
def raw(tmp_path: Path, write_sample: Write) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    values = np.random.default_rng(0).normal(size=(14, 20, 3)).round(3)
    for name in ("S001C001P001R001A001", "S001C002P003R002A060", "S017C003P008R001A030"):
        write_sample("ntu", folder / f"{name}.skeleton", values)
    return folder


def test_the_name_says_the_class_and_the_tags(raw: Path, tmp_path: Path) -> None:
    assert detect_dataset(raw) is NTU60
    assert prepare(NTU60, raw, tmp_path / "out").skipped == ()
    store = SequenceStore.open(tmp_path / "out")
    message = [(recording.name, recording.label, dict(recording.tags)) for recording in store]
    assert message[1] == (
        "S001C002P003R002A060",
        "walking apart",
        {"setup": "1", "camera": "2", "subject": "3", "repetition": "2"},
    )
    sides = {name: [index.tolist() for index in rule(store)] for name, rule in NTU60.splits.items()}
    assert sides == {"xsub": [[0, 2], [1]], "xview": [[1, 2], [0]]}


def test_a_later_setup_is_ntu_120(raw: Path, tmp_path: Path, write_sample: Write) -> None:
    write_sample("ntu", raw / "S032C003P106R001A120.skeleton", np.ones((14, 20, 3)))
    assert detect_dataset(raw) is NTU120
    prepare(NTU120, raw, tmp_path / "out")
    store = SequenceStore.open(tmp_path / "out")
    assert [recording.label for recording in store][-1] == "rock-paper-scissors"
    assert [index.tolist() for index in NTU120.splits["xset"].sides(store)] == [[3], [0, 1, 2]]
    report = prepare(NTU60, raw, tmp_path / "60")
    assert "unknown action; expected A001 to A060" in report.skipped[0].reason


def test_broken_ones_are_listed(raw: Path, tmp_path: Path) -> None:
    (raw / "S001C001P001R001A002.skeleton").write_text("3\r\n0\r\n0\r\n0\r\n")
    (raw / "S001C001P001R001A003.skeleton").write_text("0\r\n")
    (raw / "S001C001P001R001A004.skeleton").write_text("3\r\n1\r\n")
    (raw / "walking.skeleton").write_text("0\r\n")
    (raw / "NTU_RGBD_samples_with_missing_skeletons.txt").write_text("x\nS017C003P008R001A030\n")
    report = prepare(NTU60, raw, tmp_path / "out")
    assert report.recordings == 2
    message = {Path(skipped.file).stem: skipped.reason for skipped in report.skipped}
    assert sorted(message) == [
        "S001C001P001R001A002",
        "S001C001P001R001A003",
        "S001C001P001R001A004",
        "S017C003P008R001A030",
        "walking",
    ]
    assert "got 3 frames without a body" in message["S001C001P001R001A002"]
    assert "got 0 frames without a body" in message["S001C001P001R001A003"]
    assert "listed" in message["S017C003P008R001A030"] or "list this sample" in message["S017C003P008R001A030"]
    assert "SsssCcccPpppRrrrAaaa" in message["walking"]


def test_a_zip_gives_the_same_store(raw: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in raw.iterdir():
            file.write(path, f"nturgb+d_skeletons/{path.name}")
    assert detect_dataset(tmp_path / "all.zip") is NTU60
    prepare(NTU60, raw, tmp_path / "a")
    prepare(NTU60, tmp_path / "all.zip", tmp_path / "b", workers=2)
    a, b = (SequenceStore.open(tmp_path / name) for name in "ab")
    for recording, expected in zip(a, b, strict=True):
        assert (recording.name, recording.label) == (expected.name, expected.label)
        np.testing.assert_array_equal(recording.positions, expected.positions)


def test_clean_none_keeps_every_body_where_it_was(raw: Path, tmp_path: Path) -> None:
    path = raw / "S001C001P001R001A001.skeleton"
    (ntu_cleanup,) = NTU60.read(NTU60.files(path)[0], path)
    (plain,) = NTU60.read(NTU60.files(path)[0], path, ReadOptions(ntu_cleanup="none"))
    moved = ntu_cleanup.positions - plain.positions
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:, :1, :1], moved.shape), atol=1e-6)
    assert np.abs(ntu_cleanup.positions[0, 0, 1]).max() == 0  # the spine's middle in the first frame
    assert np.abs(plain.positions[0, 0, 1]).max() > 0


def test_pyskls_pickle_of_ntu(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(2, 5, 25, 3)).astype(np.float32)
    annotations = [
        {"frame_dir": name, "label": label, "keypoint": values, "total_frames": 5}
        for name, label in (("S001C001P001R001A003", 2), ("odd", 0))
    ]
    path = tmp_path / "raw" / "ntu60_3danno.pkl"
    path.parent.mkdir()
    path.write_bytes(pickle.dumps({"split": {"xsub_train": ["odd"]}, "annotations": annotations}))
    report = prepare(NTU60, path.parent, tmp_path / "out")
    (recording,) = SequenceStore.open(tmp_path / "out")
    assert (recording.label, recording.tags["subject"], recording.num_persons) == ("brush teeth", "1", 2)
    assert len(report.skipped) == 1
