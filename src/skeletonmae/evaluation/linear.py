"""Frozen encoder, one linear layer."""

from __future__ import annotations

import time
from typing import Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.config import Config
from skeletonmae.datasets.splits import label_subset
from skeletonmae.evaluation.features import features_of
from skeletonmae.evaluation.protocol import Result, Task, score
from skeletonmae.methods import Pooling


class Linear(Config):
    """Features of the frozen encoder, batch norm without weights, one linear layer.

    Source: the linear probe of MAE and MAMP: SGD with momentum 0.9, learning rate 0.1, half cosine.
    """

    kind: Literal["linear"] = "linear"
    pooling: Pooling = "mean"
    """`mean` over persons, time and joints, as published; `joints` keeps them side by side."""
    label_fraction: float = Field(1.0, gt=0, le=1)
    """Share of the labels of each class that is used; at least one clip a class."""
    views: int = Field(0, ge=0)
    """Random parts of each training clip; 0 takes the middle part once."""
    epochs: int = Field(100, ge=1)
    """Of the linear layer."""
    batch_size: int = Field(256, ge=2)
    """Clips of one step of the linear layer."""
    lr: float = Field(0.1, gt=0)
    """The highest learning rate; half a cosine down to 0."""
    weight_decays: tuple[float, ...] = Field((0.0,), min_length=1)
    """If there are several, the best on the validation part of the training split is taken."""
    seed: int = 0
    """Of the draw of labels, the first weights and the order."""

    def run(self, task: Task) -> list[Result]:
        """One result."""
        started = time.monotonic()
        train = label_subset(task.labels, task.split.train, self.label_fraction, self.seed)
        best = self.weight_decays[0]
        if len(self.weight_decays) > 1:
            fit, held = task.validation(train, self.seed)
            right = {}
            seen = features_of(task, fit, self.pooling, views=self.views, seed=self.seed)
            unseen = features_of(task, held, self.pooling)
            for decay in self.weight_decays:
                probe = self._fit(*seen, len(task.classes), decay)
                right[decay] = float((probe(unseen[0]).argmax(1) == unseen[1]).float().mean())
            best = max(right, key=lambda decay: right[decay])
        features, labels = features_of(task, train, self.pooling, views=self.views, seed=self.seed)
        probe = self._fit(features, labels, len(task.classes), best)
        test_features, test_labels = features_of(task, task.split.test, self.pooling)
        return [
            Result(
                protocol="linear",
                setting="" if self.pooling == "mean" else self.pooling,
                pretrained=task.pretrained,
                label_fraction=self.label_fraction,
                seed=self.seed,
                num_train=len(train),
                chosen={"weight_decay": best} if len(self.weight_decays) > 1 else {},
                seconds=time.monotonic() - started,
                **score(probe(test_features), test_labels, task.classes),
            )
        ]

    def _fit(
        self,
        features: Float[Tensor, "clip feature"],
        labels: Int64[Tensor, " clip"],
        num_classes: int,
        decay: float,
    ) -> nn.Module:
        generator = torch.Generator().manual_seed(self.seed)
        linear = nn.Linear(features.shape[1], num_classes)
        nn.init.normal_(linear.weight, std=0.01, generator=generator)
        nn.init.zeros_(linear.bias)
        norm = nn.BatchNorm1d(features.shape[1], affine=False, eps=1e-6)
        norm.running_mean, norm.running_var = features.mean(0), features.var(0, correction=0)
        probe = nn.Sequential(norm, linear).eval()
        optimizer = torch.optim.SGD(linear.parameters(), lr=self.lr, momentum=0.9, weight_decay=decay)
        steps = -(-len(features) // self.batch_size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs * steps)
        with torch.no_grad():
            normed = norm(features)
        for _ in range(self.epochs):
            order = torch.randperm(len(features), generator=generator)
            for part in order.tensor_split(steps):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(linear(normed[part]), labels[part])
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
        return probe.requires_grad_(False)
