from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.inference.fit_candidates import candidates_of, notes_of_size
from skeletonmae.inference.fit_data import COORDINATES, ENCODER, FitData


@pytest.mark.parametrize(("num_clips", "is_large"), [(2000, False), (2001, True)])
def test_nearest_neighbors_of_many_clips_are_not_tried_and_that_is_said(num_clips: int, is_large: bool) -> None:
    features = {name: np.zeros((num_clips, 2)) for name in (ENCODER, COORDINATES)}
    data = FitData([], ("a", "b"), np.arange(num_clips) % 2, features, {}, [], ())
    methods = {candidate.method for group in candidates_of(data).values() for candidate in group}
    assert ("neighbors" not in methods) is is_large
    assert {"ridge", "logistic", "discriminant", "prototypes"} <= methods
    notes = notes_of_size(data)
    assert len(notes) == is_large
    assert all("2000 of them" in note and f"all {num_clips} clips" in note for note in notes)
