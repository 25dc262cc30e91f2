"""Self-supervised learning on skeletons: pre-train on motion, recognize actions with few labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skeletonmae.datasets.sources import read
    from skeletonmae.estimators import SkeletonClassifier, SkeletonTransformer
    from skeletonmae.inference import RecordingClassifier, SkeletonEncoder, Stream
    from skeletonmae.inference.load import load
    from skeletonmae.sequences import SequenceStore, SkeletonSequence
    from skeletonmae.transforms.torch_dataset import SkeletonDataset

__version__ = "0.1.0"
__all__ = [
    "RecordingClassifier",
    "SequenceStore",
    "SkeletonClassifier",
    "SkeletonDataset",
    "SkeletonEncoder",
    "SkeletonSequence",
    "SkeletonTransformer",
    "Stream",
    "__version__",
    "load",
    "read",
]


if not TYPE_CHECKING:  # or else every name would be an attribute
    _MODULES = {
        "RecordingClassifier": "skeletonmae.inference",
        "SequenceStore": "skeletonmae.sequences",
        "SkeletonClassifier": "skeletonmae.estimators",
        "SkeletonDataset": "skeletonmae.transforms.torch_dataset",
        "SkeletonEncoder": "skeletonmae.inference",
        "SkeletonSequence": "skeletonmae.sequences",
        "SkeletonTransformer": "skeletonmae.estimators",
        "Stream": "skeletonmae.inference",
        "load": "skeletonmae.inference.load",
        "read": "skeletonmae.datasets.sources",
    }

    def __getattr__(name: str) -> Any:
        """Import what is used first when it is used, because most of it needs torch."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        """List the names, also those that are not yet imported."""
        return sorted({*globals(), *__all__})
