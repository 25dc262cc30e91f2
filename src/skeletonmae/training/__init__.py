"""The training loop, on torch, in one process or several."""

from skeletonmae.training.config import TrainingConfig
from skeletonmae.training.distributed import DistributedContext, choose_device, init_distributed
from skeletonmae.training.loop import Progress, train
from skeletonmae.training.precision import autocast
from skeletonmae.training.run_folder import STATE, lock_folder, read_log, saved_step
from skeletonmae.training.stopping import TrainingStopped
from skeletonmae.training.trainer import NotFiniteError

__all__ = [
    "STATE",
    "DistributedContext",
    "NotFiniteError",
    "Progress",
    "TrainingConfig",
    "TrainingStopped",
    "autocast",
    "choose_device",
    "init_distributed",
    "lock_folder",
    "read_log",
    "saved_step",
    "train",
]
