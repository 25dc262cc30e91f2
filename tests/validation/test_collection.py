"""What only many recordings together show."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.datasets.convert import RecordingConverter
from skeletonmae.errors import InputError
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import LAYOUTS, NTU25
from skeletonmae.validation import CHECKS, Finding, Validation, validate

Clips = list[SkeletonSequence]
Change = Callable[..., SkeletonSequence]


def found(result: Validation, check: str, severity: str | None = None) -> list[Finding]:
    return [one for one in result.findings if one.check == check and severity in (None, one.severity)]


@pytest.mark.parametrize(
    ("check", "severity", "fault"),
    [
        ("upright", "error", lambda values: values * (1, -1, 1)),
        ("upright", "warning", lambda values: values[..., [0, 2, 1]]),
        ("mirrored", "warning", lambda values: values * (-1, 1, 1)),
        ("mirrored", "warning", lambda values: values[:, :, NTU25.mirror_index]),
        ("layout", "error", lambda values: values[:, :, [*range(12), *range(16, 25), *range(12, 16)]]),
    ],
)
def test_a_fault_of_most_recordings_is_one_finding(
    check: str, severity: str, fault: Callable[[np.ndarray], np.ndarray], clean: Clips, changed: Change
) -> None:
    wrong = []
    for one in clean:
        values = fault(np.where(one.observed[..., None], one.positions, np.nan))
        wrong.append(changed(one, values, np.isfinite(values).all(-1)))
    (finding,) = [one for one in found(validate(wrong), check) if not one.recording]
    assert finding.severity == severity
    assert finding.recordings >= 0.9 * len(wrong)


@pytest.mark.parametrize(
    ("layout", "axes", "notes"), [("h36m17", 3, [50]), ("h36m17", 2, []), ("kinect20", 3, [])]
)
def test_undetermined_handedness_is_one_note(layout: str, axes: Any, notes: list[int], clean: Clips) -> None:
    """Without feet, toes or ears nothing says where forward is; in two axes nobody asks."""
    convert = RecordingConverter(LAYOUTS[layout], axes)
    assert [one.recordings for one in found(validate([convert(one) for one in clean]), "mirrored")] == notes


def test_labels(clean: Clips) -> None:
    labels = ["wave", "wave", "Wave", "jump", None]
    made = [replace(one, label=label) for one, label in zip(clean, labels, strict=False)]
    result = validate(made, classes=("wave", "jump", "fly"))
    (wrong,) = found(result, "labels", "error")
    assert (wrong.recording, "'Wave'" in wrong.message) == (clean[2].name, True)
    (alike,) = found(result, "labels", "warning")
    assert "'wave', 'Wave'" in alike.message
    (missing,) = found(result, "labels", "note")
    assert missing.recordings == result.unlabeled == 1
    (nobody,) = found(result, "classes", "warning")
    assert "fly" in nobody.message
    assert {one.name: one.recordings for one in result.classes} == {"wave": 2, "jump": 1, "fly": 0, "Wave": 1}
    assert not found(validate(made[:2]), "labels")


@pytest.mark.parametrize(("many", "severity"), [(9, None), (10, "note"), (100, "warning")])
def test_imbalanced_classes(many: int, severity: str | None, make_recording: Any) -> None:
    made = [make_recording(seed, frames=3, label="often" if seed else "once") for seed in range(many + 1)]
    uneven = [one for one in found(validate(made), "classes") if f"{many} recordings of often" in one.message]
    assert [one.severity for one in uneven] == ([severity] if severity else [])


def test_rates(clean: Clips) -> None:
    rates = [None, 0.5, 2000.0, *[30.0] * 10]
    result = validate([replace(one, fps=fps) for one, fps in zip(clean, rates, strict=False)])
    assert [one.recordings for one in found(result, "fps", "note")] == [1]
    assert {one.recording for one in found(result, "fps", "warning")} == {one.name for one in clean[1:3]}
    for impossible in (0.0, float("inf"), float("nan"), -30.0):
        with pytest.raises(InputError, match="impossible frame rate"):
            replace(clean[0], fps=impossible)


@pytest.mark.parametrize(("fps", "is_found"), [(300.0, True), (3.0, True), (25.0, False), (60.0, False)])
def test_a_frame_rate_under_which_bodies_move_differently(fps: float, is_found: bool, clean: Clips) -> None:
    made = [replace(one, fps=fps) if number % 3 == 0 else one for number, one in enumerate(clean)]
    warned = [one for one in found(validate(made), "fps", "warning") if not one.recording]
    assert [one.recordings for one in warned] == ([17] if is_found else [])


def test_an_unknown_unit_is_guessed(clean: Clips, changed: Change) -> None:
    for factor, word in ((1, "meters"), (100, "centimeters"), (1000, "millimeters")):
        (note,) = found(validate([changed(one, one.positions * factor, unit="unknown") for one in clean]), "units")
        assert (note.severity, f"are these {word}?" in note.message) == ("note", True)


def test_shares_of_the_image_are_not_pixels(clean: Clips, changed: Change) -> None:
    pixels = [changed(one, one.positions * 200, unit="image") for one in clean]
    assert len({one.recording for one in found(validate(pixels), "units", "error")}) == len(clean)


def test_duplicates(clean: Clips, changed: Change) -> None:
    """Each is a copy of its own, told as such; the last has another label too."""
    one, pair = clean[0], next(one for one in clean if one.num_persons == 2)
    empty = np.zeros((one.num_persons, 5, 25, 3))
    copies = {
        "copy": one,
        "later": changed(
            one,
            np.concatenate([empty, one.positions], 1),
            np.concatenate([empty[..., 0] > 0, one.observed], 1),
        ),
        "persons": changed(pair, pair.positions[::-1], pair.observed[::-1]),
        "rounded": changed(one, one.positions.astype(np.float16)),
        "moved": changed(one, one.positions + np.array((1, 0, 2))),
        "scaled": changed(one, one.positions * 1.25),
        "slower": changed(one, np.repeat(one.positions, 2, 1), np.repeat(one.observed, 2, 1)),
        "noise": changed(one, one.positions + np.random.default_rng(0).normal(0, 0.003, one.positions.shape)),
    }
    for name, copy in copies.items():
        for label, severity in ((copy.label, "warning"), ("other", "error")):
            result = validate([*clean, replace(copy, name=name, label=label)])
            (finding,) = found(result, "duplicates")
            original = pair if name == "persons" else one
            assert finding.recording == name
            assert finding.severity == ("warning" if name == "slower" else severity)  # actions may overlap
            how = {"slower": "shares frames with"} | dict.fromkeys(("copy", "later", "persons"), "the same as")
            assert finding.message.startswith(f"{how.get(name, 'nearly the same as')} {original.name}")


def test_each_copy_is_a_finding(clean: Clips) -> None:
    copies = [replace(clean[0], name=f"copy {number}") for number in range(5)]
    result = validate([*clean, *copies])
    assert [one.recording for one in found(result, "duplicates")] == [one.name for one in copies]


def test_recordings_that_show_nobody_are_no_duplicates(clean: Clips, changed: Change) -> None:
    nobody = [changed(one, observed=one.observed & False) for one in clean[:3]]
    assert not found(validate(nobody), "duplicates")


def test_recordings_of_one_name_are_told_by_their_files(clean: Clips) -> None:
    paths = [Path(f"{recording.name}.csv") for recording in clean] + [Path("again.csv")]
    result = validate([*clean, clean[0]], paths=paths)
    (name,) = found(result, "names")
    assert name.message == f"2 recordings have this name ({clean[0].name}.csv, again.csv); rename them"
    (copy,) = found(result, "duplicates")
    assert copy.message.startswith(f"the same as the one in {clean[0].name}.csv (this one is in again.csv)")


def test_names(clean: Clips) -> None:
    (finding,) = found(validate([*clean, replace(clean[1], name=clean[0].name)]), "names")
    assert (finding.recording, finding.recordings) == (clean[0].name, 2)


def test_content_of_other_recordings(clean: Clips, changed: Change) -> None:
    other = [replace(clean[3], name="theirs"), changed(clean[4], clean[4].positions.astype(np.float16))]
    result = validate(clean, against=other)
    found_ = {one.recording: one.severity for one in found(result, "leaks")}
    assert found_ == {clean[3].name: "error", clean[4].name: "warning"}
    assert not found(validate(clean[:3], against=other), "leaks")


def test_what_could_not_be_read_is_a_finding(clean: Clips) -> None:
    result = validate([*clean[:2], InputError("cut short", where="a.txt"), *clean[2:]])
    (finding,) = found(result, "damaged", "error")
    assert finding.message == "a.txt: cut short"
    assert (result.status, result.recordings) == ("errors", len(clean))


def test_nothing_and_nobody_are_no_trouble(make_recording: Any) -> None:
    assert validate([]).status == "ok"
    nothing = make_recording(0, persons=0)
    assert {one.check for one in validate([nothing]).findings} <= {"empty", "fps", "labels"}


def test_recordings_of_many_layouts_in_one_stream(clean: Clips, make_recording: Any) -> None:
    """Checks of a body are silent where a layout has none of its joints, and no measure mixes layouts."""
    mixed: Clips = []
    for number, skeleton in enumerate(LAYOUTS.values()):
        mixed += [clean[number], *(make_recording(number, axes=axes, skeleton=skeleton) for axes in (2, 3))]
    result = validate(mixed)
    assert result.recordings == len(mixed)
    assert not {clean[number].name for number in range(len(LAYOUTS))} & {one.recording for one in result.findings}


def test_every_check_says_what_it_looks_for() -> None:
    for name, check in CHECKS.items():
        assert check.name == name
        assert len(type(check).__doc__ or "") > 60


def test_every_check_is_in_the_document() -> None:
    text = (Path(__file__).parents[2] / "docs" / "validation.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(CHECKS)
