from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions


def write(path: Path, **objects: Any) -> Path:
    np.savez_compressed(path, **{name: np.array(value, dtype=object) for name, value in objects.items()})
    return path


def read(path: Path, options: ReadOptions = ReadOptions(), **objects: Any) -> list[Any]:  # noqa: B008
    return list(FORMATS["videopose3d_npz"].read(write(path, **objects), options))


def test_human36m_keeps_17_of_32_joints_and_z_is_up(tmp_path: Path) -> None:
    positions = np.zeros((4, 32, 3), np.float32)
    positions[..., 0] = np.arange(32)
    positions[..., 1] = 5
    positions[..., 2] = 1.5
    positions[2, 13] = 0  # the thorax is lost
    clips = {"S1": {"Directions 1": positions}, "S11": {"WalkTogether": positions[:2]}}
    first, second = read(tmp_path / "data_3d_h36m.npz", positions_3d=clips)
    assert (first.name, first.label, dict(first.tags)) == ("S1/Directions 1", "Directions", {"subject": "S1"})
    assert (second.name, second.label) == ("S11/WalkTogether", "WalkTogether")
    assert (first.skeleton.name, first.unit, first.fps) == ("h36m17", "m", 50.0)
    kept = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    assert first.positions[0, 0, :, 0].tolist() == kept
    assert first.positions[0, 0, 1].tolist() == [1, 1.5, -5]
    assert np.argwhere(~first.observed).tolist() == [[0, 2, first.skeleton.index["shoulder_center"]]]


def test_cameras_of_2d_keypoints_are_recordings_in_the_declared_layout(tmp_path: Path) -> None:
    pose = np.full((3, 17, 2), 7.0)
    found = read(
        tmp_path / "data_2d_h36m_gt.npz",
        positions_2d={"S5": {"Eating 2": [pose, pose + 1]}},
        metadata={"layout_name": "h36m", "num_joints": 17},
    )
    assert [(r.name, r.tags["camera"], r.label) for r in found] == [
        ("S5/Eating 2/0", "0", "Eating"),
        ("S5/Eating 2/1", "1", "Eating"),
    ]
    assert {(r.skeleton.name, r.unit, r.fps, r.tags["subject"]) for r in found} == {("h36m17", "px", 50.0, "S5")}
    assert found[1].positions[0, 2, 16].tolist() == [8, 8]


def test_own_videos_are_named_after_the_video(tmp_path: Path) -> None:
    objects = {
        "positions_2d": {"my dance.mp4": {"custom": [np.ones((5, 17, 2))]}},
        "metadata": {"layout_name": "coco", "video_metadata": {"my dance.mp4": {"w": 640, "h": 480}}},
    }
    (recording,) = read(tmp_path / "data_2d_custom_myvideos.npz", **objects)
    assert (recording.name, recording.label, recording.fps) == ("my dance", None, None)
    assert (recording.skeleton.name, dict(recording.tags)) == ("coco17", {})


def test_humaneva_needs_a_layout_and_has_60_frames_a_second(tmp_path: Path) -> None:
    from skeletonmae.skeletons import SBU15

    clips = {"Train/S1": {"Jog 1 chunk0": np.ones((2, 15, 3))}}
    (recording,) = read(tmp_path / "a.npz", ReadOptions(layout=SBU15), positions_3d=clips)
    assert (recording.fps, recording.name) == (60.0, "Train/S1/Jog 1 chunk0")


def test_one_bad_clip_does_not_lose_the_others(tmp_path: Path) -> None:
    errors: list[InputError] = []
    clips = {"S1": {"a": np.ones((2, 9, 3)), "b": np.ones((2, 17, 3)), "c": np.ones(3)}}
    found = read(tmp_path / "a.npz", ReadOptions(on_error=errors.append), positions_3d=clips)
    assert [recording.name for recording in found] == ["S1/b"]
    assert "positions_3d, S1, a: no layout is known for 9 joints in 3D" in str(errors[0])
    assert "positions_3d, S1, c: the array has the wrong shape" in str(errors[1])


@pytest.mark.parametrize("content", [[1, 2], {"S1": 3}, {"S1": {"a": "text"}}, {1: {}}])
def test_other_objects_are_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InputError, match=r"expected \{subject: \{action"):
        read(tmp_path / "a.npz", positions_3d=content)


def test_other_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected positions_3d or positions_2d; got boxes"):
        read(tmp_path / "a.npz", boxes={})


SIDES = {
    "h36m17": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]],
    "coco17": [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]],
}
"""The joints on the left and on the right, as VideoPose3D's scripts write them."""


@pytest.mark.parametrize(
    ("name", "metadata", "layout"),
    [
        ("data_2d_mine", {"num_joints": 17, "keypoints_symmetry": SIDES["h36m17"]}, "h36m17"),
        ("data_2d_mine", {"num_joints": 17, "keypoints_symmetry": SIDES["coco17"]}, "coco17"),
        ("data_2d_mine_h36m_gt", {}, "h36m17"),
        ("data_2d_h36m_detectron_pt_coco", {}, "coco17"),
        ("data_2d_h36m_gt", {"layout_name": "coco"}, "coco17"),
        ("data_2d_h36m_gt", {"keypoints_symmetry": SIDES["coco17"]}, "coco17"),
        ("data_2d_h36m_gt", {"keypoints_symmetry": [[1], None]}, "h36m17"),
    ],
)
def test_layouts_of_2d_keypoints_without_a_name(
    name: str, metadata: dict[str, Any], layout: str, tmp_path: Path
) -> None:
    clips = {"S1": {"Eating": [np.ones((5, 17, 2))]}}
    (recording,) = read(tmp_path / f"{name}.npz", positions_2d=clips, metadata=metadata)
    assert (recording.skeleton.name, recording.notes) == (layout, ())


def test_a_layout_that_nothing_tells_is_reported(tmp_path: Path) -> None:
    clips = {"S1": {"Eating": [np.ones((5, 17, 2))]}}
    (recording,) = read(tmp_path / "mine.npz", positions_2d=clips)
    assert recording.notes == ("the file does not state its layout: 17 joints were read as coco17",)
