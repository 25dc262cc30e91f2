"""The evaluation of frozen encoders: features, rows, and the page."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae import SkeletonEncoder
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
    assert len(found) == len(result["rows"]) == 12
    row = found["tiny", "parts", "linear"]
    assert row["interval"][0] < row["top1"] < row["interval"][1]
    page = out.with_suffix(".md").read_text()
    assert f"| tiny | parts | {100 * row['top1']:.1f} (" in page
    assert page.count("| ridge | coordinates, ") == 3


def test_the_page_is_that_of_the_results(encoders: Any) -> None:
    result = json.loads(encoders.FILE.read_text(encoding="utf-8"))
    assert encoders.FILE.with_suffix(".md").read_text(encoding="utf-8") == encoders.page(result)


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
    for name, job in jobs_of("encoder_own_sets.yaml").items():
        assert [str(source.store) for source in job.data.pretrain] == [f"stores/pool/{name}"]
        assert job.data.evaluate.store == Path("stores") / name
        dataset = encoders.DATASETS[name]
        assert job.data.evaluate.split == dataset.default_split
        assert (job.method, job.masking, job.data.augment) == (small.method, small.masking, small.data.augment)
        # As many steps as small: 360 epochs of 144 batches, 4 of them to warm up.
        batches = 51_840 / job.training.epochs
        assert batches == pytest.approx(round(batches), rel=1e-3)
        assert job.training.warmup_epochs == pytest.approx(576 / batches, abs=0.5)


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
