"""What the name of a class must be, since it is printed on terminals and written to subtitles and tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

NOT_PRINTABLE = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories of control characters, halves of pairs, and separators of lines and paragraphs."""
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that reverse the text after them."""


def class_name_problem(names: Sequence[str]) -> str:
    """Say what is wrong with the names of classes.

    Args:
        names: The names of all classes.

    Returns:
        The first problem, in words, with its name quoted; empty if there is none.
    """
    seen: set[str] = set()
    for name in names:
        if not name.strip():
            return "the name of a class is empty"
        if any(unicodedata.category(one) in NOT_PRINTABLE or one in DIRECTIONS for one in name):
            return f"the name of a class has control characters or line breaks: {ascii(name)[:100]}"
        if name in seen:
            return f"two classes have the same name: {ascii(name)[:100]}"
        seen.add(name)
    return ""
