"""Features of recordings, by a shipped encoder or a checkpoint."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import skeletonmae
from skeletonmae import SkeletonEncoder
from skeletonmae.errors import InputError
from skeletonmae.formats import ReadOptions
from skeletonmae.inference import Embeddings, LeftOut
from skeletonmae.inference.embed import EmbedSettings
from skeletonmae.inference.embeddings import group_reasons
from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import COCO17, HAND21, KINECT20, NTU25, SBU15, Skeleton

WAYS = ["tiny", "kinect20"]
"""Encoders that know joints by their name alone. Those that read any layout are tested in test_any_layout.py."""


@pytest.fixture(scope="module", params=WAYS)
def encoder(request: pytest.FixtureRequest, tiny_run: Path) -> SkeletonEncoder:
    name = tiny_run if request.param == "tiny" else request.param
    return SkeletonEncoder.from_pretrained(name, device="cpu")


@pytest.fixture(scope="module")
def tiny(tiny_run: Path) -> SkeletonEncoder:
    return SkeletonEncoder.from_pretrained(tiny_run, device="cpu")


@pytest.fixture(scope="module")
def recordings(tiny_store: Path) -> list[SkeletonSequence]:
    """Recordings of `ntu25`, some of two persons."""
    store = SequenceStore.open(tiny_store)
    pair = int(np.flatnonzero(store.num_persons == 2)[0])
    return [store[index] for index in (pair, *range(7))]


def features(encoder: SkeletonEncoder, *recordings: SkeletonSequence, **settings: Any) -> np.ndarray:
    embeddings = encoder.embed(recordings, **settings)
    assert not embeddings.left_out
    return embeddings.features


def assert_close(ones: np.ndarray, others: np.ndarray) -> None:
    np.testing.assert_allclose(ones, others, rtol=1e-3, atol=2e-4 * np.abs(ones).max())


def changed(recording: SkeletonSequence, positions: np.ndarray) -> SkeletonSequence:
    positions = np.where(recording.observed[..., None], positions, 0).astype(np.float32)
    return replace(recording, positions=positions)


def test_the_package_has_it() -> None:
    assert skeletonmae.SkeletonEncoder is SkeletonEncoder
    with pytest.raises(AttributeError, match="no attribute 'SkeletonDecoder'"):
        _ = skeletonmae.SkeletonDecoder


@pytest.mark.parametrize("pooling", ["parts", "statistics", "joints", "mean"])
def test_features(encoder: SkeletonEncoder, recordings: list[SkeletonSequence], pooling: Any) -> None:
    embeddings = encoder.embed(recordings, pooling=pooling)
    width = encoder.checkpoint.header.method.width
    groups = {"parts": 6, "statistics": 12, "joints": len(encoder.joints), "mean": 1}[pooling]
    assert embeddings.features.shape == (8, groups * width)
    assert embeddings.features.dtype == np.float32
    assert np.isfinite(embeddings.features).all()
    assert embeddings.features.std(0).max() > 0
    assert len(embeddings.feature_names) == groups * width
    assert embeddings.names == tuple(recording.name for recording in recordings)
    assert embeddings.labels == tuple(recording.label for recording in recordings)
    assert embeddings.persons == (None,) * 8
    assert np.array_equal(embeddings.features, encoder.embed(recordings, pooling=pooling).features)


def test_they_are_those_of_the_method(tiny: SkeletonEncoder, tiny_store: Path) -> None:
    store = SequenceStore.open(tiny_store)
    loader = tiny.checkpoint.header.clips.loader(store, np.arange(8), batch_size=8)
    expected = tiny.checkpoint.method.embed(loader.batch(0, 0), "parts").detach().numpy()
    assert_close(tiny.embed([store[index] for index in range(8)], pooling="parts").features, expected)
    assert_close(tiny.embed(store, pooling="parts").features[:8], expected)
    assert_close(tiny.embed(str(tiny_store), pooling="parts", batch_size=7).features[:8], expected)
    assert len(tiny.embed(store)) == len(store)


def test_by_default_the_features_are_those_that_fit_takes(
    tiny: SkeletonEncoder, recordings: list[SkeletonSequence]
) -> None:
    one = recordings[0]
    for encoder, pooling in ((tiny, "joints"), (SkeletonEncoder.from_pretrained("small"), "statistics")):
        assert_close(features(encoder, one), features(encoder, one, pooling=pooling))
    assert_close(features(encoder, one, time_parts=2), features(encoder, one, pooling="parts", time_parts=2))


def test_parts_of_time(encoder: SkeletonEncoder, recordings: list[SkeletonSequence]) -> None:
    whole = encoder.embed(recordings)
    halves = encoder.embed(recordings, time_parts=2)
    num = whole.features.shape[1]
    assert halves.features.shape == (8, 2 * num)
    names = [name.rpartition("_") for name in whole.feature_names]
    assert halves.feature_names[:num] == tuple(f"{part}_time0_{number}" for part, _, number in names)
    assert halves.feature_names[num:] == tuple(f"{part}_time1_{number}" for part, _, number in names)
    # Where all joints are always observed, both halves have the same number of tokens.
    complete = [replace(one, observed=np.ones_like(one.observed)) for one in recordings[:1]]
    first, second = encoder.embed(complete, time_parts=2).features.reshape(2, num)
    assert_close((first + second) / 2, encoder.embed(complete).features[0])
    with pytest.raises(InputError, match="time_parts; expected >= 1; got 0"):
        encoder.embed(recordings, time_parts=0)
    with pytest.raises(InputError, match="divided into so many parts"):
        encoder.embed(recordings, time_parts=1000)
    with pytest.raises(InputError, match="pooling statistics is of all of a clip"):
        encoder.embed(recordings, pooling="statistics", time_parts=2)


def test_half_precision_in_the_file(tiny_run: Path, ship_tiny: Any, recordings: list[SkeletonSequence]) -> None:
    ship_tiny(tiny_run)
    half, full = (SkeletonEncoder.from_pretrained(name, device="cpu") for name in ("tiny", tiny_run))
    assert (half.license, half.card) == ("for tests", "# tiny\n")
    assert (full.license, full.card) == ("", "")
    ones, others = features(half, *recordings), features(full, *recordings)
    cosine = (ones * others).sum(1) / np.linalg.norm(ones, axis=1) / np.linalg.norm(others, axis=1)
    assert cosine.min() > 0.9999
    assert not np.array_equal(ones, others)


def test_alone_as_together(encoder: SkeletonEncoder, recordings: list[SkeletonSequence]) -> None:
    together = features(encoder, *recordings)
    assert_close(together, np.concatenate([features(encoder, one) for one in recordings]))


def test_the_order_of_joints_does_not_matter(encoder: SkeletonEncoder, recordings: list[SkeletonSequence]) -> None:
    order = np.random.default_rng(0).permutation(NTU25.num_joints)
    shuffled = Skeleton("shuffled", tuple(NTU25.joints[index] for index in order), NTU25.parents)
    one = recordings[0]
    other = replace(
        one, positions=one.positions[:, :, order], observed=one.observed[:, :, order], skeleton=shuffled
    )
    for pooling in ("parts", "statistics", "joints", "mean"):
        assert_close(features(encoder, one, pooling=pooling), features(encoder, other, pooling=pooling))


def test_an_empty_second_person_does_not_matter(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence]
) -> None:
    one = recordings[0]
    positions, observed = (
        np.concatenate([array, np.zeros_like(array[:1])]) for array in (one.positions, one.observed)
    )
    assert_close(features(encoder, one), features(encoder, replace(one, positions=positions, observed=observed)))


def test_where_the_person_stands_does_not_matter(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence]
) -> None:
    moved = [changed(one, one.positions + np.float32([0.7, -0.2, 1.5])) for one in recordings]
    assert_close(features(encoder, *recordings), features(encoder, *moved))


def test_motion_matters(encoder: SkeletonEncoder, recordings: list[SkeletonSequence]) -> None:
    one = recordings[0]
    still = changed(one, np.broadcast_to(one.positions[:, :1], one.positions.shape))
    assert np.abs(features(encoder, one) - features(encoder, still)).max() > 0.01


def test_joints_that_were_never_observed_do_not_matter(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence]
) -> None:
    """An unobserved foot, or a layout that has none; and a tail that the encoder does not know."""
    one, lost = recordings[0], ("left_foot", "right_foot")
    kept = [index for index, joint in enumerate(NTU25.joints) if joint not in lost]
    joints = tuple(NTU25.joints[index] for index in kept)
    parents = {joint: parent for joint, parent in NTU25.parents.items() if joint not in lost}
    without = replace(
        one,
        positions=one.positions[:, :, kept],
        observed=one.observed[:, :, kept],
        skeleton=Skeleton("without feet", joints, parents),
    )
    seen = one.observed.copy()
    seen[:, :, [NTU25.index[joint] for joint in lost]] = False
    unobserved = replace(one, observed=seen, positions=np.where(seen[..., None], one.positions, np.float32(0)))
    tail = replace(
        without,
        positions=np.concatenate([without.positions, np.ones_like(without.positions[:, :, :1])], 2),
        observed=np.concatenate([without.observed, np.ones_like(without.observed[:, :, :1])], 2),
        skeleton=Skeleton("with a tail", (*joints, "tail"), parents | {"tail": "pelvis"}),
    )
    for pooling in ("parts", "statistics", "joints", "mean"):
        expected = features(encoder, unobserved, pooling=pooling)
        assert_close(expected, features(encoder, without, pooling=pooling))
        assert_close(expected, features(encoder, tail, pooling=pooling))
    assert "tail" in encoder.embed(tail).notes[0]


def test_other_layouts_in_one_call(encoder: SkeletonEncoder, make_recording: Any) -> None:
    mixed = [
        make_recording(number, skeleton=skeleton, frames=20, name=f"clip {number}")
        for number, skeleton in enumerate((KINECT20, SBU15, NTU25, SBU15, COCO17))
    ]
    for pooling in ("parts", "joints"):
        embeddings = encoder.embed(mixed, pooling=pooling)
        assert embeddings.names == tuple(one.name for one in mixed)
        assert_close(embeddings.features[1:2], features(encoder, mixed[1], pooling=pooling))


def test_own_parts_of_a_layout_do_not_change_the_meaning(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence]
) -> None:
    own = replace(NTU25, name="own", parts={"upper": NTU25.joints[:12], "rest": NTU25.joints[12:]})
    assert_close(features(encoder, recordings[0]), features(encoder, replace(recordings[0], skeleton=own)))


def test_per_person(encoder: SkeletonEncoder, recordings: list[SkeletonSequence]) -> None:
    pair = recordings[0]
    embeddings = encoder.embed(pair, per_person=True)
    assert embeddings.names == (pair.name,) * 2
    assert embeddings.persons == (0, 1)
    alone = replace(pair, positions=pair.positions[:1], observed=pair.observed[:1])
    assert_close(embeddings.features[:1], features(encoder, alone))


def test_more_persons_than_the_encoder_reads(encoder: SkeletonEncoder, recordings: list[SkeletonSequence]) -> None:
    one = recordings[0]
    crowd = replace(one, positions=one.positions[[0, 0, 0]], observed=one.observed[[0, 0, 0]])
    assert any("only the first 2 persons were used" in note for note in encoder.embed(crowd).notes)
    assert len(encoder.embed(crowd, per_person=True)) == 3


def test_joints_that_the_recordings_lack_are_named(
    tiny: SkeletonEncoder, recordings: list[SkeletonSequence]
) -> None:
    joints = NTU25.joints[:10]
    part = Skeleton("part", joints, dict.fromkeys(joints[1:], joints[0]))
    one = recordings[0]
    few = replace(one, skeleton=part, positions=one.positions[:, :, :10], observed=one.observed[:, :, :10])
    known = tiny.checkpoint.header.joints
    absent = [joint for joint in known if joint not in joints]
    expected = f"part lacks {len(absent)} of the {len(known)} joints that the encoder was trained on: {absent[0]}"
    assert any(note.startswith(expected) for note in tiny.embed(few).notes)
    assert not any("lacks" in note for note in tiny.embed(one).notes)


def test_recordings_are_shown_as_they_are_read(
    tiny: SkeletonEncoder, recordings: list[SkeletonSequence], tiny_store: Path
) -> None:
    shown: list[str] = []
    store = SequenceStore.open(tiny_store)
    for sources, number in ((recordings[:2], 2), (store, len(store))):
        shown.clear()
        embeddings = tiny.embed_sources(
            sources, EmbedSettings("parts"), ReadOptions(), on_recording=lambda one: shown.append(one.name)
        )
        assert len(embeddings) == len(shown) == number


def test_the_same_reason_is_given_once() -> None:
    left_out = [LeftOut("a", None, "too short"), LeftOut("b", 1, "empty"), LeftOut("c", None, "too short")]
    assert group_reasons(left_out) == ["a and 1 more: too short", "b, person 1: empty"]


def test_views(encoder: SkeletonEncoder, recordings: list[SkeletonSequence]) -> None:
    middle = features(encoder, *recordings)
    views = features(encoder, *recordings, views=2)
    assert not np.allclose(middle, views)
    assert np.array_equal(views, features(encoder, *recordings, views=2))
    assert not np.array_equal(views, features(encoder, *recordings, views=2, seed=1))
    nearest = ((views[:, None] - middle) ** 2).sum(2).argmin(1)
    assert (nearest == np.arange(8)).mean() > 0.5  # rows are in the order of the recordings


def test_arrays_and_units(encoder: SkeletonEncoder, recordings: list[SkeletonSequence]) -> None:
    one = recordings[0]
    meters = np.where(one.observed[..., None], one.positions, np.nan)
    expected = features(encoder, one)
    assert_close(expected, encoder.embed(meters, layout="ntu25").features)
    assert_close(expected, encoder.embed(meters * 1000, layout=NTU25, unit="mm", fps=30).features)
    assert_close(expected, encoder.embed([meters * 100], layout=NTU25, unit="cm").features)
    z_up = np.stack([meters[..., 0], -meters[..., 2], meters[..., 1]], -1)
    assert_close(expected, encoder.embed(z_up, layout=NTU25, up="z").features)
    assert encoder.embed([meters, meters[0]], layout="ntu25").names == ("array 0", "array 1")
    with pytest.raises(InputError, match="array 0: an array does not say which joints it has"):
        encoder.embed(meters)
    with pytest.raises(InputError, match="array 0: not a recording"):
        encoder.embed(meters[0, 0], layout="ntu25")
    with pytest.raises(InputError, match=r"unknown unit; expected m, .*; got feet"):
        encoder.embed(meters, layout="ntu25", unit="feet")


def test_what_does_not_fit_is_listed(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence], make_recording: Any, tmp_path: Path
) -> None:
    (tmp_path / "broken.csv").write_text("not a table")
    good = recordings[0]
    hand, flat = make_recording(skeleton=HAND21, name="hand"), make_recording(axes=2, name="flat")
    pixels = replace(good, unit="unknown", name="no unit")
    nothing = SkeletonSequence.from_positions(np.full((1, 9, 25, 3), np.nan), NTU25, name="nothing")
    huge = changed(replace(good, name="huge"), good.positions * np.float32(1e30))
    embeddings = encoder.embed([good, hand, tmp_path / "broken.csv", flat, pixels, good, nothing, huge])
    assert embeddings.names == (good.name, good.name)
    reasons = {Path(one.recording).name: one.reason for one in embeddings.left_out}
    assert set(reasons) == {"hand", "broken.csv", "flat", "no unit", "nothing", "huge"}
    assert "knows none of the joints" in reasons["hand"]
    assert "trained on 3D coordinates" in reasons["flat"]
    assert "trained on another unit" in reasons["no unit"]
    assert "was observed" in reasons["nothing"]
    with pytest.raises(InputError, match="no recording could be embedded: hand: the model knows none"):
        encoder.embed(hand)


def test_a_layout_without_shoulders_and_hips_is_listed(encoder: SkeletonEncoder, make_recording: Any) -> None:
    joints = ("pelvis", "spine", "head")
    middle = Skeleton("middle", joints, {"spine": "pelvis", "head": "spine"})
    embeddings = encoder.embed([make_recording(0), make_recording(1, skeleton=middle, name="middle", lost=0.0)])
    assert len(embeddings) == 1
    (left_out,) = embeddings.left_out
    assert "neither two shoulders nor two hips" in str(left_out)


def test_wrong_settings(tiny: SkeletonEncoder, recordings: list[SkeletonSequence]) -> None:
    with pytest.raises(InputError, match="unknown pooling; expected mean, joints, parts, statistics; got max"):
        tiny.embed(recordings, pooling="max")
    with pytest.raises(InputError, match="invalid number of views"):
        tiny.embed(recordings, views=-1)
    with pytest.raises(InputError, match="no recording was given"):
        tiny.embed([])


def test_a_classifier_is_refused(tiny_run: Path) -> None:
    with pytest.raises(InputError, match="a pre-trained model is needed"):
        SkeletonEncoder.from_pretrained(tiny_run / "finetune-1-seed0.safetensors", device="cpu")


def test_files_of_features(tiny: SkeletonEncoder, recordings: list[SkeletonSequence], tmp_path: Path) -> None:
    strange = replace(recordings[0], name='größer, "小"\n', label=None)
    embeddings = tiny.embed([strange, *recordings[1:3]], per_person=True)
    embeddings.save(tmp_path / "features.npz")
    with np.load(tmp_path / "features.npz", allow_pickle=False) as file:
        assert np.array_equal(file["features"], embeddings.features)
        assert tuple(file["names"].tolist()) == embeddings.names
        assert tuple(file["feature_names"].tolist()) == embeddings.feature_names
        assert file["labels"][0] == ""
        assert file["persons"].tolist() == list(embeddings.persons)
    embeddings.save(tmp_path / "features.csv")
    with (tmp_path / "features.csv").open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    tags = [f"tag_{name}" for name in embeddings.tag_names]
    assert header == ["recording", "person", "label", *tags, *embeddings.feature_names]
    assert tuple(row[0] for row in rows) == embeddings.names
    assert np.array_equal(np.array([row[3 + len(tags) :] for row in rows], np.float32), embeddings.features)
    with pytest.raises(InputError, match=r"written as \.npz, \.csv or \.parquet; got \.txt"):
        embeddings.save(tmp_path / "features.txt")


def test_files_have_tags(tiny: SkeletonEncoder, recordings: list[SkeletonSequence], tmp_path: Path) -> None:
    """An unknown tag is empty, in Parquet null."""
    pq = pytest.importorskip("pyarrow.parquet")
    given = [
        replace(recordings[1], tags={"subject": "anna", "größe m": "1.7"}, name="one"),
        replace(recordings[2], tags={"subject": "ben"}, label=None, name="two"),
    ]
    embeddings = tiny.embed([*given, recordings[0].positions], layout=NTU25, pooling="mean")
    assert embeddings.tag("subject") == ("anna", "ben", None)
    for suffix in ("npz", "csv", "parquet"):
        embeddings.save(tmp_path / f"features.{suffix}")
    with np.load(tmp_path / "features.npz", allow_pickle=False) as file:
        assert file["tag_subject"].tolist() == ["anna", "ben", ""]
        assert file["tag_größe m"].tolist() == ["1.7", "", ""]
    with (tmp_path / "features.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["tag_subject"] for row in rows] == ["anna", "ben", ""]
    table = pq.read_table(tmp_path / "features.parquet")
    assert table.column_names == [
        "recording", "person", "label", "tag_subject", "tag_größe m", *embeddings.feature_names,
    ]  # fmt: skip
    assert table["tag_subject"].to_pylist() == ["anna", "ben", None]
    assert table["label"].to_pylist() == [recordings[1].label, None, None]
    assert np.array_equal(np.stack([table[name] for name in embeddings.feature_names], 1), embeddings.features)


def test_tags_of_a_store_are_those_of_its_recordings(tiny: SkeletonEncoder, tiny_store: Path) -> None:
    store = SequenceStore.open(tiny_store)
    of_store, of_recordings = tiny.embed(store), tiny.embed(list(store))
    assert of_store.tags == of_recordings.tags
    assert of_store.tag_names == tuple(store.tags)
    assert tiny.embed(store, per_person=True).tag_names == tuple(store.tags)


def test_features_with_other_meanings_are_not_mixed() -> None:
    ones = Embeddings(np.zeros((1, 1), np.float32), ("tail_0",), ("a",), (None,), (None,))
    others = Embeddings(np.zeros((1, 1), np.float32), ("wing_0",), ("b",), (None,), (None,))
    found = Embeddings.concat([ones, others, others])
    assert found.names == ("b", "b")
    assert [str(one) for one in found.left_out] == [
        "a: its features are of tail, and not of wing as in 2 other rows; embed it separately"
    ]
    assert Embeddings.concat([ones, others]).names == ("a",)
    assert len(Embeddings.concat([])) == 0
