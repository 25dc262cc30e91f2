"""Sound recordings stay unmentioned; every fault that is put into one is found there, and where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from skeletonmae.datasets.synthetic import generate
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, NTU25, conversion
from skeletonmae.validation import Finding, Validation, validate

AT = 12  # the frame at which a fault begins
HAND = NTU25.index["left_hand"]
Change = Callable[..., SkeletonSequence]
Fault = Callable[[SkeletonSequence, Change], SkeletonSequence]


def found(result: Validation, check: str, recording: str | None = None) -> list[Finding]:
    return [
        one for one in result.findings
        if one.check == check and one.severity != "note" and recording in (None, one.recording)
    ]  # fmt: skip


def with_all_joints(one: SkeletonSequence) -> SkeletonSequence:
    """The same with every lost joint in the place where it would be: halfway between those around it."""
    values = np.array(one.positions)
    frame = np.arange(one.num_frames)
    for person, joint in np.ndindex(one.num_persons, one.skeleton.num_joints):
        seen = one.observed[person, :, joint]
        if seen.any():
            for axis in range(values.shape[3]):
                track = values[person, :, joint, axis]
                values[person, :, joint, axis] = np.interp(frame, frame[seen], track[seen])
    return replace(
        one, positions=values, observed=np.broadcast_to(one.observed.any(1)[:, None], one.observed.shape)
    )


def exchange_sides(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    values = np.array(one.positions)
    values[0, AT : AT + 8] = values[0, AT : AT + 8][:, NTU25.mirror_index]
    return change(one, values)


def exchange_persons(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    values = np.array(one.positions)
    values[:, AT:] = values[::-1, AT:]
    return change(one, values)


def same_person_twice(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, np.stack([one.positions[0]] * 2), np.stack([one.observed[0]] * 2))


def jump(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    values = np.array(one.positions)
    values[0, AT, HAND] += (1.0, 1.0, 0.0)
    return change(one, values)


def another_place(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    values = np.array(one.positions)
    values[0, AT:] += (1.5, 0, 0)
    return change(one, values)


def freeze(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    values = np.array(one.positions)
    values[:, AT : AT + 10] = values[:, AT : AT + 1]
    return change(one, values)


def pad_with_last(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    last = np.repeat(one.positions[:, -1:], 9, axis=1)
    seen = np.repeat(one.observed[:, -1:], 9, axis=1)
    positions, observed = (
        np.concatenate(parts, axis=1) for parts in ((one.positions, last), (one.observed, seen))
    )
    return change(one, positions, observed)


def dead_joint(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    values = np.array(one.positions)
    values[0, :, HAND] = (0.3, 0.2, 2.0)
    values[..., 0] += np.linspace(0, 2, one.num_frames)[:, None]  # so that the body surely moves
    values[0, :, HAND] = (0.3, 0.2, 2.0)
    return change(one, values)


def half_unobserved(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    seen = np.array(one.observed)
    seen[:, :, :13] = False
    return change(one, observed=seen)


def stretch_a_bone(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    values = np.array(one.positions)
    arm = [NTU25.index[f"left_{joint}"] for joint in ("hand", "thumb", "hand_tip")]
    values[:, ::5, arm] += (0, -0.9, 0)
    return change(one, values)


def shake(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions + np.random.default_rng(0).normal(0, 0.25, one.positions.shape))


def lose_as_zeros(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    values = np.array(one.positions)
    values[0, AT : AT + 3, HAND] = 0
    return change(one, values)


def everything_zero(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions * 0)


def nothing_observed(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, observed=one.observed & False)


def no_frame(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions[:, :0], one.observed[:, :0])


def one_frame(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions[:, :1], one.observed[:, :1])


def wrong_order(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, np.roll(one.positions, 1, axis=2), np.roll(one.observed, 1, axis=2))


def millimetres(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions * 1000)


def centimetres(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions * 100)


def too_small(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions / 1000)


def feet(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions * 3.28)


def no_depth(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions * (1, 1, 0))


def upside_down(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions * (1, -1, 1))


def mirrored(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    return change(one, one.positions[:, :, NTU25.mirror_index], one.observed[:, :, NTU25.mirror_index])


def no_number(one: SkeletonSequence, change: Change) -> SkeletonSequence:
    values = np.array(one.positions)
    values[0, AT, HAND] = np.nan
    return SkeletonSequence.from_positions(values, NTU25, observed=one.observed, name=one.name, fps=one.fps)


FAULTS: dict[str, tuple[Fault, str, str]] = {
    fault.__name__: (fault, check, severity)
    for fault, check, severity in [
        (exchange_sides, "sides", "warning"),
        (exchange_persons, "persons", "warning"),
        (same_person_twice, "persons", "warning"),
        (jump, "jumps", "warning"),
        (another_place, "jumps", "warning"),
        (freeze, "frozen", "warning"),
        (pad_with_last, "frozen", "warning"),
        (dead_joint, "stuck", "warning"),
        (half_unobserved, "dead", "warning"),
        (stretch_a_bone, "bones", "warning"),
        (shake, "bones", "warning"),
        (lose_as_zeros, "zeros", "warning"),
        (everything_zero, "empty", "error"),
        (nothing_observed, "empty", "error"),
        (no_frame, "empty", "error"),
        (one_frame, "short", "warning"),
        (wrong_order, "layout", "warning"),
        (millimetres, "units", "error"),
        (centimetres, "units", "error"),
        (too_small, "units", "error"),
        (feet, "units", "warning"),
        (no_depth, "units", "warning"),
        (upside_down, "upright", "warning"),
        (mirrored, "mirrored", "warning"),
        (no_number, "reader", "warning"),
    ]
}


def test_sound_recordings_have_no_error_and_no_warning(clean: list[SkeletonSequence]) -> None:
    result = validate(clean, classes=sorted({one.label for one in clean if one.label}))
    assert result.status == "ok", result.rows()
    assert (result.recordings, result.frames) == (50, sum(one.num_frames for one in clean))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_in_the_recordings_that_have_it_alone(
    name: str, clean: list[SkeletonSequence], changed: Change
) -> None:
    fault, check, severity = FAULTS[name]
    mixed, wrong = [], set()
    for number, one in enumerate(clean):
        if number % 4 == 3 and (one.num_persons > 1 or name != "exchange_persons"):
            mixed.append(fault(with_all_joints(one), changed))
            wrong.add(one.name)
        else:
            mixed.append(one)
    result = validate(mixed)
    of_check = found(result, check)
    assert {one.recording for one in of_check} == wrong
    assert {one.severity for one in of_check} == {severity}


def test_bodies_without_noise_are_as_sound() -> None:
    assert validate(generate(50, noise=False)).status == "ok"


def as_image(one: SkeletonSequence) -> SkeletonSequence:
    """What a camera with a focal length of 1000 pixels makes of it, as COCO's joints."""
    values, seen = conversion(NTU25, COCO17)(one.positions, one.observed)
    depth = np.where(seen, values[..., 2], 1)
    image = np.stack([960 + 1000 * values[..., 0] / depth, 540 - 1000 * values[..., 1] / depth], -1)
    return SkeletonSequence.from_positions(
        image, COCO17, observed=seen, name=one.name, unit="px", fps=one.fps, label=one.label
    )


def test_images_of_sound_bodies_are_sound(clean: list[SkeletonSequence]) -> None:
    result = validate(map(as_image, clean))
    assert result.status == "ok", result.rows()
    (unseen,) = (one for one in result.findings if one.check == "dead" and not one.recording)
    assert set(unseen.joints) == {"left_eye", "right_eye", "left_ear", "right_ear"}


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ("upright", lambda values: values * (1, -1)),
        ("units", lambda values: values / 1920),
        ("sides", lambda values: np.concatenate([values[:, :AT], values[:, AT:, COCO17.mirror_index]], axis=1)),
        ("layout", lambda values: values[:, :, [*range(5), *range(16, 4, -1)]]),
    ],
)
def test_faults_of_images(
    check: str, fault: Callable[[np.ndarray], np.ndarray], clean: list[SkeletonSequence], changed: Change
) -> None:
    """Of all bodies, those that the camera sees from the front."""
    images = [with_all_joints(as_image(one)) for one in clean]
    wrong = [changed(one, fault(one.positions)) for one in images]
    assert not found(validate(images), check)
    assert sum(one.recordings for one in found(validate(wrong), check)) >= 40


@pytest.mark.parametrize(
    ("fault", "check", "frames", "joints"),
    [
        (exchange_sides, "sides", {AT, AT + 8}, set()),
        (exchange_persons, "persons", {AT}, set()),
        (jump, "jumps", {AT, AT + 1}, {"left_hand"}),
        (freeze, "frozen", {AT}, set()),
        (dead_joint, "stuck", set(), {"left_hand"}),
        (lose_as_zeros, "zeros", {AT, AT + 1, AT + 2}, {"left_hand"}),
    ],
)
def test_a_finding_says_where(
    fault: Fault, check: str, frames: set[int], joints: set[str], clean: list[SkeletonSequence], changed: Change
) -> None:
    pair = next(one for one in clean if one.num_persons == 2)
    finding = found(validate([fault(with_all_joints(pair), changed)]), check)[0]
    assert (finding.recording, finding.person) == (pair.name, 0)
    assert (set(finding.frames), set(finding.joints)) == (frames, joints)


def test_frames_count_from_the_start_of_the_recording(clean: list[SkeletonSequence], changed: Change) -> None:
    """Not from where the person comes in."""
    one = with_all_joints(clean[0])
    late = np.array(one.observed)
    late[:, :7] = False
    (finding,) = found(validate([changed(jump(one, changed), observed=late)]), "jumps")
    assert set(finding.frames) == {AT, AT + 1}


def test_a_gap_is_no_jump_and_no_freeze(clean: list[SkeletonSequence], changed: Change) -> None:
    values, seen = np.array(with_all_joints(clean[0]).positions), np.array(clean[0].observed)
    values[:, AT + 10 :] += (2, 0, 0)
    seen[:, AT : AT + 10] = False
    assert validate([changed(clean[0], values, seen)]).status == "ok"


def test_a_jump_depends_on_the_frame_rate(clean: list[SkeletonSequence], changed: Change) -> None:
    """80 cm in a frame: 24 m/s at 30 frames a second, 8 at 10, 48 at 60."""
    one = with_all_joints(clean[0])
    still = np.repeat(one.positions[:, :1], 20, axis=1)
    still += np.random.default_rng(0).normal(0, 0.002, still.shape)
    still[:, 10:, HAND] += (0.8, 0, 0)
    for fps, jumps in ((10, 0), (60, 1)):
        moved = changed(one, still, one.observed[:, :20], fps=float(fps))
        assert len(found(validate([moved]), "jumps")) == jumps


@pytest.mark.parametrize("frames", [slice(None), slice(1)])
def test_recordings_centred_on_the_body_are_sound(
    frames: slice, clean: list[SkeletonSequence], changed: Change
) -> None:
    """Its middle is then observed and at 0, in the first frame or in all."""
    seen = [one for one in clean if one.observed[:, :, NTU25.center_index].all()]
    middle = [one.positions[:, :, NTU25.center_index][:, frames].mean(2, keepdims=True) for one in seen]
    assert len(seen) > 20
    assert (
        validate([changed(one, one.positions - its) for one, its in zip(seen, middle, strict=True)]).status == "ok"
    )


def test_lost_joints_as_zeros_are_not_taken_for_anything_else(
    clean: list[SkeletonSequence], changed: Change
) -> None:
    """In every third frame of every recording: not a wrong layout, not impossible bones, not jumps."""

    def lose(one: SkeletonSequence) -> SkeletonSequence:
        values = np.array(one.positions)
        values[:, ::3, HAND] = 0
        return changed(one, values)

    result = validate([lose(one) for one in clean])
    assert found(result, "zeros")
    assert not [one for check in ("layout", "bones", "jumps", "units", "upright") for one in found(result, check)]


def test_a_mixture_is_an_error_with_what_to_do(clean: list[SkeletonSequence]) -> None:
    flat = [replace(one, positions=np.ascontiguousarray(-one.positions[..., :2]) + 0.0) for one in clean[:3]]
    (finding,) = found(validate([*clean, *flat]), "mixture")
    assert (finding.severity, finding.recordings) == ("error", 3)
    assert f"{len(clean)} of ntu25, 3 axes, m, 3 of ntu25, 2 axes, m" in finding.message
    assert "--axes 2" in finding.message
