"""Videos are drawn with their persons: at the right places, at the right times, in bounded memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")

from fake_poses import HEIGHT, WIDTH, FakeEstimator, write_video

from skeletonmae.errors import InputError
from skeletonmae.formats.video_options import VideoOptions
from skeletonmae.inference import FitConfig, fit_classifier
from skeletonmae.pose.estimate import estimate_poses
from skeletonmae.pose.recordings import recording_from_poses
from skeletonmae.rendering.colors import OVERLAY_SIDE_COLORS
from skeletonmae.rendering.faces import blur_heads, find_heads, head_of
from skeletonmae.rendering.labels import Label
from skeletonmae.rendering.render_video import is_video, render_video
from skeletonmae.rendering.settings import RenderSettings
from skeletonmae.rendering.video_picture import VideoPicture, at_times
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import MEDIAPIPE33

LEFT_HIP, LEFT_ANKLE, RIGHT_KNEE = (MEDIAPIPE33.index[joint] for joint in ("left_hip", "left_ankle", "right_knee"))


def distance(image: np.ndarray, point: np.ndarray, color: tuple[int, int, int]) -> int:
    x, y = np.rint(point).astype(int)
    return int(np.abs(image[y, x].astype(int) - color).max())


def test_skeletons_lie_on_the_persons_and_the_video_behind_them(decode: Any, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    done = render_video(video, tmp_path / "out.mp4", estimator=FakeEstimator())
    images, times, about = decode(tmp_path / "out.mp4")
    assert done.size == (WIDTH, HEIGHT)
    assert len(images) == done.num_frames == 10
    np.testing.assert_allclose(times, np.arange(10) / 20, atol=1e-3)
    assert about["codec"] == "h264"
    for frame in (0, 9):
        points = FakeEstimator().update(images[0], frame / 20)[0].points
        assert distance(images[frame], points[LEFT_ANKLE], OVERLAY_SIDE_COLORS["left"]) < 70
        assert distance(images[frame], points[RIGHT_KNEE], (100 + 2 * frame,) * 3) < 8  # not observed, not drawn
        assert distance(images[frame], np.array([5, 100]), (100 + 2 * frame,) * 3) < 8


def test_a_part_of_a_video_knows_when_it_begins(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    poses = estimate_poses(video, VideoOptions(), FakeEstimator())
    recording = recording_from_poses(poses, VideoOptions())
    labels = [Label(0, 0, 10, "wave", 1.0)]
    part = VideoPicture(video, poses, recording, labels, size=(1000, 1000), first=4)
    assert (part.start, part.times[0]) == (pytest.approx(0.2, abs=1e-3), 0.0)
    assert part.annotations.time_line is not None
    assert part.annotations.time_line.first == pytest.approx(4, abs=0.02)


def test_a_reduced_video_has_smaller_skeletons(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", size=(191, 127))
    poses = estimate_poses(video, VideoOptions(), FakeEstimator())
    recording = recording_from_poses(poses, VideoOptions())
    whole = VideoPicture(video, poses, recording, size=(1000, 1000))
    half = VideoPicture(video, poses, recording, size=(96, 96))
    assert whole.size == (190, 126)
    assert half.size == (96, 64)
    np.testing.assert_allclose(half.annotations.points, whole.annotations.points * 96 / 191, atol=1e-3)
    for picture in (whole, half):
        image = next(picture.frames([4]))
        assert image.shape[:2] == picture.size[::-1]
        point = picture.annotations.points[0, 4, LEFT_HIP]
        assert distance(image, point, OVERLAY_SIDE_COLORS["left"]) < 60


def test_a_variable_rate_keeps_its_times(decode: Any, tmp_path: Path) -> None:
    times = np.cumsum([0, 0.05, 0.05, 0.2, 0.05, 0.1, 0.3, 0.05, 0.05, 0.05])
    video = write_video(tmp_path / "a.mp4", times=times)
    render_video(video, tmp_path / "out.mp4", estimator=FakeEstimator())
    np.testing.assert_allclose(decode(tmp_path / "out.mp4")[1], times, atol=2e-3)


def test_a_frame_rate_in_place_of_that_of_the_video(decode: Any, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    (tmp_path / "answers.jsonl").write_text('{"recording": "a", "label": "up", "start_s": 0.5, "end_s": 1.5}\n')
    done = render_video(video, tmp_path / "out.mp4", tmp_path / "answers.jsonl", estimator=FakeEstimator(), fps=5)
    np.testing.assert_allclose(decode(tmp_path / "out.mp4")[1], np.arange(10) / 5, atol=1e-3)
    assert [(label.start, label.end) for label in done.labels] == [(2.5, 7.5)]


def test_poses_between_regular_times_are_interpolated() -> None:
    poses_at = np.arange(4, dtype=np.float32)
    positions = np.zeros((1, 4, 33, 2), np.float32)
    positions[0, :, :, 0] = 10 * poses_at[:, None] + 1
    observed = np.ones((1, 4, 33), bool)
    observed[0, 2, 5] = False
    positions[0, 2, 5] = 0
    recording = SkeletonSequence(positions, observed, MEDIAPIPE33, unit="px", fps=10.0)
    found = at_times(recording, np.array([0.0, 0.05, 0.2, 0.25, 0.31]))
    np.testing.assert_allclose(found.positions[0, :, 0, 0], [1, 6, 21, 26, 31], atol=1e-3)
    assert found.observed[0, :, 5].tolist() == [True, True, False, False, True]
    assert at_times(recording, np.arange(4) / 10) is recording


def test_part_of_a_video(decode: Any, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 20)
    (tmp_path / "answers.csv").write_text(
        "recording,person,start,end,label,score\na,,4,8,up,0.9\na,,12,16,down,0.9\n"
    )
    settings = RenderSettings(start=0.5, end=0.8)
    done = render_video(video, tmp_path / "out.mp4", tmp_path / "answers.csv", settings, estimator=FakeEstimator())
    images, _, _ = decode(tmp_path / "out.mp4")
    assert len(images) == 6
    assert [(label.text, label.start, label.end) for label in done.labels] == [("down", 2, 6)]
    assert distance(images[0], np.array([5, 100]), (120,) * 3) < 8  # frame 10
    assert images[0].shape[0] > HEIGHT  # the time line


def test_heads_are_blurred_also_between_the_frames_in_which_they_were_found(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 12)

    class Blinking(FakeEstimator):
        def update(self, image: np.ndarray, time: float) -> Any:
            found = super().update(image, time)
            return found if len(self.times) % 3 else []

    poses = estimate_poses(video, VideoOptions(), Blinking())
    recording = recording_from_poses(poses, VideoOptions())
    settings = {"size": (1000, 1000), "time_line": False}
    sharp = list(VideoPicture(video, poses, recording, **settings).frames(range(12)))
    blurred = list(VideoPicture(video, poses, recording, blur_faces=True, **settings).frames(range(12)))
    for frame, (before, after) in enumerate(zip(sharp, blurred, strict=True)):
        x, _, radius = head_of(FakeEstimator().update(before, frame / 20)[0].points, MEDIAPIPE33)
        row, column = HEIGHT // 4, round(float(x + 0.7 * radius))  # where dark meets bright
        strip = np.s_[row - 2 : row + 2, column]
        assert np.ptp(before[strip].astype(int), axis=0).max() > 50
        assert np.ptp(after[strip].astype(int), axis=0).max() < 46
        assert (before[100:, :10] == after[100:, :10]).all()


def test_a_blurred_face_keeps_a_few_colors_at_most() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (100, 100, 3)).astype(np.uint8)
    before = image.copy()
    blur_heads(image, np.array([[50, 50, 20], [-30, 5, 10], [np.nan, 1, 2]], np.float32))
    inside = image[40:60, 40:60].astype(float)
    assert np.abs(np.diff(inside, axis=0)).max() < 20
    assert (image[:25] == before[:25]).all()


def test_a_head_is_found_from_behind_and_held_where_it_was() -> None:
    points = FakeEstimator().update(np.zeros((400, 400, 3), np.uint8), 0.0)[0].points
    x, y, radius = head_of(points, MEDIAPIPE33)
    nose = points[0]
    assert np.hypot(x - nose[0], y - nose[1]) < radius
    hips = (points[23] + points[24]) / 2
    shoulders = (points[11] + points[12]) / 2
    assert 0.3 * np.linalg.norm(hips - shoulders) < radius < 0.7 * np.linalg.norm(hips - shoulders)


def test_a_person_who_is_left_out_is_blurred_too(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    poses = estimate_poses(video, VideoOptions(), FakeEstimator(2))
    recording = recording_from_poses(poses, replace(VideoOptions(), persons=1))
    assert recording.num_persons == 1
    assert all(len(circles) == 2 for circles in find_heads(poses).values())


def test_the_stage_shows_no_video(decode: Any, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    settings = RenderSettings(size=(200, 100), stage=True)
    done = render_video(video, tmp_path / "out.mp4", settings=settings, estimator=FakeEstimator())
    images, _, _ = decode(tmp_path / "out.mp4")
    assert done.size == (200, 100)
    assert (images[0][:, :40] > 245).all()


def test_files_that_are_no_videos(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    assert not is_video(tmp_path / "a.mp4")
    assert not is_video(tmp_path)
    assert is_video(write_video(tmp_path / "b.mp4"))
    data = (tmp_path / "b.mp4").read_bytes()
    (tmp_path / "c.mp4").write_bytes(data[: len(data) // 3])
    with pytest.raises(InputError, match=r"c\.mp4"):
        render_video(tmp_path / "c.mp4", tmp_path / "out.mp4", estimator=FakeEstimator())
    assert not (tmp_path / "out.mp4").exists()


def test_everybody_is_blurred_also_whoever_is_not_asked_for(
    decode: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(_name: str, persons: Any, **_: Any) -> FakeEstimator:
        return FakeEstimator(1 if persons == 1 else 2)

    monkeypatch.setattr("skeletonmae.pose.estimate.make_estimator", make)
    video = write_video(tmp_path / "a.mp4")
    pictures = []
    for blur in (False, True):
        settings, options = RenderSettings(blur_faces=blur), VideoOptions(persons=1)
        render_video(video, tmp_path / "out.mp4", settings=settings, options=options)
        pictures.append(decode(tmp_path / "out.mp4")[0])
    sharp, blurred = (images[5].astype(int) for images in pictures)
    poses = FakeEstimator(2).update(sharp, 5 / 20)
    row = HEIGHT // 4  # where dark meets bright, in the heads
    for pose in poses:
        x, y, radius = head_of(pose.points, MEDIAPIPE33)
        assert abs(y - row) < 0.7 * radius
        column = round(float(x + 0.6 * radius))
        strip = np.s_[row - 2 : row + 2, column]
        assert np.ptp(blurred[strip], axis=0).max() < 0.9 * np.ptp(sharp[strip], axis=0).max()
    ankles = [pose.points[LEFT_ANKLE] for pose in poses]
    drawn = [distance(blurred, ankle, OVERLAY_SIDE_COLORS["left"]) < 70 for ankle in ankles]
    assert sorted(drawn) == [False, True]  # one skeleton alone


def test_heads_are_blurred_before_the_first_frame_in_which_they_were_found(tmp_path: Path) -> None:
    class Late(FakeEstimator):
        def update(self, image: np.ndarray, time: float) -> Any:
            return super().update(image, time) if 0.95 < time < 2.05 else []

    video = write_video(tmp_path / "a.mp4", 60)
    heads = find_heads(estimate_poses(video, VideoOptions(), Late()))
    assert sorted(heads) == list(range(20 - 15, 41 + 15))  # three quarters of a second before and after


def test_labels_are_moved_to_the_frames_of_a_video_with_a_variable_rate(tmp_path: Path) -> None:
    times = np.cumsum([0, *[0.05] * 9, *[0.2] * 10])
    video = write_video(tmp_path / "a.mp4", times=times)
    line = '{"recording": "a", "label": "up", "start_s": 0.45, "end_s": 1.65}\n'
    (tmp_path / "answers.jsonl").write_text(line)
    done = render_video(video, tmp_path / "out.png", tmp_path / "answers.jsonl", estimator=FakeEstimator())
    assert any("variable" in note for note in done.notes)
    (label,) = done.labels
    np.testing.assert_allclose(times[[int(label.start), int(label.end)]], [0.45, 1.65], atol=1e-6)


def test_a_3d_classifier_gets_3d_poses(tmp_path: Path) -> None:
    clips = []
    for seed in range(16):
        label = ("high", "low")[seed % 2]
        dice, estimator = np.random.default_rng(seed), FakeEstimator(script=((0.0, label),))
        poses = [estimator.update(np.zeros((128, 192, 3)), seed / 3 + frame / 20)[0] for frame in range(40)]
        world = np.stack([pose.world for pose in poses]) + dice.normal(scale=0.01, size=(33, 3))
        clips.append(
            SkeletonSequence.from_positions(
                world, MEDIAPIPE33, name=f"{label} {seed}", label=label, fps=20.0, unit="m"
            )
        )
    classifier, _ = fit_classifier(clips, FitConfig(encoder="none", folds=2, inner_folds=2), measure=False)
    classifier.save(tmp_path / "c.safetensors")
    video, settings = write_video(tmp_path / "a.mp4", 40), RenderSettings(unknown=False)
    for label in ("high", "low"):
        estimator = FakeEstimator(script=((0.0, label),))
        done = render_video(video, tmp_path / "out.png", tmp_path / "c.safetensors", settings, estimator=estimator)
        assert [found.text for found in done.labels] == [label]
