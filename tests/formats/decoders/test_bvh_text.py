from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.bvh_text import CHANNELS, Bvh, forward_kinematics, parse_bvh

ARM = """HIERARCHY
ROOT Hips
{
  OFFSET 0.5 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT LeftArm
  {
    OFFSET 0 1 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT Hand
    {
      OFFSET 0 2 0
      End Site
      {
        OFFSET 0 0 4
      }
    }
  }
  JOINT RightArm
  {
    OFFSET 0 0 1
    CHANNELS 1 Yrotation
    End Site
    {
      OFFSET 1 0 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.008333
0 0 0 0 0 0 0 0 0 0
1 2 3 90 0 0 90 0 0 -90
"""
# Hips, LeftArm, Hand, its end, RightArm, its end. In the second frame the hips turn +y to -x, the left arm once more
# to -y; the right arm turns +x to +z, and the hips leave that as it is.
ARM_AT_REST = [[0, 0, 0], [0, 1, 0], [0, 3, 0], [0, 3, 4], [0, 0, 1], [1, 0, 1]]
ARM_TURNED = [[1, 2, 3], [0, 2, 3], [0, 0, 3], [0, 0, 7], [1, 2, 4], [1, 2, 5]]


def parse(text: str, *, end_sites: bool = False) -> Bvh:
    return parse_bvh(text.encode(), "a.bvh", end_sites=end_sites)


def test_what_a_file_says() -> None:
    bvh = parse(ARM)
    assert bvh.joints == ("Hips", "LeftArm", "Hand", "RightArm")
    assert bvh.parents == (-1, 0, 1, 0)
    assert bvh.offsets.tolist() == [[0.5, 0, 0], [0, 1, 0], [0, 2, 0], [0, 0, 1]]
    assert bvh.channels[0] == ("xposition", "yposition", "zposition", "zrotation", "xrotation", "yrotation")
    assert bvh.channels[2:] == ((), ("yrotation",))
    assert bvh.frame_time == 0.008333
    assert bvh.motion.tolist() == [[0] * 10, [1, 2, 3, 90, 0, 0, 90, 0, 0, -90]]


def test_an_arm_by_hand() -> None:
    positions = forward_kinematics(parse(ARM, end_sites=True))
    np.testing.assert_allclose(positions, [ARM_AT_REST, ARM_TURNED], atol=1e-12)
    without = forward_kinematics(parse(ARM))
    np.testing.assert_array_equal(without, positions[:, [0, 1, 2, 4]])


def test_end_sites_are_joints_if_asked_for() -> None:
    bvh = parse(ARM, end_sites=True)
    assert bvh.joints == ("Hips", "LeftArm", "Hand", "Hand_end", "RightArm", "RightArm_end")
    assert bvh.parents == (-1, 0, 1, 2, 0, 4)


@pytest.mark.parametrize(
    ("order", "where"), [("Zrotation Xrotation", (0, 0, 1)), ("Xrotation Zrotation", (-1, 0, 0))]
)
def test_rotations_are_in_the_order_of_the_file(order: str, where: tuple[float, ...]) -> None:
    text = f"""HIERARCHY
    ROOT a {{ OFFSET 0 0 0
    CHANNELS 2 {order}
    JOINT b {{ OFFSET 0 1 0
    }} }}
    MOTION
    Frames: 1
    Frame Time: 0.1
    90 90
    """
    np.testing.assert_allclose(forward_kinematics(parse(text))[0, 1], where, atol=1e-12)


def random_text(rng: np.random.Generator, joints: int, frames: int) -> str:
    """A tree of any form; each joint has none to six channels, in any order."""
    parents = [-1, *(int(rng.integers(0, joint)) for joint in range(1, joints))]
    channels = [list(rng.permutation(CHANNELS)[: rng.integers(0, 7)]) for _ in range(joints)]
    channels[0] = channels[0] or ["yrotation"]
    order: list[int] = []

    def write(joint: int) -> str:
        order.append(joint)
        offset = " ".join(map(str, np.round(rng.normal(size=3), 6)))
        inner = "\n".join(write(child) for child in range(joints) if parents[child] == joint)
        channel_line = f"CHANNELS {len(channels[joint])} {' '.join(channels[joint])}" if channels[joint] else ""
        return f"{'JOINT' if joint else 'ROOT'} j{joint}\n{{\nOFFSET {offset}\n{channel_line}\n{inner}\n}}"

    tree = write(0)
    width = sum(map(len, channels))
    rows = [" ".join(map(str, row)) for row in np.round(rng.uniform(-200, 200, (frames, width)), 4)]
    return "\n".join(["HIERARCHY", tree, "MOTION", f"Frames: {frames}", "Frame Time: 0.01", *rows])


def one_frame(bvh: Bvh, values: list[float]) -> np.ndarray:
    """Positions by matrices of 4 x 4, from the root down, with scipy's rotations."""
    world, left = [], list(values)
    for joint, parent in enumerate(bvh.parents):
        move, turn = np.eye(4), np.eye(4)
        move[:3, 3] = bvh.offsets[joint]
        for channel in bvh.channels[joint]:
            value = left.pop(0)
            if channel.endswith("position"):
                move["xyz".index(channel[0]), 3] = value
            else:
                one = np.eye(4)
                one[:3, :3] = Rotation.from_euler(channel[0], value, degrees=True).as_matrix()
                turn = turn @ one
        world.append((world[parent] if parent >= 0 else np.eye(4)) @ move @ turn)
    return np.array([matrix[:3, 3] for matrix in world])


@pytest.mark.parametrize("seed", range(20))
def test_positions_of_any_tree_as_one_frame_after_the_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bvh = parse(random_text(rng, joints=int(rng.integers(1, 12)), frames=int(rng.integers(1, 5))))
    wanted = [one_frame(bvh, row.tolist()) for row in bvh.motion]
    np.testing.assert_allclose(forward_kinematics(bvh), wanted, atol=1e-9)


def test_bones_keep_their_length_whatever_the_angles() -> None:
    text = ARM.replace("Frames: 2", "Frames: 52")
    rng = np.random.default_rng(0)
    rows = rng.uniform(-180, 180, (50, 10))
    bvh = parse(text + "\n".join(" ".join(map(str, row)) for row in rows), end_sites=True)
    positions = forward_kinematics(bvh)
    lengths = np.linalg.norm(positions - positions[:, list(bvh.parents)], axis=-1)[:, 1:]
    np.testing.assert_allclose(lengths, np.tile([1, 2, 4, 1, 1], (52, 1)), atol=1e-12)


WRITTEN = {
    "windows": ARM.replace("\n", "\r\n"),
    "old mac": ARM.replace("\n", "\r"),
    "tabs": ARM.replace("  ", "\t").replace(": ", ":\t"),
    "no line at the end": ARM.rstrip(),
    "blank lines": ARM.replace("\n", "\n\n \n"),
    "spaces at the ends": ARM.replace("\n", "   \n"),
    "braces at the end of lines": ARM.replace("\n{", " {").replace("\n  {", " {").replace("\n    {", "{"),
    "byte order mark": "\ufeff" + ARM,
    "capitals": ARM.replace("position", "Position").replace("OFFSET", "Offset").replace("JOINT", "Joint"),
    "powers of ten": ARM.replace("0.008333", "8.333e-03").replace("-90", "-9E+1").replace("0.5", ".5"),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_ways_of_writing(how: str) -> None:
    got, wanted = parse(WRITTEN[how]), parse(ARM)
    assert (got.joints, got.parents, got.channels) == (wanted.joints, wanted.parents, wanted.channels)
    assert got.frame_time == wanted.frame_time
    np.testing.assert_array_equal(got.offsets, wanted.offsets)
    np.testing.assert_array_equal(got.motion, wanted.motion)


def test_names_are_kept_as_they_are() -> None:
    text = ARM.replace("JOINT LeftArm", "JOINT mixamorig:Left Arm").replace("Hand", "手")
    assert parse(text).joints == ("Hips", "mixamorig:Left Arm", "手", "RightArm")


ROW = "1 2 3 90 0 0 90 0 0 -90"
WRONG = {
    "empty": ("", "not a BVH file"),
    "another text": ("one\ntwo\nMOTION\n", "not a BVH file"),
    "no motion": (ARM[: ARM.index("MOTION")], "not a BVH file, or truncated"),
    "second root": (ARM.replace("MOTION", "ROOT b\n{\nOFFSET 0 0 0\n}\nMOTION"), r"line 29: a second root"),
    "joint outside": (ARM.replace("ROOT", "JOINT"), r"line 2: no joint can be here"),
    "root inside": (ARM.replace("JOINT LeftArm", "ROOT LeftArm"), r"line 6: a second root"),
    "joint in an end": (ARM.replace("0 0 4", "0 0 4\nJOINT b"), r"line 16: no joint can be here"),
    "no name": (ARM.replace("JOINT Hand", "JOINT"), r"line 10: a joint without a name"),
    "no brace": (ARM.replace("ROOT Hips\n{", "ROOT Hips\n"), r"line 4: .*no '{' follows"),
    "two braces": (ARM.replace("Hips\n{", "Hips\n{{"), r"line 3: this cannot be here; got {"),
    "brace too many": (ARM.replace("MOTION", "}\nMOTION"), r"line 29: this cannot be here; got }"),
    "brace missing": (ARM.replace("}\nMOTION", "\nMOTION"), r"line 28: the hierarchy is truncated"),
    "no offset": (ARM.replace("    OFFSET 0 1 0\n", ""), "line 17: joint 'LeftArm' has no OFFSET"),
    "two offsets": (ARM.replace("OFFSET 0 1 0", "OFFSET 0 1 0\nOFFSET 0 1 0"), r"line 9: this cannot be here"),
    "short offset": (ARM.replace("OFFSET 0 1 0", "OFFSET 0 1"), r"line 8: this cannot be here; got OFFSET 0 1"),
    "offset of words": (ARM.replace("OFFSET 0 1 0", "OFFSET 0 one 0"), r"line 8: not three numbers"),
    "offset without end": (ARM.replace("OFFSET 0 1 0", "OFFSET 0 inf 0"), r"line 8: not three numbers"),
    "channels miscounted": (ARM.replace("CHANNELS 3", "CHANNELS 4"), r"line 9: not a number of channels"),
    "channels uncounted": (ARM.replace("CHANNELS 3", "CHANNELS"), r"line 9: not a number of channels"),
    "no such channel": (ARM.replace("CHANNELS 1 Yrotation", "CHANNELS 1 Wrotation"), r"line 22: not a number of"),
    "a channel twice": (ARM.replace("3 Zrotation Xrotation Y", "3 Zrotation Xrotation X"), r"line 9: not a number of"),
    "channels of an end": (ARM.replace("OFFSET 0 0 4", "OFFSET 0 0 4\nCHANNELS 1 Xrotation"), "line 16: this cannot"),
    "nothing moves": ("HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n}\nMOTION\nFrames: 1\nFrame Time: 1\n\n", "no joint has a"),
    "no count of frames": (ARM.replace("Frames: 2\n", ""), r"line 30: .*expected 'Frames:'"),
    "no number of frames": (ARM.replace("Frames: 2", "Frames: two"), r"line 30: .*expected 'Frames:'"),
    "no frame": (ARM.replace("Frames: 2", "Frames: 0"), r"line 30: .*above 0"),
    "no time": (ARM.replace("0.008333", "0"), r"line 31: .*'Frame Time:' and a number above 0"),
    "no real time": (ARM.replace("0.008333", "nan"), r"line 31: .*'Frame Time:'"),
    "fewer frames": (ARM.replace("Frames: 2", "Frames: 3"), "wrong number of frames, or truncated; expected 3.*got 2"),
    "more frames": (ARM.replace("Frames: 2", "Frames: 1"), "wrong number of frames, or truncated; expected 1.*got 2"),
    "no frames": (ARM[: ARM.index("0 0 0 0 0 0 0")], "no line of numbers"),
    "a short frame": (ARM.replace(ROW, ROW[:-4]), r"line 33: wrong number of columns; expected 10; got 9"),
    "a long frame": (ARM.replace(ROW, ROW + " 7"), r"line 33: wrong number of columns; expected 10; got 11"),
    "all frames short": (ARM.replace(ROW, ROW[:-4]).replace("0 0 0 0 0\n", "0 0 0 0\n"), r"line 32: wrong number"),
    "a word": (ARM.replace(ROW, ROW.replace("90", "ninety", 1)), r"line 33: not a number; got 'ninety'"),
    "nan": (ARM.replace(ROW, ROW.replace("-90", "nan")), r"line 33: not a length or an angle; got nan"),
    "infinite": (ARM.replace(ROW, "\n\n" + ROW.replace("-90", "1e999")), r"line 35: not a length .*got inf"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_line(case: str) -> None:
    text, match = WRONG[case]
    with pytest.raises(InputError, match=match) as caught:
        parse(text)
    assert str(caught.value).startswith("a.bvh")


def test_wrong_encoding() -> None:
    with pytest.raises(InputError, match="not a text file; expected UTF-8; got byte 0x8d at 15"):
        parse_bvh(ARM.encode().replace(b"Hips", "腰".encode("shift-jis")), "a.bvh")


@pytest.mark.parametrize("frames", ["999999999", "9" * 400, "9" * 5000, "1e300", "-5"])
def test_a_huge_count_of_frames_makes_no_room(frames: str) -> None:
    tracemalloc.start()
    with pytest.raises(InputError):
        parse(ARM.replace("Frames: 2", f"Frames: {frames}"))
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def deep(joints: int, frames: int = 1) -> str:
    body = "".join(f"JOINT j{joint}\n{{\nOFFSET 0 1 0\n" for joint in range(joints - 1)) + "}\n" * joints
    motion = f"MOTION\nFrames: {frames}\nFrame Time: 1\n" + "0\n" * frames
    return "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 1 Zrotation\n" + body + motion


def test_deep_trees() -> None:
    positions = forward_kinematics(parse(deep(900)))
    assert positions[0, -1].tolist() == [0, 899, 0]
    with pytest.raises(InputError, match="no joint can be here"):
        parse(deep(100_000))


def test_many_joints_that_hardly_move_make_no_room() -> None:
    text = deep(900, frames=100_000)  # would be 2 GB of positions
    with pytest.raises(InputError, match="far too few channels for the joints"):
        parse(text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_the_bytes_only_an_input_error_comes(data: st.DataObject) -> None:
    content = bytearray(ARM.encode())
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(1, 9))] = data.draw(st.binary(max_size=9))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    try:
        bvh = parse_bvh(bytes(content), "a.bvh", end_sites=data.draw(st.booleans()))
    except InputError:
        return
    assert np.isfinite(forward_kinematics(bvh)).all()


@given(st.binary(max_size=200))
def test_garbage(content: bytes) -> None:
    for start in (b"", b"HIERARCHY\nROOT a\n{\n", ARM[:-24].encode()):
        with pytest.raises(InputError):
            parse_bvh(start + b"\n" + content, "a.bvh")


@pytest.mark.real
def test_real_bones_keep_their_length(real_data: Path) -> None:
    paths = sorted((real_data / "bandai_namco_sample").glob("*.bvh"))
    assert len(paths) == 49
    everything = []
    for path in paths:
        bvh = parse_bvh(path.read_bytes(), str(path))
        assert len(bvh.joints) == 22
        assert bvh.frame_time == pytest.approx(1 / 30, abs=1e-5)
        positions = forward_kinematics(bvh)
        bones = positions - positions[:, list(bvh.parents)]
        everything.append(np.linalg.norm(bones, axis=-1)[:, 2:])  # root and hips move in space
        np.testing.assert_allclose(everything[-1].mean(0), np.linalg.norm(bvh.offsets[2:], axis=1), atol=0.1)
        place = {name: joint for joint, name in enumerate(bvh.joints)}
        height = np.median(positions[..., 1], axis=0)  # centimetres, y up: someone stands on the ground
        assert (
            height[place["Foot_R"]] < height[place["LowerLeg_R"]] < height[place["Hips"]] < height[place["Head"]]
        )
        assert 120 < height[place["Head"]] < 180
        assert -5 < positions[:, [place["Toes_L"], place["Toes_R"]], 1].min() < 5
    assert np.ptp(np.concatenate(everything), axis=0).max() < 0.21
