from __future__ import annotations

import pytest
import torch
from torch import nn

from skeletonmae.errors import InputError
from skeletonmae.models.ctr_gcn import CTRGCN
from skeletonmae.models.skeleton_conv import (
    JointBatchNorm,
    TemporalBranches,
    arrange_joints,
    block_shapes,
    bone_graphs,
)
from skeletonmae.models.stgcn_plus import STGCNPlus
from skeletonmae.skeletons import COCO17, KINECT20

TREE = (("a", "root"), ("b", "root"), ("c", "a"))


def test_the_graphs_of_a_small_tree() -> None:
    own, children, parent = bone_graphs(("root", "a", "b", "c"), TREE)
    assert torch.equal(own, torch.eye(4))
    assert children.tolist() == [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert parent.tolist() == [[0, 0, 0, 0], [0.5, 0, 0, 0], [0.5, 0, 0, 0], [0, 1, 0, 0]]


def test_bones_are_found_by_name_and_those_of_other_joints_are_ignored() -> None:
    graphs, permuted = bone_graphs(("root", "a", "c"), TREE), bone_graphs(("c", "root", "a"), TREE)
    order = torch.tensor([2, 0, 1])
    assert torch.equal(graphs[:, order][:, :, order], permuted)
    assert graphs[2, 1, 0] == 1.0  # b, the other child of the root, is not a joint of the model
    assert torch.equal(bone_graphs(("x", "y"), TREE)[1:], torch.zeros(2, 2, 2))


def test_blocks_double_their_width_twice() -> None:
    strides = [stride for _, _, stride in block_shapes(8)]
    assert strides == [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]
    assert [width for _, width, _ in block_shapes(8)] == [8] * 4 + [16] * 3 + [32] * 3
    assert [width for width, _, _ in block_shapes(8)] == [8] * 5 + [16] * 3 + [32] * 2


def values_of(tracks: int = 6, frames: int = 5, joints: int = 4) -> torch.Tensor:
    values = torch.randn(tracks, frames, joints, 3, generator=torch.Generator().manual_seed(0))
    return values * torch.arange(1.0, 13.0).view(4, 3) + 7.0


def test_with_every_joint_observed_it_is_batch_norm_over_persons_joints_and_axes() -> None:
    values = values_of().requires_grad_()
    observed, person = torch.ones(6, 5, 4, dtype=torch.bool), torch.tensor([0, 1, 0, 1, 0, 1])
    norm, reference = JointBatchNorm(4, 3, persons=2), nn.BatchNorm1d(24)
    for module in (norm, reference):
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.randn(24, generator=generator).view(parameter.shape))
    copy = values.detach().clone().requires_grad_()
    clips = copy.view(3, 2, 5, 4, 3).permute(0, 1, 3, 4, 2).reshape(3, 24, 5)  # clip, person x joint x axis, frame
    for _ in range(2):
        result = norm(values, observed, person)
        expected = reference(clips).view(3, 2, 4, 3, 5).permute(0, 1, 4, 2, 3).reshape(6, 5, 4, 3)
        torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)
    result.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(values.grad, copy.grad, atol=1e-3, rtol=1e-3)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(norm, name).flatten(), getattr(reference, name))
    norm.eval(), reference.eval()
    expected = reference(clips).view(3, 2, 4, 3, 5).permute(0, 1, 4, 2, 3).reshape(6, 5, 4, 3)
    torch.testing.assert_close(norm(values, observed, person), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("persons", [1, 2])
def test_an_unobserved_joint_is_at_the_mean_and_in_no_statistics(persons: int) -> None:
    values, norm = values_of(), JointBatchNorm(4, 3, persons)
    person = torch.arange(6) % persons
    observed = torch.ones(6, 5, 4, dtype=torch.bool)
    observed[0, :, 1] = observed[3, 2] = False
    with torch.no_grad():
        norm.bias.fill_(0.5)
    other = values.masked_fill(~observed[..., None], 1e6)
    result = norm(values, observed, person)
    assert torch.equal(result, norm(other, observed, person))
    assert (result[~observed] == 0.5).all()
    seen = values[::persons, :, 0][observed[::persons, :, 0]]
    torch.testing.assert_close(result[0, :, 0], (values[0, :, 0] - seen.mean(0)) / seen.std(0, correction=0) + 0.5)


def test_what_was_seen_at_most_once_keeps_its_running_statistics() -> None:
    norm, observed = JointBatchNorm(4, 3, persons=2), torch.zeros(6, 5, 4, dtype=torch.bool)
    observed[0, 0, 0] = True
    result = norm(values_of(), observed, torch.zeros(6, dtype=torch.int64))
    assert result.isfinite().all()
    assert not norm.running_mean.any()
    assert (norm.running_var == 1).all()


def test_branches_see_frames_at_their_distances() -> None:
    torch.manual_seed(0)
    branches = TemporalBranches(4, [5, 3], 3, stride=1).eval()
    x = torch.zeros(1, 4, 15, 1)
    x[:, :, 7] = 1.0
    changed = (branches(x) - branches(torch.zeros_like(x))).abs().amax((0, 3)) > 1e-6
    parts = changed.split([5, 3, 3, 3])
    seen = [part.any(0).nonzero().flatten().tolist() for part in parts]
    assert seen == [[6, 7, 8], [5, 7, 9], [6, 7, 8], [7]]
    assert TemporalBranches(4, [5, 3], 3, stride=2)(x).shape == (1, 14, 8, 1)


def test_joints_are_arranged_by_name() -> None:
    joints = (*KINECT20.joints[::-1], "tail")
    positions = torch.randn(2, 3, 20, 3)
    arranged, observed = arrange_joints(positions, torch.ones(2, 3, 20, dtype=torch.bool), KINECT20, joints)
    assert torch.equal(arranged[:, :, :20], positions.flip(2))
    assert observed[:, :, :20].all()
    assert not observed[:, :, 20].any()
    assert not arranged[:, :, 20].any()


def test_a_layout_without_known_joints_is_refused() -> None:
    observed = torch.ones(1, 1, 17, dtype=torch.bool)
    with pytest.raises(InputError, match="the model knows no joint of layout coco17"):
        arrange_joints(torch.zeros(1, 1, 17, 2), observed, COCO17, ("tail",))


def test_maps_that_are_computed_at_once_start_like_separate_ones() -> None:
    """He et al., ICCV 2015, by the outputs: the variance is 2 / (outputs of one map * its kernel)."""
    torch.manual_seed(0)
    graphs = torch.rand(3, 20, 20)
    for network in (CTRGCN(graphs, 3, 2), STGCNPlus(graphs, 3)):
        for block in network.blocks[8:]:
            spatial, temporal = block.spatial, block.temporal
            width = spatial.value.out_channels // 3
            expected = [(spatial.value.weight, [width] * 3)]
            if isinstance(network, CTRGCN):
                relation = spatial.query_key.out_channels // 6
                expected += [(spatial.query_key.weight, [relation] * 6), (spatial.refine.weight, [width] * 3)]
            branches = temporal if isinstance(temporal, TemporalBranches) else temporal[0]
            expected += [(branches.reduce[0].weight, branches.channels)]
            expected += [(conv.weight, [conv.out_channels]) for conv in branches.convs]
            for weight, parts in expected:
                assert sum(parts) == len(weight)
                for part in weight.detach().split(parts):
                    fan_out = part.shape[0] * part[0, 0].numel()
                    assert float(part.std()) == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
