"""The number of weights that a model computes its output with."""

from __future__ import annotations

import torch

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.evaluation.cost import count_parameters
from skeletonmae.methods import Classifier, InputSpec, Method
from skeletonmae.skeletons import Skeleton


def count_model_parameters(model: Method | Classifier, spec: InputSpec) -> int:
    """Return the number of weights of an encoder, without a decoder, or of a classifier.

    Args:
        model: A method, whose encoder is meant, or a classifier, on the CPU.
        spec: The shape of the model's clips.
    """
    root = spec.joints[0]
    skeleton = Skeleton("model", spec.joints, {joint: root for joint in spec.joints if joint != root})
    shape = (1, spec.persons, spec.frames, len(spec.joints))
    index = torch.zeros(1, dtype=torch.int64)
    batch = Batch(
        positions=torch.zeros(*shape, spec.axes),
        observed=torch.ones(shape, dtype=torch.bool),
        label=index,
        keys=sample_keys(0, 0, index),
        skeleton=skeleton,
    )
    model.eval()
    network = model.embed if isinstance(model, Method) else model
    with torch.inference_mode():
        return count_parameters(lambda: network(batch))
