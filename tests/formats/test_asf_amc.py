from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples.mocap import ASF
from samples.zips import write_zip

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, detect, find_files
from skeletonmae.formats.asf_amc import asf_names
from skeletonmae.formats.decoders.asf_text import bone_ends, parse_amc, parse_asf
from skeletonmae.sequences import SkeletonSequence

AMC = ":FULLY-SPECIFIED\n:DEGREES\n"
INCHES = 0.0254 / 0.5


def written(tmp_path: Path, motion: str, asf: str = ASF, name: str = "01_02") -> Path:
    (tmp_path / "01.asf").write_text(asf)
    path = tmp_path / f"{name}.amc"
    path.write_text("#!OML:ASF F:\\data\\01.ASF\n" + AMC + motion)
    return path


def read(path: Path, **options: Any) -> SkeletonSequence:
    assert detect(path).name == "asf_amc"
    (recording,) = FORMATS["asf_amc"].read(path, ReadOptions(**options))
    return recording


def test_positions_by_hand(tmp_path: Path) -> None:
    motion = "1\nroot 1 2 3 0 0 0\nlfemur 0 0 0\nltibia 0\n2\nroot 1 2 3 0 90 0\nlfemur 90 0 0\nltibia 0\n"
    recording = read(written(tmp_path, motion.replace("lfemur 90 0 0", "lfemur 0 0 0\n").replace("\n\n", "\n")))
    assert recording.skeleton.joints == ("pelvis", "left_knee", "ltibia_end")
    assert (recording.unit, recording.fps, recording.name) == ("m", None, "01_02")
    assert recording.notes == ("AMC files do not state their frame rate; state it with --fps (CMU: mostly 120)",)
    expected = np.array([[-1, 2, -3], [-1, -6, -3], [-1, -13, -3]]) * INCHES
    np.testing.assert_allclose(
        recording.positions[0], [expected, expected], rtol=1e-5
    )  # turned about its own axis


def test_angles_are_about_the_axes_of_the_bone(tmp_path: Path) -> None:
    """A knee bent by 90 degrees about x sends the shin, which points down, backwards; then its own axes are turned."""
    asf = parse_asf(ASF, "asf")
    bent = bone_ends(asf, parse_amc(f"{AMC}1\nroot 0 0 0 0 0 0\nlfemur 0 0 0\nltibia 90\n", "amc", asf))
    np.testing.assert_allclose(bent[0], [[0, 0, 0], [0, -8, 0], [0, -8, -7]], atol=1e-12)
    turned = parse_asf(ASF.replace("axis 0 0 0 XYZ", "axis 0 90 0 XYZ"), "asf")
    bent = bone_ends(turned, parse_amc(f"{AMC}1\nroot 0 0 0 0 0 0\nltibia 90\nlfemur 0 0 0\n", "amc", turned))
    np.testing.assert_allclose(bent[0, 2], [-7, -8, 0], atol=1e-12)  # its x axis is the world's -z
    lifted = bone_ends(asf, parse_amc(f"{AMC}1\nroot 0 0 0 90 0 90\nlfemur 0 0 0\nltibia 0\n", "amc", asf))
    # Down, turned about x, is -z; turned about z after that, it stays.
    np.testing.assert_allclose(lifted[0, 1], [0, 0, -8], atol=1e-12)
    radians = parse_amc(":FULLY-SPECIFIED\n:RADIANS\n1\nroot 0 0 0 0 0 0\nltibia 1.5707963267948966\n", "amc", asf)
    np.testing.assert_allclose(bone_ends(asf, radians)[0, 2], [0, -8, -7], atol=1e-9)


def test_joints_by_the_bones_that_begin_there(tmp_path: Path) -> None:
    bones = (
        "lhipjoint",
        "lfemur",
        "lowerback",
        "thorax",
        "lowerneck",
        "lclavicle",
        "lhumerus",
        "lradius",
        "lwrist",
    )
    bones = (*bones, "lhand", "lthumb", "rhand")
    data = "".join(
        f"  begin\n name {bone}\n direction 1 0 0\n length 2\n axis 0 0 0 XYZ\n  end\n" for bone in bones
    )
    tree = (
        "root lhipjoint lowerback\nlhipjoint lfemur\nlowerback thorax\nthorax lowerneck lclavicle\n"
        "lclavicle lhumerus\nlhumerus lradius\nlradius lwrist\nlwrist lhand lthumb\nlowerneck rhand\n"
    )
    asf = f":units\n length 0.1\n:root\n order TX TY TZ\n:bonedata\n{data}:hierarchy\n begin\n{tree}\n end\n"
    recording = read(written(tmp_path, "1\nroot 0 0 0\n", asf))
    parents = dict(recording.skeleton.parents)
    assert parents["left_hip"] == "pelvis"
    assert {"spine2", "spine3", "left_shoulder", "left_elbow", "left_wrist"} <= set(recording.skeleton.joints)
    assert parents["left_shoulder"] == "spine3"  # the collar bone begins where the neck does
    assert parents["left_wrist"] == "lradius_end"  # CMU's wrist is a joint within the forearm
    assert {"left_hand_end", "right_hand_end"} <= set(recording.skeleton.joints)
    assert recording.skeleton.mirror["left_hand_end"] == "right_hand_end"


@pytest.mark.parametrize(
    ("scale", "unit", "thigh"), [("0.5", "m", 8 * INCHES), ("1000000", "unknown", 8), ("0.0254", "unknown", 8)]
)
def test_the_unit_is_a_fraction_of_an_inch(scale: str, unit: str, thigh: float, tmp_path: Path) -> None:
    asf = ASF.replace("length 0.5", f"length {scale}")
    recording = read(written(tmp_path, "1\nroot 0 0 0 0 0 0\n", asf))
    assert recording.unit == unit
    np.testing.assert_allclose(recording.positions[0, 0, 1, 1], -thigh, rtol=1e-5)
    assert len(recording.notes) == (1 if unit == "m" else 2)


def test_the_skeleton_of_a_subject_lies_beside_its_takes(tmp_path: Path) -> None:
    assert asf_names("a_b.AMC") == ("a_b.asf", "a_b.ASF", "a.asf", "a.ASF", "*.asf")
    assert asf_names("a_b.bvh") == ()
    path = written(tmp_path, "1\nroot 0 0 0 0 0 0\n")
    (file,) = find_files(tmp_path)
    assert (file.path, file.sidecar and file.sidecar.path) == (path, tmp_path / "01.asf")
    other = written(tmp_path, "1\nroot 0 0 0 0 0 0\n", name="other")
    assert read(other).notes[0] == "its skeleton is that of 01.asf, the only ASF file beside it"
    (tmp_path / "02.asf").write_text(ASF)
    with pytest.raises(
        InputError, match=r"other\.amc: its skeleton is missing.*such as other\.asf; got 2 ASF files of other"
    ):
        read(other)


def test_the_only_asf_file_of_a_folder_in_a_zip(tmp_path: Path) -> None:
    path = written(tmp_path, "1\nroot 0 0 0 0 0 0\n", name="other")
    members = {f"cmu/{part.name}": part.read_bytes() for part in (path, tmp_path / "01.asf")}
    (file,) = find_files(write_zip(tmp_path / "all.zip", members))
    assert file.sidecar
    assert file.sidecar.path.name == "01.asf"
    for source in (file, replace(file, sidecar=None)):
        (recording,) = FORMATS["asf_amc"].read(source)
        np.testing.assert_array_equal(recording.positions, read(path).positions)


@pytest.mark.parametrize(
    ("motion", "message"),
    [
        ("1\nroot 0 0 0 0 0\n", r"line 5: wrong number of values of 'root'; expected 6; got 5"),
        ("1\nroot 0 0 0 0 0 one\n", "line 5: not a number"),
        ("1\nroot 0 0 0 0 0 nan\n", "a value of 'root' is not a length or an angle"),
        ("1\nroot 0 0 0 0 0 0\nrfemur 0\n", "line 6: unexpected line"),
        ("1\nroot 0 0 0 0 0 0\nltibia 0\n2\nroot 0 0 0 0 0 0\n", "bone 'ltibia' is missing in the frame before"),
        ("1\nroot 0 0 0 0 0 0\n2\nroot 0 0 0 0 0 0\nltibia 0\n", "bone 'ltibia' is duplicated, or missing"),
        ("1\nroot 0 0 0 0 0 0\n1\nroot 0 0 0 0 0 0\n", "a frame is duplicated"),
        ("1\nroot 0 0 0 0 0 0\n900000000\nroot 0 0 0 0 0 0\n", "a frame number is far too large"),
        ("", "it has no frame"),
        ("1\n", "it has no frame, or no values of the root"),
    ],
)
def test_what_is_wrong_with_the_motion(motion: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"01_02\.amc.*{message}"):
        read(written(tmp_path, motion))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":bonedata", ":bones", "not an ASF file"),
        ("lfemur ltibia", "ltibia ltibia", "not connected to the root"),
        ("root lfemur", "root rfemur", "not a bone and its children"),
        ("name ltibia", "name lfemur", "bone 'lfemur' is duplicated"),
        ("length 8", "length far", "the length of a bone is not a number"),
        ("direction 0 -1 0\n     length 7", "direction 0 -1\n     length 7", "not three numbers"),
        ("dof rx\n", "dof rw\n", "unknown dof"),
        ("axis 0 0 20 XYZ", "axis 0 0 20 XXZ", "invalid order of axes"),
        ("order TX TY TZ RX RY RZ", "order TX TX", "invalid order of the root's channels"),
        ("length 0.5", "length -1", "the unit of length"),
    ],
)
def test_what_is_wrong_with_the_skeleton(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in ASF
    with pytest.raises(InputError, match=rf"01\.asf.*{message}"):
        read(written(tmp_path, "1\nroot 0 0 0 0 0 0\n", ASF.replace(old, new)))


def test_damaged_text_is_refused_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    motion = f"{AMC}1\nroot 1 2 3 0 0 0\nlfemur 0 0 0\nltibia 0\n2\nroot 1 2 3 0 90 0\nlfemur 0 0 0\nltibia 0\n"
    asf = parse_asf(ASF, "asf")
    refused = 0
    for _ in range(300):
        damaged = list(ASF if rng.random() < 0.5 else motion)
        is_skeleton = len(damaged) == len(ASF)
        for _ in range(int(rng.integers(1, 5))):
            damaged[int(rng.integers(len(damaged)))] = chr(int(rng.integers(32, 127)))
        text = "".join(damaged)[: int(rng.integers(1, len(damaged)))]
        try:
            parse_asf(text, "asf") if is_skeleton else bone_ends(asf, parse_amc(text, "amc", asf))
        except InputError:
            refused += 1
    assert refused > 100


@pytest.mark.real
def test_real_recordings_stand_on_the_floor_and_face_ahead(real_data: Path) -> None:
    files = [file for file in find_files(real_data / "cmu_asfamc") if file.path.name in ("02_01.amc", "03_01.amc")]
    assert len(files) == 2
    skeletons = []
    for file in files:
        (recording,) = FORMATS["asf_amc"].read(file)
        skeletons.append(recording.skeleton)
        positions, index = recording.positions[0], recording.skeleton.index
        lengths = recording.skeleton.bone_lengths(positions)
        assert (lengths.max(0) - lengths.min(0)).max() < 1e-4
        assert 0.35 < np.median(lengths[:, index["left_knee"]]) < 0.5
        assert abs(positions[..., 1].min()) < 0.1  # the floor
        height = positions[:, index["head_top"], 1] - positions[:, [index["left_toe"], index["right_toe"]], 1].min(
            1
        )
        assert 1.4 < np.median(height) < 1.9
        across = positions[:, index["right_hip"]] - positions[:, index["left_hip"]]
        toes = positions[:, index["left_foot"]] - positions[:, index["left_ankle"]]
        assert ((np.cross([0, 1, 0], across) * toes).sum(-1) > 0).mean() > 0.9  # not mirrored
    assert skeletons[0] == skeletons[1]
    assert skeletons[0].num_joints == 31
