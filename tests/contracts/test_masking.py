"""What every strategy in `MASKINGS` must hold."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from skeletonmae.batches import Patches, SampleRng, sample_keys
from skeletonmae.masking import MASKINGS, TokenMask
from skeletonmae.skeletons import LAYOUTS, NTU25, Skeleton

entries = pytest.mark.parametrize("kind", MASKINGS)
MANY = Skeleton(  # more joints than any sensor's layout
    "many",
    joints=tuple(f"joint {i}" for i in range(40)),
    parents={f"joint {i}": f"joint {i - 1}" for i in range(1, 40)},
    parts={
        half: tuple(f"joint {i}" for i in range(20 * n, 20 * n + 20)) for n, half in enumerate(("upper", "lower"))
    },
)
SKELETONS = [*LAYOUTS.values(), MANY]


def patches_of(num: int, steps: int = 5, skeleton: Skeleton = NTU25, lost: float = 0.4) -> Patches:
    dice = torch.Generator().manual_seed(2)
    values = torch.randn(num, steps, skeleton.num_joints, 4, 3, generator=dice)
    values *= 10 ** torch.randn(
        num, 1, 1, 1, 1, generator=dice
    )  # whoever looks at the others' motion is led astray
    observed = (
        torch.rand(values.shape[:-1], generator=dice) >= lost**0.25
    )  # the share of tokens that were never observed
    if lost == 0:
        observed[:] = True
    return Patches(values * observed[..., None], observed, skeleton)


def draw(kind: str, patches: Patches, keys: Any = None, **settings: Any) -> TokenMask:
    keys = sample_keys(0, 0, torch.arange(len(patches.values))) if keys is None else keys
    mask = MASKINGS[kind](**settings)(patches, SampleRng(keys, "mask"))  # type: ignore[operator]
    assert isinstance(mask, TokenMask)
    return mask


@entries
def test_its_settings_know_their_kind(kind: str) -> None:
    made = MASKINGS[kind]()
    assert made.kind == kind  # type: ignore[attr-defined]
    assert MASKINGS[kind].model_validate_json(made.model_dump_json()) == made


@entries
@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("lost", [0.0, 0.4, 0.95, 1.0])
def test_only_available_tokens_are_hidden_and_one_stays_visible(
    kind: str, skeleton: Skeleton, lost: float
) -> None:
    patches = patches_of(30, skeleton=skeleton, lost=lost)
    mask = draw(kind, patches)
    assert torch.equal(mask.available, patches.available)
    assert not (mask.hidden & ~mask.available).any()
    some = mask.available.flatten(1).any(1)
    assert torch.equal((mask.available & ~mask.hidden).flatten(1).any(1), some)
    if lost == 0:
        assert mask.hidden.flatten(1).any(1).all()


@entries
def test_the_mask_of_a_track_does_not_depend_on_other_tracks(kind: str) -> None:
    patches, keys = patches_of(12), sample_keys(1, 4, torch.arange(12))
    whole = draw(kind, patches, keys).hidden
    torch.manual_seed(5)
    assert torch.equal(draw(kind, patches, keys).hidden, whole)
    for some in (torch.tensor([11, 3]), *torch.arange(12)[:, None]):
        part = Patches(patches.values[some], patches.observed[some], NTU25)
        assert torch.equal(draw(kind, part, keys[some]).hidden, whole[some])


@entries
def test_masks_differ_from_track_to_track_and_epoch_to_epoch(kind: str) -> None:
    # How many masks there are to draw from is the strategy's own affair: a window has few places.
    patches = patches_of(40, steps=12, lost=0.0)
    first, second = (draw(kind, patches, sample_keys(0, epoch, torch.arange(40))).hidden for epoch in (0, 1))
    assert len({tuple(row) for row in first.flatten(1).tolist()}) > 1
    assert not torch.equal(first, second)


@entries
def test_padding_is_used_only_where_rows_differ(kind: str) -> None:
    mask = draw(kind, patches_of(40, lost=0.0))
    count = (~mask.hidden).sum((1, 2))
    assert torch.equal(mask.visible_index.num_valid, count)
    assert (mask.visible_index.valid is None) == bool((count == count[0]).all())


@entries
@pytest.mark.parametrize("steps", [1, 5])
def test_no_track_and_one_step(kind: str, steps: int) -> None:
    assert draw(kind, patches_of(0, steps)).hidden.shape == (0, steps, 25)
    one = draw(kind, patches_of(3, steps, lost=0.0))
    assert (~one.hidden).flatten(1).any(1).all()


@entries
def test_the_global_generator_is_not_used(kind: str) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    draw(kind, patches_of(4))
    assert torch.equal(torch.rand(3), expected)
