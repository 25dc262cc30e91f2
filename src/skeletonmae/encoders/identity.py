"""What tells whether results belong to an encoder: the checksum of its weights, or the settings of its network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from skeletonmae.checkpoint import Header
from skeletonmae.config import Config

ONLY_IN_TRAINING = {"augment", "crop"}
"""Settings of clips that do not change the features of an encoder."""


def weights_checksum(file: Path) -> str:
    """Return the SHA-256 of a file with weights, as `sha256sum` does.

    Args:
        file: The file.
    """
    return hashlib.sha256(file.read_bytes()).hexdigest()


def network_checksum(header: Header) -> str:
    """Return a checksum of all settings that decide the features of a network with random weights.

    Two encoders with the same checksum have the same features as long as they are untrained. Settings that have
    their default values do not count, so that a setting that is added later changes no checksum.

    Args:
        header: The header of an encoder.
    """
    spec = header.spec
    settings = {
        "kind": header.method.kind,
        "method": _changed(header.method),
        "clips": _changed(header.clips, ONLY_IN_TRAINING),
        "input": {"frames": spec.frames, "axes": spec.axes, "persons": spec.persons, "joints": spec.joints},
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _changed(config: Config, exclude: set[str] | None = None) -> dict[str, Any]:
    return config.model_dump(mode="json", exclude_defaults=True, exclude=exclude)
