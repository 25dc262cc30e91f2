"""Recordings in blocks: stores in memory of a bounded size, so that memory does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from skeletonmae.errors import InputError
from skeletonmae.inference.embeddings import LeftOut
from skeletonmae.predictions.persons import PersonRecording
from skeletonmae.sequences import MemoryStoreBuilder, SequenceStore
from skeletonmae.skeletons import Skeleton

BLOCK_BYTES = 2**26
"""Size of the coordinates at which a block is complete: some 700 recordings of ten seconds."""
BLOCK_RECORDINGS = 4096
"""Number of recordings at which a block is complete."""
NO_TAGS: Mapping[str, str] = MappingProxyType({})
Layout: TypeAlias = tuple[Skeleton, str, int]
"""What all recordings of a store share: joints, unit and number of axes."""


class Row(NamedTuple):
    """What a row of features or probabilities belongs to."""

    recording: str
    person: int | None
    label: str | None
    tags: Mapping[str, str] = NO_TAGS


@dataclass(frozen=True, eq=False)
class Block:
    """Successive recordings of one layout.

    Args:
        entries: The recordings, and those that cannot be read, in their order.
        store: The recordings of the rows among the entries, without labels and tags; None if there is none.
        first_number: Number of recordings of this layout in the blocks before.
    """

    entries: tuple[Row | LeftOut, ...]
    store: SequenceStore | None
    first_number: int

    @property
    def rows(self) -> list[Row]:
        """The entries that are in the store."""
        return [entry for entry in self.entries if isinstance(entry, Row)]

    @property
    def left_out(self) -> list[LeftOut]:
        """The other entries."""
        return [entry for entry in self.entries if isinstance(entry, LeftOut)]


@dataclass
class _OpenBlock:
    """A block to which recordings are added."""

    layout: Layout | None = None
    builder: MemoryStoreBuilder | None = None
    entries: list[Row | LeftOut] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        builder = self.builder
        if builder is None:
            return False
        return builder.num_bytes >= BLOCK_BYTES or len(builder) >= BLOCK_RECORDINGS

    def add(self, item: PersonRecording) -> None:
        recording = item.recording
        if self.builder is None:
            self.layout = layout_of(item)
            self.builder = store_builder(self.layout)
        try:
            self.builder.add(replace(recording, label=None, tags={}))
        except InputError as error:
            self.entries.append(LeftOut.of(recording, item.person, error))
        else:
            self.entries.append(Row(recording.name, item.person, recording.label, recording.tags))


def recording_blocks(items: Iterable[PersonRecording | LeftOut]) -> Iterator[Block]:
    """Collect recordings in blocks; at most one block is held at a time.

    Args:
        items: Recordings of any layouts, and what could not be read, which becomes an entry of a block.

    Yields:
        Blocks of successive recordings of one layout.
    """
    num_before: Counter[Layout] = Counter()
    block = _OpenBlock()

    def closed() -> Block:
        store = block.builder.build() if block.builder and len(block.builder) else None
        first_number = num_before[block.layout] if block.layout else 0
        if store and block.layout:
            num_before[block.layout] += len(store)
        return Block(tuple(block.entries), store, first_number)

    for item in items:
        if isinstance(item, LeftOut):
            block.entries.append(item)
            continue
        if block.is_full or block.layout not in (None, layout_of(item)):
            yield closed()
            block = _OpenBlock()
        block.add(item)
        del item  # so that only the block holds it
    if block.entries:
        yield closed()


def layout_of(item: PersonRecording) -> Layout:
    """Return what a recording must have in common with the others of its block."""
    recording = item.recording
    return recording.skeleton, recording.unit, recording.positions.shape[3]


def store_builder(layout: Layout, classes: Sequence[str] = ()) -> MemoryStoreBuilder:
    """Return an empty store in memory for recordings of a layout.

    Args:
        layout: The layout.
        classes: Names of the labels, in the order of their indices.
    """
    skeleton, unit, num_axes = layout
    axes: Literal[2, 3] = 2 if num_axes == 2 else 3
    return MemoryStoreBuilder(skeleton, axes=axes, unit=unit, classes=classes)
