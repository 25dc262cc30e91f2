"""The result of a validation: counts and findings in order."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import computed_field

from skeletonmae.config import Config
from skeletonmae.validation.finding import SEVERITIES, Finding, Severity

MAX_FINDINGS = 1000
"""Findings of one check and severity that are kept; all are counted."""


class ClassCount(Config):
    """Number of recordings of one class."""

    name: str
    recordings: int
    train: int
    """Recordings on the training side, if there is a split."""
    test: int
    """Recordings on the test side, if there is a split."""


class CheckCount(Config):
    """Number of findings of one check and severity."""

    check: str
    severity: Severity
    findings: int
    recordings: int
    """Number of recordings that the findings are about."""


class Validation(Config):
    """Result of a validation; `model_dump_json` returns it as JSON."""

    recordings: int
    """Number of recordings that could be read."""
    frames: int
    unlabeled: int
    recorded_share: float | None
    """Observed share of the joints of the best observed person, as recorded; the mean over recordings."""
    clip_share: float | None
    """The same in the clips that a model will see, after resampling and the bridging of short gaps."""
    clip_frames: int
    """Number of frames of these clips."""
    classes: tuple[ClassCount, ...]
    counts: tuple[CheckCount, ...]
    """Errors first, then warnings, then notes."""
    findings: tuple[Finding, ...]
    """In the same order; at most 1000 of each check and severity."""
    seconds: float
    """Duration of the validation."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Literal["ok", "warnings", "errors"]:
        """The worst severity that was found; notes count as ok."""
        severities = {count.severity for count in self.counts}
        return "errors" if "error" in severities else "warnings" if "warning" in severities else "ok"

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Rows for a table: check, severity, number of recordings, and the first finding as text."""
        first = {(finding.check, finding.severity): finding for finding in reversed(self.findings)}
        return [
            (
                count.check,
                count.severity,
                str(count.recordings),
                format_finding(first[count.check, count.severity]),
            )
            for count in self.counts
        ]


class FindingCounter:
    """Collects findings: counts all of them and keeps the first ones."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Severity, str], list[Finding]] = {}
        self._num_findings: Counter[tuple[Severity, str]] = Counter()
        self._num_recordings: Counter[tuple[Severity, str]] = Counter()
        self._last_recording: dict[tuple[Severity, str], str] = {}

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if there is room. Findings about one recording must be consecutive."""
        key = finding.severity, finding.check
        self._num_findings[key] += 1
        if not finding.recording or self._last_recording.get(key) != finding.recording:
            self._num_recordings[key] += finding.recordings
        self._last_recording[key] = finding.recording
        kept = self._kept.setdefault(key, [])
        if len(kept) < MAX_FINDINGS:
            kept.append(finding)

    def sorted_results(self, checks: list[str]) -> tuple[tuple[CheckCount, ...], tuple[Finding, ...]]:
        """Counts and kept findings, the most severe first, then in the order of `checks`."""
        keys = sorted(self._kept, key=lambda key: (SEVERITIES.index(key[0]), checks.index(key[1])))
        counts = [
            CheckCount(
                check=check,
                severity=severity,
                findings=self._num_findings[severity, check],
                recordings=self._num_recordings[severity, check],
            )
            for severity, check in keys
        ]
        return tuple(counts), tuple(finding for key in keys for finding in self._kept[key])


def format_finding(finding: Finding) -> str:
    """A finding as one line: recording, person, message and frames."""
    person = f" person {finding.person}" if finding.person else ""
    prefix = f"{finding.recording}{person}: " if finding.recording else ""
    frames = f" (frame{'s' * (len(finding.frames) > 1)} {', '.join(map(str, finding.frames))})"
    return f"{prefix}{finding.message}{frames if finding.frames else ''}"
