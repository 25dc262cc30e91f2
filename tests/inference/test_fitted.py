"""What a model takes, what it is brought to, and what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.checkpoint import Header, load_checkpoint
from skeletonmae.cli import main
from skeletonmae.errors import InputError
from skeletonmae.inference import fitted
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import HAND21, NTU25, VOCABULARY


@pytest.fixture(scope="module")
def header(tiny_run: Path) -> Header:
    return load_checkpoint(tiny_run / "finetune-1-seed0.safetensors").header


def standing(axes: int = 3, unit: str = "m", skeleton: Any = NTU25) -> SkeletonSequence:
    values = np.random.default_rng(0).normal(size=(1, 6, skeleton.num_joints, axes))
    return SkeletonSequence.from_positions(values, skeleton, name="one", unit=unit)


def test_3d_is_brought_to_2d_for_a_model_of_images(header: Header) -> None:
    one = standing()
    flat = fitted(replace_axes(header, 2), one)
    np.testing.assert_array_equal(flat.positions, -one.positions[..., :2])
    assert fitted(header, one).positions.shape[3] == 3


def replace_axes(header: Header, axes: int) -> Header:
    return header.model_copy(update={"axes": axes})


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (standing(axes=2), "a 2D recording cannot be made 3D"),
        (standing(unit="px"), "if it is m all the same, say --unit m; expected m; got px"),
        (standing(skeleton=HAND21), "knows none of its joints"),
    ],
)
def test_what_does_not_fit_is_said(header: Header, one: SkeletonSequence, said: str) -> None:
    with pytest.raises(InputError, match=rf"recording 'one': .*{said}"):
        fitted(header, one)


def test_joints_of_ones_own_are_known_to_the_model(header: Header) -> None:
    assert header.own_layout is None
    assert set(header.joints) <= VOCABULARY.keys()
    own = header.model_copy(update={"joints": ("hub", "blade a", "blade b")}).own_layout
    assert own is not None
    assert own.joints == ("hub", "blade a", "blade b")


def test_one_that_does_not_fit_stops_none_of_the_others(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, axes in (("a", "x,y,z"), ("b", "x,y"), ("c", "x,y,z")):
        rows = [
            f"{frame},{joint}," + ",".join(str(frame + place) for place in range(len(axes.split(","))))
            for frame in range(4)
            for joint in NTU25.joints
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join([f"frame,joint,{axes}", *rows]))
    status = main(["predict", str(tiny_run / "finetune-1-seed0.safetensors"), str(tmp_path)])
    said = capsys.readouterr()
    assert status == 3
    assert [line.split(":")[0] for line in said.out.splitlines()] == ["a", "c"]
    assert "recording 'b': a 2D recording cannot be made 3D" in said.err
    status = main(["predict", str(tiny_run / "finetune-1-seed0.safetensors"), str(tmp_path / "b.csv")])
    assert status == 1
