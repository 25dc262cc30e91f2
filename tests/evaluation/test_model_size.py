from __future__ import annotations

from typing import Any

import pytest

from skeletonmae.evaluation.model_size import count_model_parameters
from skeletonmae.methods import InputSpec
from skeletonmae.recipe import recipe_from
from skeletonmae.skeletons import KINECT20

METHODS: dict[str, dict[str, Any]] = {
    "joint_patch": {"width": 16, "depth": 1, "heads": 2, "decoder_width": 16, "decoder_depth": 1},
    "sttformer": {},
    "graph": {},
}


@pytest.mark.parametrize("kind", METHODS)
def test_an_encoder_has_fewer_weights_than_its_method_and_more_than_none(tiny_tree: Any, kind: str) -> None:
    tree = tiny_tree()
    tree["method"] = {"kind": kind} | METHODS[kind]
    tree["data"]["frames"] = 24
    if kind == "graph":
        tree.pop("masking")
    method = recipe_from(tree, "").build(InputSpec(24, 3, KINECT20.joints))
    count = count_model_parameters(method, InputSpec(24, 3, KINECT20.joints))
    assert 0 < count < sum(weight.numel() for weight in method.parameters())


def test_a_classifier_counts_its_head(tiny_run: Any) -> None:
    from skeletonmae.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(tiny_run / "finetune-1-seed0.safetensors")
    total = sum(weight.numel() for weight in checkpoint.model.parameters())
    encoder = load_checkpoint(tiny_run)
    found = count_model_parameters(checkpoint.model, checkpoint.header.spec)
    assert count_model_parameters(encoder.model, encoder.header.spec) < found <= total
