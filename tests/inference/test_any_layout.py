"""Features of an encoder that reads any layout: what they depend on, and what they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from skeletonmae import SkeletonEncoder
from skeletonmae.checkpoint import Checkpoint, Header, save_encoder
from skeletonmae.errors import InputError
from skeletonmae.estimators import SkeletonTransformer
from skeletonmae.inference import Embeddings, FitConfig, fit_classifier
from skeletonmae.live.recognizer import LiveRecognizer
from skeletonmae.masking import MotionAware
from skeletonmae.methods import JointPatchMAE, JointPatchMAEConfig
from skeletonmae.rendering.render import find_labels
from skeletonmae.rendering.settings import RenderSettings
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, HAND21, KINECT20, PENN13, VOCABULARY, Skeleton
from skeletonmae.skeletons.average_body import AVERAGE_BODY
from skeletonmae.transforms import ClipConfig

Positions = NDArray[np.float32]
Embed = Callable[..., Embeddings]
WIDTH, WIDTH_OF_SMALL = 16, 160
FIVE = Skeleton(
    "five",
    ("withers", "rump", "tail", "paw_l", "paw_r"),
    {"rump": "withers", "tail": "rump", "paw_l": "withers", "paw_r": "withers"},
)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """An encoder whose embeddings of names and durations are as if trained; new ones are 0."""
    clips = ClipConfig.model_validate(
        {
            "axes": 3,
            "frames": 32,
            "transforms": [
                {"kind": "normalize_size"}, {"kind": "center"}, {"kind": "face_forward", "optional": True},
            ],
            "final_transforms": [{"kind": "root_motion"}],
        }
    )  # fmt: skip
    config = JointPatchMAEConfig(
        joint_embedding="description",
        token_frames=4,
        width=WIDTH,
        depth=2,
        heads=2,
        decoder_width=16,
        decoder_depth=1,
    )
    header = Header(
        role="method",
        clips=clips,
        masking=MotionAware(),
        method=config,
        axes=3,
        unit="m",
        joints=config.known_joints(KINECT20.joints),
    )
    torch.manual_seed(0)
    method = config.build(header.spec, MotionAware())
    assert isinstance(method, JointPatchMAE)
    torch.nn.init.normal_(method.encoder.pos_embed.joint)
    assert method.encoder.duration_embed is not None
    torch.nn.init.normal_(method.encoder.duration_embed.linear.weight, std=0.3)
    return Checkpoint(header, method.eval())


@pytest.fixture(params=["tiny", "small"])
def embed(request: pytest.FixtureRequest, checkpoint: Checkpoint) -> Embed:
    """Embed arrays, by default of kinect20 at 30 frames per second; by the tiny encoder and by the shipped one."""
    tiny = request.param == "tiny"
    encoder = SkeletonEncoder(checkpoint) if tiny else SkeletonEncoder.from_pretrained(request.param, device="cpu")

    def call(
        recordings: Any, layout: Skeleton = KINECT20, fps: float | None = 30.0, **settings: Any
    ) -> Embeddings:
        return encoder.embed(recordings, layout=layout, fps=fps, **settings)

    return call


def motion(skeleton: Skeleton = KINECT20, fps: float = 30.0, seconds: float = 3.0, seed: int = 0) -> Positions:
    """An average adult whose joints swing and who walks, in meters, `(frame, joint, axis)`."""
    dice = np.random.default_rng(seed)
    rest = {joint: np.array(AVERAGE_BODY.get(joint, (0.1, 1.0, -0.2))) for joint in skeleton.joints}
    time = np.arange(round(seconds * fps) + 1)[:, None, None] / fps
    swing = {joint: (dice.uniform(-0.1, 0.1, 3), dice.uniform(1, 3, 3)) for joint in sorted(skeleton.joints)}
    amplitude, speed = (np.stack([swing[joint][part] for joint in skeleton.joints]) for part in (0, 1))
    position = np.stack([rest[joint] for joint in skeleton.joints])
    walk = time * np.array([0.5, 0.0, 0.2])
    return (position + amplitude * np.sin(speed * time) + walk).astype(np.float32)


def assert_same(found: Embeddings, expected: Embeddings, tolerance: float = 1e-4) -> None:
    scale = float(np.abs(expected.features).max())
    np.testing.assert_allclose(found.features, expected.features, atol=tolerance * scale)
    assert found.feature_names == expected.feature_names


def distance(one: Embeddings, other: Embeddings) -> float:
    """Relative to the length of a feature vector."""
    return float(np.linalg.norm(one.features - other.features) / np.linalg.norm(one.features))


def test_a_file_that_names_its_joints_is_read_in_its_own_layout(embed: Embed, tmp_path: Path) -> None:
    """And not in one of all joints of the encoder, some of which are not in the vocabulary."""
    positions = np.round(motion(COCO17), 4)
    lines = [
        f"{frame},{joint},{x},{y},{z}"
        for frame, pose in enumerate(positions)
        for joint, (x, y, z) in zip(COCO17.joints, pose.tolist(), strict=True)
    ]
    path = tmp_path / "clip.csv"
    path.write_text("\n".join(["frame,joint,x,y,z", *lines]), encoding="utf-8")
    recording = SkeletonSequence.from_positions(positions[None], COCO17, name="clip", unit="m", fps=30)
    assert_same(embed(path, layout=cast("Any", None)), embed(recording, layout=cast("Any", None)))


@pytest.mark.parametrize(("factor", "unit"), [(100, "cm"), (1000, "mm"), (37.3, "unknown")])
def test_the_unit_makes_no_difference(embed: Embed, factor: float, unit: str) -> None:
    assert_same(embed(motion() * factor, unit=unit), embed(motion()))


def test_the_place_makes_no_difference_but_the_path_does(embed: Embed) -> None:
    assert_same(embed(motion() + np.float32([3, -1, 4])), embed(motion()))
    standing = motion() - (motion()[:, :1] - motion()[:1, :1])
    assert distance(embed(standing), embed(motion())) > 0.01


def test_the_order_of_the_joints_makes_no_difference(embed: Embed) -> None:
    order = np.random.default_rng(1).permutation(20)
    shuffled = replace(KINECT20, name="shuffled", joints=tuple(KINECT20.joints[index] for index in order))
    assert_same(embed(motion()[:, order], shuffled), embed(motion()))


def test_an_empty_second_person_makes_no_difference(embed: Embed) -> None:
    alone = motion()
    assert_same(embed(np.stack([alone, np.full_like(alone, np.nan)])), embed(alone))
    assert_same(embed(np.stack([alone, np.zeros_like(alone)]) * [[[[1]]], [[[np.nan]]]]), embed(alone))


@pytest.mark.parametrize("parent", ["pelvis", "right_hand", "head"])
def test_joints_that_are_never_observed_make_no_difference(embed: Embed, parent: str) -> None:
    more = Skeleton("more", ("x1", *KINECT20.joints, "x2"), {**KINECT20.parents, "x1": parent, "x2": "x1"})
    positions = np.pad(motion(), ((0, 0), (1, 1), (0, 0)), constant_values=np.nan)
    assert_same(embed(positions, more), embed(motion()))


def test_a_layout_with_fewer_joints_is_one_in_which_the_others_are_lost(embed: Embed) -> None:
    lost = [KINECT20.index[joint] for joint in ("left_hand", "right_hand", "left_foot", "right_foot")]
    kept = np.setdiff1d(np.arange(20), lost)
    joints = tuple(KINECT20.joints[index] for index in kept)
    less = Skeleton("less", joints, {j: p for j, p in KINECT20.parents.items() if j in joints}, KINECT20.center)
    positions = motion()
    positions[:, lost] = np.nan
    assert_same(embed(positions), embed(motion()[:, kept], less))


def tailed(name: str = "tail", parent: str = "pelvis") -> Skeleton:
    joints, parents = (*KINECT20.joints, name), {**KINECT20.parents, name: parent}
    return Skeleton("tailed", joints, parents, KINECT20.center)


def test_an_unknown_joint_is_used_whatever_its_name(embed: Embed) -> None:
    positions, plain = motion(tailed()), motion(tailed())
    expected = embed(positions, tailed())
    assert_same(embed(positions, tailed("the_thing_behind")), expected)
    assert distance(embed(positions, tailed(parent="head")), expected) > 1e-3
    plain[:, 20] += 0.3 * np.sin(np.arange(len(plain)))[:, None]
    assert distance(embed(plain, tailed()), expected) > 1e-3
    plain[:, 20] = np.nan
    assert distance(embed(plain, tailed()), expected) > 1e-3


def test_two_sets_of_unknown_names_are_one(embed: Embed) -> None:
    names = {joint: f"n{index}" for index, joint in enumerate(FIVE.joints)}
    names |= {"paw_l": "foot_l", "paw_r": "foot_r"}
    parents = {names[joint]: names[parent] for joint, parent in FIVE.parents.items()}
    renamed = Skeleton("renamed", tuple(names[joint] for joint in FIVE.joints), parents)
    one, other = (embed(motion(FIVE), layout, pooling="mean") for layout in (FIVE, renamed))
    assert_same(other, one)


def test_a_layout_of_five_joints(embed: Embed) -> None:
    found = embed([motion(FIVE), motion(FIVE, seed=1)], FIVE)
    parts = dict.fromkeys(name.rpartition("_")[0] for name in found.feature_names)
    names = ("withers", "rump", "paw_l", "paw_r", "root motion")
    assert tuple(parts) == tuple(f"{name}_{each}" for each in ("mean", "std") for name in names)
    assert np.abs(found.features[0] - found.features[1]).max() > 1e-3
    assert not found.notes


def test_all_human_layouts_have_the_same_features(embed: Embed) -> None:
    names = {embed(motion(skeleton), skeleton).feature_names for skeleton in (KINECT20, COCO17, tailed())}
    assert len(names) == 1
    assert len(names.pop()) in (2 * 7 * WIDTH, 2 * 7 * WIDTH_OF_SMALL)


def test_hands_among_bodies_are_left_out_wherever_they_are(checkpoint: Checkpoint) -> None:
    def recording(name: str, skeleton: Skeleton, number: int) -> SkeletonSequence:
        return SkeletonSequence.from_positions(motion(skeleton, seed=number), skeleton, name=name, fps=30)

    encoder = SkeletonEncoder(checkpoint)
    clips = [("hand", HAND21), ("body", KINECT20), ("more", COCO17), ("second hand", HAND21)]
    mixed = [recording(name, skeleton, number) for number, (name, skeleton) in enumerate(clips)]
    found = encoder.embed([*mixed, recording("last", KINECT20, 5)])
    assert found.names == ("body", "more", "last")
    assert [one.recording for one in found.left_out] == ["hand", "second hand"]
    reason = found.left_out[0].reason
    assert "thumb" in reason
    assert "and not of head, torso" in reason
    assert "as in 3 other rows" in reason
    np.testing.assert_array_equal(found.features[0], encoder.embed(mixed[1]).features[0])


def test_recordings_without_a_rate_are_counted_over_all_layouts(checkpoint: Checkpoint) -> None:
    encoder = SkeletonEncoder(checkpoint)
    skeletons = (KINECT20, COCO17, KINECT20)
    clips = [
        SkeletonSequence.from_positions(motion(one), one, name=str(number), fps=None if number else 30)
        for number, one in enumerate(skeletons)
    ]
    notes = encoder.embed(clips).notes
    assert [note[:20] for note in notes] == ["2 of 3 recordings ha"]


def test_clips_in_2d_are_read_and_are_another_input(embed: Embed) -> None:
    image = motion(COCO17)[..., :2] * -500 + 300  # pixels, from the left and from the top
    found = embed(image, COCO17, unit="px")
    assert len(found) == 1
    assert_same(embed(image * 2 + 100, COCO17, unit="px"), found)
    flat = motion(COCO17) * np.float32([1, 1, 0])
    assert distance(found, embed(flat, COCO17)) > 1e-3
    upside_down = image * np.float32([1, -1])
    assert distance(found, embed(upside_down, COCO17, unit="px")) > 1e-3


def test_the_frame_rate_hardly_matters_but_the_speed_does(embed: Embed) -> None:
    expected = embed(motion(fps=30))
    for fps in (10, 60, 120):
        assert distance(embed(motion(fps=fps), fps=fps), expected) < 0.02, fps
    assert distance(embed(motion(fps=30), fps=120), expected) > 0.05


def test_an_answer_without_a_frame_rate_says_so(embed: Embed) -> None:
    found = embed([motion(), motion(seed=1)], fps=None)
    assert found.notes == (
        "2 of 2 recordings have no frame rate, so the encoder does not know how fast they move; if you know it,"
        " give it (fps, --fps)",
    )
    assert distance(found, embed([motion(), motion(seed=1)])) > 1e-3


@pytest.mark.parametrize("embed", ["tiny"], indirect=True)
def test_half_precision_weights_give_the_same_features(
    checkpoint: Checkpoint, embed: Embed, tmp_path: Path
) -> None:
    """The weights are rounded; whatever is computed with them is in float32."""
    save_encoder(tmp_path / "half.safetensors", checkpoint)
    found = SkeletonEncoder.from_pretrained(tmp_path / "half.safetensors").embed(motion(), layout=KINECT20, fps=30)
    expected = embed(motion())
    assert found.features.dtype == np.float32
    assert_same(found, expected, tolerance=5e-3)
    assert distance(found, expected) > 0


@pytest.mark.parametrize("embed", ["tiny"], indirect=True)
@pytest.mark.parametrize("pooling", ["mean", "joints", "parts"])
def test_stores_and_recordings_have_the_same_features(
    checkpoint: Checkpoint, embed: Embed, pooling: Literal["mean", "joints", "parts"], tmp_path: Path
) -> None:
    from skeletonmae.sequences import SequenceStore, StoreWriter

    arrays = [motion(seed=seed) for seed in range(3)]
    with StoreWriter(tmp_path / "store", KINECT20, axes=3, unit="m") as writer:
        for index, positions in enumerate(arrays):
            writer.add(SkeletonSequence.from_positions(positions, KINECT20, name=f"{index}", fps=30))
    found = SkeletonEncoder(checkpoint).embed(SequenceStore.open(tmp_path / "store"), pooling=pooling)
    assert_same(found, embed(arrays, pooling=pooling))
    num_groups = {"mean": 1, "joints": 21, "parts": 7}[pooling]
    assert len(found.feature_names) == num_groups * WIDTH


@pytest.mark.parametrize("embed", ["tiny"], indirect=True)
def test_names_of_the_vocabulary_help_where_they_are_known(checkpoint: Checkpoint, embed: Embed) -> None:
    names = {joint: f"n{index}" for index, joint in enumerate(KINECT20.joints)}
    nameless = Skeleton(
        "nameless",
        tuple(names.values()),
        {names[joint]: names[parent] for joint, parent in KINECT20.parents.items()},
        parts={part: tuple(names[joint] for joint in joints) for part, joints in KINECT20.parts.items()},
    )
    assert set(checkpoint.header.joints) == set(VOCABULARY)
    found = embed(motion(), nameless)
    assert found.feature_names == embed(motion()).feature_names
    assert distance(found, embed(motion())) > 1e-2


def test_a_classifier_of_flat_clips_asks_for_flat_ones(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Its encoder takes recordings with depth too, but the clips had none."""
    save_encoder(tmp_path / "any.safetensors", checkpoint)
    rng, clips = np.random.default_rng(0), []
    for number in range(8):
        positions = rng.normal(scale=30, size=(20, 5, 2)) + 300
        positions[:, number % 2] += 90 * np.sin(np.arange(20) / 3)[:, None]
        label, settings = "ab"[number % 2], {"unit": "px", "fps": 30.0}
        clips.append(SkeletonSequence.from_positions(positions, FIVE, name=str(number), label=label, **settings))
    config = FitConfig(encoder=str(tmp_path / "any.safetensors"), features="encoder", folds=2)
    classifier, _ = fit_classifier(clips, config, measure=False)
    path = tmp_path / "classifier.safetensors"
    classifier.save(path)
    assert (checkpoint.header.axes, classifier.axes, classifier.file_layout) == (3, 2, FIVE)
    asked: list[int] = []

    def with_axes(axes: int) -> SkeletonSequence:
        asked.append(axes)
        return clips[0]

    find_labels(clips[0], path, RenderSettings(device="cpu"), with_axes)
    assert asked == [2]
    flat_only = SimpleNamespace(has_depth=False, min_confidence=0.5, skeleton=COCO17)
    assert LiveRecognizer(classifier, cast(Any, flat_only)).axes == 2


def test_a_recording_with_other_body_parts_has_an_error_and_the_others_have_answers(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    save_encoder(tmp_path / "any.safetensors", checkpoint)
    people = [
        SkeletonSequence.from_positions(
            motion(seconds=1, seed=number % 2)[None],
            KINECT20,
            fps=30.0,
            name=f"human {number}",
            label="ab"[number % 2],
        )
        for number in range(8)
    ]
    animal = SkeletonSequence.from_positions(motion(FIVE, seconds=1)[None], FIVE, fps=30.0, name="animal")
    flat = SkeletonSequence.from_positions(motion(COCO17, seconds=1)[None], COCO17, fps=30.0, name="coco")
    for features in ("encoder", "best"):
        config = FitConfig(encoder=str(tmp_path / "any.safetensors"), features=features, folds=2)
        classifier, _ = fit_classifier(people, config, measure=False)
        asked = [people[0], animal, flat, people[1]]
        answers = classifier.predict(asked)
        assert [one.recording for one in answers] == [one.name for one in asked]
        assert ["body parts" in one.error for one in answers] == [False, True, False, False]
        assert [bool(one.classes) for one in answers] == [True, False, True, True]
        assert [one.classes[0][0] for one in answers if one.recording.startswith("human")] == ["a", "b"]
        assert "body parts" in classifier.predict([animal])[0].error


def test_the_columns_of_a_transformer_do_not_depend_on_the_layout(checkpoint: Checkpoint) -> None:
    rng = np.random.default_rng(0)
    bodies = [
        SkeletonSequence.from_positions(rng.normal(size=(20, layout.num_joints, 3)), layout, fps=30.0)
        for layout in (KINECT20, COCO17, FIVE)
    ]
    transformer = SkeletonTransformer(SkeletonEncoder(checkpoint)).fit(bodies[:1])
    widths = {transformer.transform([body]).shape[1] for body in bodies[:2]}
    assert widths == {len(transformer.get_feature_names_out())}
    with pytest.raises(InputError, match="the pooling statistics, these recordings have other features"):
        transformer.transform(bodies[2:])
    by_joint = SkeletonTransformer(SkeletonEncoder(checkpoint), pooling="joints").fit(bodies[:1])
    assert len(by_joint.transform(bodies[:1])) == 1
    with pytest.raises(InputError, match=r"the pooling joints.*expected the 336 of fit.*got 288"):
        by_joint.transform(bodies[1:2])


@pytest.mark.parametrize("lost", [("left_elbow",), ("head",), ("left_knee", "right_wrist")])
def test_a_joint_that_names_leave_out_is_like_one_that_was_never_observed(
    embed: Embed, lost: tuple[str, ...]
) -> None:
    """Also if the tree is guessed from the names."""
    kept = [joint for joint in PENN13.joints if joint not in lost]
    positions = motion(PENN13)
    given = positions[:, [PENN13.index[joint] for joint in kept]]
    positions[:, [PENN13.index[joint] for joint in lost]] = np.nan
    found = embed(given, layout=cast("Any", None), joints=kept, pooling="parts")
    assert_same(found, embed(positions, PENN13, pooling="parts"))


@pytest.mark.parametrize("pooling", ["mean", "joints", "parts", "statistics"])
def test_the_order_of_joints_with_names_of_their_own_makes_no_difference(
    embed: Embed, pooling: Literal["mean", "joints", "parts", "statistics"]
) -> None:
    order = [3, 1, 4, 0, 2]
    joints = tuple(FIVE.joints[index] for index in order)
    other = Skeleton(FIVE.name, joints, FIVE.parents)
    positions = motion(FIVE)
    assert_same(embed(positions[:, order], other, pooling=pooling), embed(positions, FIVE, pooling=pooling))


def test_what_makes_features_doubtful_is_said(embed: Embed) -> None:
    plain, nobody = motion(FIVE), np.full((40, 5, 3), np.nan, dtype=np.float32)
    hardly = np.full_like(plain, np.nan)
    hardly[3, 0] = 1
    cases: dict[str, Any] = {
        "only one joint was observed": np.where(np.arange(5)[:, None] == 2, plain, np.nan),
        "so far from the origin": plain + np.float32(1e5),
        "nobody is seen in many of the first or last frames": np.concatenate([plain, nobody]),
        "a person who is hardly seen": np.stack([plain, hardly]),
    }
    for expected, positions in cases.items():
        (note,) = embed(positions, FIVE).notes
        assert note.startswith("in 1 recording, ")
        assert expected in note
    assert "fractions of the picture" in embed(np.abs(plain[..., :2]) / 9, FIVE, unit="image").notes[0]
    assert not embed(np.concatenate([plain, nobody[:4]]), FIVE).notes
    body = motion()
    assert not embed(body).notes
    assert "the head is not above the feet along y" in embed(body[..., [0, 2, 1]]).notes[0]
