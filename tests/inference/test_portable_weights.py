from __future__ import annotations

from pathlib import Path

import torch

from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.inference.fit_data import load_for_fit
from skeletonmae.inference.portable_weights import portable_weights, round_weights


def test_rounded_weights_are_those_that_are_saved(tiny_run: Path) -> None:
    checkpoint = load_checkpoint(tiny_run / "model.safetensors")
    original = {name: weight.clone() for name, weight in checkpoint.method.named_parameters()}
    assert any(not torch.equal(weight, weight.half().float()) for weight in original.values())
    round_weights(checkpoint)
    for name, weight in checkpoint.method.named_parameters():
        assert torch.equal(weight, original[name].half().float())
    _, saved = portable_weights(checkpoint, "")
    state = checkpoint.method.state_dict()
    assert {weight.dtype for weight in saved.values() if weight.is_floating_point()} == {torch.float16}
    assert all(torch.equal(weight.float(), state[name].float()) for name, weight in saved.items() if name in state)


def test_a_classifier_is_fitted_to_the_features_of_the_weights_that_are_saved(tiny_run: Path) -> None:
    checkpoint = load_for_fit(str(tiny_run / "model.safetensors"), "cpu")
    assert checkpoint
    assert all(torch.equal(weight, weight.half().float()) for weight in checkpoint.method.parameters())
