"""What the methods on tokens share to show their predictions as positions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from skeletonmae.batches import Patches
from skeletonmae.masking import TokenMask
from skeletonmae.methods.method import Reconstruction
from skeletonmae.methods.targets import Targets


def denormalize(
    prediction: Float[Tensor, "track time_step joint frame axis"], targets: Targets
) -> Float[Tensor, "track time_step joint frame axis"]:
    """Undo the normalization of predicted targets.

    Tokens without a target have no true mean and scale, and are NaN.

    Args:
        prediction: Normalized targets of all tokens.
        targets: The true targets, with their mean and scale.
    """
    predicted = prediction * targets.std + targets.mean
    return predicted.masked_fill(~targets.observed.any(3)[..., None, None], torch.nan)


def first_reconstruction(
    predicted: Float[Tensor, "track time_step joint frame axis"], patches: Patches, mask: TokenMask
) -> Reconstruction:
    """Return the first track with predicted positions at its hidden tokens.

    Args:
        predicted: Predicted positions of all tokens.
        patches: The tokens.
        mask: Of all tokens.
    """
    positions = torch.where(mask.hidden[..., None, None], predicted, patches.values)
    return Reconstruction(
        mask.hidden[0].repeat_interleave(patches.values.shape[3], 0).cpu().numpy(),
        positions[0].transpose(1, 2).flatten(0, 1).float().cpu().numpy(),
    )
