"""Measure training and inference on one GPU within a given time, and write gpu.json and gpu.md.

    python benchmarks/gpu.py --out benchmarks --budget-seconds 200
    python benchmarks/gpu.py --out benchmarks --merge benchmarks/gpu.json --series compiled --budget-seconds 90
    python benchmarks/gpu.py --out benchmarks --merge benchmarks/gpu.json --only attention,inference
    python benchmarks/gpu.py --out benchmarks --page       # write the page from gpu.json, measure nothing
    python benchmarks/gpu.py --out /tmp/gpu --quick        # tiny sizes, on a CPU too: a smoke test

gpu.json is written after every case, so that a run which is stopped leaves what it has measured. A case that fails
leaves its traceback there, and the run goes on. With --merge, the cases of an earlier file stay, unless they are
measured again.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_attention import allowed_kernels, measure_attention
from gpu_flops import graph_flops, joint_patch_flops
from gpu_page import page
from gpu_runs import add_run
from gpu_store import write_generated_store

from skeletonmae.batches import Batch, Loader
from skeletonmae.files import write_text
from skeletonmae.methods import InputSpec, JointPatchMAEConfig, Method
from skeletonmae.models.transformer import CUDA_KERNELS
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import DistributedContext, Progress, autocast, train
from skeletonmae.training.distributed import init_distributed

ROOT = Path(__file__).resolve().parents[1]
NTU60_CLIPS = 40_000
NUM_CLASSES = 60
DATA = (
    "data.frames=120",
    "data.sampling=crop",
    "data.crop=[0.5,1.0]",
    "data.bridge_seconds=0",
    "data.transforms=[{kind: center}]",
    "data.augment=[{kind: rotate, degrees: [17,17,17]}]",
)
MODELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "A1, cross, 0.25 predicted": ("mamp", ("method.decoder=cross", "method.predict_ratio=0.25")),
    "A1, self": ("mamp", ()),
    "A1, self, 0.25 predicted": ("mamp", ("method.predict_ratio=0.25",)),
    "B": ("graph", ()),
}
"""Name -> recipe of NTU-60, and what is set in it. All of them get `DATA`."""
RECIPE_AS_IT_IS, CROSS = "A1, self", "A1, cross, 0.25 predicted"
ATTENTION_KERNEL = re.compile(r"flash|fmha|mem_eff|sdpa|attention", re.IGNORECASE)


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    recordings: int = NTU60_CLIPS
    batches: tuple[int, ...] = (1024, 128, 4096)
    matmul: int = 8192
    copy_bytes: int = 2**31
    seconds: float = 2.5  # of a measurement
    max_steps: int = 20
    data: tuple[str, ...] = ()
    joint_patch: tuple[str, ...] = ()
    tokens: tuple[tuple[int, int], ...] = ((75, 75), (169, 75), (750, 750))  # queries and keys
    attention_rows: int = 1181  # tracks of a batch of 1024
    compiles: bool = True


QUICK = Sizes(
    recordings=8,
    batches=(4,),
    matmul=64,
    copy_bytes=2**16,
    seconds=0.0,
    data=("data.frames=8",),
    joint_patch=(
        *("method.width=16", "method.depth=1", "method.heads=2", "method.decoder_width=16"),
        *("method.decoder_depth=1",),
    ),
    tokens=((5, 5),),
    attention_rows=2,
    compiles=False,
)


@dataclass
class Session:
    """What all cases share.

    Args:
        device: The device that is measured.
        sizes: How much is measured.
        store: The generated recordings.
        out: Folder of gpu.json and gpu.md.
        deadline: When to stop, in seconds of `time.perf_counter`.
        facts: The measurements of this run.
        earlier: What gpu.json had before; cases that are measured again are replaced.
        only: Sections to measure; all if empty.
    """

    device: torch.device
    sizes: Sizes
    out: Path
    deadline: float
    facts: dict[str, Any]
    earlier: dict[str, Any] = field(default_factory=dict)
    only: frozenset[str] = frozenset()
    store: SequenceStore | None = None
    step_seconds: dict[tuple[str, int, bool], float] = field(default_factory=dict)

    def run(
        self, section: str, name: str, call: Callable[[], dict[str, Any]], needs: float, **settings: Any
    ) -> None:
        """Run a case, unless fewer than `needs` seconds are left, and write what is known so far.

        Args:
            section: Of the page.
            name: Of the case.
            call: Returns the measurements.
            needs: Seconds that it takes, roughly.
            settings: What else identifies the case.
        """
        if self.only and section not in self.only:
            return
        row: dict[str, Any] = {"section": section, "name": name} | settings
        left = self.deadline - time.perf_counter()
        started = time.perf_counter()
        if left < needs:
            row["skipped"] = f"{left:.0f} s were left, and it needs about {needs:.0f} s"
        else:
            try:
                row |= call()
            except torch.OutOfMemoryError as error:
                row["out_of_memory"] = str(error).splitlines()[0]
            except Exception:  # noqa: BLE001 - the other cases must still be measured
                row["error"] = traceback.format_exc()
            row["wall_seconds"] = round(time.perf_counter() - started, 2)
        self.facts["cases"].append(row)
        self.facts["seconds_used"] = round(time.perf_counter() - (self.deadline - self.facts["budget_seconds"]), 1)
        self.save()
        shown = {key: value for key, value in row.items() if not isinstance(value, (dict, list))}
        shown = {key: round(value, 5) if isinstance(value, float) else value for key, value in shown.items()}
        print(" ".join(f"{key}={value}" for key, value in shown.items()), flush=True)
        if self.device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()

    def save(self) -> None:
        """Write gpu.json and gpu.md."""
        everything = add_run(self.earlier, self.facts)
        write_text(self.out / "gpu.json", json.dumps(everything, indent=1) + "\n")
        write_text(self.out / "gpu.md", page(everything))

    def synchronize(self) -> None:
        """Wait until the device has done everything."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self, call: Callable[[], object]) -> float:
        """Return the seconds of a call, until the device has done it."""
        self.synchronize()
        started = time.perf_counter()
        call()
        self.synchronize()
        return time.perf_counter() - started

    def recipe(self, name: str, *overrides: str) -> Recipe:
        """Return the recipe of a model."""
        file, settings = MODELS[name]
        if file == "mamp":
            settings = (*settings, *self.sizes.joint_patch)
        path = ROOT / "recipes" / "ntu60" / f"{file}.yaml"
        everything = (*DATA, *self.sizes.data, "training.precision=bf16", *settings, *overrides)
        return read_recipe(path, everything)

    def spec(self, recipe: Recipe) -> InputSpec:
        """Return the shape of the clips."""
        assert self.store is not None
        return InputSpec(recipe.data.frames, self.store.axes, self.store.skeleton.joints)

    def method(self, recipe: Recipe) -> Method:
        """Return the method of a recipe with new weights."""
        torch.manual_seed(0)
        return recipe.build(self.spec(recipe))

    def loader(self, recipe: Recipe, batch_size: int, training: bool = True) -> Loader:
        """Return a loader of the generated recordings."""
        assert self.store is not None
        return recipe.data.clips.loader(
            self.store,
            np.arange(len(self.store)),
            batch_size=batch_size,
            training=training,
            device=self.device,
        )

    def flops(self, recipe: Recipe, num_tracks: float) -> float:
        """Return the operations of a step."""
        if isinstance(recipe.method, JointPatchMAEConfig):
            ratio = recipe.masking.ratio
            return num_tracks * joint_patch_flops(recipe.method, self.spec(recipe), ratio, 1)
        parts = self.store.skeleton.parts if self.store else {}
        num_hidden = sum(len(parts[part]) for part in recipe.method.joint_masking.parts)
        return num_tracks * graph_flops(recipe.method, self.spec(recipe), num_hidden, 1)

    @contextmanager
    def peak_memory(self, row: dict[str, Any]) -> Iterator[None]:
        """Add the peak memory of the block to `row`, in GiB: in tensors, and held by torch for them."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        yield
        if self.device.type == "cuda":
            row["peak_gib"] = torch.cuda.max_memory_allocated(self.device) / 2**30
            row["reserved_gib"] = torch.cuda.max_memory_reserved(self.device) / 2**30


def measure_ceilings(session: Session) -> dict[str, Any]:
    """Measure the rate of bf16 matrix products, of copies in memory, and of empty kernels."""
    sizes, device = session.sizes, session.device
    a, b = (torch.randn(sizes.matmul, sizes.matmul, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = torch.empty_like(a)
    x = torch.randn(sizes.copy_bytes // 4, device=device)
    y, small = torch.empty_like(x), torch.zeros(1, device=device)

    def rate(call: Callable[[], object], repeats: int, work: float) -> float:
        for _ in range(3):
            call()
        return max(work * repeats / session.seconds(lambda: [call() for _ in range(repeats)]) for _ in range(3))

    repeats = 60 if sizes.seconds else 2
    found = {
        "matmul_tflops": rate(lambda: torch.mm(a, b, out=product), repeats, 2 * sizes.matmul**3) / 1e12,
        "copy_gb_per_second": rate(lambda: y.copy_(x), repeats, 2 * x.numel() * 4) / 1e9,
        "launch_microseconds": 1e6 / rate(lambda: small.add_(1.0), 20 * repeats, 1),
    }
    session.facts["ceilings"] = found
    return found


def measure_store(session: Session, folder: Path) -> SequenceStore:
    """Generate the recordings, and open them: all other cases need them."""
    started = time.perf_counter()
    write_generated_store(folder, session.sizes.recordings, session.device)
    seconds = time.perf_counter() - started
    store = SequenceStore.open(folder)
    row = {
        "recordings": len(store),
        "tracks": int(store.num_persons.sum()),
        "frames": int(store.num_frames.sum()),
        "megabytes": sum(file.stat().st_size for file in folder.glob("*.npy")) / 1e6,
        "write_seconds": seconds,
    }
    session.run("store", "store", lambda: row, 0)
    return store


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


def measure_inference(session: Session, batch_size: int, precision: str) -> dict[str, Any]:
    """Time the classifier of the recipe on clips that lie ready on the device."""
    recipe = session.recipe(RECIPE_AS_IT_IS)
    model = session.method(recipe).classifier(NUM_CLASSES).to(session.device).eval()
    batch = session.loader(recipe, batch_size, training=False).batch(0, 0)
    row: dict[str, Any] = {}
    context: Any = autocast(precision, session.device)  # type: ignore[arg-type]
    with torch.inference_mode(), context, session.peak_memory(row):

        def call() -> None:
            model(batch).float().cpu()

        repeats = 40 if session.sizes.seconds else 2
        session.seconds(call)
        seconds = [session.seconds(call) for _ in range(repeats)]
    row["seconds"], row["fastest_seconds"] = statistics.median(seconds), min(seconds)
    row["clips_per_second"] = batch_size / row["seconds"]
    return row


def measure(session: Session, folder: Path, series: str) -> None:
    """Run the cases of a series, the most important first."""
    sizes, cases = session.sizes, Cases(session)
    best, *others = sizes.batches
    session.run("ceilings", "ceilings", lambda: measure_ceilings(session), 5)
    session.store = measure_store(session, folder / "store")
    if series == "compiled":
        return measure_compiled(cases, best)
    for name in (CROSS, RECIPE_AS_IT_IS, "B", "A1, self, 0.25 predicted"):
        cases.step(name, best, 8)
    cases.epoch(RECIPE_AS_IT_IS, best, 20)
    cases.epoch(CROSS, best, 10)
    for name in (CROSS, RECIPE_AS_IT_IS, "B"):
        cases.profile(name, best)
    cases.inference()
    cases.attention()
    for batch in others[:1]:
        for name in (CROSS, RECIPE_AS_IT_IS, "B"):
            cases.step(name, batch, 5)
    for batch in others[1:]:
        for name in (CROSS, "B", "A1, self, 0.25 predicted", RECIPE_AS_IT_IS):
            cases.step(name, batch, 8)
    if sizes.compiles:
        for name in (RECIPE_AS_IT_IS, CROSS, "B"):
            cases.step(name, best, 30, compiled=True)
        for name in (RECIPE_AS_IT_IS, CROSS):
            cases.epoch(name, best, 20, compiled=True)


def measure_compiled(cases: Cases, batch: int) -> None:
    """Compare compiled models with those that are not, and the attention kernels, within about 90 seconds."""
    compiles = cases.session.sizes.compiles
    for name, seconds in ((RECIPE_AS_IT_IS, 25), (CROSS, 15)):
        if compiles:
            cases.step(name, batch, seconds, compiled=True)
        cases.epoch(name, batch, 8, compiled=compiles, epochs=1)
    cases.step(RECIPE_AS_IT_IS, batch, 5)
    cases.step(CROSS, batch, 4)
    cases.step("B", batch, 3)
    cases.attention()
    if compiles:
        cases.profile(RECIPE_AS_IT_IS, batch, compiled=True)
    cases.step(RECIPE_AS_IT_IS, batch, 5, attention="cudnn")
    cases.inference()
    if compiles:
        cases.step("B", batch, 20, compiled=True)


@dataclass
class Cases:
    """The kinds of cases, which run in a session."""

    session: Session

    def step(
        self, name: str, batch: int, needs: float, *, compiled: bool = False, attention: str = "default"
    ) -> None:
        """Measure a step."""
        if compiled and MODELS[name][0] != "mamp":
            torch.compiler.reset()  # torch compiles a limited number of variants of a module's call
        call = partial(measure_step, self.session, name, batch, compiled=compiled, attention=attention)
        self.session.run("step", name, call, needs, batch=batch, compiled=compiled, attention=attention)

    def epoch(self, name: str, batch: int, needs: float, *, compiled: bool = False, epochs: int = 2) -> None:
        """Measure an epoch; `needs` counts if no step of the model has been measured."""
        session = self.session
        if seconds := session.step_seconds.get((name, batch, compiled)):
            needs = 0.5 + (epochs + 0.1) * session.sizes.recordings / batch * seconds
        call = partial(measure_epoch, session, name, batch, compiled=compiled, epochs=epochs)
        session.run("epoch", name, call, needs, batch=batch, compiled=compiled, attention="default")

    def profile(self, name: str, batch: int, *, compiled: bool = False) -> None:
        """List the kernels of a step."""
        call = partial(measure_profile, self.session, name, batch, compiled=compiled)
        self.session.run("profile", name, call, 4, batch=batch, compiled=compiled)

    def inference(self) -> None:
        """Measure the classifier."""
        for precision in ("bf16", "float32"):
            for batch in (1, 64):
                call = partial(
                    measure_inference, self.session, min(batch, self.session.sizes.recordings), precision
                )
                self.session.run("inference", precision, call, 2, batch=batch, precision=precision)

    def attention(self) -> None:
        """Compare the kernels of attention."""
        session = self.session
        for num_queries, num_keys in session.sizes.tokens:
            rows, repeats = session.sizes.attention_rows, 10 if session.sizes.seconds else 2
            call = partial(measure_attention, session.device, rows, num_queries, num_keys, repeats)
            session.run("attention", f"{num_queries} queries, {num_keys} keys", call, 2)


def expandable_segments() -> bool | None:
    """Return whether the allocator of torch grows its segments; None if torch does not say."""
    try:
        settings: dict[str, Any] = torch.cuda.memory._snapshot().get("allocator_settings", {})
    except (RuntimeError, AttributeError, TypeError):  # it is not documented, and nothing depends on it
        return None
    return settings.get("expandable_segments")


def environment(device: torch.device, command: list[str]) -> dict[str, Any]:
    """Return when, where and with what this was measured."""
    git = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    facts: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": git.stdout.strip(),
        "command": shlex.join(["python", "benchmarks/gpu.py", *command]),
        "device": str(device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        facts |= {
            "gpu": properties.name,
            "gpu_gib": properties.total_memory / 2**30,
            "cuda": torch.version.cuda,
            "expandable_segments": expandable_segments(),
            "attention_kernels": [kernel.name for kernel in CUDA_KERNELS],
        }
    return facts


def main() -> None:
    started = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu.json and gpu.md")
    parser.add_argument("--budget-seconds", type=float, default=200.0, help="seconds for all cases")
    parser.add_argument("--page", action="store_true", help="write gpu.md from gpu.json, and measure nothing")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: a smoke test, also on a CPU")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--recordings", type=int, help="number of generated recordings")
    parser.add_argument("--merge", type=Path, help="gpu.json of earlier runs, whose other cases are kept")
    parser.add_argument("--series", choices=("all", "compiled"), default="all", help="which cases to measure")
    parser.add_argument("--only", default="", help="sections to measure, separated by commas")
    parser.add_argument("--batches", type=int, nargs="+", help="batch sizes, the most important first")
    arguments = parser.parse_args()
    file = arguments.out / "gpu.json"
    if arguments.page:
        facts = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        return write_text(arguments.out / "gpu.md", page(facts))
    if arguments.device != "cuda" and not arguments.quick:
        parser.error("there is no GPU; --quick runs on a CPU")
    sizes = QUICK if arguments.quick else Sizes()
    if arguments.series == "compiled" and not arguments.quick:
        sizes = replace(sizes, seconds=1.0)
    if arguments.recordings:
        sizes = replace(sizes, recordings=arguments.recordings)
    if arguments.batches:
        sizes = replace(sizes, batches=tuple(arguments.batches))
    earlier = json.loads(arguments.merge.read_text(encoding="utf-8")) if arguments.merge else {}
    only = frozenset(filter(None, arguments.only.split(",")))
    # As the commands do: on a GPU, it tells the allocator of torch to grow its segments.
    with init_distributed(arguments.device) as context, tempfile.TemporaryDirectory() as folder:
        facts = environment(context.device, sys.argv[1:])
        facts |= {"budget_seconds": arguments.budget_seconds, "seconds_used": 0.0, "cases": []}
        deadline = started + arguments.budget_seconds
        session = Session(context.device, sizes, arguments.out, deadline, facts, earlier, only)
        measure(session, Path(folder), arguments.series)
    print(f"{facts['seconds_used']:.0f} s used; {file}", flush=True)


if __name__ == "__main__":
    main()
