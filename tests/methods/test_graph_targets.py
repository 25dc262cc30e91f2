from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.methods.frame_graph import FrameGraph
from skeletonmae.methods.graph_baselines import PoseMoments, constant_baseline
from skeletonmae.methods.graph_targets import TargetSpace
from skeletonmae.skeletons import COCO17


@pytest.mark.parametrize("kind", ["embedding", "centered", "coordinates"])
def test_baselines_are_fitted_on_every_second_clip_and_see_what_the_model_sees(make_batch: Any, kind: Any) -> None:
    batch = make_batch((1, 0, 2, 1, 1, 2), frames=8, skeleton=COCO17, axes=2)
    bridged = torch.rand(batch.observed.shape, generator=torch.Generator().manual_seed(1)) < 0.2
    batch = replace(batch, bridged=bridged & batch.observed)
    frames, tracks = FrameGraph(batch.tracks), batch.tracks
    hidden = torch.zeros_like(frames.observed)
    hidden[[COCO17.index[joint] for joint in ("left_wrist", "right_knee", "right_ankle")]] = True
    hidden &= frames.observed
    query = hidden & frames.measured
    torch.manual_seed(0)
    space = TargetSpace(kind, torch.nn.Linear(2, 8), 2.0, torch.tensor([0.1, -0.2]), torch.tensor([0.5, 2.0]))
    nodes = frames.graph.to_nodes(query)
    target = space.target(frames.positions(2)[nodes])
    joint = query.nonzero()[:, 0]
    found = space.baselines(frames, hidden, query, target, joint)

    positions, clip = tracks.positions.flatten(0, 1), tracks.clip_index.repeat_interleave(8)
    is_fit = clip % 2 == 0
    moments = PoseMoments.of(COCO17, positions[is_fit], frames.measured.T[is_fit])
    pose, queried = (query.T & ~is_fit[:, None]).nonzero(as_tuple=True)
    assert set(clip[pose].tolist()) == {3, 5}
    visible = (frames.observed & ~hidden).T[pose]
    expected = {
        f"{name}_baseline": space.error(space.target(value), space.target(positions[pose, queried])).mean()
        for name, value in moments.predict(positions[pose], visible, queried).items()
    }
    if kind != "coordinates":
        expected["constant_baseline"] = constant_baseline(target, joint, 17, 2.0)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_the_error_of_coordinates_is_relative_to_the_spread_of_each_axis() -> None:
    space = TargetSpace(
        "coordinates", torch.nn.Linear(2, 8), 2.0, torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0])
    )
    target = space.target(torch.tensor([[3.0, 10.0]]))
    assert target.tolist() == [[1.0, 2.0]]
    assert space.error(torch.tensor([[2.0, 5.0]]), target).tolist() == [5.0]  # the mean of 1 and 9
