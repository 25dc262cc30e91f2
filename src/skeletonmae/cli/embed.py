"""The command that computes features of recordings."""

from __future__ import annotations

import json as json_module
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from skeletonmae.cli.console import INCOMPLETE, OK, print_output, print_output_json, print_status
from skeletonmae.cli.input_options import (
    DEFAULT_FLAGS,
    OfVideos,
    Up,
    print_ignored,
    read_options,
    video_options,
)
from skeletonmae.cli.output_paths import check_outputs
from skeletonmae.cli.recording_summary import ObservedLayouts
from skeletonmae.config import Precision

if TYPE_CHECKING:
    from skeletonmae.datasets import UnreadFile
    from skeletonmae.inference import Embeddings
    from skeletonmae.sequences import SkeletonSequence

RecordingPaths = Annotated[Positional[tuple[Path, ...]], arg(metavar="RECORDINGS")]


def embed(
    recordings: RecordingPaths,
    encoder: str,
    out: Path,
    pooling: Literal["parts", "statistics", "joints", "mean"] | None = None,
    time_parts: int = 1,
    views: int = 0,
    seed: int = 0,
    per_person: bool = False,
    format: str | None = None,
    layout: str | None = None,
    unit: str | None = None,
    up: Up | None = None,
    fps: float | None = None,
    axes: Literal[2, 3] | None = None,
    ntu_cleanup: Literal["reference", "none"] = "reference",
    video: OfVideos = DEFAULT_FLAGS,
    batch_size: int = 64,
    precision: Precision = "float32",
    device: str = "auto",
    json: bool = False,
) -> int:
    """Compute the features of recordings with an encoder, and write them to a .npz, .csv or .parquet file.

    Reads files of any known format, folders and zip archives of them, and stores. Recordings that cannot be read
    or that do not fit the encoder are listed with the reason, and the exit status is 3; it is 1 if no recording
    could be embedded. The terms of a shipped encoder are printed. Warnings say what is unusual, such as another
    unit, or bodies that are upside down or do not move.

    For example::

        skeletonmae embed recordings/ --encoder kinect20 --out features.npz
        skeletonmae embed stores/mine --encoder runs/mine --pooling joints --out features.csv

    Args:
        recordings: Files, folders or stores.
        encoder: Name of a shipped encoder (`skeletonmae info` lists them), or a checkpoint or the folder of a run.
        out: File to write, .npz, .csv or .parquet; an existing one is replaced. Besides the features, it has the
            names, labels and tags of the recordings.
        pooling: What the features are the mean of: each of the six parts of a body, each joint, or all joints.
            `statistics` has the means and the standard deviations over time of the six parts, from a block inside
            the encoder. By default what `fit` takes: `statistics` for an encoder that reads any layout, `joints`
            for others.
        time_parts: Number of equal parts of each recording that are averaged separately; `statistics` has one, so
            the default is `parts` for more than one.
        views: Number of random, augmented parts of each recording that are averaged with its middle part.
        seed: Seed of the views.
        per_person: Give every person a row of its own instead of the mean over the persons.
        format: Format of all input files. By default it is detected from their content.
        layout: Joint layout of files that name their joints, as for `prepare`. By default the joints of the model.
        unit: Unit of the coordinates in the files, in place of what they state: m, cm or mm (converted to
            meters), px, image (fractions of the image's size) or unknown.
        up: Axis that points up in the files: y, z, or -y if y points down. The recordings are turned so that y is
            up; left stays left.
        fps: Frames per second, as given to `prepare`. Overrides the files' own.
        axes: Axes of the poses of videos: 2 (pixels of the image) or 3 (meters). By default those of the encoder.
        ntu_cleanup: Clean-up of NTU RGB+D, as given to `prepare`: that of published results, or none, which keeps
            every recorded body.
        video: Options for videos.
        batch_size: Clips per batch.
        precision: float32, bf16, or auto, which is bf16 where the device has instructions for it. bf16 is faster,
            and features differ slightly.
        device: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print as JSON what was written and what was left out.
    """
    from skeletonmae.inference import SkeletonEncoder
    from skeletonmae.inference.embed import EmbedSettings, default_pooling
    from skeletonmae.inference.embeddings import check_suffix, group_reasons
    from skeletonmae.validation import describe_warnings
    from skeletonmae.validation.basics import BASIC_CHECKS, RunningChecks
    from skeletonmae.validation.missing_and_frozen import Frozen

    check_suffix(out)
    check_outputs((out,), (encoder, *recordings))
    model = SkeletonEncoder.from_pretrained(encoder, device=device, precision=precision)
    of_videos = video_options(video, axes or model.checkpoint.header.axes, out)
    options = read_options(layout, unit, fps, ntu_cleanup, format=format, up=up, video=of_videos)
    if model.license:
        print_status(f"terms of {encoder}: {model.license}")
    ignored: list[UnreadFile] = []
    pooling = pooling or default_pooling(model.checkpoint.header, time_parts)
    settings = EmbedSettings(pooling, views, seed, per_person, batch_size, precision, time_parts)
    layouts, checks = ObservedLayouts(), RunningChecks(checks=(*BASIC_CHECKS, Frozen()))

    def on_recording(recording: SkeletonSequence) -> None:
        layouts.add(recording)
        checks.add(recording)

    embeddings = model.embed_sources(recordings, settings, options, ignored.append, on_recording=on_recording)
    embeddings = embeddings.with_notes(_name_notes(embeddings))
    warnings = describe_warnings(*checks.results())
    embeddings.save(out)
    num_rows, num_features = embeddings.features.shape
    if json:
        summary = {
            "out": str(out),
            "encoder": encoder,
            "license": model.license,
            "pooling": pooling,
            "rows": num_rows,
            "features": num_features,
            "left_out": [one._asdict() for one in embeddings.left_out],
            "notes": list(embeddings.notes),
            "warnings": warnings,
        }
        print_output_json(json_module.dumps(summary))
    else:
        print_output(f"{num_rows} x {num_features} features: {out}")
    print_ignored(ignored)
    layouts.print()
    for note in embeddings.notes:
        print_status(f"note: {note}")
    for warning in warnings:
        print_status(f"warning: {' '.join(warning.split())}")
    for line in group_reasons(embeddings.left_out):
        print_status(f"left out: {line}")
    return INCOMPLETE if embeddings.left_out else OK


def _name_notes(embeddings: Embeddings) -> Iterator[str]:
    """Say that rows have the same name, as of files of one name in several folders."""
    numbers = Counter(zip(embeddings.names, embeddings.persons, strict=True))
    if repeated := [(name, number) for (name, _), number in numbers.most_common() if number > 1]:
        name, number = repeated[0]
        more = f", and {len(repeated) - 1} more names are repeated" if len(repeated) > 1 else ""
        yield (
            f"{number} rows have the name {name!r}{more}; names are relative to the folder that is given, so give"
            " a folder that holds all recordings"
        )
