from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from skeletonmae.models.gnn import GNN, SkeletonGraph
from skeletonmae.models.node_layers import NodeBatchNorm
from skeletonmae.models.strl import STRL, MultiScaleTemporalConv, STRLLayer
from skeletonmae.skeletons import COCO17, Skeleton

PAIR = Skeleton("pair", joints=("a", "b"), parents={"b": "a"})


def trained(module: nn.Module) -> nn.Module:
    """Batch norms with statistics of their own, as if it had been trained."""
    for norm in module.modules():
        if isinstance(norm, NodeBatchNorm):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
    return module.eval()


def normed(norm: nn.Module, x: np.ndarray) -> np.ndarray:
    mean, var, weight, bias = (
        getattr(norm, name).detach().double().numpy() for name in ("running_mean", "running_var", "weight", "bias")
    )
    out: np.ndarray = (x - mean) / np.sqrt(var + norm.eps) * weight + bias
    return out


def plain_time(module: MultiScaleTemporalConv, x: np.ndarray, is_observed: np.ndarray) -> np.ndarray:
    """One joint of one person, `(frame, width)`, a frame at a time."""
    linear, norm = module.in_proj
    entered = normed(norm, x @ linear.weight.detach().double().numpy().T)
    moving, still = (
        np.split(np.maximum(entered, 0), [3 * module.branch_width], 1)[0],
        entered[:, 3 * module.branch_width :],
    )
    moving = moving * is_observed[:, None]
    out = []
    for frame in range(len(x)):
        parts = []
        for number, (conv, step) in enumerate(((module.conv_d1, 1), (module.conv_d2, 2))):
            weight, total = conv.weight.detach().double().numpy(), conv.bias.detach().double().numpy().copy()
            for tap in range(5):
                at = frame + (tap - 2) * step
                if 0 <= at < len(x):
                    total += (
                        weight[:, :, tap]
                        @ moving[at, number * module.branch_width : (number + 1) * module.branch_width]
                    )
            parts.append(total)
        parts.append(moving[max(0, frame - 1) : frame + 2, 2 * module.branch_width :].max(0))
        out.append(np.concatenate([normed(module.out_norm, np.concatenate(parts)), still[frame]]))
    return np.stack(out)


def test_the_temporal_convolution_equals_a_plain_loop_over_frames() -> None:
    torch.manual_seed(0)
    module = trained(MultiScaleTemporalConv(8))
    assert isinstance(module, MultiScaleTemporalConv)
    tracks, frames = 3, 9
    observed = torch.rand(2, tracks * frames) > 0.2
    x = torch.randn(2, tracks * frames, 8)
    graph = SkeletonGraph.from_observed(PAIR, observed)
    with torch.no_grad():
        found = graph.to_dense(module(graph.to_nodes(x), graph, frames))
    for joint in range(2):
        for track in range(tracks):
            part = slice(track * frames, (track + 1) * frames)
            is_observed = observed[joint, part].numpy()
            expected = plain_time(module, x[joint, part].double().numpy(), is_observed)
            np.testing.assert_allclose(found[joint, part][is_observed], expected[is_observed], atol=1e-5)


def test_a_layer_is_the_published_formula() -> None:
    """ReLU of a linear map of [sum over joints of the encoder's features, the joint], with a residual; then time."""
    torch.manual_seed(0)
    made = trained(STRLLayer(GNN("gin", 8, 2), 8))
    assert isinstance(made, STRLLayer)
    frames, joints = 5, 17
    x, graph = (
        torch.randn(joints, 2 * frames, 8),
        SkeletonGraph.from_observed(COCO17, torch.ones(joints, 2 * frames, dtype=torch.bool)),
    )
    with torch.no_grad():
        encoded = made.encoder(x.flatten(0, 1), graph).view_as(x)
        pooled = encoded.sum(0, keepdim=True).expand_as(x)
        both = torch.cat([made.pooled_proj.weight, made.node_proj.weight], 1)
        mixed = torch.cat([pooled, x], 2).flatten(0, 1) @ both.T
        h = torch.relu(made.norm(mixed) + made.residual(x.flatten(0, 1)))
        expected = torch.relu(made.temporal(h, graph, frames) + h)
        torch.testing.assert_close(made(x.flatten(0, 1), graph, frames), expected, atol=1e-4, rtol=1e-4)


def test_unobserved_joints_have_no_influence() -> None:
    torch.manual_seed(0)
    model = STRL(nn.Linear(2, 8), GNN("gin", 8, 2), width=8, frames=6, depth=2)
    observed = torch.rand(17, 12) > 0.3
    graph, x = SkeletonGraph.from_observed(COCO17, observed), torch.randn(17, 12, 2)
    poisoned = x.masked_fill(~observed[..., None], torch.nan)
    first = model(graph.to_nodes(poisoned), graph)
    assert first.isfinite().all()
    assert torch.equal(model(graph.to_nodes(x), graph), first)


def test_every_layer_starts_from_its_own_copy() -> None:
    encoder, embed = GNN("gin", 8, 2), nn.Linear(2, 8)
    model = STRL(embed, encoder, width=8, frames=6, depth=3)
    own = [dict(layer.encoder.named_parameters()) for layer in model.layers]  # type: ignore[union-attr, operator]
    for name, weight in encoder.named_parameters():
        copies = [weights[name] for weights in own]
        assert all(torch.equal(copy, weight) for copy in copies)
        assert len({id(one) for one in (weight, *copies)}) == 4
    assert torch.equal(model.embed.weight, embed.weight)
    assert model.embed.weight is not embed.weight
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_width_not_divisible_by_four_branches_is_refused() -> None:
    with pytest.raises(ValueError, match="a width of 10 is not divisible by four branches"):
        MultiScaleTemporalConv(10)


def test_how_many_parameters_a_layer_has() -> None:
    width, quarter = 64, 16
    encoder = 3 * (2 * width * width + 2 * width + 1 + 2 * width + 1)
    mixing = width * width + width * width + 2 * width + width * width + width
    time = width * width + 2 * width + 2 * (quarter * quarter * 5 + quarter) + 2 * 3 * quarter
    layer = STRLLayer(GNN("gin", width, 3), width)
    assert sum(p.numel() for p in layer.parameters()) == encoder + mixing + time
