"""Count the floating-point operations of a pre-training step.

One rule for all methods: a multiplication with its addition counts as two operations, and only matrix products
count. The backward pass takes two products for each of the forward pass, except for the first layer, whose input
needs no gradient. What an implementation computes again in the backward pass does not count. Tracks are the
persons who are present.
"""

from __future__ import annotations

import math

from skeletonmae.methods import GraphMAEConfig, InputSpec, JointPatchMAEConfig


def joint_patch_flops(config: JointPatchMAEConfig, spec: InputSpec, mask_ratio: float, num_tracks: int) -> int:
    """Return the operations of a step of `joint_patch` on tracks in which every joint is observed.

    Args:
        config: The settings of the method.
        spec: The shape of the clips.
        mask_ratio: Share of the tokens that are hidden.
        num_tracks: Number of tracks of the batch.
    """
    tokens = spec.frames // config.token_frames * len(spec.joints)
    hidden = round(tokens * mask_ratio)
    visible, queried = tokens - hidden, math.ceil(hidden * config.predict_ratio)
    first_layer = 2 * visible * config.token_frames * (spec.axes + 1) * config.width
    forward = first_layer + config.depth * block_flops(visible, visible, config.width, config.mlp_ratio)
    width = config.decoder_width
    forward += 2 * visible * config.width * width
    if config.decoder == "cross":
        block = block_flops(queried, visible, width, config.mlp_ratio)
    else:
        block = block_flops(visible + queried, visible + queried, width, config.mlp_ratio)
    forward += config.decoder_depth * block
    forward += 2 * queried * width * config.token_frames * spec.axes
    return num_tracks * (3 * forward - first_layer)


def block_flops(num_queries: int, num_keys: int, width: int, mlp_ratio: float) -> int:
    """Return the operations of a transformer block for one row, forward.

    Args:
        num_queries: Number of tokens that are updated.
        num_keys: Number of tokens that they attend to.
        width: Of the tokens.
        mlp_ratio: Hidden width of the MLP divided by `width`.
    """
    query, key_value, out = num_queries * width**2, 2 * num_keys * width**2, num_queries * width**2
    logits, mean = num_queries * num_keys * width, num_queries * num_keys * width
    mlp = 2 * num_queries * width * int(width * mlp_ratio)
    return 2 * (query + key_value + out + logits + mean + mlp)


def graph_flops(config: GraphMAEConfig, spec: InputSpec, num_hidden: float, num_tracks: int) -> float:
    """Return the operations of a step of `graph` with GIN layers, on tracks in which every joint is observed.

    Args:
        config: The settings of the method.
        spec: The shape of the clips.
        num_hidden: Number of hidden joints of a pose; only these are predicted.
        num_tracks: Number of tracks of the batch.
    """
    joints, width = len(spec.joints), config.width
    num_later_layers = config.depth + config.decoder_depth - 1
    poses = num_tracks * spec.frames
    nodes = poses * joints
    channels = spec.axes + 2  # coordinates, one, and whether the joint is hidden
    first_layer = 2 * nodes * joints * channels + 2 * 2 * nodes * channels * width
    linear = 2 * nodes * width**2
    messages = 2 * nodes * joints * width  # the product with the adjacency matrix, which has no gradient
    prediction = 2 * poses * num_hidden * width**2
    return first_layer + num_later_layers * (3 * 2 * linear + 2 * messages) + 3 * prediction
