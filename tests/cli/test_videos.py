"""From videos to answers: who is who, and when, must survive all the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from samples.pose_video import image_of, person, write_images

from skeletonmae.cli import main
from skeletonmae.pose import estimate_poses, identities_of_persons
from skeletonmae.pose.cache import FOLDER
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import MEDIAPIPE33

SIZE = 200, 160
REST = np.random.default_rng(3).uniform(-25, 25, (33, 2))
ARM, LEG = (
    [MEDIAPIPE33.index[name] for name in names]
    for names in (("left_wrist", "left_elbow"), ("right_ankle", "right_knee"))
)


class Output(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], pixel_estimator: Any) -> Any:
    def run(*words: object) -> Output:
        status = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Output(status, captured.out, captured.err)

    return run


def pose(action: str, frame: int, middle: tuple[float, float], seed: int) -> np.ndarray:
    """Joints of somebody who waves an arm or kicks with a leg, twice a second at 30 frames a second."""
    rng = np.random.default_rng([seed, frame])
    points = REST + np.array(middle) + rng.normal(0, 0.2, (33, 2))
    points[ARM if action == "wave" else LEG, 1] -= 10 * (1 - np.cos(2 * np.pi * frame / 15 + seed))
    return points.astype(np.float32)


def write_clip(path: Path, persons: dict[int, str], seed: int, num_frames: int = 30, sizes: Any = None) -> Path:
    """A video of persons: identity -> action. Whoever has a higher identity stands further to the right."""
    images = []
    for frame in range(num_frames):
        found = []
        for place, (identity, action) in enumerate(sorted(persons.items())):
            points = pose(action, frame, (45 + 100 * place, 80), seed + identity)
            depth = np.concatenate([-points / 30, points[:, :1] / 50], 1)
            found.append(person(identity, points, world=depth))
        images.append(image_of(found, SIZE))
    return write_images(path, images)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number, action in enumerate(("wave", "kick")):
        (folder / action).mkdir()
        for take in range(6):
            write_clip(folder / action / f"{action} {take}.mkv", {0: action}, 100 * number + take)
    return folder


@pytest.fixture
def classifier(cli: Any, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    output = cli("fit", clips, "--encoder", "none", "--out", tmp_path / "c.safetensors")
    assert output.status == 0, output.err
    return tmp_path / "c.safetensors"


def test_everybody_in_a_video_has_an_answer_of_their_own(
    cli: Any, classifier: Path, tmp_path: Path, pixel_estimator: Any
) -> None:
    video = write_clip(tmp_path / "two.mkv", {8: "kick", 4: "wave"}, 5)
    output = cli("predict", classifier, video, "--per-person", "--json", "--windows", "off")
    answers = {row["person"]: row["classes"][0][0] for row in json.loads(output.out)}
    identities = identities_of_persons(estimate_poses(video))
    assert sorted(identities) == [4, 8]
    assert {identities[index]: label for index, label in answers.items()} == {8: "kick", 4: "wave"}


def test_segments_are_when_the_frames_were(cli: Any, classifier: Path, tmp_path: Path) -> None:
    """Two seconds of waving, then two of kicking, by one person in one video."""
    images = []
    for frame in range(120):
        images.append(image_of([person(0, pose("wave" if frame < 60 else "kick", frame, (80, 80), 2))], SIZE))
    write_images(tmp_path / "both.mkv", images)
    output = cli("segment", tmp_path / "both.mkv", "--classifier", classifier, "--json", "--unknown", "off")
    segments = json.loads(output.out)
    assert [one["label"] for one in segments] == ["wave", "kick"]
    assert segments[0]["end_s"] == pytest.approx(2, abs=0.5)
    assert segments[1]["end_s"] == pytest.approx(4, abs=0.3)
    assert all(one["start_s"] == pytest.approx(one["start"] / 30) for one in segments)


def test_the_second_run_looks_at_no_frame_and_says_the_same(
    cli: Any, classifier: Path, clips: Path, tmp_path: Path, pixel_estimator: Any
) -> None:
    assert len(list((tmp_path / FOLDER).glob("*.npz"))) == 12
    num_frames = pixel_estimator.num_updates
    assert num_frames == 12 * 30
    first = cli("predict", classifier, clips, "--json")
    second = cli("predict", classifier, clips, "--json")
    assert first.out == second.out
    assert pixel_estimator.num_updates == num_frames
    assert "frames/s" not in second.err
    assert not list(clips.rglob(f"*{FOLDER}*"))
    third = cli("predict", classifier, clips, "--json", "--pose-cache", "none")
    assert third.out == first.out
    assert pixel_estimator.num_updates == 2 * num_frames
    assert "poses of wave 0.mkv: 30/30  " in third.err


def test_prepare_and_validate_keep_poses_beside_the_store(
    cli: Any, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixel_estimator: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    output = cli("prepare", clips, "stores/flat", "--workers", 1)
    assert output.status == 0, output.err
    assert "formats (number of files): video (12)" in output.err
    assert output.err.count("poses of videos are kept in stores/.skeletonmae_poses") <= 1
    assert len(list((tmp_path / "stores" / FOLDER).glob("*.npz"))) == 12
    num_frames = pixel_estimator.num_updates
    output = cli("prepare", clips, "stores/deep", "--axes", 3, "--workers", 1)
    assert output.status == 0, output.err
    assert pixel_estimator.num_updates == num_frames
    flat, deep = (SequenceStore.open(tmp_path / "stores" / name) for name in ("flat", "deep"))
    assert [(store.axes, store.unit, len(store)) for store in (flat, deep)] == [(2, "px", 12), (3, "m", 12)]
    assert flat[0].fps == 30
    output = cli("validate", clips, "--axes", 3, "--pose-cache", "stores/" + FOLDER)
    assert pixel_estimator.num_updates == num_frames
    assert "12 recordings, 360 frames" in output.out
    output = cli("validate", "stores/flat", "--persons", "2")
    assert output.status == 1
    assert "a store has already been prepared" in output.err


def test_axes_are_those_of_the_model(
    cli: Any, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = cli("fit", clips, "--encoder", "none", "--axes", 3, "--out", "deep.safetensors")
    assert output.status == 0, output.err
    output = cli("predict", "deep.safetensors", clips / "wave" / "wave 0.mkv", "--json", "--windows", "off")
    (row,) = json.loads(output.out)
    assert row["error"] is None or row["error"] == ""
    assert row["classes"][0][0] == "wave"
    output = cli("predict", "deep.safetensors", clips / "wave" / "wave 0.mkv", "--axes", 2)
    assert output.status == 1
    assert "was fitted to 3D recordings, but this one is 2D" in output.out + output.err


@pytest.mark.parametrize("persons", ["0", "several", "-1"])
def test_a_wrong_number_of_persons_is_said(cli: Any, clips: Path, tmp_path: Path, persons: str) -> None:
    output = cli("prepare", clips, tmp_path / "out", "--persons", persons)
    assert output.status == 1
    assert "persons: not a number of persons; expected 1, 2, ..., largest or all" in output.err


def test_what_is_odd_about_a_video_is_said(cli: Any, classifier: Path, clips: Path, tmp_path: Path) -> None:
    images = [
        image_of([person(0, pose("wave", frame, (80, 80), 2))] if frame < 25 else [], SIZE) for frame in range(30)
    ]
    odd = write_images(tmp_path / "odd.mkv", images)
    nobody = write_images(tmp_path / "nobody.mkv", [image_of([], SIZE)] * 4)
    output = cli("predict", classifier, odd, nobody)
    assert output.status == 3
    assert "note: odd: no person was seen in 5 of 30 frames" in output.err
    assert f"skipped: {nobody}: no person was seen in the video" in output.err


def test_videos_without_the_extra_say_how_to_get_it(
    cli: Any, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    output = cli("prepare", clips, tmp_path / "out", "--workers", 1, "--pose-cache", "none")
    assert output.status == 1
    assert "pip install 'skeletonmae[video]', or from a clone: pip install -e '.[video]'" in output.err
    output = cli("fit", clips, "--out", tmp_path / "c.safetensors", "--encoder", "none", "--pose-cache", "none")
    assert output.status == 1
    assert "no recording could be read, of 12 files; the first error: " in output.err
    assert "kick 0.mkv: reading videos needs PyAV: pip install 'skeletonmae[video]'" in output.err


def test_fit_says_which_class_could_not_be_read(cli: Any, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "clips" / "wave").mkdir(parents=True)
    write_clip(tmp_path / "clips" / "wave" / "wave.mkv", {0: "wave"}, 1)
    for number in range(2):
        damaged = tmp_path / "clips" / "kick" / f"kick {number}.mp4"
        damaged.parent.mkdir(exist_ok=True)
        damaged.write_bytes(b"\0\0\0\x20ftypisom" + bytes(50))
    output = cli("fit", tmp_path / "clips", "--out", tmp_path / "c.safetensors", "--encoder", "none")
    assert output.status == 1
    assert "there are not two classes" in output.err
    assert "; 2 files were left out, such as " in output.err
    assert "kick 0.mp4: the video cannot be opened" in output.err


def test_fit_lists_a_video_beside_its_poses(
    cli: Any, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_sample: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    copy = shutil.copytree(clips, tmp_path / "clips")
    write_sample("mediapipe", copy / "wave" / "wave 0.json", np.ones((30, 20, 3)))
    output = cli("fit", copy, "--out", "c.safetensors", "--encoder", "none")
    assert output.status == 3
    assert "wave 0.mkv: a video beside poses of the same name" in output.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--estimator", "nobody"), "no such pose estimator"),
        (("--estimator", "rtmpose"), "rtmpose needs "),
        (("--estimator", "movenet", "--axes", 3), "the pose estimator movenet has no depth"),
        (("--pose-model", "missing.onnx"), "blazepose takes no file"),
    ],
)
def test_an_estimator_is_checked_before_any_video_is_read(
    cli: Any, clips: Path, tmp_path: Path, pixel_estimator: Any, words: tuple[object, ...], message: str
) -> None:
    output = cli("fit", clips, "--out", tmp_path / "c.safetensors", "--encoder", "none", *words)
    assert output.status == 1
    assert output.err.count(message) == 1
    assert ".mkv" not in output.err
    assert pixel_estimator.num_updates == 0
