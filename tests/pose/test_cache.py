from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import VideoOptions
from skeletonmae.pose import cache
from skeletonmae.pose.cache import AFTER_POSES, PoseCache, code_sha256, pose_key
from skeletonmae.pose.video_poses import VideoPoses
from skeletonmae.skeletons import COCO17, MEDIAPIPE33


def poses(with_depth: bool = True) -> VideoPoses:
    rng = np.random.default_rng(0)
    skeleton = MEDIAPIPE33 if with_depth else COCO17
    joints = skeleton.num_joints
    return VideoPoses(
        skeleton,
        640,
        480,
        29.97,
        np.arange(5) / 29.97,
        np.array([0, 1, 1, 4]),
        np.array([2, 2, 5, 2]),
        rng.random((4, joints, 2), np.float32),
        rng.random((4, joints), np.float32),
        rng.random((4, joints, 3), np.float32) if with_depth else None,
        rng.random(4, np.float32),
        0.3,
        ("a note",),
    )


def equal(one: VideoPoses, other: VideoPoses) -> bool:
    names = ("times", "frame_index", "identity", "points", "confidence", "world", "score")
    plain = ("skeleton", "width", "height", "fps", "min_confidence", "notes")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names if name) and all(
        getattr(one, name) == getattr(other, name) for name in plain
    )


@pytest.mark.parametrize("with_depth", [True, False])
def test_poses_come_back_bit_by_bit(tmp_path: Path, with_depth: bool) -> None:
    messages: list[str] = []
    cache = PoseCache((tmp_path / "kept",), messages.append)
    assert cache.load("ab") is None
    cache.save("ab", poses(with_depth))
    found = cache.load("ab")
    assert found is not None
    assert equal(found, poses(with_depth))
    assert (found.world is None) != with_depth
    assert messages == [f"poses of videos are kept in {tmp_path / 'kept'}"]
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["ab.npz"]


def test_all_folders_are_looked_in_and_the_first_is_written_to(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    PoseCache((second,)).save("ab", poses())
    cache = PoseCache((first, second))
    assert cache.load("ab") is not None
    cache.save("cd", poses())
    assert (first / "cd.npz").is_file()
    assert PoseCache(()).load("ab") is None
    PoseCache(()).save("ab", poses())


def test_a_damaged_file_is_said_and_not_used(tmp_path: Path) -> None:
    messages: list[str] = []
    cache = PoseCache((tmp_path,), messages.append)
    cache.save("ab", poses())
    path = tmp_path / "ab.npz"
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for damage in range(60):
        changed = bytearray(content)
        if damage % 3 == 0:
            changed = changed[: int(rng.integers(0, len(content)))]
        else:
            for at in rng.integers(0, len(content), 1 if damage % 3 == 1 else 20):
                changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        messages.clear()
        found = cache.load("ab")
        assert found is None or equal(found, poses())  # a bit of the archive that says nothing
        assert bool(messages) == (found is None)
    path.write_bytes(content[:100])
    assert cache.load("ab") is None
    assert messages[-1].startswith(f"kept poses are damaged and are estimated again: {path}")


def test_poses_of_something_else_are_not_used(tmp_path: Path) -> None:
    messages: list[str] = []
    cache = PoseCache((tmp_path,), messages.append)
    cache.save("ab", poses())
    (tmp_path / "ab.npz").rename(tmp_path / "cd.npz")
    assert cache.load("cd") is None
    assert "the poses are those of another video or other settings" in messages[-1]


def test_arrays_that_do_not_agree_are_not_used(tmp_path: Path) -> None:
    PoseCache((tmp_path,)).save("ab", poses())
    with np.load(tmp_path / "ab.npz") as file:
        arrays = dict(file)
    for name, values in (
        ("points", arrays["points"][:-1]),
        ("frame_index", arrays["frame_index"][::-1]),
        ("frame_index", arrays["frame_index"] + 4),
        ("times", arrays["times"] * 0),
        ("identity", arrays["identity"] - 3),
        ("score", arrays["score"].astype(object)),
    ):
        np.savez(tmp_path / "ab.npz", **arrays | {name: values})
        assert PoseCache((tmp_path,)).load("ab") is None, name


@pytest.mark.parametrize(
    "change",
    [
        {"frame_index": np.array(3)},
        {"times": np.array(0.5)},
        {"identity": np.array(3)},
        {"times": np.arange(5) * 1e300},
        {"points": np.nan},
        {"confidence": np.nan},
        {"world": np.nan},
        {"score": np.inf},
        {"fps": 0.0},
        {"fps": -5.0},
        {"fps": 1e300},
        {"min_confidence": -1.0},
        {"min_confidence": 2.0},
        {"width": 10**30},
        {"height": -3},
        {"skeleton": {}},
    ],
)
def test_values_that_no_video_has_are_damage(tmp_path: Path, change: dict[str, Any]) -> None:
    PoseCache((tmp_path,)).save("ab", poses())
    with np.load(tmp_path / "ab.npz") as file:
        arrays = dict(file)
    ((name, value),) = change.items()
    if name not in arrays:
        header = json.loads(arrays["header"].tobytes()) | change
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    elif isinstance(value, float):
        arrays[name] = arrays[name].copy()
        arrays[name].flat[3] = value
    else:
        arrays[name] = value
    np.savez(tmp_path / "ab.npz", **arrays)
    messages: list[str] = []
    assert PoseCache((tmp_path,), messages.append).load("ab") is None
    assert messages[0].startswith("kept poses are damaged and are estimated again")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    messages: list[str] = []
    PoseCache((folder,), messages.append).save("ab", poses())
    assert "cannot be kept" in messages[0]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    messages: list[str] = []
    PoseCache((tmp_path / "file" / "kept",), messages.append).save("ab", poses())
    assert messages[0].startswith(f"poses of videos cannot be kept in {tmp_path / 'file' / 'kept'} (")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Any, **_: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.savez", full)
    messages: list[str] = []
    PoseCache((tmp_path,), messages.append).save("ab", poses())
    assert list(tmp_path.iterdir()) == []
    assert "No space left on device" in messages[0]


def test_the_key_is_of_the_content_and_what_poses_depend_on(tmp_path: Path) -> None:
    one, copy, other = (tmp_path / name for name in ("one", "copy", "other"))
    for path, content in ((one, b"video"), (copy, b"video"), (other, b"vide0")):
        path.write_bytes(content)
    options = VideoOptions()
    key = pose_key(one, options)
    assert pose_key(copy, options) == key
    assert pose_key(other, options) != key
    for same in (replace(options, axes=3), replace(options, root_motion=True)):
        assert pose_key(one, same) == key
    changed = [
        replace(options, estimator="movenet"),
        replace(options, persons=1),
        replace(options, persons="largest"),
        replace(options, model=other),
    ]
    assert len({key, *(pose_key(one, each) for each in changed)}) == 5


@pytest.mark.parametrize("name", ["__version__", "MODEL_FILES", "MAX_SIDE", "code_sha256"])
def test_another_version_network_or_code_has_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "video").write_bytes(b"video")
    key = pose_key(tmp_path / "video", VideoOptions())
    changes = {
        "__version__": "9.9",
        "MODEL_FILES": (replace(cache.MODEL_FILES[0], sha256="0"), *cache.MODEL_FILES[1:]),
        "MAX_SIDE": 320,
        "code_sha256": lambda _: "other",
    }
    monkeypatch.setattr(cache, name, changes[name])
    assert pose_key(tmp_path / "video", VideoOptions()) != key


def test_the_code_counts_as_far_as_poses_depend_on_it(tmp_path: Path) -> None:
    digests = []
    for number, (tracking, depth) in enumerate((("a", "b"), ("c", "b"), ("a", "c"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "tracking.py").write_text(tracking)
        (folder / "depth.py").write_text(depth)
        digests.append(code_sha256(folder))
    assert digests[0] == digests[2] != digests[1]
    own = {path.name for path in Path(cache.__file__).parent.glob("*.py")}
    assert own > AFTER_POSES


def test_the_content_of_the_network_of_the_user_counts_not_its_name(tmp_path: Path) -> None:
    for name, content in (("video", b"video"), ("a.onnx", b"one"), ("b.onnx", b"one")):
        (tmp_path / name).write_bytes(content)
    options = [VideoOptions(estimator="rtmpose", model=tmp_path / name) for name in ("a.onnx", "b.onnx")]
    keys = [(each.key, pose_key(tmp_path / "video", each)) for each in options]
    assert keys[0] == keys[1]
    (tmp_path / "b.onnx").write_bytes(b"another")
    assert options[1].key != keys[1][0]
    assert pose_key(tmp_path / "video", options[1]) != keys[1][1]
    with pytest.raises(InputError, match=r"none\.onnx: cannot be read"):
        VideoOptions(model=tmp_path / "none.onnx").key  # noqa: B018 - it is a property
