"""Search for recordings that show what others show: all of it, some of its frames, or nearly the same."""

from skeletonmae.validation.near_duplicates.content_index import ContentIndex
from skeletonmae.validation.near_duplicates.search import (
    MATCH_TEXT,
    Match,
    MatchKind,
    find_copies,
    incomparable_layouts,
)

__all__ = ["MATCH_TEXT", "ContentIndex", "Match", "MatchKind", "find_copies", "incomparable_layouts"]
