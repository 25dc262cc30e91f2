"""The loop, on torch and `torchrun`."""

from skeletonmae.training.config import TrainingConfig
from skeletonmae.training.loop import NotFiniteError, Progress, train
from skeletonmae.training.processes import Processes, choose_device, processes
from skeletonmae.training.run_folder import STATE, locked, read_log

__all__ = [
    "STATE",
    "NotFiniteError",
    "Processes",
    "Progress",
    "TrainingConfig",
    "choose_device",
    "locked",
    "processes",
    "read_log",
    "train",
]
