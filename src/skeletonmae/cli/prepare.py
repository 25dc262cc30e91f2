"""The command `prepare`. Slow imports are inside the function, so that --help is fast."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skeletonmae.cli.console import (
    INCOMPLETE,
    OK,
    print_output,
    print_output_json,
    print_output_table,
    print_status,
    progress_bar,
)
from skeletonmae.cli.help_text import OutPath, SourcePath
from skeletonmae.cli.input_options import (
    DEFAULT_FLAGS,
    OfVideos,
    Up,
    print_ignored,
    read_options,
    resolve_dataset,
    video_options,
)
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.datasets import SplitRule
    from skeletonmae.sequences import SequenceStore


def prepare(
    source: SourcePath,
    out: OutPath,
    dataset: str = "auto",
    format: str | None = None,
    layout: str | None = None,
    unit: str | None = None,
    up: Up | None = None,
    fps: float | None = None,
    ntu_cleanup: Literal["reference", "none"] = "reference",
    split_actions: bool = True,
    convert_to: str | None = None,
    axes: Literal[2, 3] | None = None,
    video: OfVideos = DEFAULT_FLAGS,
    num_recordings: int = 2000,
    seed: int = 0,
    workers: int = 0,
    dtype: Literal["float32", "float16"] = "float32",
    strict: bool = False,
    shard: str | None = None,
    join: bool = False,
    json: bool = False,
) -> int:
    """Read raw recordings or videos into a store, the folder that all other commands read.

    SOURCE is a folder or zip archive of recordings or videos, one file, or the word `synthetic` for built-in
    motion. Of videos, the poses of all persons are estimated; this needs the extra `video`. Formats are detected
    from the content. Labels come from the file names of a known dataset, or from sub-folders, a `labels.csv`
    (recording,label,...) or the label column of a table. Files that cannot be read are skipped and listed in
    report.json in the store, and the exit status is 3. An interrupted `prepare` resumes when the same command is
    run again.

    For example::

        skeletonmae prepare ~/recordings stores/mine
        skeletonmae prepare clips/ stores/clips --axes 3          # videos, a sub-folder for each class
        skeletonmae prepare nturgbd_skeletons.zip stores/ntu60 --dtype float16
        skeletonmae prepare ~/mice stores/mice --layout mouse.yaml --unit px --fps 30
        skeletonmae prepare synthetic stores/synthetic --num-recordings 500
        skeletonmae prepare /data/all stores/all --shard 3/64     # any machine, any order
        skeletonmae prepare /data/all stores/all --join           # when all 64 are complete

    Args:
        source: Folder, zip archive or file of recordings or videos.
        out: Store to write; must not exist yet.
        dataset: Name of the dataset. By default it is detected from the files.
        format: Format of all input files. By default it is detected from their content and printed.
        layout: Joint layout of files that name their joints: a built-in layout or a YAML file.
        unit: Unit of the coordinates in the files, in place of what they state: m, cm or mm (converted to
            meters), px, image (fractions of the image's size) or unknown.
        up: Axis that points up in the files: y, z, or -y if y points down. The recordings are turned so that y is
            up; left stays left.
        fps: Frames per second. Overrides the files' own.
        ntu_cleanup: Clean-up of NTU RGB+D: that of published results, or none, which keeps every recorded body.
        split_actions: Split long recordings with action lists into one recording per action. If off, they are
            kept whole and without a label.
        convert_to: Joint layout to convert to: a built-in layout or a YAML file. The conversion of each joint is
            printed.
        axes: 2 removes the distance from the camera, for use with 2D recordings. Poses of videos are in pixels of
            the image with 2, the default, and in meters with 3.
        video: Options for videos.
        num_recordings: Number of synthetic recordings.
        seed: Seed of the synthetic recordings.
        workers: Number of reading processes; 0 uses all CPU cores.
        dtype: Type of the stored positions. float16 halves the size and is off by up to 1 mm at 3 m.
        strict: Stop at the first file that cannot be read.
        shard: Prepare only a part of the files, such as 3/64, into a folder in OUT; see docs/scale.md.
        join: Join the shards in OUT into one store, without copying them.
        json: Print the report as JSON.
    """
    from skeletonmae import datasets
    from skeletonmae.files import write_text
    from skeletonmae.formats import DEFAULT_OPTIONS
    from skeletonmae.sequences import SequenceStore
    from skeletonmae.skeletons import get_layout
    from skeletonmae.validation import check_basics, describe_warnings
    from skeletonmae.validation.finding import pluralize

    of_videos = video_options(video, axes or 2, out)
    options = read_options(layout, unit, fps, ntu_cleanup, split_actions, format, up, of_videos)
    converter = datasets.RecordingConverter(get_layout(convert_to) if convert_to else None, axes)
    source_dataset = resolve_dataset(source, dataset, format)
    if isinstance(source_dataset, datasets.SyntheticDataset):
        source_dataset = replace(source_dataset, num_recordings=num_recordings, seed=seed)
    part = datasets.ShardNumber.parse(shard) if shard else None
    if part and join:
        raise InputError("--shard prepares a part, and --join joins all parts; give one of them")
    unchanged = replace(DEFAULT_OPTIONS, format=format, video=of_videos)
    is_changed = options != unchanged or converter != datasets.RecordingConverter()
    if join and (is_changed or video != DEFAULT_FLAGS or dtype != "float32"):
        raise InputError("--join takes layout, unit, axes, rate and dtype from the shards; give them to --shard")
    if join:
        report = datasets.join_shards(source_dataset, source, out, strict=strict)
    else:
        with progress_bar("prepare") as progress:
            report = datasets.prepare(
                source_dataset,
                source,
                out,
                options=options,
                converter=converter,
                workers=workers or os.cpu_count() or 1,
                dtype=dtype,
                strict=strict,
                progress=progress,
                shard=part,
            )
    out = part.folder(out) if part else out
    store = SequenceStore.open(out)
    counts, findings = check_basics(store)
    report = report.with_findings(findings)
    write_text(out / datasets.REPORT, report.model_dump_json(indent=1))
    if json:
        print_output_json(report.model_dump_json())
    else:
        print_output_table(
            ["class", "recordings"], [[name, str(count)] for name, count in report.classes.items() if count]
        )
        if num_empty := sum(not count for count in report.classes.values()):
            print_output(f"{num_empty} of {len(report.classes)} classes have no recording")
        counted = f"{pluralize(report.recordings, 'recording')}, {pluralize(report.frames, 'frame')}"
        totals = f"{counted}, {report.unlabeled} unlabeled"
        print_output(f"\n{totals} -> {out}")
    if report.conversion:
        print_status(report.conversion)
    for tag in datasets.given_tags(tags := store.tags):
        print_status(f"the files contain a split: tag {tag!r} ({', '.join(tags[tag])})")
    if not part:
        _print_split(source_dataset.splits[source_dataset.default_split], store)
    classes = [name for name, count in report.classes.items() if count]
    if len(classes) == 1 and not part and source_dataset.name == "folder":
        print_status(
            f"note: all recordings have the label {classes[0]!r}; if the actions are sub-folders of that folder, "
            "pass that folder as SOURCE"
        )
    _print_remarks("note", [(note.recording, note.message) for note in report.notes], out / "report.json")
    for line in describe_warnings(counts, findings):
        print_status(f"warning: {' '.join(line.split())}")
    print_ignored(report.ignored, out / "report.json")
    _print_remarks("skipped", [(skipped.file, skipped.reason) for skipped in report.skipped], out / "report.json")
    _print_mismatches([skipped.layout for skipped in report.skipped if skipped.kind == "mismatch"], store)
    return INCOMPLETE if report.skipped else OK


def _print_split(rule: SplitRule, store: SequenceStore) -> None:
    """Print the sides of the default split, or why nothing can be evaluated with it."""
    try:
        rule(store)
    except InputError as error:
        print_status(f"note: pre-training can use this store, evaluation cannot: {error}")
    else:
        print_status(f"the default split: {rule.describe(store)}")


def _print_mismatches(layouts: list[str], store: SequenceStore) -> None:
    """Print how many recordings have the layout of the store, and others, and what to do about it."""
    from skeletonmae.sequences.store_columns import describe_layout
    from skeletonmae.validation.finding import pluralize

    if not layouts:
        return
    kept = describe_layout(store.skeleton, store.axes, store.unit)
    print_status(f"the store has the layout of the first file: {kept}, {pluralize(len(store), 'recording')}")
    for layout, count in Counter(layouts).most_common():
        print_status(f"skipped: {layout}, {pluralize(count, 'recording')}")
    print_status(
        "each of these can become a store of its own, prepared from a folder with its files alone; `data.pretrain`"
        " of a recipe lists several stores, and an encoder that reads any layout is pre-trained on all of them. To"
        " put the recordings into one store instead, make them equal: --convert-to LAYOUT, --axes 2 or"
        " --unit unknown"
    )


def _print_remarks(kind: str, remarks: list[tuple[str, str]], file: Path, max_lines: int = 10) -> None:
    """Print the first of some (recording, message) pairs; one line for recordings with the same message."""
    names_by_message: dict[str, list[str]] = {}
    for name, message in remarks:
        names_by_message.setdefault(message.replace(f"recording {name!r}: ", ""), []).append(name)
    for message, names in list(names_by_message.items())[:max_lines]:
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        print_status(f"{kind}: {' '.join(names[0].split())}{others}: {_shorten_list(' '.join(message.split()))}")
    if len(names_by_message) > max_lines:
        print_status(f"{kind}: {len(remarks)} in total; see {file}")
    elif any(len(names) > 1 for names in names_by_message.values()):
        print_status(f"{kind}: {file} names all of them")


def _shorten_list(message: str, max_items: int = 8) -> str:
    """A message that ends with a long list of names, with the first of them; the report has them all."""
    text, colon, names = message.rpartition(" left out: ")
    items = names.split(", ")
    if not colon or len(items) <= max_items:
        return message
    return f"{text}{colon}{', '.join(items[:max_items])} and {len(items) - max_items} more"
