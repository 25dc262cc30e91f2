"""Frozen encoder, few-shot recognition of classes that pre-training has not seen."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn.functional import normalize

from skeletonmae.config import Seed
from skeletonmae.errors import InputError
from skeletonmae.evaluation.features import FeatureConfig, center_and_normalize
from skeletonmae.evaluation.lap_timer import LapTimer
from skeletonmae.evaluation.protocol import EvaluationTask
from skeletonmae.evaluation.reliability import NORMAL_QUANTILE
from skeletonmae.evaluation.result import Result, ResultKey, accuracy_metrics, different_settings

NUM_RESAMPLES = 1000
"""Number of resamples of the test clips."""
VALUES_AT_ONCE = 2**25
"""Number of values of the query features that are gathered at once."""


class Episodes(NamedTuple):
    """Rows of features that each episode uses; the axis `way` is the class within the episode."""

    classes: Int64[Tensor, "episode way"]
    support: Int64[Tensor, "episode way shot"]
    query: Int64[Tensor, "episode way query"]


class FewShot(FeatureConfig):
    """Assign clips to the nearest class prototype, the mean of one or a few examples, in many random episodes.

    Source: Snell et al., *Prototypical Networks for Few-Shot Learning*, NeurIPS 2017, with frozen features that
    are centered with the mean of the training features and compared by cosine similarity. Examples come from the
    training side of the split and queries from the test side, so that they differ in subject or camera.
    """

    kind: Literal["few_shot"] = "few_shot"
    classes: tuple[str, ...] = ()
    """Names of the classes, none of which pre-training may have seen; `data.pretrain` excludes them by
    `exclude_classes`. Empty takes all classes, for an encoder that was pre-trained on another set."""
    way: int = Field(5, ge=2)
    """Number of classes in an episode."""
    shots: tuple[int, ...] = Field((1, 5), min_length=1)
    """Numbers of examples of each class; one result for each."""
    queries: int = Field(10, ge=1)
    """Number of test clips of each class in an episode."""
    episodes: int = Field(1000, ge=2)
    """Number of episodes."""
    seed: Seed = 0
    """Seed of the episodes."""

    @field_validator("shots")
    @classmethod
    def _check_shots(cls, shots: tuple[int, ...]) -> tuple[int, ...]:
        if min(shots) < 1:
            raise ValueError(f"every class needs at least one example; got {shots}")
        return shots

    @property
    def result_keys(self) -> tuple[ResultKey, ...]:
        """The key of the result for each number of shots."""
        return tuple((f"few_shot {self._setting(shots)}", 1.0, self.seed) for shots in self.shots)

    def _setting(self, shots: int) -> str:
        words = [f"{self.way}-way {shots}-shot", self.feature_setting]
        words += [f"classes={len(self.classes)}"] if self.classes else []
        return " ".join(filter(None, [*words, *different_settings(self, ("queries", "episodes"))]))

    def run(self, task: EvaluationTask) -> list[Result]:
        """One result for each number of shots."""
        timer = LapTimer()
        classes = self._class_index(task)
        check_unseen(task, classes)
        train, train_labels = self.extract(task, task.split.train)
        needed = {"train": max(self.shots), "test": self.queries}
        self._check_sizes(task, classes, needed)
        test, test_labels = self.extract(task, task.split.test)
        device = task.distributed.device
        train, test = (features.to(device) for features in center_and_normalize(train, test))
        results = []
        for shots in self.shots:
            episodes = self._draw(train_labels.numpy(), test_labels.numpy(), classes, shots)
            predicted = classify_episodes(train, test, episodes).cpu()
            results.append(self._result(task, episodes, predicted, classes, shots, timer.lap()))
        return results

    def _class_index(self, task: EvaluationTask) -> np.ndarray:
        """Indices of the classes in the store."""
        if unknown := [name for name in self.classes if name not in task.classes]:
            raise InputError(
                "the store has no such class",
                where="few_shot: classes",
                expected=", ".join(task.classes),
                got=", ".join(unknown),
            )
        names = self.classes or task.classes
        present = set(task.labels[task.split.train].tolist()) & set(task.labels[task.split.test].tolist())
        index = [task.classes.index(name) for name in names]
        classes = np.array([label for label in index if self.classes or label in present])
        if len(classes) < self.way:
            expected = f"at least way = {self.way} classes"
            problem = "too few classes for an episode"
            raise InputError(problem, where="few_shot", expected=expected, got=len(classes))
        return classes

    def _check_sizes(self, task: EvaluationTask, classes: np.ndarray, needed: dict[str, int]) -> None:
        for side, index in task.split._asdict().items():
            counts = np.bincount(task.labels[index], minlength=len(task.classes))[classes]
            if counts.min() < needed[side]:
                name = task.classes[classes[counts.argmin()]]
                setting = "shots" if side == "train" else "queries"
                raise InputError(
                    f"class {name!r} has too few clips on the {side} side; lower `{setting}`",
                    where="few_shot",
                    expected=f"at least {needed[side]}",
                    got=int(counts.min()),
                )

    def _draw(
        self, train_labels: np.ndarray, test_labels: np.ndarray, classes: np.ndarray, shots: int
    ) -> Episodes:
        """Draw classes, examples and queries of each episode; the classes do not depend on the number of shots."""
        rng = np.random.default_rng(self.seed)
        drawn = rng.permuted(np.tile(np.arange(len(classes)), (self.episodes, 1)), axis=1)[:, : self.way]
        rows = []
        for labels, num in ((test_labels, self.queries), (train_labels, shots)):
            chosen = np.zeros((self.episodes, self.way, num), dtype=np.int64)
            for position, label in enumerate(classes):
                episode, way = np.nonzero(drawn == position)
                members = np.tile(np.flatnonzero(labels == label), (len(episode), 1))
                chosen[episode, way] = rng.permuted(members, axis=1)[:, :num]
            rows.append(torch.from_numpy(chosen))
        return Episodes(torch.from_numpy(classes[drawn]), support=rows[1], query=rows[0])

    def _result(
        self,
        task: EvaluationTask,
        episodes: Episodes,
        predicted: Int64[Tensor, "episode way query"],
        classes: np.ndarray,
        shots: int,
        seconds: float,
    ) -> Result:
        is_correct = predicted == torch.arange(self.way)[:, None]
        accuracy = is_correct.double().mean((1, 2))
        half_width = NORMAL_QUANTILE * float(accuracy.std()) / math.sqrt(len(accuracy))
        interval = clip_interval(is_correct, episodes.query, self.seed)
        of_class = torch.zeros(len(task.classes), dtype=torch.int64)
        of_class[torch.from_numpy(classes)] = torch.arange(len(classes))
        true = of_class[episodes.classes][:, :, None].expand_as(predicted)
        guess = of_class[episodes.classes.gather(1, predicted.flatten(1))].view_as(predicted)
        scores = torch.nn.functional.one_hot(guess.flatten(), len(classes)).float()
        metrics = accuracy_metrics(scores, true.flatten(), tuple(task.classes[label] for label in classes))
        top1 = float(accuracy.mean())
        metrics |= {"top1": top1, "top1_interval": interval, "num_test": len(np.unique(episodes.query.numpy()))}
        # The guess among five classes has no second best.
        metrics |= {"top5": top1, "top5_interval": metrics["top1_interval"]}
        return Result(
            protocol="few_shot",
            setting=self._setting(shots),
            pretrained=task.pretrained,
            seed=self.seed,
            num_train=self.way * shots,
            metrics={
                "episodes": float(self.episodes),
                "episode_half_width": half_width,
                "queries": float(episodes.query.numel()),
                "chance": 1 / self.way,
            },
            details={
                **self.feature_details,
                "normalization": "centered, l2",
                "distance": "cosine",
                "unseen": "not verified" if task.pretrain_index is None else "verified",
            },
            seconds=seconds,
            **metrics,
        )


def classify_episodes(
    train: Float[Tensor, "train feature"], test: Float[Tensor, "test feature"], episodes: Episodes
) -> Int64[Tensor, "episode way query"]:
    """Return the nearest prototype of each query, as an index into the classes of its episode.

    Args:
        train: Features of the training side, of length 1.
        test: Features of the test side, of length 1.
        episodes: Rows of the two.
    """
    num_values = math.prod(episodes.query.shape[1:]) * test.shape[1]
    chunk = max(1, VALUES_AT_ONCE // num_values)
    support, query = (index.to(test.device) for index in (episodes.support, episodes.query))
    nearest = []
    for support_rows, query_rows in zip(torch.split(support, chunk), torch.split(query, chunk), strict=True):
        prototypes = normalize(train[support_rows].mean(2), dim=2)
        nearest.append(torch.einsum("ewqf,epf->ewqp", test[query_rows], prototypes).argmax(3))
    return torch.cat(nearest)


def clip_interval(
    is_correct: Bool[Tensor, "episode way query"], query: Int64[Tensor, "episode way query"], seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the accuracy, by a bootstrap over the test clips.

    A clip that is drawn counts with all of its queries, so that more episodes do not make the interval narrower
    than the test clips allow. Examples and classes are not drawn again.

    Args:
        is_correct: Whether each query was classified correctly.
        query: The test clip of each query.
        seed: Seed of the resamples.
    """
    clips, inverse = np.unique(query.flatten().numpy(), return_inverse=True)
    position, num_clips = torch.from_numpy(inverse), len(clips)
    num_queries = torch.bincount(position, minlength=num_clips).double()
    num_correct = torch.bincount(position, is_correct.flatten().double(), minlength=num_clips)
    rng = np.random.default_rng(seed)
    accuracies = []
    for _ in range(NUM_RESAMPLES):
        drawn = torch.from_numpy(rng.integers(num_clips, size=num_clips))
        accuracies.append(num_correct[drawn].sum() / num_queries[drawn].sum())
    low, high = torch.stack(accuracies).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def check_unseen(task: EvaluationTask, classes: np.ndarray) -> None:
    """Check that pre-training has seen no clip of some classes, as far as the checkpoint tells.

    Raises:
        InputError: It has; the message names the classes.
    """
    if task.pretrain_index is None:
        return
    seen = np.unique(task.labels[task.pretrain_index])
    if known := [task.classes[label] for label in classes if label in seen]:
        raise InputError(
            f"the encoder was pre-trained on clips of {', '.join(known)}",
            where="few_shot: classes",
            expected="classes that are excluded from pre-training by `exclude_classes` in `data.pretrain`",
        )
