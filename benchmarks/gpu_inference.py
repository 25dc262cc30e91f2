"""Inference in `gpu.py`."""

from __future__ import annotations

import statistics
from typing import Any

import torch
from gpu_session import RECIPE_AS_IT_IS, Session

from skeletonmae.training import autocast

NUM_CLASSES = 60


def measure_inference(session: Session, batch_size: int, precision: str) -> dict[str, Any]:
    """Time the classifier of the recipe on clips that lie ready on the device."""
    recipe = session.recipe(RECIPE_AS_IT_IS)
    model = session.method(recipe).classifier(NUM_CLASSES).to(session.device).eval()
    batch = session.loader(recipe, batch_size, training=False).batch(0, 0)
    row: dict[str, Any] = {}
    context: Any = autocast(precision, session.device)  # type: ignore[arg-type]
    with torch.inference_mode(), context, session.peak_memory(row):

        def call() -> None:
            model(batch).float().cpu()

        repeats = 40 if session.sizes.seconds else 2
        session.seconds(call)
        seconds = [session.seconds(call) for _ in range(repeats)]
    row["seconds"], row["fastest_seconds"] = statistics.median(seconds), min(seconds)
    row["clips_per_second"] = batch_size / row["seconds"]
    return row
