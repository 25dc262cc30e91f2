from __future__ import annotations

import pytest
import torch

from skeletonmae.batches import Tracks
from skeletonmae.errors import InputError
from skeletonmae.methods.frame_graph import FrameGraph
from skeletonmae.skeletons import Skeleton

PAIR = Skeleton("pair", ("a", "b"), {"b": "a"})


def frame_graph() -> FrameGraph:
    """Two persons of one clip in two frames; the second person lacks joint b in the first frame."""
    positions = torch.arange(8.0).view(2, 2, 2, 1)
    observed = torch.ones(2, 2, 2, dtype=torch.bool)
    observed[1, 0, 1] = False
    index = torch.tensor([0, 0])
    return FrameGraph(Tracks(positions * observed[..., None], observed, index, torch.arange(2), 1, PAIR))


def test_nodes_are_the_observed_joints_in_joint_and_pose_order() -> None:
    frames = frame_graph()
    assert frames.graph.num_poses == 4
    assert frames.positions(1).flatten().tolist() == [0, 2, 4, 6, 1, 3, 7]
    with pytest.raises(InputError, match="expected 3 axes; got 1 axes"):
        frames.positions(3)


def test_a_flag_of_a_joint_holds_for_all_frames_of_its_track() -> None:
    flags = torch.tensor([[True, False], [False, True]])
    assert frame_graph().expand_over_frames(flags).int().tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]


def test_means_by_hand() -> None:
    frames = frame_graph()
    nodes = frames.positions(1)
    total, count = frames.sum_over_time(nodes)
    assert (total[..., 0] / count).tolist() == [[[1, 2]], [[5, 7]]]
    total, count = frames.sum_over_time(nodes, time_parts=2)
    assert total[..., 0].tolist() == [[[0, 1], [2, 3]], [[4, 0], [6, 7]]]
    assert count.tolist() == [[[1, 1], [1, 1]], [[1, 0], [1, 1]]]
    persons = [(0 + 1 + 2 + 3) / 4, (4 + 6 + 7) / 3]
    assert frames.mean_features(nodes).item() == pytest.approx(sum(persons) / 2)
