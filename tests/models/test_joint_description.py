from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from skeletonmae.models.joint_description import (
    DescribedPositionEmbedding,
    DurationEmbedding,
    TrackJoints,
    layout_tensors,
    place_features,
)
from skeletonmae.skeletons import COCO17, H36M17, KINECT20, LAYOUTS, PENN13, SBU15, SMPL24, Skeleton
from skeletonmae.skeletons.description import with_root_motion

CPU = torch.device("cpu")
DEPTH, DEPTH_LOG, TO_TIP, ALONG, ALONG_LOG, LENGTH_LOG, NUM_LOG = range(7)
"""Features of the place of a joint."""


def places(skeleton: Skeleton, lost: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Joint -> features of its place, if some joints were not observed."""
    observed = torch.tensor([[joint not in lost for joint in skeleton.joints]])
    return dict(zip(skeleton.joints, place_features(layout_tensors(skeleton, CPU), observed)[0], strict=True))


def without(skeleton: Skeleton, lost: tuple[str, ...]) -> Skeleton:
    """The layout of the other joints, whose parents are the nearest of these."""

    def parent(joint: str) -> str:
        up = skeleton.parents[joint]
        return parent(up) if up in lost else up

    joints = tuple(joint for joint in skeleton.joints if joint not in lost)
    return Skeleton(
        "less", joints, {j: parent(j) for j in joints if j in skeleton.parents}, center=skeleton.center
    )


def embedding(joints: tuple[str, ...] = KINECT20.joints, time_steps: int = 3) -> DescribedPositionEmbedding:
    """An embedding whose names have been trained."""
    torch.manual_seed(0)
    model = DescribedPositionEmbedding(joints, time_steps, 8)
    torch.nn.init.normal_(model.joint)
    return model


def test_the_place_of_a_joint_says_how_far_along_its_limb_it_is() -> None:
    found = places(KINECT20)
    along = [found[f"left_{joint}"][ALONG].item() for joint in ("elbow", "wrist", "hand")]
    assert along == [-1.0, 0.0, 1.0]
    to_tip = [found[f"left_{joint}"][TO_TIP].item() for joint in ("elbow", "wrist", "hand")]
    assert to_tip == pytest.approx([math.log2(3) / 2, 0.5, 0.0])
    assert found["spine"][DEPTH] == -1
    assert found["head"][ALONG] == 0  # a limb of one joint has no beginning and no end
    assert found["left_hand"][DEPTH] == 1
    assert found["left_hand"][DEPTH_LOG] == pytest.approx(math.log2(6) / 2)


def test_the_place_along_a_limb_is_also_given_for_its_kind_of_part_alone() -> None:
    """Order of the kinds: head, torso, arm, leg, other."""
    assert places(KINECT20)["left_hand"][7:12].tolist() == [0, 0, 1, 0, 0]
    assert places(KINECT20)["right_knee"][7:12].tolist() == [0, 0, 0, -1, 0]


def test_the_place_says_what_is_beyond_a_joint() -> None:
    """Order of the kinds: head, torso, arm, leg, other."""
    found = {joint: (2 ** (3 * place[12:]) - 1).tolist() for joint, place in places(KINECT20).items()}
    assert found["left_shoulder"] == pytest.approx([0, 0, 3, 0, 0])
    assert found["left_hip"] == pytest.approx([0, 0, 0, 3, 0])
    assert found["shoulder_center"] == pytest.approx([1, 2, 6, 0, 0])
    assert found["head"] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("skeleton", [KINECT20, SBU15, PENN13, H36M17, SMPL24], ids=lambda skeleton: skeleton.name)
def test_joints_of_a_body_differ_in_more_than_their_names(skeleton: Skeleton) -> None:
    layout, observed = layout_tensors(skeleton, CPU), torch.ones(1, skeleton.num_joints, dtype=torch.bool)
    described = torch.cat([layout.side[:, None], layout.part[:, None], place_features(layout, observed)[0]], 1)
    assert len(described.unique(dim=0)) == skeleton.num_joints


def test_both_sides_have_the_same_places() -> None:
    for skeleton in LAYOUTS.values():
        found = places(skeleton)
        for joint in skeleton.joints:
            torch.testing.assert_close(found[joint], found[skeleton.mirror[joint]])


@pytest.mark.parametrize(
    ("skeleton", "lost"),
    [
        (KINECT20, ("left_hand", "right_hand", "left_foot", "right_foot")),
        (KINECT20, ("left_elbow", "shoulder_center", "head")),
        (COCO17, ("left_eye", "right_eye", "left_ear", "right_ear", "left_wrist")),
    ],
)
def test_a_joint_that_is_not_observed_is_a_joint_that_the_layout_does_not_have(
    skeleton: Skeleton, lost: tuple[str, ...]
) -> None:
    found, expected = places(skeleton, lost), places(without(skeleton, lost))
    for joint, place in expected.items():
        torch.testing.assert_close(found[joint], place)
    assert all(not found[joint].any() for joint in lost)


def test_a_track_does_not_depend_on_the_joints_of_another() -> None:
    observed = torch.rand(5, 20, generator=torch.Generator().manual_seed(0)) < 0.7
    together = place_features(layout_tensors(KINECT20, CPU), observed)
    alone = torch.cat([place_features(layout_tensors(KINECT20, CPU), row[None]) for row in observed])
    assert torch.equal(together, alone)


def test_the_path_of_the_body_has_no_place_and_changes_none() -> None:
    found, expected = places(with_root_motion(KINECT20)), places(KINECT20)
    assert not found.pop("root motion").any()
    for joint, place in expected.items():
        assert torch.equal(found[joint], place)


def test_an_embedding_is_the_sum_of_its_parts() -> None:
    model = embedding()
    positions = model.positions(TrackJoints(KINECT20, torch.ones(2, 20, dtype=torch.bool)))
    index = torch.tensor([[0, 27], [20, 59]])
    layout, place = layout_tensors(KINECT20, CPU), torch.stack(list(places(KINECT20).values()))
    expected = [
        model.time[token // 20]
        + model.joint[token % 20]
        + model.side[layout.side[token % 20]]
        + model.part[layout.part[token % 20]]
        + model.place(place[token % 20])
        for token in index.flatten().tolist()
    ]
    torch.testing.assert_close(positions.at(index), torch.stack(expected).view(2, 2, 8))
    torch.testing.assert_close(positions.all(), positions.at(torch.arange(60).expand(2, 60)))


def test_a_nameless_track_has_the_embeddings_of_unknown_names() -> None:
    model, observed = embedding(), torch.ones(2, 20, dtype=torch.bool)
    is_nameless = torch.tensor([False, True])
    named = model.positions(TrackJoints(KINECT20, observed)).all()
    mixed = model.positions(TrackJoints(KINECT20, observed, is_nameless)).all()
    torch.testing.assert_close(mixed[0], named[0])
    model.joint_to_row = {}
    unknown = model.positions(TrackJoints(KINECT20, observed)).all()
    torch.testing.assert_close(mixed[1], unknown[1])
    assert (unknown[1] - named[1]).abs().max() > 0.1


def test_a_name_that_was_never_trained_is_unknown() -> None:
    observed = torch.ones(1, 20, dtype=torch.bool)
    torch.manual_seed(0)
    fresh = DescribedPositionEmbedding(KINECT20.joints, 3, 8)
    known = fresh.positions(TrackJoints(KINECT20, observed)).all()
    fresh.joint_to_row = {}
    assert torch.equal(fresh.positions(TrackJoints(KINECT20, observed)).all(), known)


def test_renaming_an_unknown_joint_changes_nothing_but_moving_it_does() -> None:
    model, observed = embedding(), torch.ones(1, 21, dtype=torch.bool)

    def embedded(name: str, parent: str) -> Tensor:
        joints, parents = (*KINECT20.joints, name), {**KINECT20.parents, name: parent}
        skeleton = Skeleton("tailed", joints, parents, parts={**KINECT20.parts, "more": (name,)})
        return model.positions(TrackJoints(skeleton, observed)).all()[0, 20]

    assert torch.equal(embedded("tail", "pelvis"), embedded("x", "pelvis"))
    assert (embedded("tail", "pelvis") - embedded("tail", "head")).abs().max() > 0.01
    assert (embedded("tail", "pelvis") - embedded("left_tail", "pelvis")).abs().max() > 0.01


def test_every_weight_gets_a_gradient() -> None:
    model, duration = embedding(), DurationEmbedding(8)
    joints = TrackJoints(KINECT20, torch.ones(2, 20, dtype=torch.bool), torch.tensor([False, True]))
    loss = model.positions(joints).all().square().sum() + duration(torch.tensor([1.0, math.nan])).square().sum()
    loss.backward()
    assert all(weight.grad is not None for weight in [*model.parameters(), *duration.parameters()])
    assert all(weight.grad.isfinite().all() for weight in duration.parameters() if weight.grad is not None)


def test_a_duration_that_is_not_known_has_an_embedding_of_its_own() -> None:
    torch.manual_seed(0)
    model = DurationEmbedding(8)
    torch.nn.init.normal_(model.unknown)
    found = model(torch.tensor([math.nan, 0.0, -1.0, math.inf, 2.0]))
    assert torch.equal(found[:4], model.unknown.expand(4, 8))
    assert not torch.equal(found[4], model.unknown)


def test_durations_are_told_apart_by_their_ratio() -> None:
    torch.manual_seed(0)
    model = DurationEmbedding(64)
    seconds = torch.tensor([1.0, 1.02, 2.0, 8.0])
    found = model(seconds)
    near, far = (found[0] - found[1]).norm(), (found[0] - found[2]).norm()
    assert near < 0.1 * far
    assert (found[0] - found[3]).norm() > far / 2


def test_a_layout_is_described_once() -> None:
    assert layout_tensors(KINECT20, CPU) is layout_tensors(replace(KINECT20), CPU)
