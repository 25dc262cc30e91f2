from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, detect
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, HAND21, MEDIAPIPE33, NTU25, Skeleton

KINECT_V2 = (
    "SpineBase", "SpineMid", "Neck", "Head", "ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft",
    "ShoulderRight", "ElbowRight", "WristRight", "HandRight", "HipLeft", "KneeLeft", "AnkleLeft", "FootLeft",
    "HipRight", "KneeRight", "AnkleRight", "FootRight", "SpineShoulder", "HandTipLeft", "ThumbLeft", "HandTipRight",
    "ThumbRight",
)  # fmt: skip


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def read_all(path: Path, **options: Any) -> list[SkeletonSequence]:
    assert detect(path).name == "wide_table"
    return list(FORMATS["wide_table"].read(path, ReadOptions(**options)))


def read(tmp_path: Path, *lines: str, **options: Any) -> SkeletonSequence:
    (recording,) = read_all(written(tmp_path, *lines), **options)
    return recording


def test_sleap_analysis(tmp_path: Path) -> None:
    recording = read(
        tmp_path,
        "track,frame_idx,instance.score,nose.x,nose.y,nose.score,tail.x,tail.y,tail.score",
        "track_0,0,0.9,10,20,0.9,50,25,0.8",
        "track_0,1,0.9,11,20,,51,,",
        "track_1,2,0.9,12,20,0.9,52,25,0.8",
    )
    assert recording.skeleton.joints == ("nose", "tail")
    assert recording.skeleton.parents == {"tail": "nose"}
    assert (recording.unit, recording.fps, recording.positions.shape) == ("px", None, (2, 3, 2, 2))
    assert recording.positions[0, 0].tolist() == [[10, 20], [50, 25]]
    assert recording.observed[0].tolist() == [[True, True], [True, False], [False, False]]
    assert recording.positions[1, 2].tolist() == [[12, 20], [52, 25]]
    assert recording.notes[0] == (
        "read as a table with one line per frame: 2 joints (nose, tail) with x, y, score; "
        "frame from its column; person from its column"
    )
    assert recording.notes[1] == "columns that were left out: instance.score"


def test_sleap_instances_without_a_track_are_one_person_for_each_place_in_their_frame(tmp_path: Path) -> None:
    recording = read(
        tmp_path, "track,frame_idx,nose.x,nose.y,tail.x,tail.y", ",0,10,20,1,1", ",0,30,40,1,1", ",1,11,21,1,1"
    )
    assert recording.positions[:, 0, 0].tolist() == [[10, 20], [30, 40]]
    assert recording.observed[:, 1, 0].tolist() == [True, False]


def test_anipose(tmp_path: Path) -> None:
    recording = read(
        tmp_path,
        "nose_x,nose_y,nose_z,nose_error,nose_ncams,nose_score,tail_x,tail_y,tail_z,tail_error,tail_ncams,tail_score,"
        "M_00,center_0,fnum",
        "10,20,30,0.5,3,0.9,50,25,30,0.5,3,0.9,1,0,0",
        "11,20,30,0.5,3,0.9,,,,,,,1,0,1",
        "12,20,30,0.5,3,0.9,50,25,30,0.5,3,0.9,1,0,3",
    )
    assert (recording.skeleton.joints, recording.unit) == (("nose", "tail"), "unknown")
    assert recording.positions[0, 0].tolist() == [[10, 20, 30], [50, 25, 30]]
    assert recording.observed[0].tolist() == [[True, True], [True, False], [False, False], [True, True]]
    assert "the unit is not known" in recording.notes[-1]


@pytest.mark.parametrize(
    "header",
    [
        "nose_x,nose_y,left_ear_x,left_ear_y",
        "nose.x,nose.y,LEar.x,LEar.y",
        "Nose X,Nose Y,left ear X,left ear Y",
        "NoseX,NoseY,LeftEarX,LeftEarY",
        "x_nose,y_nose,x_left_ear,y_left_ear",
        "nose (x),nose (y),left_ear (x),left_ear (y)",
        "nose_x (px),nose_y (px),left_ear_x (px),left_ear_y (px)",
        "NOSE:X,NOSE:Y,LEFT_EAR:X,LEFT_EAR:Y",
        "nose,,left_ear,\nx,y,x,y",
        "nose,nose,left_ear,left_ear\nX,Y,X,Y",
        "nose,nose.1,left_ear,left_ear.1\nx,y,x,y",
        "made by hand,,,\n,,,\nnose_x,nose_y,left_ear_x,left_ear_y\npx,px,px,px",
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_headers_of_every_kind(header: str, delimiter: str, tmp_path: Path) -> None:
    lines = [*header.split("\n"), "10,20,30,40", "11,21,31,41"]
    recording = read(tmp_path, *(line.replace(",", delimiter) for line in lines))
    assert recording.skeleton.joints == ("nose", "left_ear")
    assert recording.positions[0].tolist() == [[[10, 20], [30, 40]], [[11, 21], [31, 41]]]
    assert recording.unit == "px"


def wide(names: Any, values: np.ndarray, fields: str = "xyz", template: str = "{name}_{field}") -> list[str]:
    """A table of `(frame, joint, field)`."""
    header = ",".join(template.format(name=name, field=field) for name in names for field in fields)
    return [header, *(",".join(map(str, frame)) for frame in values.reshape(len(values), -1).tolist())]


def test_mediapipe_by_name_in_the_image(tmp_path: Path) -> None:
    names = [f"{'_'.join(reversed(joint.split('_', 1)))}" for joint in MEDIAPIPE33.joints]  # eye_inner_left
    aliases = {"toe_left": "LEFT_FOOT_INDEX", "toe_right": "RIGHT_FOOT_INDEX"}
    names = [aliases.get(name, name.replace("_mcp", "").replace("_ip", "").upper()) for name in names]
    values = np.linspace(0.1, 0.9, 2 * 33 * 4).reshape(2, 33, 4)
    values[..., 3] = 0.9
    values[1, 4, 3] = 0.4  # visibility
    header, *lines = wide(names, values, "xyzv")
    recording = read(
        tmp_path, "frame," + header.replace("_v", "_visibility"), *(f"{i},{x}" for i, x in enumerate(lines))
    )
    assert recording.skeleton == MEDIAPIPE33
    assert (recording.unit, recording.positions.shape) == ("image", (1, 2, 33, 2))
    np.testing.assert_allclose(recording.positions[0, 0], values[0, :, :2], rtol=1e-6)
    assert np.argwhere(~recording.observed[0]).tolist() == [[1, 4]]


@pytest.mark.parametrize("first", [0, 1])
def test_mediapipe_by_number_in_the_world(first: int, tmp_path: Path) -> None:
    values = np.linspace(-1, 1, 2 * 33 * 4).reshape(2, 33, 4)
    values[..., 3] = 1
    values[:, 24, :3] = -values[:, 23, :3]  # the hips are about the origin
    numbers = range(first, first + 33)
    lines = wide(numbers, values, "xyzv", template="{field}{name}")
    recording = read(tmp_path, *lines)
    assert recording.skeleton == MEDIAPIPE33
    assert recording.unit == "m"
    np.testing.assert_allclose(recording.positions[0], values[..., :3] * [-1, -1, 1], rtol=1e-5)
    assert any("33 of them are read as mediapipe33" in note for note in recording.notes)
    named = wide([f"pose_{number}" for number in range(33)], values[..., :3])
    assert read(tmp_path, *named).skeleton == MEDIAPIPE33


def test_other_numbered_joints(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    assert (
        read(tmp_path, *wide(range(17), rng.uniform(0, 99, (2, 17, 3)), "xyc", "{field}{name}")).skeleton == COCO17
    )
    assert read(tmp_path, *wide(range(21), rng.random((2, 21, 3)))).skeleton == HAND21
    nineteen = read(tmp_path, *wide(range(19), rng.uniform(0, 99, (2, 19, 3)), "xyc"))
    assert nineteen.skeleton.joints[0] == "joint_0"
    assert any(
        note.startswith("the joints are numbered: wrong number of joints; expected one of 17, ")
        and note.endswith("or --layout; got 19 joints")
        for note in nineteen.notes
    )
    three = read(tmp_path, *wide(range(1, 4), rng.random((2, 3, 3)), template="{field}{name}"))
    assert three.skeleton.joints == ("joint_1", "joint_2", "joint_3")
    assert any("state it with --layout" in note for note in three.notes)
    mine = Skeleton("mine", ("a", "b", "c"), {"b": "a", "c": "b"})
    assert read(tmp_path, *wide(range(3), rng.random((2, 3, 3))), layout=mine).skeleton == mine


def test_kinect_by_the_names_of_its_sdk(tmp_path: Path) -> None:
    values = np.ones((3, 25, 3)) + np.arange(3)[:, None, None]
    values[1, 7] = 0  # lost
    header, *lines = wide(KINECT_V2, values, template="{name}_{field}")
    times = ("0", "33.3", "66.7")
    recording = read(
        tmp_path, f"Time,{header}", *(f"{time},{line}" for time, line in zip(times, lines, strict=True))
    )
    assert recording.skeleton == NTU25
    np.testing.assert_allclose(recording.positions[0, 2], values[2])
    assert np.argwhere(~recording.observed[0]).tolist() == [[1, 7]]
    assert recording.fps == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "m"), (100.0, "m"), (1000.0, "m"), (3.0, "unknown")])
def test_a_thigh_tells_the_unit(scale: float, unit: str, tmp_path: Path) -> None:
    joints = ("left_hip", "left_knee", "left_ankle")
    leg = np.array([[0.1, 0.9, 2.0], [0.1, 0.5, 2.0], [0.1, 0.1, 2.0]])
    recording = read(tmp_path, *wide(joints, np.stack([leg, leg]) * scale))
    assert recording.unit == unit
    np.testing.assert_allclose(recording.positions[0, 0], leg * (1.0 if unit == "m" else scale), rtol=1e-5)
    stated = read(tmp_path, *wide(joints, np.stack([leg, leg]), template="{name}_{field} (mm)"))
    np.testing.assert_allclose(stated.positions[0, 0], leg / 1000, rtol=1e-5)


def test_vicon_has_lines_before_and_after_the_header(tmp_path: Path) -> None:
    recording = read(
        tmp_path,
        "Trajectories",
        "100",
        ",,S:LHJC,,,S:LKJC,,",
        "Frame,Sub Frame,X,Y,Z,X,Y,Z",
        ",,mm,mm,mm,mm,mm,mm",
        "1,0,100,900,2000,100,500,2000",
        "2,0,100,900,2000,,,",
    )
    assert recording.skeleton.joints == ("left_hip", "left_knee")
    np.testing.assert_allclose(recording.positions[0, 0], [[0.1, 0.9, 2], [0.1, 0.5, 2]], rtol=1e-6)
    assert recording.observed[0].tolist() == [[True, True], [True, False]]


def test_several_recordings_with_labels_persons_and_tags(tmp_path: Path) -> None:
    first, second = read_all(
        written(
            tmp_path,
            "video,frame,person,label,camera,fps,nose_x,nose_y,neck_x,neck_y",
            "a,7,2,wave,left,30,10,20,30,40",
            "a,7,10,wave,left,30,11,21,31,41",
            "a,8,2,wave,left,30,12,22,32,42",
            "b,0,2,sit,right,30,1,2,3,4",
        )
    )
    assert (first.name, first.label, dict(first.tags), first.fps) == ("a", "wave", {"camera": "left"}, 30.0)
    assert first.positions[:, :, 0, 0].tolist() == [[10, 12], [11, 0]]
    assert (second.name, second.label, dict(second.tags)) == ("b", "sit", {"camera": "right"})


@pytest.mark.parametrize(
    ("name", "times", "fps"),
    [
        ("time", ("0", "0.04", "0.08"), 25.0),
        ("timestamp", ("1000", "1040", "1080"), 25.0),
        ("time_ms", ("0", "100", "200"), 10.0),
        ("Time (s)", ("0", "0.1", "0.2"), 10.0),
        ("timestamp", ("5", "6", "7"), None),
        ("timestamp", ("2020-07-03 16:01:47", "2020-07-03 16:01:48", ""), None),
    ],
)
def test_the_frame_rate_follows_from_the_times(
    name: str, times: tuple[str, ...], fps: float, tmp_path: Path
) -> None:
    recording = read(tmp_path, f"{name},nose_x,nose_y,neck_x,neck_y", *(f"{time},10,20,30,40" for time in times))
    assert recording.fps == fps


@pytest.mark.parametrize("template", ["body_{name}_{field}", "Anna:{name}_{field}", "{name}.position.{field}"])
def test_what_all_names_share_is_no_part_of_them(template: str, tmp_path: Path) -> None:
    values = np.ones((2, 25, 3)) + np.arange(2)[:, None, None]
    values[1, 7] = 0  # lost
    recording = read(tmp_path, *wide(KINECT_V2, values, template=template))
    assert recording.skeleton == NTU25
    assert np.argwhere(~recording.observed[0]).tolist() == [[1, 7]]


def test_it_is_said_if_no_joint_name_is_known(tmp_path: Path) -> None:
    markers = read(tmp_path, *wide(("LASI", "RASI", "LKNE"), np.ones((1, 3, 3))))
    assert markers.notes[0].startswith("no joint name is known (lasi, rasi, lkne): --convert-to finds no joints")
    known = read(tmp_path, *wide(("LASI", "RASI", "neck"), np.ones((1, 3, 3))))
    assert not any("no joint name is known" in note for note in known.notes)


def test_gaps_in_the_times_stay_gaps(tmp_path: Path) -> None:
    times = (0.0, 0.1, 0.2, 0.3, 0.7, 0.8, 0.9)
    recording = read(tmp_path, "time,nose_x,nose_y,neck_x,neck_y", *(f"{time},10,20,30,40" for time in times))
    assert recording.observed[0, :, 0].tolist() == [True] * 4 + [False] * 3 + [True] * 3
    assert recording.fps == 10
    assert recording.notes[-1] == "the times have a gap; 3 frames are missing in all and unobserved"


def test_dates_give_the_frame_rate(tmp_path: Path) -> None:
    lines = (f"2020-01-02 10:00:00.{40 * frame:03d},10,20,30,40" for frame in range(5))
    assert read(tmp_path, "timestamp,nose_x,nose_y,neck_x,neck_y", *lines).fps == pytest.approx(25)


def test_words_of_kinect_for_how_sure_a_joint_is(tmp_path: Path) -> None:
    recording = read(
        tmp_path,
        "Neck_X,Neck_Y,Neck_Z,Neck_State,Neck_inferred,Head_X,Head_Y,Head_Z,Head_State,Head_inferred",
        "1,2,3,Tracked,FALSE,4,5,6,Inferred,TRUE",
        "1,2,3,NotTracked,FALSE,4,5,6,Not Tracked,TRUE",
    )
    assert recording.observed[0].tolist() == [[True, True], [False, False]]
    assert dict(recording.tags) == {}
    assert "columns that were left out: Neck_inferred, Head_inferred" in recording.notes


def test_every_column_that_is_left_out_is_named(tmp_path: Path) -> None:
    others = [f"sensor{number}" for number in range(12)]
    recording = read(
        tmp_path, f"nose_x,nose_y,neck_x,neck_y,{','.join(others)}", f"1,2,3,4,{','.join(map(str, range(12)))}"
    )
    assert f"columns that were left out: {', '.join(others)}" in recording.notes


def test_every_second_frame_is_renumbered(tmp_path: Path) -> None:
    lines = [f"{frame},{frame / 30},{frame},2,3,4" for frame in (252, 254, 256)]
    recording = read(tmp_path, "frame,time,nose_x,nose_y,neck_x,neck_y", *lines)
    assert recording.positions[0, :, 0, 0].tolist() == [252, 254, 256]
    assert recording.fps == pytest.approx(15, abs=0.01)
    assert recording.notes[-1].startswith("the frame numbers count in steps of 2")


def test_decimal_commas_where_cells_are_separated_otherwise(tmp_path: Path) -> None:
    recording = read(tmp_path, "nose_x;nose_y;neck_x;neck_y", "1,5;20;30;40")
    assert recording.positions[0, 0, 0].tolist() == [1.5, 20]


def test_a_layout_is_found_by_name(tmp_path: Path) -> None:
    recording = read(tmp_path, "nose_x,nose_y,tail_x,tail_y", "10,20,30,40", layout=COCO17)
    assert recording.skeleton == COCO17
    assert recording.notes[-1] == "the layout does not have tail"


@pytest.mark.parametrize(
    "text",
    [
        "x1,y1,x2,y2\n1,2,3,4\n",  # a box
        "frame,joint,x,y\n0,nose,1,2\n",
        "recording,label\na,wave\n",
        "scorer,S,S,S,S\nbodyparts,a,a,b,b\ncoords,x,y,x,y\n0,1,2,3,4\n",
        "nose_x,nose_y\n1,2\n",
        "bbox_x,bbox_y,image_x,image_y\n1,2,3,4\n",
        "1,2,3,4\n5,6,7,8\n",
        "[1,2]\n",
        "",
    ],
)
def test_other_tables_are_not_claimed(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text)
    assert not FORMATS["wide_table"].matches(path)


def test_a_header_longer_than_what_is_sniffed(tmp_path: Path) -> None:
    names = [f"a_rather_long_name_of_a_joint_number_{number}_of_many" for number in range(80)]
    values = np.random.default_rng(0).uniform(0, 99, (2, 80, 2))
    recording = read(tmp_path, *wide(names, values, "xy"))
    assert recording.skeleton.num_joints == 80


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("nose_x,nose_y,neck_x,neck_y", "1,2,3"), "line 2: wrong number of columns; expected 4 columns"),
        (("nose_x,nose_y,neck_x,neck_y", "1,5,2,3,4"), r"line 2: wrong number of columns \(decimal commas"),
        (("nose_x,nose_y,neck_x,neck_y", "1,2,3,4", "1,two,3,4"), "line 3: not a number; got two"),
        (("frame,nose_x,nose_y,neck_x,neck_y", "0,1,2,3,4", "0,1,2,3,4"), "line 3: the frame is duplicated"),
        (("frame,nose_x,nose_y,neck_x,neck_y", "0.5,1,2,3,4"), "line 2: a frame number is not a whole number"),
        (("frame,nose_x,nose_y,neck_x,neck_y", "0,1,2,3,4", "1e9,1,2,3,4"), "a frame number is far too large"),
        (
            ("person,nose_x,nose_y,neck_x,neck_y", "a,1,2,3,4", "b,1,2,3,4"),
            "several persons, but no frame numbers",
        ),
        (("nose_x,nose_y,nose_x,neck_x,neck_y", "1,2,3,4,5"), "the column 'x' of joint 'nose' is duplicated"),
        (("label,nose_x,nose_y,neck_x,neck_y", "a,1,2,3,4", "b,1,2,3,4"), "labeled images, not frames"),
        (
            ("frame,label,nose_x,nose_y,neck_x,neck_y", "0,a,1,2,3,4", "1,b,1,2,3,4"),
            "different labels; expected one label per recording",
        ),
        (
            ("video,nose_x,nose_y,neck_x,neck_y", "a,1,2,3,4", "b,1,2,3,4", "a,1,2,3,4"),
            "line 4: the lines of recording 'a'",
        ),
        (("nose_x,nose_y,neck_x,neck_y",), "there is no line after the header"),
    ],
)
def test_what_is_wrong_is_named(lines: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"mine\.csv.*{message}"):
        read_all(written(tmp_path, *lines))


@pytest.mark.parametrize("cell", ["_" * 100_000, "a_" * 50_000, "x" * 100_000, "nose x (" * 10_000, "0" * 100_000])
def test_long_cells_do_not_slow_the_header_down(cell: str, tmp_path: Path) -> None:
    recording = read(tmp_path, f"nose_x,nose_y,neck_x,neck_y,{cell}", "1,2,3,4,5")
    assert recording.skeleton.joints == ("nose", "neck")


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    header = ",".join(f"joint{number}_{axis}" for number in range(20_000) for axis in "xy")
    with pytest.raises(InputError, match="too many columns; expected at most 20000; got 40000"):
        read_all(written(tmp_path, header, "1,2"))


@pytest.mark.parametrize(
    "header",
    [
        "acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z",
        "left_foot_force_x,left_foot_force_y,right_foot_force_x,right_foot_force_y",
        "v_x,v_y,a_x,a_y",
        "Neck_RotX,Neck_RotY,Neck_RotZ,Head_RotX,Head_RotY,Head_RotZ",
    ],
)
def test_sensors_and_forces_are_no_joints(header: str, tmp_path: Path) -> None:
    path = written(tmp_path, header, ",".join("1" for _ in header.split(",")))
    assert not FORMATS["wide_table"].matches(path)
    with pytest.raises(InputError, match="expected columns frame, joint, x, y with a line per joint, or nose_x"):
        detect(path)


def test_rotations_beside_positions_are_left_out(tmp_path: Path) -> None:
    recording = read(
        tmp_path,
        "TimeSpan,Neck_X,Neck_Y,Neck_Z,Neck_RotX,Neck_confidence,Head_X,Head_Y,Head_Z,Head_RotX,Head_confidence",
        "0,1,2,3,90,1,4,5,6,90,0",
    )
    assert recording.skeleton.joints == ("neck", "head")
    assert recording.positions[0, 0].tolist() == [[1, 2, 3], [0, 0, 0]]


def test_joints_of_one_letter_have_a_score(tmp_path: Path) -> None:
    recording = read(
        tmp_path, "track,frame_idx,instance.score,A.x,A.y,A.score,B.x,B.y,B.score", ",0,nan,205,187,,278,203,"
    )
    assert recording.positions[0, 0].tolist() == [[205, 187], [278, 203]]
    assert recording.observed.all()


def test_deeplabcut_without_its_scorer(tmp_path: Path) -> None:
    recording = read(
        tmp_path,
        "bodyparts,nose,nose,nose,tail,tail,tail",
        "coords,x,y,likelihood,x,y,likelihood",
        "5,10,20,0.9,30,40,0.9",
        "7,11,21,0.9,31,41,0.5",
    )
    assert recording.skeleton.joints == ("nose", "tail")
    assert recording.observed[0].tolist() == [[True, True], [False, False], [True, False]]


def test_small_coordinates_are_shares_of_an_image_only_for_a_body(tmp_path: Path) -> None:
    body = read(tmp_path, "nose_x,nose_y,neck_x,neck_y", "0.5,0.2,0.5,0.3")
    points = read(tmp_path, "p1_x,p1_y,p2_x,p2_y,p3_x,p3_y", "0.5,0.2,0.5,0.3,0.1,0.2")
    assert (body.unit, points.unit) == ("image", "unknown")
    assert "state the unit with --unit" in points.notes[-1]


def test_numbered_points_without_a_confidence_could_be_any(tmp_path: Path) -> None:
    values = np.random.default_rng(0).uniform(0, 99, (2, 25, 2))
    assert read(tmp_path, *wide(range(25), values, "xy", "p{name}_{field}")).skeleton.joints[0] == "joint_0"


def test_kinects_zeros_are_lost_joints_unless_the_joint_is_the_origin_throughout(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((3, len(KINECT_V2), 3)) + 1
    values[:, 0] = 0.0  # poses that are centered on SpineBase
    values[1, 5] = 0.0
    recording = read(tmp_path, *wide(KINECT_V2, values))
    lost = np.argwhere(~recording.observed[0])
    assert lost.tolist() == [[1, recording.skeleton.index["left_elbow"]]]
