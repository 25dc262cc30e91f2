from __future__ import annotations

import math

import pytest
import torch

from skeletonmae.models import Attention, Block, DropPath


def test_attention_equals_a_plain_transcription() -> None:
    """Vaswani et al., *Attention Is All You Need*, 2017, equation 1, head by head and query by query."""
    torch.manual_seed(0)
    layer = Attention(8, 2)
    x, context = torch.randn(3, 4, 8), torch.randn(3, 5, 8)
    valid = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0], [0, 0, 0, 0, 1]]).bool()
    query, (key, value) = layer.query(x), layer.key_value(context).chunk(2, -1)
    expected = torch.zeros(3, 4, 8)
    for row in range(3):
        for head in range(2):
            part = slice(head * 4, head * 4 + 4)
            keys, values = key[row, valid[row], part], value[row, valid[row], part]
            for position in range(4):
                weight = torch.softmax(keys @ query[row, position, part] / math.sqrt(4), 0)
                expected[row, position, part] = weight @ values
    torch.testing.assert_close(layer(x, context, attn_mask=valid), layer.out(expected), atol=1e-6, rtol=1e-5)


def test_masked_keys_have_no_influence() -> None:
    torch.manual_seed(0)
    block, x = Block(16, 4), torch.randn(2, 6, 16)
    valid = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]]).bool()
    other = x.clone()
    other[0, 4:] = 100.0
    torch.testing.assert_close(block(x, attn_mask=valid)[0, :4], block(other, attn_mask=valid)[0, :4])
    torch.testing.assert_close(block(x, attn_mask=valid)[0, :4], block(x[:1, :4])[0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(block(x, attn_mask=valid)[1], block(x)[1], atol=1e-6, rtol=1e-5)


def test_queries_of_a_cross_block_are_independent() -> None:
    torch.manual_seed(0)
    block = Block(16, 4, cross=True)
    x, context = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    output = block(x, context=context)
    torch.testing.assert_close(output[:, 1:2], block(x[:, 1:2], context=context), atol=1e-6, rtol=1e-5)
    assert not torch.allclose(output, block(x, context=context + 1 * torch.randn(2, 5, 16)))


def test_a_cross_block_normalizes_its_context() -> None:
    torch.manual_seed(0)
    block = Block(16, 4, cross=True)
    x, context = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    torch.testing.assert_close(block(x, context=10 * context), block(x, context=context), atol=1e-4, rtol=1e-4)


def test_the_width_of_the_mlp_follows_its_ratio() -> None:
    narrow, wide = (
        sum(weight.numel() for weight in Block(16, 4, ratio).mlp.parameters() if weight.ndim == 2)
        for ratio in (2, 4)
    )
    assert (narrow, wide) == (2 * 16 * 32, 2 * 16 * 64)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="a width of 10 is not divisible by 4 heads"):
        Attention(10, 4)


def test_drop_path_skips_entire_rows_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer, x = DropPath(0.25), torch.ones(20_000, 2, 3)
    y = layer(x, lambda rows: 2 * rows)
    assert y.unique().tolist() == [1.0, pytest.approx(1 + 2 / 0.75)]
    assert (y == y[:, :1, :1]).all()
    assert float(y.mean()) == pytest.approx(3, abs=0.05)
    assert torch.equal(layer.eval()(x, lambda rows: 2 * rows), 3 * x)
    assert torch.equal(DropPath(0.0)(x, lambda rows: 2 * rows), 3 * x)


def test_drop_path_computes_only_the_rows_that_it_keeps() -> None:
    torch.manual_seed(0)
    x, mask = torch.arange(100.0)[:, None, None].expand(100, 2, 3), torch.arange(100)[:, None]
    seen: list[torch.Tensor] = []

    def branch(rows: torch.Tensor, mask: torch.Tensor, none: None) -> torch.Tensor:
        assert torch.equal(rows[:, 0, 0], mask[:, 0].float())
        seen.append(mask[:, 0])
        return rows

    y = DropPath(0.5)(x, branch, mask, None)
    assert 30 < len(seen[0]) < 70
    assert torch.equal((y[:, 0, 0] > x[:, 0, 0]).nonzero()[:, 0], seen[0][seen[0] > 0])


@pytest.mark.parametrize("cross", [False, True], ids=["self", "cross"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_skipping_rows_equals_multiplying_them_by_0(cross: bool, dtype: torch.dtype) -> None:
    """The same draw, with the branches of all rows computed and multiplied by 0 or 1 / (1 - rate)."""
    torch.manual_seed(0)
    block, x = Block(16, 4, cross=cross, drop_path=0.4), torch.randn(12, 5, 16)
    context = torch.randn(12, 7, 16) if cross else None
    attn_mask = torch.rand(12, 7 if cross else 5) < 0.7
    weights = list(block.parameters())
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        torch.manual_seed(1)
        skipped = block(x, context=context, attn_mask=attn_mask)
        torch.manual_seed(1)
        scale = [(torch.rand(12, 1, 1) >= 0.4) / 0.6 for _ in range(2)]
        y = x + scale[0] * block._attend(x, context, attn_mask)
        y = y + scale[1] * block._feed_forward(y)
    assert 0 < int((scale[0] == 0).sum()) < 12
    tolerance = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 0.05, "rtol": 0.05}
    torch.testing.assert_close(skipped, y, **tolerance)
    gradients = [torch.autograd.grad(out.square().sum(), weights) for out in (skipped, y)]
    for ours, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, wanted, atol=tolerance["atol"] * 100, rtol=tolerance["rtol"])


def test_skipping_rows_equals_the_full_block_in_expectation() -> None:
    torch.manual_seed(0)
    block, x = Block(16, 4, drop_path=0.3), torch.randn(1, 5, 16)
    expected = x + block._attend(x, None, None)
    mean = block.drop_path(x.expand(20_000, 5, 16), block._attend, None, None).mean(0, keepdim=True)
    torch.testing.assert_close(mean, expected, atol=0.02, rtol=0.02)
    assert (expected - x).abs().max() > 0.1


def test_all_rows_may_be_skipped() -> None:
    """Every weight still has a gradient, as training in several processes requires."""
    block, x = Block(16, 4, drop_path=1 - 1e-7), torch.randn(3, 5, 16)
    y = block(x)
    assert torch.equal(y, x)
    y.sum().backward()
    assert all(weight.grad is not None and not weight.grad.any() for weight in block.parameters())


def test_a_context_belongs_to_cross_attention() -> None:
    x = torch.randn(2, 3, 16)
    for block, context in ((Block(16, 4), x), (Block(16, 4, cross=True), None)):
        with pytest.raises(ValueError, match="if and only if it was made with cross=True"):
            block(x, context=context)
