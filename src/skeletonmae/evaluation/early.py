"""Frozen encoder, recognition before the action has ended."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from skeletonmae.config import Config
from skeletonmae.evaluation.altered_clips import FirstPart
from skeletonmae.evaluation.altered_probe import altered_key, evaluate_altered, with_metrics
from skeletonmae.evaluation.linear import LinearProbe
from skeletonmae.evaluation.protocol import EvaluationTask
from skeletonmae.evaluation.result import Result, ResultKey

Share = Annotated[float, Field(gt=0, le=1)]


class Early(Config):
    """A linear probe of full clips, tested on the first part of each test recording."""

    is_curve: ClassVar[bool] = True
    kind: Literal["early"] = "early"
    shares: tuple[Share, ...] = Field((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0), min_length=1)
    """Shares of the frames of a test recording, from its first; one result for each. Clips and views are chosen in
    the part, and no frame after it is used."""
    stretch: bool = True
    """Resample the part to all frames of a clip, as `predict` does with a recording that ends early. If false, the
    part keeps its speed, and nothing is observed in the frames that follow it."""
    probe: LinearProbe = LinearProbe()
    """The linear probe, with the settings of `linear`."""

    @property
    def result_keys(self) -> tuple[ResultKey, ...]:
        """The key of the result for each share."""
        return tuple(altered_key("early", self._setting(share), self.probe) for share in self.shares)

    def run(self, task: EvaluationTask) -> list[Result]:
        """One result for each share; the mean over all of them is among the metrics of the first."""
        parts = {self._setting(share): FirstPart(share=share, stretch=self.stretch) for share in self.shares}
        results = evaluate_altered(task, self.probe, parts, "early")
        mean = sum(result.top1 for result in results) / len(results)
        return with_metrics(results, {"mean_top1": mean})

    def _setting(self, share: float) -> str:
        return f"first={share:g}" + ("" if self.stretch else " unstretched")
