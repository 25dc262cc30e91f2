"""What a validation found, whole and in order."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import computed_field

from skeletonmae.config import Config
from skeletonmae.validation.finding import SEVERITIES, Finding, Severity

KEPT = 1000
"""Findings of one check and severity that are kept; all are counted."""


class ClassCount(Config):
    """How many recordings a class has."""

    name: str
    recordings: int
    train: int
    """On the training side, if there is a split."""
    test: int


class CheckCount(Config):
    """How often one check found something of one severity."""

    check: str
    severity: Severity
    findings: int
    recordings: int
    """How many recordings are meant."""


class Validation(Config):
    """The result of a validation; `model_dump_json` writes it down."""

    recordings: int
    """That could be read."""
    frames: int
    unlabelled: int
    classes: tuple[ClassCount, ...]
    counts: tuple[CheckCount, ...]
    """Errors first, then warnings, then notes."""
    findings: tuple[Finding, ...]
    """In the same order; at most 1000 of each check and severity."""
    seconds: float
    """That it took."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Literal["ok", "warnings", "errors"]:
        """The worst that was found; notes are ok."""
        found = {count.severity for count in self.counts}
        return "errors" if "error" in found else "warnings" if "warning" in found else "ok"

    def rows(self) -> list[tuple[str, str, str, str]]:
        """For a table: check, severity, recordings, and the first finding in words."""
        first = {(one.check, one.severity): one for one in reversed(self.findings)}
        return [
            (count.check, count.severity, str(count.recordings), in_words(first[count.check, count.severity]))
            for count in self.counts
        ]


class Tally:
    """Findings as they come: the first are kept, all are counted."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Severity, str], list[Finding]] = {}
        self.findings: Counter[tuple[Severity, str]] = Counter()
        self.recordings: Counter[tuple[Severity, str]] = Counter()
        self._last: dict[tuple[Severity, str], str] = {}

    def add(self, finding: Finding) -> None:
        """Count it, and keep it if there is room. Findings of one recording follow each other."""
        key = finding.severity, finding.check
        self.findings[key] += 1
        if not finding.recording or self._last.get(key) != finding.recording:
            self.recordings[key] += finding.recordings
        self._last[key] = finding.recording
        kept = self.kept.setdefault(key, [])
        if len(kept) < KEPT:
            kept.append(finding)

    def in_order(self, checks: list[str]) -> tuple[tuple[CheckCount, ...], tuple[Finding, ...]]:
        """Counts and findings, the most severe first, then by the order of `checks`."""
        keys = sorted(self.kept, key=lambda key: (SEVERITIES.index(key[0]), checks.index(key[1])))
        counts = [
            CheckCount(check=key[1], severity=key[0], findings=self.findings[key], recordings=self.recordings[key])
            for key in keys
        ]
        return tuple(counts), tuple(finding for key in keys for finding in self.kept[key])


def in_words(finding: Finding) -> str:
    """A finding in one line: the recording, the person, what, and where."""
    person = f" person {finding.person}" if finding.person else ""
    who = f"{finding.recording}{person}: " if finding.recording else ""
    frames = f" (frame{'s' * (len(finding.frames) > 1)} {', '.join(map(str, finding.frames))})"
    return f"{who}{finding.what}{frames if finding.frames else ''}"
