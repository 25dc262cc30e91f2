"""What every entry in `TRANSFORMS` must satisfy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch
from skeletonmae.errors import InputError
from skeletonmae.skeletons import LAYOUTS
from skeletonmae.transforms import TRANSFORMS

Make = Callable[..., Any]
entries = pytest.mark.parametrize("kind", TRANSFORMS)
NEEDS_3D = NEEDS_SHOULDERS_OR_HIPS = {"face_forward"}
TENSORS = ("positions", "observed", "label", "keys", "bridged")


def apply(kind: str, batch: Batch) -> Batch:
    moved = TRANSFORMS[kind]()(batch)  # type: ignore[operator]
    assert isinstance(moved, Batch)
    return moved


@entries
def test_settings_survive_json_and_state_their_kind(kind: str) -> None:
    transform = TRANSFORMS[kind]()
    assert transform.kind == kind  # type: ignore[attr-defined]
    assert TRANSFORMS[kind].model_validate_json(transform.model_dump_json()) == transform


@entries
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("axes", [2, 3])
def test_a_batch_stays_valid(make_batch: Make, kind: str, layout: str, axes: int) -> None:
    batch = make_batch((2, 0, 1), skeleton=LAYOUTS[layout], axes=axes)
    before = {name: getattr(batch, name).clone() for name in TENSORS}
    if axes == 2 and kind in NEEDS_3D:
        with pytest.raises(InputError, match=f"{kind}: needs 3D positions"):
            apply(kind, batch)
        return
    if kind in NEEDS_SHOULDERS_OR_HIPS and not batch.skeleton.left_right:
        with pytest.raises(InputError, match=f"{kind}: layout {layout} has neither two shoulders nor two hips"):
            apply(kind, batch)
        return
    moved = apply(kind, batch)
    assert moved.positions.shape == batch.positions.shape
    assert moved.positions.dtype == torch.float32
    assert moved.positions.isfinite().all()
    assert not moved.positions[~moved.observed].any()
    assert moved.observed.sum() <= batch.observed.sum()
    assert not moved.present[1].any()
    assert torch.equal(moved.label, batch.label)
    assert torch.equal(moved.keys, batch.keys)
    assert all(torch.equal(before[name], getattr(batch, name)) for name in TENSORS)


@entries
def test_a_clip_is_changed_in_the_same_way_in_any_batch(make_batch: Make, kind: str) -> None:
    batch = make_batch((2, 1, 2, 0))
    expected = apply(kind, batch)
    subset = torch.tensor([2, 0])
    result = apply(kind, batch.select(subset))
    torch.testing.assert_close(result.positions, expected.positions[subset], atol=1e-6, rtol=1e-6)
    assert torch.equal(result.observed, expected.observed[subset])
    torch.manual_seed(1)
    assert torch.equal(apply(kind, batch).positions, expected.positions)


@entries
@pytest.mark.parametrize("persons", [(), (0, 0)])
def test_empty_batches_and_clips_without_persons(make_batch: Make, kind: str, persons: tuple[int, ...]) -> None:
    moved = apply(kind, make_batch(persons))
    assert len(moved) == len(persons)
    assert not moved.positions.any()


@entries
def test_what_is_computed_on_a_gpu_is_the_same(
    make_batch: Make, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paths of the code for a GPU, which never wait for a number on it, taken on the CPU."""
    batch = make_batch((2, 1, 2, 0, 1, 3), lost=0.3)
    observed = batch.observed.clone()
    observed[0, :, :, 4:] = False  # neither hips nor legs
    batch = batch.with_positions(batch.positions, observed)
    expected = apply(kind, batch).tracks
    monkeypatch.setattr(torch.Tensor, "is_cpu", property(lambda _: False), raising=False)
    result = apply(kind, batch).tracks
    monkeypatch.undo()
    torch.testing.assert_close(result.positions, expected.positions, atol=1e-5, rtol=1e-5)
    assert torch.equal(result.observed, expected.observed)
    assert torch.equal(result.has_depth, expected.has_depth)
    torch.testing.assert_close(result.duration, expected.duration, equal_nan=True)
    if expected.root is not None:
        torch.testing.assert_close(result.root, expected.root, atol=1e-5, rtol=1e-5)
        assert torch.equal(result.root_observed, expected.root_observed)
