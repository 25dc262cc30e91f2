"""Complete runs: pre-train a model by a recipe, and evaluate it."""

from skeletonmae.runs.evaluation import evaluate
from skeletonmae.runs.model import ProgressCallback
from skeletonmae.runs.pretraining import LAST_MODEL, pretrain
from skeletonmae.runs.same_run import MODEL, RECIPE

__all__ = ["LAST_MODEL", "MODEL", "RECIPE", "ProgressCallback", "evaluate", "pretrain"]
