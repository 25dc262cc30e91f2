"""Findings are counted, bounded, put in order and written down."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20
from skeletonmae.validation import Finding, Validation, format_finding, validate


def empty(number: int) -> SkeletonSequence:
    return SkeletonSequence(
        np.zeros((1, 2, 20, 3), np.float32), np.zeros((1, 2, 20), bool), KINECT20, f"clip {number}", fps=30
    )


def test_all_are_counted_and_a_thousand_are_kept() -> None:
    result = validate(map(empty, range(1500)))
    (count,) = (one for one in result.counts if one.check == "empty")
    assert (count.findings, count.recordings) == (1500, 1500)
    kept = [one for one in result.findings if one.check == "empty"]
    assert [one.recording for one in kept] == [f"clip {number}" for number in range(1000)]


def test_two_findings_in_one_recording_are_one_recording() -> None:
    noted = replace(empty(0), notes=("line 3 cut short", "7 values that are not numbers"))
    (count,) = (one for one in validate([noted]).counts if one.check == "reader")
    assert (count.findings, count.recordings) == (2, 1)


def test_errors_come_first() -> None:
    """And the status is the worst of them."""
    noted = replace(empty(0), notes=("2 joint positions were not finite numbers and count as not observed", "odd"))
    result = validate([noted])
    assert [one.severity for one in result.counts] == ["error", "warning", "warning", "note", "note"]
    assert [one.severity for one in result.findings] == ["error", "warning", "warning", "note", "note"]
    assert result.status == "errors"


@pytest.mark.parametrize(("severity", "status"), [("note", "ok"), ("warning", "warnings"), ("error", "errors")])
def test_status(severity: str, status: str) -> None:
    made = validate([]).model_dump(exclude={"status"})
    made["counts"] = [{"check": "fps", "severity": severity, "findings": 1, "recordings": 1}]
    assert Validation(**made).status == status


def test_it_is_written_as_json() -> None:
    written = json.loads(validate([empty(0)]).model_dump_json())
    assert written["status"] == "errors"
    assert written["findings"][0] == {
        "check": "empty", "severity": "error", "message": "nothing was observed in 2 frames; remove it", "recording": "clip 0",
        "person": None, "frames": [], "joints": [], "recordings": 1,
    }  # fmt: skip


def test_rows_give_the_first_of_each() -> None:
    rows = validate(map(empty, range(3))).rows()
    assert rows[0] == ("empty", "error", "3", "clip 0: nothing was observed in 2 frames; remove it")


def test_a_finding_in_words() -> None:
    finding = Finding(
        check="jumps", severity="warning", message="it jumps", recording="a", person=1, frames=(3, 9)
    )
    assert format_finding(finding) == "a person 1: it jumps (frames 3, 9)"
