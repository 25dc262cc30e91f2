"""Recordings, and the stores that hold many of them."""

from skeletonmae.sequences.memory_store import MemoryStoreBuilder
from skeletonmae.sequences.sequence import UNITS, SkeletonSequence
from skeletonmae.sequences.shard import Shard
from skeletonmae.sequences.store import SequenceStore, join
from skeletonmae.sequences.writer import StoreWriter

__all__ = ["UNITS", "MemoryStoreBuilder", "SequenceStore", "Shard", "SkeletonSequence", "StoreWriter", "join"]
