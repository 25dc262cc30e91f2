from __future__ import annotations

import pytest
import torch

from skeletonmae.masking import TokenIndex, TokenMask
from skeletonmae.masking.mask import lowest_k, mask_by_score


def flags(*rows: str) -> torch.Tensor:
    return torch.tensor([[char == "1" for char in row] for row in rows])


def test_token_index_by_hand() -> None:
    equal = TokenIndex.from_mask(flags("0110", "1001"))
    assert equal.index.tolist() == [[1, 2], [0, 3]]
    assert equal.valid is None
    assert equal.num_valid.tolist() == [2, 2]
    uneven = TokenIndex.from_mask(flags("0110", "0001", "0000"))
    assert uneven.valid is not None
    assert uneven.valid.tolist() == [[True, True], [True, False], [False, False]]
    assert uneven.index[0].tolist() == [1, 2]
    assert uneven.index[1, 0] == 3
    assert uneven.num_valid.tolist() == [2, 1, 0]
    tokens = torch.arange(12.0).view(3, 4, 1)
    assert uneven.gather(tokens)[0].flatten().tolist() == [1, 2]
    assert uneven.gather(tokens)[1, 0].tolist() == [7]


def test_padding_never_refers_to_a_token_that_was_not_selected() -> None:
    # A NaN in a hidden token would otherwise reach the others through attention, where 0 times NaN is NaN.
    selected = flags("0110", "0001")
    index = TokenIndex.from_mask(selected)
    assert index.gather(selected).all()


def test_no_rows_and_no_selected_tokens() -> None:
    assert TokenIndex.from_mask(torch.zeros(0, 4, dtype=torch.bool)).index.shape == (0, 0)
    none = TokenIndex.from_mask(flags("0000", "0000"))
    assert none.index.shape == (2, 0)
    assert none.num_valid.tolist() == [0, 0]


def test_only_available_tokens_are_hidden_and_one_stays_visible() -> None:
    available = flags("1111", "0110", "0000", "0011").view(4, 2, 2)
    mask = TokenMask.from_hidden(torch.ones(4, 2, 2, dtype=torch.bool), available)
    assert torch.equal(mask.hidden.flatten(1), flags("0111", "0010", "0000", "0001"))
    kept = TokenMask.from_hidden(flags("1100", "1000", "1111", "0001").view(4, 2, 2), available)
    assert torch.equal(kept.hidden.flatten(1), flags("1100", "0000", "0000", "0001"))


def test_every_token_is_hidden_visible_or_unavailable() -> None:
    dice = torch.Generator().manual_seed(0)
    available = torch.rand(6, 4, 5, generator=dice) < 0.8
    mask = TokenMask.from_hidden(torch.rand(6, 4, 5, generator=dice) < 0.5, available)
    for row in range(6):
        visible = mask.visible_index.index[row, : mask.visible_index.num_valid[row]].tolist()
        hidden = mask.hidden_index.index[row, : mask.hidden_index.num_valid[row]].tolist()
        both = [*visible, *hidden]
        assert sorted(both) == available[row].flatten().nonzero().flatten().tolist()
        assert len(set(both)) == len(both)


@pytest.mark.parametrize("padded", [False, True])
def test_restore_puts_visible_tokens_back(padded: bool) -> None:
    dice = torch.Generator().manual_seed(1)
    tokens, mask_token = torch.randn(3, 12, 4, generator=dice), torch.randn(4, generator=dice)
    hidden = flags("110000111000", "001100110010", "111110000000").view(3, 3, 4)
    available = torch.ones(3, 3, 4, dtype=torch.bool)
    if padded:
        available[1, 0] = False
    mask = TokenMask.from_hidden(hidden, available)
    back = mask.restore(mask.visible_index.gather(tokens), mask_token)
    visible = (mask.available & ~mask.hidden).flatten(1)
    assert torch.equal(back[visible], tokens[visible])
    assert torch.equal(back[~visible], mask_token.expand(int((~visible).sum()), 4))


def test_nothing_hidden() -> None:
    available = flags("1101", "0000").view(2, 2, 2)
    mask = TokenMask.all_visible(available)
    assert not mask.hidden.any()
    assert mask.visible_index.num_valid.tolist() == [3, 0]
    assert mask.hidden_index.index.shape == (2, 0)


def test_the_highest_scores_are_hidden_by_hand() -> None:
    score = torch.tensor([[0.9, 0.1, 0.5, 0.7], [0.9, 0.1, 0.5, 0.7]]).view(2, 2, 2)
    available = flags("1111", "0111").view(2, 2, 2)
    assert torch.equal(mask_by_score(score, available, 0.5).hidden.flatten(1), flags("1001", "0011"))


@pytest.mark.parametrize("num", [1, 2, 3, 10, 40, 750])
@pytest.mark.parametrize("ratio", [0.01, 0.5, 0.75, 0.9, 0.99])
def test_the_number_of_hidden_tokens_follows_the_ratio(num: int, ratio: float) -> None:
    dice = torch.Generator().manual_seed(num)
    available = torch.zeros(3, 750, 1, dtype=torch.bool)
    for row in range(3):
        available[row, torch.randperm(750, generator=dice)[:num]] = True
    hidden = mask_by_score(torch.rand(3, 750, 1, generator=dice), available, ratio).hidden
    expected = min(round(num * ratio), num - 1)  # one always stays visible
    assert hidden.sum((1, 2)).tolist() == [expected] * 3


def test_the_lowest_k_by_hand() -> None:
    values = torch.tensor([[0.3, 0.1, 0.2], [0.1, 0.3, 0.2]])
    assert torch.equal(lowest_k(values, 2), flags("011", "101"))
    assert torch.equal(lowest_k(values, torch.tensor([[1], [0]])), flags("010", "000"))
