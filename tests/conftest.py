from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from beartype import BeartypeConf, beartype
from hypothesis import settings
from jaxtyping import install_import_hook
from samples import WRITERS, numbers

# What is tested before a change lands is the same each time; elsewhere every run looks at other examples.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# A shell starts a job in the background with SIGINT ignored; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_beartype: Callable[[Any], Any] = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float too


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check what a function says of arrays; plain types are mypy's: a numpy integer is as good as an int."""
    said = " ".join(map(str, function.__annotations__.values()))
    own = function.__qualname__ == "SkeletonSequence.__init__"  # tells the user of wrong shapes itself
    return _beartype(function) if not own and ("Tensor" in said or "ndarray" in said) else function


# Shapes are checked in these folders while the tests run. Before anything imports the package.
SHAPED = (
    "skeletons",
    "sequences",
    "validation",
    "batches",
    "transforms",
    "masking",
    "models",
    "methods",
    "evaluation",
)
install_import_hook([f"skeletonmae.{folder}" for folder in SHAPED], f"{__name__}.checked")


def pytest_configure(config: pytest.Config) -> None:
    """Let each process of `pytest -n` compute with one thread: more threads than cores wait for one another.

    This is the process that starts the others; in those, a plugin imports NumPy before this file is read.
    """
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def write_sample() -> Callable[[str, Path, np.ndarray], Path]:
    """Write (frame, joint of kinect20, axis) as a file of the named format; gives back the path."""

    def write(name: str, path: Path, values: np.ndarray) -> Path:
        WRITERS[name][1](path, values)
        return path

    return write


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[Any]]]:
    """Format name -> a sound file of `numbers()`, and the recordings in it."""
    folder = tmp_path_factory.mktemp("samples")
    paths = {name: folder / f"{name}{suffix}" for name, (suffix, _) in WRITERS.items()}
    return {name: (path, WRITERS[name][1](path, numbers())) for name, path in paths.items()}


@pytest.fixture(scope="session")
def samples(written: dict[str, tuple[Path, list[Any]]]) -> dict[str, Path]:
    """Format name -> a sound file."""
    return {name: path for name, (path, _) in written.items()}


@pytest.fixture
def pixel_estimator(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The pose estimator of videos that `samples.pose_video` writes, in place of those of the package."""
    from samples.pose_video import PixelEstimator

    estimator = PixelEstimator()
    monkeypatch.setattr("skeletonmae.pose.estimate.make_estimator", lambda *_, **__: estimator)
    return estimator


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; the test is skipped where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKELETONMAE_REAL_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set SKELETONMAE_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def real_set(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Any, Any]]:
    """Name of a real set -> the report of `prepare` and the store; each set is prepared once for all tests."""
    from filelock import FileLock

    from skeletonmae.datasets import PrepareReport, detect_dataset, prepare
    from skeletonmae.sequences import SequenceStore

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of all workers
    folder = folder / "real sets"

    def prepared(name: str) -> tuple[PrepareReport, SequenceStore]:
        folder.mkdir(exist_ok=True)
        with FileLock(folder / f"{name}.lock"):
            if not (folder / name).exists():
                prepare(detect_dataset(real_data / name), real_data / name, folder / name)
        report = PrepareReport.model_validate_json((folder / name / "report.json").read_bytes())
        return report, SequenceStore.open(folder / name)

    return prepared


# Random recordings, stores and batches. Everything follows from the seed.
def recording(seed: int = 0, persons: int = 1, frames: int = 12, skeleton: Any = None, **settings: Any) -> Any:
    """A random recording whose persons come late, go early and lose joints; `lost` is the share of those."""
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20

    skeleton, rng = skeleton or KINECT20, np.random.default_rng(seed)
    shape = (persons, frames, skeleton.num_joints)
    seen = rng.random(shape) >= settings.pop("lost", 0.2)
    for person in seen:
        first, last = sorted(rng.integers(0, max(frames, 1), 2))
        person[:first] = person[last + 1 :] = False
    values = rng.normal(size=(*shape, settings.pop("axes", 3)))
    return SkeletonSequence.from_positions(values, skeleton, observed=seen, **{"name": f"clip {seed}"} | settings)


@pytest.fixture(scope="session")
def make_recording() -> Callable[..., Any]:
    return recording


@pytest.fixture(scope="session")
def make_store() -> Callable[..., Any]:
    """Write recordings to a new store and open it."""

    def make(path: Path, recordings: Any, **settings: Any) -> Any:
        from skeletonmae.sequences import SequenceStore, StoreWriter

        with StoreWriter(path, recordings[0].skeleton, **settings) as writer:
            for one in recordings:
                writer.add(one)
        return SequenceStore.open(path)

    return make


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., Any]:
    """Clips with so many persons each, who lose joints; person places beyond that are empty."""

    def make(persons: Any = (2, 1, 2, 1), frames: int = 16, skeleton: Any = None, **settings: Any) -> Any:
        import torch

        from skeletonmae.batches import Batch, sample_keys
        from skeletonmae.skeletons import KINECT20

        skeleton, lost = skeleton or KINECT20, settings.get("lost", 0.2)
        seed, axes = settings.get("seed", 0), settings.get("axes", 3)
        dice = torch.Generator().manual_seed(seed)
        shape = (len(persons), max(1, *persons, 0), frames, skeleton.num_joints)
        there = torch.arange(shape[1]) < torch.tensor(persons, dtype=torch.int64)[:, None]
        seen = (torch.rand(shape, generator=dice) >= lost) & there[:, :, None, None]
        values = torch.randn((*shape, axes), generator=dice).masked_fill(~seen[..., None], 0.0)
        index = torch.arange(len(persons))
        return Batch(values, seen, index, sample_keys(seed, 0, index), skeleton)

    return make


# A tiny model and what it is trained and judged on: the whole way in seconds.
@pytest.fixture(scope="session")
def alone() -> Any:
    """One process on the CPU."""
    import torch

    from skeletonmae.training import DistributedContext

    return DistributedContext(0, 1, torch.device("cpu"))


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 synthetic recordings, some of two persons; the split `view` tests on camera 3."""
    from dataclasses import replace

    from skeletonmae import datasets

    path = tmp_path_factory.mktemp("tiny") / "store"
    datasets.prepare(replace(datasets.SYNTHETIC, num_recordings=96), Path(), path)
    return path


@pytest.fixture(scope="session")
def tiny_tree(tiny_store: Path) -> Callable[..., dict[str, Any]]:
    """A recipe as it is written down: a tiny model on `tiny_store`, or on another store."""
    method = {"token_frames": 4, "width": 16, "depth": 2, "heads": 2, "decoder_width": 16, "decoder_depth": 1}

    def tree(store: Path = tiny_store, split: str | None = "view", **training: Any) -> dict[str, Any]:
        return {
            "data": {"evaluate": {"store": str(store), "split": split}, "frames": 8},
            "masking": {"kind": "random", "ratio": 0.5},
            "method": {"kind": "joint_patch", **method},
            "training": {"epochs": 2, "batch_size": 20, "warmup_epochs": 1, "checkpoint_seconds": 0} | training,
            "evaluation": [
                {"kind": "linear", "epochs": 3},
                {"kind": "knn", "k": [1]},
                {"kind": "finetune", "training": {"epochs": 2, "batch_size": 32}},
            ],
        }

    return tree


@pytest.fixture(scope="session")
def tiny_run(tiny_tree: Any, alone: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on `tiny_store`: model.safetensors, finetune-1-seed0.safetensors, results.json ..."""
    from skeletonmae import runs
    from skeletonmae.checkpoint import load_checkpoint
    from skeletonmae.recipe import recipe_from

    folder, recipe = tmp_path_factory.mktemp("run"), recipe_from(tiny_tree(), "tiny")
    runs.evaluate(recipe, load_checkpoint(runs.pretrain(recipe, folder, alone)), folder, alone)
    return folder


@pytest.fixture
def ship_tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """Ship the encoder of a run as `tiny`, instead of what the package ships; gives back the folder."""
    import hashlib

    from skeletonmae.checkpoint import load_checkpoint, save_encoder
    from skeletonmae.encoders import ShippedEncoder, shipped

    def ship(run: Path) -> Path:
        folder = tmp_path / "shipped"
        folder.mkdir()
        save_encoder(folder / "tiny.safetensors", load_checkpoint(run), "for tests")
        (folder / "tiny.md").write_text("# tiny\n")
        digest = hashlib.sha256((folder / "tiny.safetensors").read_bytes()).hexdigest()
        entry = ShippedEncoder(name="tiny", sha256=digest, license="for tests", summary="A tiny encoder")
        (folder / "index.json").write_text(shipped.Index(encoders=(entry,)).model_dump_json())
        monkeypatch.setattr(shipped, "FOLDER", folder)
        return folder

    return ship


@pytest.fixture
def make_task(tmp_path_factory: pytest.TempPathFactory, make_store: Any, alone: Any) -> Callable[..., Any]:
    """A task whose method gives back the features it is given: so is known what a protocol should answer.

    `make_task(train, labels, test, labels)`: features `(clip, up to 60)`, labels as names or numbers.
    """
    import torch
    from torch import nn

    from skeletonmae.datasets import Split
    from skeletonmae.evaluation import EvaluationTask
    from skeletonmae.methods import Classifier, Method, MethodOutput
    from skeletonmae.sequences import SkeletonSequence
    from skeletonmae.skeletons import KINECT20
    from skeletonmae.transforms import ClipConfig

    def clip_features(batch: Any) -> Any:
        return batch.positions[:, 0, 0].flatten(1)

    class Scores(Classifier):
        def __init__(self, num_classes: int) -> None:
            super().__init__()
            self.head = nn.Linear(60, num_classes)

        def forward(self, batch: Any) -> Any:
            return self.head(clip_features(batch))

        def layer_id(self, parameter: str) -> int:
            return 0

    class Given(Method):
        def forward(self, batch: Any) -> MethodOutput:
            raise AssertionError("an encoder that is judged is not trained")

        def embed(self, batch: Any, pooling: Any = "mean", *, time_parts: int = 1, last_blocks: int = 1) -> Any:
            return clip_features(batch)

        def classifier(self, num_classes: int, config: Any) -> Classifier:
            return Scores(num_classes)

    def recordings(features: Any, labels: Any, side: str) -> Any:
        for number, (feature, label) in enumerate(zip(features, labels, strict=True)):
            positions = np.zeros(60, np.float32)
            positions[: len(feature)] = feature
            name, tags = f"{side} {number}", {"side": side}
            yield SkeletonSequence.from_positions(
                positions.reshape(1, 20, 3), KINECT20, name=name, label=str(label), tags=tags
            )

    def make(train: Any, labels: Any, test: Any, test_labels: Any, **settings: Any) -> EvaluationTask:
        everything = [*recordings(train, labels, "train"), *recordings(test, test_labels, "test")]
        path = tmp_path_factory.mktemp("task") / "store"
        store = make_store(path, everything, classes=tuple(settings.pop("classes", ())))
        about = {
            "method": Given(),
            "pretrained": True,
            "clips": ClipConfig(frames=1, transforms=(), crop=(1.0, 1.0), test_crop=1.0),
            "store": store,
            "split": Split(np.arange(len(train)), np.arange(len(train), len(everything))),
            "validation_group": None,
            "distributed": alone,
        }
        torch.manual_seed(0)
        return EvaluationTask(**about | settings)

    return make


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was read of stores since the test began: (store, places of recordings), in order."""
    from skeletonmae.batches import ClipReader

    seen: list[Any] = []
    blocks = ClipReader.blocks

    def recorded(self: Any, windows: Any) -> Any:
        seen.append((self.store, windows.recording_index.copy()))
        return blocks(self, windows)

    monkeypatch.setattr(ClipReader, "blocks", recorded)
    return seen
