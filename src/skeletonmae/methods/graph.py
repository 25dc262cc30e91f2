"""Method B, the graph masked auto-encoder of single frames."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize, softplus

from skeletonmae.batches import Batch
from skeletonmae.config import Config, one_of
from skeletonmae.errors import InputError
from skeletonmae.masking import JOINT_MASKINGS, JointMasking, Masking, RandomParts
from skeletonmae.methods.bodies import Bodies
from skeletonmae.methods.method import (
    Classifier,
    InputSpec,
    Method,
    MethodConfig,
    MethodOutput,
    Pooling,
    Rebuilt,
    nothing,
    of_kind,
)
from skeletonmae.models.graph import Graph, GraphKind, GraphLayers
from skeletonmae.models.strl import Strl

AnyJointMasking: Any = one_of(JOINT_MASKINGS)


class GraphMaeConfig(MethodConfig):
    """The graph masked auto-encoder: embed the joints of a frame, hide some, rebuild their embeddings.

    Source: Yan et al., *SkeletonMAE: Graph-based Masked Autoencoder*, ICCV 2023.
    """

    hides_tokens: ClassVar[bool] = False

    kind: Literal["graph"] = "graph"
    hide: AnyJointMasking = RandomParts()
    """Which joints are hidden, in all frames of a clip."""
    messages: GraphKind = "gin"
    """How joints tell their neighbours what they are: a sum, a mean by degree, or attention."""
    width: int = Field(64, ge=4, le=16_384)
    """Of every joint in every layer; must be a multiple of 4, and `heads` must divide it."""
    depth: int = Field(3, ge=1, le=256)
    """Layers of the encoder."""
    decoder_depth: int = Field(1, ge=1, le=256)
    """Layers of the decoder."""
    heads: int = Field(4, ge=1)
    """Of `gat`."""
    remask: bool = True
    """Whether hidden joints are set to 0 again before the decoder."""
    beta: float = Field(2.0, ge=1)
    """The error of a joint is (1 - cosine) to this power: the larger, the less easy joints count."""
    edge_weight: float = Field(0.0, ge=0)
    """Of an additional error: whether the decoder's output tells which joints a hidden one hangs together with."""

    def build(self, spec: InputSpec, masking: Masking | None = None) -> GraphMae:  # noqa: ARG002 - hides by itself
        """The method for clips of `spec`."""
        return GraphMae(self, spec)


class GraphMae(Method):
    """Put a mask token for hidden joints, encode the frame, say what their embeddings are."""

    def __init__(self, config: GraphMaeConfig, spec: InputSpec) -> None:
        super().__init__()
        if config.width % 4:
            raise ValueError(f"width must be a multiple of 4; got {config.width}")
        self.config, self.spec = config, spec
        self.hide: JointMasking = config.hide
        self.embedding = nn.Linear(spec.axes, config.width)
        self.mask_token = nn.Parameter(torch.randn(config.width) * 0.02)
        settings = (config.messages, config.width)
        self.encoder = GraphLayers(*settings, config.depth, config.heads)
        self.bridge = nn.Linear(config.width, config.width, bias=False)
        self.decoder = GraphLayers(*settings, config.decoder_depth, config.heads, open_end=True)

    def forward(self, batch: Batch) -> MethodOutput:
        """Re-weighted cosine error of hidden joints, in the frames that show any other joint of the person."""
        tracks = batch.tracks
        if len(tracks) == 0:
            nan = batch.positions.new_full((), torch.nan)
            logs = {"embedding_variance": nan, "constant_error": nan}
            return MethodOutput(nothing(self), batch.positions.new_zeros(()), logs)
        bodies = Bodies(tracks)
        graph, observed = bodies.graph, bodies.observed
        hidden = self.hidden(batch, bodies)
        positions = bodies.positions(self.spec.axes)
        said = self.rebuilt(positions, graph.nodes(hidden), graph)
        place = graph.nodes(hidden & (observed & ~hidden).any(0)).nonzero().squeeze(1)
        with torch.no_grad():
            target = self.embedding(positions.index_select(0, place)).float()
        cosine = cosine_similarity(said.index_select(0, place).float(), target)
        error = (1.0 - cosine).clamp(min=0) ** self.config.beta
        if self.config.edge_weight:
            error = error + self.config.edge_weight * edge_error(said.float(), graph).index_select(0, place)
        weight = error.new_tensor(len(place))
        logs = {
            "embedding_variance": self.variance(positions),
            "constant_error": constant_error(target, graph.joint(place), self.config.beta),
        }
        return MethodOutput(error.sum() / weight.clamp(min=1), weight, logs)

    def hidden(self, batch: Batch, bodies: Bodies) -> Bool[Tensor, "joint body"]:
        """Which of the observed joints are hidden."""
        tracks = bodies.tracks
        random = batch.random("mask").of_tracks(tracks.sample, tracks.person)
        return bodies.of_frames(self.hide(tracks.skeleton, tracks.observed.any(1), random)) & bodies.observed

    def rebuilt(
        self, positions: Float[Tensor, "node axis"], hidden: Bool[Tensor, " node"], graph: Graph
    ) -> Float[Tensor, "node width"]:
        """What the decoder says of all joints where it does not see the hidden ones."""
        # Embedding and mask token by one product, instead of an embedding that is then overwritten.
        inputs = torch.cat([positions, torch.ones_like(positions[:, :1])], 1).masked_fill(hidden[:, None], 0.0)
        inputs = torch.cat([inputs, hidden[:, None].to(inputs.dtype)], 1)
        rows = torch.cat([self.embedding.weight.T, self.embedding.bias[None], self.mask_token[None]])
        latent = self.bridge(self.encoder(inputs @ rows, graph))
        if self.config.remask:
            latent = latent * ~hidden[:, None]
        said: Tensor = self.decoder(latent, graph)
        return said

    @torch.no_grad()
    def variance(self, positions: Float[Tensor, "node axis"]) -> Float[Tensor, ""]:
        """Of the embeddings, mean over their channels: were it 0, the error would be 0 and nothing learned."""
        spread = torch.cov(positions.T, correction=0).view(self.spec.axes, self.spec.axes)
        weight = self.embedding.weight.float()
        return ((weight @ spread) * weight).sum(1).mean()

    def embed(self, batch: Batch, pooling: Pooling = "mean") -> Float[Tensor, "batch feature"]:
        """Features of all observed joints, averaged over persons and time, and over joints if `mean`."""
        bodies = Bodies(batch.tracks)
        features = self.encoder(self.embedding(bodies.positions(self.spec.axes)), bodies.graph)
        if pooling == "mean":
            return bodies.mean(features)
        of_joint = bodies.mean_over_time(features)
        places = {joint: place for place, joint in enumerate(batch.skeleton.joints)}
        if not places.keys() & set(self.spec.joints):
            problem = f"the model knows no joint of layout {batch.skeleton.name}"
            raise InputError(problem, expected=sorted(self.spec.joints))
        none = of_joint.new_zeros(of_joint.shape[1:])
        rows = [of_joint[places[joint]] if joint in places else none for joint in self.spec.joints]
        return batch.tracks.mean_over_persons(torch.cat(rows, 1))

    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """STRL: a copy of the encoder in every layer."""
        return StrlClassifier(self, num_classes, of_kind(StrlConfig, config))

    @torch.no_grad()
    def rebuild(self, batch: Batch) -> Rebuilt | None:
        """The first person of the first clip; a joint is where the embedding has the angle of what is said.

        The loss knows no lengths, so neither does this. NaN for a hidden joint that has no such position.
        """
        if not batch.present[:1].any():
            return None
        tracks = batch.tracks
        bodies = Bodies(tracks)
        hidden = self.hidden(batch, bodies)
        nodes = self.rebuilt(bodies.positions(self.spec.axes), bodies.graph.nodes(hidden), bodies.graph)
        first = slice(tracks.positions.shape[1])  # the bodies of the first track
        said = bodies.graph.whole(nodes.float())[:, first].transpose(0, 1)
        asked = hidden[:, first].T
        whole = torch.where(asked[..., None], nearest_position(said, self.embedding), tracks.positions[0])
        return Rebuilt(asked.cpu().numpy(), whole.cpu().numpy())


def constant_error(
    target: Float[Tensor, "node width"], joint: Int64[Tensor, " node"], beta: float, most: int = 4096
) -> Float[Tensor, ""]:
    """The error of saying the mean direction of each joint, on about `most` nodes.

    Who is not below it has learned nothing but which joint it is.
    """
    some = slice(None, None, max(1, len(target) // most))
    direction, joint = normalize(target[some], dim=1), joint[some]
    mean = direction.new_zeros(int(joint.max()) + 1 if len(joint) else 1, direction.shape[1])
    cosine = cosine_similarity(mean.index_add(0, joint, direction)[joint], direction)
    return ((1.0 - cosine).clamp(min=0) ** beta).mean()


def nearest_position(said: Float[Tensor, "*any width"], embedding: nn.Linear) -> Float[Tensor, "*any axis"]:
    """The position whose embedding W p + b lies nearest in angle to each of `said`; NaN where there is none.

    The projection of what is said on the span of W and b is a multiple of that embedding. Where the multiple is
    not above 0 the angle falls without end as the position goes away.
    """
    columns = torch.cat([embedding.weight, embedding.bias[:, None]], 1).float()
    direction, multiple = (said @ torch.linalg.pinv(columns).T).split([embedding.in_features, 1], -1)
    position: Tensor = (direction / multiple).masked_fill(multiple <= 0, torch.nan)
    return position


def edge_error(said: Float[Tensor, "node width"], graph: Graph) -> Float[Tensor, " node"]:
    """How badly inner products tell the neighbours of each joint from the other joints of the body.

    Mean cross-entropy of the bones, plus that of the pairs without a bone: the few count as much as the many. The
    inner-product decoder is that of Kipf and Welling, *Variational Graph Auto-Encoders*, 2016.
    """
    whole = graph.whole(said).transpose(0, 1) * said.shape[1] ** -0.25
    product = whole @ whole.transpose(1, 2)
    there = graph.whole(said.new_ones(len(said), 1)).squeeze(2).T
    bone = graph.adjacency * there[:, None]
    other = (1.0 - graph.adjacency - torch.eye(len(graph.adjacency), device=said.device)) * there[:, None]
    error = sum(
        (softplus(sign * product) * pairs).sum(2) / pairs.sum(2).clamp(min=1)
        for sign, pairs in ((-1.0, bone), (1.0, other))
    )
    return graph.nodes(torch.as_tensor(error).T)


class StrlConfig(Config):
    """The downstream model of `graph`, STRL."""

    kind: Literal["graph"] = "graph"
    depth: int = Field(3, ge=1, le=64)
    """Layers; each starts from the pre-trained encoder."""
    head_width: int = Field(256, ge=1, le=65_536)
    """Hidden width of the head."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Of the head."""


class StrlClassifier(Classifier):
    """STRL; mean over time and joints, mean over persons; linear, ReLU, linear."""

    def __init__(self, method: GraphMae, num_classes: int, config: StrlConfig) -> None:
        super().__init__()
        width, frames = method.config.width, method.spec.frames
        self.axes, self.frames = method.spec.axes, frames
        self.strl = Strl(method.embedding, method.encoder, width=width, frames=frames, depth=config.depth)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(width, config.head_width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.head_width, num_classes),
        )

    def forward(self, batch: Batch) -> Float[Tensor, "batch class"]:
        """A score for every class.

        Raises:
            InputError: the clips have another number of frames or axes.
        """
        if batch.positions.shape[2] != self.frames:
            got = batch.positions.shape[2]
            raise InputError("the clip does not fit the model (frames)", expected=self.frames, got=got)
        bodies = Bodies(batch.tracks)
        scores: Tensor = self.head(bodies.mean(self.strl(bodies.positions(self.axes), bodies.graph)))
        return scores

    def depth_of(self, parameter: str) -> int:
        """0 for embedding and places, 1, 2, ... for the layers, the last for the head."""
        if parameter.startswith("head"):
            return len(self.strl.layers) + 1
        return int(parameter.split(".")[2]) + 1 if parameter.startswith("strl.layers.") else 0
