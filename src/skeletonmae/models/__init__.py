"""Tensors to tensors: the networks that methods are made of."""

from skeletonmae.models.joint_patch import JointPatchDecoder, JointPatchEncoder, Places
from skeletonmae.models.transformer import Attention, Block, DropPath

__all__ = ["Attention", "Block", "DropPath", "JointPatchDecoder", "JointPatchEncoder", "Places"]
