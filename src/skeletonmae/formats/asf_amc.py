"""ASF/AMC motion capture (CMU): motion in an AMC file, and the skeleton of its subject in an ASF file.

`01_02.amc` needs the ASF file of its subject beside it: `01_02.asf`, `01.asf`, or the only ASF file in its folder.
The joints are the root and the ends of all bones; a joint is called after the bone that begins there, by the
vocabulary's names where it has them (`skeletons.aliases`), and otherwise after the bone that ends there. CMU's
forearm has a joint for its twist, named wrist in the file; the hand begins at the wrist of the vocabulary.

The axes have y up, and a body at rest faces along z; bodies are turned by half a turn, like those of BVH. The ASF
file states its unit as a fraction of an inch (CMU: 0.45, so that 1 is 5.6 cm), and everything becomes meters. AMC
files do not state their frame rate: CMU recorded at 120 and in part at 60 frames per second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.axes import turn_about_y
from skeletonmae.formats.bvh_skeleton import unique_names
from skeletonmae.formats.decoders.asf_text import Asf, bone_ends, parse_amc, parse_asf
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.frame_numbers import FrameNumbering
from skeletonmae.formats.length_units import longest_bone, meters_per_unit
from skeletonmae.formats.sidecars import attach_sidecars, names_beside
from skeletonmae.limits import check_density
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.skeletons.aliases import normalize_joint_name, rig_joints

METERS_PER_INCH = 0.0254
FPS_NOTE = "AMC files do not state their frame rate; state it with --fps (CMU: mostly 120)"


def asf_names(amc_name: str) -> tuple[str, ...]:
    """Names that the ASF file of an AMC file can have: `a_b_c.asf`, `a_b.asf`, `a.asf`, or the only one (`*.asf`).

    Returns:
        Names for `attach_sidecars`; empty for other files.
    """
    stem, dot, suffix = amc_name.rpartition(".")
    if suffix.lower() != "amc":
        return ()
    words = stem.split("_")
    stems = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    return (*(f"{name}{dot}{ending}" for name in stems for ending in ("asf", "ASF")), "*.asf")


def _sniff(head: bytes) -> bool:
    lines = [line.strip() for line in head.decode("utf-8-sig", "replace").splitlines()]
    settings = [line.lower() for line in lines if line.startswith(":")]
    frame = next((number for number, line in enumerate(lines) if line.isdigit()), len(lines))
    has_root = any(line.lower().startswith("root ") for line in lines[frame + 1 : frame + 2])
    return ":fully-specified" in settings or (has_root and not settings[1:])


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    skeleton_file = _skeleton_file(file)
    asf = parse_asf(skeleton_file.text(), str(skeleton_file.path))
    amc = parse_amc(file.text(), str(file.path), asf)
    skeleton = _skeleton(asf)
    positions = bone_ends(asf, amc)
    positions = positions if options.up else turn_about_y(positions)
    length = longest_bone(skeleton, positions)
    scale = METERS_PER_INCH / asf.length
    notes: tuple[str, ...] = ()
    if not file.path.stem.startswith(skeleton_file.path.stem):
        notes = (f"its skeleton is that of {skeleton_file.path.name}, the only ASF file beside it",)
    unit = "m"
    if options.unit:
        scale = 1.0
    elif meters_per_unit(length * scale) != 1.0:  # the unit is that of another program
        meters = meters_per_unit(length)
        scale, unit = meters or 1.0, "m" if meters else "unknown"
        notes += () if meters else (f"the unit is not known: the longest bone is {length:.3g}",)
    numbering = FrameNumbering.of(amc.frames)
    frame = numbering.index(amc.frames)
    if len(np.unique(frame)) < len(frame):
        raise InputError("a frame is duplicated", where=file.path)
    shape = (1, int(frame.max()) + 1, skeleton.num_joints)
    check_density(file.path, shape, len(frame) * skeleton.num_joints)
    placed = np.full((*shape, 3), np.nan, dtype=np.float32)
    with np.errstate(over="ignore"):
        placed[0, frame] = positions * scale
    yield SkeletonSequence.from_positions(
        placed,
        skeleton,
        observed=np.asarray(np.isfinite(placed).all(-1)),
        name=file.path.stem,
        unit=unit,
        notes=(*notes, *numbering.notes, *(() if options.fps else (FPS_NOTE,))),
    )


def _skeleton_file(file: InputFile) -> InputFile:
    found = file.sidecar or attach_sidecars([file], asf_names)[0].sidecar
    if found:
        return found
    others = [name for name in names_beside(file) if name.lower().endswith(".asf")]
    example = f"{file.path.stem.split('_')[0]}.asf"
    expected = f"the ASF file of the subject beside it, such as {example}"
    got = f"{len(others)} ASF files of other names" if others else "none"
    raise InputError("its skeleton is missing", where=file.path, expected=expected, got=got)


def _skeleton(asf: Asf) -> Skeleton:
    """The layout of the root and of the ends of the bones."""
    bones = [bone.name for bone in asf.bones]
    begins = rig_joints(bones)
    known: list[str | None] = ["pelvis"]
    fallback = ["root"]
    for index, bone in enumerate(asf.bones[1:], start=1):
        joints = [begins[child] for child, other in enumerate(asf.bones) if other.parent == index]
        ends = rig_joints([f"{bone.name}_end"])[0] if not joints else None
        middle = [joint for joint in joints if joint and not joint.startswith(("left_", "right_"))]
        known.append(next(iter([*middle, *(joint for joint in joints if joint)]), ends))
        fallback.append(f"{normalize_joint_name(_sided(bone.name, bones))}_end")
    names = unique_names(known, fallback)
    parents = {names[index]: names[bone.parent] for index, bone in enumerate(asf.bones) if bone.parent >= 0}
    return Skeleton(f"asf{len(names)}", names, parents, center=("pelvis",), source="the hierarchy of an ASF file")


def _sided(bone: str, bones: Sequence[str]) -> str:
    """A bone's name with its side in full, so that it mirrors: `lhand` is `left_hand` if there is an `rhand`."""
    sides = {"l": ("r", "left"), "r": ("l", "right")}
    other, side = sides.get(bone[:1].lower(), ("", ""))
    return f"{side}_{bone[1:]}" if other and other + bone[1:].lower() in map(str.lower, bones) else bone


ASF_AMC = Format(
    "asf_amc",
    "ASF/AMC motion capture (CMU): the joints of its own hierarchy in 3D",
    (".amc",),
    _sniff,
    _parse,
    sidecar_name=asf_names,
)
