"""What is timed: calls of the plain reference and of the package, on the same clips."""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clip_by_clip import RADIANS, ClipByClip, padded_array
from measuring import Step
from plain import PlainClassifier, PlainDataset, PlainEncoder, PlainMAE
from torch import Tensor, nn
from torch.utils.data import DataLoader

from skeletonmae.batches import Batch
from skeletonmae.datasets.synthetic.generate import CLASSES, record
from skeletonmae.datasets.synthetic.pairs import PAIR_ACTIONS
from skeletonmae.evaluation.finetune import ClassifierWithLoss
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import InputSpec, JointPatchClassifierConfig
from skeletonmae.methods.joint_patch_mae import JointPatchMAE, JointPatchMAEConfig
from skeletonmae.sequences import SequenceStore, StoreWriter
from skeletonmae.skeletons import NTU25
from skeletonmae.transforms import ClipConfig
from skeletonmae.transforms.geometry import Center, Rotate

CLIPS = ClipConfig(frames=120)
MASK_RATIO = 0.9
NUM_CLASSES = 60
CLASSIFIER = JointPatchClassifierConfig()
SIZES: dict[str, Any] = {"token_frames": 4, "width": 256, "depth": 8, "heads": 8}
DECODER: dict[str, Any] = {"decoder_width": 256, "decoder_depth": 3}
SPEC = InputSpec(CLIPS.frames, 3, NTU25.joints)
SHARES = (0.18, 0.5)
"""Shares of clips with two persons: that of NTU RGB+D 60, and half."""
PASS_CLIPS = 8
"""Clips of a forward and backward pass; more would not fit into memory in the reference."""
DECODERS: dict[str, dict[str, Any]] = {
    "decoder self": {"decoder": "self"},
    "decoder self, queries 0.25": {"decoder": "self", "predict_ratio": 0.25},
    "decoder cross, queries 0.25": {"decoder": "cross", "predict_ratio": 0.25},
}


@dataclass(frozen=True)
class Settings:
    """How much is timed.

    Args:
        clips: Clips of a training step, in passes of `PASS_CLIPS`; also clips in inference.
        recordings: Recordings of each share in loading.
        load_batch: Clips per batch in loading.
        repeats: Repeats of loading and of starts.
    """

    clips: int = 64
    recordings: int = 512
    load_batch: int = 128
    repeats: int = 7

    @property
    def passes(self) -> int:
        """Number of passes of a step."""
        return max(1, self.clips // PASS_CLIPS)


QUICK = Settings(clips=16, recordings=256, repeats=3)


@dataclass(frozen=True)
class Ours:
    """One call of the package.

    Args:
        name: Name of the row.
        share: Share of clips with two persons; None where there are no clips.
        call: The call.
    """

    name: str
    share: float | None
    call: Callable[[], object]


@dataclass(frozen=True)
class Comparison:
    """Calls of the package beside the call of the reference that does the same.

    Args:
        reference: One call of the reference.
        ours: Calls of the package.
        clips: Number of clips of a call.
        calls: Number of calls of each that are timed.
        unit: What the seconds are for.
        who: Whose time counts, in terms of `resource.getrusage`.
    """

    reference: Callable[[], object]
    ours: list[Ours]
    clips: int
    calls: int
    unit: str = "CPU seconds per clip"
    who: int = resource.RUSAGE_SELF


@dataclass(frozen=True)
class Recordings:
    """The same recordings for both: a store, and arrays padded to two persons."""

    store: SequenceStore
    arrays: list[np.ndarray]
    labels: list[int]

    @classmethod
    def make(cls, folder: Path, num: int, share: float) -> Recordings:
        """Generate motion in which everything is observed, a share of it with two persons."""
        recordings = []
        for persons, wanted in ((1, num - round(num * share)), (2, round(num * share))):
            numbers = (i for i in range(10**9) if (CLASSES[i % len(CLASSES)] in PAIR_ACTIONS) == (persons == 2))
            recordings += [record(next(numbers), noise=False) for _ in range(wanted)]
        with StoreWriter(folder / f"share_{share:g}", NTU25, classes=CLASSES) as writer:
            for recording in recordings:
                writer.add(recording)
        padded = [np.zeros((2, *recording.positions.shape[1:]), np.float32) for recording in recordings]
        for array, recording in zip(padded, recordings, strict=True):
            array[: recording.num_persons] = recording.positions
        store = SequenceStore.open(folder / f"share_{share:g}")
        return cls(store, padded, store.labels.tolist())

    def ours(self, batch_size: int) -> Callable[[], list[Batch]]:
        """Return a function that makes the batches of an epoch in the calling thread."""
        index = np.arange(len(self.store))
        loader = CLIPS.loader(self.store, index, batch_size=batch_size, training=True)
        loader = replace(loader, prefetch=0)
        return lambda: list(loader.epoch())

    def plain(self, batch_size: int) -> Callable[[], list[tuple[Tensor, Tensor]]]:
        """Return the same for the reference."""
        dataset = PlainDataset(
            self.arrays, self.labels, CLIPS.frames, NTU25.center_index, NTU25.left_right, CLIPS.crop
        )
        loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
        return lambda: list(loader)


class Passes:
    """A training step in passes over micro-batches: each call is a pass, and the last also updates the weights."""

    def __init__(
        self, model: nn.Module, loss: Callable[[Any, Any], Tensor], inputs: list[Any], precision: str
    ) -> None:
        self.inputs, self.calls = inputs, 0
        self.step = Step(model, lambda model: loss(model, inputs[self.calls % len(inputs)]), precision)

    def __call__(self) -> None:
        torch.autograd.backward(self.step.forward() / len(self.inputs))
        self.calls += 1
        if self.calls % len(self.inputs) == 0:
            self.step.update()
            self.step.optimizer.zero_grad()


def loading(folder: Path, settings: Settings) -> Comparison:
    """From recordings to batches: crop, resample, center, rotate at random; ours also packs the persons."""
    made = {share: Recordings.make(folder, settings.recordings, share) for share in SHARES}
    degrees = (math.degrees(RADIANS),) * 3
    config = CLIPS.model_copy(update={"transforms": (Center(),), "augment": (Rotate(degrees=degrees),)})

    def epoch(data: Recordings) -> Callable[[], None]:
        index = np.arange(len(data.store))
        loader = config.loader(data.store, index, batch_size=settings.load_batch, training=True)
        batches = replace(loader, prefetch=0)
        return lambda: deque((batch.tracks for batch in batches.epoch()), maxlen=0)

    ours = [Ours("loading", share, epoch(data)) for share, data in made.items()]
    data = made[SHARES[-1]]
    dataset = ClipByClip(padded_array(data.arrays), data.labels, CLIPS.frames, NTU25.center_index[0], CLIPS.crop)
    reference = DataLoader(dataset, batch_size=settings.load_batch, shuffle=True)
    return Comparison(lambda: deque(reference, maxlen=0), ours, settings.recordings, settings.repeats)


def pretraining(
    folder: Path,
    settings: Settings,
    precision: str,
    decoders: dict[str, dict[str, Any]] = DECODERS,
    shares: tuple[float, ...] = SHARES,
) -> Comparison:
    """A training step: forward, backward, gradient clipping, AdamW."""
    made = {share: Recordings.make(folder, settings.clips, share) for share in shares}
    clips = [clips for clips, _ in made[shares[-1]].plain(PASS_CLIPS)()]
    plain = PlainMAE(CLIPS.frames, NTU25.num_joints, **SIZES, **DECODER, mask_ratio=MASK_RATIO)
    ours = [
        Ours(
            f"pre-training, {name}",
            share,
            Passes(method(**config), lambda model, batch: model(batch).loss, data.ours(PASS_CLIPS)(), precision),
        )
        for name, config in decoders.items()
        for share, data in made.items()
    ]
    reference = Passes(plain, lambda model, clips: model(clips), clips, precision)
    return Comparison(reference, ours, PASS_CLIPS, settings.passes)


def finetuning(folder: Path, settings: Settings, precision: str) -> Comparison:
    """A training step of the classifier, with its default dropout and drop path."""
    made = {share: Recordings.make(folder, settings.clips, share) for share in SHARES}
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    reference = Passes(
        plain_classifier(drop_path=CLASSIFIER.drop_path),
        lambda model, batch: loss(model(batch[0]).float(), batch[1]),
        made[SHARES[-1]].plain(PASS_CLIPS)(),
        precision,
    )
    ours = [
        Ours(
            "fine-tuning",
            share,
            Passes(
                ClassifierWithLoss(method().classifier(NUM_CLASSES, CLASSIFIER), 0.1),
                lambda model, batch: model(batch).loss,
                data.ours(PASS_CLIPS)(),
                precision,
            ),
        )
        for share, data in made.items()
    ]
    return Comparison(reference, ours, PASS_CLIPS, settings.passes)


def inference(folder: Path, settings: Settings, precision: str) -> Comparison:
    """The logits of `PASS_CLIPS` clips at a time."""
    made = {share: Recordings.make(folder, settings.clips, share) for share in SHARES}
    model, plain = method().classifier(NUM_CLASSES, CLASSIFIER).eval(), plain_classifier().eval()

    def predict(network: nn.Module, batches: list[Any]) -> Callable[[], object]:
        inputs = cycle(batches)

        def call() -> object:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                return network(next(inputs))

        return call

    ours = [
        Ours(f"inference, {PASS_CLIPS} clips at a time", share, predict(model, data.ours(PASS_CLIPS)()))
        for share, data in made.items()
    ]
    clips = [clips for clips, _ in made[SHARES[-1]].plain(PASS_CLIPS)()]
    return Comparison(predict(plain, clips), ours, PASS_CLIPS, settings.passes)


FIRST_STEP = """
data: {evaluate: {store: STORE, split: {kind: stratified}, use: all}, frames: 8}
method: {kind: joint_patch, token_frames: 4, width: 16, depth: 1, heads: 2, decoder_width: 16, decoder_depth: 1}
training: {epochs: 1, warmup_epochs: 0, batch_size: 64}
evaluation: []
"""


def start(folder: Path, settings: Settings) -> Comparison:
    """Importing what trains, and `skeletonmae pretrain` with one step of a tiny model, beside importing torch."""
    with StoreWriter(folder / "store", NTU25, classes=CLASSES) as writer:
        for index in range(2 * len(CLASSES)):
            writer.add(record(index, noise=False))
    recipe = folder / "recipe.yaml"
    recipe.write_text(FIRST_STEP.replace("STORE", str(folder / "store")), encoding="utf-8")

    def run(*words: str) -> None:
        subprocess.run([sys.executable, *words], check=True, capture_output=True)

    def pretrain() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            run("-m", "skeletonmae", "pretrain", str(recipe), "--out", out)

    ours = [
        Ours("import skeletonmae.runs", None, partial(run, "-c", "import skeletonmae.runs")),
        Ours("skeletonmae pretrain, one step", None, pretrain),
    ]
    reference = partial(run, "-c", "import torch")
    return Comparison(reference, ours, 1, settings.repeats, "CPU seconds per start", resource.RUSAGE_CHILDREN)


def method(**settings: Any) -> JointPatchMAE:
    config = JointPatchMAEConfig(**SIZES, **DECODER, **settings)
    return config.build(SPEC, RandomTokens(ratio=MASK_RATIO))


def plain_classifier(drop_path: float = 0.0) -> PlainClassifier:
    steps, joints = CLIPS.frames // SIZES["token_frames"], NTU25.num_joints
    encoder = PlainEncoder(steps, joints, **SIZES, drop_path=drop_path)
    return PlainClassifier(
        encoder, SIZES["token_frames"], joints, SIZES["width"], CLASSIFIER.head_width, NUM_CLASSES
    )
