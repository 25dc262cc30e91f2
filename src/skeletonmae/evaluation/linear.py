"""Frozen encoder, linear classifier."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.config import Config
from skeletonmae.datasets.subsets import label_subset
from skeletonmae.evaluation.features import extract_features
from skeletonmae.evaluation.protocol import EvaluationTask, Result, scored_result
from skeletonmae.methods import Pooling


class LinearProbe(Config):
    """Features of the frozen encoder, batch norm without affine parameters, one linear layer.

    Source: the linear probe of MAE (He et al., CVPR 2022) and MAMP (Mao et al., ICCV 2023): SGD with momentum 0.9,
    learning rate 0.1, cosine schedule.
    """

    kind: Literal["linear"] = "linear"
    pooling: Pooling = "mean"
    """`mean` averages over persons, time and joints, as published; `joints` concatenates the joint means."""
    label_fraction: float = Field(1.0, gt=0, le=1)
    """Fraction of the labels of each class that is used; at least one clip per class."""
    views: int = Field(0, ge=0)
    """Number of random, augmented parts of each training clip; 0 uses the middle part once."""
    epochs: int = Field(100, ge=1)
    """Number of epochs of the linear layer."""
    batch_size: int = Field(256, ge=2)
    """Number of clips per step of the linear layer."""
    lr: float = Field(0.1, gt=0)
    """Peak learning rate; a half cosine decays it to 0."""
    weight_decays: tuple[float, ...] = Field((0.0,), min_length=1)
    """Candidate weight decays; of several, the best on the validation part of the training split is used."""
    seed: int = 0
    """Seed of the label subset, the initial weights and the order of clips."""

    def run(self, task: EvaluationTask) -> list[Result]:
        """One result."""
        started = time.monotonic()
        num_classes = len(task.classes)
        train_index = label_subset(task.labels, task.split.train, self.label_fraction, self.seed)
        weight_decay, best_params = self.weight_decays[0], {}
        if len(self.weight_decays) > 1:
            weight_decay = self._select_weight_decay(task, train_index)
            best_params = {"weight_decay": weight_decay}
        features, labels = extract_features(task, train_index, self.pooling, views=self.views, seed=self.seed)
        probe = self._fit(features, labels, num_classes, weight_decay)
        test_features, test_labels = extract_features(task, task.split.test, self.pooling)
        return [
            scored_result(
                task,
                probe(test_features),
                test_labels,
                protocol="linear",
                setting="" if self.pooling == "mean" else self.pooling,
                label_fraction=self.label_fraction,
                seed=self.seed,
                num_train=len(train_index),
                best_params=best_params,
                seconds=time.monotonic() - started,
            )
        ]

    def _select_weight_decay(self, task: EvaluationTask, train_index: np.ndarray) -> float:
        fit_index, val_index = task.train_val_split(train_index, self.seed)
        fit = extract_features(task, fit_index, self.pooling, views=self.views, seed=self.seed)
        val_features, val_labels = extract_features(task, val_index, self.pooling)
        accuracy = {}
        for weight_decay in self.weight_decays:
            probe = self._fit(*fit, len(task.classes), weight_decay)
            accuracy[weight_decay] = float((probe(val_features).argmax(1) == val_labels).float().mean())
        return max(accuracy, key=lambda weight_decay: accuracy[weight_decay])

    def _fit(
        self,
        features: Float[Tensor, "clip feature"],
        labels: Int64[Tensor, " clip"],
        num_classes: int,
        weight_decay: float,
    ) -> nn.Module:
        generator = torch.Generator().manual_seed(self.seed)
        linear = nn.Linear(features.shape[1], num_classes)
        nn.init.normal_(linear.weight, std=0.01, generator=generator)
        nn.init.zeros_(linear.bias)
        norm = nn.BatchNorm1d(features.shape[1], affine=False, eps=1e-6)
        norm.running_mean, norm.running_var = features.mean(0), features.var(0, correction=0)
        probe = nn.Sequential(norm, linear).eval()
        optimizer = torch.optim.SGD(linear.parameters(), lr=self.lr, momentum=0.9, weight_decay=weight_decay)
        steps = -(-len(features) // self.batch_size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs * steps)
        with torch.no_grad():
            normalized = norm(features)
        for _ in range(self.epochs):
            order = torch.randperm(len(features), generator=generator)
            for batch_index in order.tensor_split(steps):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(linear(normalized[batch_index]), labels[batch_index])
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
        return probe.requires_grad_(False)
