from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from skeletonmae.cli import main
from skeletonmae.errors import InputError, MissingExtraError, how_to_install
from skeletonmae.inference import RecordingClassifier
from skeletonmae.skeletons import KINECT20


class Output(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command here."""

    def run(*words: object) -> Output:
        status = main([str(word) for word in words])
        output = capsys.readouterr()
        return Output(status, output.out, output.err)

    return run


def write_clip(
    path: Path,
    action: int,
    seed: int,
    frames: int = 24,
    flip: float = 1.0,
    joints: Sequence[str] = KINECT20.joints,
) -> Path:
    """A table of one body that swings another arm or leg in each action."""
    rng = np.random.default_rng(seed)
    pose = np.random.default_rng(7).normal(0, 0.1, (20, 3)) + rng.normal(0, 0.04, (20, 3))
    pose[:, 1] += np.linspace(1.8, 0, 20)
    positions = pose + 0.003 * rng.normal(size=(frames, 20, 3))
    swing = (0.4 + 0.1 * rng.random()) * np.sin(np.linspace(0, 2 * np.pi, frames) + rng.random())
    positions[:, 4 + 4 * action : 8 + 4 * action, 1] += swing[:, None]
    positions[..., 1] *= flip
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["frame,joint,x,y,z"]
    lines += [
        f"{frame},{joint},{x:.4f},{y:.4f},{z:.4f}"
        for frame in range(frames)
        for joint, (x, y, z) in zip(joints, positions[frame], strict=True)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("command", ["predict", "segment", "render", "python"])
def test_files_are_read_in_the_layout_that_the_classifier_knows(cli: Any, command: str, tmp_path: Path) -> None:
    joints = [f"marker{number}" for number in range(20)]
    parents = "".join(f"\n  {joint}: marker0" for joint in joints[1:])
    (tmp_path / "dog.yaml").write_text(f"joints: [{', '.join(joints)}]\nparents:{parents}\n", encoding="utf-8")
    for number in range(8):
        write_clip(tmp_path / f"clips/action {number % 2}/{number}.csv", number % 2, number, joints=joints)
    new, out = write_clip(tmp_path / "new/wag.csv", 1, 99, joints=joints), tmp_path / "c.safetensors"
    settings = ("--unit", "m", "--fps", 30)
    fitted = cli(
        "fit", tmp_path / "clips", "--encoder", "none", "--out", out, "--layout", tmp_path / "dog.yaml", *settings
    )
    assert fitted.status == 0, fitted.err
    if command == "python":
        (prediction,) = RecordingClassifier.load(out).predict(new)
        assert prediction.classes
        assert not prediction.error
        return
    words = {
        "predict": ("predict", out, new),
        "segment": ("segment", new, "--classifier", out),
        "render": ("render", new, "--classifier", out, "--out", tmp_path / "new.png", "--size", "200x200"),
    }
    output = cli(*words[command], *settings)
    assert output.status in (0, 3), output.err
    assert "skipped" not in output.err
    assert "no recording" not in output.err


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips of each of two actions, by four persons."""
    folder = tmp_path_factory.mktemp("my clips") / "größer"
    lines = ["recording,label,subject"]
    for number in range(16):
        action, person = number % 2, number // 4
        write_clip(folder / f"clip{number}.csv", action, number)
        lines.append(f"clip{number},action {action},{person}")
    (folder / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def classifier(cli: Any, clips: Path, tmp_path: Path) -> Path:
    output = cli(
        "fit", clips, "--unit", "m", "--fps", 30, "--encoder", "none", "--out", tmp_path / "c.safetensors"
    )
    assert output.status == 0
    return tmp_path / "c.safetensors"


def test_fit_says_what_to_expect_first(cli: Any, clips: Path, tmp_path: Path) -> None:
    output = cli("fit", clips, "--unit", "m", "--encoder", "none", "--out", tmp_path / "c.safetensors")
    assert output.status == 0
    first, *others = output.out.splitlines()
    assert first.startswith(("Expect about", "All 16 clips were recognized"))
    assert "4 subjects (tag subject)" in first
    assert any(line.startswith("Chosen: ridge regression on the coordinates") for line in others)
    assert "<h1>A classifier of größer</h1>" in (tmp_path / "c.html").read_text(encoding="utf-8")
    numbers = cli("fit", clips, "--unit", "m", "--encoder", "none", "--out", tmp_path / "d.safetensors", "--json")
    result = json.loads(numbers.out)
    assert result["recordings"] == 16
    assert result["kept_together"] == "subject"
    assert result["accuracy"] > 0.9
    assert result["summary"] == first


def test_predict_answers_and_warns(cli: Any, classifier: Path, tmp_path: Path) -> None:
    new = write_clip(tmp_path / "new.csv", 1, 99)
    output = cli("predict", classifier, new, "--unit", "m", "--fps", 30)
    assert output.status == 0
    assert output.out.startswith("new: action 1 ")
    flipped = write_clip(tmp_path / "flipped.csv", 1, 99, flip=-1)
    output = cli("predict", classifier, new, flipped, "--unit", "m", "--fps", 30, "--json")
    assert output.status == 3
    assert "warning: flipped: the body is turned by" in output.err
    right, wrong = json.loads(output.out)
    assert right["classes"][0][0] == "action 1"
    assert (right["unknown"], wrong["unknown"]) == (False, True)


def test_predict_writes_files(cli: Any, classifier: Path, tmp_path: Path) -> None:
    new = write_clip(tmp_path / "new.csv", 0, 98)
    long = write_clip(tmp_path / "long.csv", 0, 97, frames=120)
    for suffix in (".jsonl", ".csv", ".txt"):
        output = cli(
            "predict", classifier, new, long, "--unit", "m", "--fps", 30, "--out", tmp_path / f"answers{suffix}"
        )
        assert output.status in (0, 3)
    lines = (tmp_path / "answers.jsonl").read_text().splitlines()
    with (tmp_path / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(lines) > 5  # the long one is cut in windows
    assert rows[0]["recording"] == "new"
    assert rows[0]["label"] == "action 0"
    assert (rows[1]["start"], rows[1]["start_s"]) == ("0", "0.000")
    assert json.loads(lines[-1])["end"] == 120
    assert "0.0 to 0.8 s" in (tmp_path / "answers.txt").read_text()
    wrong = cli("predict", classifier, new, "--out", tmp_path / "answers.xls")
    assert wrong.status == 1
    assert "unknown format of predictions" in wrong.err


def test_what_is_no_classifier_is_named(cli: Any, classifier: Path, tmp_path: Path) -> None:
    new = write_clip(tmp_path / "new.csv", 1, 99)
    video = tmp_path / "my clip.mp4"
    video.write_bytes(b"\0\0\0\x20ftypisom" + bytes(50))
    for words, message in (
        (
            (tmp_path / "absent.safetensors", new),
            "there is no such classifier; expected a classifier: `skeletonmae fit",
        ),
        (("kinect20", new), "this is an encoder, which knows no classes; expected a classifier: `skeletonmae fit"),
        (
            (video,),
            f"this is a video; the classifier comes first; expected skeletonmae predict CLASSIFIER {video}",
        ),
        ((new, new), "new.csv: this is a file of recordings (table); the classifier comes first"),
        ((new, classifier), f"the classifier comes first; expected skeletonmae predict {classifier} {new}"),
    ):
        output = cli("predict", *words)
        assert (output.status, message in output.err) == (1, True), output.err


def test_every_file_that_is_left_out_is_on_the_page_and_in_the_json(cli: Any, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    for number in range(8):
        write_clip(folder / f"action {number % 2}" / f"clip{number}.csv", number % 2, number, frames=6)
        (folder / "action 0" / f"broken{number}.csv").write_text("frame,joint,x,y,z\n0,hip center,1,x,2\n")
    output = cli("fit", folder, "--unit", "m", "--encoder", "none", "--out", tmp_path / "c.safetensors", "--json")
    assert output.status == 3
    left_out = json.loads(output.out)["left_out"]
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert len(left_out) == 8
    for number, one in enumerate(left_out):
        assert one["recording"].startswith(str(folder / "action 0" / f"broken{number}.csv"))
        assert one["recording"] not in one["reason"]
        assert f"broken{number}.csv" in page
    assert "8 files or recordings left out" in page
    assert output.err.count("left out: ") == 6
    assert f"left out: 3 more; see {tmp_path / 'c.html'}" in output.err


def test_what_has_no_effect_is_said(cli: Any, classifier: Path, tmp_path: Path) -> None:
    output = cli(
        "predict", classifier, write_clip(tmp_path / "a.csv", 0, 50), "--unit", "m", "--precision", "bf16"
    )
    assert "--precision has no effect" in output.err
    assert "no effect" not in cli("predict", classifier, tmp_path / "a.csv", "--unit", "m").err


def test_mistakes_are_named(cli: Any, clips: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "one" / "a" / "x.csv", 0, 1)
    one = cli("fit", tmp_path / "one", "--unit", "m", "--encoder", "none", "--out", tmp_path / "c.safetensors")
    assert one.status == 1
    assert "there are not two classes" in one.err
    assert not (tmp_path / "c.safetensors").exists()
    assert cli("fit", tmp_path / "absent").status == 1
    named = cli("fit", clips, "--unit", "m", "--encoder", "none", "--group", "camera")
    assert named.status == 1
    assert "no recording has this tag" in named.err
    nothing = cli("fit", clips, "--unit", "m", "--encoder", "none", "--finetune")
    assert nothing.status == 1
    assert "there is no encoder to fine-tune" in nothing.err
    no_time = cli("fit", clips, "--unit", "m", "--finetune", "--finetune-minutes", 0)
    assert no_time.status == 1
    assert "--finetune-minutes must be greater than 0" in no_time.err
    unknown = cli("fit", clips, "--unit", "m", "--encoder", "larg")
    assert unknown.status == 1
    assert "no such checkpoint or shipped encoder" in unknown.err


def test_mistakes_are_named_before_anything_is_computed(
    cli: Any, clips: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*_: Any, **__: Any) -> None:
        raise AssertionError("features were computed")

    monkeypatch.setattr("skeletonmae.inference.fit.compute_features", computed)
    fit = ("fit", clips, "--unit", "m", "--encoder")
    assert "no recording has this tag" in cli(*fit, tiny_run, "--group", "nosuch").err
    monkeypatch.setattr(sys.modules["skeletonmae.cli.fit"], "_read", computed)
    assert "there is no encoder to fine-tune" in cli(*fit, "none", "--finetune").err
    assert "there is no encoder whose features" in cli(*fit, "none", "--features", "encoder").err
    assert "must be greater than 0" in cli(*fit, tiny_run, "--finetune", "--finetune-minutes", 0).err


def test_the_encoder_is_loaded_once(
    cli: Any, clips: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skeletonmae.inference import fit_data

    loaded: list[str] = []
    load_encoder = fit_data.load_encoder

    def recorded(name: str, device: str) -> Any:
        loaded.append(name)
        return load_encoder(name, device)

    monkeypatch.setattr(fit_data, "load_encoder", recorded)
    output = cli("fit", clips, "--unit", "m", "--encoder", tiny_run, "--out", tmp_path / "c.safetensors")
    assert output.status == 0, output.err
    assert loaded == [str(tiny_run)]


def test_an_error_that_is_not_about_matplotlib_is_no_missing_page(
    cli: Any, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(error: Exception) -> Any:
        def new_figure(*_: Any) -> None:
            raise error

        return new_figure

    command = ("fit", clips, "--unit", "m", "--encoder", "none", "--out", tmp_path / "c.safetensors")
    for error, status in ((MissingExtraError("no plots"), 0), (InputError("no class"), 1)):
        monkeypatch.setattr("skeletonmae.plotting.fit_page.plot_confusion_matrix", raising(error))
        assert cli(*command).status == status
    assert how_to_install("plot") in str(_error_without_matplotlib(monkeypatch))


def _error_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> MissingExtraError:
    from skeletonmae.plotting.figure import new_figure

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError) as error:
        new_figure(1, 1)
    return error.value
