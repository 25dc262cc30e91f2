from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, RecordingConverter, prepare
from skeletonmae.errors import InputError
from skeletonmae.formats import ReadOptions
from skeletonmae.sequences import SequenceStore, SkeletonSequence, StoreWriter
from skeletonmae.skeletons import KINECT20, NTU25

Write = Callable[[str, Path, np.ndarray], Path]
NW_UCLA = DATASETS["nw_ucla"]


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is a job."""
    monkeypatch.setattr(sys.modules["skeletonmae.datasets.jobs"], "MIN_JOB_BYTES", 1)


@pytest.fixture
def source(tmp_path: Path, write_sample: Write) -> Path:
    """Seven valid files and three invalid ones."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for action, camera, frames in ((1, 1, 4), (1, 2, 5), (2, 1, 6), (2, 3, 7), (12, 1, 8), (12, 2, 1), (12, 3, 9)):
        name = f"a{action:02d}_s01_e00_v{camera:02d}.json"
        write_sample("nw_ucla", folder / name, np.full((frames, 20, 3), camera + frames / 100))
    (folder / "a03_s01_e00_v01.json").write_text('{"skeletons": [')
    (folder / "a07_s01_e00_v01.json").write_text("{}")
    (folder / "notes.json").write_text("{}")
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_a_store_and_its_report(source: Path, tmp_path: Path, workers: int) -> None:
    num_done: list[tuple[int, int]] = []
    report = prepare(
        NW_UCLA,
        source,
        tmp_path / "out",
        workers=workers,
        progress=lambda done, total: num_done.append((done, total)),
    )
    store = SequenceStore.open(tmp_path / "out")
    store.verify()
    names = [path.stem for path in sorted(source.glob("a0[12]*")) + sorted(source.glob("a12*"))]
    assert [recording.name for recording in store] == names
    assert store.num_frames.tolist() == [4, 5, 6, 7, 8, 1, 9]
    assert store.classes == NW_UCLA.classes
    assert store[3].label == "pick up with two hands"
    assert store[3].tags == {"subject": "1", "repetition": "0", "camera": "3"}
    np.testing.assert_allclose(store[3].positions, 3.07, rtol=1e-6)
    assert (report.recordings, report.frames, report.unlabeled) == (7, 40, 0)
    assert {name: count for name, count in report.classes.items() if count} == {
        "pick up with one hand": 2,
        "pick up with two hands": 2,
        "carry": 3,
    }
    assert [skipped.file for skipped in report.skipped] == [
        "a03_s01_e00_v01.json",
        "a07_s01_e00_v01.json",
        "notes.json",
    ]
    for skipped, message in zip(report.skipped, ("truncated", "unknown action", "aAA_sSS_eEE_vVV"), strict=True):
        assert message in skipped.reason
    assert [(note.recording, note.message) for note in report.notes] == [("a12_s01_e00_v02", "one frame")]
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report.model_dump(mode="json")
    assert num_done[-1] == (10, 10)
    assert num_done == sorted(set(num_done))
    if workers == 1:
        assert len(num_done) == 10


@pytest.mark.parametrize("workers", [1, 2])
def test_strict_stops_at_a_bad_file_and_leaves_nothing(source: Path, tmp_path: Path, workers: int) -> None:
    with pytest.raises(InputError, match=r"a03_s01_e00_v01\.json"):
        prepare(NW_UCLA, source, tmp_path / "out", workers=workers, strict=True)
    assert {path.name for path in tmp_path.iterdir()} == {"raw"}


def test_the_store_is_the_same_however_many_processes_and_attempts(source: Path, tmp_path: Path) -> None:
    prepare(NW_UCLA, source, tmp_path / "one")
    prepare(NW_UCLA, source, tmp_path / "two", workers=2)

    def killed(done: int, _: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(NW_UCLA, source, tmp_path / "resumed", progress=killed)
    assert not (tmp_path / "resumed").exists()
    num_done: list[int] = []
    prepare(NW_UCLA, source, tmp_path / "resumed", progress=lambda done, _: num_done.append(done))
    assert 1 < num_done[0] < 6  # the job of the sixth file was not complete
    assert num_done == [*range(num_done[0], 11)]
    content = {
        name: {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two", "resumed")
    }
    assert content["one"] == content["two"] == content["resumed"]
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "one", "two", "resumed"}


def test_a_file_that_changed_after_a_kill_is_read_again(source: Path, tmp_path: Path, write_sample: Write) -> None:
    def killed(done: int, _: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(NW_UCLA, source, tmp_path / "out", progress=killed)
    write_sample("nw_ucla", source / "a01_s01_e00_v01.json", np.full((12, 20, 3), 9.0))
    prepare(NW_UCLA, source, tmp_path / "out")
    assert SequenceStore.open(tmp_path / "out").num_frames.tolist() == [12, 5, 6, 7, 8, 1, 9]
    with pytest.raises(KeyboardInterrupt):
        prepare(NW_UCLA, source, tmp_path / "other", progress=killed)
    prepare(NW_UCLA, source, tmp_path / "other", options=ReadOptions(fps=12.0))
    assert {recording.fps for recording in SequenceStore.open(tmp_path / "other")} == {12.0}


def test_two_processes_do_not_write_one_store(source: Path, tmp_path: Path) -> None:
    def again(done: int, _: int) -> None:
        with pytest.raises(InputError, match="another process is preparing"):
            prepare(NW_UCLA, source, tmp_path / "out")

    assert prepare(NW_UCLA, source, tmp_path / "out", progress=again).recordings == 7


def test_another_layout_and_two_axes(source: Path, tmp_path: Path) -> None:
    report = prepare(NW_UCLA, source, tmp_path / "out", converter=RecordingConverter(layout=NTU25, axes=2))
    store = SequenceStore.open(tmp_path / "out")
    assert (store.skeleton, store.axes) == (NTU25, 2)
    assert {line.split()[0] for line in report.conversion.splitlines()[1:]} >= set(NTU25.joints)
    lost = [
        joint
        for joint, is_observed in zip(NTU25.joints, store[0].observed.any((0, 1)), strict=True)
        if not is_observed
    ]
    assert lost == ["left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb"]


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        prepare(NW_UCLA, tmp_path / "absent", tmp_path / "out")
    (tmp_path / "raw").mkdir()
    with pytest.raises(InputError, match=r"no recording was found; got 0 files"):
        prepare(NW_UCLA, tmp_path / "raw", tmp_path / "out")
    (tmp_path / "raw" / "a01_s01_e00_v01.json").write_text("{")
    with pytest.raises(InputError, match=r"no recording could be read.*a01_s01_e00_v01\.json: not JSON"):
        prepare(NW_UCLA, tmp_path / "raw", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_many_files_of_one_frame_are_refused_before_all_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["skeletonmae.datasets.prepare"], "NUM_SAMPLE_FILES", 4)
    raw = tmp_path / "raw"
    raw.mkdir()
    for number in range(20):
        (raw / f"cam_{number:02d}.csv").write_text(f"frame,joint,x,y\n0,nose,{number},2\n")
    done: list[int] = []
    with pytest.raises(
        InputError, match=r"4 recordings in 4 of the 20 files has a single frame \('cam_00', 'cam_05'"
    ):
        prepare(DATASETS["folder"], raw, tmp_path / "out", progress=lambda count, _: done.append(count))
    assert done == []
    (raw / "cam_10.csv").write_text("frame,joint,x,y\n0,nose,1,2\n1,nose,1,2\n")
    with pytest.raises(InputError, match="probably the frames"):
        prepare(DATASETS["folder"], raw, tmp_path / "out", strict=True)
    assert prepare(DATASETS["folder"], raw, tmp_path / "out").recordings == 1


def test_what_is_there_already_is_not_touched(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(InputError, match="already exists"):
        prepare(NW_UCLA, source, tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "mine"


def test_of_two_recordings_of_one_name_the_first_is_kept(
    source: Path, tmp_path: Path, write_sample: Write
) -> None:
    (source / "again").mkdir()
    write_sample("nw_ucla", source / "again" / "a01_s01_e00_v02.json", np.ones((2, 20, 3)))
    report = prepare(NW_UCLA, source, tmp_path / "out")
    store = SequenceStore.open(tmp_path / "out")
    store.verify()
    assert [recording.num_frames for recording in store] == [4, 5, 6, 7, 8, 1, 9]
    np.testing.assert_allclose(store[6].positions, 3.09, rtol=1e-6)
    message = [skipped for skipped in report.skipped if "same name" in skipped.reason]
    assert [(skipped.file, skipped.kind) for skipped in message] == [
        ("again/a01_s01_e00_v02.json", "duplicate_name")
    ]
    assert message[0].reason.startswith(
        "its recording 'a01_s01_e00_v02' has the same name as that of a01_s01_e00_v02.json; rename one of them"
    )
    with pytest.raises(InputError):
        prepare(NW_UCLA, source, tmp_path / "strict", strict=True)


def test_no_note_is_about_a_recording_that_is_not_in_the_store(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for number, step in enumerate((1, 2, 2)):  # steps of 2 give a note
        lines = [f"good,{frame * step},head,1,1,{number}" for frame in range(4)]
        (raw / f"{number}.csv").write_text("\n".join(["recording,frame,joint,x,y,z", *lines]))
    report = prepare(DATASETS["folder"], raw, tmp_path / "out")
    assert report.notes == ()
    assert [skipped.file for skipped in report.skipped] == ["1.csv", "2.csv"]
    assert all("'good' has the same name as that of 0.csv" in skipped.reason for skipped in report.skipped)
    (raw / "0.csv").unlink()
    report = prepare(DATASETS["folder"], raw, tmp_path / "second")
    assert [note.recording for note in report.notes] == ["good"]


def test_a_recording_of_another_layout_is_skipped_and_the_rest_of_its_file_kept(tmp_path: Path) -> None:
    lines = ["recording,frame,person,joint,x,y,z,layout"]
    for name, layout in (("a", "kinect20"), ("b", "ntu25"), ("c", "kinect20")):
        lines += [f"{name},{frame},0,head,1,2,3,{layout}" for frame in range(2)]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    report = prepare(DATASETS["folder"], tmp_path / "mine.csv", tmp_path / "out")
    assert [recording.name for recording in SequenceStore.open(tmp_path / "out")] == ["a", "c"]
    assert "expected kinect20, 3 axes, m; got ntu25, 3 axes, m" in report.skipped[0].reason
    assert report.skipped[0].kind == "mismatch"
    assert report.skipped[0].layout == "ntu25 (25 joints, 3 axes, m)"


def test_what_came_before_a_bad_line_is_kept_and_said(tmp_path: Path) -> None:
    lines = ["recording,frame,person,joint,x,y", "a,0,0,nose,1,1", "b,0,0,nose,1,1", "c,0,0,nose,one,1"]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    report = prepare(DATASETS["folder"], tmp_path / "mine.csv", tmp_path / "out")
    assert report.recordings == 2
    assert report.skipped[0].reason.endswith("(after 2 recordings, which were kept)")


def test_nothing_observed_is_odd(tmp_path: Path, write_sample: Write) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    write_sample("msr_action3d", folder / "a01_s01_e01_skeleton3D.txt", np.zeros((3, 20, 3)))
    report = prepare(DATASETS["msr_action3d"], folder, tmp_path / "out")
    assert [(note.recording, note.message) for note in report.notes] == [
        ("a01_s01_e01_skeleton3D", "nothing observed")
    ]


def test_a_name_that_cannot_be_written_is_skipped(tmp_path: Path, write_sample: Write) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    write_sample("nw_ucla", folder / "sound.json", np.ones((2, 20, 3)))
    try:
        write_sample("nw_ucla", folder / "bad\udcff.json", np.ones((2, 20, 3)))
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such name")
    report = prepare(DATASETS["folder"], folder, tmp_path / "out")
    assert report.recordings == 1
    assert "characters that are not text" in report.skipped[0].reason


def test_a_full_disk_leaves_what_was_read_and_no_store(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: StoreWriter, sequence: SkeletonSequence) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as once:
        once.setattr(StoreWriter, "add", full)
        message = (
            r"No space left .* while .*raw/a\d+_.*\.json was stored; .* are kept: free some space.*\.out\.parts"
        )
        with pytest.raises(OSError, match=message):
            prepare(NW_UCLA, source, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"raw", ".out.parts"}
    assert prepare(NW_UCLA, source, tmp_path / "out").recordings == 7
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "out"}


@pytest.mark.parametrize("method", ["converter", "writer"])
def test_any_error_in_storing_a_recording_is_an_error_of_its_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    owner, name = (RecordingConverter, "__call__") if method == "converter" else (StoreWriter, "add")
    original: Callable[..., Any] = getattr(owner, name)

    def fails(self: Any, sequence: SkeletonSequence) -> Any:
        if sequence.num_frames in (4, 6):  # the first recording, which gives the store its layout, and another
            raise OverflowError("Python int too large to convert to C int")
        return original(self, sequence)

    monkeypatch.setattr(owner, name, fails)
    report = prepare(NW_UCLA, source, tmp_path / "out")
    assert SequenceStore.open(tmp_path / "out").num_frames.tolist() == [5, 7, 8, 1, 9]
    failed = [skipped for skipped in report.skipped if "OverflowError" in skipped.reason]
    assert [skipped.file for skipped in failed] == ["a01_s01_e00_v01.json", "a02_s01_e00_v01.json"]
    assert "recording 'a01_s01_e00_v01': cannot be stored" in failed[0].reason
    with pytest.raises(InputError, match=r"a01_s01_e00_v01\.json, recording 'a01.*': cannot be stored"):
        prepare(NW_UCLA, source, tmp_path / "strict", strict=True)


def test_float16(source: Path, tmp_path: Path) -> None:
    prepare(NW_UCLA, source, tmp_path / "out", dtype="float16")
    np.testing.assert_allclose(SequenceStore.open(tmp_path / "out")[3].positions, 3.07, atol=1e-3)


def test_strict_counts_after_a_kill_too(source: Path, tmp_path: Path) -> None:
    def killed(done: int, _: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(NW_UCLA, source, tmp_path / "out", progress=killed)
    with pytest.raises(InputError, match=r"a03_s01_e00_v01\.json"):
        prepare(NW_UCLA, source, tmp_path / "out", strict=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"options": ReadOptions(unit="unknown")},
        {"options": ReadOptions(fps=7.0)},
        {"converter": RecordingConverter(layout=NTU25)},
        {"converter": RecordingConverter(axes=2)},
        {"dtype": "float16"},
    ],
)
def test_another_setting_after_a_kill_begins_anew(source: Path, tmp_path: Path, changed: dict[str, Any]) -> None:
    def killed(done: int, _: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(NW_UCLA, source, tmp_path / "out", progress=killed)
    prepare(NW_UCLA, source, tmp_path / "out", **changed)
    prepare(NW_UCLA, source, tmp_path / "fresh", **changed)
    first, second = (SequenceStore.open(tmp_path / name) for name in ("out", "fresh"))
    assert first.fingerprint == second.fingerprint


def test_the_labels_of_a_folder_are_looked_at_again_after_a_kill(tmp_path: Path, write_sample: Write) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in "abc":
        write_sample("nw_ucla", folder / f"{name}.json", np.ones((3, 20, 3)))

    def killed(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(DATASETS["folder"], folder, tmp_path / "out", progress=killed)
    (folder / "labels.csv").write_text("recording,label\na,wave\n")
    prepare(DATASETS["folder"], folder, tmp_path / "out")
    assert SequenceStore.open(tmp_path / "out")[0].label == "wave"


def test_a_changed_frame_of_many_is_read_again_after_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "clip"
    folder.mkdir(parents=True)

    def frame(number: int, x: int) -> None:
        points = [value for joint in range(25) for value in (10 * joint + x, 20 * joint + 1, 1)]
        text = json.dumps({"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": points}]})
        (folder / f"clip_{number:012d}_keypoints.json").write_text(text)

    for number in range(3):
        frame(number, 1)
    write = prepare.__globals__["merge"]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    module = sys.modules["skeletonmae.datasets.prepare"]
    module.merge = killed  # type: ignore[attr-defined]
    try:
        with pytest.raises(KeyboardInterrupt):
            prepare(DATASETS["folder"], tmp_path / "raw", tmp_path / "out")
    finally:
        module.merge = write  # type: ignore[attr-defined]
    frame(2, 9)
    prepare(DATASETS["folder"], tmp_path / "raw", tmp_path / "out")
    assert SequenceStore.open(tmp_path / "out")[0].positions[0, :, 0, 0].tolist() == [1, 1, 9]


def test_two_axes_are_those_of_an_image(source: Path, tmp_path: Path, write_sample: Write) -> None:
    standing = np.ones((4, 20, 3))
    standing[:, KINECT20.index["head"], 1] = 2.5
    standing[:, KINECT20.index["right_shoulder"], 0] = 1.2  # of who faces the camera: to its left
    standing[0, 7] = 0
    (tmp_path / "one").mkdir()
    write_sample("nw_ucla", tmp_path / "one" / "a01_s01_e00_v01.json", standing)
    prepare(NW_UCLA, tmp_path / "one", tmp_path / "out", converter=RecordingConverter(axes=2))
    (first,) = SequenceStore.open(tmp_path / "out")
    at = KINECT20.index
    assert first.positions[0, 1, at["head"], 1] < first.positions[0, 1, at["pelvis"], 1]  # y points down
    assert first.positions[0, 1, at["right_shoulder"], 0] < first.positions[0, 1, at["left_shoulder"], 0]
    assert not first.observed[0, 0, 7]
    assert not first.positions[0, 0, 7].any()


def test_the_conversion_of_every_layout_is_reported(tmp_path: Path) -> None:
    kinect = ("HipCenter", "Spine", "ShoulderCenter", "Head", "ShoulderLeft", "ElbowLeft", "HipLeft", "KneeLeft")
    coco = ("nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee")
    for name, joints in {"a": kinect, "b": coco, "c": kinect}.items():
        header = ",".join(f"{joint}_{axis}" for joint in joints for axis in "xy")
        values = ",".join(str(20 + number) for number in range(2 * len(joints)))
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.csv").write_text(f"{header}\n{values}\n{values}\n")
    converter = RecordingConverter(layout=NTU25)
    report = prepare(DATASETS["folder"], tmp_path / "in", tmp_path / "out", converter=converter)
    assert report.recordings == 3
    first, second = report.conversion.split("table7")
    assert first.startswith("table8 -> ntu25: 8 of 25 joints copied")
    assert "(first in recording 'a')" in first
    assert second.startswith(" -> ntu25: 6 of 25 joints copied")
    assert second.endswith("(first in recording 'b')")
