"""One sentence for each result: what was trained, on what, and tested on whom."""

from __future__ import annotations

from collections.abc import Sequence

from skeletonmae.datasets import GroupSplit, TagSplit
from skeletonmae.datasets.subsets import group_codes
from skeletonmae.evaluation import Result
from skeletonmae.plotting.result_table import format_interval
from skeletonmae.recipe import Recipe
from skeletonmae.sequences import SequenceStore
from skeletonmae.validation.finding import pluralize

MAX_NAMES = 4
"""More names on the test side are not repeated in every row."""


def describe_result(result: Result, test_side: str) -> str:
    """Describe a result in a sentence.

    Args:
        result: the result.
        test_side: who is on the test side, as `describe_test_side` says it.
    """
    encoder = "the pre-trained encoder" if result.pretrained else "an encoder that was not pre-trained"
    clips = pluralize(result.num_train, "labeled clip")
    if result.protocol == "finetune":
        description = (
            f"{encoder[0].upper()}{encoder[1:]} and a classifier, trained together on {clips} (seed {result.seed})"
        )
    elif result.protocol == "knn":
        neighbors = result.setting.split()[0].removeprefix("k=")
        which = "the nearest" if neighbors == "1" else f"the {neighbors} nearest"
        description = f"The class of {which} of {clips}, by features of {encoder}"
    else:
        features = "features of each joint" if "joints" in result.setting else "features"
        description = f"A linear classifier, trained on {features} of {clips} from {encoder}, which is frozen"
    return f"{description}; tested on {_count_test_clips(result)}{test_side}."


def describe_test_side(recipe: Recipe, store: SequenceStore) -> str:
    """Who is on the test side, to follow the number of clips: ` of subject 3, 5`, or ` drawn at random`."""
    rule = recipe.data.evaluate.split_rule(store)
    rule = rule.resolve(store) if isinstance(rule, GroupSplit) else rule
    if not isinstance(rule, GroupSplit | TagSplit):
        return " drawn at random"
    tag = rule.group_by if isinstance(rule, GroupSplit) else rule.tag
    codes, values = group_codes(store, tag)
    names = [values[code] for code in sorted(set(codes[rule(store).test].tolist()))]
    return f" of {tag} {', '.join(names)}" if len(names) <= MAX_NAMES else f" of {len(names)} {tag}s"


def describe_seeds(results: Sequence[Result]) -> str:
    """What the mean accuracy of some runs is a mean of: their number, and their lowest and highest accuracy.

    A mean of seeds gets no confidence interval, because all seeds are tested on the same clips.

    Args:
        results: the same protocol with one or more seeds.
    """
    if len(results) == 1:
        return f"one seed; 95 % interval {format_interval(results[0].top1_interval)}"
    accuracies = [100 * result.top1 for result in results]
    return f"mean of {len(accuracies)} seeds, {min(accuracies):.1f} to {max(accuracies):.1f}"


def _count_test_clips(result: Result) -> str:
    """The number of test clips with their noun: `430 clips`, or `428 of 430 clips` if two were left out."""
    is_one = result.num_test + result.num_test_left_out == 1
    return f"{result.test_clips} clip{'' if is_one else 's'}"
