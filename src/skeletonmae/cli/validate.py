"""The command `validate`. Slow imports are inside the functions, so that --help is fast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skeletonmae.cli.console import (
    INCOMPLETE,
    OK,
    USER_ERROR,
    print_output,
    print_output_json,
    print_output_table,
    print_status,
    progress_bar,
)
from skeletonmae.cli.help_text import SourcePath
from skeletonmae.cli.input_options import DEFAULT_FLAGS, OfVideos, Up, read_options, resolve_dataset, video_options
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae import datasets, validation
    from skeletonmae.datasets import SplitRule, TagSplit
    from skeletonmae.sequences import SequenceStore, SkeletonSequence


def validate(
    source: SourcePath,
    dataset: str = "auto",
    split: str | None = None,
    against: Path | None = None,
    against_split: str | None = None,
    format: str | None = None,
    layout: str | None = None,
    unit: str | None = None,
    up: Up | None = None,
    fps: float | None = None,
    axes: Literal[2, 3] | None = None,
    ntu_cleanup: Literal["reference", "none"] = "reference",
    split_actions: bool = True,
    video: OfVideos = DEFAULT_FLAGS,
    recipe: Path | None = None,
    picture: Path | None = None,
    all: bool = False,
    json: bool = False,
) -> int:
    """Find what is wrong with recordings or a store before anything is trained on them.

    Checks for files that cannot be read, clips in which nothing is observed, lost joints, frozen frames, jumps,
    impossible bones, exchanged sides and persons, implausible units and frame rates, labels that are not classes,
    duplicates, and content on both sides of a split. The exit status is 1 if there are errors, 3 if there are
    warnings, 0 if there are neither.

    For example::

        skeletonmae validate ~/recordings --picture sheet.png
        skeletonmae validate clips/ --picture sheet.png           # videos, of which the poses are estimated
        skeletonmae validate stores/mine --against stores/pretrained
        skeletonmae validate stores/mine --json > findings.json

    Args:
        source: Store, or folder, zip archive or file of recordings or videos.
        dataset: Name of the dataset. By default it is detected from the files; a store knows its own.
        split: Split whose two sides must share nothing. By default the usual split of the dataset.
        against: Store that must share nothing with the test side, such as the one that was pre-trained on.
        against_split: Split of the store `--against`: compare only with its training side, as recipes pre-train on
            it. By default all of the store is compared.
        format: Format of all input files. By default it is detected from their content and printed.
        layout: Joint layout of files that name their joints: a built-in layout or a YAML file.
        unit: Unit of the coordinates in the files, in place of what they state: m, cm or mm (converted to
            meters), px, image (fractions of the image's size) or unknown.
        up: Axis that points up in the files: y, z, or -y if y points down. The recordings are turned so that y is
            up; left stays left.
        fps: Frames per second. Overrides the files' own.
        axes: Axes of the poses of videos: 2 (pixels of the image, the default) or 3 (meters).
        ntu_cleanup: Clean-up of NTU RGB+D: that of published results, or none, which keeps every recorded body.
        split_actions: Split long recordings with action lists into one recording per action. If off, they are
            kept whole and without a label.
        video: Options for videos.
        recipe: Recipe whose clips are measured: how much of them is observed after resampling and the bridging of
            short gaps. By default clips of 64 frames, as a recipe without settings of clips makes them.
        picture: PNG file for a few skeletons of each class. More than twelve classes give several files.
        all: Print every finding instead of the first of each kind.
        json: Print everything as JSON.
    """
    from skeletonmae import datasets, validation
    from skeletonmae.recipe import Source, read_recipe
    from skeletonmae.sequences import SequenceStore
    from skeletonmae.sequences.manifest import MANIFEST

    if against_split and not against:
        raise InputError("--against-split is a split of the store --against", expected="--against STORE")
    if picture and picture.suffix.lower() != ".png":
        raise InputError("--picture must be a PNG file", expected="a name that ends in .png", got=picture)
    clips = read_recipe(recipe).data.clips if recipe else validation.DEFAULT_CLIPS
    other = SequenceStore.open(against) if against else None
    other_source = Source(store=against, split=against_split) if against and against_split else None
    to_plot: SequenceStore | Iterator[SkeletonSequence]
    if (source / MANIFEST).is_file():
        is_default = ntu_cleanup == "reference" and split_actions and dataset == "auto"
        if format or layout or unit or up or fps or axes or video != DEFAULT_FLAGS or not is_default:
            problem = "a store has already been prepared, so options for reading files do not apply"
            raise InputError(
                problem,
                where=source,
                expected="--split, --against, --against-split, --recipe, --picture, --all, --json",
            )
        store = SequenceStore.open(source)
        other_rule = other_source.split_rule(other) if other_source and other else None
        result = validation.validate_store(store, _store_split(source, store, split), other, other_rule, clips)
        to_plot = store
    else:
        source_dataset = resolve_dataset(source, dataset, format)
        of_videos = video_options(video, axes or 2, picture)
        options = read_options(layout, unit, fps, ntu_cleanup, split_actions, format, up, of_videos)
        rule = _raw_split(source_dataset, split)
        with progress_bar("validate") as progress:
            paths: list[Path] = []
            recordings = datasets.read_all(source_dataset, source, options, progress, paths)
            others = (
                (other[int(index)] for index in other_source.pretrain_index(other))
                if other_source and other
                else other
            )
            result = validation.validate(
                recordings,
                source_dataset.classes,
                split=rule,
                against=others,
                clips=clips,
                unread=datasets.unread_files(source_dataset, source),
                paths=paths,
            )
        to_plot = (
            recording
            for recording in datasets.read_all(source_dataset, source, options)
            if not isinstance(recording, InputError)
        )
    if json:
        print_output_json(result.model_dump_json())
    else:
        _print_result(result, all)
    if picture:
        _plot_classes(to_plot, picture)
    return {"ok": OK, "warnings": INCOMPLETE, "errors": USER_ERROR}[result.status]


def _print_result(result: validation.Validation, print_all: bool) -> None:
    from skeletonmae.validation import format_finding
    from skeletonmae.validation.finding import pluralize

    has_split = any(row.train or row.test for row in result.classes)
    columns = ["class", "recordings", *(["train", "test"] if has_split else [])]
    num_empty = sum(not row.recordings for row in result.classes)
    rows = [
        [row.name, *map(str, (row.recordings, row.train, row.test)[: 3 if has_split else 1])]
        for row in result.classes
        if row.recordings
    ]
    print_output_table(columns, rows)
    if num_empty:
        print_output(f"{num_empty} of {len(result.classes)} classes have no recording")
    counted = f"{pluralize(result.recordings, 'recording')}, {pluralize(result.frames, 'frame')}"
    print_output(f"\n{counted}, {result.unlabeled} unlabeled")
    if result.recorded_share is not None:
        print_output(
            f"observed, of the joints of the best observed person: {result.recorded_share:.1%} as recorded,"
            f" {result.clip_share:.1%} in clips of {result.clip_frames} frames"
        )
    print_output("")
    if print_all:
        for finding in result.findings:
            print_output(f"{finding.severity}: {finding.check}: {format_finding(finding)}")
    elif result.counts:
        for check, severity, num_recordings, first in result.rows():
            print_output(f"{severity:8} {check:11} {num_recordings:>6}  {' '.join(first.split())}")
        num_findings = sum(count.findings for count in result.counts)
        if num_findings > len(result.counts):
            print_output(f"\n{num_findings} findings; only the first of each kind is printed (--all prints all)")
    print_output(f"\n{result.status}" if result.counts else "ok: no findings")


def _plot_classes(recordings: SequenceStore | Iterator[SkeletonSequence], picture: Path) -> None:
    from skeletonmae.plotting import plot_contact_sheets, save_figure

    sheets = plot_contact_sheets(recordings)
    if not sheets:
        print_status("no picture: nothing was observed in any recording")
    for number, sheet in enumerate(sheets, start=1):
        path = picture if len(sheets) == 1 else picture.with_name(f"{picture.stem}-{number}{picture.suffix}")
        save_figure(sheet, path)
        print_status(f"picture: {path}")


def _store_split(path: Path, store: SequenceStore, name: str | None) -> SplitRule | None:
    """The split rule called `name`; by default the usual one, or None if it cannot be applied to the store."""
    from skeletonmae.recipe import Source

    try:
        rule = Source(store=path, split=name).split_rule(store)
        rule.sides(store)
    except InputError as error:
        if name is not None:
            raise
        print_status(f"no split is checked: {error}")
        return None
    return rule


def _raw_split(dataset: datasets.Dataset, name: str | None) -> TagSplit | None:
    """The split rule called `name`; by default the usual one, or None if it needs a store.

    Raises:
        InputError: There is no such split, or it needs a store.
    """
    from skeletonmae.datasets import TagSplit

    split_name = name or dataset.default_split
    if split_name not in dataset.splits:
        raise InputError(f"{dataset.name} has no such split", expected=", ".join(dataset.splits), got=split_name)
    rule = dataset.splits[split_name]
    if isinstance(rule, TagSplit):
        return rule
    problem, advice = "this split depends on all recordings at once", "prepare a store and validate it"
    if name:
        raise InputError(problem, expected=advice, got=name)
    print_status(f"the default split is not checked, as it depends on all recordings at once: {advice}")
    return None
