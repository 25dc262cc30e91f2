"""AMASS `.npz`: motion capture as pose parameters of SMPL+H or SMPL-X, one person.

Mahmood et al., ICCV 2019. `poses` is (frame, 156 or 165), axis-angle rotations of which the first 22 joints are
the body's in every model of the family (or `root_orient` and `pose_body` are these); `trans` is (frame, 3) in
meters, and `mocap_framerate` or `mocap_frame_rate` the frames per second. Joints come from these by forward
kinematics with the bone lengths of an average adult (`smpl_body`), whatever `betas` say: the tag `joint_positions`
is `approximate`. The tag `gender` is the file's. The z axis of AMASS is up; it is turned to our axes. Hands and
faces are not read.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.axes import turn_z_up
from skeletonmae.formats.decoders.npy import Npz, first_member, open_npz
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.smpl_body import POSED_JOINTS, smpl_joint_positions
from skeletonmae.limits import MAX_COORDINATE, check_shape
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import SMPL24

FIRST_ARRAYS = {
    "poses", "trans", "gender", "betas", "dmpls", "mocap_framerate", "mocap_frame_rate", "mocap_time_length",
    "marker_data", "marker_labels", "markers", "markers_latent", "surface_model_type", "root_orient", "pose_body",
}  # fmt: skip
"""Names of the arrays of which one is the first of a file."""
FRAME_RATES = ("mocap_framerate", "mocap_frame_rate")
EXPECTED = "poses (frame, 66 or more), or root_orient and pose_body; and trans (frame, 3)"


def _sniff(head: bytes) -> bool:
    return first_member(head) in FIRST_ARRAYS


def _parse(file: InputFile, _options: ReadOptions) -> Iterator[SkeletonSequence]:
    with open_npz(file) as arrays:
        parts = ("poses",) if "poses" in arrays else ("root_orient", "pose_body")
        if "trans" not in arrays or any(part not in arrays for part in parts):
            got = ", ".join(arrays.names[:20])
            raise InputError("not the poses of AMASS", where=file.path, expected=EXPECTED, got=got)
        pose, translation = _numbers(file, arrays, *parts), _numbers(file, arrays, "trans")
        if pose.shape[1] < 3 * POSED_JOINTS or pose.shape[1] % 3 or translation.shape != (len(pose), 3):
            got = f"poses {pose.shape}, trans {translation.shape}"
            raise InputError("not the poses of AMASS", where=file.path, expected=EXPECTED, got=got)
        check_shape(file.path, (1, len(pose), SMPL24.num_joints))
        pose = pose[:, : 3 * POSED_JOINTS].reshape(-1, POSED_JOINTS, 3)
        is_finite = (np.abs(pose) < MAX_COORDINATE).all((1, 2)) & (np.abs(translation) < MAX_COORDINATE).all(1)
        pose = np.where(is_finite[:, None, None], pose, 0)
        translation = np.where(is_finite[:, None], translation, 0)
        tags = {"joint_positions": "approximate"}
        if gender := _text(arrays, "gender"):
            tags["gender"] = gender
        yield SkeletonSequence.from_positions(
            turn_z_up(smpl_joint_positions(pose, translation)),
            SMPL24,
            observed=np.broadcast_to(is_finite[:, None], (len(pose), SMPL24.num_joints)),
            name=file.path.stem.removesuffix("_poses").removesuffix("_stageii"),
            fps=_frame_rate(file, arrays),
            tags=tags,
        )


def _numbers(file: InputFile, arrays: Npz, *names: str) -> np.ndarray:
    """Arrays of numbers `(frame, number)`, side by side, with 0 for what is not finite."""
    parts = [arrays.array(name) for name in names]
    if any(part.dtype.kind not in "fiu" or part.ndim != 2 or len(part) != len(parts[0]) for part in parts):
        got = ", ".join(f"{name} {part.dtype}{part.shape}" for name, part in zip(names, parts, strict=True))
        raise InputError("not the poses of AMASS", where=file.path, expected=EXPECTED, got=got)
    joined: np.ndarray = np.concatenate(parts, axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        return joined.astype(np.float64)


def _text(arrays: Npz, name: str) -> str:
    """A text, which older files have as bytes; empty if the file does not have it."""
    if name not in arrays or arrays.header(name).dtype.kind not in "SU":
        return ""
    values = arrays.array(name).reshape(-1).tolist()
    text = values[0] if values else ""
    return (text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)).strip()[:20]


def _frame_rate(file: InputFile, arrays: Npz) -> float | None:
    name = next((name for name in FRAME_RATES if name in arrays), None)
    if name is None:
        return None
    values = arrays.array(name).reshape(-1)
    rate = float(values[0]) if len(values) == 1 and values.dtype.kind in "fiu" else 0.0
    if not 0 < rate < MAX_COORDINATE:
        raise InputError(f"{name!r} is not a frame rate", where=file.path, got=str(values.tolist()[:3])[:80])
    return round(rate, 3)


AMASS_NPZ = Format(
    "amass_npz",
    "AMASS .npz: SMPL+H and SMPL-X poses, joints approximate",
    (".npz",),
    _sniff,
    _parse,
    fixed_axes=True,
)
