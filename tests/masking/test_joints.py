from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from skeletonmae.batches import SampleRng, sample_keys
from skeletonmae.errors import InputError
from skeletonmae.masking import JOINT_MASKINGS, FixedParts, RandomJoints, RandomParts
from skeletonmae.skeletons import COCO17, HAND21, LAYOUTS, NTU25, PENN13, Skeleton

entries = pytest.mark.parametrize("kind", JOINT_MASKINGS)
layouts = pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=lambda skeleton: skeleton.name)
WHOLE = Skeleton("whole", joints=("a", "b"), parents={"b": "a"}, parts={"all": ("a", "b")})
BODIES = [skeleton for skeleton in LAYOUTS.values() if skeleton is not HAND21]


def streams(num: int, epoch: int = 0) -> SampleRng:
    return SampleRng(sample_keys(0, epoch, torch.arange(num)), "mask")


def everything(num: int, skeleton: Skeleton) -> torch.Tensor:
    return torch.ones(num, skeleton.num_joints, dtype=torch.bool)


def settings(kind: str, skeleton: Skeleton) -> dict[str, Any]:
    return {"parts": tuple(skeleton.parts)[-2:]} if kind == "parts" else {}


def draw(kind: str, skeleton: Skeleton, available: torch.Tensor, **how: Any) -> torch.Tensor:
    strategy: Any = JOINT_MASKINGS[kind].model_validate(settings(kind, skeleton) | how)
    hidden: torch.Tensor = strategy(skeleton, available, streams(len(available)))
    return hidden


def names(skeleton: Skeleton, hidden: torch.Tensor) -> set[str]:
    return {joint for joint, hid in zip(skeleton.joints, hidden.tolist(), strict=True) if hid}


@entries
def test_its_settings_know_their_kind(kind: str) -> None:
    made = JOINT_MASKINGS[kind]()
    assert made.kind == kind  # type: ignore[attr-defined]
    assert JOINT_MASKINGS[kind].model_validate_json(made.model_dump_json()) == made


@entries
@layouts
@pytest.mark.parametrize("lost", [0.0, 0.4, 0.9])
def test_only_observed_joints_are_hidden_and_one_stays_visible(kind: str, skeleton: Skeleton, lost: float) -> None:
    available = torch.rand(60, skeleton.num_joints, generator=torch.Generator().manual_seed(0)) >= lost
    hidden = draw(kind, skeleton, available)
    assert hidden.dtype == torch.bool
    assert not (hidden & ~available).any()
    if kind == "parts":  # the same for all, whatever they show
        assert torch.equal(hidden, draw(kind, skeleton, everything(60, skeleton)) & available)
    else:
        assert torch.equal((available & ~hidden).any(1), available.any(1))
        parts = torch.as_tensor(skeleton.part_index)
        of_part = [available[:, parts == part].any(1) for part in range(len(skeleton.parts))]
        groups = torch.stack(of_part, 1) if kind == "random_parts" else available
        assert torch.equal(hidden.any(1), groups.sum(1) > 1)  # hidden wherever something can be left


@entries
def test_a_mask_depends_on_track_and_epoch_only(kind: str) -> None:
    strategy: Any = JOINT_MASKINGS[kind]()
    available = torch.rand(40, 25, generator=torch.Generator().manual_seed(1)) >= 0.2
    whole, keys = strategy(NTU25, available, streams(40)), sample_keys(0, 0, torch.arange(40))
    for some in (torch.tensor([11, 3]), *torch.arange(5)[:, None]):
        assert torch.equal(strategy(NTU25, available[some], SampleRng(keys[some], "mask")), whole[some])
    assert torch.equal(strategy(NTU25, available, streams(40, epoch=1)), whole) == (kind == "parts")
    assert strategy(NTU25, available[:0], streams(0)).shape == (0, 25)


ARM, LEG = {"elbow", "wrist"}, {"knee", "ankle"}
LIMBS = {  # what an arm and a leg are in each layout, beside elbow and wrist, knee and ankle
    "ntu25": ({"hand", "hand_tip", "thumb"}, {"foot"}),
    "kinect20": ({"hand"}, {"foot"}),
    "azure32": ({"hand", "hand_tip", "thumb"}, {"foot"}),
    "zed34": ({"hand", "hand_tip", "thumb"}, {"foot", "heel"}),
    "zed38": ({"hand_tip", "thumb", "index_mcp", "pinky_mcp"}, {"big_toe", "small_toe", "heel"}),
    "mediapipe33": ({"pinky_mcp", "index_mcp", "thumb_ip"}, {"heel", "toe"}),
    "openpose25": (set[str](), {"big_toe", "small_toe", "heel"}),
    "openpose25b": (set[str](), {"big_toe", "small_toe", "heel"}),
    "halpe26": (set[str](), {"big_toe", "small_toe", "heel"}),
    "smpl24": ({"hand"}, {"foot"}),
}


@pytest.mark.parametrize("skeleton", BODIES, ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("side", ["left", "right"])
def test_an_arm_and_a_leg_of_every_body(skeleton: Skeleton, side: str) -> None:
    hidden = draw("parts", skeleton, everything(2, skeleton), parts=(f"{side}_arm", f"{side}_leg"))
    arm, leg = LIMBS.get(skeleton.name, (set[str](), set[str]()))
    expected = {f"{side}_{joint}" for joint in ARM | LEG | arm | leg}
    if skeleton.name == "sbu15":  # has hands and feet, and no wrists and ankles
        expected = {f"{side}_{joint}" for joint in ("elbow", "hand", "knee", "foot")}
    assert names(skeleton, hidden[0]) == expected
    assert torch.equal(hidden[0], hidden[1])


@pytest.mark.parametrize("skeleton", BODIES, ids=lambda skeleton: skeleton.name)
def test_every_body_has_the_six_parts(skeleton: Skeleton) -> None:
    assert set(skeleton.parts) == {"head", "torso", "left_arm", "right_arm", "left_leg", "right_leg"}
    hidden = [draw("parts", skeleton, everything(1, skeleton), parts=(part,))[0] for part in skeleton.parts]
    assert (torch.stack(hidden).sum(0) == 1).all()


def test_the_fingers_of_a_hand() -> None:
    hidden = draw("parts", HAND21, everything(1, HAND21), parts=("thumb",))
    assert names(HAND21, hidden[0]) == {"thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip"}


@pytest.mark.parametrize(
    ("part", "indices"),
    [
        ("head", {0, 1, 2, 3, 4}), ("torso", {5, 6, 11, 12}), ("left_arm", {7, 9}), ("right_arm", {8, 10}),
        ("left_leg", {13, 15}), ("right_leg", {14, 16}),
    ],
)  # fmt: skip
def test_the_parts_of_coco_are_those_of_the_paper(part: str, indices: set[int]) -> None:
    hidden = draw("parts", COCO17, everything(1, COCO17), parts=(part,))
    assert set(hidden[0].nonzero().flatten().tolist()) == indices


def test_random_parts_are_hidden_entirely_and_drawn_uniformly() -> None:
    hidden = draw("random_parts", PENN13, everything(3000, PENN13), num_parts=2)
    part = torch.as_tensor(PENN13.part_index)
    of_part = torch.stack([hidden[:, part == number].float().mean(1) for number in range(6)], 1)
    assert set(of_part.unique().tolist()) == {0.0, 1.0}
    assert (of_part.sum(1) == 2).all()
    assert (of_part.mean(0) - 1 / 3).abs().max() < 0.04  # 5 standard deviations


@pytest.mark.parametrize(("ratio", "expected"), [(0.5, 6), (0.9, 12), (0.01, 1), (0.3, 4)])
def test_random_joints_hide_their_share(ratio: float, expected: int) -> None:
    hidden = draw("random_joints", PENN13, everything(3000, PENN13), ratio=ratio)
    assert (hidden.sum(1) == expected).all()
    assert (hidden.float().mean(0) - expected / 13).abs().max() < 0.05


def test_unobserved_parts_are_not_drawn() -> None:
    available = everything(200, PENN13)
    available[:, [PENN13.index[joint] for joint in PENN13.parts["left_leg"]]] = False
    hidden = draw("random_parts", PENN13, available, num_parts=4)
    part = torch.as_tensor(PENN13.part_index)
    assert all(len(part[row].unique()) == 4 for row in hidden)


@pytest.mark.parametrize(
    ("strategy", "skeleton", "message"),
    [
        (FixedParts(parts=("arm_right",)), COCO17, "layout coco17 has no part 'arm_right'"),
        (FixedParts(parts=("right_arm",)), HAND21, "has no part 'right_arm'; expected some of palm, thumb"),
        (FixedParts(parts=tuple(COCO17.parts)), COCO17, "all joints of layout coco17 would be hidden"),
        (RandomParts(num_parts=6), COCO17, "expected fewer than its 6 parts; got 6"),
        (RandomParts(num_parts=1), WHOLE, "expected a layout with several parts, or {kind: random_joints}"),
    ],
)
def test_what_cannot_be_hidden_is_refused(strategy: Any, skeleton: Skeleton, message: str) -> None:
    with pytest.raises(InputError, match=message):
        strategy(skeleton, everything(2, skeleton), streams(2))


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (FixedParts, {"parts": ()}),
        (RandomParts, {"num_parts": 0}),
        (RandomJoints, {"ratio": 0}),
        (RandomJoints, {"ratio": 1}),
    ],
)
def test_settings_out_of_range_are_refused(config: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        config.model_validate(wrong)
