from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.errors import InputError
from skeletonmae.formats import FORMATS, ReadOptions, detect
from skeletonmae.formats.decoders.csv_table import BLOCK_LINES
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import COCO17, KINECT20, LAYOUTS, MEDIAPIPE33, NTU25, SBU15, Skeleton


def table(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def parquet(tmp_path: Path, **columns: Any) -> Path:
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "mine.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def read(path: Path, **options: Any) -> list[SkeletonSequence]:
    return list(detect(path).read(path, ReadOptions(**options)))


def test_two_persons_come_and_go(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "recording,frame,person,joint,x,y,z,label,subject,fps",
        "a,7,tom,left_wrist,1,2,3,wave,s1,25",
        "a,7,ann,head,4,5,6,wave,s1,25",
        "a,9,tom,left_wrist,7,8,9,wave,s1,25",
        "b,0,ann,spine,1,1,1,,,",
        *(f"b,1,ann,{joint},1,1,1,,," for joint in KINECT20.joints[:10]),
    )
    first, second = read(path)
    assert first.skeleton == KINECT20  # the smallest layout with these joints
    assert (first.name, first.label, dict(first.tags)) == ("a", "wave", {"subject": "s1"})
    assert (first.fps, first.unit, first.notes) == (25.0, "m", ())
    assert first.positions.shape == (2, 3, 20, 3)
    index = KINECT20.index
    seen = {
        (0, 0, index["head"]): (4, 5, 6),
        (1, 0, index["left_wrist"]): (1, 2, 3),
        (1, 2, index["left_wrist"]): (7, 8, 9),
    }
    assert {tuple(map(int, at)) for at in np.argwhere(first.observed)} == seen.keys()
    for at, position in seen.items():
        np.testing.assert_array_equal(first.positions[at], position)
    assert (second.label, dict(second.tags), second.fps) == (None, {}, None)


def test_two_axes_are_pixels_unless_said(tmp_path: Path) -> None:
    lines = ("recording,frame,person,joint,x,y,confidence", "a,0,0,nose,10,20,0.5", "a,0,0,left_ear,11,21,0")
    (recording,) = read(table(tmp_path, *lines))
    assert (recording.unit, recording.positions.shape[3]) == ("px", 2)
    assert recording.observed.sum() == 1  # confidence 0 is not observed
    (recording,) = read(table(tmp_path, *lines), unit="image", fps=12.5)
    assert (recording.unit, recording.fps) == ("image", 12.5)


def test_a_z_that_is_empty_throughout_is_none(tmp_path: Path) -> None:
    head = "recording,frame,joint,x,y,z"
    flat, deep = read(
        table(tmp_path, head, "a,0,nose,1,2,", "a,1,nose,1,2,NaN", "b,0,nose,1,2,", "b,1,nose,1,2,3")
    )
    assert (flat.positions.shape[3], flat.unit, int(flat.observed.sum())) == (2, "px", 2)
    assert (deep.positions.shape[3], deep.unit, int(deep.observed.sum())) == (3, "m", 1)


def test_only_four_columns_must_be_there(tmp_path: Path) -> None:
    (recording,) = read(table(tmp_path, "frame,joint,x,y", "0,nose,1,2", "1,nose,3,4"))
    assert (recording.name, recording.num_persons, recording.num_frames) == ("mine", 1, 2)
    assert recording.positions[0, :, 0].tolist() == [[1, 2], [3, 4]]


def test_more_than_two_persons_are_kept_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    lines = [f"0,{person},nose,{person},0" for person in (10, 9, 2)]
    (recording,) = read(table(tmp_path, "frame,person,joint,x,y", *lines))
    assert recording.positions[:, 0, 0, 0].tolist() == [2, 9, 10]


def test_layout_by_option_or_column(tmp_path: Path) -> None:
    path = table(tmp_path, "recording,frame,person,joint,x,y,z", "a,0,0,head,1,1,1")
    assert read(path, layout=NTU25)[0].skeleton == NTU25
    path = table(tmp_path, "recording,frame,person,joint,x,y,z,layout", "a,0,0,head,1,1,1,ntu25")
    assert read(path)[0].skeleton == NTU25
    assert read(path, layout=KINECT20)[0].skeleton == KINECT20  # the option counts before the file
    path = table(tmp_path, "frame,joint,x,y,layout", "0,head,1,1,ntu26")
    with pytest.raises(
        InputError, match=r"line 2: unknown layout, did you mean 'ntu25'.*--layout my\.yaml.*got ntu26"
    ):
        read(path)


def test_a_layout_with_names_of_its_own(tmp_path: Path) -> None:
    mouse = Skeleton("mouse", ("Snout", "tailBase"), {"tailBase": "Snout"})
    path = table(tmp_path, "frame,joint,x,y", "0,tailBase,1,2", "0,snout,3,4", "1,tail base,5,6")
    (recording,) = read(path, layout=mouse)
    assert recording.skeleton == mouse
    assert recording.positions[0, :, :, 0].tolist() == [[3, 1], [0, 5]]
    with pytest.raises(InputError, match=r"line 3: not a joint of mouse, did you mean 'Snout'.*got snuot"):
        read(table(tmp_path, "frame,joint,x,y", "0,tailBase,1,2", "0,snuot,3,4"), layout=mouse)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_smallest_layout_that_has_all_joints(name: str, tmp_path: Path) -> None:
    joints = LAYOUTS[name].joints
    (recording,) = read(table(tmp_path, "frame,joint,x,y", *(f"0,{joint},1,2" for joint in joints)))
    fitting = {other: skeleton for other, skeleton in LAYOUTS.items() if set(joints) <= set(skeleton.joints)}
    assert recording.skeleton.num_joints == min(skeleton.num_joints for skeleton in fitting.values())
    assert set(joints) <= set(recording.skeleton.joints)


def test_a_small_part_of_any_layout_is_a_layout_of_its_own(tmp_path: Path) -> None:
    names = ("head", "hand_l", "hand_r", "foot_l", "foot_r")
    for order in (names, names[::-1]):
        (recording,) = read(table(tmp_path, "frame,joint,x,y", *(f"0,{joint},1,2" for joint in order)))
        joints = ("head", "left_hand", "left_foot", "right_hand", "right_foot")
        assert (recording.skeleton.name, recording.skeleton.joints) == ("table5", joints)
        assert recording.skeleton.mirror["left_hand"] == "right_hand"
        assert recording.observed.all()
    half = SBU15.joints[:8]
    (recording,) = read(table(tmp_path, "frame,joint,x,y", *(f"0,{joint},1,2" for joint in half)))
    assert recording.skeleton == SBU15


@pytest.mark.parametrize("spelled", ["left_wrist", "Left Wrist", "LeftWrist", "LEFT-WRIST", " leftWrist "])
def test_joints_may_be_spelled_in_many_ways(spelled: str, tmp_path: Path) -> None:
    (recording,) = read(table(tmp_path, "frame,joint,x,y", f"0,{spelled},1,2"))
    assert recording.observed[0, 0, recording.skeleton.index["left_wrist"]]


def test_empty_and_nan_coordinates_are_unobserved_and_zero_is_a_place(tmp_path: Path) -> None:
    cells = (",1,1", "nan,1,1", "NA,1,1", "0,0,0", "1,1,null")
    path = table(tmp_path, "frame,joint,x,y,z", *(f"{i},head,{cell}" for i, cell in enumerate(cells)))
    (recording,) = read(path)
    observed = recording.observed[0, :, recording.skeleton.index["head"]]
    assert observed.tolist() == [False, False, False, True, False]


def test_a_spreadsheets_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    lines = '\ufeff"Recording";"Frame";" PERSON ";"joint";"X";"y";"Room No"\r\na; 0;0;nose;1;2;7\r\n\r\n;;;;;;\r\n'
    path.write_bytes(lines.encode())
    (recording,) = read(path)
    assert recording.positions[0, 0, 0].tolist() == [1, 2]
    assert dict(recording.tags) == {"room_no": "7"}
    path.write_text("frame\tjoint\tx\ty\n0\tnose\t1\t2\n")
    assert read(path)[0].positions[0, 0, 0].tolist() == [1, 2]


def test_an_index_that_pandas_wrote_is_left_out(tmp_path: Path) -> None:
    (recording,) = read(table(tmp_path, ",Unnamed: 0,frame,joint,x,y", "0,5,0,nose,1,2", "1,6,1,nose,1,2"))
    assert (dict(recording.tags), recording.notes) == ({}, ())


def test_a_column_that_differs_from_line_to_line_is_no_tag(tmp_path: Path) -> None:
    path = table(tmp_path, "frame,joint,x,y,time,subject", "0,nose,1,2,0.1,anna", "1,nose,1,2,0.2,")
    (recording,) = read(path)
    assert dict(recording.tags) == {"subject": "anna"}
    assert recording.notes == ("column 'time' differs from line to line and was left out",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,1,0,head,1,1", "line 3: wrong number of columns; expected 7"),
        ("a,1,0,head,1,5,2,5,1", r"line 3: wrong number of columns \(decimal commas.*expected 7"),
        ('a,1,0,head,"1,5",1,1', "line 3: column 'x' has a decimal comma; expected a decimal point.*got 1,5"),
        (
            "a,1,0,lef_elbow,1,1,1",
            "line 3: 'lef_elbow' is not a joint of a built-in layout, did you mean 'left_elb",
        ),
        ("a,0,0,head,1,1,1", "line 3: the joint is duplicated"),
        ("a,0,0,Head,1,1,1", "line 3: the joint is duplicated.*got head"),
        ("a,0.5,0,head,1,1,1", "line 3: column .frame.: a frame number is not a whole number"),
        ("a,,0,head,1,1,1", "line 3: column .frame.: a frame number is not a whole number"),
        ("a,1000000000000,0,head,1,1,1", "line 3: a frame number is far too large"),
        ("a,9007199254740993,0,head,1,1,1", "line 3: column 'frame'.*too large.*got 9007199254740993"),
        ("a,99999999999999999999,0,head,1,1,1", "line 3: column 'frame'.*too large.*got 99999999999999999999"),
        ("a,-9223372036854775809,0,head,1,1,1", "line 3: column 'frame'.*too large.*got -9223372036854775809"),
        ("a,1,0,head,1,one,1", "line 3: column 'y' is not a number; got one"),
        ("a,1,0,head,1,1,inf", "line 3: column 'z' is not a finite number"),
        ("a,1,0,head,1,1,1e39", "line 3: column 'z' is not a finite number"),
        ('a,1,0,"head,1,1,1', "not CSV"),
    ],
)
def test_a_bad_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = table(tmp_path, "recording,frame,person,joint,x,y,z", "a,0,0,head,1,1,1", line)
    with pytest.raises(InputError, match=rf"mine\.csv.*{message}"):
        read(path)


def test_lines_are_counted_over_cells_of_several_lines_and_blank_ones(tmp_path: Path) -> None:
    lines = ["0,nose,1,2,hi", "", '1,nose,1,2,"hi', 'ho"', "2,nose,x,2,hi"]
    with pytest.raises(InputError, match="line 6: column 'x' is not a number"):
        read(table(tmp_path, "frame,joint,x,y,tag", *lines))


def test_recordings_before_a_bad_line_are_read(tmp_path: Path) -> None:
    lines = [f"{name},{frame},nose,1,1" for name in "ab" for frame in range(3)]
    for bad in ("b,3,nose,1", "b,3,nose,one,1"):
        found = []
        path = table(tmp_path, "recording,frame,joint,x,y", *lines, bad)
        with pytest.raises(InputError, match="line 8"):
            found.extend(FORMATS["table"].read(path))
        assert [recording.name for recording in found] == ["a"]


def test_what_must_hold_for_a_whole_recording(tmp_path: Path) -> None:
    head = "recording,frame,person,joint,x,y,label"
    with pytest.raises(InputError, match=r"recording 'a'.*'label' must hold one value per recording.*sit.*wave"):
        read(table(tmp_path, head, "a,0,0,nose,1,1,wave", "a,1,0,nose,1,1,sit"))
    with pytest.raises(InputError, match="line 4: the lines of recording 'a' are not consecutive"):
        read(table(tmp_path, head, "a,0,0,nose,1,1,", "b,0,0,nose,1,1,", "a,1,0,nose,1,1,"))
    with pytest.raises(InputError, match="no line after the header"):
        read(table(tmp_path, head))
    for fps in ("-3", "0", "inf", "fast"):
        with pytest.raises(InputError, match="fps is not a number above 0"):
            read(table(tmp_path, "recording,frame,person,joint,x,y,fps", f"a,0,0,nose,1,1,{fps}"))


def test_what_must_hold_for_the_header(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column 'joint' is missing; the header has frame, limb, x, y;"):
        list(FORMATS["table"].read(table(tmp_path, "frame,limb,x,y", "0,nose,1,1")))
    with pytest.raises(InputError, match="column 'x' is duplicated"):
        list(FORMATS["table"].read(table(tmp_path, "frame,joint,x,y,X", "0,nose,1,1,1")))


@pytest.mark.parametrize(
    ("joints", "message"), [(("nose", "toe"), "'toe' is not"), (("wrist", "nose"), "no built-in")]
)
def test_joints_of_no_layout_are_answered_with_a_layout(joints: Any, message: str, tmp_path: Path) -> None:
    from skeletonmae.skeletons import read_layout

    path = table(tmp_path, "frame,joint,x,y", *(f"0,{joint},1,2" for joint in joints))
    with pytest.raises(InputError, match=rf"{message}.*--layout my\.yaml") as caught:
        read(path)
    (tmp_path / "my.yaml").write_text("\n".join(str(caught.value).splitlines()[1:4]))  # as it says
    assert read(path, layout=read_layout(tmp_path / "my.yaml"))[0].skeleton.joints == joints


@pytest.mark.parametrize("frames", [BLOCK_LINES // 2, 3 * BLOCK_LINES])
def test_recordings_longer_and_shorter_than_what_is_read_at_once(frames: int, tmp_path: Path) -> None:
    lines = [f"{name},{i},{(i % 7) / 7},{i}" for name in "abc" for i in range(frames)]
    found = read(table(tmp_path, "recording,frame,x,y,joint", *(f"{line},nose" for line in lines)))
    assert [one.name for one in found] == list("abc")
    for one in found:
        np.testing.assert_array_equal(one.positions[0, :, 0, 1], np.arange(frames))
        np.testing.assert_allclose(one.positions[0, :, 0, 0], np.arange(frames) % 7 / 7)


def test_memory_follows_one_recording_and_not_the_file(tmp_path: Path) -> None:
    lines = [f"r{i},{frame},nose,{frame}.123,5.5" for i in range(100) for frame in range(200)]
    path = table(tmp_path, "recording,frame,joint,x,y", *lines)
    tracemalloc.start()
    for _ in FORMATS["table"].read(path):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20  # as text in lists the lines alone take ten times as much


def test_parquet_says_what_csv_says(tmp_path: Path) -> None:
    import pyarrow

    columns: dict[str, Any] = {
        "Recording": pyarrow.array(["a", "a", "b"]).dictionary_encode(),
        "frame": pyarrow.array([7, 9, 0], pyarrow.int16()),
        "person": [10, 2, 2],
        "joint": ["left_wrist", "Head", "spine"],
        "x": [1.5, None, 3.0],
        "y": pyarrow.array([1, 2, 3], pyarrow.uint8()),
        "z": [1.0, 2.0, float("nan")],
        "label": pyarrow.array([b"wave", b"wave", None], pyarrow.binary()),
        "subject": [3.0, None, None],
    }
    first, second = read(parquet(tmp_path, **columns))
    assert (first.name, first.label, dict(first.tags), first.positions.shape[:2]) == (
        "a",
        "wave",
        {"subject": "3"},
        (2, 3),
    )
    assert [tuple(map(int, at)) for at in np.argwhere(first.observed)] == [
        (1, 0, first.skeleton.index["left_wrist"])
    ]
    assert first.positions[first.observed].tolist() == [[1.5, 1, 1]]
    assert (second.label, second.positions.shape[3], second.unit) == (None, 2, "px")


def test_mistakes_in_parquet(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"frame": [0, 1], "joint": ["nose", "nose"], "x": [1, 2], "y": ["1", "two"]}
    with pytest.raises(InputError, match=r"mine\.parquet, line 2: column 'y' is not a number; got two"):
        read(parquet(tmp_path, **columns))
    columns.pop("joint")
    with pytest.raises(InputError, match=r"mine\.parquet: column 'joint' is missing"):
        read(parquet(tmp_path, **columns))


def test_a_parquet_file_with_more_lines_than_bytes_can_hold_is_refused(tmp_path: Path) -> None:
    import pyarrow

    count = 1_500_000
    same = {name: pyarrow.array(np.zeros(count)) for name in ("frame", "x", "y")}
    joint = pyarrow.DictionaryArray.from_arrays(np.zeros(count, np.int32), ["nose"])
    path = parquet(tmp_path, joint=joint, **same)
    with pytest.raises(
        InputError, match=r"mine\.parquet: more rows than a file of this size can hold; got 1500000 rows in"
    ):
        read(path)


def test_without_pyarrow_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    path = parquet(tmp_path, frame=[0], joint=["nose"], x=[1], y=[2])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        InputError, match=r"mine\.parquet: Parquet files need pyarrow: pip install skeletonmae\[table\]"
    ):
        read(path)


def test_joints_by_the_names_of_other_programs(tmp_path: Path) -> None:
    others = [joint for joint in NTU25.joints if joint not in ("pelvis", "left_hand_tip", "shoulder_center")]
    joints = ("SpineBase", "HandTipLeft", "SpineShoulder", "spine base", *others)
    lines = [f"{frame},{joint},1,2,3" for frame, joint in enumerate(joints)]
    (recording,) = read(table(tmp_path, "frame,joint,x,y,z", *lines))
    index = NTU25.index
    seen = [index["pelvis"], index["left_hand_tip"], index["shoulder_center"], index["pelvis"]]
    seen += [index[joint] for joint in others]
    assert recording.skeleton == NTU25
    assert np.argwhere(recording.observed[0]).tolist() == [[frame, joint] for frame, joint in enumerate(seen)]


def test_a_layout_that_is_offered_has_a_tree(tmp_path: Path) -> None:
    lines = [f"0,{joint},1,2" for joint in ("snout", "ear_l", "ear_r", "tail_base", "tail_tip")]
    with pytest.raises(InputError) as caught:
        read(table(tmp_path, "frame,joint,x,y", *lines))
    assert '"tail_base": "snout", "tail_tip": "tail_base"' in str(caught.value)


def test_every_second_frame_is_renumbered(tmp_path: Path) -> None:
    lines = [f"{frame},nose,{frame},2,30" for frame in (252, 254, 256)]
    (recording,) = read(table(tmp_path, "frame,joint,x,y,fps", *lines))
    assert recording.positions[0, :, 0, 0].tolist() == [252, 254, 256]
    assert recording.observed[0, :, 0].all()
    assert recording.fps == 15
    assert recording.notes[0].startswith("the frame numbers count in steps of 2")


def test_a_line_without_end_is_refused_early(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    with path.open("wb") as file:
        file.write(b"frame,joint,x,y\n0,nose,1,2\n")
        file.truncate(2**27)  # sparse: one line of zeros
    tracemalloc.start()
    with pytest.raises(InputError, match=r"mine\.csv, line 3: the line is too long for a table"):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26


def test_a_million_columns_are_refused(tmp_path: Path) -> None:
    header = "frame,joint,x,y," + ",".join(f"c{number}" for number in range(100_000))
    with pytest.raises(InputError, match="too many columns; expected at most 20000; got 100004"):
        list(FORMATS["table"].read(table(tmp_path, header, "0,nose,1,2")))


@pytest.mark.parametrize(
    ("header", "axes"),
    [("frame_id,landmark,x,y,z", 3), ("frame,keypoint,x,y,score", 2), ("Frame Index,BodyPart,X,Y", 2)],
)
def test_other_names_of_columns(header: str, axes: int, tmp_path: Path) -> None:
    path = table(tmp_path, header, "3,NOSE,1,2,0.5", "5,LEFT_EAR,1,2,0.5")
    if axes == 2 and "score" not in header:
        path = table(tmp_path, header, "3,NOSE,1,2", "5,LEFT_EAR,1,2")
    (recording,) = read(path)
    assert (recording.skeleton.joints, recording.positions.shape) == (("nose", "left_ear"), (1, 3, 2, axes))
    assert recording.observed.sum() == 2


def test_times_stand_in_for_frames(tmp_path: Path) -> None:
    times = (0, 0.04, 0.08, 0.2)
    (recording,) = read(table(tmp_path, "time,joint,x,y", *(f"{time},nose,1,2" for time in times)))
    assert recording.fps == 25
    assert recording.observed[0, :, COCO17.index["nose"]].tolist() == [True, True, True, False, False, True]
    with pytest.raises(InputError, match="line 2: column 'time' is not a time; got soon"):
        read(table(tmp_path, "time,joint,x,y", "soon,nose,1,2"))


def test_landmarks_of_mediapipe_are_shares_of_the_image(tmp_path: Path) -> None:
    lines = [f"0,{joint},0.5,0.5,-0.3,{0.4 if joint == 'nose' else 0.9}" for joint in MEDIAPIPE33.joints]
    (recording,) = read(table(tmp_path, "frame,landmark,x,y,z,visibility", *lines))
    assert (recording.unit, recording.positions.shape[3]) == ("image", 2)
    assert recording.observed.sum() == 32


@pytest.mark.parametrize(
    ("header", "missing"), [("landmark,x,y", "frame"), ("frame,name,x,y", "joint"), ("frame_id,part,x,y", "joint")]
)
def test_columns_to_rename_are_named(header: str, missing: str, tmp_path: Path) -> None:
    path = table(tmp_path, header, ",".join("1" for _ in header.split(",")))
    with pytest.raises(InputError, match=f"column '{missing}' is missing; the header has .*; rename the columns"):
        read(path)
