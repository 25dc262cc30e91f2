"""What is known of the clips that a classifier of `fit` was fitted to, for its doubts and warnings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import Field, ValidationError

from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.files import atomic_file
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.predictions.clip_warnings import TrainingRange
from skeletonmae.predictions.doubt import Familiarity, check_limits
from skeletonmae.predictions.motion_statistics import ReferencePose

FILE = "training_clips.safetensors"
METADATA_KEY = "skeletonmae_training_clips"
FAMILIARITY = ("novelties", "low", "high")
"""Arrays of `Familiarity`, in the order of its fields."""


class _Header(Config):
    training: TrainingRange
    reference_joints: tuple[str, ...] = Field(max_length=MAX_JOINTS)


@dataclass(frozen=True, eq=False)
class TrainingClips:
    """What is known of the clips that a classifier of `fit` was fitted to.

    Args:
        familiarity: What says how much a recording resembles them.
        reference: Their mean pose.
        training: What they were like.
    """

    familiarity: Familiarity
    reference: ReferencePose
    training: TrainingRange

    def save(self, folder: Path) -> None:
        """Write the file of an exported model."""
        from safetensors.numpy import save

        header = _Header(training=self.training, reference_joints=self.reference.joints)
        fields = {name: getattr(self.familiarity, name) for name in FAMILIARITY}
        fields["reference"] = self.reference.positions
        arrays = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in fields.items()}
        with atomic_file(folder / FILE) as file:
            file.write_bytes(save(arrays, {METADATA_KEY: header.model_dump_json()}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the file of an exported model.

        Raises:
            InputError: The file is missing or damaged.
        """
        from safetensors import SafetensorError, safe_open

        path = folder / FILE
        try:
            with safe_open(path, framework="numpy") as file:
                header = _Header.model_validate_json((file.metadata() or {}).get(METADATA_KEY, ""))
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, ValidationError, json.JSONDecodeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise InputError(
                f"the facts about the training clips cannot be read ({reason})", where=path
            ) from error
        shapes = _expected_shapes(header)
        if different := sorted(shapes.keys() ^ arrays.keys()):
            raise InputError("an array is missing or unexpected", where=f"{path}, {different[0]}")
        for name, shape in shapes.items():
            _check_array(arrays[name], shape, f"{path}, {name}")
        check_limits(arrays["low"], arrays["high"], path)
        return cls(
            Familiarity(*(arrays[name] for name in FAMILIARITY)),
            ReferencePose(header.reference_joints, arrays["reference"]),
            header.training,
        )


def _expected_shapes(header: _Header) -> dict[str, tuple[int | None, ...]]:
    """Return the shape of every array; None for any length."""
    return {
        "novelties": (None,),
        "low": (None,),
        "high": (None,),
        "reference": (len(header.reference_joints), None),
    }


def _check_array(array: np.ndarray, shape: tuple[int | None, ...], where: str) -> None:
    if array.dtype != np.float32:
        raise InputError("wrong data type", where=where, expected="float32", got=array.dtype)
    if array.ndim != len(shape) or any(a not in (None, b) for a, b in zip(shape, array.shape, strict=True)):
        raise InputError("an array has the wrong shape", where=where, expected=shape, got=array.shape)
    if not np.isfinite(array).all():
        raise InputError("some values are not finite", where=where)
