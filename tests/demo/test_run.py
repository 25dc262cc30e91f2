from __future__ import annotations

from pathlib import Path

import pytest
import torch

from skeletonmae.demo import run as demo
from skeletonmae.sequences import SequenceStore


@pytest.mark.parametrize(("processor", "precision"), [("avx512_bf16", "bf16"), ("other", "float32")])
def test_the_precision_is_that_of_the_device(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch, processor: str, precision: str
) -> None:
    monkeypatch.setattr("skeletonmae.training.precision.processor", lambda: processor)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)  # the demo runs on the CPU nevertheless
    recipe = demo.demo_recipe(SequenceStore.open(tiny_store), tiny_store, torch.device("cpu"))
    assert recipe.training.precision == precision
    assert recipe.evaluation[-1].training.precision == precision
