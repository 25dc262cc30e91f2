from __future__ import annotations

import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skeletonmae.errors import InputError
from skeletonmae.skeletons import COCO17, LAYOUTS, NTU25, Skeleton, get_layout, read_layout

DOG = """
joints: [nose, withers, tail, paw_l, paw_r, collar tag]
parents:
  nose: withers
  tail: withers
  paw_l: withers
  paw_r: withers
  collar tag: nose
"""


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(text: str | bytes, name: str = "dog.yaml") -> Skeleton:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_layout(path)

    return read


def test_joints_and_parents_are_enough(read: Any) -> None:
    dog = read(DOG)
    assert dog.name == "dog"
    assert dog.joints == ("nose", "withers", "tail", "paw_l", "paw_r", "collar tag")
    assert (dog.root, dog.center) == ("withers", ("withers",))
    assert dog.mirror_index.tolist() == [0, 1, 2, 4, 3, 5]
    assert dog.parts == {
        "head": ("nose", "collar tag"),
        "withers": ("withers",),
        "tail": ("tail",),
        "paw_l": ("paw_l",),
        "paw_r": ("paw_r",),
    }


def test_everything_can_be_said(read: Any) -> None:
    message = read("""
name: tongs
joints: [1, no, x, y]
bones: [[1, x], [no, x], [y, x]]
root: x
center: [1, no]
parts: {jaws: [1, no], rest: [x, y]}
mirror: {1: no}
source: my drawer
""")
    assert message == Skeleton(
        "tongs",
        ("1", "no", "x", "y"),
        {"1": "x", "no": "x", "y": "x"},
        center=("1", "no"),
        parts={"jaws": ("1", "no"), "rest": ("x", "y")},
        mirror={"1": "no", "no": "1", "x": "x", "y": "y"},
        source="my drawer",
    )


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_the_root_may_be_said_to_hang_on_nothing(read: Any, nothing: str) -> None:
    assert read(DOG + f"  withers: {nothing}\n") == read(DOG)


def test_bones_hang_on_the_first_joint_if_nothing_is_said(read: Any) -> None:
    layout = read("joints: [a, b, c]\nbones: [[c, b], [b, a]]")
    assert layout.parents == {"b": "a", "c": "b"}


def test_one_joint_needs_no_bones(read: Any) -> None:
    assert read("joints: [ball]").root == "ball"


@pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=LAYOUTS)
def test_a_built_in_layout_goes_through_a_file(read: Any, skeleton: Skeleton) -> None:
    spec = {key: value for key, value in skeleton.to_dict().items() if value}
    assert read(yaml.safe_dump(spec, sort_keys=False), "any.yaml") == skeleton
    least = {"joints": spec["joints"], "parents": spec["parents"]}
    layout = read(yaml.safe_dump(least), f"{skeleton.name}.yaml")
    assert (layout.parts, layout.mirror) == (skeleton.parts, skeleton.mirror)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a layout must be a mapping.*got None"),
        ("- a\n- b", "a layout must be a mapping.*got list"),
        ("parents: {a: b}", "'joints' is missing"),
        ("joints: []\nparents: {a: b}", "joints: .*at least 1"),
        ("joints: [a, b]", "either 'parents' or 'bones'"),
        ("joints: [a, b]\nparents: {a: b}\nbones: [[a, b]]", "either 'parents' or 'bones'"),
        ("joints: a\nparents: {a: b}", "joints: .*got 'a'"),
        ("joints: [[a], b]\nparents: {a: b}", r"joints.0: .*got \['a'\]"),
        ("joints: [a, b]\nparents: [a, b]", "parents: .*dictionary"),
        ("joints: [a, b]\nbones: [[a, b, a]]", "bones.0: .*at most 2"),
        ("joints: [a, b]\nbones: [[a, b]]\nroot: c", "root: 'c' is not one of the joints"),
        ("joints: [a, b]\nparents: {a: b}\nroot: a", "expected b; got a"),
        (
            "joints: [tail, paw]\nbones: [[tail, pawn]]",
            "bones: 'pawn' is not one of the joints, did you mean 'paw'",
        ),
        ("joints: [a, b, c]\nbones: [[a, b], [b, c], [c, a]]", "form a cycle"),
        ("joints: [a, b, c]\nbones: [[a, b]]", "must form one tree.*got a, c"),
        ("joints: [a, b, a]\nparents: {a: b}", "duplicates: a"),
        ("joints: [a, b]\nparent: {a: b}", "no key 'parent', did you mean 'parents'"),
        ("joints: [a, b]\nparents: {a: b}\nparents: {b: a}", "line 3: 'parents' is duplicated"),
        ("joints: [a, b, c]\nparents: {a: b, a: c}", "line 2: 'a' is duplicated"),
        (
            DOG.replace("tail: withers", "tail: wither"),
            "'wither' is not one of the joints, did you mean 'withers'",
        ),
        (
            DOG.replace("  nose: withers", "  nose: tail").replace("tail: withers", "tail: nose"),
            "form a cycle",
        ),
        (DOG.replace("  tail: withers\n", ""), "must form one tree.*got withers, tail"),
        (DOG + "mirror: {paw_l: hoof}", "mirror: 'hoof'"),
        (DOG + "mirror: {paw_l: tail}", "mirroring twice"),
        (DOG + "center: [belly]", "center: 'belly'"),
        (DOG + "parts: {all: [nose, tail]}", "exactly one part"),
        (DOG + "name: coco17", "'coco17' is a built-in layout"),
        ("joints: [a, b\nparents: {", "not valid YAML"),
        ("joints: &j [a, b]\nparents: *j", "aliases"),
        ("[" * 100_000, "not valid YAML"),
        ("? [a, b]\n: c", "not valid YAML"),
        (b"\xff\xfe\x00", "not valid YAML"),
        (
            "joints: !!python/object/apply:os.system [date]\nparents: {a: b}",
            "'a' is not one of the joints; expected one of date",
        ),
        ("x" * 300_000, "too large for a layout"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(read: Any, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(text)
    assert "dog.yaml: " in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_too_many_joints_and_an_alias_bomb_cost_little(read: Any) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20)
    )
    many = "joints: [" + ", ".join(f"j{i}" for i in range(4_000)) + "]\nparents: {j0: j1}"
    tracemalloc.start()
    for text, message in ((bomb, "aliases"), (many, "too many joints.*at most 1000; got 4000")):
        with pytest.raises(InputError, match=message):
            read(text)
    assert tracemalloc.get_traced_memory()[1] < 200e6
    tracemalloc.stop()


@given(junk=st.binary(max_size=60), place=st.integers(0, len(DOG)))
def test_whatever_is_in_the_file_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, place: int
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "dog.yaml"
    for text in (junk, DOG.encode()[:place], DOG.encode()[:place] + junk + DOG.encode()[place:]):
        path.write_bytes(text)
        with suppress(InputError):
            assert read_layout(path).num_joints >= 1


def test_by_name_or_by_path(tmp_path: Path) -> None:
    path = tmp_path / "dog.yml"
    path.write_text(DOG)
    assert get_layout("ntu25") is NTU25
    assert get_layout(path) == get_layout(str(path)) == read_layout(path)
    with pytest.raises(InputError, match=r"no layout 'coco_17', did you mean 'coco17'.*ntu25.*or a YAML file"):
        get_layout("coco_17")
    with pytest.raises(InputError, match=r"no\.yaml: there is no such file"):
        get_layout(tmp_path / "no.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(InputError, match="no such file"):
        get_layout(tmp_path / "folder.yaml")


def test_a_copy_of_a_built_in_layout_may_have_its_name(read: Any) -> None:
    spec = {"joints": list(COCO17.joints), "parents": dict(COCO17.parents)}
    assert read(yaml.safe_dump(spec), "coco17.yaml").joints == COCO17.joints
