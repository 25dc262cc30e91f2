"""Protocols to evaluate an encoder.

To add a protocol: write a frozen `Config` with its own `kind`, `result_keys` and `run(task) -> list[Result]` in a
separate file, and list it in `PROTOCOLS`.
"""

from skeletonmae.config import Config
from skeletonmae.evaluation.early import Early
from skeletonmae.evaluation.empty_clips import leave_out_empty_clips
from skeletonmae.evaluation.features import calibrate_batch_norm, extract_features
from skeletonmae.evaluation.few_shot import FewShot
from skeletonmae.evaluation.finetune import Finetune
from skeletonmae.evaluation.knn import KNN
from skeletonmae.evaluation.linear import LinearProbe
from skeletonmae.evaluation.protocol import EvaluationProtocol, EvaluationTask, check_finite
from skeletonmae.evaluation.reliability import describe_reliability, wilson_interval
from skeletonmae.evaluation.result import Result
from skeletonmae.evaluation.results_file import RESULTS, ResultsFile
from skeletonmae.evaluation.retrieval import Retrieval
from skeletonmae.evaluation.robustness import Robustness
from skeletonmae.evaluation.segmentation import Segmentation

PROTOCOLS: dict[str, type[Config]] = {
    "linear": LinearProbe,
    "knn": KNN,
    "finetune": Finetune,
    "retrieval": Retrieval,
    "few_shot": FewShot,
    "robustness": Robustness,
    "early": Early,
    "segmentation": Segmentation,
}
"""Kind -> protocol."""
CURVES = frozenset(kind for kind, protocol in PROTOCOLS.items() if getattr(protocol, "is_curve", False))
"""Kinds whose results are the points of a curve, such as the levels of a corruption."""

__all__ = [
    "CURVES",
    "KNN",
    "PROTOCOLS",
    "RESULTS",
    "EvaluationProtocol",
    "EvaluationTask",
    "Finetune",
    "LinearProbe",
    "Result",
    "ResultsFile",
    "calibrate_batch_norm",
    "check_finite",
    "describe_reliability",
    "extract_features",
    "leave_out_empty_clips",
    "wilson_interval",
]
