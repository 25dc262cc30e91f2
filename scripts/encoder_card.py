"""The model card of a shipped encoder, in Markdown: data and terms, training, results, limits.

    python scripts/encoder_card.py small     # write the card again, after a measurement or a change of its text

The card is made of the shipped file, of its facts (`small.card.json`), of the texts in `encoder_texts.py` and of
the results that were measured with these weights.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from encoder_facts import CardFacts, read_facts
from encoder_results import benchmark_section
from encoder_texts import NOT_MEASURED, OTHER_SOURCES, TEXTS, WEIGHTS_TEXTS, Terms, Text

from skeletonmae.checkpoint import Checkpoint, Header, load_checkpoint
from skeletonmae.datasets import DATASETS, Dataset
from skeletonmae.encoders import find_shipped
from skeletonmae.encoders.identity import network_checksum, weights_checksum
from skeletonmae.encoders.shipped import FOLDER
from skeletonmae.errors import InputError
from skeletonmae.evaluation.cost import logged_seconds
from skeletonmae.evaluation.model_size import count_model_parameters
from skeletonmae.evaluation.saved_results import SavedResults
from skeletonmae.files import write_text
from skeletonmae.recipe import Recipe, Source
from skeletonmae.sequences import SequenceStore
from skeletonmae.training.run_folder import read_log

RIDGE = Path(__file__).parents[1] / "benchmarks" / "ridge.json"
"""Accuracies of a ridge classifier on the coordinates, by benchmarks/ridge.py."""


def make_card(name: str, checkpoint: Checkpoint, facts: CardFacts) -> str:
    """Return the card of an encoder.

    Args:
        name: The name, a key of `TEXTS`.
        checkpoint: The shipped file.
        facts: What the file does not know.
    """
    text, header = TEXTS[name], checkpoint.header
    recipe = Recipe.model_validate(header.recipe)
    training = recipe.training
    num_weights = count_model_parameters(checkpoint.method, header.spec)
    rows = {
        "method": f"`{header.method.kind}`, target `{header.method.target}`, {header.method.depth} blocks of width"
        f" {header.method.width}",
        "parameters of the encoder": f"{num_weights:,}, shipped in half precision",
        "clips": f"{header.clips.frames} frames, up to {header.clips.max_persons} persons, {_axes(checkpoint)}",
        "unit": "any" if header.method.reads_any_layout else header.unit,
        "joints": _joints(checkpoint),
        "epochs": str(training.epochs),
        "batch size, precision": f"{training.batch_size}, {training.precision}",
        "seed": str(training.seed),
        **facts.facts,
    }
    sources = recipe.data.pretrain_sources
    data = [
        [(dataset := _dataset(source)).title, dataset.source, facts.used[source.store.name], dataset.license]
        for source in sources
    ]
    name_of_license = "\nlicense_name: research-and-non-commercial" if text.license_id == "other" else ""
    return f"""---
license: {text.license_id}{name_of_license}
library_name: skeletonmae
tags: [skeleton, action-recognition, self-supervised-learning]
---

# {name}

{text.summary[0].upper()}{text.summary[1:]}.

**Terms**: {text.license}. {_of_code(text)}

```python
from skeletonmae import SkeletonEncoder

encoder = SkeletonEncoder.from_pretrained("{name}")
embeddings = encoder.embed("recordings/")
```

## Intended use

{text.uses}

## Data and terms

{text.data} The weights contain no recording.

| dataset | source | recordings used | terms |
|---|---|---|---|
{_lines(data)}

## Training

| | |
|---|---|
{_lines(rows.items())}

## Results

{_results(name, header, facts)}

## Limits

{text.limits}
{WEIGHTS_TEXTS.get(facts.weights, NOT_MEASURED)}

## Not tested

{text.not_tested}
"""


def _axes(checkpoint: Checkpoint) -> str:
    return "2D and 3D" if checkpoint.header.method.reads_any_layout else f"{checkpoint.header.axes}D"


def _joints(checkpoint: Checkpoint) -> str:
    joints = checkpoint.header.joints
    if checkpoint.header.method.reads_any_layout:
        return f"any; {len(joints)} by name, others by their side, body part and place in the layout"
    return ", ".join(joints)


def _of_code(text: Text) -> str:
    code = "The code of skeletonmae is under the Apache License 2.0"
    return f"{code}; these weights are not." if text.license_id == "other" else f"{code} too."


def training_hours(folder: Path, recipe: dict[str, Any]) -> str:
    """Return how long a run took, by its log, such as `1.8 hours`."""
    accumulation_steps = int(recipe.get("training", {}).get("gradient_accumulation_steps", 1))
    seconds = logged_seconds(read_log(folder), accumulation_steps)
    if seconds is None:
        raise InputError("the run has no log", where=folder, expected="log.csv")
    return f"{seconds / 3600:.1f} hours"


def _results(name: str, header: Header, facts: CardFacts) -> str:
    """Return the results that were measured with these weights, or that there are none."""
    if facts.results:
        return f"{EVALUATIONS}\n{_lines(facts.results)}"
    compared = find_shipped("kinect20") if name != "kinect20" else None
    section = benchmark_section(facts.weights, network_checksum(header), compared.sha256 if compared else "")
    return section or "Not measured with these weights."


def evaluation_rows(
    results: Sequence[SavedResults], untrained: Sequence[SavedResults]
) -> tuple[tuple[str, ...], ...]:
    """Return the rows of the table of evaluations.

    Args:
        results: Evaluations of the shipped encoder.
        untrained: Evaluations of the same network with random weights.
    """
    lines: list[tuple[str, ...]] = []
    by_set = {_test_side(one): one.by_name() for one in untrained}
    for evaluation in results:
        baseline = by_set.get(_test_side(evaluation), {})
        for key, runs in evaluation.by_name().items():
            run, fraction = runs[0], key[1]
            labels = "" if fraction == 1 else f" ({100 * fraction:g} % of the labels)"
            interval = f"{_percent(run.top1_interval[0])} to {_percent(run.top1_interval[1])}"
            copies = "" if run.top1_without_copies is None else _percent(run.top1_without_copies)
            random = _percent(baseline[key][0].top1) if key in baseline else ""
            ridge = _ridge(evaluation)
            cells = (*_test_side(evaluation), f"{key[0]}{labels}", f"{run.num_train} / {run.num_test}")
            lines.append((*cells, f"{_percent(run.top1)} ({interval})", copies, random, ridge))
    return tuple(lines)


EVALUATIONS = """\
Top-1 accuracy in percent of the shipped file, frozen, with the 95 % confidence interval of the test
side; one pre-training, one seed of the probe. A linear probe or a nearest neighbor is fitted on the training side
and tested on the test side. "Without copies" leaves out test clips that are exact copies of training clips.
"Untrained" is the same network with random weights. "Ridge" is a ridge classifier on the coordinates, the
positions and frame differences of 32 frames, with copies: of two scalings, the better on the test side
(`benchmarks/ridge.md`).

| dataset | test side | protocol | training / test clips | accuracy | without copies | untrained | ridge |
|---|---|---|---|---|---|---|---|"""
"""What the rows of `evaluation_rows` mean, and their heads."""


def _ridge(evaluation: SavedResults) -> str:
    """Return the best accuracy of a ridge classifier on the same split; empty if none was measured."""
    name, rule = evaluation.fields["dataset"], evaluation.fields["split"]
    accuracies = [
        row["top1"]
        for row in json.loads(RIDGE.read_text(encoding="utf-8"))["rows"]
        if row["dataset"] == name and DATASETS[name].splits[row["split"]].model_dump(mode="json") == rule
    ]
    return _percent(max(accuracies)) if accuracies else ""


def _test_side(evaluation: SavedResults) -> tuple[str, str]:
    name = evaluation.fields["dataset"]
    test_side = evaluation.fields["split_description"].split("; ")[0].partition(" of ")[2]
    return DATASETS[name].title if name in DATASETS else name, test_side


def _dataset(source: Source) -> Dataset | Terms:
    name = source.store.name
    known = {**DATASETS, **OTHER_SOURCES}
    if name not in known:
        raise InputError("the terms of this dataset are not known", where=source.store, expected=", ".join(known))
    return known[name]


def recordings_used(source: Source) -> str:
    """Return which recordings of a store were used, and how many if the store is here."""
    if source.use == "all":
        store = SequenceStore.open(source.store) if source.store.exists() else None
        return f"{len(store):,} recordings, {store.num_frames.sum():,} frames" if store else "all of the store"
    split = source.split if isinstance(source.split, str) else "a side"
    if not source.store.exists():
        return f"training side of split `{split}`"
    store = SequenceStore.open(source.store)
    num_used = len(source.pretrain_index(store))
    sides = source.split_rule(store).describe(store).split("; ")
    training = "; ".join(side.partition(" of ")[2] for side in sides if "training" in side)
    return f"{num_used:,} of {len(store):,}: {training}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _lines(rows: Any) -> str:
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def shipped_card(name: str, folder: Path = FOLDER) -> str:
    """Return the card of a shipped encoder, made again.

    Args:
        name: The encoder.
        folder: Where its files are.

    Raises:
        InputError: There is no such encoder, or its facts are those of other weights.
    """
    if name not in TEXTS:
        raise InputError("there is no text for the card of this encoder", expected=", ".join(TEXTS), got=name)
    file, facts = folder / f"{name}.safetensors", read_facts(name, folder)
    if (found := weights_checksum(file)) != facts.weights:
        raise InputError("the facts are those of other weights", where=file, expected=facts.weights, got=found)
    return make_card(name, load_checkpoint(file), facts)


def main() -> int:
    """Read the command line, and write cards again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", help="encoders whose cards are written again")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of the shipped files")
    options = parser.parse_args()
    try:
        for name in options.names:
            write_text(options.folder / f"{name}.md", shipped_card(name, options.folder))
            print(options.folder / f"{name}.md")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
