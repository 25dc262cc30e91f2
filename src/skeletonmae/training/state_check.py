"""Checks of a saved training state: a file that was changed or made by hand is refused and never used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from skeletonmae.errors import InputError

MOMENTS = {
    torch.optim.SGD: ("momentum_buffer",),
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
}
"""What each optimizer keeps for a parameter: tensors of its shape, and for Adam the number of steps."""


def check_state(
    state: Mapping[str, Any],
    expected: Mapping[str, Any],
    optimizer: torch.optim.Optimizer,
    total_steps: int,
    file: Path,
) -> None:
    """Check that a saved state is one that the run could have written.

    Args:
        state: What was loaded.
        expected: The state of the same run before its first step.
        optimizer: The optimizer of the run.
        total_steps: Number of steps of the run.
        file: The file that the state came from, for messages.

    Raises:
        InputError: The state has missing or additional entries, numbers out of range, or tensors of another shape
            or type or with values that are not finite. The message names the entry.
    """
    try:
        _check_keys("the state", state, expected)
        step = _check_number("step", state["step"], integer=True, maximum=total_steps)
        num_terms = _check_number("num_terms", state["num_terms"])
        loss_sum = _check_number("loss_sum", state["loss_sum"], minimum=-math.inf)
        if not num_terms and loss_sum:
            raise _InvalidError("loss_sum", "0, because num_terms is 0", loss_sum)
        _check_tensors("model", state["model"], expected["model"])
        if expected["ema_model"] is None:
            if state["ema_model"] is not None:
                raise _InvalidError("ema_model", "None, because ema_decay is 0", type(state["ema_model"]).__name__)
        else:
            _check_tensors("ema_model", state["ema_model"], expected["ema_model"])
            if int(num_averaged := state["ema_model"]["n_averaged"]) != step:
                raise _InvalidError("ema_model.n_averaged", f"the step, {step}", int(num_averaged))
        _check_optimizer(state["optimizer"], expected["optimizer"], optimizer, int(step))
    except _InvalidError as error:
        problem = f"the state of the run is invalid: {error.entry}; delete this file to start over"
        raise InputError(problem, where=file, expected=error.expected, got=error.got) from error


class _InvalidError(Exception):
    """An entry is not what it must be."""

    def __init__(self, entry: str, expected: object, got: object) -> None:
        super().__init__(entry)
        self.entry, self.expected, self.got = entry, expected, got


def _check_keys(name: str, found: object, expected: Mapping[Any, Any] | set[Any]) -> None:
    """Check that `found` is a mapping with exactly the keys of `expected`."""
    if not isinstance(found, Mapping):
        raise _InvalidError(name, "a mapping", type(found).__name__)
    expected_keys = set(expected)
    if missing := [key for key in expected if key not in found]:
        raise _InvalidError(name, f"an entry {missing[0]!r}", "none")
    if extra := [key for key in found if key not in expected_keys]:
        raise _InvalidError(name, f"{len(expected_keys)} entries", f"an additional entry {str(extra[0])[:80]!r}")


def _check_number(
    name: str, value: object, *, integer: bool = False, minimum: float = 0, maximum: float = math.inf
) -> float:
    """Return a finite number within its range; with `integer`, an `int`."""
    kinds: tuple[type, ...] = (int,) if integer else (int, float)
    if type(value) not in kinds or not isinstance(value, int | float):
        raise _InvalidError(name, "a whole number" if integer else "a number", type(value).__name__)
    # Python compares whole numbers of any length with floats; `math.isfinite` would overflow.
    if value != value or not minimum <= value <= maximum or value in (math.inf, -math.inf):
        limits = f"a finite number from {minimum} to {maximum}"
        raise _InvalidError(name, limits, f"{value:.6g}" if isinstance(value, float) else str(value)[:40])
    return value


def _check_tensors(name: str, found: object, expected: Mapping[str, Tensor]) -> None:
    """Check that tensors have the names, shapes and data types of `expected`, and finite values."""
    _check_keys(name, found, expected)
    assert isinstance(found, Mapping)
    for key, tensor in expected.items():
        value = _check_tensor(f"{name}.{key}", found[key], tensor.shape, tensor.dtype)
        if key.endswith("running_var") and (value < 0).any():
            raise _InvalidError(f"{name}.{key}", "variances", "a negative value")


def _check_tensor(name: str, tensor: object, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """Return a dense tensor of a shape and type with finite values."""
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.device.type == "meta":
        raise _InvalidError(name, "a tensor", type(tensor).__name__)
    if (tensor.shape, tensor.dtype) != (shape, dtype):
        raise _InvalidError(name, f"{dtype} {tuple(shape)}", f"{tensor.dtype} {tuple(tensor.shape)}")
    if not tensor.isfinite().all():
        raise _InvalidError(name, "finite values", "infinity or NaN")
    return tensor


def _check_optimizer(found: Any, expected: Any, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Check the settings and the moments of every parameter."""
    _check_keys("optimizer", found, expected)
    groups = found["param_groups"]
    if not isinstance(groups, list) or len(groups) != len(expected["param_groups"]):
        got = f"{len(groups)} groups" if isinstance(groups, list) else type(groups).__name__
        raise _InvalidError("optimizer.param_groups", f"{len(expected['param_groups'])} groups", got)
    for index, (group, expected_group) in enumerate(zip(groups, expected["param_groups"], strict=True)):
        name = f"optimizer.param_groups.{index}"
        if not isinstance(group, dict):
            raise _InvalidError(name, "a mapping", type(group).__name__)
        for key in expected_group.keys() - {"lr"}:  # the learning rate is set in every step
            if (key in group or key == "params") and not _is_equal(group.get(key), expected_group[key]):
                raise _InvalidError(f"{name}.{key}", "the value of the recipe", "another one")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    _check_keys("optimizer.state", found["state"], set(range(len(parameters))) if step else set())
    names = MOMENTS[type(optimizer)]
    for index, moments in found["state"].items():
        name = f"optimizer.state.{index}"
        _check_keys(name, moments, set(names))
        for key in names:
            if key == "step":
                num_steps = float(_check_tensor(f"{name}.step", moments["step"], torch.Size(), torch.float32))
                if not 1 <= num_steps <= step:
                    raise _InvalidError(f"{name}.step", f"1 to {step}", num_steps)
                continue
            parameter = parameters[index]
            moment = _check_tensor(f"{name}.{key}", moments[key], parameter.shape, parameter.dtype)
            if key == "exp_avg_sq" and (moment < 0).any():
                raise _InvalidError(f"{name}.{key}", "means of squares", "a negative value")


def _is_equal(found: object, expected: object) -> bool:
    """Whether two settings are equal; neither is a tensor, because their types are equal."""
    return type(found) is type(expected) and bool(found == expected)
