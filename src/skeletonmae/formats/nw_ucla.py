"""NW-UCLA as JSON: `{"file_name": ..., "skeletons": [frame][joint][x, y, z]}`, kinect20, in meters.

The form in which projects on skeletons distribute Northwestern-UCLA (Wang et al., CVPR 2014), in the axes of
Kinect v1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.json_text import read_json
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.kinect_recording import kinect_recording
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import KINECT20

EXPECTED = "a list of frames of 20 joints of 3 numbers under 'skeletons'"


def _sniff(head: bytes) -> bool:
    return head.lstrip().startswith(b"{") and b'"skeletons"' in head


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    content = read_json(file)
    if not isinstance(content, dict) or "skeletons" not in content:
        raise InputError("the file has no skeletons", where=file.path, expected=EXPECTED)
    try:
        values = np.array(content["skeletons"], dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"'skeletons' is not an array ({error})", where=file.path, expected=EXPECTED) from error
    if values.ndim != 3 or values.shape[1:] != (20, 3) or not len(values):
        raise InputError("'skeletons' has the wrong shape", where=file.path, expected=EXPECTED, got=values.shape)
    yield kinect_recording(file, values, KINECT20.joints)


NW_UCLA = Format("nw_ucla", "NW-UCLA JSON: 20 joints in 3D, one recording per file", (".json",), _sniff, _parse)
