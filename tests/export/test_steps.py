from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch

from skeletonmae.errors import InputError
from skeletonmae.export.resample import Clip
from skeletonmae.export.steps import TRANSFORMS, make_steps, make_transform
from skeletonmae.skeletons import HAND21, KINECT20
from skeletonmae.transforms import TRANSFORMS as ALL_TRANSFORMS
from skeletonmae.transforms import ClipConfig

RANDOM = set(ALL_TRANSFORMS) - set(TRANSFORMS)


def bridged_batch(make_batch: Callable[..., Any], **settings: Any) -> Any:
    """Clips of zero to two persons, with bridged joints; nothing is observed of the first person of the last clip's center."""
    batch = make_batch((2, 1, 0, 2, 1), lost=0.4, **settings)
    observed = batch.observed.clone()
    observed[3, 0, :, KINECT20.center_index] = False
    observed[4, :, :, KINECT20.index["left_hip"]] = False
    observed[4, :, :, KINECT20.index["left_shoulder"]] = False
    bridged = torch.rand(observed.shape, generator=torch.Generator().manual_seed(1)) < 0.2
    return batch.with_positions(batch.positions + 3.0, observed, bridged & observed)


CHAINS: list[dict[str, Any]] = [
    *({"transforms": ({"kind": kind},)} for kind in TRANSFORMS),
    {"stream": "bone"},
    {"stream": "motion"},
    {
        "transforms": ({"kind": "smooth", "sigma": 9.0}, {"kind": "center"}, {"kind": "face_forward"}),
        "stream": "motion",
    },
    {
        "transforms": ({"kind": "center"}, {"kind": "body_size"}),
        "final_transforms": ({"kind": "axis_range"},),
        "stream": "bone",
    },
]


@pytest.mark.parametrize("settings", CHAINS, ids=str)
def test_steps_equal_the_transforms_of_batches(settings: dict[str, Any], make_batch: Callable[..., Any]) -> None:
    clips = ClipConfig(**settings)
    batch = bridged_batch(make_batch)
    expected = clips.apply_transforms(batch)
    clip = Clip(batch.positions, batch.observed, batch.bridged, batch.duration)
    for step in make_steps(clips, KINECT20, 3):
        clip = step(clip)
    assert torch.equal(clip.observed, expected.observed)
    assert torch.equal(clip.bridged, expected.bridged)
    torch.testing.assert_close(clip.positions, expected.positions, atol=2e-5, rtol=1e-5)


def test_2d(make_batch: Callable[..., Any]) -> None:
    clips = ClipConfig(transforms=({"kind": "center"}, {"kind": "body_size"}))
    batch = bridged_batch(make_batch, axes=2)
    expected = clips.apply_transforms(batch).positions
    clip = Clip(batch.positions, batch.observed, batch.bridged, batch.duration)
    for step in make_steps(clips, KINECT20, 2):
        clip = step(clip)
    torch.testing.assert_close(clip.positions, expected, atol=1e-5, rtol=1e-5)


def test_what_is_not_exported_draws_random_numbers() -> None:
    for kind in RANDOM:
        module = inspect.getsource(inspect.getmodule(ALL_TRANSFORMS[kind]))  # type: ignore[arg-type]
        assert "rng(" in module, kind


@pytest.mark.parametrize("kind", sorted(RANDOM))
def test_random_transforms_are_refused(kind: str) -> None:
    with pytest.raises(InputError, match=f"center, face_forward.*got {kind}"):
        make_transform(ALL_TRANSFORMS[kind](), KINECT20, 3)


def test_face_forward_needs_three_axes_and_shoulders() -> None:
    face_forward = ALL_TRANSFORMS["face_forward"]()
    with pytest.raises(InputError, match="expected 3 axes; got 2"):
        make_transform(face_forward, KINECT20, 2)
    with pytest.raises(InputError, match="hand21 has neither two shoulders"):
        make_transform(face_forward, HAND21, 3)
