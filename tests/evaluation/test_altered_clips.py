from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.evaluation.altered_clips import (
    Alteration,
    AlteredClips,
    DroppedFrames,
    FirstPart,
    LostFrames,
    LostJoints,
    LostPerson,
    LowFrameRate,
    Noise,
    TiltedCamera,
    TurnedCamera,
    body_size,
)
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import KINECT20
from skeletonmae.transforms import ClipConfig

PLAIN = ClipConfig(frames=8, transforms=(), test_crop=1.0, bridge_seconds=0)
HARMLESS = (
    Alteration(), Noise(level=0), LostJoints(share=0), LostFrames(share=0), TurnedCamera(degrees=0),
    TiltedCamera(degrees=0), LowFrameRate(step=1), FirstPart(share=1), FirstPart(share=1, stretch=False),
    DroppedFrames(share=0),
)  # fmt: skip


@pytest.fixture
def line(tmp_path: Path, make_store: Any) -> SequenceStore:
    """Two recordings of 29 frames in which every coordinate is the number of the frame."""
    values = np.broadcast_to(np.arange(29.0)[None, :, None, None], (1, 29, 20, 3))
    recordings = [SkeletonSequence.from_positions(values, KINECT20, name=name, label=name) for name in "ab"]
    return make_store(tmp_path / "line", recordings)


def read(store: SequenceStore, clips: ClipConfig) -> Any:
    return clips.loader(store, np.arange(len(store)), batch_size=99).batch(0, 0)


def frames_of(store: SequenceStore, alteration: Alteration, **clips: Any) -> list[float]:
    config = PLAIN.model_copy(update={"frames": 15} | clips)
    batch = read(store, AlteredClips.of(config, alteration))
    return batch.positions[0, 0, :, 0, 0].masked_fill(~batch.observed[0, 0, :, 0], -1).tolist()


@pytest.mark.parametrize("alteration", HARMLESS, ids=repr)
def test_nothing_is_changed_at_strength_0(tiny_store: Path, alteration: Alteration) -> None:
    store = SequenceStore.open(tiny_store)
    before, after = read(store, PLAIN), read(store, AlteredClips.of(PLAIN, alteration))
    assert torch.equal(before.observed, after.observed)
    torch.testing.assert_close(before.positions, after.positions)


def test_alterations_come_before_the_transforms_and_are_part_of_the_settings(tiny_store: Path) -> None:
    clips = PLAIN.model_copy(update={"transforms": ClipConfig().transforms, "stream": "bone"})
    turned = AlteredClips.of(clips, TurnedCamera(degrees=77))
    store = SequenceStore.open(tiny_store)
    torch.testing.assert_close(read(store, turned).positions, read(store, clips).positions, atol=1e-4, rtol=1e-4)
    assert turned != AlteredClips.of(clips, TurnedCamera(degrees=78))
    assert hash(turned) == hash(AlteredClips.of(clips, TurnedCamera(degrees=77)))


def test_noise_is_a_share_of_the_size(make_batch: Any) -> None:
    batch = make_batch((1, 2, 0), frames=200)
    noise = Noise(level=0.1)(batch).positions - batch.positions
    for clip, person in ((0, 0), (1, 0), (1, 1)):
        seen = batch.observed[clip, person]
        low = torch.stack(
            [
                frame[mask].amin(0)
                for frame, mask in zip(batch.positions[clip, person], seen, strict=True)
                if mask.any()
            ]
        )
        high = torch.stack(
            [
                frame[mask].amax(0)
                for frame, mask in zip(batch.positions[clip, person], seen, strict=True)
                if mask.any()
            ]
        )
        size = (high - low).norm(dim=1).mean()
        assert body_size(batch)[clip, person] == pytest.approx(float(size), rel=1e-5)
        assert noise[clip, person][seen].std() == pytest.approx(0.1 * float(size), rel=0.03)
    assert (noise[~batch.observed] == 0).all()
    assert body_size(batch)[2].tolist() == [0, 0]


def test_frames_without_a_person_do_not_change_the_size(make_batch: Any) -> None:
    batch = make_batch((1,), frames=4, lost=0.0)
    observed = batch.observed.clone()
    observed[0, 0, 1:] = False
    batch = batch.with_positions(batch.positions, observed)
    pose = batch.positions[0, 0, 0]
    assert float(body_size(batch)[0, 0]) == pytest.approx(float((pose.amax(0) - pose.amin(0)).norm()), rel=1e-5)


def test_lost_joints_are_lost_in_the_whole_clip(make_batch: Any) -> None:
    batch = make_batch((2, 1), lost=0.0)
    lost = batch.observed & ~LostJoints(share=0.25)(batch).observed
    assert (lost.any(2) == lost.all(2)).all()
    assert lost.any(2).sum(2).tolist() == [[5, 5], [5, 0]]
    assert not torch.equal(lost[0, 0], lost[0, 1])
    more = batch.observed & ~LostJoints(share=0.5)(batch).observed
    assert (more | ~lost).all()  # a curve loses more and more of the same


def test_lost_frames_are_lost_for_all_persons(make_batch: Any) -> None:
    batch = make_batch((2, 2), frames=16, lost=0.0)
    lost = ~LostFrames(share=0.25)(batch).observed
    assert (lost.any(3) == lost.all(3)).all()
    assert torch.equal(lost[:, 0], lost[:, 1])
    assert lost[:, 0, :, 0].sum(1).tolist() == [4, 4]
    assert not torch.equal(lost[0], lost[1])


def test_dropped_frames_are_those_of_the_recording_and_are_bridged(tmp_path: Path, make_store: Any) -> None:
    values = np.broadcast_to(np.arange(40.0)[None, :, None, None], (2, 40, 20, 3)).copy()
    values[1, :6] = np.nan  # the second person comes later
    recordings = [SkeletonSequence.from_positions(values, KINECT20, name=n, label=n, fps=20) for n in "abc"]
    store = make_store(tmp_path / "store", recordings)
    plain = PLAIN.model_copy(update={"frames": 40})
    whole = read(store, plain).observed
    lost = whole & ~read(store, AlteredClips.of(plain, DroppedFrames(share=0.25))).observed
    assert lost[:, 0, :, 0].sum(1).tolist() == [10] * 3
    assert torch.equal(lost[:, 0, 6:], lost[:, 1, 6:])  # all joints of both persons
    assert (lost.any(3) == lost.all(3)).all()
    assert not torch.equal(lost[0], lost[1])
    more = whole & ~read(store, AlteredClips.of(plain, DroppedFrames(share=0.5))).observed
    assert (more | ~lost).all()  # a curve loses more and more of the same
    bridging = plain.model_copy(update={"bridge_seconds": 0.25})  # up to 5 frames
    batch = read(store, AlteredClips.of(bridging, DroppedFrames(share=0.25)))
    assert batch.bridged.any()
    assert torch.equal(batch.bridged, batch.observed & lost)
    for number in range(3):
        kept = (~lost[number, 0, :, 0]).nonzero().flatten().tolist()
        between = range(kept[0], kept[-1] + 1)  # no gap is longer than 5 frames
        assert batch.positions[number, 0, between, 7, 1].tolist() == pytest.approx(list(between), abs=1e-4)


def test_one_of_several_persons_is_lost(make_batch: Any) -> None:
    batch = make_batch((2,) * 40 + (1, 0, 3), lost=0.1)
    present = LostPerson()(batch).present
    assert present.sum(1).tolist() == [1] * 41 + [0, 2]
    assert 8 < present[:40, 0].sum() < 32  # either of them
    assert (batch.present | ~present).all()


@pytest.mark.parametrize(
    ("alteration", "fixed", "plane"),
    [(TurnedCamera(degrees=30), 1, (2, 0)), (TiltedCamera(degrees=30), 0, (1, 2))],
)
def test_a_turned_camera_sees_the_same_body(
    make_batch: Any, alteration: Alteration, fixed: int, plane: tuple[int, int]
) -> None:
    batch = make_batch((2,) * 40, frames=4)
    turned = alteration(batch)
    assert torch.equal(turned.observed, batch.observed)
    torch.testing.assert_close(turned.positions[..., fixed], batch.positions[..., fixed])
    center = [each.positions.sum((1, 2, 3)) / each.observed.sum((1, 2, 3))[:, None] for each in (batch, turned)]
    torch.testing.assert_close(*center)
    sides = set()
    for clip in range(40):
        seen = batch.observed[clip]
        before, after = (
            torch.complex(*(each.positions[clip] - middle[clip])[seen][:, list(plane)].T)
            for each, middle in zip((batch, turned), center, strict=True)
        )
        angle = torch.rad2deg((after / before).angle())
        torch.testing.assert_close(angle, angle[:1].expand_as(angle), atol=0.05, rtol=0)
        sides.add(round(float(angle[0])))
    assert sides == {-30, 30}


def test_in_2d_the_image_is_turned(make_batch: Any) -> None:
    batch = make_batch((1,) * 20, axes=2, lost=0.0)
    middle = batch.positions.mean((1, 2, 3), keepdim=True)
    before = torch.complex(*(batch.positions - middle).unbind(-1))
    after = torch.complex(*(TurnedCamera(degrees=90)(batch).positions - middle).unbind(-1))
    ratio = (after / before).flatten(1)
    torch.testing.assert_close(ratio.real, torch.zeros_like(ratio.real), atol=1e-3, rtol=0)
    assert set(ratio.imag.round().flatten().tolist()) == {-1.0, 1.0}


def test_what_is_random_depends_on_the_seed_and_the_clip(make_batch: Any) -> None:
    batch = make_batch((2, 1, 2))
    for kind, settings in ((Noise, {"level": 0.1}), (LostJoints, {"share": 0.4}), (LostFrames, {"share": 0.4})):
        first, again, other = (kind(**settings, seed=seed)(batch) for seed in (0, 0, 1))
        assert torch.equal(first.positions, again.positions)
        assert not torch.equal(first.positions, other.positions)
        alone = kind(**settings)(batch.select(torch.tensor([2])))
        assert torch.equal(alone.positions[0], first.positions[2])


def test_a_low_frame_rate_interpolates_between_the_frames_that_are_kept(line: SequenceStore) -> None:
    # A straight line is interpolated exactly, up to the last frame that is kept; then the clip stands still.
    assert frames_of(line, LowFrameRate(step=4)) == [2.0 * frame for frame in range(15)]
    assert frames_of(line, LowFrameRate(step=8)) == [*(2.0 * frame for frame in range(13)), 24, 24]
    assert frames_of(line, LowFrameRate(step=100)) == [0.0] * 15


def test_a_low_frame_rate_forgets_what_is_between(tmp_path: Path, make_store: Any, make_recording: Any) -> None:
    recording = make_recording(3, frames=17, lost=0.0)
    store = make_store(tmp_path / "store", [recording])
    clips = PLAIN.model_copy(update={"frames": 17})
    made = read(store, AlteredClips.of(clips, LowFrameRate(step=4)))
    plain = read(store, clips)
    kept = plain.positions[0, 0, ::4]
    expected = torch.cat(
        [kept[:-1, None].lerp(kept[1:, None], torch.arange(4)[:, None, None] / 4).flatten(0, 1), kept[-1:]]
    )
    seen = plain.observed[0, 0, ::4]
    both = torch.cat([(seen[:-1] & seen[1:]).repeat_interleave(4, 0), seen[-1:]])
    both[::4] = seen
    assert torch.equal(made.observed[0, 0], both)
    torch.testing.assert_close(made.positions[0, 0], expected.masked_fill(~both[..., None], 0))


def test_the_first_part_of_a_recording(line: SequenceStore) -> None:
    assert frames_of(line, FirstPart(share=15 / 29)) == [float(frame) for frame in range(15)]
    assert frames_of(line, FirstPart(share=0.3)) == [frame / 2 for frame in range(15)]  # 8.7 frames: 8
    rest = frames_of(line, FirstPart(share=5 / 29, stretch=False))
    assert rest == [0.0, 2.0, 4.0] + [-1.0] * 12
    assert frames_of(line, FirstPart(share=0.001, stretch=False)) == [0.0] + [-1.0] * 14
    # The middle half of 14 frames, as of a recording that ends there.
    half = frames_of(line, FirstPart(share=0.5), test_crop=0.5, frames=7)
    assert half == [frame + 3.5 for frame in range(7)]
    assert frames_of(line, FirstPart(share=12 / 29), sampling="segments", frames=4) == [1.0, 4.0, 7.0, 10.0]


@pytest.mark.parametrize("stretch", [True, False])
@pytest.mark.parametrize("sampling", ["crop", "segments", "random_frames"])
@pytest.mark.parametrize("training", [True, False])
def test_no_frame_after_the_first_part_changes_anything(
    tmp_path: Path, make_store: Any, stretch: bool, sampling: str, training: bool
) -> None:
    """Neither the middle of the part, nor random views, nor bridged gaps, nor persons who come later."""
    rng = np.random.default_rng(0)
    stores = []
    for name in ("before", "after"):
        recordings = []
        dice = np.random.default_rng(1)
        for number in range(6):
            values, observed = dice.normal(size=(2, 40, 20, 3)), dice.random((2, 40, 20)) < 0.5
            observed[1, :22] &= number % 2 == 0  # otherwise, the second person comes after the part
            if name == "after":
                values[:, 20:], observed[:, 20:] = rng.normal(size=(2, 20, 20, 3)), rng.random((2, 20, 20)) < 0.5
            observed[0, 0, 0] = observed[:, 39, 0] = True
            values = np.where(observed[..., None], values, np.nan)
            recordings.append(SkeletonSequence.from_positions(values, KINECT20, name=str(number), label="a"))
        stores.append(make_store(tmp_path / name, recordings))
    clips = ClipConfig(frames=9, sampling=sampling, transforms=(), bridge_seconds=0.25)
    loaders = [
        AlteredClips.of(clips, FirstPart(share=0.5, stretch=stretch)).loader(
            store, np.arange(6), batch_size=6, training=training
        )
        for store in stores
    ]
    for epoch in range(1 + 3 * training):
        before, after = (loader.batch(epoch, 0) for loader in loaders)
        assert torch.equal(before.observed, after.observed)
        assert torch.equal(before.positions, after.positions)
        assert before.bridged.any()
        assert before.observed.flatten(1).any(1).all()
        assert before.present.sum(1).tolist() == [1 + (number % 2 == 0) for number in before.recording.tolist()]


def test_a_low_frame_rate_bridges_between_frames_that_are_kept(tmp_path: Path, make_store: Any) -> None:
    values = np.broadcast_to(np.arange(33.0)[None, :, None, None], (1, 33, 20, 3)).copy()
    values[0, 8, 3] = values[0, 16:25:4, 4] = values[0, 8:21:4, 5] = np.nan  # 1, 3 and 4 frames that are kept
    recordings = [SkeletonSequence.from_positions(values, KINECT20, name="a", label="a", fps=12 * 4)]
    values = np.where(np.arange(33)[:, None, None] % 4, np.nan, values)
    recordings.append(SkeletonSequence.from_positions(values, KINECT20, name="b", label="a", fps=12 * 4))
    store = make_store(tmp_path / "store", recordings)
    clips = PLAIN.model_copy(update={"frames": 33, "bridge_seconds": 0.25})
    batch = read(store, AlteredClips.of(clips, LowFrameRate(step=4)))
    assert torch.equal(batch.positions[0], batch.positions[1])  # what is between is never seen
    assert torch.equal(batch.bridged[0], batch.bridged[1])
    torch.testing.assert_close(batch.duration, torch.full((2,), 32 / 48))
    torch.testing.assert_close(batch.positions[0, 0, :, 4, 0], torch.arange(33.0))
    assert batch.bridged[0, 0, :, 3].nonzero().flatten().tolist() == list(range(5, 12))
    assert batch.observed[0, 0, :, 5].tolist() == [frame <= 4 or frame >= 24 for frame in range(33)]
