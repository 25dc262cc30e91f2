"""The weights of an encoder as they are saved inside a classifier."""

from __future__ import annotations

from torch import Tensor

from skeletonmae.checkpoint import Checkpoint, encoder_tensors


def portable_weights(checkpoint: Checkpoint, license: str) -> tuple[str, dict[str, Tensor]]:
    """Return the header and the weights of an encoder as they are saved inside a classifier.

    An encoder that `encoder_tensors` can save alone is in half precision. Any other method is saved whole, and
    so is a fine-tuned classifier.

    Args:
        checkpoint: The encoder, or a fine-tuned classifier.
        license: Its terms.
    """
    if is_halvable(checkpoint):
        header, tensors = encoder_tensors(checkpoint, license)
        return header.model_dump_json(), tensors
    weights = checkpoint.model.state_dict()
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    return checkpoint.header.model_copy(update={"license": license}).model_dump_json(), tensors


def is_halvable(checkpoint: Checkpoint) -> bool:
    """Return whether an encoder is saved alone and in half precision."""
    method = checkpoint.header.method
    if checkpoint.header.role == "classifier":
        return False
    return bool(method.kind == "joint_patch" and method.target != "teacher")


def round_weights(checkpoint: Checkpoint) -> None:
    """Round the weights of an encoder to half precision if they will be saved so: answers do not change."""
    if is_halvable(checkpoint):
        for parameter in checkpoint.method.parameters():
            parameter.data.copy_(parameter.data.half())
