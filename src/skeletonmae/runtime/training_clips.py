"""What is known of the clips that a classifier of `fit` was fitted to, for its doubts and warnings."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
from skeletonmae.predictions.doubt import Doubt
from skeletonmae.predictions.motion_statistics import ReferencePose

FILE = "training_clips.safetensors"
METADATA_KEY = "skeletonmae_training_clips"
DOUBT_PREFIX = "doubt."


class _Header(Config):
    training: TrainingRange
    reference_joints: tuple[str, ...] = Field(max_length=MAX_JOINTS)


@dataclass(frozen=True, eq=False)
class TrainingClips:
    """What is known of the clips that a classifier of `fit` was fitted to.

    Args:
        doubt: What says whether a recording is unknown.
        reference: Their mean pose.
        training: What they were like.
    """

    doubt: Doubt
    reference: ReferencePose
    training: TrainingRange

    def save(self, folder: Path) -> None:
        """Write the file of an exported model."""
        from safetensors.numpy import save

        header = _Header(training=self.training, reference_joints=self.reference.joints)
        arrays = {f"{DOUBT_PREFIX}{name}": array for name, array in self.doubt.arrays().items()}
        arrays["reference"] = self.reference.positions
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
        doubt = {
            name.removeprefix(DOUBT_PREFIX): array
            for name, array in arrays.items()
            if name.startswith(DOUBT_PREFIX)
        }
        _check_arrays(doubt, arrays, header, path)
        return cls(
            Doubt.from_arrays(doubt),
            ReferencePose(header.reference_joints, np.asarray(arrays["reference"], np.float32)),
            header.training,
        )


def _check_arrays(
    doubt: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], header: _Header, path: Path
) -> None:
    """Compare the arrays of a file with those that are needed."""
    num_features = len(doubt["mean"]) if "mean" in doubt else 0
    expected: dict[str, tuple[int | None, ...]] = {
        **{f"{DOUBT_PREFIX}{name}": shape for name, shape in Doubt.array_shapes(num_features).items()},
        "reference": (len(header.reference_joints), None),
    }
    if different := sorted(expected.keys() ^ arrays.keys()):
        raise InputError("an array is missing or unexpected", where=f"{path}, {different[0]}")
    for name, shape in expected.items():
        got = arrays[name].shape
        if len(got) != len(shape) or any(a not in (None, b) for a, b in zip(shape, got, strict=True)):
            raise InputError("an array has the wrong shape", where=f"{path}, {name}", expected=shape, got=got)
        if not np.isfinite(arrays[name]).all():
            raise InputError("some values are not finite", where=f"{path}, {name}")
