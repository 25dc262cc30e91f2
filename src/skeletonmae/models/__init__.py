"""The networks that methods are made of: tensors in, tensors out."""

from skeletonmae.models.joint_patch_transformer import JointPatchDecoder, JointPatchEncoder
from skeletonmae.models.position_embedding import PositionEmbedding
from skeletonmae.models.transformer import Attention, Block, DropPath

__all__ = ["Attention", "Block", "DropPath", "JointPatchDecoder", "JointPatchEncoder", "PositionEmbedding"]
