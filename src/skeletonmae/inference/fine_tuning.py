"""Fine-tune an encoder together with the head of its method, as the protocol `finetune` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from pydantic import Field

from skeletonmae.batches import Loader, MixedLoader
from skeletonmae.checkpoint import Checkpoint, Header
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation.finetune import ClassifierWithLoss, FinetuneTraining
from skeletonmae.inference.adapt import adapt_recording
from skeletonmae.inference.blocks import Layout, layout_of, store_builder
from skeletonmae.inference.featurizers import EncoderFeaturizer, FineTunedFeaturizer, last_layer
from skeletonmae.methods import Classifier
from skeletonmae.predictions.heads import LinearHead
from skeletonmae.predictions.persons import PersonRecording
from skeletonmae.sequences import MemoryStoreBuilder, SequenceStore, SkeletonSequence
from skeletonmae.training import DistributedContext, Progress, train
from skeletonmae.transforms import ClipConfig

AUGMENTATIONS = ("rotate", "shear", "scale", "scale_limbs")
"""Augmentations of the encoder's pre-training that go on. Others may change the class of a clip, as a mirror does
with an action of the left hand, or what a clip is made of."""
TIMED_STEPS = 3
"""Steps that the time of a run is estimated from; the first is slower and does not count."""


class FineTuningConfig(Config):
    """How an encoder is fine-tuned. Nothing is chosen on the recordings whose accuracy is measured."""

    training: FinetuneTraining = FinetuneTraining()
    """Length, optimizer and learning rate; by default those of the protocol `finetune`."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Fraction of the target distribution that is spread evenly over all classes."""
    max_minutes: float = Field(60.0, gt=0)
    """If cross-validation of the fine-tuning is estimated to take longer, it is measured on one held-out fold."""


@dataclass(frozen=True, eq=False)
class FineTuner:
    """Fine-tunes an encoder on parts of some recordings.

    Args:
        frozen: The encoder.
        classes: Names of the classes.
        stores: The recordings, in one store for each layout.
        index: Numbers of the recordings of each store.
        config: How to fine-tune.
    """

    frozen: EncoderFeaturizer
    classes: tuple[str, ...]
    stores: tuple[SequenceStore, ...]
    index: tuple[np.ndarray, ...]
    config: FineTuningConfig

    @classmethod
    def of(
        cls,
        frozen: EncoderFeaturizer,
        recordings: Sequence[SkeletonSequence],
        classes: Sequence[str],
        config: FineTuningConfig,
    ) -> Self:
        """Copy recordings to stores in memory, which batches are read from.

        Args:
            frozen: The encoder, which can read the recordings.
            recordings: The recordings, with labels.
            classes: Names of the classes.
            config: How to fine-tune.
        """
        builders: dict[Layout, tuple[MemoryStoreBuilder, list[int]]] = {}
        for number, recording in enumerate(recordings):
            adapted = adapt_recording(frozen.checkpoint.header, recording)
            layout = layout_of(PersonRecording(None, adapted))
            if layout not in builders:
                builders[layout] = store_builder(layout, classes), []
            builder, numbers = builders[layout]
            builder.add(replace(adapted, name=str(number), tags={}))
            numbers.append(number)
        stores = tuple(builder.build() for builder, _ in builders.values())
        index = tuple(np.array(numbers) for _, numbers in builders.values())
        return cls(frozen, tuple(classes), stores, index, config)

    def num_steps(self, num_recordings: int) -> int:
        """Return the number of steps of a run on so many recordings of one layout."""
        training = self.config.training
        return max(training.min_steps, training.epochs * -(-num_recordings // training.batch_size))

    def seconds_per_step(self) -> float:
        """Return the time of a step, measured on a few steps whose result is thrown away."""
        times: list[float] = []
        training = self.config.training.model_copy(
            update={"epochs": 1, "min_steps": TIMED_STEPS, "warmup_epochs": 0.0}
        )
        every = np.concatenate(self.index)
        self._train(
            every[: TIMED_STEPS * training.batch_size], training, lambda _: times.append(time.perf_counter())
        )
        return (times[-1] - times[0]) / max(1, len(times) - 1)

    def fine_tune(
        self, fit: np.ndarray, on_step: Callable[[int, int], None] | None = None
    ) -> tuple[FineTunedFeaturizer, LinearHead]:
        """Fine-tune a copy of the encoder.

        Args:
            fit: Numbers of the recordings to train on.
            on_step: Called with the number of finished steps, and that of all.

        Returns:
            The network up to its last layer, and that layer.

        Raises:
            InputError: A layout has only one recording.
        """

        def on_progress(progress: Progress) -> None:
            if on_step:
                on_step(progress.step, progress.total)

        model = self._train(fit, self.config.training, on_progress).eval().requires_grad_(False)
        header = self.frozen.checkpoint.header.model_dump() | {"role": "classifier", "classes": self.classes}
        checkpoint = Checkpoint(Header.model_validate(header), model, self.frozen.checkpoint.path)
        return FineTunedFeaturizer(checkpoint, self.frozen.name, self.frozen.sha256), linear_head(model)

    def _train(
        self, fit: np.ndarray, training: FinetuneTraining, on_progress: Callable[[Progress], None]
    ) -> Classifier:
        header, method = self.frozen.checkpoint.header, self.frozen.checkpoint.method
        device = next(method.parameters()).device
        torch.manual_seed(training.seed)
        model = method.classifier(len(self.classes)).to(device)
        train(
            ClassifierWithLoss(
                model, self.config.label_smoothing, None if header.method.reads_any_layout else header.joints
            ),
            self._loader(fit, training, device),
            training,
            DistributedContext(0, 1, device),
            layer_id=lambda name: model.layer_id(name.removeprefix("classifier.")),
            lr_factor=lambda name: (
                training.encoder_lr if model.is_encoder(name.removeprefix("classifier.")) else 1.0
            ),
            on_progress=on_progress,
        )
        return model

    def _loader(self, fit: np.ndarray, training: FinetuneTraining, device: torch.device) -> Loader | MixedLoader:
        """Batches of the recordings to train on, each of one layout."""
        clips = label_preserving(self.frozen.checkpoint.header.clips)
        loaders, first = [], 0
        for store, numbers in zip(self.stores, self.index, strict=True):
            rows = np.flatnonzero(np.isin(numbers, fit))
            if len(rows):
                loader = clips.loader(
                    store,
                    rows,
                    batch_size=training.batch_size,
                    training=True,
                    seed=training.seed,
                    device=device,
                )
                if len(rows) // len(loader) < 2:
                    expected = "at least two clips of each layout in a batch, which batch norm needs"
                    got = f"{len(rows)} clips of {store.skeleton.name}"
                    raise InputError("the encoder cannot be fine-tuned", expected=expected, got=got)
                loaders.append(replace(loader, first_number=first))
            first += len(store)
        if len(loaders) == 1:
            return loaders[0]
        return MixedLoader(tuple(loaders), tuple(float(len(one)) for one in loaders), training.seed)


def label_preserving(clips: ClipConfig) -> ClipConfig:
    """Return how recordings become clips, with only those augmentations that keep the class of a clip."""
    return clips.model_copy(update={"augment": tuple(one for one in clips.augment if one.kind in AUGMENTATIONS)})


def linear_head(classifier: Classifier) -> LinearHead:
    """Return the last layer of a classifier as arrays."""
    layer = last_layer(classifier)
    weight, bias = (each.detach().cpu().numpy() for each in (layer.weight, layer.bias))
    num_features = layer.in_features
    mean, deviation = np.zeros(num_features, np.float32), np.ones(num_features, np.float32)
    return LinearHead(mean, deviation, weight.T.copy(), bias.copy())
