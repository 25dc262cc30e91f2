"""Supervised baselines: published networks that learn from labels alone, under the protocol of fine-tuning."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from skeletonmae.batches import Batch
from skeletonmae.config import Config, tagged_union
from skeletonmae.errors import InputError
from skeletonmae.masking import Masking
from skeletonmae.methods.method import Classifier, Method, MethodOutput, resolve_config, zero_loss
from skeletonmae.methods.method_config import InputSpec, MethodConfig
from skeletonmae.methods.pooling import Pooling
from skeletonmae.models.ctr_gcn import CTRGCN
from skeletonmae.models.known_joints import check_clip_size
from skeletonmae.models.sgn import SGN
from skeletonmae.models.skeleton_conv import arrange_joints, bone_graphs
from skeletonmae.models.stgcn_plus import STGCNPlus

NO_PRETEXT = "method supervised has no pretext task and no encoder"
ADVICE = "evaluation by `finetune`, with `skeletonmae evaluate RECIPE --from-scratch`"


class CTRGCNConfig(Config):
    """CTR-GCN: graph convolutions whose graph differs between channels and clips.

    Source: Chen et al., *Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action
    Recognition*, ICCV 2021.
    """

    kind: Literal["ctr_gcn"] = "ctr_gcn"
    width: int = Field(64, ge=8, le=4096, multiple_of=8)
    """Channels of the first four blocks, a multiple of 8; the next three have twice, the last three four times as
    many."""

    def build(self, spec: InputSpec) -> CTRGCN:
        """Build the network for clips of `spec`."""
        return CTRGCN(bone_graphs(spec.joints, spec.bones), spec.axes, spec.persons, self.width)


class STGCNPlusConfig(Config):
    """ST-GCN++: graph convolutions on learned graphs, with multi-scale temporal convolutions.

    Source: Duan et al., *PYSKL: Towards Good Practices for Skeleton Action Recognition*, ACM Multimedia 2022.
    """

    kind: Literal["stgcn_plus"] = "stgcn_plus"
    width: int = Field(64, ge=8, le=4096)
    """Channels of the first four blocks; the next three have twice, the last three four times as many."""

    def build(self, spec: InputSpec) -> STGCNPlus:
        """Build the network for clips of `spec`."""
        return STGCNPlus(bone_graphs(spec.joints, spec.bones), spec.axes, self.width)


class SGNConfig(Config):
    """SGN: graph convolutions that know which joint and which frame each position belongs to.

    Source: Zhang et al., *Semantics-Guided Neural Networks for Efficient Skeleton-Based Human Action Recognition*,
    CVPR 2020.
    """

    kind: Literal["sgn"] = "sgn"
    width: int = Field(64, ge=1, le=4096)
    """Width of the embeddings of positions, motion and joints."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Dropout rate between the two temporal convolutions."""

    def build(self, spec: InputSpec) -> SGN:
        """Build the network for clips of `spec`."""
        return SGN(len(spec.joints), spec.frames, spec.axes, self.width, self.dropout)


NETWORKS: dict[str, type[Config]] = {"ctr_gcn": CTRGCNConfig, "stgcn_plus": STGCNPlusConfig, "sgn": SGNConfig}
"""Kind -> settings of a network, which build it."""
AnyNetwork: Any = tagged_union(NETWORKS)


class SupervisedConfig(MethodConfig):
    """No pre-training: a published network for action recognition that learns from labels alone.

    A recipe with this method is evaluated with `--from-scratch`, by fine-tuning.
    """

    masks_tokens: ClassVar[bool] = False
    has_pretext_task: ClassVar[bool] = False

    kind: Literal["supervised"] = "supervised"
    network: AnyNetwork = SGNConfig()
    """The network."""

    def build(self, spec: InputSpec, masking: Masking | None = None) -> Supervised:  # noqa: ARG002 - hides nothing
        """Build the method for clips of `spec`."""
        return Supervised(self, spec)


class Supervised(Method):
    """Builds classifiers. It has no weights, no loss and no features of its own."""

    def __init__(self, config: SupervisedConfig, spec: InputSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec

    def forward(self, batch: Batch) -> MethodOutput:
        """Raise `InputError`, since there is no pretext task."""
        raise InputError(NO_PRETEXT, where=f"a batch of {len(batch)} clips", expected=ADVICE)

    def embed(
        self,
        batch: Batch,
        pooling: Pooling = "mean",
        *,
        time_parts: int = 1,  # noqa: ARG002 - there are no features
        last_blocks: int = 1,  # noqa: ARG002
    ) -> Float[Tensor, "batch feature"]:
        """Raise `InputError`, since there is no encoder."""
        where = f"features of {len(batch)} clips, pooling {pooling}"
        raise InputError(NO_PRETEXT, where=where, expected=ADVICE)

    def classifier(self, num_classes: int, config: Config | None = None) -> Classifier:
        """Build the network with new weights, and a linear head."""
        return SupervisedClassifier(self, num_classes, resolve_config(SupervisedClassifierConfig, config))


class SupervisedClassifierConfig(Config):
    """The head of the classifier of `supervised`."""

    kind: Literal["supervised"] = "supervised"
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout rate of the head."""


class SupervisedClassifier(Classifier):
    """Network; mean over the persons who are present; dropout, linear.

    Args:
        method: The method whose network is built.
        num_classes: Number of actions.
        config: The settings.
    """

    def __init__(self, method: Supervised, num_classes: int, config: SupervisedClassifierConfig) -> None:
        super().__init__()
        self.spec = method.spec
        self.network = method.config.network.build(method.spec)
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(self.network.width, num_classes))
        nn.init.normal_(self.head[1].weight, std=0.01)  # type: ignore[arg-type]  # of a linear layer
        nn.init.zeros_(self.head[1].bias)  # type: ignore[arg-type]

    def forward(self, batch: Batch) -> Float[Tensor, "batch class"]:
        """Compute the logits of each clip.

        Raises:
            InputError: The clips have another number of frames or axes, or more persons than the network.
        """
        spec, tracks = self.spec, batch.tracks
        num_persons, (frames, _, axes) = tracks.num_persons, tracks.positions.shape[1:]
        check_clip_size({"frames": spec.frames, "axes": spec.axes}, [frames, axes])
        if num_persons > spec.persons:
            expected = f"at most {spec.persons}"
            raise InputError("the clip has more persons than the model", expected=expected, got=num_persons)
        if len(tracks) == 0:
            features = tracks.positions.new_zeros(len(batch), self.network.width) + zero_loss(self.network)
        else:
            positions, observed = arrange_joints(tracks.positions, tracks.observed, tracks.skeleton, spec.joints)
            features = tracks.mean_over_persons(self.network(positions, observed, tracks.person_index))
        logits: Tensor = self.head(features)
        return logits

    def layer_id(self, parameter: str) -> int:
        """Return 0 for the network and 1 for the head."""
        return int(parameter.startswith("head"))
