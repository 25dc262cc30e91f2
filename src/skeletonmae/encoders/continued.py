"""The settings of a run that goes on from a pre-trained encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skeletonmae.encoders.shipped import load_encoder
from skeletonmae.training import TrainingConfig

EPOCHS, MIN_STEPS, WARMUP_EPOCHS = 50, 500, 5.0
LR_SHARE = 0.3
"""Peak learning rate, as a share of that of the encoder's own pre-training: a higher one would undo it."""
LR = 3e-4
"""Peak learning rate if that of the encoder's own pre-training is not known."""
KEPT = ("batch_size", "weight_decay", "betas", "max_grad_norm", "precision")
"""Settings of its own training that go on."""


def settings_to_continue(name_or_path: str | Path) -> dict[str, Any]:
    """Return the recipe that goes on from an encoder: its clips and method, and a shorter, gentler training.

    Only `data.evaluate`, the store of one's own recordings, is missing.

    Args:
        name_or_path: Name of a shipped encoder, or a checkpoint or the folder of a run.

    Raises:
        InputError: There is no such encoder, the file is damaged, or it is a classifier.
    """
    checkpoint = load_encoder(name_or_path)
    _ = checkpoint.method  # refuses a classifier
    header = checkpoint.header
    own = header.recipe.get("training")
    own = own if isinstance(own, dict) else {}
    defaults = TrainingConfig().model_dump(mode="json")
    training = {name: own.get(name, defaults[name]) for name in KEPT}
    lr = own.get("lr")
    training["lr"] = LR_SHARE * lr if isinstance(lr, float) else LR
    training |= {"epochs": EPOCHS, "min_steps": MIN_STEPS, "warmup_epochs": WARMUP_EPOCHS, "final_lr": 0.0}
    recipe: dict[str, Any] = {
        "data": header.clips.model_dump(mode="json"),
        "method": header.method.model_dump(mode="json"),
        "training": training,
        "init_from": str(name_or_path),
    }
    if header.masking is not None:
        recipe["masking"] = header.masking.model_dump(mode="json")
    return recipe
