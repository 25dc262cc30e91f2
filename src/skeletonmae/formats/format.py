"""What a file format is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from skeletonmae.errors import InputError
from skeletonmae.formats.axes import METERS, Up, convert_axes, convert_unit
from skeletonmae.formats.files import InputFile, as_input_file
from skeletonmae.formats.video_options import DEFAULT_VIDEO_OPTIONS, VideoOptions
from skeletonmae.limits import FILE_VALUES
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton


def raise_error(error: InputError) -> None:
    """Raise an error of one recording, which ends the reading of its file."""
    raise error


@dataclass(frozen=True)
class ReadOptions:
    """What the user states about recordings that do not state it themselves, and how ambiguous files are read.

    Args:
        layout: Layout of files that name their joints. By default it follows from the names.
        unit: Unit of the coordinates in the files, one of `axes.INPUT_UNITS`, in place of the files' own.
            Millimeters and centimeters are converted to meters. A reader sees them as `m`, and then converts
            nothing itself.
        up: Axis that points up in the files, in place of the format's own. A reader that turns the axes of its
            files does not if this is stated, unless its format has `fixed_axes`.
        fps: Frames per second, in place of the file's own.
        ntu_cleanup: `reference` applies the clean-up that published NTU results rest on; `none` keeps every body
            as it was recorded.
        format: Name of the format of files whose content does not tell it. By default it is detected.
        split_actions: Whether a long recording with a list of its actions is split into one recording per action.
        video: How the poses of videos are estimated.
        on_error: Called with the error of one recording in a file whose other recordings may be valid. The
            default raises it.
    """

    layout: Skeleton | None = None
    unit: str | None = None
    up: Up | None = None
    fps: float | None = None
    ntu_cleanup: Literal["reference", "none"] = "reference"
    format: str | None = None
    split_actions: bool = True
    video: VideoOptions = DEFAULT_VIDEO_OPTIONS
    on_error: Callable[[InputError], None] = raise_error


DEFAULT_OPTIONS = ReadOptions()
Parse = Callable[[InputFile, ReadOptions], Iterator[SkeletonSequence]]


@dataclass(frozen=True)
class Format:
    """One file format.

    Args:
        name: Its key in `FORMATS`.
        description: One line for the list of formats.
        suffixes: Endings of its file names, in lower case, with the dot.
        sniff: Whether the first `HEAD_BYTES` bytes of a file look like this format. Never raises.
        parse: Yields the recordings of a file; raises `InputError` for anything that is wrong with it.
        sniff_frame: For formats with one file per frame, whether a file that begins with these bytes holds a
            single frame. The files of one recording are found by their names (`frame_files.number_frames`), and
            `parse` then gets an `InputFile` with `frame_files`. Never raises.
        sidecar_name: For formats with two files per recording, the name of the second one (`InputFile.sidecar`)
            that lies beside a file of a given name (or several names, of which the first that exists counts), or
            None for other names.
        fixed_axes: Whether the format itself fixes the axes, so that its reader converts them and
            `ReadOptions.up` does not apply.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    parse: Parse
    sniff_frame: Callable[[bytes], bool] | None = None
    sidecar_name: Callable[[str], str | Sequence[str] | None] | None = None
    fixed_axes: bool = False

    def has_suffix(self, name: str) -> bool:
        """Whether a file of this name can be of this format."""
        return name.lower().endswith(self.suffixes)

    def matches(self, file: InputFile | Path) -> bool:
        """Whether `file` can be read and its first bytes look like this format."""
        try:
            return self.sniff(as_input_file(file).head())
        except InputError:
            return False

    def read(self, file: InputFile | Path, options: ReadOptions = DEFAULT_OPTIONS) -> Iterator[SkeletonSequence]:
        """The recordings in `file`, one at a time.

        Raises:
            InputError: The file is missing, damaged, or of another format.
        """
        file = as_input_file(file)
        try:
            num_values, maximum = 0, FILE_VALUES.of(file.size)
            as_stated = replace(options, unit="m") if options.unit in METERS else options
            for sequence in self.parse(file, as_stated):
                num_values += sequence.positions.size
                if num_values > maximum:
                    got = f"{num_values} numbers in {file.size} bytes"
                    raise InputError("more than a file of this size can hold", where=file.path, got=got)
                yield self._with_options(sequence, options)
        except InputError:
            raise
        except Exception as error:  # a damaged file must never stop the reading of the others
            raise InputError(f"cannot be read ({type(error).__name__}: {error})", where=file.path) from error

    def _with_options(self, sequence: SkeletonSequence, options: ReadOptions) -> SkeletonSequence:
        """Apply what the user states about all files to a recording."""
        if options.unit:
            sequence = convert_unit(sequence, options.unit)
        if options.up and not self.fixed_axes:
            sequence = convert_axes(sequence, options.up)
        return replace(sequence, fps=options.fps) if options.fps else sequence
