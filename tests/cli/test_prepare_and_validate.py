"""`prepare` and `validate` at the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fresh_process import start_cli

from skeletonmae.cli import main
from skeletonmae.datasets import jobs, synthetic_dataset
from skeletonmae.datasets.synthetic import generate
from skeletonmae.sequences import SequenceStore, StoreWriter
from skeletonmae.skeletons import COCO17, NTU25


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command here; return its exit status, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        try:
            status = main([str(word) for word in words])
        except SystemExit as left:
            status = int(left.code or 0)
        output = capsys.readouterr()
        assert "Traceback" not in output.err
        return status, output.out, output.err

    return run


@pytest.fixture
def raw(tmp_path: Path, write_sample: Any) -> Path:
    """Six recordings of two actions, as files of four formats."""
    rng = np.random.default_rng(0)
    for label in ("wave", "bow"):
        folder = tmp_path / "raw files" / label
        folder.mkdir(parents=True)
        for number, (name, suffix) in enumerate([("nw_ucla", ".json"), ("utd_mhad", ".mat"), ("table", ".csv")]):
            motion = rng.normal(size=(1, 20, 3)) + rng.normal(0, 0.01, size=(9, 20, 3)).cumsum(0)
            write_sample(name, folder / f"clip {number}{suffix}", motion)
    return tmp_path / "raw files"


def test_formats_are_known_by_content_and_said(cli: Any, raw: Path, tmp_path: Path) -> None:
    status, out, err = cli("prepare", raw, tmp_path / "store")
    assert status == 0
    assert "formats (number of files)" in err
    assert all(text in err for text in ("nw_ucla (2)", "utd_mhad (2)", "table (2)"))
    assert "6 recordings, 54 frames, 0 unlabeled" in out


def test_a_zip_archive(cli: Any, raw: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as file:
        for path in sorted(raw.rglob("*.*")):
            file.write(path, path.relative_to(raw))
    assert cli("prepare", tmp_path / "raw.zip", tmp_path / "zipped")[0] == 0
    assert cli("prepare", raw, tmp_path / "plain")[0] == 0
    zipped, plain = (SequenceStore.open(tmp_path / name) for name in ("zipped", "plain"))
    for one, other in zip(zipped, plain, strict=True):
        assert (one.name, one.label) == (other.name, other.label)
        np.testing.assert_array_equal(one.positions, other.positions)


def test_layouts_that_do_not_fit_the_store_are_counted(cli: Any, tmp_path: Path) -> None:
    """They can become stores of their own, which pre-training mixes."""
    for number, (layout, unit) in enumerate([("kinect20", "m"), *[("ntu25", "m")] * 2, ("kinect20", "px")]):
        lines = [f"{frame},head,{number},{frame},3,{layout},{unit}" for frame in range(3)]
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / f"{number}.csv").write_text("\n".join(["frame,joint,x,y,z,layout,unit", *lines]))
    status, _, err = cli("prepare", tmp_path / "raw", tmp_path / "store")
    assert status == 3
    lines = err.splitlines()
    start = lines.index("the store has the layout of the first file: kinect20 (20 joints, 3 axes, m), 1 recording")
    assert lines[start + 1 : start + 3] == [
        "skipped: ntu25 (25 joints, 3 axes, m), 2 recordings",
        "skipped: kinect20 (20 joints, 3 axes, px), 1 recording",
    ]
    assert "a store of its own" in lines[start + 3]
    assert "`data.pretrain`" in lines[start + 3]
    assert "--convert-to LAYOUT" in lines[start + 3]
    assert "a store of its own" not in cli("prepare", tmp_path / "raw" / "0.csv", tmp_path / "one")[2]


def test_shards_are_prepared_and_joined(cli: Any, raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    for shard in ("2/2", "1/2", "2/2"):
        status, text, _ = cli("prepare", raw, out, "--workers", 1, "--shard", shard)
        assert status == 0
        assert f"-> {out}/shard-0000{shard[0]}-of-00002" in text
    status, text, _ = cli("prepare", raw, out, "--join")
    assert (status, f"-> {out}\n" in text) == (0, True)
    status, _, message = cli("prepare", raw, out, "--join", "--shard", "1/2")
    assert (status, "give one of them" in message) == (1, True)
    for option in (("--unit", "mm"), ("--axes", 2), ("--dtype", "float16")):
        status, _, message = cli("prepare", raw, tmp_path / "other", "--join", *option)
        assert (status, "from the shards" in message) == (1, True)


def test_conversion_is_said_joint_by_joint(cli: Any, raw: Path, tmp_path: Path) -> None:
    status, _, err = cli(
        "prepare", raw, tmp_path / "s", "--convert-to", "coco17", "--axes", 2, "--unit", "unknown", "--fps", 12
    )
    assert status == 0
    for joint, how in (("nose", "head"), ("left_eye", "missing"), ("left_wrist", "copied")):
        assert any(line.split()[:1] == [joint] and how in line for line in err.splitlines()), joint
    store = SequenceStore.open(tmp_path / "s")
    assert (store.skeleton, store.axes, store.unit, store[0].fps) == (COCO17, 2, "unknown", 12.0)


def test_a_layout_of_ones_own(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "mouse.yaml").write_text("joints: [snout, hip, tail]\nparents: {snout: hip, tail: hip}\n")
    lines = ["frame,joint,x,y", *(f"{f},{joint},{f},{f}" for f in range(4) for joint in ("snout", "hip", "tail"))]
    (tmp_path / "raw" / "runs").mkdir(parents=True)
    (tmp_path / "raw" / "runs" / "m1.csv").write_text("\n".join(lines))
    status, _, err = cli("prepare", tmp_path / "raw", tmp_path / "store", "--layout", tmp_path / "mouse.yaml")
    assert status == 0, err
    store = SequenceStore.open(tmp_path / "store")
    assert (store.skeleton.name, store.skeleton.joints, store.unit) == ("mouse", ("snout", "hip", "tail"), "px")
    status, _, err = cli("prepare", tmp_path / "raw", tmp_path / "other", "--layout", "moose.yaml")
    assert status == 1
    assert "moose.yaml" in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--unit inch", "unknown --unit; expected m, px, image, unknown, cm, mm; got inch"),
        ("--fps 0", "--fps must be greater than 0"),
        ("--fps nan", "--fps must be greater than 0"),
        ("--format bhv", "unknown --format; expected ntu, "),
        ("--layout coco71", "coco17"),
        ("--convert-to kinekt20", "kinect20"),
        ("--convert-to hand21", "hand21"),
    ],
)
def test_a_wrong_setting_is_a_line(cli: Any, raw: Path, tmp_path: Path, words: str, expected: str) -> None:
    status, out, err = cli("prepare", raw, tmp_path / "store", *words.split())
    assert (status, out) == (1, "")
    assert expected in err
    assert not (tmp_path / "store").exists()


def test_one_bad_file_does_not_stop_it_unless_asked(cli: Any, raw: Path, tmp_path: Path) -> None:
    (raw / "wave" / "cut.json").write_text('{"skeletons": [[')
    status, _, err = cli("prepare", raw, tmp_path / "store")
    assert status == 3
    assert "skipped: wave/cut.json" in err
    assert json.loads((tmp_path / "store" / "report.json").read_text())["recordings"] == 6
    status, _, err = cli("prepare", raw, tmp_path / "strict", "--strict")
    assert status == 1
    assert "cut.json" in err
    assert not (tmp_path / "strict").exists()


def many_jobs() -> None:
    synthetic_dataset.RECORDINGS_PER_FILE, jobs.MIN_JOB_BYTES = 2, 8  # eight files a job


def killed_after_two_jobs() -> None:
    """Be killed by the signal KILLED_BY as soon as the second record of a job is complete."""
    many_jobs()
    write, written = jobs.write_text, []

    def write_and_be_killed(path: Path, text: str) -> None:
        write(path, text)
        written.append(path)
        if len(written) == 2:
            os.kill(os.getpid(), int(os.environ["KILLED_BY"]))

    jobs.write_text = write_and_be_killed


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_a_killed_prepare_resumes(tmp_path: Path, how: str) -> None:
    which = signal.Signals[how]
    words = ("prepare", "synthetic", tmp_path / "store", "--num-recordings", 64, "--workers", 1)
    killed = start_cli(*words, env={"KILLED_BY": str(int(which))}, setup=killed_after_two_jobs).wait()
    assert killed.returncode == (-which if how == "SIGKILL" else 130)
    assert "Traceback" not in killed.stderr
    parts = tmp_path / ".store.parts"
    done = {path.name for path in parts.glob("job-*.json")}
    assert len(done) == 2
    assert not (tmp_path / "store").exists()
    stamps = {name: (parts / name).stat().st_mtime_ns for name in done}
    kept = tmp_path / "kept"
    shutil.copytree(parts, kept, copy_function=shutil.copy2)
    again = start_cli(*words, setup=many_jobs).wait()
    assert again.returncode == 0, again.stderr
    assert len(SequenceStore.open(tmp_path / "store")) == 64
    assert {name: (kept / name).stat().st_mtime_ns for name in done} == stamps
    assert not parts.exists()


@pytest.fixture
def body(tmp_path: Path) -> Any:
    """Write synthetic motion as tables, in other units or axes."""

    def write(
        folder: str, factor: float = 1.0, order: tuple[int, ...] = (0, 1, 2), signs: Any = (1, 1, 1)
    ) -> Path:
        for number, motion in enumerate(generate(12)):
            lines = ["frame,joint,x,y,z"]
            for frame in range(8):
                for joint, place in zip(NTU25.joints, motion.positions[0, frame], strict=True):
                    x, y, z = place[list(order)] * np.array(signs) * factor
                    lines.append(f"{frame},{joint},{x:.6f},{y:.6f},{z:.6f}")
            path = tmp_path / folder / f"action {number % 2}" / f"clip {number}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines))
        return tmp_path / folder

    return write


@pytest.mark.parametrize(
    ("layout", "words", "check"),
    [
        ({"factor": 1000}, ("--unit", "mm"), "units"),
        ({"factor": 100}, ("--unit", "cm"), "units"),
        ({"order": (0, 2, 1), "signs": (1, -1, 1)}, ("--up", "z"), "upright"),
        ({"signs": (-1, -1, 1)}, ("--up", "-y"), "upright"),
    ],
)
def test_units_and_axes_are_warned_of_and_converted(
    cli: Any, body: Any, tmp_path: Path, layout: dict[str, Any], words: tuple[str, str], check: str
) -> None:
    source = body("Körper", **layout)
    status, _, err = cli("prepare", source, tmp_path / "wrong")
    assert status == 0
    (warning,) = (line for line in err.splitlines() if line.startswith(f"warning: {check}: "))
    assert f"`{' '.join(words)}`" in warning
    report = json.loads((tmp_path / "wrong" / "report.json").read_text())
    assert {finding["check"] for finding in report["findings"] if finding["severity"] != "note"} == {check}
    status, _, err = cli("prepare", source, tmp_path / "right", *words)
    assert (status, "warning" in err) == (0, False), err
    right = {recording.name: recording for recording in SequenceStore.open(tmp_path / "right")}
    for number, motion in enumerate(generate(12)):
        recording = right[f"action {number % 2}/clip {number}"]
        assert recording.unit == "m"
        np.testing.assert_allclose(recording.positions[0], motion.positions[0, :8], atol=1e-5)
    out = cli("validate", source, *words)[1]
    assert "units" not in out
    assert "upright" not in out


def test_what_is_not_read_changes_the_status_only_if_it_could_hold_recordings(
    cli: Any, raw: Path, tmp_path: Path
) -> None:
    for name in ("README", ".hidden", "a.png"):
        (raw / name).write_bytes(b"x")
    status, _, err = cli("prepare", raw, tmp_path / "harmless")
    assert status == 0
    assert "ignored: 3 files without recordings (hidden, a document, a picture), such as " in err
    status, out, _ = cli("validate", raw, "--all")
    assert all(f"note: unread: {raw / name}: " in out for name in ("README", ".hidden", "a.png"))
    (raw / "walk.fbx").write_bytes(b"x")
    status, _, err = cli("prepare", raw, tmp_path / "lost")
    assert status == 3
    assert "skipped: walk.fbx: no reader for .fbx files; export them as BVH, C3D or a table" in err
    status, out, _ = cli("validate", raw, "--all")
    assert f"warning: unread: {raw / 'walk.fbx'}: no reader" in out


def test_classes_without_recordings_are_one_line(cli: Any, tmp_path: Path, write_sample: Any) -> None:
    for action in (1, 2):
        (tmp_path / "raw").mkdir(exist_ok=True)
        for view in (1, 3):
            motion = np.random.default_rng(action + view).normal(size=(9, 20, 3))
            write_sample("nw_ucla", tmp_path / "raw" / f"a{action:02d}_s01_e00_v{view:02d}.json", motion)
    for words in (("prepare", tmp_path / "raw", tmp_path / "store"), ("validate", tmp_path / "store")):
        out = cli(*words)[1].splitlines()
        assert "8 of 10 classes have no recording" in out
        assert not any(line.startswith("drop trash") for line in out)


def test_the_split_is_named_or_why_there_is_none(cli: Any, raw: Path, tmp_path: Path) -> None:
    _, _, err = cli("prepare", "synthetic", tmp_path / "store", "--num-recordings", 60)
    assert "the default split: " in err
    assert " test recordings of subject s" in err
    shutil.rmtree(raw / "bow")
    _, _, err = cli("prepare", raw, tmp_path / "single")
    assert "note: pre-training can use this store, evaluation cannot: accuracy would mean nothing: all " in err


# validate


def test_the_status_says_what_was_found(cli: Any, tmp_path: Path, raw: Path) -> None:
    assert cli("prepare", "synthetic", tmp_path / "clean", "--num-recordings", 60)[0] == 0
    status, out, _ = cli("validate", tmp_path / "clean")
    assert status == 0, out
    assert out.rstrip().splitlines()[-1].startswith("ok")
    with StoreWriter(tmp_path / "one", NTU25) as store:
        for number, one in enumerate(generate(50)):
            first = slice(1 if number == 7 else None)
            cut = {"positions": one.positions[:, first], "observed": one.observed[:, first]}
            store.add(replace(one, **cut))
    status, out, _ = cli("validate", tmp_path / "one")
    assert (status, "only one frame" in out) == (3, True)  # a warning
    (raw / "wave" / "cut.json").write_text('{"skeletons": [[')
    status, out, _ = cli("validate", raw)
    assert status == 1
    assert "damaged" in out
    assert "cut.json" in out
    status, out, _ = cli("validate", raw, "--json")
    found = json.loads(out)
    assert (status, found["status"], found["recordings"]) == (1, "errors", 6)
    assert any(one["check"] == "damaged" and "cut.json" in one["message"] for one in found["findings"])


def test_what_two_stores_share_is_an_error(cli: Any, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        assert cli("prepare", "synthetic", tmp_path / name, "--num-recordings", 60, "--seed", seed)[0] == 0
    assert "leaks" not in cli("validate", tmp_path / "a", "--all")[1]
    status, out, _ = cli("validate", tmp_path / "a", "--against", tmp_path / "a")
    assert status == 1
    assert "leaks" in out
    status, out, _ = cli("validate", tmp_path / "a", "--against", tmp_path / "b", "--all")
    assert not any(
        line.startswith("error: leaks: synthetic") and "the same as" in line for line in out.splitlines()
    )


def test_a_split_that_shares_a_recording(cli: Any, tmp_path: Path, write_sample: Any) -> None:
    (tmp_path / "raw").mkdir()
    motion = np.random.default_rng(0).normal(size=(9, 20, 3))
    for view in (1, 3):
        write_sample("nw_ucla", tmp_path / "raw" / f"a02_s01_e00_v{view:02d}.json", motion)
    for source in ("raw", "store"):
        if source == "store":
            assert cli("prepare", tmp_path / "raw", tmp_path / "store")[0] == 0
        status, out, _ = cli("validate", tmp_path / source)
        assert status == 1
        assert "a02_s01_e00_v03: the same as a02_s01_e00_v01, which is in the training set" in out
    status, _, err = cli("validate", tmp_path / "raw", "--split", "sideways")
    assert status == 1
    assert "has no such split" in err


def test_the_picture(cli: Any, tmp_path: Path, raw: Path) -> None:
    cli("validate", raw, "--picture", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert cli("prepare", "synthetic", tmp_path / "many", "--num-recordings", 60)[0] == 0
    cli("validate", tmp_path / "many", "--picture", tmp_path / "many.png")
    assert len(list(tmp_path.glob("many-*.png"))) == 3  # 25 classes, twelve a sheet


def test_a_damaged_store_is_a_finding(cli: Any, tmp_path: Path) -> None:
    assert cli("prepare", "synthetic", tmp_path / "store", "--num-recordings", 60)[0] == 0
    file = tmp_path / "store" / "positions.npy"
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    status, out, _ = cli("validate", tmp_path / "store")
    assert status == 1
    assert "positions.npy" in out


def test_json_is_json_whatever_the_names(cli: Any, tmp_path: Path, write_sample: Any) -> None:
    folder = tmp_path / "raw" / "run\u202fning \x1b[31m"
    folder.mkdir(parents=True)
    write_sample("nw_ucla", folder / "a.json", np.ones((3, 20, 3)))
    status, out, _ = cli("prepare", tmp_path / "raw", tmp_path / "store", "--json")
    assert status == 0
    assert list(json.loads(out)["classes"]) == ["run\u202fning \x1b[31m"]
    assert out.isascii()
    assert "\x1b" not in out


def test_a_split_that_came_with_the_files_is_said(cli: Any, tmp_path: Path) -> None:
    lines = ["recording,frame,joint,x,y,z,label,split"]
    for number, side in enumerate(("train", "train", "test", "test")):
        lines += [f"r{number},{f},head,{f},{number},1,{'ab'[number % 2]},{side}" for f in range(3)]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    status, _, err = cli("prepare", tmp_path / "mine.csv", tmp_path / "store")
    assert status == 0
    assert "the files contain a split: tag 'split' (train, test)" in err
    out = cli("validate", tmp_path / "store")[1]
    assert any(line.split() == ["a", "2", "1", "1"] for line in out.splitlines())


def test_a_format_that_is_named(cli: Any, tmp_path: Path) -> None:
    """It counts, whatever the content looks like."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("".join(f"  {n} 1 2 1\n" for n in range(1, 41)))
    for words, status in (("--format", "msr_action3d"), 0), (("--format", "sbu"), 1):
        found, _, err = cli("prepare", tmp_path / "raw", tmp_path / words[1], *words)
        assert found == status, err
    assert SequenceStore.open(tmp_path / "msr_action3d").num_frames.tolist() == [2]
    status, _, err = cli("validate", tmp_path / "msr_action3d", "--format", "sbu")
    assert status == 1
    assert "a store has already been prepared" in err


def test_a_long_list_of_columns_is_short_on_the_console_and_whole_in_the_report(cli: Any, tmp_path: Path) -> None:
    others = [f"sensor{number}" for number in range(12)]
    path = tmp_path / "raw" / "wide.csv"
    path.parent.mkdir()
    path.write_text(f"nose_x,nose_y,neck_x,neck_y,{','.join(others)}\n{'1,' * 15}1\n{'2,' * 15}2\n")
    _, _, err = cli("prepare", path.parent, tmp_path / "store", "--workers", 1)
    assert "sensor7 and 4 more" in err
    assert "sensor8" not in err
    assert ", ".join(others) in (tmp_path / "store" / "report.json").read_text()


def test_files_with_their_joints_in_another_order_are_one_store(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.csv").write_text(
        "LASI_x,LASI_y,RASI_x,RASI_y,ball_x,ball_y\n1,2,3,4,5,6\n1,2,3,4,5,6\n"
    )
    (tmp_path / "raw" / "b.csv").write_text(
        "ball_x,ball_y,RASI_x,RASI_y,LASI_x,LASI_y\n5,6,3,4,1,2\n5,6,3,4,1,2\n"
    )
    (tmp_path / "raw" / "c.csv").write_text("LASI_x,LASI_y,RASI_x,RASI_y\n1,2,3,4\n1,2,3,4\n")
    status, _, err = cli("prepare", tmp_path / "raw", tmp_path / "store", "--workers", 1)
    store = SequenceStore.open(tmp_path / "store")
    assert (status, len(store)) == (3, 2)
    np.testing.assert_array_equal(store[0].positions, store[1].positions)
    assert "c.csv" in err
    assert "without ball" in err


def test_files_of_no_format_beside_recordings_are_warnings(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "walk.csv").write_text("frame,joint,x,y\n" + "".join(f"{n},nose,{n},2\n" for n in range(20)))
    (tmp_path / "config.json").write_text('{"a": 1}')
    (tmp_path / "notes.txt").write_text("a note on the day\n")
    status, out, _ = cli("validate", tmp_path, "--all")
    assert status == 3
    assert "damaged" not in out
    for name in ("config.json", "notes.txt"):
        assert f"warning: unread: {tmp_path / name}: in no known format; it " in out
