"""The goals that were set for the encoders of any layout before they were trained, and those that one missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

LINEAR = {"nw_ucla": 92.0, "utd_mhad": 90.0, "sbu": 92.0, "penn_action": 97.0}
"""Dataset -> accuracy with all labels, in percent."""
ABOVE_RIDGE = 10.0
"""Points above ridge at 5 clips a class, on average over the datasets."""
CONVERSION = "2D, random direction, coco17, 15 fps"
FOUND = 95.0
"""How often a converted recording should be nearest to itself, in percent."""
FEATURES = ("statistics", "parts")
"""Poolings that have to reach the goals."""
PROTOCOLS = {"linear": "all labels", "few 1": "1 clip a class", "few 5": "5 clips", "few 10": "10 clips"}
INTRO = """These goals were set before the training. A goal is named here if the encoder missed it with one of the
two poolings, or if it was not measured."""

Accuracies = Mapping[tuple[str, str, str], float]
"""(dataset, protocol, features) -> share of the test clips."""
Conversions = Mapping[str, Mapping[str, Mapping[str, float] | None]]
"""Features -> conversion -> results."""


def retrieval_line(converted: Conversions) -> str:
    """Return how often a converted recording finds itself; empty if it was not measured.

    Args:
        converted: The results of benchmarks/self_retrieval.py.
    """
    if not (numbers := _found(converted)):
        return ""
    return f"""A recording that was converted to 2D as seen from a random direction, to the layout `coco17` and to
15 frames per second is nearest to itself among 1,000 recordings in {_join(numbers, " %")}
(`benchmarks/self_retrieval.md`)."""


def missed_goals(
    accuracies: Accuracies,
    ridge: Mapping[tuple[str, str], float],
    converted: Conversions,
    title: Callable[[str], str],
) -> str:
    """Return a list of the goals that were missed or not measured.

    Args:
        accuracies: Of the encoder.
        ridge: (dataset, protocol) -> share of the test clips that the best ridge classifier recognizes.
        converted: The results of benchmarks/self_retrieval.py.
        title: Returns what a dataset is called.
    """
    lines = [
        *_linear(accuracies, title),
        *_never_below(accuracies, ridge, title),
        *_above(accuracies, ridge),
        *_converted(converted),
    ]
    return f"{INTRO}\n\n" + "\n".join(f"- {line}" for line in lines) if lines else "All goals were reached."


def _linear(accuracies: Accuracies, title: Callable[[str], str]) -> Iterator[str]:
    for dataset, goal in LINEAR.items():
        numbers = {
            features: 100 * accuracies[key]
            for features in FEATURES
            if (key := (dataset, "linear", features)) in accuracies
        }
        what = f"{goal:g} % on {title(dataset)} with all labels"
        if not numbers:
            yield f"{what}: not measured."
        elif min(numbers.values()) < goal:
            yield f"{what}: {_join(numbers)}."


def _never_below(
    accuracies: Accuracies, ridge: Mapping[tuple[str, str], float], title: Callable[[str], str]
) -> Iterator[str]:
    for features in FEATURES:
        below: dict[str, list[str]] = {}
        for dataset, protocol in ridge:
            top1 = accuracies.get((dataset, protocol, features))
            if top1 is not None and top1 < ridge[dataset, protocol]:
                pair = f"{100 * top1:.1f} against {100 * ridge[dataset, protocol]:.1f}"
                below.setdefault(dataset, []).append(f"{PROTOCOLS[protocol]} {pair}")
        if below:
            places = "; ".join(f"{title(dataset)} ({', '.join(pairs)})" for dataset, pairs in below.items())
            yield f"Nowhere below ridge: with `{features}`, it is below on {places}."


def _above(accuracies: Accuracies, ridge: Mapping[tuple[str, str], float]) -> Iterator[str]:
    what = f"{ABOVE_RIDGE:g} points above ridge at 5 clips a class, on average over the datasets"
    numbers = {}
    for features in FEATURES:
        gains = [
            100 * (top1 - ridge[dataset, protocol])
            for (dataset, protocol, name), top1 in accuracies.items()
            if (protocol, name) == ("few 5", features) and (dataset, protocol) in ridge
        ]
        if gains:
            numbers[features] = sum(gains) / len(gains)
    if not numbers:
        yield f"{what}: not measured."
    elif min(numbers.values()) < ABOVE_RIDGE:
        yield f"{what}: {_join(numbers)}."


def _converted(converted: Conversions) -> Iterator[str]:
    numbers = _found(converted)
    if not numbers:
        yield f"A converted recording nearest to itself among 1,000 in {FOUND:g} %: not measured."
    elif min(numbers.values()) < FOUND:
        yield f"A converted recording (above) nearest to itself among 1,000 in {FOUND:g} %: {_join(numbers)}."


def _found(converted: Conversions) -> dict[str, float]:
    results = {features: converted.get(features, {}).get(CONVERSION) for features in FEATURES}
    return {features: 100 * result["top1"] for features, result in results.items() if result}


def _join(numbers: Mapping[str, float], unit: str = "") -> str:
    return ", ".join(f"{number:.1f}{unit} with `{features}`" for features, number in numbers.items())
