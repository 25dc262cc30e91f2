from __future__ import annotations

import pytest
import torch

from skeletonmae.training import precision as module
from skeletonmae.training.precision import autocast, uses_bf16

CPU = torch.device("cpu")


def test_auto_is_bf16_where_the_processor_has_instructions_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for processor, expected in (("amx", True), ("avx512_bf16", True), ("other", False)):
        monkeypatch.setattr(module, "processor", lambda processor=processor: processor)
        assert uses_bf16("auto", CPU) is expected
        assert uses_bf16("bf16", CPU) is True
        assert uses_bf16("float32", CPU) is False
    assert uses_bf16("auto", torch.device("mps")) is False


def test_products_are_computed_in_the_precision() -> None:
    x = torch.ones(2, 2)
    with autocast("bf16", CPU):
        assert (x @ x).dtype == torch.bfloat16
    with autocast("float32", CPU):
        assert (x @ x).dtype == torch.float32
