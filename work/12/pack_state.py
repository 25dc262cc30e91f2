"""Pack the `state.pt` of a run into less than 16 MiB, and unpack it again to resume.

    python work/12/pack_state.py pack runs/encoders/small/state.pt work/12/small.pt
    python work/12/pack_state.py unpack work/12/small.pt runs/encoders/small/state.pt

Weights stay in float32. The first moment becomes bfloat16, and the second moment 8 bits of its logarithm, in steps
of 15 %: with betas of (0.9, 0.95), AdamW forgets both within some fifty steps.
"""

import sys
from pathlib import Path

import torch

STEPS_PER_OCTAVE, LOWEST = 5, -48  # 2 ** (1 / 5) = 1.15 between steps, 256 of them from 2 ** -48 to 2 ** 3


def pack(state):
    """Return the state with moments of fewer bits."""
    for moments in state["optimizer"]["state"].values():
        moments["exp_avg"] = moments["exp_avg"].bfloat16()
        logarithm = moments["exp_avg_sq"].clamp(min=2.0**LOWEST).log2()
        moments["exp_avg_sq"] = ((logarithm - LOWEST) * STEPS_PER_OCTAVE).round().clamp(0, 255).to(torch.uint8)
    return state


def unpack(state):
    """Return the state with moments of 32 bits."""
    for moments in state["optimizer"]["state"].values():
        moments["exp_avg"] = moments["exp_avg"].float()
        level = moments["exp_avg_sq"].float()
        moments["exp_avg_sq"] = torch.where(level > 0, torch.exp2(level / STEPS_PER_OCTAVE + LOWEST), 0.0)
    return state


if __name__ == "__main__":
    action, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    state = torch.load(source, map_location="cpu", weights_only=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"pack": pack, "unpack": unpack}[action](state), target)
    print(f"{target}: step {state['step']}, {target.stat().st_size / 2**20:.1f} MiB")
