"""The classifier of `graph` that fine-tuning trains: STRL with a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Batch
from skeletonmae.config import Config
from skeletonmae.methods.frame_graph import FrameGraph
from skeletonmae.methods.method import Classifier
from skeletonmae.models.known_joints import check_clip_size
from skeletonmae.models.strl import STRL

if TYPE_CHECKING:
    from skeletonmae.methods.graph_mae import GraphMAE


EMBEDDINGS = ("strl.embed.", "strl.joint_identity.")


class STRLClassifierConfig(Config):
    """The classifier of `graph`, STRL."""

    kind: Literal["graph"] = "graph"
    depth: int = Field(3, ge=1, le=64)
    """Number of layers; each starts from the pre-trained encoder."""
    head_width: int = Field(256, ge=1, le=65_536)
    """Hidden width of the head."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout rate of the head."""


class STRLClassifier(Classifier):
    """STRL; mean over time and joints, mean over persons; linear, ReLU, linear.

    Args:
        method: The method whose encoder is copied.
        num_classes: Number of actions.
        config: The settings.
    """

    def __init__(self, method: GraphMAE, num_classes: int, config: STRLClassifierConfig) -> None:
        super().__init__()
        width, frames = method.config.width, method.spec.frames
        self.axes, self.frames, self.window = method.spec.axes, frames, method.config.window
        self.encoder_depth = method.config.depth
        self.strl = STRL(
            method.embedding,
            method.encoder,
            width=width,
            frames=frames,
            depth=config.depth,
            joint_identity=method.evaluated_identity,
            time_embed=method.time_embed,
        )
        self.starts_from_layer = method.time_embed is not None
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(width, config.head_width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.head_width, num_classes),
        )

    def forward(self, batch: Batch) -> Float[Tensor, "batch class"]:
        """Compute the logits of each clip.

        Raises:
            InputError: The clips have another number of frames or axes.
        """
        check_clip_size({"frames": self.frames}, batch.tracks.positions.shape[1:2])
        frames = FrameGraph(batch.tracks)
        features = self.strl(frames.inputs(self.axes, self.window), frames.graph)
        logits: Tensor = self.head(frames.mean_features(features))
        return logits

    def layer_id(self, parameter: str) -> int:
        """Return 0 for the joint embedding, 1, 2, ... for the layers of the encoder, then one for all the rest.

        All copies of a layer have the number that it has in the encoder, so that layer decay lowers the rate of
        what was pre-trained, and of nothing else.
        """
        if parameter.startswith(EMBEDDINGS):
            return 0
        return int(parameter.split(".")[5]) + 1 if ".encoder." in parameter else self.encoder_depth + 1

    def is_encoder(self, parameter: str) -> bool:
        """Return whether a parameter belongs to the joint embedding or to a copy of the encoder.

        With `pretrain_strl`, the layers of STRL are copies of what was pre-trained, and belong to it as well.
        """
        if self.starts_from_layer:
            return parameter.startswith("strl.")
        return parameter.startswith(EMBEDDINGS) or ".encoder." in parameter
