"""The checks of scikit-learn, on tables."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skeletonmae.estimators import SkeletonClassifier, SkeletonTransformer

EXEMPT: dict[str, str] = {}
"""Checks that need not pass -> the reason."""


def test_no_check_is_exempt_for_another_reason_than_sparse_or_narrow_input() -> None:
    assert all(any(word in name for word in ("sparse", "1d", "1feature")) for name in EXEMPT)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([SkeletonTransformer(), SkeletonClassifier()], expected_failed_checks=lambda _: EXEMPT)
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)
