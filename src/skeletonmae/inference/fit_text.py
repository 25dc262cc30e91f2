"""A fit in sentences: what to expect of the classifier, what to be warned of, and what to record next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from skeletonmae.inference.fit_data import COMBINED, COORDINATES, ENCODER
from skeletonmae.inference.fit_report import (
    MAX_IMBALANCE,
    MIN_CLIPS,
    MIN_RELIABLE_CLIPS,
    ConfusedPair,
    FineTuningOutcome,
    FitReport,
)
from skeletonmae.inference.folds import GROUP_TAGS
from skeletonmae.validation.finding import pluralize
from skeletonmae.validation.near_duplicates import MatchKind

MAX_NAMES = 5
"""Names that a sentence lists."""
MIN_SUBJECTS = 5
"""With fewer persons, new ones may differ from all of them."""
FEW_CLIPS = 20
"""With fewer clips, a class still gains much from more."""
KINDS = {
    "logistic": "logistic regression",
    "discriminant": "linear discriminant analysis",
    "prototypes": "class prototypes",
    "neighbors": "nearest neighbors",
    "ridge": "ridge regression",
    "fine-tuned": "the fine-tuned head",
}


COPIES: dict[MatchKind, str] = {
    "same": "exact copies of other recordings",
    "frames": "recordings that share frames with others",
    "near": "near copies of other recordings (moved, turned, mirrored, scaled or at another rate)",
}


def describe_accuracy(report: FitReport) -> str:
    """Say what to expect of the classifier, and how that was measured, in a few sentences."""
    if report.accuracy is None:
        return (
            "How good the classifier is, is not known: there are not enough recordings to keep some of each class"
            " apart."
        )
    low, high = report.interval
    grouping, number = report.grouping, len(report.tested)
    sentences = [
        f"Expect about {percent(report.accuracy)} of new clips to be recognized"
        f" (95 % interval {percent(low)} to {percent(high)})."
    ]
    if report.accuracy == 1:
        sentences = [
            f"All {number} clips were recognized; expect at least {percent(low)} of new ones"
            f" (95 % interval {percent(low)} to {percent(high)})."
        ]
    is_one_fold = report.fine_tuning and report.fine_tuning.is_kept and report.fine_tuning.num_folds == 1
    by = "by one classifier that" if is_one_fold else "each by a classifier that"
    if grouping.tag:
        num_subjects = len({clip.group for clip in report.tested} - {""})
        sentences.append(
            f"Measured on {number} clips of {num_subjects} subjects (tag {grouping.tag}), {by} had seen no clip of"
            f" {'these subjects' if is_one_fold else 'its subject'}."
        )
    elif grouping.confounded_tag:
        sentences.append(
            f"Measured on {number} clips, {by} had not seen {'them' if is_one_fold else 'it'}, but had seen the"
            f" same person: each class shows one {grouping.confounded_tag} only. Whether actions are told apart"
            " or persons, nothing can show; on new persons, expect much less."
        )
    else:
        sentences.append(
            f"Measured on {number} clips, {by} had not seen {'them' if is_one_fold else 'it'}. Nothing says who"
            " was recorded, so it may have seen the same person: on new persons, expect less."
        )
    if alone := report.single_subject_classes:
        sentences.append(
            f"{'Each of' if len(alone) > 1 else 'The class'} {_join(alone)} shows one {grouping.tag} only, without"
            " whom nothing is left to learn it from: its clips count as not recognized."
        )
    if chance := _describe_chance(report):
        sentences.append(chance)
    if is_one_fold:
        sentences.append("These are one held-out part of the clips: another part would give another number.")
    if number < MIN_RELIABLE_CLIPS:
        sentences.append(f"With only {number} clips, this is a rough estimate.")
    elif min(report.counts) < MIN_CLIPS:
        sentences.append("Of some classes there are too few clips to say anything.")
    return " ".join(sentences)


def describe_choice(report: FitReport) -> str:
    """Say which classifier was chosen, and what the others would have achieved."""
    candidate = report.chosen.candidate
    kind = KINDS[candidate.method]
    what = f"the features of the encoder {report.encoder}" if report.encoder else f"the {candidate.features}"
    beside = " and the coordinates" if _group_of(report) == COMBINED else ""
    text = f"Chosen: {kind} on {what}{beside}."
    if report.fine_tuning:
        text = _describe_fine_tuning(report, report.fine_tuning, text)
    names = {
        ENCODER: "the encoder's features alone",
        COORDINATES: "the coordinates alone",
        COMBINED: "both together",
    }
    others = [f"{names[name]} {percent(value)}" for name, value in report.accuracies.items() if name in names]
    if len(others) > 1:
        text += f" On the same clips: {', '.join(others)}."
    text += _describe_other_order(report, names)
    return f"{text} The most frequent class has {percent(report.majority_share)} of the clips."


def describe_warnings(report: FitReport) -> Iterator[str]:
    """Yield what makes the classifier or its accuracy weak."""
    grouping = report.grouping
    number = len(report.recordings)
    if 2 * report.num_motionless >= number:
        yield f"in {report.num_motionless} of {number} clips nobody moves: only poses are told apart, not actions"
    if 2 * report.num_noisy >= number:
        yield (
            f"the motion of {report.num_noisy} of {number} clips is as irregular as noise: look at the recordings"
            " (skeletonmae validate)"
        )
    small = [
        f"{name} ({count})" for name, count in zip(report.classes, report.counts, strict=True) if count < MIN_CLIPS
    ]
    if small:
        yield f"fewer than {MIN_CLIPS} clips of {_join(small)}: their accuracy means nothing"
    largest, smallest = max(report.counts), min(report.counts)
    if largest >= MAX_IMBALANCE * smallest:
        most = report.classes[report.counts.index(largest)]
        least = report.classes[report.counts.index(smallest)]
        yield f"{most} has {largest} clips and {least} {smallest}: the classes with more are predicted too often"
    if alone := report.single_subject_classes:
        yield f"{_join(alone)}: recorded with one {grouping.tag} only; record each action with two persons or more"
    if grouping.confounded_tag:
        yield (
            f"each class shows one {grouping.confounded_tag} only: record each action with two persons or more,"
            " and each person in several actions"
        )
    elif grouping.tag is None:
        tags = {tag: len({one.tags.get(tag) for one in report.recordings}) for tag in _common_tags(report)}
        known = next((tag for tag, count in tags.items() if tag in GROUP_TAGS and count == 1), None)
        if known:
            yield f"all recordings have the same {known}: how other persons are recognized is not known"
        else:
            yield (
                "nothing says who was recorded: add a column `subject` to labels.csv, so that the accuracy is"
                " measured on persons that the classifier has not seen"
            )
    elif "" in grouping.values:
        number = grouping.values.count("")
        have = "has" if number == 1 else "have"
        yield (
            f"{pluralize(number, 'recording')} {have} no {grouping.tag}, and may show a person whom the classifier"
            " has seen"
        )
    yield from _describe_copies(report)
    for pair in _learned_pairs(report):
        if pair.is_chance:
            yield (
                f"{pair.first} and {pair.second} are hardly told apart: {pair.num_confused} of {pair.num_clips}"
                " clips are taken for the other"
            )


def describe_next_recordings(report: FitReport) -> Iterator[str]:
    """Yield what to record next, the most useful first."""
    grouping = report.grouping
    if grouping.confounded_tag:
        yield "each action with two persons or more, and each person in several actions"
    elif alone := report.single_subject_classes:
        yield f"more persons for {_join(alone)}: without the only one there is, nothing is left of the class"
    elif grouping.num_subjects < MIN_SUBJECTS:
        yield (
            f"more persons: {grouping.num_subjects or 'it is not known how many'} are in the recordings"
            if grouping.tag
            else "several persons, with a column `subject` in labels.csv"
        )
    fewest = min(report.counts)
    if fewest < FEW_CLIPS or max(report.counts) >= 2 * fewest:
        few = [
            f"{name} ({count})"
            for count, name in sorted(zip(report.counts, report.classes, strict=True))
            if count < max(FEW_CLIPS, max(report.counts) / 2)
        ]
        if few and fewest == max(report.counts):
            yield f"more clips of every class: there {'is one' if fewest == 1 else f'are {fewest}'} of each"
        elif few:
            yield f"more clips of the classes with fewest: {_join(few)}"
    pairs = [
        f"{pair.first} / {pair.second} ({pair.num_confused} confused)"
        for pair in _learned_pairs(report)[:MAX_NAMES]
    ]
    if pairs:
        yield f"clips that show the difference of what is confused most: {_join(pairs)}"


def percent(share: float) -> str:
    """Write a share in percent."""
    return f"{100 * share:.0f} %"


def _learned_pairs(report: FitReport) -> list[ConfusedPair]:
    """Pairs of confused classes, without those of a class that no fold could learn."""
    alone = set(report.single_subject_classes)
    return [pair for pair in report.confused_pairs if not {pair.first, pair.second} & alone]


def _describe_chance(report: FitReport) -> str:
    """Say that the accuracy is no better than chance, or may be; nothing if it is surely better."""
    share, accuracy = report.majority_share, report.accuracy or 0.0
    if report.is_above_chance:
        return ""
    what = f"chance: always answering the most frequent class is right in {percent(share)}"
    return f"This is no better than {what}." if accuracy <= share else f"This cannot be told from {what}."


def _group_of(report: FitReport) -> str:
    """The kind of features that was chosen, without how coordinates are turned."""
    features = report.chosen.candidate.features
    return features if features in (ENCODER, COMBINED) else COORDINATES


def _describe_other_order(report: FitReport, names: Mapping[str, str]) -> str:
    """Say why something was chosen that is worse on the tested clips; nothing if it is not."""
    own = _group_of(report)
    measured, chosen_by = report.accuracies, report.choice_accuracies
    known = [name for name in names if name in measured and name in chosen_by]
    if report.fine_tuning or own not in known:
        return ""
    other = max(known, key=lambda name: measured[name])
    if measured[other] <= measured[own]:
        return ""
    text = (
        f" The choice was made by cross-validation on all clips, where {names[own]} had"
        f" {percent(chosen_by[own])} and {names[other]} {percent(chosen_by[other])}"
    )
    if other == COORDINATES:
        return (
            f"{text}. Coordinates alone are chosen only if they are better by over one standard error, because the"
            " encoder also tells what is unknown."
        )
    return f"{text}; as the order differs here, neither is surely better."


def _describe_fine_tuning(report: FitReport, outcome: FineTuningOutcome, chosen: str) -> str:
    """Say whether the fine-tuned encoder was kept, and why."""
    numbers = (
        f"of the same {outcome.num_clips} clips, the fine-tuned encoder recognized {percent(outcome.accuracy)},"
        f" and the best frozen choice {percent(outcome.frozen_accuracy)}"
    )
    if outcome.is_kept:
        measured = (
            "These clips chose between the two as well, so that the accuracy is a little too good."
            if outcome.num_folds == 1
            else "The accuracy is that of choosing between the two in each fold by the clips of the others."
        )
        return f"Chosen: the encoder {report.encoder}, fine-tuned together with a head: {numbers}. {measured}"
    return f"{chosen} Fine-tuning did not help by more than one standard error, and was not kept: {numbers}."


def _describe_copies(report: FitReport) -> Iterator[str]:
    """Yield which recordings copy others, and which of these have different labels."""
    copies = report.grouping.copies
    names = [one.name for one in report.recordings]
    for kind, what in COPIES.items():
        pairs = [f"{names[one.index]} and {names[one.other_index]}" for one in copies if one.kind == kind]
        if pairs:
            yield f"{what}: {len(pairs)}; none is tested by what was fitted to the other ({_join(pairs)})"
    different = [
        names[match.index]
        for match in copies
        if report.recordings[match.index].label != report.recordings[match.other_index].label
    ]
    if different:
        yield f"copies with different labels: {_join(different)}"


def _common_tags(report: FitReport) -> list[str]:
    counts = Counter(tag for one in report.recordings for tag in one.tags)
    return [tag for tag, count in counts.items() if count == len(report.recordings)]


def _join(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
