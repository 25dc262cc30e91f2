"""The training state of a classifier in the folder of an evaluation, from which a stopped fine-tuning resumes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from skeletonmae.training import STATE, DistributedContext
from skeletonmae.training.run_folder import load_state
from skeletonmae.training.weights_digest import weights_digest


def open_fit_folder(folder: Path, fingerprint: str, distributed: DistributedContext) -> Path:
    """Create the folder of a training run, and delete the state that another run has left there.

    Args:
        folder: The folder.
        fingerprint: Identifies the run.
        distributed: This process; all processes call this together.

    Raises:
        InputError: The state in the folder is damaged.
    """
    if distributed.is_main:
        folder.mkdir(parents=True, exist_ok=True)
        state = load_state(folder)
        if state and state["fingerprint"] != fingerprint:
            (folder / STATE).unlink()
    distributed.barrier()
    return folder


def delete_fit_state(folder: Path, distributed: DistributedContext) -> None:
    """Delete the state of a finished run; its log stays."""
    if distributed.is_main:
        (folder / STATE).unlink(missing_ok=True)


def fit_fingerprint(model: nn.Module, index: np.ndarray, settings: Sequence[object]) -> str:
    """Return a digest of what determines the result of a training run.

    Args:
        model: The model with its initial weights.
        index: Indices of the recordings, `(recording,)`.
        settings: Everything else, as plain containers for JSON.
    """
    content = [weights_digest(model), hashlib.sha256(index.tobytes()).hexdigest(), *settings]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
