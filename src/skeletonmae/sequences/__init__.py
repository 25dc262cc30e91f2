"""What a recording is, and where many of them are kept."""

from skeletonmae.sequences.sequence import UNITS, SkeletonSequence
from skeletonmae.sequences.shard import Shard
from skeletonmae.sequences.store import SequenceStore, join
from skeletonmae.sequences.writer import StoreWriter

__all__ = ["UNITS", "SequenceStore", "Shard", "SkeletonSequence", "StoreWriter", "join"]
