"""What is known about the actions of each person, for every frame of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Label:
    """An answer for some frames of a person.

    Args:
        person: Index of the person; None for all persons together.
        start: First frame, from 0.
        end: Frame after the last one.
        text: The class, or `unknown`.
        probability: Probability of the class; None if it is not known, or if the class is unknown.
    """

    person: int | None
    start: float
    end: float
    text: str
    probability: float | None


def labels_at(labels: Iterable[Label], frame: float) -> dict[int | None, Label]:
    """Return the label of each person in a frame; of several, the one that began last."""
    found: dict[int | None, Label] = {}
    for label in labels:
        if label.start <= frame < label.end:
            other = found.get(label.person)
            if other is None or other.start <= label.start:
                found[label.person] = label
    return found


def rows_of(labels: Sequence[Label]) -> list[int | None]:
    """Return the persons who have labels, in their order; None, for all together, comes first."""
    return sorted({label.person for label in labels}, key=lambda person: -1 if person is None else person)


def without_overlap(labels: Sequence[Label]) -> list[Label]:
    """Shorten labels of a person that reach into the next one, such as those of windows that overlap by half."""
    result: list[Label] = []
    for person in rows_of(labels):
        own = sorted((label for label in labels if label.person == person), key=lambda label: label.start)
        for label, following in zip(own, [*own[1:], None], strict=True):
            end = label.end if following is None else min(label.end, following.start)
            if end > label.start:
                result.append(replace(label, end=end))
    return result


def labels_between(labels: Sequence[Label], first: int, last: int) -> list[Label]:
    """Return labels of some frames, counted from the first of these."""
    return [
        replace(label, start=max(label.start, first) - first, end=min(label.end, last) - first)
        for label in labels
        if label.start < last and label.end > first
    ]
