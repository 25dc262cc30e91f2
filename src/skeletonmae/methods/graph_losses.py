"""The losses of method B, and the inverse of its embedding."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from skeletonmae.models.gnn import SkeletonGraph

COSINE_EPSILON = 1e-8
"""Norm that shorter vectors are taken to have, as in torch's `cosine_similarity`."""


class _Cosine(torch.autograd.Function):
    """The cosine of two vectors per node, with a gradient in two passes."""

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor) -> Tensor:
        x = prediction.float()
        norm, target_norm = (torch.linalg.vector_norm(v, dim=1).clamp(min=COSINE_EPSILON) for v in (x, target))
        cosine = (x * target).sum(1) / (norm * target_norm)
        ctx.save_for_backward(prediction, target, norm, target_norm, cosine)
        return cosine  # type: ignore[no-any-return]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        prediction, target, norm, target_norm, cosine = ctx.saved_tensors
        along_target = grad / (norm * target_norm)
        along_prediction = (-grad * cosine / norm.square()).masked_fill_(norm <= COSINE_EPSILON, 0.0)
        gradient = (target * along_target[:, None]).addcmul_(prediction.float(), along_prediction[:, None])
        return gradient.to(prediction.dtype), None


def cosine_to_target(
    prediction: Float[Tensor, "node width"], target: Float[Tensor, "node width"]
) -> Float[Tensor, " node"]:
    """Return the cosine of each prediction and its target, in float32; the target gets no gradient.

    The values are those of `cosine_similarity`, whose gradient takes several times as many passes.

    Args:
        prediction: Of any precision.
        target: In float32.
    """
    cosine: Tensor = _Cosine.apply(prediction, target)  # type: ignore[no-untyped-call]
    return cosine


def scaled_cosine_error(cosine: Float[Tensor, " node"], beta: float) -> Float[Tensor, " node"]:
    """Return (1 - cosine) ** beta (Hou et al., *GraphMAE*, KDD 2022, equation 2)."""
    return (1.0 - cosine).clamp(min=0) ** beta


def nearest_position(prediction: Float[Tensor, "*any width"], embedding: nn.Linear) -> Float[Tensor, "*any axis"]:
    """Return the position whose embedding W p + b has the smallest angle to a prediction; NaN if there is none.

    The projection of the prediction on the span of W and b is a multiple of that embedding. If the multiple is not
    positive, the angle decreases without limit as the position moves away.

    Args:
        prediction: Predicted embeddings.
        embedding: The linear layer with W and b.
    """
    columns = torch.cat([embedding.weight, embedding.bias[:, None]], 1).float()
    direction, multiple = (prediction @ torch.linalg.pinv(columns).T).split([embedding.in_features, 1], -1)
    position: Tensor = (direction / multiple).masked_fill(multiple <= 0, torch.nan)
    return position


def edge_loss(
    prediction: Float[Tensor, "node width"], graph: SkeletonGraph, is_target: Bool[Tensor, " node"] | None = None
) -> Float[Tensor, " node"]:
    """Cross-entropy of predicting, from inner products, which joints of the pose are neighbors of each joint.

    It is the mean over the bones of a joint plus the mean over its pairs without a bone, so that the few bones
    weigh as much as the many other pairs. The inner-product decoder is that of Kipf and Welling, *Variational
    Graph Auto-Encoders*, 2016.

    Args:
        prediction: Output of the decoder.
        graph: The nodes and their bones.
        is_target: Nodes that count as ends of pairs, in which bridged joints do not; None for all.
    """
    dense = graph.to_dense(prediction).transpose(0, 1) * prediction.shape[1] ** -0.25
    product = dense @ dense.transpose(1, 2)
    counts = prediction.new_ones(len(prediction)) if is_target is None else is_target.to(prediction.dtype)
    is_node = graph.to_dense(counts[:, None]).squeeze(2).T
    identity = torch.eye(len(graph.adjacency), device=prediction.device)
    bones = graph.adjacency * is_node[:, None]
    other_pairs = (1.0 - graph.adjacency - identity) * is_node[:, None]
    loss = sum(
        (softplus(sign * product) * pairs).sum(2) / pairs.sum(2).clamp(min=1)
        for sign, pairs in ((-1.0, bones), (1.0, other_pairs))
    )
    return graph.to_nodes(torch.as_tensor(loss).T)
