"""Encoders that are shipped in the package, and how they are loaded by name."""

from skeletonmae.encoders.continued import settings_to_continue
from skeletonmae.encoders.shipped import ShippedEncoder, find_shipped, load_encoder, shipped_encoders

__all__ = ["ShippedEncoder", "find_shipped", "load_encoder", "settings_to_continue", "shipped_encoders"]
