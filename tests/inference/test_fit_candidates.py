from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.inference.fit_candidates import allowed_groups, candidates_of, notes_of_size
from skeletonmae.inference.fit_data import COMBINED, COORDINATES, ENCODER, FitData


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


def test_the_features_of_the_encoder_come_first_in_those_of_both() -> None:
    features = {ENCODER: np.zeros((4, 3)), COORDINATES: np.zeros((4, 5)), COMBINED: np.zeros((4, 8))}
    data = FitData([], ("a", "b"), np.arange(4) % 2, features, {}, [], ())
    candidates = candidates_of(data)
    assert {candidate.num_encoder for candidate in candidates[COMBINED]} == {3}
    assert {candidate.features for candidate in candidates[COORDINATES]} == {COORDINATES}
    assert allowed_groups(data, "best", finetune=False) == [ENCODER, COORDINATES, COMBINED]
    assert allowed_groups(data, "encoder", finetune=False) == [ENCODER]
