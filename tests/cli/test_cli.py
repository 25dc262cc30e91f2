"""What a person or a script meets at the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fresh_process import start_cli

from skeletonmae import inference, runs
from skeletonmae.cli import COMMANDS, main
from skeletonmae.cli.commands import _plot_confusion_matrices
from skeletonmae.training import TrainingStopped


@dataclass
class Output:
    status: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command here; a mistake of the user's must not be an exception."""

    def run(*words: object) -> Output:
        try:
            status = main([str(word) for word in words])
        except SystemExit as left:  # tyro leaves so, for help and for a wrong command
            status = int(left.code or 0)
        output = capsys.readouterr()
        assert "Traceback" not in output.err
        return Output(status, output.out, output.err)

    return run


@pytest.fixture
def recipe(tmp_path: Path, tiny_tree: Any) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_tree()))
    return path


@pytest.fixture
def samples_folder(tmp_path: Path, write_sample: Any) -> Path:
    """Recordings of two actions, the action in the name of the sub-folder."""
    rng = np.random.default_rng(0)
    for label in ("wave", "[bold]bow"):
        (tmp_path / "raw files" / label).mkdir(parents=True)
        for number in range(3):
            write_sample(
                "nw_ucla", tmp_path / "raw files" / label / f"clip {number}.json", rng.normal(size=(5, 20, 3))
            )
    return tmp_path / "raw files"


# Help


def test_help_of_every_command_needs_no_torch() -> None:
    code = f"""
import sys
from skeletonmae.cli import main
for words in [[], *[[name] for name in {list(COMMANDS)}]]:
    try:
        main([*words, "--help"])
    except SystemExit as left:
        assert not left.code, left.code
loaded = {{"torch", "pandas", "matplotlib", "scipy"}} & sys.modules.keys()
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert f"usage: skeletonmae {name}" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches(cli: Any, name: str) -> None:
    output = cli(name, "--help")
    assert output.status == 0
    assert "--json" in output.out
    assert "{None}" not in output.out
    assert "For example::" not in output.out
    overview = cli("--help")
    assert name in overview.out
    assert "Exit status: 0 success" in overview.out


def test_help_names_arguments_as_its_text_does(cli: Any) -> None:
    out = cli("prepare", "--help").out
    assert "usage: skeletonmae prepare [-h] [PREPARE OPTIONS] SOURCE OUT" in out
    assert "sub-folders, a `labels.csv`" in " ".join(out.split())
    assert "For example:\n" in out


def test_the_version(cli: Any) -> None:
    from skeletonmae import __version__

    output = cli("--version")
    assert (output.status, output.out) == (0, f"skeletonmae {__version__}\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pretain", "x.yaml"], "pretrain"),
        ([], "prepare"),
        (["pretrain"], "--help"),
        (["predict", "x", "y", "--topp", "3"], "--top"),
        (["prepare", "a", "b", "--num-recordings", "many"], "many"),
        (["prepare", "a", "b", "--dtype", "int8"], "float16"),
    ],
)
def test_a_wrong_command_shows_a_right_one(cli: Any, words: list[str], expected: str) -> None:
    output = cli(*words)
    assert output.status == 2
    assert output.out == ""
    assert expected in output.err


@pytest.mark.parametrize(
    ("words", "new"),
    [
        ("prepare a b --recordings 3", "--num-recordings"),
        ("prepare a b --no-cut", "--no-split-actions"),
        ("validate a --clean=none", "--ntu-cleanup"),
        ("predict a b --each_person", "--per-person"),
    ],
)
def test_a_renamed_flag_is_refused_with_its_new_name(cli: Any, words: str, new: str) -> None:
    output = cli(*words.split())
    assert (output.status, output.out) == (2, "")
    assert output.err.rstrip().endswith(f"has been renamed to {new}")


# Mistakes


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pretrain {tmp}/absent.yaml", "there is no such recipe"),
        ("pretrain {tmp}/absent --from small", "there is no such recipe or store"),
        (
            "pretrain {empty} --from small",
            "neither a recipe nor a store; expected a recipe, a YAML file, or a store",
        ),
        ("pretrain {empty}", "this is a folder, not a recipe; expected a recipe, a YAML file; if these are"),
        ("pretrain {recipe} training.epoch=3", "training.epoch: there is no such setting; did you mean epochs?"),
        ("pretrain {recipe} training.lr=fast", "training.lr"),
        ("pretrain {recipe} training.lr", "not a setting"),
        (
            "pretrain {recipe} training.gradient_accumulation_steps=3",
            "gradient_accumulation_steps must divide batch_size",
        ),
        ("pretrain {recipe} data.evaluate.store={tmp}/none", "not a store"),
        ("pretrain {recipe} data.evaluate.split=odd", "no such split"),
        ("pretrain {recipe} method.token_frames=3", "not divisible into tokens of 3"),
        ("pretrain {recipe} method.width=17", "heads"),
        ("pretrain {recipe} --device banana", "no such device"),
        ("pretrain {recipe} --device cuda:99", "no such device"),
        ("pretrain {recipe} --out {recipe}/under/a/file", "tiny.yaml"),
        ("evaluate {recipe}", "either --checkpoint <run> or --from-scratch"),
        (
            "evaluate {recipe} --from-scratch --checkpoint {run}",
            "either --checkpoint <run> or --from-scratch",
        ),
        ("evaluate {recipe} --checkpoint {tmp}/none", "no such checkpoint"),
        ("evaluate {recipe} --checkpoint {run}/log.csv", "not safetensors"),
        (
            "evaluate {recipe} --checkpoint {run}/finetune-1-seed0.safetensors",
            "seed0.safetensors: this is a fine-tuned",
        ),
        (
            "evaluate {recipe} --checkpoint {run} --out {tmp}/e data.frames=16",
            "data.frames: the model was pre-trained with another value",
        ),
        ("predict {run}/none.safetensors {store}", "no such classifier"),
        ("predict {run} {store}", "without classes; fine-tune it first"),
        ("predict {run}/finetune-1-seed0.safetensors {tmp}/none", "no recording could be read"),
        ("predict {run}/finetune-1-seed0.safetensors {recipe}", "no recording could be read"),
        ("predict {run}/finetune-1-seed0.safetensors {store} --top 0", "--top must be at least 1"),
        ("predict {run}/finetune-1-seed0.safetensors {store} --device banana", "no such device"),
        ("prepare {tmp}/none {tmp}/out", "no such folder"),
        ("prepare {empty} {tmp}/out", "no recording"),
        ("prepare synthetic {store} --num-recordings 5", "already exists"),
        ("prepare {tmp} {tmp}/out --dataset ntu1000", "unknown dataset; expected synthetic"),
        ("prepare synthetic {tmp}/out --num-recordings 0", "no recording"),
        ("demo --out {tmp}/demo --data {tmp}/none", "no such folder"),
    ],
)
def test_a_mistake_is_a_line_and_status_1(
    cli: Any, tmp_path: Path, recipe: Path, tiny_run: Path, tiny_store: Path, words: str, expected: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"tmp": tmp_path, "recipe": recipe, "run": tiny_run, "store": tiny_store, "empty": tmp_path / "empty"}
    output = cli(*(word.format(**places) for word in words.split()))
    assert output.status == 1
    assert output.out == ""
    last = output.err[output.err.rindex("error: ") :]
    assert expected in last
    assert last.count("\n") == 1


def test_a_message_is_not_broken_into_lines(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / ("a long name, " * 12) / "recipe.yaml"
    assert cli("pretrain", path).err == f"error: {path}: there is no such recipe\n"


def test_a_damaged_store_is_found(cli: Any, tmp_path: Path, tiny_store: Path, recipe: Path) -> None:
    shutil.copytree(tiny_store, tmp_path / "store")
    file = next((tmp_path / "store").rglob("positions.npy"))
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    output = cli("pretrain", recipe, f"data.evaluate.store={tmp_path / 'store'}", "--out", tmp_path / "run")
    assert output.status == 1
    assert "has changed since it was written" in output.err
    assert not (tmp_path / "run").exists()
    file.write_bytes(content[:-50])
    output = cli("pretrain", recipe, f"data.evaluate.store={tmp_path / 'store'}", "--out", tmp_path / "run")
    assert output.status == 1
    assert "truncated or changed" in output.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is permitted to root")
def test_a_folder_that_may_not_be_written(cli: Any, tmp_path: Path, recipe: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    output = cli("pretrain", recipe, "--out", tmp_path / "closed" / "run")
    assert output.status == 1
    assert "Permission denied" in output.err


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PermissionError(13, "Permission denied", "runs/x"), "error: runs/x: Permission denied\n"),
        (OSError(28, "No space left on device"), "error: No space left on device\n"),
        (OSError(28, "No space left on device", "a/b"), "error: a/b: No space left on device\n"),
        (KeyboardInterrupt(), "interrupted; run the same command again to resume\n"),
        (
            TrainingStopped("stopped at step 3 of 9; the state is saved in runs/x/state.pt"),
            "interrupted: stopped at step 3 of 9; the state is saved in runs/x/state.pt; "
            "run the same command again to resume\n",
        ),
    ],
)
def test_what_the_machine_refuses(
    cli: Any, recipe: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, expected: str
) -> None:
    def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr(runs, "pretrain", refused)
    output = cli("pretrain", recipe)
    assert output.err == expected
    assert output.status == (130 if isinstance(error, KeyboardInterrupt) else 1)


@pytest.mark.parametrize("rank", ["0", "1"])
def test_an_interrupted_command_that_keeps_nothing_starts_over(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("skeletonmae.checkpoint.load_checkpoint", interrupt)
    monkeypatch.setenv("RANK", rank)
    model = tmp_path / "model.safetensors"
    model.touch()
    output = cli("predict", model, tmp_path)
    line = "interrupted; nothing was written, and the same command starts over\n"
    assert (output.status, output.out, output.err) == (130, "", line if rank == "0" else "")


def test_a_mistake_of_ours_is_not_hidden(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "pretrain", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["pretrain", str(recipe)])


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def limit_file_size() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


def test_a_full_disk_is_a_line_and_what_was_there_stays(tmp_path: Path, recipe: Path) -> None:
    """A limit on the size of files takes the place of the end of the disk."""
    done = start_cli("pretrain", recipe, "--out", tmp_path / "run", setup=limit_file_size).wait()
    assert done.returncode == 1
    assert re.fullmatch(r"error: .*run.*: File too large", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr
    assert not [path.name for path in (tmp_path / "run").iterdir() if path.name.endswith((".pt", ".tmp"))]


# Answers


def test_prepare(cli: Any, tmp_path: Path, samples_folder: Path) -> None:
    output = cli("prepare", samples_folder, tmp_path / "store", "--workers", 1)
    assert output.status == 0
    assert "[bold]bow" in output.out
    assert f"6 recordings, 30 frames, 0 unlabeled -> {tmp_path / 'store'}" in output.out
    assert "Your own recordings" in output.err


def test_prepare_says_what_was_left_out(cli: Any, tmp_path: Path, samples_folder: Path) -> None:
    (samples_folder / "wave" / "broken.json").write_text('{"skeletons": [[[')
    output = cli("prepare", samples_folder, tmp_path / "store", "--workers", 1, "--json")
    assert output.status == 3
    report = json.loads(output.out)
    assert report["recordings"] == 6
    assert report["classes"] == {"[bold]bow": 3, "wave": 3}
    assert [skipped["file"] for skipped in report["skipped"]] == ["wave/broken.json"]
    assert "broken.json" in output.err
    strict = cli("prepare", samples_folder, tmp_path / "other", "--workers", 1, "--strict")
    assert strict.status == 1
    assert "broken.json" in strict.err
    assert not (tmp_path / "other").exists()


def test_pretrain_evaluate_predict_as_json(
    cli: Any, tmp_path: Path, recipe: Path, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = cli("pretrain", recipe, "training.epochs=1", "--json")
    assert output.status == 0
    assert json.loads(output.out) == {"model": str(Path(f"runs/{tmp_path.name}-tiny/model.safetensors"))}
    assert "pretrain: 4/4" in output.err
    assert "batches/s" in output.err
    output = cli("evaluate", recipe, "--checkpoint", f"runs/{tmp_path.name}-tiny", "--json")
    assert output.status == 0
    results = json.loads(output.out)
    assert [result["protocol"] for result in results] == ["linear", "knn", "finetune"]
    assert json.loads(Path(f"runs/{tmp_path.name}-tiny/results.json").read_text())["results"] == results
    assert {path.name for path in Path(f"runs/{tmp_path.name}-tiny").glob("*.png")} == {
        "confusion-linear-epochs=3-1-seed0.png", "confusion-knn-k=1-1-seed0.png", "confusion-finetune-1-seed0.png",
    }  # fmt: skip
    output = cli(
        "predict", f"runs/{tmp_path.name}-tiny/finetune-1-seed0.safetensors", tiny_store, "--top", 2, "--json"
    )
    assert output.status == 0
    answers = json.loads(output.out)
    assert len(answers) == 96
    assert answers[0]["recording"] == "synthetic_000000"
    assert answers[0]["person"] is None
    assert len(answers[0]["classes"]) == 2


def test_evaluate_as_a_table_and_from_scratch(
    cli: Any, tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = cli("evaluate", recipe, "evaluation=[{kind: knn, k: [1]}]", "--from-scratch")
    assert output.status == 0
    warning, _, header, row = output.out.splitlines()
    assert warning.startswith("These accuracies prove nothing, because there are only 28 test clips")
    assert header.split()[:3] == ["protocol", "encoder", "labels"]
    assert row.startswith("knn k=1")
    assert "not pre-trained" in row
    assert "100%" in row
    written = json.loads(Path(f"runs/{tmp_path.name}-tiny-scratch/results.json").read_text())["results"][0]
    assert f"{100 * written['top1']:.1f}" in row.split()
    low, high = (f"{100 * bound:.1f}" for bound in written["top1_interval"])
    assert f"{low} to {high}" in row
    assert f"results written to runs/{tmp_path.name}-tiny-scratch" in output.err
    assert "split: 28 test recordings of camera 3; 68 training recordings of camera 1, 2\n" in output.err


def test_predict_in_words(cli: Any, tiny_run: Path, tmp_path: Path, tiny_store: Path) -> None:
    lines = ["recording,frame,person,joint,x,y,z,layout"]
    lines += [
        f"größer,{i},{p},{j},{p},1,{i},ntu25" for i in range(3) for p in (0, 1) for j in ("head", "left_hand")
    ]
    lines += ["nobody,0,0,head,,,,ntu25"]
    (tmp_path / "mine.csv").write_text("\n".join(lines), encoding="utf-8")
    classifier = tiny_run / "finetune-1-seed0.safetensors"
    output = cli("predict", classifier, tmp_path / "mine.csv")
    assert output.status == 3
    (line,) = output.out.splitlines()
    assert line.startswith("größer: ")
    assert line.count("%") == 3
    assert "nothing is observed in 'nobody'" in output.err
    each = cli("predict", classifier, tmp_path / "mine.csv", tmp_path / "absent.csv", "--per-person")
    assert each.status == 3
    assert [line.split(":")[0] for line in each.out.splitlines()] == [
        "größer, person 0",
        "größer, person 1",
    ]
    assert "skipped: " in each.err
    assert "absent.csv" in each.err


def test_predict_reads_files_as_prepare_did(
    cli: Any, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap of 30 frames is short at 120 frames per second, and is bridged; without a rate it is not."""
    all_options: list[Any] = []
    load = inference.iter_recordings

    def iter_recordings(paths: Any, options: Any, *more: Any) -> Any:
        all_options.append(options)
        return load(paths, options, *more)

    monkeypatch.setattr(inference, "iter_recordings", iter_recordings)
    lines = ["frame,joint,x,y,z,layout"]
    for frame in range(100):
        lines.append(f"{frame},head,0,1.7,{0.001 * frame},ntu25")
        if not 30 <= frame < 60:
            lines.append(f"{frame},left_hand,0.3,{1 + 0.01 * frame},0.2,ntu25")
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    command = ("predict", tiny_run / "finetune-1-seed0.safetensors", tmp_path / "mine.csv", "--json")
    unknown_rate = cli(*command)
    options = ("--format", "table", "--fps", 120, "--ntu-cleanup", "none")
    bridged = cli(*command, *options)
    assert (unknown_rate.status, bridged.status) == (0, 0)
    assert json.loads(unknown_rate.out)[0]["classes"] != json.loads(bridged.out)[0]["classes"]
    assert (all_options[0].format, all_options[0].fps, all_options[0].ntu_cleanup) == (None, None, "reference")
    assert (all_options[1].format, all_options[1].fps, all_options[1].ntu_cleanup) == ("table", 120, "none")
    wrong = cli(*command, "--format", "tabel")
    assert wrong.status == 1
    assert "unknown --format" in wrong.err


def test_no_pictures_without_matplotlib(
    tmp_path: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from skeletonmae.evaluation import Result

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    results = json.loads((tiny_run / "results.json").read_text())["results"]
    _plot_confusion_matrices([Result.model_validate(results[0])], tmp_path)
    assert "no plots" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_module_can_be_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "skeletonmae", "prepare", "synthetic", str(tmp_path / "a store")]
    words = ["--num-recordings", "3", "--json"]
    done: Any = subprocess.run([*command, *words], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["recordings"] == 3
    done = start_cli("pretrain", tmp_path / "absent.yaml").wait()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {tmp_path / 'absent.yaml'}: there is no such recipe\n"


def test_metrics_follow_the_table_and_curves_have_no_plots(
    cli: Any, tmp_path: Path, tiny_tree: Any, tiny_run: Path
) -> None:
    protocols = [{"kind": "retrieval"}, {"kind": "early", "shares": [0.5], "probe": {"epochs": 1}}]
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(tiny_tree() | {"evaluation": protocols}))
    output = cli("evaluate", path, "--checkpoint", tiny_run, "--out", tmp_path / "out")
    assert output.status == 0, output.err
    assert re.search(r"^encoder: 0\.\d+ M parameters, 0\.\d+ GFLOP per clip, .* clips/s", output.err, re.MULTILINE)
    assert re.search(r"^retrieval: map 0\.\d+, map_chance 0\.\d+", output.out, re.MULTILINE)
    assert [file.name for file in (tmp_path / "out").glob("*.png")] == ["confusion-retrieval-1-seed0.png"]
    assert len(list((tmp_path / "out").glob("scores-*.npz"))) == 2


def test_settings_that_do_not_fit_each_other_are_named_with_the_file(
    cli: Any, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["pretrain"], ["evaluate", "--from-scratch"]):
        output = cli(command[0], recipe, *command[1:], "method.token_frames=3", "evaluation=[{kind: knn}]")
        assert output.status == 1
        assert f"{recipe}: method: " in output.err
