"""The training loop against a plain reference implementation, on a model with a few weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skeletonmae.errors import InputError
from skeletonmae.training import DistributedContext, NotFiniteError, Progress, TrainingConfig, read_log, train

Samples = tuple[Tensor, Tensor]
Weights = dict[str, Tensor]


@dataclass
class Output:
    loss: Tensor
    num_terms: Tensor
    logs: dict[str, Tensor] = field(default_factory=dict)


class Toy(nn.Module):
    """Mean squared error over the samples of a batch; `dropout` makes it random."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))

    def forward(self, batch: Samples) -> Output:
        error = (self.net(batch[0])[:, 0] - batch[1]).square()
        return Output(error.mean(), torch.tensor(float(len(error))), {"worst": error.max().detach()})


@dataclass
class FixedBatches:
    """The same batches in every epoch, or those that a function of the epoch returns."""

    batches: list[Any] | Callable[[int], list[Any]]

    def of_epoch(self, epoch: int) -> list[Any]:
        return self.batches(epoch) if callable(self.batches) else self.batches

    def __len__(self) -> int:
        return len(self.of_epoch(0))

    def epoch(self, epoch: int, start: int) -> Iterator[Any]:
        return iter(self.of_epoch(epoch)[start:])


def random_batches(*sizes: int, seed: int = 0) -> list[Samples]:
    generator = torch.Generator().manual_seed(seed)
    return [(torch.randn(n, 3, generator=generator), torch.randn(n, generator=generator)) for n in sizes]


def weights(model: nn.Module) -> Weights:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def assert_same(got: Weights, expected: Weights, **tolerance: float) -> None:
    for name in got.keys() | expected.keys():
        torch.testing.assert_close(got[name], expected[name], **(tolerance or {"rtol": 0, "atol": 0}), msg=name)


def config(**settings: Any) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {"epochs": 3, "batch_size": 4, "lr": 0.05, "warmup_epochs": 1, "final_lr": 0.0, "checkpoint_seconds": 0}
        | settings
    )


def reference_training(
    batches: list[Samples], epochs: int, warmup: int, clip: float = 1.0
) -> tuple[nn.Module, list[Weights]]:
    """Train with AdamW, warm-up, cosine and clipping, written out; return the model and its weights after every step."""
    model, total, trace = Toy(), epochs * len(batches), []
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=False, foreach=False)
    for step in range(total):
        lr = 0.05 * (step + 1) / warmup
        if step >= warmup:
            lr = 0.05 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
        x, y = batches[step % len(batches)]
        optimizer.zero_grad()
        ((model.net(x)[:, 0] - y) ** 2).mean().backward()
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None))
        for p in model.parameters():
            assert p.grad is not None
            p.grad *= min(1.0, clip / norm)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        trace.append(weights(model))
    return model, trace


def test_training_equals_the_reference(alone: DistributedContext) -> None:
    batches = random_batches(4, 3, 4)
    expected, _ = reference_training(batches, epochs=3, warmup=3)
    model = train(Toy(), FixedBatches(batches), config(), alone)
    assert_same(weights(model), weights(expected), rtol=1e-5, atol=1e-6)
    assert not model.training


def test_gradient_accumulation_equals_one_large_batch_though_sizes_differ(alone: DistributedContext) -> None:
    large = random_batches(8, 6, 8)
    small = [(x[a:b], y[a:b]) for x, y in large for a, b in ((0, 1), (1, 3), (3, len(x)))]
    expected = train(Toy(), FixedBatches(large), config(batch_size=9), alone)
    model = train(Toy(), FixedBatches(small), config(batch_size=9, gradient_accumulation_steps=3), alone)
    assert_same(weights(model), weights(expected), rtol=1e-5, atol=1e-6)


def test_the_last_step_of_an_epoch_may_have_fewer_micro_batches(alone: DistributedContext) -> None:
    small = random_batches(4, 4, 4, 4, 4)
    joined = [tuple(torch.cat(pair) for pair in zip(small[i], small[i + 1], strict=True)) for i in (0, 2)]
    expected = train(Toy(), FixedBatches([*joined, small[4]]), config(), alone)
    model = train(Toy(), FixedBatches(small), config(gradient_accumulation_steps=2), alone)
    assert_same(weights(model), weights(expected), rtol=1e-5, atol=1e-6)


def test_batches_may_have_no_loss_term(alone: DistributedContext) -> None:
    class NoTerms(Toy):
        def forward(self, batch: Samples) -> Output:
            return Output(sum(p.sum() for p in self.parameters()) * torch.tensor(0.0), torch.tensor(0.0))

    model = NoTerms()
    before = weights(model)
    with pytest.raises(InputError, match="a whole epoch had nothing to learn from"):
        train(model, FixedBatches(random_batches(2)), config(weight_decay=0), alone)
    assert_same(weights(model), before)

    class TermsInFirstBatch(Toy):
        def forward(self, batch: Samples) -> Output:
            output = super().forward(batch)
            return output if batch is batches[0] else Output(output.loss * 0.0, torch.tensor(0.0))

    batches = random_batches(2)
    model = train(TermsInFirstBatch(), FixedBatches(batches), config(weight_decay=0), alone)
    assert any(not torch.equal(value, before[name]) for name, value in weights(model).items())


@pytest.mark.parametrize(("clip", "expected"), [(0.01, 0.01), (1e6, None), (None, None)])
def test_the_gradient_is_clipped_to_the_norm(
    alone: DistributedContext, monkeypatch: pytest.MonkeyPatch, clip: float | None, expected: float | None
) -> None:
    norms: list[float] = []
    step = torch.optim.AdamW.step

    def recording_step(self: torch.optim.AdamW, *args: Any) -> Any:
        grads = [p.grad for group in self.param_groups for p in group["params"]]
        norms.append(math.sqrt(sum(float(grad.square().sum()) for grad in grads)))
        return step(self, *args)

    monkeypatch.setattr(torch.optim.AdamW, "step", recording_step)
    model, batches = Toy(), random_batches(4)
    (model.net(batches[0][0])[:, 0] - batches[0][1]).square().mean().backward()
    unclipped = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None))
    train(Toy(), FixedBatches(batches), config(max_grad_norm=clip, epochs=1), alone)
    assert norms[0] == pytest.approx(expected or unclipped, rel=1e-3)


def test_epochs_are_added_until_there_are_enough_steps(alone: DistributedContext) -> None:
    reports: list[Progress] = []
    train(
        Toy(),
        FixedBatches(random_batches(2, 2, 2)),
        config(epochs=1, min_steps=7),
        alone,
        on_progress=reports.append,
    )
    assert [p.step for p in reports] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert reports[-1].epoch == reports[-1].epochs == 3
    without_added_epochs: list[Progress] = []
    train(
        Toy(),
        FixedBatches(random_batches(2, 2, 2)),
        config(epochs=4, min_steps=7),
        alone,
        on_progress=without_added_epochs.append,
    )
    assert len(without_added_epochs) == 12


def test_progress_reports_every_step(alone: DistributedContext) -> None:
    reports: list[Progress] = []
    train(
        Toy(),
        FixedBatches(random_batches(2, 2)),
        config(epochs=2, final_lr=0.01),
        alone,
        on_progress=reports.append,
    )
    assert [(p.step, p.total, p.epoch, p.epochs) for p in reports] == [
        (1, 4, 1, 2),
        (2, 4, 1, 2),
        (3, 4, 2, 2),
        (4, 4, 2, 2),
    ]
    assert [p.lr for p in reports] == pytest.approx([0.025, 0.05, 0.05, 0.03])
    assert reports[-1].seconds_left == 0
    assert all(p.batches_per_second > 0 for p in reports)
    x, y = random_batches(2, 2)[0]
    assert reports[0].loss == pytest.approx((Toy().net(x)[:, 0] - y).square().mean().item(), rel=1e-5)


def test_training_without_batches_is_refused(alone: DistributedContext) -> None:
    with pytest.raises(InputError, match="nothing to train on"):
        train(Toy(), FixedBatches([]), config(), alone)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_weights_change(
    alone: DistributedContext, tmp_path: Path, bad: float
) -> None:
    valid = random_batches(3, 3)
    spoiled = (valid[1][0], valid[1][1] * bad)
    after_each: list[Weights] = []
    model = Toy()
    with pytest.raises(NotFiniteError, match="step 3") as caught:
        train(
            model,
            FixedBatches([*valid, spoiled]),
            config(),
            alone,
            folder=tmp_path,
            on_progress=lambda _: after_each.append(weights(model)),
        )
    assert isinstance(caught.value, InputError)
    assert len(after_each) == 2
    assert_same(weights(model), after_each[-1])


def test_a_gradient_that_is_not_finite_stops_before_the_weights_change(alone: DistributedContext) -> None:
    class InfiniteSlope(Toy):
        def forward(self, batch: Samples) -> Output:
            return Output((self.net[0].weight.sum() * 0.0).sqrt(), torch.tensor(1.0))

    model = InfiniteSlope()
    before = weights(model)
    with pytest.raises(NotFiniteError, match="the gradient norm is nan at step 1"):
        train(model, FixedBatches(random_batches(2)), config(), alone)
    assert_same(weights(model), before)


def test_the_moving_average_of_weights_by_hand(alone: DistributedContext) -> None:
    batches = random_batches(4, 3)
    _, trace = reference_training(batches, epochs=3, warmup=2)
    expected = trace[0]
    for step_weights in trace[1:]:
        expected = {name: 0.7 * expected[name] + 0.3 * step_weights[name] for name in expected}
    model = train(Toy(), FixedBatches(batches), config(ema_decay=0.7), alone)
    assert_same(weights(model), expected, rtol=1e-4, atol=1e-5)
    assert (model.net[0].weight - trace[-1]["net.0.weight"]).abs().max() > 1e-3  # type: ignore[index,union-attr,operator]


def test_bf16_computes_in_bfloat16_and_keeps_float32_weights(alone: DistributedContext) -> None:
    dtypes: list[torch.dtype] = []

    class RecordingToy(Toy):
        def forward(self, batch: Samples) -> Output:
            dtypes.append(self.net(batch[0]).dtype)
            return super().forward(batch)

    model = train(RecordingToy(), FixedBatches(random_batches(4)), config(precision="bf16"), alone)
    assert set(dtypes) == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_the_log_has_the_mean_of_every_epoch(alone: DistributedContext, tmp_path: Path) -> None:
    reports: list[Progress] = []
    train(
        Toy(),
        FixedBatches(random_batches(4, 1)),
        config(lr=1e-3),
        alone,
        folder=tmp_path,
        on_progress=reports.append,
    )
    log = read_log(tmp_path)
    assert [(row["step"], row["epoch"]) for row in log] == [(2, 1), (4, 2), (6, 3)]
    for row, first, second in zip(log, reports[::2], reports[1::2], strict=True):
        assert row["loss"] == pytest.approx((4 * first.loss + second.loss) / 5, rel=1e-6)
        assert row["lr"] == pytest.approx(second.lr, rel=1e-8)
        assert row["worst"] == pytest.approx(second.loss, rel=1e-5)  # its batch has a single sample


class Killed(BaseException):
    pass


def by_epoch(epoch: int) -> list[Samples]:
    return random_batches(3, 2, 4, 1, seed=epoch)


def log_without_speed(folder: Path) -> list[Any]:
    return [{k: v for k, v in row.items() if k != "batches_per_second"} for row in read_log(folder)]


@pytest.mark.parametrize(
    "settings", [{}, {"ema_decay": 0.5, "gradient_accumulation_steps": 2}, {"ema_decay": 0.9, "precision": "bf16"}]
)
def test_a_stopped_run_ends_with_the_same_bits(
    alone: DistributedContext, tmp_path: Path, settings: dict[str, Any]
) -> None:
    def run(folder: str, report: Callable[[Progress], None] | None = None) -> Weights:
        batches, training = FixedBatches(by_epoch), config(**settings)
        model = train(Toy(dropout=0.5), batches, training, alone, folder=tmp_path / folder, on_progress=report)
        return weights(model)

    expected, log = run("unstopped"), log_without_speed(tmp_path / "unstopped")
    total = 3 * 4 // settings.get("gradient_accumulation_steps", 1)
    stops = set(range(1, total + 1))  # each step is done twice: the first time it is lost

    def stop(progress: Progress) -> None:
        if progress.step in stops:
            stops.remove(progress.step)
            raise Killed

    for _ in range(total):
        with pytest.raises(Killed):
            run("stopped", stop)
    assert_same(run("stopped", stop), expected)
    assert not stops
    assert log_without_speed(tmp_path / "stopped") == log
    assert_same(run("stopped"), expected)  # a finished run does nothing more
    assert log_without_speed(tmp_path / "stopped") == log


def test_the_state_is_saved_every_checkpoint_seconds(alone: DistributedContext, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 7:
            raise Killed

    with pytest.raises(Killed):
        train(
            Toy(), FixedBatches(by_epoch), config(checkpoint_seconds=1e9), alone, folder=tmp_path, on_progress=stop
        )
    assert not (tmp_path / "state.pt").exists()
    assert len(read_log(tmp_path)) == 1
    train(Toy(), FixedBatches(by_epoch), config(checkpoint_seconds=1e9), alone, folder=tmp_path)
    assert (tmp_path / "state.pt").exists()
    assert [row["step"] for row in read_log(tmp_path)] == [4, 8, 12]


def test_the_state_of_another_run_is_refused(alone: DistributedContext, tmp_path: Path) -> None:
    train(Toy(), FixedBatches(random_batches(2)), config(), alone, folder=tmp_path, fingerprint="one")
    with pytest.raises(InputError, match="another recipe or of other data"):
        train(Toy(), FixedBatches(random_batches(2)), config(), alone, folder=tmp_path, fingerprint="two")


def test_without_a_folder_no_file_is_written(
    alone: DistributedContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(Toy(), FixedBatches(random_batches(2)), config(), alone)
    assert list(tmp_path.iterdir()) == []
