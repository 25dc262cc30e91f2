"""NTU RGB+D `.skeleton`: Kinect v2 text with 25 joints of each body, cleaned up as the field does or as it is.

The text is read by `ntu_text`, the clean-up is in `ntu_clean`. Axes are Kinect's, in metres.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.ntu_text import parse_bodies
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.ntu_cleanup import none, reference
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

CLEAN = {"reference": reference, "none": none}
FPS = 30.0


HEAD = re.compile(rb"\s*\d{1,9}\s+(0\s+)*([1-9]\d?\s+\d+( \S+){9}\s+25\s+\S+( \S+){11}\s|0?$)")


def _sniff(head: bytes) -> bool:
    return HEAD.match(head) is not None  # frames, frames of nobody, then bodies: id and 9 more, 25, a joint


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    bodies = parse_bodies(file.content(), str(file.path))
    if not bodies.bodies:
        got = f"{bodies.num_frames} frames without a body"
        raise InputError("nobody is in it", where=file.path, expected="a body in a frame", got=got)
    persons = CLEAN[options.ntu_cleanup](bodies)
    if not len(persons.positions):
        raise InputError("nobody is left of it", where=file.path, got="; ".join(persons.notes))
    yield SkeletonSequence(
        persons.positions, persons.observed, NTU25, name=file.path.stem, fps=FPS, notes=persons.notes
    )


NTU = Format("ntu", "NTU RGB+D .skeleton: 25 joints of each body in 3D", (".skeleton",), _sniff, _parse)
