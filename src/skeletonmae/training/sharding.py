"""Training with weights that are divided over the processes, by torch's FSDP2 (Zhao et al., VLDB 2023)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from skeletonmae.training.distributed import DistributedContext


class ShardedModel:
    """A copy of a model whose parameters are divided over all processes; the model itself stays whole.

    A process gathers the layers one at a time: the entries of each outermost list of modules, such as the blocks
    of a transformer. Buffers are not divided. All processes must call each method.

    Args:
        model: The model, which is not changed before `finish`.
        distributed: The processes.
    """

    def __init__(self, model: nn.Module, distributed: DistributedContext) -> None:
        self.unsharded = model
        self.module: Any = copy.deepcopy(model)  # which `fully_shard` gives the methods of an `FSDPModule`
        mesh = init_device_mesh(distributed.device.type, (distributed.world_size,))
        for layer in [*_layers(self.module), self.module]:
            fully_shard(layer, mesh=mesh)

    def gather(self, state: Any) -> Any:
        """Return a tree of mappings and lists with whole tensors in place of the divided ones."""
        if isinstance(state, Mapping):
            return {key: self.gather(value) for key, value in state.items()}
        if isinstance(state, list):
            return [self.gather(value) for value in state]
        return state.full_tensor().cpu() if isinstance(state, DTensor) else state

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Load whole tensors; each process keeps its part."""
        own = self.module.state_dict()
        self.module.load_state_dict({name: _divide(tensor, own[name]) for name, tensor in state.items()})

    def divide_moments(
        self, state: Mapping[int, Any], parameters: list[nn.Parameter]
    ) -> dict[int, dict[str, Any]]:
        """Divide the moments of an optimizer, each as its parameter; scalars are kept."""
        return {
            index: {
                name: _divide(value, parameters[index]) if value.ndim else value for name, value in moments.items()
            }
            for index, moments in state.items()
        }

    def finish(self, distributed: DistributedContext) -> nn.Module:
        """Return the whole model with the trained weights."""
        self.unsharded.load_state_dict(self.gather(self.module.state_dict()))
        return self.unsharded.to(distributed.device)


def _layers(module: nn.Module) -> list[nn.Module]:
    """The entries of the outermost lists in a module."""
    return [
        layer
        for child in module.children()
        for layer in (list(child) if isinstance(child, nn.ModuleList) else _layers(child))
    ]


def _divide(tensor: Tensor, like: Tensor) -> Tensor:
    """The part of a whole tensor that this process keeps. All processes have it, so nothing is exchanged."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
