"""The header of a table with one line per frame: which column is which coordinate of which joint.

Understood are, in any case and with any of the usual separators:

- the joint, then the coordinate: `nose_x`, `nose.x`, `left wrist X`, `SpineBaseX`, `LShoulderScore`, `pose_0_x`;
- the coordinate, then the joint: `x_nose`, `x1`, `y1`, `z1`, `v1`;
- two lines, the joints above the coordinates: `nose,nose,nose` or `nose,,` above `x,y,likelihood`.

Lines before the header and a line of units below it are skipped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from skeletonmae.formats.wide_sets import objects_beside_a_body, one_of_each, quaternion
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.skeletons.aliases import normalize_joint_name, vocabulary_joint

AXES = ("x", "y", "z")
CONFIDENCE_WORDS = {
    "c": "confidence", "conf": "confidence", "confidence": "confidence", "s": "confidence", "score": "confidence",
    "p": "confidence", "prob": "confidence", "probability": "confidence", "likelihood": "likelihood",
    "accu": "confidence", "accuracy": "confidence", "state": "confidence", "trackingstate": "confidence",
    "v": "visibility", "vis": "visibility", "visibility": "visibility", "presence": "visibility",
}  # fmt: skip
"""Word for how sure a joint is -> kind, which decides the threshold."""
OTHER_FIELDS = ("error", "ncams", "rot", "residual", "err", "inferred")
"""Values of a joint that are neither coordinates nor a confidence."""
ROLES = {
    "frame": (
        "frame", "frames", "frameidx", "frameindex", "frameid", "frameno", "framenum", "framenumber", "fnum",
    ),
    "time": (
        "time", "times", "timestamp", "timestamps", "timems", "timestampms", "timeus", "timestampus", "timesec",
        "timeseconds", "seconds", "sec", "ms", "t", "capturetime", "frametime", "timespan", "elapsedtime",
    ),
    "person": (
        "person", "personid", "track", "trackid", "individual", "individuals", "body", "bodyid", "bodyindex",
        "trackingid", "instance", "animal", "player",
    ),
    "recording": (
        "recording", "video", "videoname", "videoid", "videofile", "filename", "file", "clip", "clipid",
        "sequence", "sequenceid",
    ),
    "label": ("label", "class", "action", "activity", "gesture", "classname", "labelname"),
    "fps": ("fps", "framerate"),
}  # fmt: skip
"""What a column holds besides joints -> its names, without case and separators."""
NO_JOINTS = {
    "bbox", "box", "image", "img", "frame", "size", "screen", "resolution", "start", "end", "mouse", "gaze",
    "com", "cop",
    "acc", "accel", "acceleration", "accelerometer", "gyr", "gyro", "gyroscope", "mag", "magnetometer", "imu",
    "vel", "velocity", "rot", "rotation", "orientation", "quat", "euler", "angle", "angles",
    "force", "forces", "moment", "torque", "grf", "translation", "origin",
}  # fmt: skip
"""Last words of names that have coordinates and are no joints: boxes, sensors, rotations, forces."""
UNIT_WORDS = {"mm", "cm", "m", "px", "pixel", "pixels", ""}
MAX_PREFACE_LINES = 12
MAX_NAME_LENGTH = 200
"""Longer cells are no names of columns, and would be slow to match."""
MIN_JOINTS = 2
MIN_PLAIN_NUMBERED = 3
"""Numbered joints that make a table of poses if they have x and y alone; `x1,y1,x2,y2` is a box."""

_FIELD = "|".join(sorted((*AXES, *CONFIDENCE_WORDS, *OTHER_FIELDS), key=len, reverse=True))
_UNIT = re.compile(r"\s*[(\[]\s*(mm|cm|m|px|pixels?)\s*[)\]]\s*$", re.IGNORECASE)
_SUFFIX = re.compile(rf"(?P<joint>.*?[^\s_.:\-/|(\[])[\s_.:\-/|(\[]+(?P<field>{_FIELD})[)\]]?", re.IGNORECASE)
_CAMEL = re.compile(
    r"(?P<joint>.*[a-z0-9])(?P<field>[XYZ]|Score|Conf|Confidence|Likelihood|Visibility|State|Inferred)"
)
_DIGIT = re.compile(r"(?P<joint>[A-Za-z_]+\d+)(?P<field>[xyz])")
_NUMBERED = re.compile(rf"(?P<field>{_FIELD})[\s_.:\-/|(\[]*(?P<joint>\d+)[)\]]?", re.IGNORECASE)
_PREFIX = re.compile(rf"(?P<field>{_FIELD})[\s_.:\-/|(\[]+(?P<joint>\w.*?)[)\]]?", re.IGNORECASE)
_NUMBER = re.compile(r"(?P<prefix>.*?)[\s_.:\-]*(?P<number>\d+)")


@dataclass
class WideHeader:
    """What the columns of a table hold.

    Args:
        num_lines: Lines up to and including the header.
        joints: Names of the joints, in the order of the columns.
        columns: (joint, field) -> column. A field is an axis, or a word of `CONFIDENCE_WORDS`.
        roles: Key of `ROLES` -> column.
        time_name: Name of the column of times, without case and separators.
        tags: Name -> column, for columns that hold neither joints nor a role.
        ignored: Names of columns that hold other values of joints.
        unit: Unit that the header states; empty if it states none.
        duplicates: (joint, field) that several columns have.
        notes: Remarks on joints that are not read.
    """

    num_lines: int
    joints: list[str] = field(default_factory=list)
    columns: dict[tuple[str, str], int] = field(default_factory=dict)
    roles: dict[str, int] = field(default_factory=dict)
    time_name: str = ""
    tags: dict[str, int] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    unit: str = ""
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes that the joints have."""
        return tuple(axis for axis in AXES if any((joint, axis) in self.columns for joint in self.joints))

    @property
    def numbers(self) -> list[int] | None:
        """The number of each joint, if all names are the same word and a number."""
        matches = [_NUMBER.fullmatch(joint) for joint in self.joints]
        if not all(matches) or len({match["prefix"].lower() for match in matches if match}) != 1:
            return None
        return [int(match["number"]) for match in matches if match]

    def confidences(self, joint: str) -> Iterator[tuple[str, int]]:
        """Yield the kind and the column of each confidence of a joint."""
        for word, kind in CONFIDENCE_WORDS.items():
            if (joint, word) in self.columns:
                yield kind, self.columns[joint, word]

    def describe(self) -> str:
        """The header in words, for the report."""
        examples = ", ".join(self.joints[:3]) + (", ..." if len(self.joints) > 3 else "")
        words = sorted({name for _, name in self.columns} - set(AXES))
        parts = [f"{len(self.joints)} joints ({examples}) with {', '.join((*self.axes, *words))}"]
        roles = [role for role in ("recording", "frame", "time", "person") if role in self.roles]
        parts += [f"{role} from its column" for role in roles]
        if not {"frame", "time"} & self.roles.keys():
            parts.append("every line is the next frame")
        return "read as a table with one line per frame: " + "; ".join(parts)


def find_header(rows: Sequence[Sequence[str]]) -> WideHeader | None:
    """The header among the first lines of a file; None if they have no columns of joints."""
    for index, row in enumerate(rows[:MAX_PREFACE_LINES]):
        below = rows[index + 1] if index + 1 < len(rows) else ()
        for names, num_lines in ((row, 1), (_merge(row, below), 2)):
            header = _understand(names, index + num_lines)
            if header is None:
                continue
            units = rows[header.num_lines] if header.num_lines < len(rows) else ()
            words = {cell.strip().lower() for cell in units}
            if words and words <= UNIT_WORDS and words != {""}:
                header.num_lines += 1
                header.unit = header.unit or next(word for word in sorted(words) if word)
            return header
    return None


def split_column(name: str) -> tuple[str, str] | None:
    """The joint and the field of a column; None if it holds no value of a joint."""
    if len(name) > MAX_NAME_LENGTH:
        return None
    name = _UNIT.sub("", name.strip())
    for pattern in (_NUMBERED, _SUFFIX, _CAMEL, _DIGIT, _PREFIX):
        if match := pattern.fullmatch(name):
            joint, word = match["joint"].strip(), match["field"].lower()
            if normalize_joint_name(joint).split("_")[-1] in NO_JOINTS:
                return None
            if pattern is _PREFIX and vocabulary_joint(joint) is None:
                return None  # `s_total` is no confidence of a joint
            return joint, word
    return None


def role_of(name: str) -> str | None:
    """Which of `ROLES` a column has by its name; None if it has none."""
    plain = _plain(_UNIT.sub("", name[:MAX_NAME_LENGTH]))
    return next((role for role, words in ROLES.items() if plain in words), None)


def _understand(names: Sequence[str], num_lines: int) -> WideHeader | None:
    header = WideHeader(num_lines)
    rotations: set[str] = set()
    for column, name in enumerate(names):
        plain = _plain(_UNIT.sub("", name[:MAX_NAME_LENGTH]))
        role = role_of(name)
        role = None if role in header.roles else role
        split = None if role else split_column(name)
        if role:
            header.roles[role] = column
            header.time_name = plain if role == "time" else header.time_name
        elif split and split[1] in OTHER_FIELDS:
            header.ignored.append(name.strip())
        elif not split and (rotated := quaternion(name[:MAX_NAME_LENGTH])):
            rotations.add(rotated)
            header.tags[name.strip()] = column
        elif split and split in header.columns:
            header.duplicates.append(split)
        elif split:
            header.columns[split] = column
            unit = _UNIT.search(name)
            header.unit = header.unit or (unit[1].lower() if unit and split[1] in AXES else "")
        elif plain and not plain.startswith("unnamed"):
            header.tags[name.strip()] = column
    complete = Counter(joint for joint, word in header.columns if word in ("x", "y"))
    header.joints = [joint for joint, times in complete.items() if times == 2]
    header.joints = [  # `v_x` is a velocity, but a joint that has a score may have one letter
        joint for joint in header.joints if len(joint) > 1 or joint.isdigit() or any(header.confidences(joint))
    ]
    with_depth = [joint for joint in header.joints if (joint, "z") in header.columns]
    if with_depth and 2 * len(with_depth) >= len(header.joints):  # the others are the same joints in an image
        header.joints = with_depth
    header.joints = [joint for joint in header.joints if joint not in rotations or joint not in with_depth]
    _select(header)
    joints = set(header.joints)
    for key in [key for key in header.columns if key[0] not in joints]:
        header.ignored.append(names[header.columns.pop(key)].strip())
    header.duplicates = [key for key in header.duplicates if key[0] in joints]
    return header if _has_poses(header) else None


def _select(header: WideHeader) -> None:
    """Leave out objects, and joints of which the file has a better set."""
    if objects := objects_beside_a_body(header.joints):
        header.joints = [joint for joint in header.joints if joint not in objects]
        header.notes = (f"objects, which are no joints of the body, are left out: {', '.join(objects)}",)
    if header.numbers or len(header.joints) > MAX_JOINTS:
        return
    kept, notes = one_of_each(header.joints)
    header.joints, header.notes = list(kept.values()), (*header.notes, *notes)
    renamed = {joint: name for joint, name in kept.items() if joint != name}
    header.columns = {
        (renamed.get(joint, joint), word): column for (joint, word), column in header.columns.items()
    }


def _has_poses(header: WideHeader) -> bool:
    """Whether enough columns are of joints: `x1,y1,x2,y2` alone is a box."""
    if len(header.joints) < MIN_JOINTS:
        return False
    is_plain = all(word in ("x", "y") for _, word in header.columns)
    return not (is_plain and header.numbers and len(header.joints) < MIN_PLAIN_NUMBERED)


def _merge(names: Sequence[str], fields: Sequence[str]) -> list[str]:
    """One line of names from joints and the coordinates below; a joint may be written once for all of its."""
    words = [cell.strip().lower() for cell in fields]
    known = {*AXES, *CONFIDENCE_WORDS, *OTHER_FIELDS}
    if sum(word in ("x", "y") for word in words) < 2 * MIN_JOINTS:
        return []
    merged, joint = [], ""
    for column, word in enumerate(words):
        name = names[column].strip() if column < len(names) else ""
        if word not in known:
            merged.append("frame" if word == "coords" else word or name)  # DeepLabCut without its scorer
            continue
        base = re.sub(r"\.\d+$", "", name)  # pandas numbers equal names
        if name and not name.lower().startswith("unnamed") and base != joint:
            joint = name
        merged.append(f"{joint}_{word}" if joint else "")
    return merged


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
