"""The features of a frozen encoder, as a transformer of scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skeletonmae.errors import InputError
from skeletonmae.estimators.base import RecordingEstimator, load_frozen
from skeletonmae.estimators.inputs import refuse_unread
from skeletonmae.formats.axes import Up
from skeletonmae.inference import Embeddings, SkeletonEncoder
from skeletonmae.inference.embed import EmbedSettings, default_pooling, embed_recordings
from skeletonmae.inference.fit import DEFAULT_ENCODER
from skeletonmae.methods import Pooling
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton


class SkeletonTransformer(TransformerMixin, RecordingEstimator):  # type: ignore[misc]
    """Turn recordings into features of a frozen encoder.

    For example::

        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from skeletonmae import SkeletonTransformer

        model = make_pipeline(SkeletonTransformer(), StandardScaler(), LogisticRegression())
        model.fit(recordings, labels)

    `X` may be a file, a folder, a store, or a list of recordings: `SkeletonSequence`s, files with one recording
    each, or arrays `(frame, joint, axis)` or `(person, frame, joint, axis)` with NaN where a joint was not
    observed. In one array, the first axis is that of the clips: `(clip, frame, joint, axis)`,
    `(clip, person, frame, joint, axis)`, or `(clip, channel, time)` as in aeon and sktime. Datasets of movement
    and labels of sleap-io are read too.

    A table `(clip, feature)` holds flattened frames if `layout` or `joints` say which joints they have. Without
    either, the encoder cannot read it, and its numbers are the features as they are.

    Args:
        encoder: Name of a shipped encoder, a checkpoint, a folder that `save_pretrained` wrote, or an encoder.
        pooling: What the features are the mean of: `joints`, `parts`, `statistics` or `mean`; see
            `SkeletonEncoder.embed`. By default `statistics` for an encoder that reads any layout, such as `small`,
            and `joints` for others: their features are the same for all layouts of a human body.
        layout: Layout of arrays, and of files that name their joints.
        joints: Names of the joints of arrays, in their order.
        axes: Number of axes of a joint in channels and flattened frames.
        unit: Unit of arrays (m by default) and files.
        fps: Frames per second of arrays and files.
        up: Axis that points up in arrays and files: y, z or -y.
        batch_size: Clips per batch.
        device: Where the encoder computes; `auto` uses a GPU if there is one.

    Attributes:
        kind_: Whether it was fitted to `recordings` or to a `table`.
    """

    def __init__(
        self,
        encoder: str | Path | SkeletonEncoder = DEFAULT_ENCODER,
        *,
        pooling: Pooling | None = None,
        layout: Skeleton | str | Path | None = None,
        joints: Sequence[str] | None = None,
        axes: Literal[2, 3] = 3,
        unit: str | None = None,
        fps: float | None = None,
        up: Up | None = None,
        batch_size: int = 64,
        device: str = "auto",
    ) -> None:
        self.encoder = encoder
        self.pooling = pooling
        self.layout = layout
        self.joints = joints
        self.axes = axes
        self.unit = unit
        self.fps = fps
        self.up = up
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Check that the encoder can read the first recording; nothing is learned.

        Args:
            X: Recordings, or a table.
            y: Not used.

        Raises:
            InputError: `X` cannot be read.
        """
        data = self._read(X, fitting=True)
        if isinstance(data, list):
            self._feature_names = self._embed(data[:1])[0].feature_names
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Compute the features of recordings.

        Args:
            X: Recordings, or a table if it was fitted to one.

        Returns:
            `(clip, feature)`, float32; a table as it is.

        Raises:
            InputError: A recording cannot be read, which the message names, or the features are others than those
                of `fit`.
        """
        check_is_fitted(self)
        data = self._read(X, fitting=False)
        if not isinstance(data, list):
            return data.copy()
        embeddings, pooling = self._embed(data)
        if embeddings.feature_names != self._feature_names:
            problem = f"with the pooling {pooling}, these recordings have other features than those of fit"
            hint = "; the poolings parts and statistics give all layouts of a human body the same"
            expected, got = f"the {len(self._feature_names)} of fit{hint}", len(embeddings.feature_names)
            raise InputError(problem, where="X", expected=expected, got=got)
        return embeddings.features

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return what each feature belongs to, such as `left_wrist_17`.

        Args:
            input_features: Names of the columns of a table.
        """
        check_is_fitted(self)
        if self.kind_ == "table":
            names: np.ndarray = _check_feature_names_in(self, input_features)
            return names
        return np.array(self._feature_names, dtype=object)

    def _embed(self, recordings: list[SkeletonSequence]) -> tuple[Embeddings, Pooling]:
        """Return the features of all recordings, and the pooling of them."""
        encoder = load_frozen(self.encoder, self.device)
        pooling = self.pooling or default_pooling(encoder.checkpoint.header)
        numbered = [replace(one, name=str(number)) for number, one in enumerate(recordings)]
        settings = EmbedSettings(pooling=pooling, batch_size=self.batch_size)
        embeddings = embed_recordings(encoder.checkpoint, numbered, settings)
        reasons = [""] * len(recordings)
        for one in embeddings.left_out:
            reasons[int(one.recording)] = one.reason
        refuse_unread(recordings, reasons)
        return embeddings, pooling

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.requires_fit = True
        return tags
