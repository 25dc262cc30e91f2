"""Training in `gpu.py`: steps, epochs, and what the time of a step goes into."""

from __future__ import annotations

import re
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from gpu_attention import allowed_kernels
from gpu_session import Session

from skeletonmae.batches import Batch, Loader
from skeletonmae.methods import Method
from skeletonmae.recipe import Recipe
from skeletonmae.training import DistributedContext, Progress, train

ATTENTION_KERNEL = re.compile(r"flash|fmha|mem_eff|sdpa|attention", re.IGNORECASE)


def measure_step(
    session: Session, name: str, batch_size: int, *, compiled: bool = False, attention: str = "default"
) -> dict[str, Any]:
    """Time steps on batches that lie ready on the device, and on the same batches from the loader.

    The batches that lie ready are run twice: in the first pass the numbers of tracks are new to torch and cuDNN.
    """
    settings = (f"training.batch_size={batch_size}", f"training.compile={str(compiled).lower()}")
    recipe, sizes = session.recipe(name, *settings), session.sizes
    loader, method = session.loader(recipe, batch_size), session.method(recipe)
    row: dict[str, Any] = {}
    with allowed_kernels(attention):
        started = time.perf_counter()
        times = train_steps(session, recipe, method, Batches(list(loader_batches(loader, 4))), {1, 2, 3, 4})
        row["warm_up_seconds"] = times[1] - started  # torch compiles for any number of tracks at the second one
        estimate = min(times[2] - times[1], times[3] - times[2])
        num = max(2, min(sizes.max_steps, int(sizes.seconds / estimate)))
        first, *batches = loader_batches(loader, num + 1)
        num_tracks = sum(len(batch.tracks) for batch in batches) / num
        both_passes = Batches([first, *batches, *batches])
        times = train_steps(session, recipe, method, both_passes, {1, num + 1, 2 * num + 1})
        row["new_shapes_seconds"], row["step_seconds"] = (times[1] - times[0]) / num, (times[2] - times[1]) / num
        del first, batches, both_passes
        row["load_seconds"] = session.seconds(lambda: list(loader_batches(replace(loader, prefetch=0), num))) / num
        from_loader = LoaderBatches(loader, num + 1)
        with session.peak_memory(row):
            times = train_steps(session, recipe, method, from_loader, {1, num + 1})
    row["step_with_loader_seconds"] = (times[-1] - times[0]) / num
    row["waited_share"] = sum(from_loader.waited[1:]) / (times[-1] - times[0])
    row["data_share"] = max(0.0, 1 - row["step_seconds"] / row["step_with_loader_seconds"])
    row["steps"], row["tracks_per_clip"] = num, num_tracks / batch_size
    row["clips_per_second"] = batch_size / row["step_with_loader_seconds"]
    row["step_teraflop"] = session.flops(recipe, num_tracks) / 1e12
    row["tflops"] = row["step_teraflop"] / row["step_with_loader_seconds"]
    if peak := session.facts.get("ceilings", {}).get("matmul_tflops"):
        row["share_of_peak"] = row["tflops"] / peak
    if attention == "default":
        session.step_seconds[name, batch_size, compiled] = row["step_with_loader_seconds"]
    return row


def measure_epoch(
    session: Session, name: str, batch_size: int, *, compiled: bool = False, epochs: int = 2
) -> dict[str, Any]:
    """Train by the training loop, with log and state, and return the seconds of the last epoch."""
    settings = (f"training.batch_size={batch_size}", f"training.compile={str(compiled).lower()}")
    recipe = session.recipe(name, *settings, f"training.epochs={epochs}")
    loader, method = session.loader(recipe, batch_size), session.method(recipe)
    times: list[float] = []

    def on_progress(progress: Progress) -> None:
        if progress.step % len(loader) == 0:
            session.synchronize()
            times.append(time.perf_counter())

    row: dict[str, Any] = {"clips": len(loader.index), "epochs": epochs}
    context = DistributedContext(0, 1, session.device)
    with tempfile.TemporaryDirectory() as folder, session.peak_memory(row):
        started = time.perf_counter()
        train(method, loader, recipe.training, context, folder=Path(folder), on_progress=on_progress)
        row["run_seconds"] = time.perf_counter() - started
    row["first_epoch_seconds"] = times[0] - started
    row["epoch_seconds"] = times[-1] - [started, *times][-2]
    row["minutes_400_epochs"] = 400 * row["epoch_seconds"] / 60
    row["clips_per_second"] = len(loader.index) / row["epoch_seconds"]
    return row


def measure_profile(session: Session, name: str, batch_size: int, *, compiled: bool = False) -> dict[str, Any]:
    """List the kernels that a step spends its time in, and the lines that wait for the device."""
    recipe = session.recipe(name, f"training.compile={str(compiled).lower()}")
    method, batch = session.method(recipe), session.loader(recipe, batch_size).batch(0, 0)
    row: dict[str, Any] = {}
    on_gpu = session.device.type == "cuda"
    activity = torch.profiler.ProfilerActivity.CUDA if on_gpu else torch.profiler.ProfilerActivity.CPU
    profiler = torch.profiler.profile(activities=[activity])

    def watch(step: int) -> None:  # steps 3 and 5 are watched, one for each purpose
        if on_gpu and step in (2, 3):
            torch.cuda.set_sync_debug_mode("warn" if step == 2 else "default")
        if step == 4:
            session.synchronize()
            profiler.start()
        if step == 5:
            session.synchronize()
            profiler.stop()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train_steps(session, recipe, method, Batches([batch] * 6), set(), watch)
    lines = Counter(
        f"{'/'.join(Path(warning.filename).parts[-2:])}:{warning.lineno}"
        for warning in caught
        if "synchroniz" in str(warning.message)
    )
    row["synchronizations"] = dict(lines.most_common())
    events = [
        (event.key, (event.self_device_time_total if on_gpu else event.self_cpu_time_total) / 1e6, event.count)
        for event in profiler.key_averages()
    ]
    events.sort(key=lambda event: -event[1])
    events = [event for event in events if event[1] > 0]  # the others are calls of the host
    row["kernel_seconds"] = sum(seconds for _, seconds, _ in events)
    row["num_kernels"] = sum(count for _, _, count in events)
    row["kernels"] = [[key[:160], seconds, count] for key, seconds, count in events[:25]]
    row["attention_kernels"] = sorted({key[:160] for key, _, _ in events if ATTENTION_KERNEL.search(key)})
    if seconds := session.step_seconds.get((name, batch_size, compiled)):
        row["busy_share"] = row["kernel_seconds"] / seconds
    return row


@dataclass(frozen=True)
class Batches:
    """Batches that lie ready on the device."""

    batches: list[Batch]

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, epoch: int, start: int) -> Iterator[Batch]:  # noqa: ARG002 - the same in every epoch
        """Yield the batches; they hold their tracks, like those of the loader, and cache nothing else."""
        return iter(self.batches[start:])


@dataclass
class LoaderBatches:
    """The first batches of a loader, and the seconds that the training loop waited for each of them."""

    loader: Loader
    num: int
    waited: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return self.num

    def epoch(self, epoch: int, start: int) -> Iterator[Batch]:  # noqa: ARG002 - there is one epoch
        """Yield the batches."""
        stream = loader_batches(self.loader, self.num)
        while True:
            started = time.perf_counter()
            batch = next(stream, None)
            self.waited.append(time.perf_counter() - started)
            if batch is None:
                return
            yield batch


def loader_batches(loader: Loader, num: int) -> Iterator[Batch]:
    """Yield `num` batches, of as many epochs as that takes."""
    for epoch in range(-(-num // len(loader))):
        yield from islice(loader.epoch(epoch), num - epoch * len(loader))


def train_steps(
    session: Session,
    recipe: Recipe,
    method: Method,
    batches: Any,
    synchronized: set[int],
    on_step: Callable[[int], None] | None = None,
) -> list[float]:
    """Train on the batches by the training loop.

    Args:
        session: What all cases share.
        recipe: Its training settings are used, for one epoch.
        method: The model.
        batches: One epoch.
        synchronized: Numbers of the steps, from 1, after which to wait for the device.
        on_step: Called after every step.

    Returns:
        The times after those steps.
    """
    times = []

    def on_progress(progress: Progress) -> None:
        if progress.step in synchronized:
            session.synchronize()
            times.append(time.perf_counter())
        if on_step:
            on_step(progress.step)

    settings = recipe.training.model_copy(update={"epochs": 1, "warmup_epochs": 0.0})
    train(method, batches, settings, DistributedContext(0, 1, session.device), on_progress=on_progress)
    return times
