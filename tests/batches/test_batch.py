from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch, patchify
from skeletonmae.skeletons import KINECT20

Make = Callable[..., Any]
TENSORS = ("positions", "observed", "label", "keys", "bridged", "recording", "has_depth", "duration")


def test_only_persons_with_an_observed_joint_are_present(make_batch: Make) -> None:
    batch = make_batch((2, 0, 1))
    assert batch.present.tolist() == [[True, True], [False, False], [True, False]]
    tracks = batch.tracks
    assert len(tracks) == 3
    assert tracks.clip_index.tolist() == [0, 0, 2]
    assert tracks.person_index.tolist() == [0, 1, 0]
    for row, (clip, person) in enumerate(zip(tracks.clip_index, tracks.person_index, strict=True)):
        assert torch.equal(tracks.positions[row], batch.positions[clip, person])
        assert torch.equal(tracks.observed[row], batch.observed[clip, person])


def test_a_second_person_alone_is_packed_too(make_batch: Make) -> None:
    batch = make_batch((2,))
    observed = batch.observed.clone()
    observed[:, 0] = False
    assert batch.with_positions(batch.positions, observed).tracks.person_index.tolist() == [1]


def test_the_mean_is_over_present_persons(make_batch: Make) -> None:
    tracks = make_batch((2, 0, 1)).tracks
    features = torch.tensor([[1.0, 10.0], [3.0, 30.0], [7.0, 70.0]])
    assert tracks.mean_over_persons(features).tolist() == [[2, 20], [0, 0], [7, 70]]


def test_with_positions_sets_0_where_nothing_was_observed(make_batch: Make) -> None:
    batch = make_batch()
    poison = torch.full_like(batch.positions, torch.nan)
    moved = batch.with_positions(torch.where(batch.observed[..., None], batch.positions + 1, poison))
    assert torch.equal(moved.positions, (batch.positions + 1) * batch.observed[..., None])
    fewer = batch.observed & (torch.arange(20) > 3)
    dropped = batch.with_positions(batch.positions, fewer)
    assert torch.equal(dropped.observed, fewer)
    assert not dropped.positions[~fewer].any()
    assert batch.positions[..., :4, :].any()  # the given batch is unchanged


def test_the_same_purpose_gives_the_same_numbers(make_batch: Make) -> None:
    batch = make_batch()
    assert torch.equal(batch.rng("a").uniform(3), batch.rng("a").uniform(3))
    assert not torch.equal(batch.rng("a").uniform(3), batch.rng("b").uniform(3))


def test_each_track_has_its_own_random_numbers(make_batch: Make) -> None:
    batch = make_batch((2, 0, 1))
    numbers = batch.track_rng("a").uniform(4)
    expected = batch.rng("a").for_tracks(torch.tensor([0, 0, 2]), torch.tensor([0, 1, 0])).uniform(4)
    assert torch.equal(numbers, expected)
    assert len(numbers.unique()) == 12


def test_tracks_are_0_where_nothing_was_observed_even_if_the_batch_is_not(make_batch: Make) -> None:
    batch = make_batch()
    poison = batch.positions.masked_fill(~batch.observed[..., None], torch.nan)
    poisoned = Batch(poison, batch.observed, batch.label, batch.keys, batch.skeleton)
    assert torch.equal(poisoned.tracks.positions, batch.tracks.positions)


def test_tokens_by_hand() -> None:
    frame, joint, axis = torch.meshgrid(torch.arange(6), torch.arange(20), torch.arange(3), indexing="ij")
    values = (frame * 1000 + joint * 10 + axis).float()[None]
    observed = torch.ones(1, 6, 20, dtype=torch.bool)
    observed[0, 2:4, 7] = False
    observed[0, 4, 8] = False
    patches = patchify(values, observed, KINECT20, 2)
    assert patches.values.shape == (1, 3, 20, 2, 3)
    assert patches.values[0, 2, 5].tolist() == [[4050, 4051, 4052], [5050, 5051, 5052]]
    assert patches.available[0].logical_not().nonzero().tolist() == [[1, 7]]


def test_a_number_of_frames_that_tokens_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="10 frames cannot be cut into tokens of 4"):
        patchify(torch.zeros(1, 10, 20, 3), torch.zeros(1, 10, 20, dtype=torch.bool), KINECT20, 4)


def test_motion_intensity_by_hand() -> None:
    values, observed = torch.zeros(1, 6, 20, 2), torch.ones(1, 6, 20, dtype=torch.bool)
    values[0, :, 3, 0] = torch.tensor([0.0, 1.0, 4.0, 3.0, 4.0, 3.0])
    values[0, :, 4, 1] = torch.tensor([0.0, 5.0, 2.0, 9.0, 2.0, 9.0])
    observed[0, 3, 4] = False  # frame 1 of the second token
    intensity = patchify(values, observed, KINECT20, 2).motion_intensity
    # Joint 3: |4 - 0| and |3 - 1| on one of two axes, so (2 + 1) / 2; then it is at rest. The last token has no next one.
    assert intensity[0, :, 3].tolist() == [1.5, 0, 0]
    # Joint 4: |2 - 0| on one of two axes, in the one frame that is observed in both tokens; then it is at rest.
    assert intensity[0, :, 4].tolist() == [1, 0, 0]
    assert not intensity[0, :, :3].any()


def test_flags_of_bridged_joints_follow_the_others(make_batch: Make) -> None:
    batch = make_batch((2, 0, 1))
    assert not batch.bridged.any()
    batch = replace(batch, bridged=batch.observed.clone())
    assert torch.equal(batch.tracks.bridged, batch.tracks.observed)
    observed = batch.observed & (torch.arange(20) > 3)
    assert torch.equal(batch.with_positions(batch.positions, observed).bridged, observed)
    assert torch.equal(batch.to("cpu").bridged, batch.bridged)
    some = batch.select(torch.tensor([True, False, True]))
    assert torch.equal(some.bridged, batch.bridged[[0, 2]])
    assert torch.equal(some.keys, batch.keys[[0, 2]])


def test_a_clip_without_a_known_joint_shows_nothing(make_batch: Make) -> None:
    batch = make_batch((1, 0, 1), lost=0.0)
    assert batch.has_observed().tolist() == [True, False, True]
    observed = batch.observed.clone()
    observed[2] = torch.arange(20) == batch.skeleton.index["head"]
    batch = batch.with_positions(batch.positions, observed)
    assert batch.has_observed(("left_hand", "head")).tolist() == [True, False, True]
    assert batch.has_observed(("left_hand", "tail")).tolist() == [True, False, False]


def test_a_batch_of_tracks_is_padded_when_it_is_read(make_batch: Make) -> None:
    batch = make_batch((2, 0, 1), lost=0.3)
    batch = replace(batch, bridged=batch.observed & (torch.arange(20) < 5), recording=torch.arange(3))
    batch = replace(
        batch, has_depth=torch.tensor([True, True, False]), duration=torch.tensor([1.0, torch.nan, 2.0])
    )
    packed = Batch.from_tracks(batch.tracks, batch.label, batch.keys, batch.recording)
    assert "positions" not in vars(packed)
    for name in TENSORS:
        torch.testing.assert_close(getattr(packed, name), getattr(batch, name), equal_nan=True, rtol=0, atol=0)
    assert torch.equal(packed.present, batch.present)
    assert packed.second_view is None
    with pytest.raises(AttributeError, match="'Batch' object has no attribute 'poses'"):
        _ = packed.poses  # type: ignore[attr-defined]
    moved = replace(packed, label=batch.label + 1)
    assert torch.equal(moved.positions, batch.positions)
    assert len(Batch.from_tracks(batch.tracks, batch.label, batch.keys).recording) == 3


def test_batches_are_concatenated(make_batch: Make) -> None:
    parts = [make_batch((2, 0, 1)), make_batch((1, 1), seed=5), make_batch(())]
    assert Batch.concat(parts[::-1]).positions.shape[:2] == (5, 2)
    batch = Batch.concat(parts)
    assert len(batch) == 5
    assert batch.tracks.clip_index.tolist() == [0, 0, 2, 3, 4]
    assert torch.equal(batch.positions[:3], parts[0].positions)
    assert torch.equal(batch.positions[3:, :1], parts[1].positions)
    assert not batch.observed[3:, 1].any()
    assert torch.equal(batch.keys, torch.cat([part.keys for part in parts]))


def test_tracks_without_an_observed_joint_are_left_out(make_batch: Make) -> None:
    batch = replace(make_batch((2, 1), lost=0.0), recording=torch.tensor([7, 9]), second_view=make_batch((1, 1)))
    tracks = batch.tracks
    observed = tracks.observed.clone()
    observed[0] = False
    fewer = batch.with_tracks(tracks.positions, observed)
    assert fewer.tracks.person_index.tolist() == [1, 0]
    assert fewer.tracks.clip_index.tolist() == [0, 1]
    assert torch.equal(fewer.positions[0, 1], batch.positions[0, 1])
    assert not fewer.positions[0, 0].any()
    assert fewer.recording.tolist() == [7, 9]
    assert fewer.second_view is batch.second_view
    poison = torch.full_like(tracks.positions, torch.nan).where(~tracks.observed[..., None], tracks.positions)
    assert torch.equal(batch.with_tracks(poison).tracks.positions, tracks.positions)


def test_values_of_the_first_person_and_the_largest_of_a_clip(make_batch: Make) -> None:
    tracks = make_batch((2, 0, 2, 1)).tracks
    values = torch.tensor([[1.0], [2.0], [30.0], [4.0], [5.0]])
    has_value = torch.tensor([True, True, False, True, False])
    assert tracks.of_first_person(has_value, values).flatten().tolist() == [1, 1, 4, 4, 0]
    assert tracks.max_over_persons(values).flatten().tolist() == [2, 2, 30, 30, 5]


def test_a_copy_has_the_same_clips(make_batch: Make) -> None:
    batch = make_batch((2, 1))
    both = batch.with_second_view(make_batch((1, 1), seed=3))
    copy = both.to("cpu")
    assert torch.equal(copy.positions, batch.positions)
    assert torch.equal(copy.second_view.positions, both.second_view.positions)  # type: ignore[union-attr]
    chosen = both.select(torch.tensor([1]))
    assert torch.equal(chosen.second_view.keys, both.second_view.keys[1:])  # type: ignore[union-attr]


def with_facts(batch: Batch) -> Batch:
    """The batch with depth, duration and the path of each person."""
    tracks = batch.tracks
    root = torch.randn(len(tracks), tracks.positions.shape[1], tracks.positions.shape[3])
    root_observed = torch.rand(root.shape[:2]) < 0.5
    has_depth, duration = tracks.clip_index % 2 == 0, 1.0 + tracks.clip_index.float()
    facts = {"has_depth": has_depth, "duration": duration, "root": root, "root_observed": root_observed}
    return batch.of_tracks(replace(tracks, **facts))


def test_without_facts_a_clip_has_as_much_depth_as_axes_and_no_known_duration(make_batch: Make) -> None:
    for axes in (2, 3):
        batch = make_batch((2, 0, 1), axes=axes)
        for tracks in (batch.tracks, Batch.from_tracks(batch.tracks, batch.label, batch.keys).tracks):
            assert tracks.has_depth.tolist() == [axes == 3] * 3
            assert tracks.duration.isnan().all()
            assert tracks.root is None
            assert tracks.root_observed is None
        assert batch.has_depth.tolist() == [axes == 3] * 3
        assert batch.root is None


FACTS = ("has_depth", "duration", "root", "root_observed")


@pytest.mark.parametrize("index", [[2, 0], [1], [3, 3, 2], []])
def test_facts_of_selected_clips(make_batch: Make, index: list[int]) -> None:
    batch = with_facts(make_batch((2, 0, 1, 2)))
    some = batch.select(torch.tensor(index, dtype=torch.int64))
    rows = [row for clip in index for row in (batch.tracks.clip_index == clip).nonzero().flatten().tolist()]
    assert some.tracks.clip_index.tolist() == [
        number for number, clip in enumerate(index) for _ in range((2, 0, 1, 2)[clip])
    ]
    for name in (*FACTS, "positions", "observed", "person_index"):
        assert torch.equal(getattr(some.tracks, name), getattr(batch.tracks, name)[rows]), name
    assert some.positions.shape[1] == 2


def test_facts_survive_what_is_done_with_a_batch(make_batch: Make) -> None:
    batch = with_facts(make_batch((2, 1), lost=0.0))
    tracks = batch.tracks
    padded = Batch(batch.positions, batch.observed, batch.label, batch.keys, batch.skeleton).with_positions(
        batch.positions
    )
    assert padded.root is None
    same = (
        batch.to("cpu"),
        batch.with_tracks(tracks.positions + 1.0),
        batch.with_positions(batch.positions + 1.0),
        batch.with_second_view(batch),
        batch.with_second_view(batch).second_view,
        batch.select(torch.tensor([True, True])),
        Batch.concat([batch.select(torch.tensor([0])), batch.select(torch.tensor([1]))]),
        replace(batch, label=batch.label + 1),
    )
    for moved in same:
        assert moved is not None
        for name in FACTS:
            assert torch.equal(getattr(moved.tracks, name), getattr(tracks, name)), name
    observed = tracks.observed.clone()
    observed[1] = False
    fewer = batch.with_tracks(tracks.positions, observed).tracks
    assert tracks.root is not None
    assert fewer.root is not None
    assert torch.equal(fewer.root, tracks.root[[0, 2]])
