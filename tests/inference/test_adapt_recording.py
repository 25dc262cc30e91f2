"""What a model takes, what it is brought to, and what does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.checkpoint import Header, load_checkpoint
from skeletonmae.cli import main
from skeletonmae.errors import InputError
from skeletonmae.inference import adapt_recording
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
    flat = adapt_recording(replace_axes(header, 2), one)
    np.testing.assert_array_equal(flat.positions, -one.positions[..., :2])
    assert adapt_recording(header, one).positions.shape[3] == 3


def replace_axes(header: Header, axes: int) -> Header:
    return header.model_copy(update={"axes": axes})


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (standing(axes=2), "the recording has 2D coordinates"),
        (standing(unit="px"), "add --unit m; expected m; got px"),
        (standing(skeleton=HAND21), "knows none of the joints"),
    ],
)
def test_what_does_not_fit_is_said(header: Header, one: SkeletonSequence, said: str) -> None:
    with pytest.raises(InputError, match=rf"recording 'one': .*{said}"):
        adapt_recording(header, one)


def test_joints_of_ones_own_are_known_to_the_model(header: Header) -> None:
    assert header.custom_layout is None
    assert set(header.joints) <= VOCABULARY.keys()
    own = header.model_copy(update={"joints": ("hub", "blade a", "blade b")}).custom_layout
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
    lines = said.out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["a", "b", "c"]
    assert lines[1].startswith("b: the model was trained on 3D coordinates, but the recording has 2D")
    (tmp_path / "d.csv").write_text("frame,joint,x\n0,head,what\n")
    status = main(["predict", str(tiny_run / "finetune-1-seed0.safetensors"), str(tmp_path), "--json"])
    entries = json.loads(capsys.readouterr().out)
    assert status == 3
    assert [Path(entry["recording"]).name.partition(".")[0] for entry in entries] == ["a", "b", "c", "d"]
    assert [bool(entry["error"]) for entry in entries] == [False, True, False, True]
    assert [bool(entry["classes"]) for entry in entries] == [True, False, True, False]
    status = main(["predict", str(tiny_run / "finetune-1-seed0.safetensors"), str(tmp_path / "b.csv")])
    assert status == 1
    said = capsys.readouterr()
    assert said.out.startswith("b: the model was trained on 3D coordinates")
    assert said.err.splitlines()[-1] == "error: there is no recording that the model could classify"
