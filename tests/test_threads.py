"""Threads of products of matrices while heads are chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skeletonmae.inference import head_choice
from skeletonmae.inference.folds import make_folds
from skeletonmae.inference.head_fitting import Candidate


def blas_threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_heads_are_chosen_with_one_thread_and_the_number_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    fit_heads = head_choice.fit_heads

    def fit(*arguments: Any) -> Any:
        found.append(blas_threads())
        return fit_heads(*arguments)

    monkeypatch.setattr(head_choice, "fit_heads", fit)
    labels = np.tile([0, 1], 10)
    features = {"coordinates": labels[:, None] + 0.1 * np.random.default_rng(0).normal(size=(20, 3))}
    groups = np.arange(20)
    folds = make_folds(labels, groups, 2, 0)
    with threadpool_limits(limits=2, user_api="blas"):
        if blas_threads() == {1}:
            pytest.skip("this NumPy computes with one thread only")
        head_choice.choose_heads(
            features,
            labels,
            groups,
            2,
            folds,
            {"coordinates": [Candidate("coordinates", "ridge", 1.0)]},
            lambda: None,
        )
        assert found
        assert set.union(*found) == {1}
        assert blas_threads() == {2}
