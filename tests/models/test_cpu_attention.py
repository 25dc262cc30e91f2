from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from skeletonmae.models import cpu_attention as module
from skeletonmae.models.cpu_attention import FORMS, Form, Processor, choose_form, cpu_attention

forms = pytest.mark.parametrize("form", get_args(Form))
masked = pytest.mark.parametrize("is_masked", [False, True], ids=["all keys", "masked keys"])


def inputs(num_queries: int = 20, num_keys: int = 30) -> tuple[list[Tensor], Tensor, Tensor]:
    """Query, key and value, a mask and the gradient of the output, all of which bfloat16 holds exactly."""
    torch.manual_seed(0)
    shapes = ((3, num_queries), (3, num_keys), (3, num_keys))
    tensors = [torch.randn(rows, length, 2, 8).bfloat16().transpose(1, 2) for rows, length in shapes]
    attn_mask = torch.rand(3, 1, 1, num_keys) < 0.6
    return tensors, attn_mask, torch.randn(3, 2, num_queries, 8).bfloat16()


def run(
    tensors: list[Tensor], attn_mask: Tensor | None, gradient: Tensor, dtype: torch.dtype, form: Form
) -> list[Tensor]:
    """The output, and the gradients of query, key and value."""
    leaves = [tensor.to(dtype).clone().requires_grad_() for tensor in tensors]
    query, key, value = leaves
    output = cpu_attention(query, key, value, attn_mask, form)
    assert output.dtype == dtype
    output.backward(gradient.to(dtype))
    return [output.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def expected(tensors: list[Tensor], attn_mask: Tensor | None, gradient: Tensor) -> list[Tensor]:
    """The same by written-out products in float64."""
    query, key, value = leaves = [tensor.double().clone().requires_grad_() for tensor in tensors]
    logits = query @ key.transpose(2, 3) / 8**0.5
    if attn_mask is not None:
        logits = logits.masked_fill(~attn_mask, -torch.inf)
    output = logits.softmax(3) @ value
    output.backward(gradient.double())
    return [output.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def errors(computed: list[Tensor], exact: list[Tensor]) -> list[float]:
    """Relative error of the output and of the three gradients."""
    return [float((a.double() - b).norm() / b.norm()) for a, b in zip(computed, exact, strict=True)]


@forms
@masked
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_output_and_gradients_equal_products_in_float64(form: Form, is_masked: bool, dtype: torch.dtype) -> None:
    tensors, attn_mask, gradient = inputs()
    mask = attn_mask if is_masked else None
    found = errors(run(tensors, mask, gradient, dtype, form), expected(tensors, mask, gradient))
    assert len(found) == 4
    assert max(found) < (1e-6 if dtype == torch.float32 else 0.01)


@masked
def test_a_backward_pass_in_float32_is_more_exact(is_masked: bool) -> None:
    tensors, attn_mask, gradient = inputs(150, 300)
    mask = attn_mask if is_masked else None
    exact = expected(tensors, mask, gradient)
    mixed, fused = (
        errors(run(tensors, mask, gradient, torch.bfloat16, form), exact)
        for form in ("fused_float32_backward", "fused")
    )
    assert mixed[0] == fused[0]
    assert all(ours < 0.8 * torchs for ours, torchs in zip(mixed[1:], fused[1:], strict=True))


@masked
@pytest.mark.parametrize("block_size", [1, 30 * 20 * 4, 2**20])
def test_blocks_and_recomputed_weights_change_nothing(
    monkeypatch: pytest.MonkeyPatch, is_masked: bool, block_size: int
) -> None:
    tensors, attn_mask, gradient = inputs()
    mask = attn_mask if is_masked else None
    expected = run(tensors, mask, gradient, torch.float32, "blocks")
    monkeypatch.setattr(module, "BLOCK_SIZE", block_size)
    monkeypatch.setattr(module, "MAX_SAVED_KEYS", 0)
    for ours, wanted in zip(run(tensors, mask, gradient, torch.float32, "blocks"), expected, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-6, rtol=1e-5)


@forms
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_a_row_without_keys_gets_the_mean_of_its_values(form: Form, dtype: torch.dtype) -> None:
    tensors, attn_mask, gradient = inputs()
    attn_mask[1] = False
    output, *gradients = run(tensors, attn_mask, gradient, dtype, form)
    mean = tensors[2][1].float().mean(1, keepdim=True).expand(2, 20, 8)
    torch.testing.assert_close(output[1].float(), mean, atol=0.01, rtol=0.01)
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@forms
@pytest.mark.parametrize(("num_queries", "num_keys"), [(0, 5), (5, 0)])
def test_it_accepts_no_queries_and_no_keys(form: Form, num_queries: int, num_keys: int) -> None:
    tensors, attn_mask, gradient = inputs(num_queries, num_keys)
    output, *gradients = run(tensors, attn_mask, gradient, torch.bfloat16, form)
    assert output.shape == (3, 2, num_queries, 8)
    assert not any(bool(tensor.any()) for tensor in (output, *gradients))


@pytest.mark.parametrize("processor", get_args(Processor))
def test_every_number_of_keys_has_a_form(monkeypatch: pytest.MonkeyPatch, processor: Processor) -> None:
    monkeypatch.setattr(module, "processor", lambda: processor)
    assert choose_form(100_000, torch.bfloat16) == FORMS[processor][-1][1]
    assert choose_form(1, torch.bfloat16) == FORMS[processor][0][1]
    assert choose_form(40, torch.float32) == "products"
    assert choose_form(96, torch.float32) == "fused"
