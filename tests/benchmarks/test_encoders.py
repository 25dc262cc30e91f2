"""The evaluation of frozen encoders: features, rows, and the page."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import skeletonmae
from skeletonmae import SkeletonEncoder
from skeletonmae.encoders import find_shipped
from skeletonmae.recipe import read_recipe
from skeletonmae.sequences import SequenceStore


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("encoders")


def test_features_are_computed_once(encoders: Any, tiny_run: Path, tiny_store: Path, tmp_path: Path) -> None:
    features, store = encoders.encoder_features, SequenceStore.open(tiny_store)
    found = features.read(str(tiny_run), store, tmp_path)
    expected = SkeletonEncoder.from_pretrained(tiny_run).embed(store, pooling="parts").features
    np.testing.assert_array_equal(found, expected)
    (file,) = tmp_path.iterdir()
    np.save(file, found + 1)
    np.testing.assert_array_equal(features.read(str(tiny_run), store, tmp_path), found + 1)
    random = features.read(f"untrained {tiny_run}", store, tmp_path)
    assert random.shape == found.shape
    assert np.abs(random - found).max() > 0.1
    parts = features.read(str(tiny_run), store, tmp_path, 2)
    assert parts.shape == (len(store), 2 * found.shape[1])
    statistics = features.read(str(tiny_run), store, tmp_path, pooling="statistics")
    assert statistics.shape == parts.shape
    assert np.abs(statistics - parts).max() > 0.1
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    ("part", "change"), [("clips", {"test_crop": 0.5}), ("method", {"heads": 4})], ids=["clips", "heads"]
)
def test_features_of_other_settings_are_others(
    encoders: Any,
    tiny_run: Path,
    tiny_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    change: dict[str, Any],
) -> None:
    """The same weights with another setting of the clips or of the network are not read from the cache."""
    features, store = encoders.encoder_features, SequenceStore.open(tiny_store)
    found = features.read(str(tiny_run), store, tmp_path)
    encoder = features.load(str(tiny_run))
    header = encoder.checkpoint.header
    header = header.model_copy(update={part: getattr(header, part).model_copy(update=change)})
    method = header.method.build(header.spec, header.masking).eval()
    method.load_state_dict(encoder.checkpoint.method.state_dict())
    changed = replace(encoder, checkpoint=replace(encoder.checkpoint, header=header, model=method))
    monkeypatch.setattr(features, "load", lambda name: changed)
    other = features.read(str(tiny_run), store, tmp_path)
    assert np.abs(other - found).max() > 1e-3
    assert len(list(tmp_path.iterdir())) == 2


def test_features_of_other_code_are_computed_again(
    encoders: Any, tiny_run: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, store = encoders.encoder_features, SequenceStore.open(tiny_store)
    monkeypatch.setattr(features, "compute", lambda *_: np.zeros((len(store), 1), np.float32))
    features.read(str(tiny_run), store, tmp_path)
    asked = []
    monkeypatch.setattr(features, "code_checksum", lambda *places: asked.append(places) or "changed")
    monkeypatch.setattr(features, "compute", lambda *_: np.ones((len(store), 1), np.float32))
    assert features.read(str(tiny_run), store, tmp_path).mean() == 1
    assert asked == [(Path(skeletonmae.__file__).parent, Path(features.__file__))]


def test_a_changed_or_renamed_file_is_other_code(encoders: Any, tmp_path: Path) -> None:
    code_checksum = encoders.encoder_features.code_checksum.__wrapped__  # without what it remembers
    folder, file = tmp_path / "package", tmp_path / "script.py"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.py").write_text("1")
    file.write_text("1")
    found = [code_checksum(folder, file)]
    (folder / "inner" / "card.md").write_text("no code")
    assert code_checksum(folder, file) == found[0]
    (folder / "inner" / "a.py").write_text("2")
    found.append(code_checksum(folder, file))
    file.write_text("2")
    found.append(code_checksum(folder, file))
    (folder / "inner" / "a.py").rename(folder / "inner" / "b.py")
    found.append(code_checksum(folder, file))
    assert len(set(found)) == 4


def test_features_that_were_not_written_completely_are_not_read(
    encoders: Any, tiny_run: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, store = encoders.encoder_features, SequenceStore.open(tiny_store)
    monkeypatch.setattr(features, "compute", lambda *_: np.zeros((len(store), 1), np.float32))

    def stopped(stream: Any, _features: np.ndarray) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(features.np, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            features.read(str(tiny_run), store, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert features.read(str(tiny_run), store, tmp_path).shape == (len(store), 1)


def test_untrained_networks_have_the_checksum_of_their_settings(encoders: Any) -> None:
    identity = encoders.encoder_features.identity
    small, free = identity("untrained small"), identity("untrained free")
    assert small == free
    assert set(small) == {"network"}
    assert identity("small") == {"weights": find_shipped("small").sha256}
    assert identity("ridge") == {}


def test_the_page_says_which_rows_were_measured_with_which_weights(encoders: Any) -> None:
    def row(weights: str, dataset: str) -> dict[str, Any]:
        return {"encoder": "tiny", "weights": weights, "set": dataset, "features": "parts"}

    lines = list(encoders._weights([row("a" * 64, "sbu"), row("b" * 64, "nw_ucla"), {"encoder": "ridge"}]))
    assert lines == [f"- tiny: `{'a' * 12}` on sbu (parts)", f"- tiny: `{'b' * 12}` on nw_ucla (parts)"]


def test_rows_without_copies_count_the_clips_that_are_left(encoders: Any) -> None:
    found = json.loads(encoders.FILE.read_text(encoding="utf-8"))["rows"]
    rows = [row for row in found if row.get("top1_without_copies") is not None]
    assert {(row["set"], row["num_without_copies"]) for row in rows} == {("nw_ucla", 464 - 95)}


def test_the_accuracy_without_copies_leaves_them_out(
    encoders: Any, tiny_store: Path, tmp_path: Path, make_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One test clip is a copy of a training clip; it and a third of the other test clips are recognized."""
    source = SequenceStore.open(tiny_store)
    split = encoders.default_task(tiny_store, source)
    recordings = [source[number] for number in range(len(source))]
    copy, original = split.test[0], recordings[split.train[0]]
    recordings[copy] = replace(recordings[copy], positions=original.positions, observed=original.observed)
    store = make_store(tmp_path / "synthetic", recordings, classes=source.classes, dataset="synthetic")
    is_right = np.arange(len(store)) % 3 == 0
    is_right[copy] = True
    features = np.where(is_right, store.labels, -1)[:, None]

    def fit(_features: Any, _labels: Any, _num_classes: int, settings: Any = (0,)) -> Any:
        return [lambda rows: rows[:, 0] for _ in settings]

    monkeypatch.setattr(encoders, "SHOTS", ())
    (row,) = encoders._measure(tmp_path / "synthetic", store, features, "coordinates", "ridge", fit)
    (task,) = encoders._tasks(tmp_path / "synthetic", store, features)
    others = np.setdiff1d(task.test, [copy])
    assert copy in task.test
    assert (row["num_test"], row["num_without_copies"]) == (len(others) + 1, len(others))
    assert row["top1"] == pytest.approx((is_right[others].sum() + 1) / (len(others) + 1))
    assert row["top1_without_copies"] == pytest.approx(is_right[others].mean())
    assert 0 < row["top1_without_copies"] < row["top1"] < 1


def test_every_row_says_what_was_measured(encoders: Any) -> None:
    for row in json.loads(encoders.FILE.read_text(encoding="utf-8"))["rows"]:
        named = {"ridge": None}.get(row["encoder"], "network" if "untrained" in row["encoder"] else "weights")
        assert [key for key in ("weights", "network") if key in row] == ([named] if named else [])


def test_rows_and_page(
    encoders: Any, tiny_run: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stores").mkdir()
    (tmp_path / "stores" / "synthetic").symlink_to(tiny_store)
    monkeypatch.setattr(encoders, "SETS", ("synthetic",))
    monkeypatch.setattr(encoders, "SHOTS", (1,))
    monkeypatch.setattr(encoders, "NUM_DRAWS", 2)
    monkeypatch.setattr(encoders, "TIME_PARTS", (1,))
    out = tmp_path / "encoders.json"
    folders = ["--stores", str(tmp_path / "stores"), "--sets", "synthetic", "--cache", str(tmp_path / "cache")]
    few = ["--features", "coordinates, all"]
    for words in (["ridge"], [str(tiny_run), "--name", "tiny"], ["ridge", *few]):
        monkeypatch.setattr("sys.argv", ["encoders.py", *words, *folders, "--out", str(out)])
        encoders.main()
    result = json.loads(out.read_text())
    assert len(result["runs"]) == 3
    found = {(row["encoder"], row["features"], row["protocol"]): row for row in result["rows"]}
    assert len(found) == len(result["rows"]) == 16
    row = found["tiny", "parts", "linear"]
    assert row["interval"][0] < row["top1"] < row["interval"][1]
    weights = hashlib.sha256((tiny_run / "model.safetensors").read_bytes()).hexdigest()
    assert {one.get("weights") for one in result["rows"] if one["encoder"] == "tiny"} == {weights}
    assert all("weights" not in one for one in result["rows"] if one["encoder"] == "ridge")
    page = out.with_suffix(".md").read_text()
    assert f"| tiny | parts | {100 * row['top1']:.1f} (" in page
    assert f"\n- tiny: `{weights[:12]}`\n" in page
    assert page.count("| ridge | coordinates, ") == 3
    assert page.count("| ridge | turned coordinates, ") == 2


def test_turned_coordinates_do_not_depend_on_size_and_direction(
    encoders: Any, make_recording: Any, make_store: Any, tmp_path: Path
) -> None:
    one, third = (make_recording(seed, lost=0.0) for seed in (0, 1))
    turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)
    other = replace(one, name="other", positions=2 * one.positions @ turn)
    store = make_store(tmp_path / "store", [one, other, third], axes=3, unit="m")
    same, changed, different = encoders.turned_coordinates(store)
    np.testing.assert_allclose(changed, same, atol=1e-4)
    assert np.abs(different - same).max() > 0.1


@pytest.mark.parametrize("name", ["encoders", "encoder_ablations"])
def test_the_page_is_that_of_the_results(encoders: Any, name: str) -> None:
    file = encoders.FILE.with_name(f"{name}.json")
    page = encoders.page(json.loads(file.read_text(encoding="utf-8")), name)
    assert file.with_suffix(".md").read_text(encoding="utf-8") == page
    assert ("What matters" in page.partition("\n\n")[0]) == (name == "encoder_ablations")


def jobs_of(file: str) -> dict[str, Any]:
    """The complete recipe of each job of a series in the folder of the benchmarks."""
    series, folder = importlib.import_module("series"), Path(__file__).parents[2]
    jobs = series.read_series(folder / "benchmarks" / file)
    return {job["name"]: read_recipe(folder / job["recipe"], job["overrides"]) for job in jobs}


def test_the_ablations_change_one_thing_and_read_no_test_side(encoders: Any) -> None:
    jobs = jobs_of("encoder_ablations.yaml")
    small = jobs.pop("small")
    stores = {name: {source.store.name for source in job.data.pretrain} for name, job in jobs.items()}
    of_small = {source.store.name for source in small.data.pretrain}
    missing = {name: of_small - found for name, found in stores.items() if of_small != found}
    assert missing == {
        "without-2d": {"penn_action"},
        "without-mocap": {"bandai_namco", "cmu"},
        "without-synthetic": {"synthetic"},
        "unseen": {"msr_action3d", "penn_action"},
    }
    shares = {source.store.name: source.share for source in small.data.pretrain}
    for job in (small, *jobs.values()):
        assert {source.store.name: source.share for source in job.data.pretrain}.items() <= shares.items()
        assert (job.data.evaluate.split.train, job.data.evaluate.split.test) == (("2",), ("1",))
    kinds = {name: [one.kind for one in job.data.augment] for name, job in {"small": small, **jobs}.items()}
    lost = {name: set(kinds["small"]) - set(found) for name, found in kinds.items() if found != kinds["small"]}
    assert lost == {"without-2d": {"virtual_camera"}, "without-sub_layout": {"sub_layout"}}
    methods = {name: job.method for name, job in jobs.items() if job.method != small.method}
    assert methods == {
        "without-motion_scale": small.method.model_copy(update={"motion_scale": None}),
        "token_frames-4": small.method.model_copy(update={"token_frames": 4}),
    }


def test_the_networks_of_single_sets_are_tested_on_them(encoders: Any) -> None:
    small = read_recipe(Path(__file__).parents[2] / "recipes" / "encoders" / "small.yaml")
    quarter = jobs_of("encoder_ablations.yaml")["small"]
    for name, job in jobs_of("encoder_own_sets.yaml").items():
        assert [str(source.store) for source in job.data.pretrain] == [f"stores/pool/{name}"]
        assert job.data.evaluate.store == Path("stores") / name
        dataset = encoders.DATASETS[name]
        assert job.data.evaluate.split == dataset.default_split
        assert (job.method, job.masking, job.data.augment) == (small.method, small.masking, small.data.augment)
        # As many steps as the job `small` of the ablations: 90 epochs of 39 batches, 4 of them to warm up.
        batches = 3_510 / job.training.epochs
        assert batches == pytest.approx(round(batches), rel=1e-3)
        assert job.training.warmup_epochs == pytest.approx(156 / batches, abs=0.5)
        assert job.training == quarter.training.model_copy(
            update={"epochs": job.training.epochs, "warmup_epochs": job.training.warmup_epochs}
        )


def test_the_objectives_differ_from_small_in_the_method_alone(encoders: Any) -> None:
    jobs = jobs_of("encoder_objective.yaml")
    small = jobs["small"]
    expected = {
        "small": {},
        "floor": {"target_floor": 0.01},
        "floor-noise": {"target_floor": 0.01, "input_noise": {"probability": 0.5, "sigma": (0.003, 0.02)}},
        "floor-0.02": {"target_floor": 0.02},
        "motion_energy": {"error_weight": "motion_energy"},
    }
    settings = small.method.model_dump()
    for name, job in jobs.items():
        assert job.method.model_dump() == settings | expected.pop(name)
        assert job.model_copy(update={"method": small.method}) == small
        assert (job.data.evaluate.split.train, job.data.evaluate.split.test) == (("2",), ("1",))
    assert not expected
