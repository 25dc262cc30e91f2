"""What is timed: one call of the plain reference and one or more calls of the package, on the same clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
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
from skeletonmae.training import TrainingConfig
from skeletonmae.training.optimizer import build_optimizer
from skeletonmae.transforms import ClipConfig

CLIPS = ClipConfig(frames=64)
MASK_RATIO = 0.9
NUM_CLASSES = 60
CLASSIFIER = JointPatchClassifierConfig(head_width=512)
SIZES: dict[str, Any] = {"token_frames": 4, "width": 128, "depth": 5, "heads": 8}
DECODER: dict[str, Any] = {"decoder_width": 128, "decoder_depth": 3}
SPEC = InputSpec(CLIPS.frames, 3, NTU25.joints)


@dataclass(frozen=True)
class Case:
    """One row of the table for each of `ours`.

    Args:
        what: name of the computation.
        data: name of the recordings.
        clips: number of clips of one call.
        plain: one call of the reference.
        ours: maps a name to one call of the package.
    """

    what: str
    data: str
    clips: int
    plain: Callable[[], object]
    ours: dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Recordings:
    """The same recordings for both: a store, and arrays padded to two persons."""

    name: str
    store: SequenceStore
    arrays: list[np.ndarray]
    labels: list[int]

    @classmethod
    def make(cls, name: str, folder: Path, num: int, persons: int, noise: bool) -> Recordings:
        """Generate motion; with `noise`, a simulated sensor loses joints, otherwise everything is observed."""
        numbers = (i for i in range(10**9) if (CLASSES[i % len(CLASSES)] in PAIR_ACTIONS) == (persons == 2))
        recordings = [record(next(numbers), noise=noise) for _ in range(num)]
        with StoreWriter(folder / name.replace(" ", "_"), NTU25, classes=CLASSES) as writer:
            for recording in recordings:
                writer.add(recording)
        padded = [np.zeros((2, *recording.positions.shape[1:]), np.float32) for recording in recordings]
        for array, recording in zip(padded, recordings, strict=True):
            array[: recording.num_persons] = recording.positions
        store = SequenceStore.open(folder / name.replace(" ", "_"))
        return cls(name, store, padded, store.labels.tolist())

    def ours(self, batch_size: int) -> Callable[[], list[Batch]]:
        """Return a function that makes the batches of an epoch in the calling thread."""
        loader = CLIPS.loader(self.store, np.arange(len(self.store)), batch_size=batch_size, training=True)
        loader = replace(loader, prefetch=0)
        return lambda: list(loader.epoch())

    def plain(self, batch_size: int) -> Callable[[], list[tuple[Tensor, Tensor]]]:
        """Return the same for the reference."""
        dataset = PlainDataset(
            self.arrays, self.labels, CLIPS.frames, NTU25.center_index, NTU25.left_right, CLIPS.crop
        )
        loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
        return lambda: list(loader)


def loading(data: Recordings, batch_size: int) -> Case:
    """From recordings to batches: crop, resample, center, face forward."""
    return Case(
        "loading", data.name, len(data.labels), data.plain(batch_size), {"memory map": data.ours(batch_size)}
    )


def pretraining(data: Recordings, batch_size: int, precision: str) -> Case:
    """One training step: forward, backward, gradient clipping, AdamW."""
    batch, clips = data.ours(batch_size)()[0], data.plain(batch_size)()[0][0]
    plain = PlainMAE(CLIPS.frames, NTU25.num_joints, **SIZES, **DECODER, mask_ratio=MASK_RATIO)
    ours: dict[str, Callable[[], object]] = {}
    variants: dict[str, dict[str, Any]] = {
        "decoder self": {"decoder": "self"},
        "decoder self, predict 0.25": {"decoder": "self", "predict_ratio": 0.25},
        "decoder cross, predict 0.25": {"decoder": "cross", "predict_ratio": 0.25},
    }
    for name, settings in variants.items():
        ours[name] = Step(method(**settings), lambda model: model(batch).loss, precision)
    return Case(
        f"pre-training step, {precision}",
        data.name,
        batch_size,
        Step(plain, lambda model: model(clips), precision),
        ours,
    )


def finetuning(data: Recordings, batch_size: int, precision: str) -> Case:
    """One training step of the classifier, with its default dropout and drop path."""
    batch, (clips, label) = data.ours(batch_size)()[0], data.plain(batch_size)()[0]
    model = ClassifierWithLoss(method().classifier(NUM_CLASSES, CLASSIFIER), 0.1)
    plain = plain_classifier(drop_path=CLASSIFIER.drop_path)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    return Case(
        f"fine-tuning step, {precision}",
        data.name,
        batch_size,
        Step(plain, lambda model: loss(model(clips).float(), label), precision),
        {"classifier": Step(model, lambda model: model(batch).loss, precision)},
    )


def inference(data: Recordings, batch_size: int, precision: str) -> Case:
    """The logits of a batch."""
    batch, clips = data.ours(batch_size)()[0], data.plain(batch_size)()[0][0]
    model, plain = method().classifier(NUM_CLASSES, CLASSIFIER).eval(), plain_classifier().eval()

    def predict(network: nn.Module, inputs: Any) -> Callable[[], object]:
        def call() -> object:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                return network(inputs)

        return call

    what = f"inference, {precision}"
    return Case(what, data.name, batch_size, predict(plain, clips), {"classifier": predict(model, batch)})


def method(**settings: Any) -> JointPatchMAE:
    config = JointPatchMAEConfig(**SIZES, **DECODER, **settings)
    return config.build(SPEC, RandomTokens(ratio=MASK_RATIO))


def plain_classifier(drop_path: float = 0.0) -> PlainClassifier:
    steps, joints = CLIPS.frames // SIZES["token_frames"], NTU25.num_joints
    encoder = PlainEncoder(steps, joints, **SIZES, drop_path=drop_path)
    return PlainClassifier(
        encoder, SIZES["token_frames"], joints, SIZES["width"], CLASSIFIER.head_width, NUM_CLASSES
    )


class Step:
    """One training step, the same for both.

    Args:
        model: the module to train.
        loss: computes the loss from the model.
        precision: float32 or bf16 (autocast).
    """

    def __init__(self, model: nn.Module, loss: Callable[[Any], Tensor], precision: str) -> None:
        self.model, self.loss, self.precision = model.train(), loss, precision
        self.optimizer = build_optimizer(model, TrainingConfig())

    def __call__(self) -> None:
        self.optimizer.zero_grad()
        torch.autograd.backward(self.forward())
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def forward(self) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            return self.loss(self.model)

    def saved_bytes(self) -> int:
        """Return the memory that the forward pass saves for the backward pass, without the weights."""
        weights = {parameter.untyped_storage().data_ptr() for parameter in self.model.parameters()}
        saved: dict[int, int] = {}

        def record_size(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            saved[storage.data_ptr()] = storage.nbytes()
            return tensor.detach()  # a tensor with its own history would never be freed

        with torch.autograd.graph.saved_tensors_hooks(record_size, lambda tensor: tensor):
            loss = self.forward()
        del loss
        return sum(size for pointer, size in saved.items() if pointer not in weights)
