"""How far an accuracy can be trusted: confidence intervals, and a sentence where a test side is too small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skeletonmae.evaluation.protocol import Result

MIN_TEST_CLIPS = 30
"""With fewer test clips an accuracy proves nothing."""
MAX_INTERVAL_WIDTH = 0.3
"""With a wider 95 % interval an accuracy is only a rough estimate."""
NORMAL_QUANTILE = 1.959963984540054
"""The 97.5 % quantile of the normal distribution, for intervals of 95 %."""


def wilson_interval(num_correct: float, num_clips: float) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson, JASA 1927), as fractions from 0 to 1.

    Clips are taken to be independent. Those of one subject are not, so the true uncertainty is larger.

    Args:
        num_correct: Number of clips that were classified correctly; not an integer where clips count in part.
        num_clips: Number of clips. Without any, nothing is known: the interval is from 0 to 1.
    """
    if num_clips == 0:
        return 0.0, 1.0
    z2, share = NORMAL_QUANTILE**2, num_correct / num_clips
    center = (share + z2 / (2 * num_clips)) / (1 + z2 / num_clips)
    variance = share * (1 - share) / num_clips + z2 / (4 * num_clips**2)
    half_width = NORMAL_QUANTILE * math.sqrt(variance) / (1 + z2 / num_clips)
    # Without rounding, the bounds are exactly 0 and 1 here.
    low = center - half_width if num_correct else 0.0
    return low, center + half_width if num_correct < num_clips else 1.0


def describe_reliability(results: Sequence[Result]) -> str:
    """Say why accuracies mean little, if they do, in a sentence or two; otherwise return an empty string.

    They mean little if there are fewer than `MIN_TEST_CLIPS` test clips, if an interval is wider than
    `MAX_INTERVAL_WIDTH`, or if all test clips have the same class.
    """
    sentences = []
    num_test = min((result.num_test for result in results), default=MIN_TEST_CLIPS)
    width = max((result.top1_interval[1] - result.top1_interval[0] for result in results), default=0.0)
    clips = "a single test clip" if num_test == 1 else f"only {num_test} test clips"
    if num_test < MIN_TEST_CLIPS:
        sentences.append(
            f"These accuracies prove nothing, because there {'is' if num_test == 1 else 'are'} {clips}: "
            f"their 95 % intervals are up to {100 * width:.0f} points wide."
        )
    elif width > MAX_INTERVAL_WIDTH:
        sentences.append(
            f"These accuracies are rough estimates from {clips}: "
            f"their 95 % intervals are up to {100 * width:.0f} points wide."
        )
    tested = {
        name
        for result in results
        for name, row in zip(result.classes, result.confusion_matrix, strict=True)
        if sum(row)
    }
    if len(tested) == 1:
        sentences.append(
            f"All test clips have the class {tested.pop()!r}, so the accuracies do not tell whether the model can "
            "distinguish the classes."
        )
    return " ".join(sentences)
