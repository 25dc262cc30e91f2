"""Files made by pandas as DeepLabCut makes them; `animals/make.py` says how, and what is in them."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, detect
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

ANIMALS = Path(__file__).parent / "animals"
JOINTS = ("snout", "left_ear", "right_ear", "tail_base")
HEADER = ("scorer,n,n,n", "bodyparts,nose,nose,nose", "coords,x,y,likelihood")


def unpacked(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(gzip.decompress((ANIMALS / f"{name}.gz").read_bytes()))
    return path


def read(path: Path, options: ReadOptions | None = None) -> SkeletonSequence:
    assert detect(path).name == "deeplabcut"
    (recording,) = FORMATS["deeplabcut"].read(path, options or ReadOptions())
    return recording


def places(persons: int) -> np.ndarray:
    """What `make.py` wrote: (person, frame, joint, axis)."""
    person, frame, joint = np.meshgrid(range(persons), range(3), range(4), indexing="ij")
    x = 100 * person + 10 * frame + joint + 0.25
    return np.stack([x, x + 1000.25], axis=-1)


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "mouse.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", ["table.h5", "fixed.h5"])
def test_tables_that_pandas_wrote(name: str, tmp_path: Path) -> None:
    recording = read(unpacked(name, tmp_path))
    expected = places(2)
    expected[1, 0, 2] = 0  # which had a likelihood of 0.3
    np.testing.assert_array_equal(recording.positions, expected)
    assert np.argwhere(~recording.observed).tolist() == [[1, 0, 2]]
    assert (recording.name, recording.unit, recording.notes) == (name.split(".")[0], "px", ())


def test_a_csv_that_pandas_wrote_and_its_layout() -> None:
    recording = read(ANIMALS / "single.csv")
    np.testing.assert_array_equal(recording.positions, places(1))
    skeleton = recording.skeleton
    assert skeleton.joints == JOINTS
    assert dict(skeleton.parents) == dict.fromkeys(JOINTS[1:], "snout")
    assert skeleton.mirror["left_ear"] == "right_ear"


def test_names_that_would_become_equal_are_kept(tmp_path: Path) -> None:
    path = written(tmp_path, "scorer,n,n,n,n", "bodyparts,Ear,Ear,ear,ear", "coords,x,y,x,y", "0,1,2,3,4")
    assert read(path).skeleton.joints == ("Ear", "ear")


def test_a_layout_of_ones_own_is_found_by_name() -> None:
    mine = Skeleton("mouse", ("tail-base", "nose", "LeftEar"), {"nose": "tail-base", "LeftEar": "tail-base"})
    recording = read(ANIMALS / "single.csv", ReadOptions(layout=mine))
    assert recording.skeleton == mine
    np.testing.assert_array_equal(recording.positions[:, :, [0, 2]], places(1)[:, :, [3, 1]])
    assert not recording.observed[:, :, 1].any()
    assert recording.notes == ("the layout does not have snout, rightEar",)
    other = Skeleton("fly", ("thorax", "wing"), {"wing": "thorax"})
    with pytest.raises(InputError, match=r"single\.csv.*none of the joints.*thorax, wing.*got snout"):
        read(ANIMALS / "single.csv", ReadOptions(layout=other))


def test_the_cut_off_is_deeplabcuts_own(tmp_path: Path) -> None:
    lines = [f"{i},{i},5,{likelihood}" for i, likelihood in enumerate(["0.6", "0.59", "1", "", "0"])]
    recording = read(written(tmp_path, *HEADER, *lines))
    assert recording.observed.ravel().tolist() == [True, False, True, False, False]
    assert recording.positions[0, :, 0, 0].tolist() == [0, 0, 2, 0, 0]
    assert recording.notes == ("60% of the joints have a likelihood below 0.6 and count as unobserved",)


def test_triangulated_poses_have_no_likelihood(tmp_path: Path) -> None:
    path = written(tmp_path, "scorer,n,n,n", "bodyparts,nose,nose,nose", "coords,x,y,z", "0,1,2,3", "1,,2,3")
    recording = read(path)
    assert recording.positions.tolist() == [[[[1, 2, 3]], [[0, 0, 0]]]]
    assert recording.unit == "unknown"
    assert recording.observed.ravel().tolist() == [True, False]


def test_frames_that_were_cut_out_are_there_with_nothing_observed(tmp_path: Path) -> None:
    recording = read(written(tmp_path, *HEADER, "10,1,2,1", "13,3,4,1"))
    assert recording.observed.ravel().tolist() == [True, False, False, True]


def test_individuals_have_their_own_parts(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "scorer,n,n,n,n",
        "individuals,m1,m1,single,single",
        "bodyparts,nose,nose,lever,lever",
        "coords,x,y,x,y",
        "0,1,2,3,4",
    )
    recording = read(path)
    assert recording.skeleton.joints == ("nose", "lever")
    assert recording.observed[:, 0].tolist() == [[True, False], [False, True]]
    assert recording.positions[1, 0, 1].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((*HEADER, "0,1,2,1", "1,1,two,1"), "line 5: not a number; got two"),
        ((*HEADER, "0,1,2,1", "1,1,2"), "line 5: wrong number of columns; expected 4; got 3"),
        ((*HEADER, "labeled-data/v/img1.png,1,2,1"), "line 4: these are labeled images and no recording"),
        ((*HEADER, "0.5,1,2,1"), "no frame numbers"),
        ((*HEADER, "0,1,2,1", "0,1,2,1"), "a frame is duplicated"),
        ((*HEADER, "0,1,2,1", "1e9,1,2,1"), "a frame number is far too large"),
        (HEADER, "it has no frame"),
        (HEADER[:2], "not a header of DeepLabCut"),
        ((HEADER[0], HEADER[1], "coords,x,y", "0,1,2"), "not a header of DeepLabCut"),
        ((*HEADER[:2], "coords,x,x,y", "0,1,2,1"), "a column is duplicated"),
        ((*HEADER[:2], "coords,x,y,w", "0,1,2,1"), "unknown coords; expected x, y, z, likelihood; got w, x, y"),
    ],
)
def test_what_is_wrong_is_said(lines: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"mouse\.csv.*{message}"):
        read(written(tmp_path, *lines))


class Harmful:
    def __reduce__(self) -> object:
        return (print, ("it ran",))


def test_a_header_that_would_run_code_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import h5py

    path = unpacked("table.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        attributes = file["df_with_missing/table"].attrs
        attributes["values_block_0_kind"] = np.bytes_(pickle.dumps([(Harmful(), "a", "x")], 0))
    with pytest.raises(InputError, match=r"table\.h5.*asks for.*print"):
        read(path)
    assert "it ran" not in capfd.readouterr().out


def test_another_table_of_pandas_is_refused(tmp_path: Path) -> None:
    import h5py

    path = unpacked("fixed.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        file["df_with_missing"].attrs["pandas_type"] = np.bytes_("series")
    with pytest.raises(InputError, match=r"fixed\.h5: not exactly one pandas table.*got df_with_missing"):
        read(path)


@pytest.mark.parametrize("index", ["", "0,"])
def test_scorers_that_pandas_numbered_are_one(index: str, tmp_path: Path) -> None:
    lines = [
        "scorer,S,S.1,S.2,S.3,S.4,S.5",
        "bodyparts,ear,ear,ear,tail,tail,tail",
        "coords,x,y,likelihood,x,y,likelihood",
        "0,29,40,1,90,80,0.99",
        "1,30,40,1,91,80,0.1",
    ]
    numbered = [lines[0] if not index else f",{lines[0]}", *(index + line for line in lines[1:])]
    path = written(tmp_path, *numbered)
    assert detect(path).name == "deeplabcut"
    recording = read(path)
    assert recording.skeleton.joints == ("ear", "tail")
    assert recording.positions.tolist() == [[[[29, 40], [90, 80]], [[30, 40], [0, 0]]]]
    assert recording.observed.tolist() == [[[True, True], [True, False]]]
    two = written(tmp_path, "scorer,a,a,b,b", "bodyparts,ear,ear,ear,ear", "coords,x,y,x,y", "0,1,2,3,4")
    with pytest.raises(InputError, match=r"several scorers.*got a, b"):
        read(two)


def test_every_second_frame_is_renumbered(tmp_path: Path) -> None:
    recording = read(written(tmp_path, *HEADER, "10,1,2,1", "12,3,4,1", "14,5,6,1"))
    assert recording.positions[0, :, 0, 0].tolist() == [1, 3, 5]
    assert recording.notes[0].startswith("the frame numbers count in steps of 2")


def test_body_parts_that_pandas_numbered_are_one(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "scorer,S,S.1,S.2,S.3",
        "bodyparts,ear,ear.1,ear.2,tail",
        "coords,x,y,likelihood,x",
        "0,29,40,0.9,3",
    )
    recording = read(path)
    assert recording.skeleton.joints == ("ear", "tail")
    assert recording.positions[0, 0, 0].tolist() == [29, 40]
    own = written(tmp_path, "scorer,S,S,S,S", "bodyparts,leg,leg,leg.1,leg.1", "coords,x,y,x,y", "0,1,2,3,4")
    assert read(own).skeleton.num_joints == 2
