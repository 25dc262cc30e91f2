"""Method B, the graph masked autoencoder of single frames."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Batch
from skeletonmae.config import Config, tagged_union
from skeletonmae.masking import JOINT_MASKINGS, JointMasking, Masking, RandomParts
from skeletonmae.methods.frame_graph import FrameGraph
from skeletonmae.methods.graph_losses import (
    constant_baseline,
    cosine_to_target,
    edge_loss,
    nearest_position,
    scaled_cosine_error,
)
from skeletonmae.methods.method import (
    Classifier,
    InputSpec,
    Method,
    MethodConfig,
    MethodOutput,
    Reconstruction,
    resolve_config,
    zero_loss,
)
from skeletonmae.methods.pooling import Pooling, check_last_blocks, pool_sums
from skeletonmae.models.gnn import GNN, GNNType, SkeletonGraph
from skeletonmae.models.known_joints import check_any_joint_known, check_clip_size
from skeletonmae.models.strl import STRL

AnyJointMasking: Any = tagged_union(JOINT_MASKINGS)


class GraphMAEConfig(MethodConfig):
    """The graph masked autoencoder: embed the joints of a frame, mask some and predict their embeddings.

    Source: Yan et al., *SkeletonMAE: Graph-based Masked Autoencoder*, ICCV 2023.
    """

    masks_tokens: ClassVar[bool] = False

    kind: Literal["graph"] = "graph"
    joint_masking: AnyJointMasking = RandomParts()
    """The joints that are hidden, in all frames of a clip."""
    gnn: GNNType = "gin"
    """Type of the graph layers: sum of the neighbors (GIN), mean by degree (GCN), or attention (GAT)."""
    width: int = Field(64, ge=4, le=16_384)
    """Width of every joint in every layer; must be a multiple of 4, and divisible by `heads` for `gat`."""
    depth: int = Field(3, ge=1, le=256)
    """Number of encoder layers."""
    decoder_depth: int = Field(1, ge=1, le=256)
    """Number of decoder layers."""
    heads: int = Field(4, ge=1)
    """Number of attention heads of `gat`."""
    remask: bool = True
    """Whether the encoder output of hidden joints is set to 0 before the decoder."""
    beta: float = Field(2.0, ge=1)
    """Exponent of the error 1 - cosine (gamma in GraphMAE). The larger, the less easy joints count."""
    edge_loss_weight: float = Field(0.0, ge=0)
    """Weight of an additional loss: predicting the neighbors of a hidden joint from the decoder output."""

    def build(self, spec: InputSpec, masking: Masking | None = None) -> GraphMAE:  # noqa: ARG002 - masks joints
        """Build the method for clips of `spec`."""
        return GraphMAE(self, spec)


class GraphMAE(Method):
    """Put a mask token at hidden joints, encode each frame and predict the embeddings of the hidden joints."""

    def __init__(self, config: GraphMAEConfig, spec: InputSpec) -> None:
        super().__init__()
        if config.width % 4:
            raise ValueError(f"width must be a multiple of 4; got {config.width}")
        self.config, self.spec = config, spec
        self.joint_masking: JointMasking = config.joint_masking
        self.embedding = nn.Linear(spec.axes, config.width)
        self.mask_token = nn.Parameter(torch.randn(config.width) * 0.02)
        self.encoder = GNN(config.gnn, config.width, config.depth, config.heads)
        self.encoder_to_decoder = nn.Linear(config.width, config.width, bias=False)
        self.decoder = GNN(config.gnn, config.width, config.decoder_depth, config.heads, final_norm=False)

    def forward(self, batch: Batch) -> MethodOutput:
        """Scaled cosine error of the hidden joints, in frames with at least one visible joint of the person."""
        if len(batch.tracks) == 0:
            nan = batch.tracks.positions.new_full((), torch.nan)
            logs = {"embedding_variance": nan, "constant_baseline": nan}
            return MethodOutput(zero_loss(self), batch.tracks.positions.new_zeros(()), logs)
        frames = FrameGraph(batch.tracks)
        graph = frames.graph
        hidden = self.draw_mask(batch, frames)
        positions = frames.positions(self.spec.axes)
        has_visible = (frames.observed & ~hidden).any(0)
        queries = graph.to_nodes(hidden & has_visible & frames.measured).nonzero().squeeze(1)
        with torch.no_grad():
            target = self.embedding(positions.index_select(0, queries)).float()
        if self.config.edge_loss_weight:
            prediction = self.predict(positions, graph.to_nodes(hidden), graph)
            predicted = prediction.index_select(0, queries)
        else:
            predicted = self.predict(positions, graph.to_nodes(hidden), graph, queries)
        error = scaled_cosine_error(cosine_to_target(predicted, target), self.config.beta)
        if self.config.edge_loss_weight:
            is_target = graph.to_nodes(frames.measured)
            edge_error = edge_loss(prediction.float(), graph, is_target).index_select(0, queries)
            error = error + self.config.edge_loss_weight * edge_error
        num_terms = error.new_full((), len(queries))
        logs = {
            "embedding_variance": self.embedding_variance(positions),
            "constant_baseline": constant_baseline(target, graph.joint_of(queries), len(hidden), self.config.beta),
        }
        return MethodOutput(error.sum() / num_terms.clamp(min=1), num_terms, logs)

    def draw_mask(self, batch: Batch, frames: FrameGraph) -> Bool[Tensor, "joint pose"]:
        """Draw the hidden joints among the observed ones."""
        tracks = frames.tracks
        hidden = self.joint_masking(tracks.skeleton, tracks.observed.any(1), batch.track_rng("mask"))
        return frames.expand_over_frames(hidden) & frames.observed

    def predict(
        self,
        positions: Float[Tensor, "node axis"],
        hidden: Bool[Tensor, " node"],
        graph: SkeletonGraph,
        selected: Int64[Tensor, " selected"] | None = None,
    ) -> Float[Tensor, "node_or_selected width"]:
        """Predict the embeddings of all joints without seeing the hidden ones.

        Args:
            positions: Coordinates of the nodes.
            hidden: Which nodes get the mask token.
            graph: The nodes and their bones.
            selected: Numbers of the nodes to predict; None for all.
        """
        # Embedding and mask token in one product, instead of an embedding that is then overwritten.
        inputs = torch.cat([positions, torch.ones_like(positions[:, :1])], 1).masked_fill(hidden[:, None], 0.0)
        inputs = torch.cat([inputs, hidden[:, None].to(inputs.dtype)], 1)
        rows = torch.cat([self.embedding.weight.T, self.embedding.bias[None], self.mask_token[None]])
        latent = self.encoder(inputs, graph, rows)
        if self.config.remask:
            latent = latent * ~hidden[:, None]
        # The linear layer between them is the projection of the decoder's input: it commutes with the mask.
        prediction: Tensor = self.decoder(latent, graph, self.encoder_to_decoder.weight.T, selected)
        return prediction

    @torch.no_grad()
    def embedding_variance(self, positions: Float[Tensor, "node axis"]) -> Float[Tensor, ""]:
        """Variance of the embeddings, averaged over channels: 0 if the embedding has collapsed to a constant."""
        centered = positions - positions.mean(0)  # torch.cov waits for the GPU
        covariance = centered.T @ centered / len(positions)
        weight = self.embedding.weight.float()
        return ((weight @ covariance) * weight).sum(1).mean()

    def embed(
        self, batch: Batch, pooling: Pooling = "mean", *, time_parts: int = 1, last_blocks: int = 1
    ) -> Float[Tensor, "batch feature"]:
        """Average the features of all observed joints; only the last layer has features."""
        check_last_blocks(last_blocks, 1)
        frames = FrameGraph(batch.tracks)
        features = self.encoder(self.embedding(frames.positions(self.spec.axes)), frames.graph)
        if pooling == "mean" and time_parts == 1:
            return frames.mean_features(features)
        joints, known_joints = batch.skeleton.joints, self.spec.joints
        check_any_joint_known(known_joints, batch.skeleton)
        total, count = frames.sum_over_time(features, time_parts)
        return batch.tracks.mean_over_persons(
            pool_sums(total, count, joints, batch.skeleton, pooling, known_joints)
        )

    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """Build an STRL classifier, with a copy of the encoder in every layer."""
        return STRLClassifier(self, num_classes, resolve_config(STRLClassifierConfig, config))

    @torch.no_grad()
    def reconstruct(self, batch: Batch) -> Reconstruction | None:
        """Mask and reconstruct the first person of the first clip.

        The loss ignores the length of a predicted embedding. A hidden joint is therefore placed at the position
        whose embedding has the predicted direction, and is NaN if there is no such position.
        """
        if not batch.present[:1].any():
            return None
        frames = FrameGraph(batch.tracks)
        hidden = self.draw_mask(batch, frames)
        nodes = self.predict(frames.positions(self.spec.axes), frames.graph.to_nodes(hidden), frames.graph)
        positions = batch.tracks.positions[0]
        first_track = slice(len(positions))
        prediction = frames.graph.to_dense(nodes.float())[:, first_track].transpose(0, 1)
        first_hidden = hidden[:, first_track].T
        predicted = nearest_position(prediction, self.embedding)
        positions = torch.where(first_hidden[..., None], predicted, positions)
        return Reconstruction(first_hidden.cpu().numpy(), positions.cpu().numpy())


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
        self.axes, self.frames = method.spec.axes, frames
        self.strl = STRL(method.embedding, method.encoder, width=width, frames=frames, depth=config.depth)
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
        features = self.strl(frames.positions(self.axes), frames.graph)
        logits: Tensor = self.head(frames.mean_features(features))
        return logits

    def layer_id(self, parameter: str) -> int:
        """Return 0 for joint and time embeddings, 1, 2, ... for the layers, the last number for the head."""
        if parameter.startswith("head"):
            return len(self.strl.layers) + 1
        return int(parameter.split(".")[2]) + 1 if parameter.startswith("strl.layers.") else 0
