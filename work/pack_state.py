"""Pack the `state.pt` of a run into two files of less than 16 MiB each, and unpack them again to resume.

    python work/pack_state.py pack runs/encoders/base/state.pt work/12/base
    python work/pack_state.py unpack work/12/base runs/encoders/base/state.pt

Weights become float16, in `base.weights.pt`. In `base.moments.pt`, the first moment has 8 bits (float8 of its
share of the square root of the second), and the second the 8 bits of its logarithm, in steps of 15 %. AdamW
forgets both within some fifty steps (betas of 0.9 and 0.95), so a run goes on nearly as it was.
"""

import sys
from pathlib import Path

import torch

STEPS_PER_OCTAVE, LOWEST = 5, -48  # 2 ** (1 / 5) = 1.15 between steps, 256 of them from 2 ** -48 to 2 ** 3


def pack(state):
    """Return what is not in the optimizer, with weights of 16 bits, and the optimizer with moments of 8 bits."""
    optimizer = state.pop("optimizer")
    for moments in optimizer["state"].values():
        variance = moments["exp_avg_sq"].clamp(min=2.0**LOWEST)
        moments["exp_avg"] = (moments["exp_avg"] / variance.sqrt()).to(torch.float8_e4m3fn)
        level = ((variance.log2() - LOWEST) * STEPS_PER_OCTAVE).round()
        moments["exp_avg_sq"] = level.clamp(0, 255).to(torch.uint8)
    for name in ("model", "ema_model"):
        if state[name]:
            half = {key: value.half() for key, value in state[name].items() if value.is_floating_point()}
            state[name] = state[name] | half
    return state, optimizer


def unpack(state, optimizer):
    """Return the state with weights and moments of 32 bits."""
    for moments in optimizer["state"].values():
        variance = torch.exp2(moments["exp_avg_sq"].float() / STEPS_PER_OCTAVE + LOWEST)
        moments["exp_avg"], moments["exp_avg_sq"] = moments["exp_avg"].float() * variance.sqrt(), variance
    for name in ("model", "ema_model"):
        if state[name]:
            whole = {key: value.float() for key, value in state[name].items() if value.dtype == torch.half}
            state[name] = state[name] | whole
    return state | {"optimizer": optimizer}


def load(path):
    """Return a tree of tensors from a file."""
    return torch.load(path, map_location="cpu", weights_only=True)


if __name__ == "__main__":
    action, source, target = sys.argv[1:]
    if action == "pack":
        for name, part in zip(("weights", "moments"), pack(load(source)), strict=True):
            file = Path(f"{target}.{name}.pt")
            torch.save(part, file)
            print(f"{file}: {file.stat().st_size / 2**20:.1f} MiB")
    else:
        state = unpack(load(f"{source}.weights.pt"), load(f"{source}.moments.pt"))
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, target)
        print(f"{target}: step {state['step']}")
