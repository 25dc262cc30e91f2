"""The cases of `gpu.py`, and their order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from gpu_attention import measure_attention
from gpu_device import measure_ceilings, measure_store
from gpu_inference import measure_inference
from gpu_session import CROSS, MODELS, RECIPE_AS_IT_IS, Session
from gpu_training import measure_epoch, measure_profile, measure_step


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
