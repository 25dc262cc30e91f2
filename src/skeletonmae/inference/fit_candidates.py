"""Which heads `fit` compares, and which of them it may choose."""

from __future__ import annotations

from typing import Literal

from skeletonmae.errors import InputError
from skeletonmae.inference.fit_data import COORDINATES, ENCODER, FitData
from skeletonmae.inference.head_choice import MAX_COMPARED, is_large
from skeletonmae.inference.head_fitting import Candidate, coordinate_candidates, encoder_candidates


def candidates_of(data: FitData) -> dict[str, list[Candidate]]:
    """Return the heads to choose from: those of the encoder's features, and those of the coordinates.

    Those of large sets have no nearest neighbors, which would hold the features of all clips in the classifier.
    """
    floor = [candidate for name in data.features if name != ENCODER for candidate in coordinate_candidates(name)]
    of_encoder = [
        candidate
        for candidate in (encoder_candidates(ENCODER) if ENCODER in data.features else ())
        if not (candidate.method == "neighbors" and is_large(len(data.labels)))
    ]
    return {name: group for name, group in ((ENCODER, of_encoder), (COORDINATES, floor)) if group}


def allowed_groups(data: FitData, features: Literal["best", "encoder"], finetune: bool) -> list[str]:
    """Return which groups of candidates may be chosen.

    Args:
        data: The recordings.
        features: What may be classified, as in `FitConfig`.
        finetune: Whether the encoder is fine-tuned.

    Raises:
        InputError: The encoder's features are asked for, and there are none.
    """
    if ENCODER in data.features:
        return [ENCODER] if features == "encoder" else [ENCODER, COORDINATES]
    if features == "encoder" or finetune:
        problem = "there is no encoder to fine-tune" if finetune else "there are no features of an encoder"
        reason = data.notes[0] if data.notes else "no encoder was named"
        raise InputError(problem, expected="an encoder that reads the recordings", got=reason)
    return [COORDINATES]


def notes_of_size(data: FitData) -> list[str]:
    """Say what is done in another way because there are many clips."""
    if not is_large(len(data.labels)):
        return []
    tried = (
        ", and nearest neighbors, which would hold all clips, were not tried" if ENCODER in data.features else ""
    )
    return [
        f"with more than {MAX_COMPARED} clips, heads are compared on {MAX_COMPARED} of them, drawn with equal"
        f" shares of every class{tried}; the classifier and its accuracy are of all {len(data.labels)} clips"
    ]
