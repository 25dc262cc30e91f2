"""Ray is not installed here: a stand-in runs each task at once, and repeats those that it loses."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skeletonmae.datasets import DATASETS, ShardNumber, prepare
from skeletonmae.errors import InputError
from skeletonmae.sequences import SequenceStore

SYNTHETIC = replace(DATASETS["synthetic"], num_recordings=110)  # type: ignore[call-arg]


class LostError(Exception):
    """The process of a task was killed."""


class FakeRay:
    def __init__(self, num_lost: int = 0) -> None:
        self.num_lost, self.shards = num_lost, list[ShardNumber]()

    def remote(self, *, max_retries: int) -> Callable[[Callable[..., Any]], Any]:
        def run(function: Callable[..., Any], *inputs: Any, **settings: Any) -> Any:
            for _ in range(max_retries + 1):
                self.shards.append(settings["shard"])
                if self.num_lost:
                    self.num_lost -= 1
                    continue
                return function(*inputs, **settings)
            raise LostError

        return lambda function: SimpleNamespace(
            remote=lambda *inputs, **settings: run(function, *inputs, **settings)
        )

    def get(self, results: list[Any]) -> list[Any]:
        return results


def prepare_on(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    monkeypatch.delitem(sys.modules, "skeletonmae.datasets.ray_cluster", raising=False)
    return importlib.import_module("skeletonmae.datasets.ray_cluster").prepare_on_ray


def test_the_store_is_that_of_one_prepare_also_if_a_task_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = FakeRay(num_lost=1)
    source = Path("synthetic")
    report = prepare_on(ray, monkeypatch)(SYNTHETIC, source, tmp_path / "ray", 2, dtype="float16")
    assert ray.shards == [ShardNumber(1, 2), ShardNumber(1, 2), ShardNumber(2, 2)]
    assert report == prepare(SYNTHETIC, source, tmp_path / "one", dtype="float16")
    one, joined = (SequenceStore.open(tmp_path / name) for name in ("one", "ray"))
    joined.verify()
    assert [recording.name for recording in joined] == [recording.name for recording in one]
    assert (joined[0].positions == one[0].positions).all()


def test_a_task_that_is_lost_too_often_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LostError):
        prepare_on(FakeRay(num_lost=2), monkeypatch)(
            SYNTHETIC, Path("synthetic"), tmp_path / "ray", 2, max_retries=1
        )
    assert not (tmp_path / "ray" / "manifest.json").exists()


def test_what_one_task_refuses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="fewer files than shards"):
        prepare_on(FakeRay(), monkeypatch)(SYNTHETIC, Path("synthetic"), tmp_path / "ray", 99)
