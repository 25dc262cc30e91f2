"""Projections of 3D recordings: their pixels are what a camera at another place sees."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.sequences import SequenceStore, SkeletonSequence
from skeletonmae.skeletons import NTU25, PENN13

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("graph_pool")


def standing(**settings: Any) -> SkeletonSequence:
    """A body a meter and a half high, three meters away; the left wrist is not observed."""
    positions = np.zeros((1, 2, 25, 3), dtype=np.float32)
    positions[..., 2] = 3.0
    for joint, height in (("head", 1.5), ("left_hip", 0.8), ("right_hip", 0.8), ("left_ankle", 0.0)):
        positions[..., NTU25.index[joint], 1] = height
    positions[..., NTU25.index["left_hip"], 0], positions[..., NTU25.index["right_hip"], 0] = 0.2, -0.2
    observed = np.ones((1, 2, 25), dtype=bool)
    observed[..., NTU25.index["left_wrist"]] = False
    positions[~observed] = 0.0
    return SkeletonSequence(positions, observed, NTU25, **{"name": "one", "label": "walk"} | settings)


def test_a_projection_is_upright_in_pixels_and_lacks_what_was_not_observed(pool: Any) -> None:
    views = list(pool.project(standing(), PENN13, 3, 4))
    assert [view.name for view in views] == [f"one, camera {number}" for number in (1, 2, 3, 4)]
    widths = []
    for view in views:
        assert (view.unit, view.label, view.skeleton) == ("px", None, PENN13)
        assert not view.observed[..., PENN13.index["left_wrist"]].any()
        assert not view.positions[~view.observed].any()
        head, foot, left, right = (
            view.positions[0, 0, PENN13.index[joint]] for joint in ("head", "left_ankle", "left_hip", "right_hip")
        )
        assert 0.5 * 300 < foot[1] - head[1] < 2 * 300  # y points down, and a meter is about 200 pixels
        widths.append(float(left[0] - right[0]))
    assert len({round(width, 3) for width in widths}) == 4
    assert max(map(abs, widths)) < 2 * 0.4 * 200


def test_a_camera_in_front_sees_left_where_an_image_shows_it(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    still = {"yaw": 0.0, "pitch": (0.0, 0.0), "roll": 0.0, "distance": (1e4, 1e4)}
    monkeypatch.setattr(pool, "CAMERA", pool.CAMERA.model_copy(update=still))
    (view,) = pool.project(standing(), PENN13, 0, 1)
    left, right, head, foot = (
        view.positions[0, 0, PENN13.index[joint]] for joint in ("left_hip", "right_hip", "head", "left_ankle")
    )
    # +x is to the camera's left, so a joint there is on the left of the image.
    np.testing.assert_allclose(left - right, [-0.4 * 200, 0], atol=0.1)
    np.testing.assert_allclose(foot - head, [0, 1.5 * 200], atol=0.1)


def test_a_store_of_projections(pool: Any, tmp_path: Path, make_store: Any, capsys: Any) -> None:
    make_store(tmp_path / "a", [standing(name="one"), standing(name="two")])
    make_store(tmp_path / "b", [standing(name="one")])
    monkey = [str(tmp_path / "out"), str(tmp_path / "a"), str(tmp_path / "b"), "--views", "2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["graph_pool.py", *monkey])
        assert pool.main() == 0
        patch.setattr("sys.argv", ["graph_pool.py", str(tmp_path / "again"), str(tmp_path / "out")])
        assert pool.main() == 1
    assert "only 3D recordings can be projected" in capsys.readouterr().err
    store = SequenceStore.open(tmp_path / "out")
    assert (store.axes, store.unit, store.skeleton.name, len(store)) == (2, "px", "penn13", 6)
    assert store.name(0) == "a/one, camera 1"
    different = [store[index].positions for index in range(6)]
    assert all(not np.array_equal(different[0], other) for other in different[1:])
