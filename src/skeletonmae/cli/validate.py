"""The command `validate`; what is slow to import is imported inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from skeletonmae.cli.console import INCOMPLETE, MISTAKE, OK, answer, answer_json, answer_table, counted, say
from skeletonmae.cli.reading import dataset_of, read_options
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae import datasets, validation
    from skeletonmae.datasets import SplitRule, TagSplit
    from skeletonmae.sequences import SequenceStore, SkeletonSequence


def validate(
    source: Positional[Path],
    dataset: str = "auto",
    split: str | None = None,
    against: Path | None = None,
    against_split: str | None = None,
    format: str | None = None,
    layout: str | None = None,
    unit: str | None = None,
    fps: float | None = None,
    clean: Literal["reference", "none"] = "reference",
    cut: bool = True,
    picture: Path | None = None,
    all: bool = False,
    json: bool = False,
) -> int:
    """Say what is wrong with recordings or with a store, before anything is trained on them.

    Looks for files that cannot be read, lost joints, frozen frames, jumps, impossible bones, exchanged sides and
    persons, doubtful units and rates, labels that are no classes, copies, and what the two sides of a split
    share. The exit status is 1 if there are errors, 3 if there are warnings, 0 if there are neither.

    For example::

        skeletonmae validate ~/recordings --picture sheet.png
        skeletonmae validate stores/mine --against stores/pretrained
        skeletonmae validate stores/mine --json > findings.json

    Args:
        source: a store, a folder or zip archive of recordings, or one file.
        dataset: which dataset it is; `auto` looks at the files. A store says it itself.
        split: whose two sides should share nothing; the dataset's usual one if not given.
        against: a store that should share nothing with the test side: the one that was pre-trained on.
        against_split: its split, if its training side alone was pre-trained on, as recipes do; else all counts.
        format: of all files, where their content does not tell it; it is said aloud otherwise.
        layout: of files that name their joints: a built-in layout or a YAML file of your own.
        unit: of the coordinates: m, px, image or unknown; in place of the format's own.
        fps: frames per second; in place of the files' own.
        clean: of NTU: the field's clean-up, or every body as it was recorded.
        cut: cut long recordings with lists of actions into them; else keep them whole and unlabelled.
        picture: a PNG to draw a few skeletons of each class to; more than twelve classes give several.
        all: print every finding, not one of each kind.
        json: print everything as JSON.
    """
    from skeletonmae import datasets, validation
    from skeletonmae.recipe import Source
    from skeletonmae.sequences import SequenceStore
    from skeletonmae.sequences.manifest import MANIFEST

    if against_split and not against:
        raise InputError("--against-split says which part of --against counts", expected="--against STORE")
    if picture and picture.suffix.lower() != ".png":
        raise InputError("--picture is a PNG", expected="a name that ends in .png", got=picture)
    other = SequenceStore.open(against) if against else None
    trained = Source(store=against, split=against_split) if against and against_split else None
    if (source / MANIFEST).is_file():
        if format or layout or unit or fps or clean != "reference" or not cut or dataset != "auto":
            expected = "--split, --against, --picture, --all, --json"
            raise InputError("a store is as it was prepared", where=source, expected=expected)
        store = SequenceStore.open(source)
        their_rule = trained.rule(other) if trained and other else None
        found = validation.validate_store(store, _store_split(source, store, split), other, their_rule)
        drawn: SequenceStore | Iterator[SkeletonSequence] = store
    else:
        chosen, options = dataset_of(source, dataset, format), read_options(layout, unit, fps, clean, cut, format)
        rule = _raw_split(chosen, split)
        with counted("validate") as progress:
            recordings = datasets.read_all(chosen, source, options, progress)
            theirs = (other[int(place)] for place in trained.pretraining(other)) if trained and other else other
            found = validation.validate(recordings, chosen.classes, split=rule, against=theirs)
        drawn = (one for one in datasets.read_all(chosen, source, options) if not isinstance(one, InputError))
    if json:
        answer_json(found.model_dump_json())
    else:
        _say_findings(found, all)
    if picture:
        _draw_classes(drawn, picture)
    return {"ok": OK, "warnings": INCOMPLETE, "errors": MISTAKE}[found.status]


def _say_findings(found: validation.Validation, everything: bool) -> None:
    from skeletonmae.validation import in_words

    sides = any(row.train or row.test for row in found.classes)
    columns = ["class", "recordings", *(["train", "test"] if sides else [])]
    counts = [
        [row.name, *map(str, (row.recordings, row.train, row.test)[: 3 if sides else 1])] for row in found.classes
    ]
    answer_table(columns, counts)
    answer(f"\n{found.recordings} recordings, {found.frames} frames, {found.unlabelled} unlabelled\n")
    if everything:
        for finding in found.findings:
            answer(f"{finding.severity}: {finding.check}: {in_words(finding)}")
    elif found.counts:
        shown, whole = len(found.counts), sum(count.findings for count in found.counts)
        for check, severity, number, first in found.rows():
            answer(f"{severity:8} {check:11} {number:>6}  {' '.join(first.split())}")
        if whole > shown:
            answer(f"\n{whole} findings, the first of each kind is shown; --all shows all")
    answer(f"\n{found.status}" if found.counts else "ok: nothing was found")


def _draw_classes(recordings: SequenceStore | Iterator[SkeletonSequence], picture: Path) -> None:
    from skeletonmae.report import picture_classes, save_picture

    sheets = picture_classes(recordings)
    for number, sheet in enumerate(sheets, start=1):
        path = picture if len(sheets) == 1 else picture.with_name(f"{picture.stem}-{number}{picture.suffix}")
        save_picture(sheet, path)
        say(f"picture: {path}")


def _store_split(path: Path, store: SequenceStore, name: str | None) -> SplitRule | None:
    """The rule of that name, or the usual one where it can be applied."""
    from skeletonmae.recipe import Source

    try:
        rule = Source(store=path, split=name).rule(store)
        rule(store)
    except InputError as error:
        if name is not None:
            raise
        say(f"no split is looked at: {error}")
        return None
    return rule


def _raw_split(dataset: datasets.Dataset, name: str | None) -> TagSplit | None:
    """The rule of that name, or the usual one, if it can be told of each recording alone."""
    from skeletonmae.datasets import TagSplit

    wanted = name or dataset.default_split
    if wanted not in dataset.splits:
        raise InputError(f"{dataset.name} has no such split", expected=", ".join(dataset.splits), got=wanted)
    rule = dataset.splits[wanted]
    if isinstance(rule, TagSplit):
        return rule
    problem, expected = "this split needs all recordings at once", "prepare a store, and validate that"
    if name:
        raise InputError(problem, expected=expected, got=name)
    say(f"no split is looked at: {problem}; {expected}")
    return None
