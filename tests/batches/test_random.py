from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from skeletonmae.batches import SampleRng, sample_keys
from skeletonmae.batches.random import _splitmix64_of_tensor, splitmix64

MANY = 20_000


def make_rng(purpose: str = "test", seed: int = 0, epoch: int = 0, num: int = MANY) -> SampleRng:
    return SampleRng(sample_keys(seed, epoch, torch.arange(num)), purpose)


def correlation(a: Tensor, b: Tensor) -> float:
    return float(np.corrcoef(a.flatten(), b.flatten())[0, 1])


def test_uniform_is_uniform_over_samples_and_over_draws() -> None:
    for values in (make_rng().uniform(4), make_rng(num=4).uniform(MANY)):
        assert values.dtype == torch.float32
        assert 0 <= values.min() < 1e-3
        assert 1 - 1e-3 < values.max() < 1
        count = torch.histc(values, 20, 0, 1)
        chi2 = ((count - values.numel() / 20).square() / (values.numel() / 20)).sum()
        assert chi2 < 43.8  # 19 degrees of freedom, p = 0.001


def test_normal_has_the_moments_of_a_normal() -> None:
    values = make_rng().normal(4).double()
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
        assert float((values**power).mean()) == pytest.approx(moment, abs=0.06)
    inside = [float((values.abs() < sigma).double().mean()) for sigma in (1, 2, 3)]
    assert inside == pytest.approx([0.6827, 0.9545, 0.9973], abs=0.005)
    assert abs(correlation(values[:, 0], values[:, 1])) < 0.03


def test_gumbel_has_the_moments_of_a_gumbel_and_is_never_infinite(monkeypatch: pytest.MonkeyPatch) -> None:
    values = make_rng().gumbel(4).double()
    assert float(values.mean()) == pytest.approx(0.5772, abs=0.02)
    assert float(values.var()) == pytest.approx(np.pi**2 / 6, abs=0.05)
    ends = torch.tensor([[0.0, 1 - 2.0**-24]])  # the smallest and the largest number that can be drawn
    monkeypatch.setattr(SampleRng, "uniform", lambda *_: ends)
    assert make_rng().gumbel(2).isfinite().all()


def test_between_stays_in_its_range() -> None:
    values = make_rng().between(-3.0, 5.0, 2)
    assert -3 <= values.min() < -2.99
    assert 4.99 < values.max() <= 5
    assert float(values.mean()) == pytest.approx(1, abs=0.05)


def test_the_numbers_of_a_sample_do_not_depend_on_the_others() -> None:
    keys = sample_keys(5, 2, torch.arange(10))
    expected = SampleRng(keys, "a").normal(3, 2)
    subset = torch.tensor([7, 0, 3])
    assert torch.equal(SampleRng(keys[subset], "a").normal(3, 2), expected[subset])
    assert torch.equal(SampleRng(sample_keys(5, 2, subset), "a").normal(3, 2), expected[subset])
    for row in range(10):
        assert torch.equal(SampleRng(keys[row : row + 1], "a").normal(3, 2)[0], expected[row])


def test_successive_draws_continue_the_sequence() -> None:
    at_once, in_turn = make_rng(num=5), make_rng(num=5)
    assert torch.equal(at_once.uniform(6), torch.cat([in_turn.uniform(2), in_turn.uniform(4)], 1))


OTHERS = {
    "purpose": make_rng("other"),
    "no purpose": make_rng(""),
    "seed": make_rng(seed=1),
    "epoch": make_rng(epoch=1),
    "seed and epoch": make_rng(seed=1, epoch=-1),
    "index": SampleRng(sample_keys(0, 0, torch.arange(MANY) + 1), "test"),
    "later draw": make_rng(),
    "person": make_rng().for_tracks(torch.arange(MANY), torch.zeros(MANY, dtype=torch.int64)),
}
OTHERS["later draw"].uniform(1)


@pytest.mark.parametrize("difference", OTHERS)
def test_generators_are_independent(difference: str) -> None:
    reference, other = make_rng().uniform(1), OTHERS[difference].uniform(1)
    assert (reference == other).double().mean() < 0.001
    assert abs(correlation(reference, other)) < 0.03  # 4 sigma


def test_the_tracks_of_a_sample_are_independent() -> None:
    keys = sample_keys(0, 0, torch.arange(MANY // 2))
    clip_index = torch.arange(MANY // 2).repeat_interleave(2)
    person_index = torch.arange(2).repeat(MANY // 2)
    values = SampleRng(keys, "mask").for_tracks(clip_index, person_index).uniform(1).view(-1, 2)
    assert abs(correlation(values[:, 0], values[:, 1])) < 0.04
    alone = SampleRng(keys[7:8], "mask").for_tracks(torch.tensor([0]), torch.tensor([1])).uniform(1)
    assert torch.equal(alone[0], values[7, 1:])


def test_keys_of_long_runs_and_large_seeds_differ() -> None:
    keys_of_runs = [
        sample_keys(seed, epoch, torch.tensor([0, 1, 2**31, 10**10]))
        for seed in (0, 1, 2**31 - 1, 2**31, 2**32)
        for epoch in (0, 1, 10**6 - 1, 10**6)
    ]
    keys = torch.stack(keys_of_runs).flatten()
    assert len(set(keys.tolist())) == len(keys)
    values = SampleRng(keys, "x").uniform(100)
    assert float(values.mean()) == pytest.approx(0.5, abs=0.02)


def test_no_two_keys_of_a_run_are_equal() -> None:
    keys = torch.cat([sample_keys(3, epoch, torch.arange(2000)) for epoch in range(50)])
    assert len(keys.unique()) == len(keys)


def test_generators_can_skip_numbers_of_their_samples() -> None:
    keys, index, num = sample_keys(3, 1, torch.arange(4)), torch.tensor([2, 2, 0]), torch.tensor([0, 5, 10])
    every = SampleRng(keys, "a").uniform(20)
    skipped = SampleRng(keys, "a").skip(index, num)
    assert torch.equal(skipped.uniform(3), torch.stack([every[2, :3], every[2, 5:8], every[0, 10:13]]))
    rng = SampleRng(keys, "a")
    rng.uniform(2)
    assert torch.equal(
        rng.skip(index, num).uniform(1)[:, 0], torch.stack([every[2, 2], every[2, 7], every[0, 12]])
    )


def test_the_hash_is_the_same_with_signed_and_unsigned_integers() -> None:
    values = torch.randint(-(2**63), 2**63 - 1, (3, 1000), generator=torch.Generator().manual_seed(0))
    assert torch.equal(splitmix64(values), _splitmix64_of_tensor(values))
