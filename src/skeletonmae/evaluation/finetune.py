"""End-to-end fine-tuning, with all labels or with a fraction of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from skeletonmae.batches import Batch
from skeletonmae.batches.loader import epoch_order
from skeletonmae.config import Config, Seed
from skeletonmae.datasets.subsets import Draw, label_subset
from skeletonmae.errors import InputError
from skeletonmae.evaluation.fit_state import delete_fit_state, fit_fingerprint, open_fit_folder
from skeletonmae.evaluation.lap_timer import LapTimer
from skeletonmae.evaluation.protocol import EvaluationTask, check_finite, predict_logits, scored_result
from skeletonmae.evaluation.result import Result, ResultKey
from skeletonmae.methods import AnyClassifier, Classifier, MethodOutput
from skeletonmae.methods.method import zero_loss
from skeletonmae.training import TrainingConfig, autocast, train


class FinetuneTraining(TrainingConfig):
    """Training settings with the defaults of the fine-tuning of Mao et al., ICCV 2023."""

    epochs: int = Field(100, ge=1)
    """Number of passes over the training recordings."""
    batch_size: int = Field(48, ge=1)
    """Number of clips per optimizer step, over all processes and micro-batches together."""
    lr: float = Field(3e-4, gt=0)
    """Peak learning rate."""
    final_lr: float = Field(1e-5, ge=0)
    """Learning rate at the end of the `cosine` schedule."""
    warmup_epochs: float = Field(5.0, ge=0)
    """Number of epochs in which the learning rate grows linearly from 0 to `lr`."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Coefficients of the running averages of `adamw` and `adam`."""
    layer_decay: float = Field(0.8, gt=0, le=1)
    """Ratio of the learning rate of each layer to that of the next (Clark et al., *ELECTRA*, ICLR 2020)."""
    encoder_lr: float = Field(1.0, ge=0)
    """Factor of the learning rate of the encoder, also from scratch; 0 freezes its weights. `supervised` has no
    encoder and ignores it."""


class Finetune(Config):
    """Fine-tune encoder and head together; the model after the last epoch is evaluated.

    The same protocol with an encoder that was not pre-trained is the baseline "from scratch". A run that was
    stopped resumes from its last state; only the selection among `lrs` is repeated.
    """

    kind: Literal["finetune"] = "finetune"
    name: str = Field("", pattern=r"^[A-Za-z0-9_.+-]*$", max_length=60)
    """Word in the names of the results, which distinguishes fine-tunings with different settings in one recipe:
    `training`, `classifier`, `lrs` and `label_smoothing` are not in the names, so that `compare` can pair runs
    that differ in them."""
    label_fraction: float = Field(1.0, gt=0, le=1)
    """Fraction of the labels that is used."""
    draw: Draw = "per_class"
    """`per_class`: the fraction of each class, and at least one clip. `plain`: the fraction of all clips, rounded
    down, so that a class may have none. Papers differ, and with few labels the two are not comparable."""
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    """Seeds; one run for each, with its own label subset, order of clips and crops."""
    training: FinetuneTraining = FinetuneTraining()
    """As under `training`, with different defaults."""
    lrs: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Candidates for `training.lr`; if given, the best on the validation part of the training split is used."""
    classifier: AnyClassifier | None = None
    """The downstream model, of the same kind as the method; null for the defaults of that method."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Fraction of the target distribution that is spread evenly over all classes."""
    test_clips: int = Field(0, ge=0)
    """Number of randomly sampled clips, without augmentation, whose logits are averaged for each test recording; 0
    for the one clip that is not random. Unlike `test_views` of `linear`, they do not include that one."""

    @property
    def setting(self) -> str:
        """What distinguishes the results from others of fine-tuning; not the schedule, which `name` stands for."""
        clips = [f"test_clips={self.test_clips}"] if self.test_clips else []
        draw = ["plain draw"] if self.draw == "plain" else []
        return " ".join([*([self.name] if self.name else []), *clips, *draw])

    @property
    def result_keys(self) -> tuple[ResultKey, ...]:
        """The key of the result for each seed."""
        return tuple((f"finetune {self.setting}".strip(), self.label_fraction, seed) for seed in self.seeds)

    def fit_name(self, seed: int) -> str:
        """Return the name of the files of the classifier of a seed, which does not depend on `test_clips`."""
        words = [f"{self.label_fraction:g}", *([] if self.draw == "per_class" else [self.draw])]
        return "-".join(["finetune", *([self.name] if self.name else []), *words, f"seed{seed}"])

    def run(self, task: EvaluationTask) -> list[Result]:
        """One result for each seed."""
        return [self._run(task, seed) for seed in self.seeds]

    def _run(self, task: EvaluationTask, seed: int) -> Result:
        timer = LapTimer()
        train_index = label_subset(task.labels, task.split.train, self.label_fraction, seed, self.draw)
        lr, best_params = self.training.lr, {}
        if self.lrs:
            lr = self._select_lr(task, train_index, seed)
            best_params = {"lr": lr}
        fit_folder = task.folder and task.folder / self.fit_name(seed)
        model = self._fit(task, train_index, seed, lr, fit_folder)
        if fit_folder and task.save:
            task.save(fit_folder.with_name(f"{fit_folder.name}.safetensors"), model, self.classifier)
        test_labels = torch.from_numpy(task.labels[task.split.test])
        logits = predict_clips(model, task, task.split.test, self.test_clips, seed)
        if fit_folder:
            delete_fit_state(fit_folder, task.distributed)
        return scored_result(
            task,
            logits,
            test_labels,
            protocol="finetune",
            setting=self.setting,
            label_fraction=self.label_fraction,
            seed=seed,
            num_train=len(train_index),
            best_params=best_params,
            details={
                **({"draw": self.draw} if self.label_fraction < 1 else {}),
                "test_clips": max(1, self.test_clips),
                "epoch": "last",
                "selection": task.describe_validation() if self.lrs else "none",
            },
            seconds=timer.lap(),
        )

    def _select_lr(self, task: EvaluationTask, train_index: np.ndarray, seed: int) -> float:
        fit_index, val_index = task.train_val_split(train_index, seed)
        val_labels = torch.from_numpy(task.labels[val_index])
        accuracy = {}
        for lr in self.lrs:
            model = self._fit(task, fit_index, seed, lr)
            predicted = predict_logits(model, task, val_index).argmax(1)
            accuracy[lr] = float((predicted == val_labels).float().mean())
        return max(accuracy, key=lambda lr: accuracy[lr])

    def _fit(
        self, task: EvaluationTask, index: np.ndarray, seed: int, lr: float, folder: Path | None = None
    ) -> Classifier:
        """Train a classifier. A run that was stopped resumes from its state in `folder`, if that is given."""
        config = self.training.model_copy(update={"seed": seed, "lr": lr})
        distributed = task.distributed
        torch.manual_seed(seed)
        method = task.init_method(seed) if task.init_method else task.method
        model = method.classifier(len(task.classes), self.classifier)
        loader = task.clips.loader(
            task.store,
            index,
            batch_size=config.batch_size // config.gradient_accumulation_steps,
            training=True,
            seed=seed,
            device=distributed.device,
            rank=distributed.rank,
            world_size=distributed.world_size,
        )
        if len(index) // len(loader) // distributed.world_size < 2:
            problem = (
                f"{len(index)} clips are divided into {len(loader)} batches for {distributed.world_size} processes"
            )
            expected = "at least two clips per batch and process, which batch norm needs"
            raise InputError(problem, where="finetune", expected=expected)
        encoder_lr = self.training.encoder_lr
        description = f"finetune on {len(index)} clips" + ("" if task.pretrained else " from scratch")
        on_progress = task.on_progress
        fingerprint = ""
        if folder:
            exclude = {"checkpoint_seconds", "parallel", "compile"}
            exclude |= {"encoder_lr"} if encoder_lr == 1 else set()
            training = config.model_dump(mode="json", exclude=exclude)
            about = [training, self.label_smoothing, task.clips.model_dump(mode="json"), task.store.fingerprint]
            fingerprint = fit_fingerprint(model, index, about)
            folder = open_fit_folder(folder, fingerprint, distributed)
        train(
            ClassifierWithLoss(model, self.label_smoothing, task.joints),
            loader,
            config,
            distributed,
            folder=folder,
            fingerprint=fingerprint,
            layer_id=lambda name: model.layer_id(name.removeprefix("classifier.")),
            lr_factor=lambda name: encoder_lr if model.is_encoder(name.removeprefix("classifier.")) else 1.0,
            on_progress=(lambda progress: on_progress(description, progress)) if on_progress else None,
        )
        return model.eval()


def predict_clips(
    model: nn.Module, task: EvaluationTask, index: np.ndarray, num_clips: int, seed: int
) -> torch.Tensor:
    """Mean logits of clips sampled as in training but not augmented, `(recording, class)`, in order of `index`.

    Args:
        model: The classifier.
        task: The evaluation.
        index: Indices of the recordings.
        num_clips: Number of clips of each recording; 0 for the one that is not random.
        seed: Seed of the clips.

    Raises:
        InputError: A logit is not finite.
    """
    if not num_clips:
        return predict_logits(model, task, index)
    clips = task.clips.model_copy(update={"augment": ()})
    loader = clips.loader(
        task.store, index, batch_size=256, training=True, seed=seed, device=task.distributed.device
    )
    model.eval()
    total = torch.zeros(len(index), len(task.classes))
    with torch.inference_mode(), autocast(task.precision, task.distributed.device):
        for epoch in range(num_clips):
            logits = torch.cat([model(batch).float() for batch in loader.epoch(epoch)]).cpu()
            order = torch.from_numpy(epoch_order(seed, epoch, len(index)).astype(np.int64))
            total[order] += logits
    return check_finite(total / num_clips)


class ClassifierWithLoss(nn.Module):
    """A classifier with its cross-entropy loss.

    Args:
        classifier: The model to train.
        label_smoothing: Fraction of the target that is spread over all classes (Szegedy et al., CVPR 2016).
        joints: Names of the joints that the model knows; None for all of the clips.
    """

    def __init__(
        self, classifier: Classifier, label_smoothing: float, joints: tuple[str, ...] | None = None
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.label_smoothing = label_smoothing
        self.joints = joints

    def forward(self, batch: Batch) -> MethodOutput:
        """Mean cross-entropy of the clips that show the model a joint; the others do not reach the classifier.

        A batch with empty clips of which fewer than two others remain has no loss, since batch norm needs two.
        """
        is_kept = batch.has_observed(self.joints)
        if not is_kept.all():
            batch = batch.select(is_kept)
            if len(batch) < 2:
                nan = batch.positions.new_full((), torch.nan)
                return MethodOutput(zero_loss(self), torch.tensor(0.0), {"training_accuracy": nan})
        logits = self.classifier(batch).float()
        loss = nn.functional.cross_entropy(logits, batch.label, label_smoothing=self.label_smoothing)
        accuracy = (logits.argmax(1) == batch.label).float().mean().detach()
        return MethodOutput(loss, torch.tensor(float(len(batch))), {"training_accuracy": accuracy})
