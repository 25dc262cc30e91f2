"""Linear classifiers of features: batch norm without affine parameters, one linear layer."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from skeletonmae.evaluation.components import Components, linear_discriminants

NORM_EPS = 1e-6
"""Added to the variance of features, as in the linear probe of MAE (He et al., CVPR 2022)."""

EIGENVALUE_EPS = 1e-12
"""Principal axes with a smaller share of the largest variance hold rounding errors only."""


class LinearClassifier(nn.Module):
    """Features minus their mean, divided by their standard deviation, and a linear layer.

    Args:
        features: Training features, which give mean and standard deviation.
        num_classes: Number of classes.
    """

    def __init__(self, features: Float[Tensor, "clip feature"], num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features.shape[1], affine=False, eps=NORM_EPS)
        self.norm.running_mean, self.norm.running_var = features.mean(0), features.var(0, correction=0)
        self.linear = nn.Linear(features.shape[1], num_classes, device=features.device)
        self.eval().requires_grad_(False)

    def forward(self, features: Float[Tensor, "clip feature"]) -> Float[Tensor, "clip class"]:
        """Compute the logits of each clip."""
        logits: Tensor = self.linear(self.norm(features))
        return logits


def fit_sgd(
    features: Float[Tensor, "clip feature"],
    labels: Int64[Tensor, " clip"],
    num_classes: int,
    *,
    weight_decay: float = 0.0,
    epochs: int = 100,
    batch_size: int = 256,
    lr: float = 0.1,
    seed: int = 0,
) -> LinearClassifier:
    """Fit by stochastic gradient descent with momentum 0.9 and a learning rate that a half cosine decays to 0.

    Args:
        features: Training features, on the device that computes.
        labels: Class indices.
        num_classes: Number of classes.
        weight_decay: Strength of the L2 penalty.
        epochs: Number of passes.
        batch_size: Maximum number of clips per step.
        lr: Peak learning rate.
        seed: Seed of the initial weights and the order of clips.
    """
    generator = torch.Generator().manual_seed(seed)  # on the CPU: the same numbers on every device
    classifier = LinearClassifier(features, num_classes)
    linear = classifier.linear.requires_grad_(True)
    with torch.no_grad():
        linear.weight.copy_(torch.empty(linear.weight.shape).normal_(std=0.01, generator=generator))
        linear.bias.zero_()
        normalized = classifier.norm(features)
    optimizer = torch.optim.SGD(linear.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)
    steps = -(-len(features) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    for _ in range(epochs):
        order = torch.randperm(len(features), generator=generator).to(features.device)
        for batch_index in order.tensor_split(steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(linear(normalized[batch_index]), labels[batch_index])
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    return classifier.requires_grad_(False)


def fit_lbfgs(
    features: Float[Tensor, "clip feature"],
    labels: Int64[Tensor, " clip"],
    num_classes: int,
    weight_decays: Sequence[float],
    *,
    max_iterations: int = 500,
    tolerance: float = 1e-5,
) -> list[LinearClassifier]:
    """Fit multinomial logistic regression: the minimum of the mean cross-entropy plus an L2 penalty.

    The penalty is a weight decay / 2 times the sum of squares of all weights and biases, so that the minimum is
    unique. It is found by L-BFGS in float64 from weights of 0, in the principal axes of the features, each scaled
    by the curvature of the objective along it: the same minimum in a fraction of the iterations.

    Args:
        features: Training features, on the device that computes.
        labels: Class indices.
        num_classes: Number of classes.
        weight_decays: Strengths of the L2 penalty, above 0; one classifier is fitted with each.
        max_iterations: Largest number of iterations.
        tolerance: Largest absolute value of an entry of the gradient, in the scaled axes, at the minimum.
    """
    classifier = LinearClassifier(features, num_classes)
    normalized = classifier.norm(features).double()
    variances, axes = principal_axes(normalized)
    # The bias is the weight of a feature that is always 1; it is not mixed with the others, whose means are 0.
    variances = torch.cat([variances, variances.new_ones(1)])
    components = torch.cat([normalized @ axes, normalized.new_ones(len(normalized), 1)], dim=1)
    classifiers = []
    for weight_decay in weight_decays:
        curvature = variances * (num_classes - 1) / num_classes**2 + weight_decay
        weights = _minimize(components, labels, num_classes, weight_decay, curvature, max_iterations, tolerance)
        fitted = copy.deepcopy(classifier)
        fitted.linear.weight.copy_(weights[:, :-1] @ axes.T)
        fitted.linear.bias.copy_(weights[:, -1])
        classifiers.append(fitted)
    return classifiers


def fit_discriminant(
    features: Float[Tensor, "clip feature"],
    labels: Int64[Tensor, " clip"],
    num_classes: int,
    shrinkages: Sequence[float],
) -> list[LinearClassifier]:
    """Fit linear discriminant analysis with equal priors, in closed form, on the CPU in float64.

    Args:
        features: Training features.
        labels: Class indices.
        num_classes: Number of classes.
        shrinkages: Shares of a multiple of the identity in the covariance within classes, above 0 and below 1; one
            classifier is fitted with each.
    """
    classifier = LinearClassifier(features, num_classes)
    components = Components.of(classifier.norm(features).double().cpu().numpy())
    classifiers = []
    for weight, bias in linear_discriminants(components, labels.cpu().numpy(), num_classes, shrinkages):
        fitted = copy.deepcopy(classifier)
        fitted.linear.weight.copy_(torch.from_numpy(weight.T))
        fitted.linear.bias.copy_(torch.from_numpy(bias))
        classifiers.append(fitted)
    return classifiers


def principal_axes(
    features: Float[Tensor, "clip feature"],
) -> tuple[Float[Tensor, " axis"], Float[Tensor, "feature axis"]]:
    """Return the variances of features of mean 0 along their principal axes, and the axes, orthonormal.

    Axes without variance are left out.
    """
    num_clips, num_features = features.shape
    if num_features <= num_clips:
        variances, axes = torch.linalg.eigh(features.T @ features / num_clips)
        is_used = variances > EIGENVALUE_EPS * variances[-1]
        return variances[is_used], axes[:, is_used]
    variances, components = torch.linalg.eigh(features @ features.T / num_clips)
    is_used = variances > EIGENVALUE_EPS * variances[-1]
    variances, components = variances[is_used], components[:, is_used]
    return variances, features.T @ components / (num_clips * variances).sqrt()


def _minimize(
    components: Float[Tensor, "clip axis"],
    labels: Int64[Tensor, " clip"],
    num_classes: int,
    weight_decay: float,
    curvature: Float[Tensor, " axis"],
    max_iterations: int,
    tolerance: float,
) -> Float[Tensor, "class axis"]:
    """Return the weights with the least mean cross-entropy plus penalty; see `fit_lbfgs`."""
    scale = curvature.rsqrt()
    scaled = components * scale
    weights = scaled.new_zeros(num_classes, scaled.shape[1]).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weights],
        max_iter=max_iterations,
        max_eval=2 * max_iterations,
        tolerance_grad=tolerance,
        tolerance_change=0.0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        error = nn.functional.cross_entropy(nn.functional.linear(scaled, weights), labels)
        loss = error + weight_decay / 2 * (weights * scale).square().sum()
        torch.autograd.backward(loss)
        return loss

    optimizer.step(objective)  # type: ignore[no-untyped-call]
    return weights.detach() * scale
