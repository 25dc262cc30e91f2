"""Which heads `fit` compares, and which of them it may choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.inference.fit_data import COMBINED, COORDINATES, ENCODER, FitData
from skeletonmae.inference.folds import Fold
from skeletonmae.inference.head_choice import MAX_COMPARED, Choice, best_choice, is_large, is_surely_better
from skeletonmae.inference.head_fitting import (
    Candidate,
    combined_candidates,
    coordinate_candidates,
    encoder_candidates,
)


def candidates_of(data: FitData) -> dict[str, list[Candidate]]:
    """Return the heads to choose from: those of the encoder's features, of the coordinates, and of both together.

    Those of large sets have no nearest neighbors, which would hold the features of all clips in the classifier.
    """
    floor = [
        candidate
        for name in data.features
        if name not in (ENCODER, COMBINED)
        for candidate in coordinate_candidates(name)
    ]
    of_encoder = [
        candidate
        for candidate in (encoder_candidates(ENCODER) if ENCODER in data.features else ())
        if not (candidate.method == "neighbors" and is_large(len(data.labels)))
    ]
    combined = combined_candidates(COMBINED, data.features[ENCODER].shape[1]) if COMBINED in data.features else []
    groups = {ENCODER: of_encoder, COORDINATES: floor, COMBINED: combined}
    return {name: group for name, group in groups.items() if group}


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
        combined = [COMBINED] if COMBINED in data.features else []
        return [ENCODER] if features == "encoder" else [ENCODER, COORDINATES, *combined]
    if features == "encoder" or finetune:
        problem = "there is no encoder to fine-tune" if finetune else "there are no features of an encoder"
        reason = data.notes[0] if data.notes else "no encoder was named"
        raise InputError(problem, expected="an encoder that reads the recordings", got=reason)
    return [COORDINATES]


def choose_group(
    best: Mapping[str, Choice], allowed: Sequence[str], labels: np.ndarray, folds: Sequence[Fold]
) -> Choice:
    """Choose among the best heads of several groups, those with an encoder before the coordinates alone.

    Coordinates alone are chosen only if they are surely better. What resembles nothing in the training is told
    better by the features of an encoder, whichever head classifies.

    Args:
        best: Name of a group -> its best head.
        allowed: The groups to choose from.
        labels: Class index of each clip.
        folds: (fit, test) indices of the clips that the heads were measured on.
    """
    alone = best[COORDINATES] if COORDINATES in allowed else None
    others = {best[name].candidate: best[name] for name in allowed if name != COORDINATES}
    if alone and not others:
        return alone
    with_encoder = best_choice(others)
    if not alone or not folds:
        return with_encoder
    tested = np.concatenate([test for _, test in folds])
    hits, other_hits = (one.scores[tested].argmax(1) == labels[tested] for one in (alone, with_encoder))
    return alone if is_surely_better(hits, other_hits) else with_encoder


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
