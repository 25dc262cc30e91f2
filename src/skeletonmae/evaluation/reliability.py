"""How far an accuracy can be trusted: confidence intervals, and a sentence where a test side is too small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from skeletonmae.evaluation.result import Result

MIN_TEST_CLIPS = 30
"""With fewer test clips an accuracy proves nothing."""
MAX_INTERVAL_WIDTH = 0.3
"""With a wider 95 % interval an accuracy is only a rough estimate."""
NORMAL_QUANTILE = 1.959963984540054
"""The 97.5 % quantile of the normal distribution, for intervals of 95 %."""
PRIOR_GROUPS, PRIOR_CORRELATION = 2, 0.1
"""The variance between groups is estimated as if so many more had been seen, in which the clips of a group are
correlated so much. Without them, few groups that agree by chance have far too narrow an interval."""


def wilson_interval(
    num_correct: float, num_clips: float, quantile: float = NORMAL_QUANTILE
) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson, JASA 1927), as fractions from 0 to 1.

    Clips are taken to be independent. Those of one subject are not, so the true uncertainty is larger.

    Args:
        num_correct: Number of clips that were classified correctly; not an integer where clips count in part.
        num_clips: Number of clips. Without any, nothing is known: the interval is from 0 to 1.
        quantile: The 97.5 % quantile of the error by its standard error: that of Student's distribution where the
            variance is estimated as well.
    """
    if num_clips == 0:
        return 0.0, 1.0
    z2, share = quantile**2, num_correct / num_clips
    center = (share + z2 / (2 * num_clips)) / (1 + z2 / num_clips)
    variance = share * (1 - share) / num_clips + z2 / (4 * num_clips**2)
    half_width = quantile * math.sqrt(variance) / (1 + z2 / num_clips)
    # Without rounding, the bounds are exactly 0 and 1 here.
    low = center - half_width if num_correct else 0.0
    return low, center + half_width if num_correct < num_clips else 1.0


def grouped_interval(is_correct: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy whose clips belong to groups, such as subjects, for new groups.

    It is Wilson's interval for as many independent clips as these are worth (Kish, *Survey Sampling*, 1965: the
    design effect), which are fewer if some groups are recognized better than others. How much few groups differ is
    uncertain: the quantile is that of Student's distribution, and `PRIOR_GROUPS` more count.

    Args:
        is_correct: Whether each clip was recognized, `(clip,)`.
        groups: Number of the group of each clip, `(clip,)`.
    """
    from scipy.special import stdtrit

    if not len(is_correct):
        return 0.0, 1.0
    num_clips, num_correct = len(is_correct), int(np.sum(is_correct))
    effect, degrees = design_effect(is_correct, groups)
    return wilson_interval(num_correct / effect, num_clips / effect, float(stdtrit(degrees, 0.975)))


def design_effect(is_correct: np.ndarray, groups: np.ndarray) -> tuple[float, int]:
    """Return by how much the variance of an accuracy is larger than that of independent clips; see above.

    Args:
        is_correct: Whether each clip was recognized, `(clip,)`.
        groups: Number of the group of each clip, `(clip,)`.

    Returns:
        The design effect, 1 or more, and the degrees of freedom with which it was estimated.
    """
    hits, number = np.asarray(is_correct, dtype=float), len(is_correct)
    sizes = np.unique(groups, return_counts=True)[1]
    num_groups, share = len(sizes), float(hits.mean())
    effect = prior = 1 + (float((sizes**2).sum()) / number - 1) * PRIOR_CORRELATION
    if num_groups > 1 and 0 < share < 1:
        residual = np.bincount(np.unique(groups, return_inverse=True)[1], hits - share)
        variance = float((residual**2).sum()) * num_groups / (num_groups - 1) / number**2
        measured = variance / (share * (1 - share) / number)
        effect = (PRIOR_GROUPS * prior + (num_groups - 1) * measured) / (PRIOR_GROUPS + num_groups - 1)
    return max(1.0, effect), PRIOR_GROUPS + num_groups - 1


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
