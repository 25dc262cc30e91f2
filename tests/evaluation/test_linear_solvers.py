from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skeletonmae.evaluation.linear_solvers import (
    LinearClassifier,
    fit_discriminant,
    fit_lbfgs,
    fit_sgd,
    principal_axes,
)


def clips(num: int = 120, num_features: int = 6, num_classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Overlapping classes in features of very different units, two of which are nearly equal."""
    dice = torch.Generator().manual_seed(0)
    labels = torch.randint(num_classes, (num,), generator=dice)
    features = torch.randn(num, num_features, generator=dice) + torch.eye(num_classes, num_features)[labels]
    features[:, -1] = features[:, 0] + 1e-3 * features[:, -1]
    return features * torch.logspace(-2, 2, num_features) + 5, labels


def objective(
    classifier: LinearClassifier, features: torch.Tensor, labels: torch.Tensor, weight_decay: float
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Mean cross-entropy plus penalty, and its gradient, from the weights alone."""
    x = features.double()
    x = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-6).sqrt()
    weights = [each.double().requires_grad_() for each in (classifier.linear.weight, classifier.linear.bias)]
    logits = x @ weights[0].T + weights[1]
    loss = -logits.log_softmax(1)[torch.arange(len(x)), labels].mean()
    loss = loss + weight_decay / 2 * sum(each.square().sum() for each in weights)
    return loss, list(torch.autograd.grad(loss, weights))


@pytest.mark.parametrize(("num", "num_features"), [(120, 6), (20, 50)], ids=["tall", "wide"])
def test_lbfgs_finds_the_minimum(num: int, num_features: int) -> None:
    features, labels = clips(num, num_features)
    weight_decays = (1.0, 0.01, 1e-4)
    classifiers = fit_lbfgs(features, labels, 4, weight_decays, tolerance=1e-7)
    for weight_decay, classifier in zip(weight_decays, classifiers, strict=True):
        _, gradient = objective(classifier, features, labels, weight_decay)
        assert max(float(each.abs().max()) for each in gradient) < 1e-5  # features and weights are in float32


def test_a_minimum_does_not_depend_on_the_other_weight_decays() -> None:
    features, labels = clips()
    both = fit_lbfgs(features, labels, 4, (0.3, 0.01))
    alone = fit_lbfgs(features, labels, 4, (0.01,))[0]
    assert torch.equal(both[1].linear.weight, alone.linear.weight)
    assert not torch.equal(both[0].linear.weight, alone.linear.weight)


def test_a_class_without_clips_is_never_predicted() -> None:
    features, labels = clips()
    logits = fit_lbfgs(features, labels, 5, (0.01,))[0](features)
    assert logits.isfinite().all()
    assert (logits[:, 4] < logits[:, :4].max(1).values).all()


@pytest.mark.parametrize("num_features", [6, 150], ids=["tall", "wide"])
def test_discriminants_are_those_of_scikit_learn(num_features: int) -> None:
    """Which divides the covariance by the number of clips, and spreads its trace over all features."""
    num, labels = 120, torch.arange(120) % 4
    features, _ = clips(num, num_features)
    features[:, :4] += 3 * torch.eye(4)[labels]
    normalized = ((features - features.mean(0)) / (features.var(0, correction=0) + 1e-6).sqrt()).double()
    by_scikit = num / (num - 4)  # what our covariance is larger by
    rank_share = min(num - 1, num_features) / num_features
    for shrinkage, classifier in zip((0.1, 0.6), fit_discriminant(features, labels, 4, (0.1, 0.6)), strict=True):
        # (1 - a) S + a t I, with another t for the same trace, is a multiple of (1 - b) S + b t I.
        ratio = shrinkage / (1 - shrinkage) / rank_share
        other = ratio / (1 + ratio)
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=other, priors=np.full(4, 0.25))
        expected = model.fit(normalized.numpy(), labels.numpy()).decision_function(normalized.numpy())
        scale = (1 - other) / (1 - shrinkage) / by_scikit
        found = classifier(features).double().numpy()
        expected = (expected - expected.mean(1, keepdims=True)) * scale
        np.testing.assert_allclose(found - found.mean(1, keepdims=True), expected, rtol=1e-3, atol=1e-3)


def test_discriminants_of_classes_without_clips_and_of_single_clips() -> None:
    features = torch.tensor([[0.0, 0.0, 5.0], [4.0, 0.0, 5.0], [0.0, 4.0, 5.0]])
    (classifier,) = fit_discriminant(features, torch.tensor([0, 1, 3]), 5, (0.3,))
    logits = classifier(features + 0.1)
    assert logits.isfinite().all()
    assert logits.argmax(1).tolist() == [0, 1, 3]  # the nearest mean, where nothing varies within a class
    assert (logits[:, [2, 4]].max() < logits[:, [0, 1, 3]].min() - 900).all()


def test_sgd_comes_near_the_same_minimum() -> None:
    features, labels = clips()
    exact = fit_lbfgs(features, labels, 4, (0.01,))[0]
    approximate = fit_sgd(features, labels, 4, weight_decay=0.01, batch_size=40, epochs=200)
    least, _ = objective(exact, features, labels, 0.01)
    found, _ = objective(approximate, features, labels, 0.01)
    assert least < found < least + 1e-3


def test_sgd_is_the_update_written_out() -> None:
    """Momentum 0.9, and a rate that falls to 0 in the last step."""
    features, labels = clips(200)
    linear = fit_sgd(features, labels, 4, epochs=3, lr=0.5, batch_size=80, weight_decay=0.01, seed=2).linear

    generator = torch.Generator().manual_seed(2)
    weight = torch.empty(4, features.shape[1]).normal_(std=0.01, generator=generator).requires_grad_()
    bias = torch.zeros(4, requires_grad=True)
    normalized = (features - features.mean(0)) / (features.var(0, correction=0) + 1e-6).sqrt()
    velocity, step = [torch.zeros_like(weight), torch.zeros_like(bias)], 0
    for _ in range(3):
        for index in torch.randperm(200, generator=generator).tensor_split(3):
            loss = torch.nn.functional.cross_entropy(normalized[index] @ weight.T + bias, labels[index])
            rate = 0.5 * (1 + np.cos(np.pi * step / 9)) / 2
            for place, (param, slope) in enumerate(
                zip((weight, bias), torch.autograd.grad(loss, (weight, bias)), strict=True)
            ):
                velocity[place] = 0.9 * velocity[place] + slope + 0.01 * param.detach()
                param.data -= rate * velocity[place]
            step += 1
    torch.testing.assert_close(linear.weight, weight.detach(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(linear.bias, bias.detach(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("num", "num_features"), [(30, 5), (5, 30)], ids=["tall", "wide"])
def test_principal_axes(num: int, num_features: int) -> None:
    features = torch.randn(num, num_features, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    features = features - features.mean(0)
    features[:, 1] = features[:, 0]
    variances, axes = principal_axes(features)
    assert len(variances) == 4  # of 5 features, two are equal; 5 centered clips have 4 dimensions
    torch.testing.assert_close(axes.T @ axes, torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close((features @ axes).var(0, correction=0), variances)
    torch.testing.assert_close(features @ axes @ axes.T, features)
