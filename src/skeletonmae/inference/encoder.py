"""An encoder that turns recordings into features: one that is shipped in the package, or your own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import torch

from skeletonmae.checkpoint import Checkpoint, save_checkpoint, save_encoder
from skeletonmae.config import Precision
from skeletonmae.datasets import UnreadFile
from skeletonmae.datasets.load_recordings import Problem
from skeletonmae.datasets.sources import iter_sources, source_options
from skeletonmae.encoders import find_shipped, load_encoder
from skeletonmae.errors import InputError
from skeletonmae.formats import ReadOptions
from skeletonmae.formats.axes import Up
from skeletonmae.inference.embed import EmbedSettings, default_pooling, embed_blocks, embed_store
from skeletonmae.inference.embed_notes import RecordingCounts
from skeletonmae.inference.embeddings import Embeddings, LeftOut, group_reasons
from skeletonmae.inference.pretrained import Description, PretrainedModel, read_card, read_config
from skeletonmae.methods import Pooling
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import Skeleton
from skeletonmae.training import choose_device

MAX_SHOWN = 2000
"""Recordings of a store that are shown to a callback."""
MAX_REASONS = 5
"""Reasons that an error quotes."""


@dataclass(frozen=True, eq=False)
class SkeletonEncoder(PretrainedModel):
    """A frozen encoder, which turns recordings of any length into features of one size.

    For example::

        from skeletonmae import SkeletonEncoder

        encoder = SkeletonEncoder.from_pretrained("kinect20")
        embeddings = encoder.embed("recordings/")
        print(embeddings.features.shape, embeddings.names, embeddings.left_out)

    Args:
        checkpoint: The pre-trained model.
        card: The model card, in Markdown; empty if there is none.
        precision: In which features are computed: `float32`, `bf16`, or `auto` for bf16 where the device has
            instructions for it.
    """

    checkpoint: Checkpoint
    card: str = ""
    precision: Precision = "float32"

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path, *, device: torch.device | str = "auto", precision: Precision = "float32"
    ) -> Self:
        """Load an encoder; nothing is downloaded, and no code in a file is run.

        Args:
            name_or_path: Name of a shipped encoder, such as `kinect20`; a checkpoint, the folder of a run, or a
                folder that `save_pretrained` wrote.
            device: Where to compute; `auto` uses a GPU if there is one.
            precision: See the class.

        Raises:
            InputError: There is no such encoder, the file is damaged, or it is a classifier.
        """
        shipped, folder = find_shipped(name_or_path), Path(name_or_path)
        config = None if shipped else read_config(folder)
        if config and config.kind != "encoder":
            expected = "an encoder; skeletonmae.load reads both"
            raise InputError(f"this is a {config.kind}", where=folder, expected=expected)
        checkpoint = load_encoder(name_or_path, choose_device(str(device)))
        _ = checkpoint.method  # refuses a classifier
        card = shipped.card if shipped else read_card(folder) if config else ""
        return cls(checkpoint, card, precision)

    def _write_weights(self, path: Path) -> None:
        checkpoint = self.checkpoint
        if checkpoint.header.role == "encoder":  # in half precision, which these weights have come from
            save_encoder(path, checkpoint, self.license)
        else:
            save_checkpoint(path, checkpoint.method, checkpoint.header)

    def _description(self) -> Description:
        return Description("encoder", self.license, self.card or self._make_card())

    def _make_card(self) -> str:
        header = self.checkpoint.header
        return f"""# An encoder of skeletonmae

It turns recordings of moving skeletons into features of one size.

| | |
|---|---|
| method | `{header.method.kind}` |
| clips | {header.clips.frames} frames, up to {header.clips.max_persons} persons, {header.axes}D |
| unit | {header.unit} |
| joints | {", ".join(header.joints)} |
| terms | {self.license or "not stated"} |

```python
from skeletonmae import SkeletonEncoder

encoder = SkeletonEncoder.from_pretrained("this folder")
embeddings = encoder.embed("my recordings")
```
"""

    def __deepcopy__(self, memo: object) -> Self:
        """Return itself: it does not change, and `sklearn.base.clone` copies what is given to an estimator."""
        return self

    @property
    def license(self) -> str:
        """The terms under which the weights may be used; empty if they are not stated."""
        return self.checkpoint.header.license

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the joints that the encoder knows. Others are only used if it reads any layout."""
        return self.checkpoint.header.joints

    @property
    def device(self) -> torch.device:
        """Where features are computed."""
        return next(self.checkpoint.method.parameters()).device

    def embed(
        self,
        recordings: Any,
        *,
        pooling: Pooling | None = None,
        time_parts: int = 1,
        views: int = 0,
        seed: int = 0,
        per_person: bool = False,
        batch_size: int = 64,
        layout: Skeleton | str | Path | None = None,
        joints: Sequence[str] | None = None,
        unit: str | None = None,
        fps: float | None = None,
        up: Up | None = None,
    ) -> Embeddings:
        """Compute the features of recordings.

        A recording may have any layout that has joints of the encoder; they are matched by name, and others are
        not used, unless the encoder reads any layout (`joint_embedding: description`). What cannot be used is in
        `left_out` of the result, with the reason; so are recordings whose body parts are others than those of
        most, such as hands among bodies.

        Args:
            recordings: What to embed, or several of it; see `skeletonmae.read`. An array is one recording,
                `(frame, joint, axis)` or `(person, frame, joint, axis)`, with NaN where a joint was not observed.
            pooling: What the features are the mean of: all joints (`mean`), each joint (`joints`), or each of the
                six parts of a body (`parts`), all over time and over persons. `statistics` has the means and the
                standard deviations over time of the six parts, from a block inside the encoder. By default what
                `fit` takes: `statistics` for an encoder that reads any layout, `joints` for others.
            time_parts: Number of equal parts of the clip that are averaged separately; `statistics` has one, so
                the default is `parts` for more than one.
            views: Number of random, augmented parts of each recording that are averaged with its middle part.
                They depend on `seed` and on the position of the recording among those of its layout.
            seed: Seed of the views.
            per_person: Give every person a row of its own, instead of the mean over the persons.
            batch_size: Clips per batch.
            layout: Layout of arrays, and of files that name their joints. Arrays need it, or `joints`.
            joints: Names of the joints of arrays, in their order.
            unit: Unit of arrays (m by default) and files: m, cm, mm, px, image or unknown. Centimeters and
                millimeters are converted to meters.
            fps: Frames per second of arrays and files.
            up: Axis that points up in arrays and files: y, z or -y.

        Returns:
            One row per recording, or per person of each recording, in their order.

        Raises:
            InputError: A setting is invalid, an array has no layout, or nothing could be embedded.
        """
        pooling = pooling or default_pooling(self.checkpoint.header, time_parts)
        settings = EmbedSettings(pooling, views, seed, per_person, batch_size, self.precision, time_parts)
        options = source_options(layout, unit, fps, up)
        return self.embed_sources(recordings, settings, options, joints=joints)

    def embed_sources(
        self,
        recordings: Any,
        settings: EmbedSettings,
        options: ReadOptions,
        on_ignored: Callable[[UnreadFile], None] | None = None,
        joints: Sequence[str] | None = None,
        on_recording: Callable[[SkeletonSequence], None] | None = None,
    ) -> Embeddings:
        """Compute the features of recordings; like `embed`, with all options of readers.

        Args:
            recordings: What to embed.
            settings: How to compute the features.
            options: Facts about arrays and files.
            on_ignored: Called with every file that holds no recordings.
            joints: Names of the joints of arrays.
            on_recording: Called with every recording that is read; of a large store, with 2000 of them.
        """
        on_recording = on_recording or (lambda _: None)
        if settings.views < 0 or settings.batch_size < 1:
            expected, got = "views >= 0 and batch_size >= 1", (settings.views, settings.batch_size)
            raise InputError("invalid number of views or batch size", where="embed", expected=expected, got=got)
        if settings.time_parts < 1:
            raise InputError(
                "invalid number of time_parts", where="embed", expected=">= 1", got=settings.time_parts
            )
        if settings.pooling not in get_args(Pooling):
            expected = ", ".join(get_args(Pooling))
            raise InputError("unknown pooling", where="embed", expected=expected, got=settings.pooling)
        parts, counts = [], RecordingCounts()
        custom_layout = self.checkpoint.header.custom_layout
        sources = iter_sources(recordings, options, joints, on_ignored, custom_layout)
        for is_store, items in groupby(map(_as_left_out, sources), _is_store):
            if is_store:
                for store in (item for item in items if isinstance(item, SequenceStore)):
                    for index in np.unique(np.linspace(0, len(store) - 1, min(len(store), MAX_SHOWN)).round()):
                        on_recording(store[int(index)])
                    parts += embed_store(self.checkpoint, store, settings, counts)
            else:
                others = _observed_by(on_recording, (one for one in items if not isinstance(one, SequenceStore)))
                parts += embed_blocks(self.checkpoint, others, settings, counts)
        if not parts:
            raise InputError("no recording was given", where="embed")
        embeddings = Embeddings.concat(parts).with_notes(counts.notes(self.checkpoint.header))
        if not len(embeddings):
            reasons = group_reasons(embeddings.left_out)
            more = [f"and {len(reasons) - MAX_REASONS} more"] if len(reasons) > MAX_REASONS else []
            lines = "\n".join([*reasons[:MAX_REASONS], *more]) or "there is none"
            raise InputError(f"no recording could be embedded: {lines}")
        return embeddings


def _observed_by(
    on_recording: Callable[[SkeletonSequence], None], items: Iterable[SkeletonSequence | LeftOut]
) -> Iterator[SkeletonSequence | LeftOut]:
    for item in items:
        if not isinstance(item, LeftOut):
            on_recording(item)
        yield item


def _as_left_out(
    source: SkeletonSequence | SequenceStore | Problem,
) -> SkeletonSequence | SequenceStore | LeftOut:
    return LeftOut(source.recording, None, source.reason) if isinstance(source, Problem) else source


def _is_store(source: SkeletonSequence | SequenceStore | LeftOut) -> bool:
    return isinstance(source, SequenceStore)
