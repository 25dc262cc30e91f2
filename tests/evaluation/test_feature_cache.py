from __future__ import annotations

import torch

from skeletonmae.evaluation.feature_cache import FeatureCache, ViewFeatures


def view(number: float) -> ViewFeatures:
    return ViewFeatures(torch.full((10, 25), number), torch.ones(10, dtype=torch.bool))  # 1010 bytes


def test_features_are_computed_once_until_they_are_dropped() -> None:
    cache, computed = FeatureCache(max_bytes=2500), list[str]()

    def get(key: str) -> float:
        def compute() -> ViewFeatures:
            computed.append(key)
            return view(float(ord(key)))

        return float(cache.get(key, compute).features[0, 0])

    assert [get(key) for key in "aabab"] == [97, 97, 98, 97, 98]
    assert computed == ["a", "b"]
    get("a")
    get("c")  # only two fit, and b was used before a
    assert computed == ["a", "b", "c"]
    get("a")
    get("b")
    assert computed == ["a", "b", "c", "b"]


def test_features_that_do_not_fit_are_returned_and_not_kept() -> None:
    cache, computed = FeatureCache(max_bytes=100), list[int]()
    for _ in range(2):
        found = cache.get("a", lambda: computed.append(1) or view(3.0))
        assert torch.equal(found.features, view(3.0).features)
    assert computed == [1, 1]
