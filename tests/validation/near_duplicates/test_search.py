"""Copies that were changed on purpose are found, and takes that are merely alike are not."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae import datasets
from skeletonmae.datasets import RecordingConverter
from skeletonmae.datasets.synthetic import generate
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, HAND21, KINECT20, NTU25, PENN13
from skeletonmae.validation import Finding, validate

Clips = list[SkeletonSequence]
Edit = Callable[[SkeletonSequence], SkeletonSequence]


def moved(change: Callable[[np.ndarray], Any]) -> Edit:
    """Change the positions; what is not observed stays at 0."""

    def edit(one: SkeletonSequence) -> SkeletonSequence:
        values = np.where(one.observed[..., None], change(one.positions), 0)
        return replace(one, positions=values.astype(np.float32))

    return edit


def cut(pick: Callable[[int], Any]) -> Edit:
    """Keep the frames that `pick` chooses of so many."""

    def edit(one: SkeletonSequence) -> SkeletonSequence:
        frames = np.arange(one.num_frames)[pick(one.num_frames)]
        return replace(one, positions=one.positions[:, frames], observed=one.observed[:, frames])

    return edit


def mirror(one: SkeletonSequence) -> SkeletonSequence:
    other = one.skeleton.mirror_index
    values = one.positions[:, :, other] * np.array([-1, 1, 1][: one.positions.shape[3]], np.float32)
    return replace(one, positions=values, observed=one.observed[:, :, other])


def without(joint: str) -> Edit:
    def edit(one: SkeletonSequence) -> SkeletonSequence:
        seen = one.observed.copy()
        seen[:, :, one.skeleton.index[joint]] = False
        return replace(one, positions=np.where(seen[..., None], one.positions, np.float32(0)), observed=seen)

    return edit


def turn(degrees: float) -> Edit:
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    around_y = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], np.float32)
    return moved(lambda values: values @ around_y.T)


def noise(metres: float) -> Edit:
    """The same noise for the same recording, whatever was asked before."""

    def edit(one: SkeletonSequence) -> SkeletonSequence:
        rng = np.random.default_rng(zlib.crc32(one.name.encode()))
        return moved(lambda values: values + rng.normal(0, metres, values.shape))(one)

    return edit


def then(*edits: Edit) -> Edit:
    def edit(one: SkeletonSequence) -> SkeletonSequence:
        for each in edits:
            one = each(one)
        return one

    return edit


PLANTED: dict[str, tuple[Edit, str]] = {
    "as it is": (lambda one: one, "the same as"),
    "half the frames": (cut(lambda _: slice(None, None, 2)), "shares frames with"),
    "1 frame cut at each end": (cut(lambda _: slice(1, -1)), "shares frames with"),
    "3 frames cut at each end": (cut(lambda _: slice(3, -3)), "shares frames with"),
    "a quarter cut at each end": (cut(lambda count: slice(count // 4, -(count // 4))), "shares frames with"),
    "last frame 20 times more": (cut(lambda count: [*range(count)] + [count - 1] * 20), "shares frames with"),
    "head not observed": (without("head"), "shares frames with"),
    "other layout (coco17)": (RecordingConverter(COCO17), "shares frames with"),
    "other layout, 5 frames cut at each end": (
        then(RecordingConverter(COCO17), cut(lambda _: slice(5, -5))), "shares frames with",
    ),
    "turned by 30 degrees": (turn(30), "nearly the same as"),
    "mirrored": (mirror, "nearly the same as"),
    "float16": (moved(lambda values: values.astype(np.float16)), "nearly the same as"),
    "moved, millimetres": (moved(lambda values: 1000 * (values + np.array([1, 0, 2]))), "nearly the same as"),
    "centred in every frame": (moved(lambda values: values - values[:, :, :1]), "nearly the same as"),
    "two axes": (RecordingConverter(axes=2), "nearly the same as"),
    "two axes, other layout, mirrored": (then(RecordingConverter(COCO17, 2), mirror), "nearly the same as"),
    "elbow not observed": (without("left_elbow"), "nearly the same as"),
    "noise of 3 mm": (noise(0.003), "nearly the same as"),
    "turned, other layout, 2 frames cut at each end": (
        then(turn(30), RecordingConverter(COCO17), cut(lambda _: slice(2, -2))), "nearly the same as",
    ),
    "noise of 10 mm": (noise(0.01), "nearly the same as"),
}  # fmt: skip
"""What was done to a copy, and what is said of it."""


def leaks(here: Clips, there: Clips) -> list[Finding]:
    return [one for one in validate(here, against=there).findings if one.check == "leaks"]


def copied(one: SkeletonSequence, edit: Edit) -> SkeletonSequence:
    return replace(edit(one), name=f"copy of {one.name}")


def right(found: list[Finding]) -> list[str]:
    """The recordings whose own copy is named."""
    return [one.recording for one in found if f" copy of {one.recording}," in one.message]


SOME = {"elbow not observed": 0.9, "noise of 3 mm": 0.9, "turned, other layout, 2 frames cut at each end": 0.6}
"""The share that is found at least; elsewhere all."""


@pytest.mark.parametrize("name", [name for name in PLANTED if name != "noise of 10 mm"])
def test_changed_copies_are_found(name: str, clean: Clips) -> None:
    """Each as a copy of itself and of no other, among as many recordings of the same classes."""
    edit, how = PLANTED[name]
    others = [] if "two axes" in name or "layout" in name else [*generate(50, seed=99)]
    found = leaks(clean, [*others, *(copied(one, edit) for one in clean)])
    assert len(right(found)) == len(found) >= SOME.get(name, 1) * len(clean)
    if name != "elbow not observed":  # where it was not observed before, the frames are as they were
        said = [(one.message.startswith(how), one.severity) for one in found]
        assert said == [(True, "warning" if how.startswith("nearly") else "error")] * len(found)


@pytest.mark.parametrize("name", ["half the frames", "other layout (coco17)", "turned by 30 degrees", "mirrored"])
def test_changed_copies_in_one_stream_are_duplicates(name: str, clean: Clips) -> None:
    result = validate([*clean, *(copied(one, PLANTED[name][0]) for one in clean)])
    found = [one for one in result.findings if one.check == "duplicates"]
    assert [one.recording for one in found] == [f"copy of {one.name}" for one in clean]
    for finding in found:
        original = finding.recording.removeprefix("copy of ")
        assert re.search(rf" {re.escape(original)}; (remove one of the two|look at both)", finding.message)


def test_one_person_of_two_is_enough(clean: Clips) -> None:
    pairs = [one for one in clean if one.num_persons == 2]
    alone = [turn(70)(replace(one, positions=one.positions[1:], observed=one.observed[1:])) for one in pairs]
    assert pairs
    assert right(leaks(pairs, [copied(one, lambda same: same) for one in alone])) == [one.name for one in pairs]


def test_other_takes_are_no_copies(clean: Clips) -> None:
    """Of the same classes by the same generator; and none of the fifty is like another."""
    assert not leaks(clean, list(generate(150, seed=7)))
    assert not [one for one in validate(clean).findings if one.check == "duplicates"]


def test_frames_in_which_nothing_moves_are_no_copies(clean: Clips) -> None:
    """Many recordings may begin with one pose, or show nothing but lost joints at 0."""
    still = [cut(lambda count: [0] * count)(one) for one in clean[:5]]
    assert not leaks(still, [turn(20)(one) for one in still])
    begin = clean[0].positions[:1, :3, :, :]
    same = [
        replace(one, positions=np.concatenate([begin, one.positions[:1]], 1), observed=np.pad(
            one.observed[:1], ((0, 0), (3, 0), (0, 0)), constant_values=True))
        for one in clean[1:9]
    ]  # fmt: skip
    assert not [one for one in validate(same).findings if one.check == "duplicates"]
    assert not leaks([moved(lambda values: 0 * values)(clean[0])], [moved(lambda values: 0 * values)(clean[1])])


def test_layouts_without_common_joints_are_said(clean: Clips, make_recording: Any) -> None:
    """Once, and only of layouts that cannot be compared."""
    hands = [make_recording(seed, frames=30, skeleton=HAND21) for seed in range(3)]
    (note,) = leaks(clean[:4], hands)
    assert (note.severity, note.recordings, note.recording) == ("note", 4, "")
    assert "ntu25 and hand21 have too few joints in common" in note.message
    assert not leaks(clean[:4], [RecordingConverter(PENN13)(one) for one in clean[10:14]])
    (note,) = [one for one in validate([*clean[:4], *hands]).findings if one.check == "duplicates"]
    assert note.severity == "note"


def test_copies_in_a_layout_that_is_no_body(make_recording: Any) -> None:
    """A hand has neither shoulders nor hips: its own joints are compared."""
    rng = np.random.default_rng(0)
    shapes = rng.normal(size=(12, 1, 1, 21, 3)) + np.cumsum(rng.normal(0, 0.1, (12, 1, 40, 21, 3)), 2)
    hands = [
        SkeletonSequence.from_positions(shape, HAND21, name=str(number)) for number, shape in enumerate(shapes)
    ]
    assert right(leaks(hands, [copied(one, turn(30)) for one in hands])) == [one.name for one in hands]


def test_a_copy_among_others_in_another_layout() -> None:
    """Kinect 1 and Kinect 2 have all of the core in common."""
    clips = [RecordingConverter(KINECT20)(one) for one in generate(20, seed=5)]
    other = [RecordingConverter(NTU25)(turn(10)(one)) for one in clips[:7]]
    found = leaks(clips, [copied(one, lambda same: same) for one in other])
    assert right(found) == [one.name for one in clips[:7]]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "missed"),
    [
        ("utd_mhad", {"noise of 3 mm": 4}),
        ("nw_ucla", {"turned, other layout, 2 frames cut at each end": 20}),
        ("sbu", {"noise of 3 mm": 9, "elbow not observed": 3}),
        ("kinder_gator", {"turned, other layout, 2 frames cut at each end": 4}),
    ],
)
def test_real_copies(name: str, missed: dict[str, int], real_data: Path) -> None:
    """Of thirty recordings of 20 frames or more, among up to 75 others; no other is called a copy."""
    dataset, root = datasets.DATASETS[name], real_data / name
    files = dataset.files(root)
    order = np.random.default_rng(0).permutation(len(files)).tolist()
    read = (one for place in order for one in dataset.read(files[place], root))
    known = ("a02", "a03") if name == "nw_ucla" else ()  # copies by themselves
    long = [one for one in read if one.num_frames >= 20 and not one.name.startswith(known or "-")]
    here, others = long[:30], long[30:105]
    assert not [one for one in leaks(here, others) if one.severity != "note"]
    for what, (edit, _) in PLANTED.items():
        if what != "noise of 10 mm":
            found = right(leaks(here, [copied(one, edit) for one in here]))
            assert len(found) >= len(here) - missed.get(what, 1), what
