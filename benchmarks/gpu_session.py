"""What the cases of `gpu.py` share: the sizes, the models, the generated recordings, and gpu.json."""

from __future__ import annotations

import gc
import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import ROOT
from gpu_flops import graph_flops, joint_patch_flops
from gpu_page import page
from gpu_runs import add_run

from skeletonmae.batches import Loader
from skeletonmae.files import write_text
from skeletonmae.methods import InputSpec, JointPatchMAEConfig, Method
from skeletonmae.recipe import Recipe, read_recipe
from skeletonmae.sequences import SequenceStore

NTU60_CLIPS = 40_000
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
