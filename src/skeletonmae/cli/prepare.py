"""The command `prepare`; what is slow to import is imported inside."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from skeletonmae.cli.console import INCOMPLETE, OK, answer, answer_json, answer_table, counted, say
from skeletonmae.cli.reading import dataset_of, read_options


def prepare(
    source: Positional[Path],
    out: Positional[Path],
    dataset: str = "auto",
    format: str | None = None,
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
        format: of all files, where their content does not tell it; it is said aloud otherwise.
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

    options = read_options(layout, unit, fps, clean, cut, format)
    change = datasets.Change(find_layout(convert_to) if convert_to else None, axes)
    chosen = dataset_of(source, dataset, format)
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
    _say_some("note", [(odd.recording, odd.what) for odd in report.odd], out / "report.json")
    _say_some("dropped", [(dropped.file, dropped.reason) for dropped in report.dropped], out / "report.json")
    if any("does not fit the store" in dropped.reason for dropped in report.dropped):
        say("to bring different recordings together: --convert-to LAYOUT, --axes 2, --unit unknown")
    return INCOMPLETE if report.dropped else OK


def _say_some(what: str, lines: list[tuple[str, str]], file: Path, most: int = 10) -> None:
    """The first of some lines about recordings; what is said of several is said once."""
    about: dict[str, list[str]] = {}
    for name, said in lines:
        about.setdefault(said.replace(f"recording {name!r}: ", ""), []).append(name)
    for said, names in list(about.items())[:most]:
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        say(f"{what}: {' '.join(names[0].split())}{others}: {' '.join(said.split())}")
    if len(about) > most or any(len(names) > 1 for names in about.values()):
        say(f"{what}: {len(lines)} in all; see {file}")
