"""NTU RGB+D `.skeleton`: Kinect v2 text with 25 joints of each body, with the field's clean-up or without it.

`decoders.ntu_text` reads the text, `ntu_cleanup` selects the persons. Axes are Kinect's, in meters. A joint at
exactly (0, 0, 0) is unobserved. The trackingState of a joint (not tracked, inferred, tracked) is read and not
used: the published results rest on the positions of joints in all three states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.ntu_text import parse_bodies
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.ntu_cleanup import keep_all_bodies, reference_cleanup
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import NTU25

CLEANUPS = {"reference": reference_cleanup, "none": keep_all_bodies}
FPS = 30.0


# The number of frames, those without a body, then the first body: its id and 9 more values, 25, and a joint.
HEAD = re.compile(rb"\s*\d{1,9}\s+(0\s+)*([1-9]\d?\s+\d+( \S+){9}\s+25\s+\S+( \S+){11}\s|0?$)")


def _sniff(head: bytes) -> bool:
    return HEAD.match(head) is not None


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    bodies = parse_bodies(file.content(), str(file.path))
    if not bodies.bodies:
        got = f"{bodies.num_frames} frames without a body"
        raise InputError("no body in the file", where=file.path, expected="a body in at least one frame", got=got)
    persons = CLEANUPS[options.ntu_cleanup](bodies)
    if not len(persons.positions):
        raise InputError("the clean-up drops every body", where=file.path, got="; ".join(persons.notes))
    yield SkeletonSequence(
        persons.positions, persons.observed, NTU25, name=file.path.stem, fps=FPS, notes=persons.notes
    )


NTU = Format("ntu", "NTU RGB+D .skeleton: 25 joints of each body in 3D", (".skeleton",), _sniff, _parse)
