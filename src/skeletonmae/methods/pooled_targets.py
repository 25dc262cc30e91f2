"""Targets that are features of the motion in windows of several lengths, from networks that are trained along."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Patches
from skeletonmae.config import Config
from skeletonmae.methods.decorrelation import decorrelation
from skeletonmae.methods.method import MethodOutput
from skeletonmae.methods.targets import TargetNorm, make_targets
from skeletonmae.models.known_joints import joint_rows, known_joints
from skeletonmae.models.transformer import init_weights

TARGET_STD = "target_std"


class PooledConfig(Config):
    """The targets of `target: pooled`.

    Source: GFP, ICCV 2025, arXiv 2509.03609. The loss is the mean over levels of three terms with these weights.
    """

    width: int = Field(256, ge=2, le=16_384)
    """Number of features of a window."""
    window_steps: tuple[int, ...] | None = Field(None, max_length=16)
    """Numbers of time steps of the windows of a joint; must divide that of a clip. By default the divisors closest
    to a sixth and to a third of the clip, and the clip. One more window has all joints of the clip."""
    hidden_width: int = Field(512, ge=1, le=16_384)
    """Width of the two hidden layers of the networks for the windows of a joint."""
    global_hidden_width: int = Field(2048, ge=1, le=16_384)
    """Width of the two hidden layers of the network for all joints of the clip."""
    prediction_weight: float = Field(5.0, gt=0)
    """Weight of the mean squared error between predicted features and those of the targets."""
    covariance_weight: float = Field(5.0, ge=0)
    """Weight of the squared covariances between the features of the targets."""
    variance_weight: float = Field(1.0, ge=0)
    """Weight of how far the standard deviation of each feature of the targets is below 1."""

    def levels(self, time_steps: int) -> tuple[int, ...]:
        """Return the numbers of time steps of the windows of a joint.

        Raises:
            ValueError: One of them does not divide the number of time steps of a clip.
        """
        divisors = [steps for steps in range(1, time_steps + 1) if time_steps % steps == 0]
        if self.window_steps is None:
            shares = (time_steps / 6, time_steps / 3, time_steps)
            closest = [min(divisors, key=lambda steps: (abs(steps - share), steps)) for share in shares]
            return tuple(dict.fromkeys(closest))
        if wrong := [steps for steps in self.window_steps if steps not in divisors]:
            expected = ", ".join(map(str, divisors))
            raise ValueError(
                f"pooled.window_steps must divide the {time_steps} time steps: {expected}; got {wrong[0]}"
            )
        return self.window_steps


class PooledTargets(nn.Module):
    """Networks that turn the motion in a window into its target, and predict it from the decoder's output.

    Args:
        config: The settings.
        joint_to_row: Joint name -> row, of the joints that the model knows.
        time_steps: Number of time steps of a clip.
        token_frames: Number of frames of a token.
        axes: Number of coordinates of a joint.
    """

    def __init__(
        self, config: PooledConfig, joint_to_row: dict[str, int], time_steps: int, token_frames: int, axes: int
    ) -> None:
        super().__init__()
        self.config, self.joint_to_row = config, joint_to_row
        self.window_steps = config.levels(time_steps)
        inputs = [steps * token_frames * axes for steps in self.window_steps]
        self.target_networks = nn.ModuleList(_mlp(size, config.hidden_width, config.width) for size in inputs)
        global_inputs = time_steps * len(joint_to_row) * axes
        self.target_networks.append(_mlp(global_inputs, config.global_hidden_width, config.width))
        self.heads = nn.ModuleList(nn.Linear(config.width, config.width) for _ in self.target_networks)
        self.apply(init_weights)

    def forward(
        self,
        decoded: Float[Tensor, "track time_step joint width"],
        hidden: Bool[Tensor, "track time_step joint"],
        patches: Patches,
        target_norm: TargetNorm,
    ) -> MethodOutput:
        """Compute the loss of the windows that have a hidden token with a target.

        Args:
            decoded: The decoder's output for each token; 0 for unavailable ones.
            hidden: The hidden tokens.
            patches: All tokens.
            target_norm: How the motion is normalized before the networks see it.
        """
        motion = make_targets(patches, "motion", target_norm)
        is_target = hidden & motion.observed.any(3)
        losses, deviations, num_windows = [], [], []
        with torch.autocast(decoded.device.type, enabled=False):
            for level in range(len(self.heads)):
                pooled, valid = self._pool(level, decoded, patches.available, is_target)
                target = self.target_networks[level](self._motion_input(level, motion.values, patches))
                loss, deviation = self._level_loss(self.heads[level](pooled), target, valid)
                losses.append(loss)
                deviations.append(deviation)
                num_windows.append(valid.sum())
        logs = {TARGET_STD: torch.stack(deviations).mean()}
        return MethodOutput(torch.stack(losses).mean(), torch.stack(num_windows).sum().float(), logs)

    def _pool(
        self,
        level: int,
        decoded: Float[Tensor, "track time_step joint width"],
        available: Bool[Tensor, "track time_step joint"],
        is_target: Bool[Tensor, "track time_step joint"],
    ) -> tuple[Float[Tensor, "track window width"], Bool[Tensor, "track window"]]:
        """Average the decoder's output over the available tokens of each window, and tell which windows count."""
        features, is_token = self._windows(level, decoded), self._windows(level, available)
        count = is_token.sum(2)[..., None].clamp(min=1)
        mean = (features * is_token[..., None]).sum(2) / count
        return mean, self._windows(level, is_target).any(2)

    def _windows(self, level: int, tokens: Tensor) -> Tensor:
        """Group the tokens of a window: `(track, time_step, joint, ...)` -> `(track, window, token, ...)`."""
        if level == len(self.window_steps):
            return tokens.flatten(1, 2)[:, None]
        grouped = torch.unflatten(tokens, 1, (-1, self.window_steps[level]))
        return grouped.transpose(2, 3).flatten(1, 2)

    def _motion_input(
        self, level: int, motion: Float[Tensor, "track time_step joint frame axis"], patches: Patches
    ) -> Float[Tensor, "track window value"]:
        """Return the input of a target network: all motion in a window; for all joints the mean of each token."""
        if level < len(self.window_steps):
            return self._windows(level, motion).flatten(2)
        skeleton, device = patches.skeleton, motion.device
        is_known = known_joints(self.joint_to_row, skeleton, device)
        mean = motion.mean(3) * is_known[:, None]
        by_row = mean.new_zeros(*mean.shape[:2], len(self.joint_to_row), mean.shape[3])
        by_row = by_row.index_add(2, joint_rows(self.joint_to_row, skeleton, device), mean)
        return by_row.flatten(1)[:, None]

    def _level_loss(
        self,
        prediction: Float[Tensor, "track window width"],
        target: Float[Tensor, "track window width"],
        valid: Bool[Tensor, "track window"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return the weighted sum of the three terms, and the mean standard deviation of the target's features."""
        config, weight = self.config, valid.flatten().to(target.dtype)[:, None]
        prediction, target = prediction.flatten(0, 1), target.flatten(0, 1)
        count = weight.sum().clamp(min=1)
        error = ((prediction - target).square().mean(1, keepdim=True) * weight).sum() / count
        terms = decorrelation(target, valid.flatten())
        loss = config.prediction_weight * error + config.covariance_weight * terms.covariance
        return loss + config.variance_weight * terms.variance, terms.deviation.detach().mean()


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )
