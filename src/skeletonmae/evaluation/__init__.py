"""Ways to judge an encoder.

To add a protocol: a frozen `Config` with its own `kind` and `run(task) -> list[Result]` in a file of its own,
listed in `PROTOCOLS`.
"""

from skeletonmae.config import Config
from skeletonmae.evaluation.features import settle_norms
from skeletonmae.evaluation.finetune import Finetune
from skeletonmae.evaluation.knn import KNN
from skeletonmae.evaluation.linear import Linear
from skeletonmae.evaluation.protocol import Protocol, Result, Task, finite

PROTOCOLS: dict[str, type[Config]] = {"linear": Linear, "knn": KNN, "finetune": Finetune}
"""Kind -> protocol."""

__all__ = ["KNN", "PROTOCOLS", "Finetune", "Linear", "Protocol", "Result", "Task", "finite", "settle_norms"]
