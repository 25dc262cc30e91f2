"""The encoder of `joint_patch`, and the classifier that fine-tuning trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.methods.described_pooling import GROUPS
from skeletonmae.methods.joint_patch_features import embed_groups
from skeletonmae.methods.method import Classifier, Method
from skeletonmae.methods.method_config import InputSpec
from skeletonmae.models.joint_patch_transformer import JointPatchEncoder
from skeletonmae.models.transformer import init_weights

if TYPE_CHECKING:
    from skeletonmae.methods.joint_patch_config import JointPatchMAEConfig


class JointPatchClassifierConfig(Config):
    """The regularization and the head of the classifier of `joint_patch`."""

    kind: Literal["joint_patch"] = "joint_patch"
    dropout: float = Field(0.3, ge=0, lt=1)
    """Dropout rate of the head."""
    head_width: int = Field(2048, ge=1, le=65_536)
    """Hidden width of the head."""
    encoder_dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout rate of the encoder's blocks."""
    drop_path: float = Field(0.3, ge=0, lt=1)
    """Stochastic depth rate of the last block; it grows linearly from 0 at the first."""
    pooling: Literal["mean", "statistics"] = "mean"
    """What the head is given of each joint: its `mean` over time, or `statistics`, the mean and the standard
    deviation over time (statistics pooling: Snyder et al., *X-Vectors*, ICASSP 2018)."""


class JointPatchClassifier(Classifier):
    """Encoder; mean over time, joints concatenated, mean over persons; linear, batch norm, ReLU, linear.

    For an encoder that reads any layout, `described_pooling.GROUPS` are concatenated instead of joints. With the
    pooling `statistics`, the standard deviations over time follow the means.

    Args:
        encoder_config: The settings of the encoder.
        spec: The shape of the clips.
        encoder: The encoder that is copied.
        num_classes: Number of actions.
        config: The settings of the head.
    """

    def __init__(
        self,
        encoder_config: JointPatchMAEConfig,
        spec: InputSpec,
        encoder: JointPatchEncoder,
        num_classes: int,
        config: JointPatchClassifierConfig,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(encoder_config, spec, config.encoder_dropout, config.drop_path)
        self.encoder.load_state_dict(encoder.state_dict())
        self.pooling = config.pooling
        num_groups = len(GROUPS) if encoder.described else len(spec.joints)
        num_groups *= 2 if config.pooling == "statistics" else 1
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(num_groups * encoder_config.width, config.head_width),
            nn.BatchNorm1d(config.head_width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.head_width, num_classes),
        )
        self.head.apply(init_weights)

    def forward(self, batch: Batch) -> Float[Tensor, "batch class"]:
        """Compute the logits of each clip."""
        logits: Tensor = self.head(embed_groups(self.encoder, batch.tracks, self.pooling))
        return logits

    def layer_id(self, parameter: str) -> int:
        """Return 0 for patch and position embeddings, 1, 2, ... for the blocks, the last number for the head."""
        num_blocks = len(self.encoder.blocks)
        module, _, name = parameter.partition(".")
        if module == "head":
            return num_blocks + 1
        if name.startswith("blocks."):
            return int(name.split(".")[1]) + 1
        return num_blocks if name.startswith("norm") else 0


def build_encoder(
    config: JointPatchMAEConfig, spec: InputSpec, dropout: float = 0.0, drop_path: float = 0.0
) -> JointPatchEncoder:
    """Build the encoder of a method, or of its classifier."""
    return JointPatchEncoder(
        spec.joints,
        time_steps=spec.frames // config.token_frames,
        token_frames=config.token_frames,
        axes=spec.axes,
        width=config.width,
        depth=config.depth,
        heads=config.heads,
        mlp_ratio=config.mlp_ratio,
        dropout=dropout,
        drop_path=drop_path,
        described=config.reads_any_layout,
        motion_scale=config.motion_scale,
    )


def encoder_of(method: Method) -> JointPatchEncoder:
    """Return the encoder that evaluation uses.

    Raises:
        InputError: The method has another kind of encoder.
    """
    encoder = getattr(method, "evaluated_encoder", None) or getattr(method, "encoder", None)
    if not isinstance(encoder, JointPatchEncoder):
        problem = "the checkpoint has another kind of encoder"
        raise InputError(problem, where="init_from", expected="that of joint_patch", got=type(method).__name__)
    return encoder
