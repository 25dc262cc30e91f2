"""The commands on recordings. Each returns its exit status; what is slow to import is imported inside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from skeletonmae.cli.console import INCOMPLETE, MISTAKE, OK, answer, answer_json, answer_table, counted, say
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae import datasets, validation
    from skeletonmae.datasets import SplitRule, TagSplit
    from skeletonmae.formats import ReadOptions
    from skeletonmae.sequences import SequenceStore, SkeletonSequence


def prepare(
    source: Positional[Path],
    out: Positional[Path],
    dataset: str = "auto",
    layout: str | None = None,
    unit: str | None = None,
    fps: float | None = None,
    clean: Literal["reference", "none"] = "reference",
    cut: bool = True,
    convert_to: str | None = None,
    axes: Literal[2, 3] | None = None,
    recordings: int = 2000,
    seed: int = 0,
    workers: int = 0,
    dtype: Literal["float32", "float16"] = "float32",
    strict: bool = False,
    json: bool = False,
) -> int:
    """Read raw recordings into a store, the folder that all other commands read.

    SOURCE is a folder or zip archive of recordings, one file, or the word `synthetic` for built-in motion. Formats
    are known by content. Classes are taken from file names of a known dataset, or from the sub-folders, a
    `labels.csv` (recording,label,...) or the label column of a table of your own. A file that cannot be read is
    listed in report.json in the store; the others are kept, and the exit status is 3. After a kill, the same
    command goes on where it was.

    For example::

        skeletonmae prepare ~/recordings stores/mine
        skeletonmae prepare nturgbd_skeletons.zip stores/ntu60 --dtype float16
        skeletonmae prepare ~/mice stores/mice --layout mouse.yaml --unit px --fps 30
        skeletonmae prepare synthetic stores/synthetic --recordings 500

    Args:
        source: where the recordings are.
        out: the store to make; must not be there yet.
        dataset: which dataset it is; `auto` looks at the files.
        layout: of files that name their joints: a built-in layout or a YAML file of your own.
        unit: of the coordinates: m, px, image or unknown; in place of the format's own.
        fps: frames per second; in place of the files' own.
        clean: of NTU: the field's clean-up, or every body as it was recorded.
        cut: cut long recordings with lists of actions into them; else keep them whole and unlabelled.
        convert_to: layout to convert to, by name or YAML file; the report says joint by joint how.
        axes: 2 leaves out the distance from the camera, for use with 2D recordings.
        recordings: how many synthetic recordings to make.
        seed: of the synthetic recordings.
        workers: processes that read; 0 for as many as there are cores.
        dtype: of the positions in the store; float16 halves it and errs by up to 1 mm at 3 m.
        strict: stop at the first file that cannot be read.
        json: print the report as JSON.
    """
    from skeletonmae import datasets
    from skeletonmae.sequences import SequenceStore
    from skeletonmae.skeletons import layout as find_layout

    options = read_options(layout, unit, fps, clean, cut)
    change = datasets.Change(find_layout(convert_to) if convert_to else None, axes)
    chosen = _dataset(source, dataset)
    if isinstance(chosen, datasets.Generated):
        chosen = replace(chosen, num_recordings=recordings, seed=seed)
    with counted("prepare") as progress:
        report = datasets.prepare(
            chosen,
            source,
            out,
            options=options,
            change=change,
            workers=workers or os.cpu_count() or 1,
            dtype=dtype,
            strict=strict,
            progress=progress,
        )
    if json:
        answer_json(report.model_dump_json())
    else:
        answer_table(["class", "recordings"], [[name, str(num)] for name, num in report.classes.items()])
        answer(
            f"\n{report.recordings} recordings, {report.frames} frames, {report.unlabelled} unlabelled -> {out}"
        )
    if report.conversion:
        say(report.conversion)
    for tag in datasets.given_tags(tags := SequenceStore.open(out).tags):
        say(f"the files came with a split: tag {tag!r} ({', '.join(tags[tag])})")
    if len(used := [name for name, num in report.classes.items() if num]) == 1 and chosen.name == "folder":
        say(f"note: all are of one action, {used[0]!r}; if the actions are folders inside it, name that folder")
    say_some("note", [(odd.recording, odd.what) for odd in report.odd], out / "report.json")
    say_some("dropped", [(dropped.file, dropped.reason) for dropped in report.dropped], out / "report.json")
    if any("does not fit the store" in dropped.reason for dropped in report.dropped):
        say("to bring different recordings together: --convert-to LAYOUT, --axes 2, --unit unknown")
    return INCOMPLETE if report.dropped else OK


def validate(
    source: Positional[Path],
    dataset: str = "auto",
    split: str | None = None,
    against: Path | None = None,
    against_split: str | None = None,
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
        if layout or unit or fps or clean != "reference" or not cut or dataset != "auto":
            expected = "--split, --against, --picture, --all, --json"
            raise InputError("a store is as it was prepared", where=source, expected=expected)
        store = SequenceStore.open(source)
        their_rule = trained.rule(other) if trained and other else None
        found = validation.validate_store(store, _store_split(source, store, split), other, their_rule)
        drawn: SequenceStore | Iterator[SkeletonSequence] = store
    else:
        chosen, options = _dataset(source, dataset), read_options(layout, unit, fps, clean, cut)
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
    if name:
        problem = "this split divides by chance, so it needs all recordings at once"
        raise InputError(problem, expected="prepare a store, and validate that", got=name)
    return None


def say_some(what: str, lines: list[tuple[str, str]], file: Path, most: int = 10) -> None:
    """The first of some lines about recordings; what is said of several is said once."""
    about: dict[str, list[str]] = {}
    for name, said in lines:
        about.setdefault(said.replace(f"recording {name!r}: ", ""), []).append(name)
    for said, names in list(about.items())[:most]:
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        say(f"{what}: {' '.join(names[0].split())}{others}: {' '.join(said.split())}")
    if len(about) > most or any(len(names) > 1 for names in about.values()):
        say(f"{what}: {len(lines)} in all; see {file}")


def read_options(
    layout: str | None,
    unit: str | None,
    fps: float | None = None,
    clean: Literal["reference", "none"] = "reference",
    cut: bool = True,
) -> ReadOptions:
    """What the user said of the files.

    Raises:
        InputError: no such layout or unit, or a rate that cannot be.
    """
    from skeletonmae.formats import ReadOptions
    from skeletonmae.sequences import UNITS
    from skeletonmae.skeletons import layout as find_layout

    if unit is not None and unit not in UNITS:
        raise InputError("--unit is not known", expected=", ".join(UNITS), got=unit)
    if fps is not None and not 0 < fps < float("inf"):
        raise InputError("--fps must be more than 0", got=fps)
    return ReadOptions(find_layout(layout) if layout else None, unit, fps, clean, cut)


def _dataset(source: Path, name: str) -> datasets.Dataset:
    """The dataset of that name, or what the files look like, which is said."""
    from skeletonmae import datasets

    if str(source) == "synthetic" or name == "synthetic":
        return datasets.SYNTHETIC
    if name == "auto":
        chosen = datasets.detect_dataset(source)
        formats = chosen.formats(source) if isinstance(chosen, datasets.Folder) else {}
        said = ", ".join(f"{name} ({num})" for name, num in formats.items())
        say(f"{source}: {chosen.title} ({chosen.name}){': files of format ' + said if said else ''}")
        return chosen
    if name not in datasets.DATASETS:
        raise InputError("unknown dataset", expected=", ".join(datasets.DATASETS), got=name)
    return datasets.DATASETS[name]
