"""Self-supervised learning on skeletons: pre-train on motion, recognize actions with few labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skeletonmae.inference import SkeletonEncoder

__version__ = "0.1.0"
__all__ = ["SkeletonEncoder", "__version__"]


if not TYPE_CHECKING:  # or else every name would be an attribute

    def __getattr__(name: str) -> Any:
        """Import `SkeletonEncoder` when it is first used, because it needs torch."""
        if name != "SkeletonEncoder":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return import_module("skeletonmae.inference").SkeletonEncoder
