"""Compute the features of recordings with an encoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from skeletonmae.batches import Batch, Loader
from skeletonmae.batches.loader import epoch_order
from skeletonmae.checkpoint import Checkpoint, Header
from skeletonmae.config import Precision
from skeletonmae.errors import InputError
from skeletonmae.inference.adapt import adapted_recordings
from skeletonmae.inference.blocks import Block, Row, recording_blocks
from skeletonmae.inference.embed_notes import RecordingCounts, layout_notes
from skeletonmae.inference.embeddings import Embeddings, LeftOut
from skeletonmae.methods import Method, Pooling
from skeletonmae.methods.described_pooling import canonical_joints, pooled_layout
from skeletonmae.methods.pooling import BODY_PARTS, part_names
from skeletonmae.predictions.persons import PersonRecording
from skeletonmae.predictions.prediction import NOT_FINITE, NOTHING_OBSERVED
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import VOCABULARY, Skeleton
from skeletonmae.training import autocast

BY_PART = ("parts", "statistics")
"""Kinds of pooling whose features are those of body parts."""


def default_pooling(header: Header, time_parts: int = 1) -> Pooling:
    """Return the pooling whose features classify best, and are the same for all layouts of a human body.

    It is `statistics` for an encoder that reads any layout (`parts` with parts of time, which `statistics` has
    not), and `joints` for one that knows joints by their names.

    Args:
        header: The header of the encoder.
        time_parts: Number of parts of time.
    """
    if not header.method.reads_any_layout:
        return "joints"
    return "statistics" if time_parts == 1 else "parts"


class EmbedSettings(NamedTuple):
    """How features are computed; see `SkeletonEncoder.embed`."""

    pooling: Pooling
    views: int = 0
    seed: int = 0
    per_person: bool = False
    batch_size: int = 64
    precision: Precision = "float32"
    time_parts: int = 1
    """Number of equal parts of a clip whose means are concatenated."""


def embed_recordings(
    checkpoint: Checkpoint, recordings: Iterable[SkeletonSequence | LeftOut], settings: EmbedSettings
) -> Embeddings:
    """Compute the features of recordings, of which only a block at a time is held in memory.

    Args:
        checkpoint: The encoder.
        recordings: Recordings of any layouts, and what could not be read. Those whose layout has other features
            than most of them are left out.
        settings: How to compute the features.
    """
    counts = RecordingCounts()
    embeddings = Embeddings.concat(embed_blocks(checkpoint, recordings, settings, counts))
    return embeddings.with_notes(counts.notes(checkpoint.header))


def embed_blocks(
    checkpoint: Checkpoint,
    recordings: Iterable[SkeletonSequence | LeftOut],
    settings: EmbedSettings,
    counts: RecordingCounts,
) -> list[Embeddings]:
    """Compute the features of recordings by blocks of one layout each; like `embed_recordings`.

    Args:
        checkpoint: The encoder.
        recordings: Recordings of any layouts, and what could not be read.
        settings: How to compute the features.
        counts: Counts to which the recordings are added.
    """
    header = checkpoint.header
    items = adapted_recordings(header, recordings, settings.per_person)
    if settings.pooling in BY_PART and is_human(header):
        items = map(_with_default_parts, items)
    return [_embed_block(checkpoint, block, settings, counts) for block in recording_blocks(items)]


def embed_store(
    checkpoint: Checkpoint, store: SequenceStore, settings: EmbedSettings, counts: RecordingCounts
) -> list[Embeddings]:
    """Compute the features of all recordings of a store, which need not fit into memory if the encoder fits it."""
    header = checkpoint.header
    fits = header.method.reads_any_layout or (
        (store.axes, store.unit) == (header.axes, header.unit)
        and bool(header.used_joints(store.skeleton))
        and store.skeleton == with_default_parts(store.skeleton)
    )
    if settings.per_person or not fits:
        return embed_blocks(checkpoint, store, settings, counts)
    names = [*store.classes, None]
    labels = [names[index] for index in store.labels.tolist()]
    tags = {name: store.tag(name).tolist() for name in store.tags}
    rows = [
        Row(
            store.name(index), None, label, {name: values[index] for name, values in tags.items() if values[index]}
        )
        for index, label in enumerate(labels)
    ]
    return [_embed_rows(checkpoint, store, rows, settings, counts)]


def is_human(header: Header) -> bool:
    """Return whether all joints of an encoder belong to the six parts of a human body."""
    return {VOCABULARY.get(joint) for joint in header.joints} <= set(BODY_PARTS)


@lru_cache(maxsize=64)
def with_default_parts(skeleton: Skeleton) -> Skeleton:
    """Return a layout with the parts of the vocabulary, so that features have the same meaning in all layouts."""
    return replace(skeleton, parts={})


def _with_default_parts(item: PersonRecording | LeftOut) -> PersonRecording | LeftOut:
    if isinstance(item, LeftOut):
        return item
    recording = replace(item.recording, skeleton=with_default_parts(item.recording.skeleton))
    return PersonRecording(item.person, recording)


def _embed_block(
    checkpoint: Checkpoint, block: Block, settings: EmbedSettings, counts: RecordingCounts
) -> Embeddings:
    """Compute the features of the recordings of a block."""
    embeddings = Embeddings.empty()
    if block.store:
        try:
            embeddings = _embed_rows(checkpoint, block.store, block.rows, settings, counts, block.first_number)
        except InputError as error:  # the layout lacks joints that a transform needs
            reasons = tuple(LeftOut(row.recording, row.person, str(error)) for row in block.rows)
            embeddings = replace(embeddings, left_out=reasons)
    return replace(embeddings, left_out=(*block.left_out, *embeddings.left_out))


def _embed_rows(
    checkpoint: Checkpoint,
    store: SequenceStore,
    rows: Sequence[Row],
    settings: EmbedSettings,
    counts: RecordingCounts,
    first_number: int = 0,
) -> Embeddings:
    """Compute the features of all recordings of a store that the encoder can read.

    Args:
        checkpoint: The encoder.
        store: The recordings.
        rows: What each of them is.
        settings: How to compute the features.
        counts: Counts to which the recordings are added.
        first_number: Number of recordings before the first one, from which the random views follow.
    """
    header, method = checkpoint.header, checkpoint.method
    if not rows:
        return Embeddings.empty()
    counts.add(header, store)
    device = next(method.parameters()).device
    index = np.arange(len(store))
    total: Tensor | None = None
    num_shown = torch.zeros(len(store), dtype=torch.int64)
    for view in range(settings.views + 1):
        loader = header.clips.loader(
            store,
            index,
            batch_size=settings.batch_size,
            training=view > 0,
            seed=settings.seed,
            device=device,
        )
        loader = replace(loader, first_number=first_number)
        features, is_shown = _view_features(method, loader, max(0, view - 1), header, settings)
        features = features.where(is_shown[:, None], 0.0)
        total = features if total is None else total + features
        num_shown += is_shown
    assert total is not None
    mean = (total / num_shown.clamp(min=1)[:, None]).numpy()
    if settings.pooling in BY_PART and is_human(header):
        num_sets = 2 if settings.pooling == "statistics" else settings.time_parts
        by_part = mean.reshape(len(mean), num_sets, len(part_names(store.skeleton)), -1)
        mean = by_part[:, :, : len(BODY_PARTS)].reshape(len(mean), -1)  # other parts have no joint of the encoder
    is_finite = np.isfinite(mean).all(1)
    is_kept = is_finite & (num_shown > 0).numpy()
    left_out = [
        LeftOut(row.recording, row.person, NOT_FINITE if shown else NOTHING_OBSERVED)
        for row, kept, shown in zip(rows, is_kept.tolist(), (num_shown > 0).tolist(), strict=True)
        if not kept
    ]
    kept_rows = [row for row, kept in zip(rows, is_kept.tolist(), strict=True) if kept]
    return Embeddings(
        np.ascontiguousarray(mean[is_kept], dtype=np.float32),
        _feature_names(header, store.skeleton, settings, mean.shape[1]),
        tuple(row.recording for row in kept_rows),
        tuple(row.person for row in kept_rows),
        tuple(row.label for row in kept_rows),
        tuple(left_out),
        tuple(layout_notes(header, store.skeleton)),
        tuple(row.tags for row in kept_rows),
    )


@torch.inference_mode()
def _view_features(
    method: Method, loader: Loader, epoch: int, header: Header, settings: EmbedSettings
) -> tuple[Float[Tensor, "recording feature"], Bool[Tensor, " recording"]]:
    """Features of one part of each recording, and whether it shows a joint that the encoder knows."""

    def embed(batch: Batch) -> Tensor:
        with autocast(settings.precision, next(method.parameters()).device):
            return method.embed(batch, settings.pooling, time_parts=settings.time_parts).float().cpu()

    features, is_shown = [], []
    for batch in loader.epoch(epoch):
        embedded = embed(batch)
        if len(batch) > 1 and not embedded.isfinite().all():  # one clip may have spoiled the others
            alone = torch.eye(len(batch), dtype=torch.bool, device=batch.label.device)
            embedded = torch.cat([embed(batch.select(clip)) for clip in alone])
        features.append(embedded)
        is_shown.append(batch.has_observed(header.used_joints(batch.skeleton)).cpu())
    if not loader.training:
        return torch.cat(features), torch.cat(is_shown)
    order = torch.from_numpy(np.argsort(epoch_order(loader.seed, epoch, len(loader.index))))
    return torch.cat(features)[order], torch.cat(is_shown)[order]


def feature_groups(header: Header, skeleton: Skeleton, pooling: Pooling) -> tuple[str, ...]:
    """Return what features are the mean of, such as `left_arm`, in their order within a part of time.

    Features of recordings of two layouts can be compared if these are the same.

    Args:
        header: The header of the encoder.
        skeleton: The joint layout.
        pooling: How the encoder's output is averaged.
    """
    joints = header.joints
    if header.method.reads_any_layout:
        skeleton = pooled_layout(skeleton)
        joints = canonical_joints(skeleton)
    parts = BODY_PARTS if is_human(header) else part_names(skeleton)
    statistics = tuple(f"{part}_{statistic}" for statistic in ("mean", "std") for part in parts)
    return {"mean": ("mean",), "joints": joints, "parts": parts, "statistics": statistics}[pooling]


def _feature_names(
    header: Header, skeleton: Skeleton, settings: EmbedSettings, num_features: int
) -> tuple[str, ...]:
    """Name features by what they are the mean of, such as `left_arm_17`, or `left_arm_time1_17` of a part."""
    groups, times = feature_groups(header, skeleton, settings.pooling), settings.time_parts
    names = groups if times == 1 else [f"{group}_time{time}" for time in range(times) for group in groups]
    width = num_features // len(names)
    return tuple(f"{name}_{index}" for name in names for index in range(width))
