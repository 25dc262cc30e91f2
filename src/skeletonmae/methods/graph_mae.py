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
from skeletonmae.methods.graph_baselines import BASELINES
from skeletonmae.methods.graph_classifier import STRLClassifier, STRLClassifierConfig
from skeletonmae.methods.graph_losses import edge_loss, nearest_position
from skeletonmae.methods.graph_statistics import JointStatistics
from skeletonmae.methods.graph_targets import GraphTarget, TargetSpace
from skeletonmae.methods.method import Classifier, Method, MethodOutput, Reconstruction, resolve_config, zero_loss
from skeletonmae.methods.method_config import InputSpec, MethodConfig
from skeletonmae.methods.pooling import Pooling, check_last_blocks, check_pooling, pool_sums
from skeletonmae.models.gnn import GNN, GNNType, JointIdentity, SkeletonGraph
from skeletonmae.models.known_joints import check_any_joint_known, check_clip_size
from skeletonmae.models.strl import STRLLayer, add_time, new_time_embed

AnyJointMasking: Any = tagged_union(JOINT_MASKINGS)


class GraphMAEConfig(MethodConfig):
    """The graph masked autoencoder: embed the joints of a frame, mask some and predict them.

    Source: Yan et al., *SkeletonMAE: Graph-based Masked Autoencoder*, ICCV 2023.
    """

    masks_tokens: ClassVar[bool] = False

    kind: Literal["graph"] = "graph"
    joint_masking: AnyJointMasking = RandomParts()
    """The joints that are hidden, in all frames of a clip."""
    target: GraphTarget = "coordinates"
    """What is predicted of a hidden joint: its learned `embedding`; the same without its constant part
    (`centered`, by a running mean); or its `coordinates`, divided by their spread within joints."""
    window: int = Field(1, ge=1, le=31)
    """Number of frames of its own track that the input of a joint has, an odd number; more than 1 needs the target
    `coordinates`."""
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
    joint_identity: Literal["none", "hidden", "all"] = "all"
    """Which joints have a learned vector added to their embedding, or to the mask token, that says which joint
    they are: `hidden` ones, so that only pre-training uses it; or `all`, also in fine-tuning."""
    remask: bool = False
    """Whether the encoder output of hidden joints is set to 0 before the decoder."""
    frame_context: bool = True
    """Whether a linear function of the mean of the encoder's output over the joints of a frame is added to the
    decoder's input. STRL uses the encoder in the same way: by the sum of its output over the joints."""
    pretrain_strl: bool = False
    """Whether a whole layer of STRL is pre-trained, with its temporal convolutions, instead of the encoder of
    single frames alone. Fine-tuning starts every layer from it, and `encoder_lr` applies to all of STRL."""
    beta: float = Field(2.0, ge=1)
    """Exponent of the error 1 - cosine (gamma in GraphMAE). The larger, the less easy joints count. The target
    `coordinates` has a squared error instead."""
    edge_loss_weight: float = Field(0.0, ge=0)
    """Weight of an additional loss: predicting the neighbors of a hidden joint from the decoder output."""

    def build(self, spec: InputSpec, masking: Masking | None = None) -> GraphMAE:  # noqa: ARG002 - masks joints
        """Build the method for clips of `spec`."""
        return GraphMAE(self, spec)


class GraphMAE(Method):
    """Put a mask token at hidden joints, encode each frame and predict the target of the hidden joints."""

    def __init__(self, config: GraphMAEConfig, spec: InputSpec) -> None:
        super().__init__()
        if config.width % 4:
            raise ValueError(f"width must be a multiple of 4; got {config.width}")
        if config.window % 2 == 0:
            raise ValueError(f"window must be odd; got {config.window}")
        if config.window > 1 and config.target != "coordinates":
            raise ValueError(f"a window of {config.window} frames needs target coordinates; got {config.target}")
        if config.target == "coordinates" and config.beta != GraphMAEConfig().beta:
            raise ValueError(f"target coordinates has no beta, the exponent of a cosine; got {config.beta:g}")
        self.config, self.spec = config, spec
        self.joint_masking: JointMasking = config.joint_masking
        self.embedding = nn.Linear(spec.axes * config.window, config.width)
        self.mask_token = nn.Parameter(torch.randn(config.width) * 0.02)
        encoder = GNN(config.gnn, config.width, config.depth, config.heads)
        self.encoder: GNN | STRLLayer = STRLLayer(encoder, config.width) if config.pretrain_strl else encoder
        self.time_embed = new_time_embed(spec.frames, config.width) if config.pretrain_strl else None
        self.encoder_to_decoder = nn.Linear(config.width, config.width, bias=False)
        self.decoder = GNN(config.gnn, config.width, config.decoder_depth, config.heads, final_norm=False)
        self.context_proj = nn.Linear(config.width, config.width, bias=False) if config.frame_context else None
        self.head = nn.Linear(config.width, spec.axes) if config.target == "coordinates" else None
        self.statistics = JointStatistics(spec.axes) if config.target != "embedding" else None
        has_identity = config.joint_identity != "none"
        self.joint_identity = JointIdentity(spec.joints, config.width) if has_identity else None

    def forward(self, batch: Batch) -> MethodOutput:
        """Error of the hidden joints, in frames with at least one visible joint of the person."""
        if len(batch.tracks) == 0:
            nan = batch.tracks.positions.new_full((), torch.nan)
            nothing = batch.tracks.positions.new_zeros(0, self.spec.axes)
            # Also without targets, because the processes add up their statistics together.
            self.target_space(nothing, batch.label.new_zeros(0), batch.skeleton.num_joints)
            logs = {"embedding_variance": nan} | {f"{name}_baseline": nan for name in BASELINES}
            return MethodOutput(zero_loss(self), batch.tracks.positions.new_zeros(()), logs)
        frames = self.frame_graph(batch)
        graph = frames.graph
        hidden = self.draw_mask(batch, frames)
        inputs = frames.inputs(self.spec.axes, self.config.window)
        has_visible = (frames.observed & ~hidden).any(0)
        query = hidden & has_visible & frames.measured
        queries = graph.to_nodes(query).nonzero().squeeze(1)
        positions, joint = frames.positions(self.spec.axes).index_select(0, queries), graph.joint_of(queries)
        space = self.target_space(positions, joint, len(hidden))
        target = space.target(positions)
        if self.config.edge_loss_weight:
            prediction = self.predict(inputs, graph.to_nodes(hidden), graph)
            predicted = prediction.index_select(0, queries)
        else:
            predicted = self.predict(inputs, graph.to_nodes(hidden), graph, queries)
        error = space.error(self.head(predicted) if self.head else predicted, target)
        if self.config.edge_loss_weight:
            is_target = graph.to_nodes(frames.measured)
            edge_error = edge_loss(prediction.float(), graph, is_target).index_select(0, queries)
            error = error + self.config.edge_loss_weight * edge_error
        num_terms = error.new_full((), len(queries))
        logs = {
            "embedding_variance": self.embedding_variance(inputs),
            **space.baselines(frames, hidden, query, target, joint),
        }
        return MethodOutput(error.sum() / num_terms.clamp(min=1), num_terms, logs)

    def after_step(self, step: int, num_steps: int) -> None:  # noqa: ARG002 - the same in every step
        """Update the mean and the spread of the targets."""
        if self.statistics:
            self.statistics.update()

    def target_space(
        self, positions: Float[Tensor, "node axis"], joint: Int64[Tensor, " node"], num_joints: int
    ) -> TargetSpace:
        """Return where the targets of a batch are compared with their predictions.

        In training, their positions count in the statistics that `after_step` updates.

        Args:
            positions: Of the joints that are targets.
            joint: Which joint each of them is.
            num_joints: Number of joints of the layout.
        """
        mean, variance = positions.new_zeros(self.spec.axes), positions.new_ones(self.spec.axes)
        if self.statistics:
            mean, variance = self.statistics.add(positions, joint, num_joints)
        config = self.config
        return TargetSpace(config.target, self.embedding, config.beta, mean, variance.sqrt())

    def frame_graph(self, batch: Batch) -> FrameGraph:
        """Return the frames of a batch as one graph.

        Raises:
            InputError: The clips have another number of frames than a layer of STRL that is pre-trained.
        """
        if self.config.pretrain_strl:
            check_clip_size({"frames": self.spec.frames}, batch.tracks.positions.shape[1:2])
        return FrameGraph(batch.tracks)

    def draw_mask(self, batch: Batch, frames: FrameGraph) -> Bool[Tensor, "joint pose"]:
        """Draw the hidden joints among the observed ones."""
        tracks = frames.tracks
        hidden = self.joint_masking(tracks.skeleton, tracks.observed.any(1), batch.track_rng("mask"))
        return frames.expand_over_frames(hidden) & frames.observed

    def predict(
        self,
        inputs: Float[Tensor, "node value"],
        hidden: Bool[Tensor, " node"],
        graph: SkeletonGraph,
        selected: Int64[Tensor, " selected"] | None = None,
    ) -> Float[Tensor, "node_or_selected width"]:
        """Decode all joints without seeing the hidden ones; the target `coordinates` has a head on top.

        Args:
            inputs: What the embedding takes of the nodes.
            hidden: Which nodes get the mask token.
            graph: The nodes and their bones.
            selected: Numbers of the nodes to predict; None for all.
        """
        # Embedding and mask token in one product, instead of an embedding that is then overwritten.
        inputs = torch.cat([inputs, torch.ones_like(inputs[:, :1])], 1).masked_fill(hidden[:, None], 0.0)
        inputs = torch.cat([inputs, hidden[:, None].to(inputs.dtype)], 1)
        rows = torch.cat([self.embedding.weight.T, self.embedding.bias[None], self.mask_token[None]])
        if self.joint_identity:
            number = torch.arange(len(graph.adjacency), device=hidden.device)
            is_joint = graph.joint_of(torch.arange(len(hidden), device=hidden.device))[:, None] == number
            if self.config.joint_identity == "hidden":
                is_joint = is_joint & hidden[:, None]
            inputs = torch.cat([inputs, is_joint.to(inputs.dtype)], 1)
            rows = torch.cat([rows, self.joint_identity.of_layout(graph)])
        latent = self.encode(inputs, graph, rows)
        if self.config.remask:
            latent = latent * ~hidden[:, None]
        if self.context_proj:
            mean = graph.sum_pool(latent) / graph.sum_pool(torch.ones_like(latent[:, :1])).clamp(min=1)
            latent = graph.add_to_nodes(latent, self.context_proj(mean))
        # The linear layer between them is the projection of the decoder's input: it commutes with the mask.
        prediction: Tensor = self.decoder(latent, graph, self.encoder_to_decoder.weight.T, selected)
        return prediction

    def encode(
        self,
        x: Float[Tensor, "node in_width"],
        graph: SkeletonGraph,
        projection: Float[Tensor, "in_width width"] | None = None,
    ) -> Float[Tensor, "node width"]:
        """Compute the features of embedded joints.

        Args:
            x: The embedded joints, or what `projection` makes them of.
            graph: The nodes and their bones; poses are in (track, frame) order.
            projection: The embedded joints are `x @ projection`; None if they are `x`.
        """
        features: Tensor
        if isinstance(self.encoder, GNN):
            features = self.encoder(x, graph, projection)
            return features
        assert self.time_embed is not None
        x = add_time(x if projection is None else x @ projection, self.time_embed, graph)
        features = self.encoder(x, graph, self.spec.frames)
        return features

    @torch.no_grad()
    def embedding_variance(self, inputs: Float[Tensor, "node value"]) -> Float[Tensor, ""]:
        """Variance of the embeddings, averaged over channels: 0 if the embedding has collapsed to a constant."""
        centered = inputs - inputs.mean(0)  # torch.cov waits for the GPU
        covariance = centered.T @ centered / len(inputs)
        weight = self.embedding.weight.float()
        return ((weight @ covariance) * weight).sum(1).mean()

    def embed(
        self, batch: Batch, pooling: Pooling = "mean", *, time_parts: int = 1, last_blocks: int = 1
    ) -> Float[Tensor, "batch feature"]:
        """Average the features of all observed joints; only the last layer has features."""
        check_pooling(pooling)
        check_last_blocks(last_blocks, 1)
        frames = self.frame_graph(batch)
        x = self.embedding(frames.inputs(self.spec.axes, self.config.window))
        if self.evaluated_identity:
            x = x + self.evaluated_identity(frames.graph)
        features = self.encode(x, frames.graph)
        if pooling == "mean" and time_parts == 1:
            return frames.mean_features(features)
        joints, known_joints = batch.skeleton.joints, self.spec.joints
        check_any_joint_known(known_joints, batch.skeleton)
        total, count = frames.sum_over_time(features, time_parts)
        return batch.tracks.mean_over_persons(
            pool_sums(total, count, joints, batch.skeleton, pooling, known_joints)
        )

    @property
    def evaluated_identity(self) -> JointIdentity | None:
        """What evaluation adds to the embeddings of the joints."""
        return self.joint_identity if self.config.joint_identity == "all" else None

    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """Build an STRL classifier, with a copy of the encoder in every layer."""
        return STRLClassifier(self, num_classes, resolve_config(STRLClassifierConfig, config))

    @torch.no_grad()
    def reconstruct(self, batch: Batch) -> Reconstruction | None:
        """Mask and reconstruct the first person of the first clip; None with the target `centered`.

        The loss of the embedding ignores the length of a prediction. A hidden joint is therefore placed at the
        position whose embedding has the predicted direction, and is NaN if there is no such position. Without the
        constant part, a direction belongs to many positions.
        """
        if self.config.target == "centered" or not batch.present[:1].any():
            return None
        frames = self.frame_graph(batch)
        hidden = self.draw_mask(batch, frames)
        inputs = frames.inputs(self.spec.axes, self.config.window)
        nodes = self.predict(inputs, frames.graph.to_nodes(hidden), frames.graph)
        if self.head and self.statistics:
            nodes = self.head(nodes) * self.statistics.running_var.sqrt() + self.statistics.running_mean
        else:
            nodes = nearest_position(nodes.float(), self.embedding)
        positions = batch.tracks.positions[0]
        first_track = slice(len(positions))
        prediction = frames.graph.to_dense(nodes.float())[:, first_track].transpose(0, 1)
        first_hidden = hidden[:, first_track].T
        positions = torch.where(first_hidden[..., None], prediction, positions)
        return Reconstruction(first_hidden.cpu().numpy(), positions.cpu().numpy())
