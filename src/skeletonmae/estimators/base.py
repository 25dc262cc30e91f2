"""What the estimators share: how they read `X`, and how they load an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from skeletonmae.datasets.sources import source_options
from skeletonmae.errors import InputError
from skeletonmae.estimators.inputs import as_recordings
from skeletonmae.files import weights_file
from skeletonmae.formats.axes import Up
from skeletonmae.inference import SkeletonEncoder
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

Kind = Literal["recordings", "table"]
TABLE_TYPES = (np.float64, np.float32)


class RecordingEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of the estimators.

    Attributes:
        kind_: Whether it was fitted to recordings or to a table.
    """

    layout: Skeleton | str | Path | None
    joints: Sequence[str] | None
    axes: Literal[2, 3]
    unit: str | None
    fps: float | None
    up: Up | None
    kind_: Kind

    def _read(self, X: Any, *, fitting: bool) -> list[SkeletonSequence] | np.ndarray:
        """Return recordings, or the table as a validated array."""
        options = source_options(self.layout, self.unit, self.fps, self.up)
        recordings = as_recordings(X, options, self.joints, self.axes)
        kind: Kind = "table" if recordings is None else "recordings"
        if fitting:
            self.kind_ = kind
            if kind == "recordings":
                for name in ("n_features_in_", "feature_names_in_"):
                    self.__dict__.pop(name, None)  # of an earlier fit to a table
        elif kind != self.kind_:
            problem = f"the estimator was fitted to {self.kind_}"
            hint = "; layout or joints say which joints flattened frames have" if kind == "table" else ""
            raise InputError(problem + hint, where="X", expected=self.kind_, got=kind)
        if recordings is not None:
            return recordings
        table: np.ndarray = validate_data(self, X, reset=fitting, dtype=TABLE_TYPES)
        return table

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def load_frozen(encoder: str | Path | SkeletonEncoder, device: str) -> SkeletonEncoder:
    """Return an encoder; one that is named is loaded once for all estimators of the process.

    Args:
        encoder: A name, a path, or an encoder, which is returned.
        device: Where to compute.

    Raises:
        InputError: There is no such encoder.
    """
    if isinstance(encoder, SkeletonEncoder):
        return encoder
    file = weights_file(Path(encoder))
    modified = file.stat().st_mtime_ns if file.is_file() else 0
    return _load_frozen(str(encoder), device, modified)


@lru_cache(maxsize=4)
def _load_frozen(encoder: str, device: str, modified: int) -> SkeletonEncoder:  # noqa: ARG001
    return SkeletonEncoder.from_pretrained(encoder, device=device)
