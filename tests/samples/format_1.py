"""Checkpoints of format 1, made from those of format 2 by the table of renames the other way round."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from skeletonmae import renames
from skeletonmae.checkpoint import METADATA_KEY


@contextmanager
def inverted() -> Iterator[None]:
    """Let the functions of `renames` turn new names into old ones."""
    settings = tuple(renames.RenamedSetting(one.group, one.new, one.old) for one in reversed(renames.SETTINGS))
    weights = {kind: {new: old for old, new in table.items()} for kind, table in renames.WEIGHTS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renames, "SETTINGS", settings)
        patch.setattr(renames, "WEIGHTS", weights)
        patch.setattr(renames, "HEADER_FIELDS", {new: old for old, new in renames.HEADER_FIELDS.items()})
        yield


def write_format_1(path: Path, out: Path) -> Path:
    """Write the checkpoint at `path` to `out` as version 0.1 would have done."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
    with inverted():
        old = renames.migrate_header(header) | {"format": 1}
        weights = renames.migrate_weights(load_file(path), header["method"]["kind"])
    save_file(weights, out, {METADATA_KEY: json.dumps(old)})
    return out
