from __future__ import annotations

import numpy as np
import pytest

from skeletonmae.inference.fit_candidates import allowed_groups, candidates_of, choose_group, notes_of_size
from skeletonmae.inference.fit_data import COMBINED, COORDINATES, ENCODER, FitData
from skeletonmae.inference.head_choice import Choice
from skeletonmae.inference.head_fitting import Candidate


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


@pytest.mark.parametrize(("num_more", "expected"), [(0, COMBINED), (1, COMBINED), (2, COORDINATES)])
def test_coordinates_alone_must_be_surely_better(num_more: int, expected: str) -> None:
    labels = np.arange(20) % 2
    folds = [(np.arange(10), np.arange(10, 20)), (np.arange(10, 20), np.arange(10))]

    def choice(name: str, num_correct: int) -> Choice:
        guesses = np.where(np.arange(20) < num_correct, labels, 1 - labels)
        return Choice(Candidate(name, "ridge", 1.0), 1.0, num_correct / 20, 0.0, np.eye(2)[guesses])

    best = {
        ENCODER: choice(ENCODER, 9),
        COMBINED: choice(COMBINED, 10),
        COORDINATES: choice(COORDINATES, 10 + num_more),
    }
    assert choose_group(best, list(best), labels, folds).candidate.features == expected
    assert choose_group(best, [ENCODER], labels, folds).candidate.features == ENCODER
    assert choose_group(best, [COORDINATES], labels, folds).candidate.features == COORDINATES
    assert choose_group(best, list(best), labels, []).candidate.features == COMBINED
