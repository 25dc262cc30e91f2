"""Whether a result that was run again agrees with the one that was published."""

from __future__ import annotations

import difflib
import json
import math
import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skeletonmae.errors import InputError
from skeletonmae.evaluation.finetune import Finetune
from skeletonmae.evaluation.linear import FIT_SETTINGS
from skeletonmae.evaluation.protocol import EvaluationProtocol
from skeletonmae.evaluation.reliability import wilson_interval
from skeletonmae.evaluation.result import Result

KEYS = ("recipe", "protocol", "setting", "label_fraction", "pretrained", "seeds", "mean", "spread", "num_test")
"""What a row of published results must have."""
MAX_LISTED = 12
LATER_WORDS = (*FIT_SETTINGS, "classes", "queries", "episodes")
"""Settings that the names of results did not have in earlier versions."""


class _RowFields(BaseModel):
    """The types of the fields of `KEYS`."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    recipe: str
    protocol: str
    setting: str
    label_fraction: float = Field(gt=0, le=1)
    pretrained: bool
    seeds: list[int] = Field(min_length=1)
    mean: float = Field(ge=0, le=100)
    spread: float | None = Field(ge=0)
    num_test: int = Field(gt=0)
    weights_digest: str = ""
    store_fingerprint: str = ""


@dataclass(frozen=True)
class Agreement:
    """A row of published results and the same results run again; accuracies in percent.

    Args:
        published: Mean accuracy of the row.
        again: Mean accuracy now.
        tolerance: Largest difference that counts as agreement.
        rule: Where the tolerance comes from, in words.
    """

    published: float
    again: float
    tolerance: float
    rule: str

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.again - self.published) <= self.tolerance + 1e-9

    @property
    def sentence(self) -> str:
        """The two numbers and the verdict."""
        verdict = "agrees with" if self.agrees else "differs from"
        difference = self.again - self.published
        return (
            f"{self.again:.2f} {verdict} the published {self.published:.2f}: a difference of {difference:+.2f}, "
            f"where {self.tolerance:.2f} is allowed, {self.rule}"
        )


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of published results.

    Raises:
        InputError: The file does not exist or is not a list of results.
    """
    if not path.is_file():
        raise InputError(
            "there are no published results", where=path, expected="docs/results.json of the repository"
        )
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"not JSON ({error})", where=path) from error
    is_valid = isinstance(rows, list) and all(isinstance(row, dict) and set(KEYS) <= row.keys() for row in rows)
    if not is_valid:
        raise InputError("not a list of results", where=path, expected=f"rows with {', '.join(KEYS)}")
    for number, row in enumerate(rows, 1):
        try:
            _RowFields.model_validate(row)
            recipe_words(row)
        except ValidationError as error:
            mistake = error.errors()[0]
            key, reason = ".".join(map(str, mistake["loc"])), mistake["msg"]
            raise InputError(f"{key}: {reason}", where=f"{path}: row {number}", got=mistake["input"]) from error
        except InputError as error:
            raise InputError(str(error), where=f"{path}: row {number}") from error
    return list(rows)


def recipe_words(row: Mapping[str, Any]) -> list[str]:
    """Return the recipe of a row and its overrides; a path with spaces is in quotes.

    Raises:
        InputError: The row names no recipe.
    """
    try:
        words = shlex.split(row["recipe"])
    except ValueError:
        words = []
    if not words:
        problem = "the row names no recipe"
        raise InputError(problem, expected="recipes/FOLDER/NAME.yaml and overrides", got=repr(row["recipe"]))
    return words


def describe_row(row: Mapping[str, Any]) -> str:
    """Return the recipe and the protocol of a row, such as `nw_ucla/mamp linear joints 100% pre-trained`."""
    recipe, *overrides = recipe_words(row)
    name = "/".join(Path(recipe).with_suffix("").parts[-2:])
    encoder = "pre-trained" if row["pretrained"] else "from-scratch"
    setting = row["setting"].split()
    streams = ["+".join(ensemble_streams(row))] if ensemble_streams(row) else []
    share = f"{100 * row['label_fraction']:g}%"
    return " ".join([name, *overrides, *streams, row["protocol"], *setting, share, encoder])


def ensemble_streams(row: Mapping[str, Any]) -> list[str]:
    """Return the streams whose scores a row adds up; none if it has a single stream."""
    streams = row.get("stream", "").split(" + ")
    return streams if len(streams) > 1 else []


def find_row(rows: Sequence[dict[str, Any]], text: str) -> dict[str, Any]:
    """Return the row of a number from 1, or the only one whose description has all words of a text.

    Where several have them, the one whose description is the text is taken.

    Raises:
        InputError: No row or several have these words; the message lists them.
    """
    if text.isascii() and text.isdecimal():
        if not 1 <= int(text) <= len(rows):
            raise InputError("there is no such row", expected=f"1 to {len(rows)}", got=text)
        return rows[int(text) - 1]
    words = text.split()
    found = [row for row in rows if set(words) <= set(describe_row(row).split())]
    exact = [row for row in found if describe_row(row) == text]
    if len(exact or found) == 1:
        return (exact or found)[0]
    known = [describe_row(row) for row in rows]
    near = [describe_row(row) for row in found] or difflib.get_close_matches(text, known, MAX_LISTED, cutoff=0.4)
    listed = near or known
    more = (
        [f"and {len(listed) - MAX_LISTED} more; `skeletonmae repro` lists all"] if len(listed) > MAX_LISTED else []
    )
    problem = "several rows have these words" if found else "no row has these words"
    raise InputError(problem, expected="\n  ".join(["", *listed[:MAX_LISTED], *more]), got=text)


def matching_protocols(
    evaluation: Sequence[EvaluationProtocol], row: Mapping[str, Any]
) -> tuple[EvaluationProtocol, ...]:
    """Return the protocols of a recipe that give the results of a row, with its seeds.

    The row may have the name that an earlier version gave to these results.

    Raises:
        InputError: There are none.
    """
    name, fraction = f"{row['protocol']} {row['setting']}".strip(), row["label_fraction"]
    matching: list[EvaluationProtocol] = []
    for read in (str, _earlier_name):
        matching = matching or [
            protocol
            for protocol in evaluation
            if any((read(key[0]), key[1]) == (name, fraction) for key in protocol.result_keys)
        ]
    if not matching:
        kinds = ", ".join(dict.fromkeys(str(getattr(protocol, "kind", "")) for protocol in evaluation))
        raise InputError("the recipe no longer has the protocol of the row", expected=describe_row(row), got=kinds)
    seeds = {"seeds": tuple(row["seeds"])}
    return tuple(each.model_copy(update=seeds) if isinstance(each, Finetune) else each for each in matching)


def _earlier_name(name: str) -> str:
    """Return the name of a result in versions that did not name these settings."""
    return " ".join(word for word in name.split() if word.partition("=")[0] not in LATER_WORDS)


def t_quantile(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t distribution.

    Args:
        degrees: Degrees of freedom, from 1.
    """
    from scipy.special import stdtrit  # slow to import

    return float(stdtrit(degrees, 0.975))


def check_agreement(row: Mapping[str, Any], results: Sequence[Result], weights_digest: str = "") -> Agreement:
    """Compare the results of a row that were run again with the row.

    With several seeds, the difference of the means must be within its 95 % interval, by Student's t and the
    spread of the row over its seeds. The spread of one seed is unknown, so the new accuracy must be in the 95 %
    score interval of the row: that of other test clips, although these are the same, and therefore generous. One
    test clip more or less is always allowed, and no more where a frozen encoder has the weights of the row.

    Args:
        row: A row of published results.
        results: All results of the evaluation; those of the row are selected.
        weights_digest: Digest of the weights that were evaluated, as in `results.json`; empty if it is not known.

    Raises:
        InputError: The evaluation has no result of the row, or other numbers of seeds or test clips.
    """
    name = f"{row['protocol']} {row['setting']}".strip()
    candidates = [each for each in results if each.label_fraction == row["label_fraction"]]
    again = [each for each in candidates if each.name == name]
    again = again or [each for each in candidates if _earlier_name(each.name) == name]
    seeds = [each.seed for each in again]
    if sorted(seeds) != sorted(row["seeds"]):
        expected = f"{describe_row(row)} with seeds {row['seeds']}"
        raise InputError("the evaluation gave other results", expected=expected, got=f"seeds {seeds}")
    if any(each.num_test != row["num_test"] for each in again):
        got = ", ".join(str(each.num_test) for each in again)
        raise InputError("other test clips than those of the row", expected=row["num_test"], got=got)
    top1, published, one_clip = (
        (100 * statistics.fmean(each.top1 for each in again)),
        row["mean"],
        100 / row["num_test"],
    )
    is_same_encoder = weights_digest and weights_digest == row.get("weights_digest")
    if is_same_encoder and row["protocol"] != Finetune().kind:
        tolerance, rule = (
            one_clip,
            "one test clip, because the weights are those of the row; more can come from another version of the"
            " code, or from near-ties in the selection of a strength",
        )
    elif row["spread"] is not None:
        quantile = t_quantile(len(seeds) - 1)
        tolerance = quantile * row["spread"] * math.sqrt(2 / len(seeds))
        rule = (
            f"{quantile:.2f} standard errors (Student's t, 95 %) of a difference of means over {len(seeds)} seeds"
            f" with a spread of {row['spread']}; to agree means that other seeds explain the difference"
        )
    else:
        low, high = wilson_interval(round(published / 100 * row["num_test"]), row["num_test"])
        tolerance = 100 * high - published if top1 > published else published - 100 * low
        rule = (
            f"the 95 % interval of the published accuracy on {row['num_test']} test clips, since there is one"
            " seed; it is that of other test clips, and these are the same: to agree rules out large errors only"
        )
    if tolerance < one_clip:
        tolerance, rule = one_clip, "one test clip"
    return Agreement(published, top1, tolerance, rule)
