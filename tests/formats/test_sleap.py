"""Files made by sleap-io, as `animals/make.py` says, and some that it does not make."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.animals import write_project

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, InputFile, ReadOptions, detect, find_files
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

ANIMALS = Path(__file__).parent / "animals"
JOINTS = ("snout", "left_ear", "right_ear", "tail_base")


def unpacked(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(gzip.decompress((ANIMALS / f"{name}.gz").read_bytes()))
    return path


def read(file: Path | InputFile, options: ReadOptions | None = None) -> list[SkeletonSequence]:
    assert detect(file).name == "sleap"
    return list(FORMATS["sleap"].read(file, options or ReadOptions()))


def instance(
    number: int, frame: int, *, human: bool = False, track: int = -1, before: int = -1
) -> tuple[Any, ...]:
    """An instance of one joint, whose point has its number."""
    return (number, 0 if human else 1, frame, 0, track, before, 0.5, number, number + 1, 0.0)


def project(path: Path, frames: list[tuple[int, int]], instances: list[tuple[Any, ...]], **how: Any) -> Path:
    """A project with one joint: frames as (video, number); point i is at (i, 10 + i), predicted or placed."""
    points = [(float(i), 10.0 + i, True, True) for i in range(len(instances))]
    write_project(
        path,
        ["nose"],
        [],
        [(i, video, number, 0, 0) for i, (video, number) in enumerate(frames)],
        instances,
        [(*point, 0.5) for point in points],
        placed=points,
        **how,
    )
    return path


@pytest.mark.parametrize("name", ["project.slp", "analysis.h5", "frames_first.h5"])
def test_files_that_sleap_io_wrote(name: str, tmp_path: Path) -> None:
    (recording,) = read(unpacked(name, tmp_path))
    person, frame, joint = np.meshgrid(range(2), range(3), range(4), indexing="ij")
    x = 100 * person + 10 * frame + joint + 0.25  # of the human and not of the guess
    expected = np.stack([x, x + 1000.25], axis=-1)
    expected[1, 0, 2] = 0
    np.testing.assert_array_equal(recording.positions, expected)
    assert np.argwhere(~recording.observed).tolist() == [[1, 0, 2]]
    skeleton = recording.skeleton
    assert skeleton.joints == JOINTS
    assert dict(skeleton.parents) == {"snout": "left_ear", "right_ear": "left_ear", "tail_base": "snout"}
    assert (skeleton.mirror["left_ear"], skeleton.mirror["snout"]) == ("right_ear", "snout")
    assert (recording.unit, recording.name) == ("px", name.split(".")[0])


def test_in_a_zip_archive(tmp_path: Path) -> None:
    (alone,) = read(unpacked("project.slp", tmp_path))
    with zipfile.ZipFile(tmp_path / "mice.zip", "w") as archive:
        archive.write(tmp_path / "project.slp", "project.slp")
    (file,) = find_files(tmp_path / "mice.zip")
    (recording,) = read(file)
    np.testing.assert_array_equal(recording.positions, alone.positions)


def test_a_layout_of_ones_own(tmp_path: Path) -> None:
    mine = Skeleton("mine", ("TailBase", "snout"), {"TailBase": "snout"})
    (own,) = read(unpacked("analysis.h5", tmp_path))
    (recording,) = read(tmp_path / "analysis.h5", ReadOptions(layout=mine))
    np.testing.assert_array_equal(recording.positions, own.positions[:, :, [3, 0]])
    assert recording.notes == ("the layout does not have leftEar, rightEar",)


def test_those_without_a_track_are_persons_by_their_place_in_the_frame(tmp_path: Path) -> None:
    path = project(
        tmp_path / "mice.slp",
        [(0, 4), (0, 6)],
        [instance(0, 0, track=3), instance(1, 0), instance(2, 0), instance(3, 1), instance(4, 1, track=3)],
    )
    (recording,) = read(path)
    seen = np.where(recording.observed[..., 0], recording.positions[..., 0, 0], -1)
    assert seen.tolist() == [[0, -1, 4], [1, -1, 3], [2, -1, -1]]


def test_a_correction_takes_the_track_of_what_it_corrects(tmp_path: Path) -> None:
    path = project(
        tmp_path / "mice.slp", [(0, 0)], [instance(0, 0, track=0), instance(1, 0, human=True, before=0)]
    )
    (recording,) = read(path)
    assert recording.positions.tolist() == [[[[1, 11]]]]


def test_each_video_is_a_recording(tmp_path: Path) -> None:
    instances = [instance(0, 0), instance(1, 1), instance(2, 2)]
    frames = [(0, 0), (1, 0), (1, 1)]
    videos = ("C:\\mice\\monday.mp4", "/data/tuesday.avi")
    found = read(project(tmp_path / "mice.slp", frames, instances, videos=videos))
    assert [(one.name, one.num_frames) for one in found] == [("mice/monday", 1), ("mice/tuesday", 2)]
    found = read(project(tmp_path / "same.slp", frames, instances, videos=("a/cam.mp4", "b/cam.mp4")))
    assert [one.name for one in found] == ["same/0", "same/1"]


def test_old_files_have_the_middle_of_a_pixel_at_a_half(tmp_path: Path) -> None:
    (recording,) = read(project(tmp_path / "mice.slp", [(0, 0)], [instance(0, 0)], version=1.0))
    assert recording.positions.tolist() == [[[[-0.5, 9.5]]]]


def test_bones_that_are_no_tree_are_made_one(tmp_path: Path) -> None:
    path = tmp_path / "mice.slp"
    points = [(1.0, 1.0, True, True, 1.0)] * 5
    bones = [(1, 0), (1, 2), (2, 0), (3, 4)]
    write_project(path, list("abcde"), bones, [(0, 0, 0, 0, 1)], [(0, 1, 0, 0, -1, -1, 1, 0, 5, 0)], points)
    (recording,) = read(path)
    assert dict(recording.skeleton.parents) == {"a": "b", "c": "b", "d": "b", "e": "d"}


@pytest.mark.parametrize(
    ("frames", "instances", "how", "message"),
    [
        ([(0, 0)], [instance(0, 0)], {"version": 3.0}, "the project is of a newer version"),
        ([(0, 0)], [instance(0, 5)], {}, "an instance belongs to no frame"),
        ([(0, 0), (0, 10**12)], [instance(0, 0), instance(1, 1)], {}, "a frame number is far too large"),
        ([(0, 0)], [(0, 1, 0, 0, -1, -1, 0.5, 0, 2, 0.0)], {}, "does not have its 1 joints"),
        ([(0, 0)], [(0, 1, 0, 2, -1, -1, 0.5, 0, 1, 0.0)], {}, "not exactly one skeleton"),
        ([(0, 0)], [], {}, "not exactly one skeleton; got 0 instances"),
    ],
)
def test_what_is_wrong_is_said(frames: Any, instances: Any, how: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"mice\.slp.*{message}"):
        read(project(tmp_path / "mice.slp", frames, instances, **how))


def test_hdf5_of_something_else_and_of_nothing(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(InputError, match=r"other\.h5: HDF5, but not a SLEAP file.*got weights"):
        read(path)
    path.write_bytes(unpacked("project.slp", tmp_path).read_bytes()[:-1])
    with pytest.raises(InputError, match=r"other\.h5: the file is truncated; expected \d+ bytes"):
        read(path)


def test_values_in_another_file_are_not_fetched(tmp_path: Path) -> None:
    import h5py

    (tmp_path / "secret").write_bytes(b"\1" * 8 * 24)
    path = tmp_path / "analysis.h5"
    with h5py.File(path, "w") as file:
        file["node_names"] = [b"a", b"b"]
        outside = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("tracks", (2, 2, 2, 3), "f8", external=outside)
    with pytest.raises(InputError, match=r"analysis\.h5.*tracks is not an array in this file"):
        read(path)
    unpacked("analysis.h5", tmp_path).rename(tmp_path / "real.h5")
    with h5py.File(path, "w") as file:
        file["node_names"] = [b"a"] * 4
        file["tracks"] = h5py.ExternalLink("real.h5", "tracks")
    with pytest.raises(InputError, match=r"analysis\.h5: the file has no 'tracks'"):
        read(path)


def test_an_array_that_claims_too_much_room_is_refused(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "analysis.h5"
    with h5py.File(path, "w") as file:
        file["node_names"] = [b"a"]
        file.create_dataset("tracks", (1, 2, 1, 10**9), "f8", chunks=(1, 2, 1, 1000))
    with pytest.raises(InputError, match=r"analysis\.h5.*larger than the file can hold"):
        read(path)


def test_a_file_that_crashes_the_library_is_only_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skeletonmae.formats.decoders import hdf5

    child = tmp_path / "child.py"
    child.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setattr(hdf5, "CHILD", child)
    with pytest.raises(InputError, match=r"project\.slp.*crashed, signal 11"):
        read(unpacked("project.slp", tmp_path))
    child.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(hdf5, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"project\.slp: damaged: reading it took too long"):
        read(tmp_path / "project.slp")


def test_without_h5py_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skeletonmae.formats.decoders import hdf5

    monkeypatch.setattr(hdf5.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"project\.slp: HDF5 files need h5py: pip install skeletonmae\[animals\]"
    ):
        read(unpacked("project.slp", tmp_path))
