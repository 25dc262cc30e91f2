"""Encoders that are shipped in the package, and how they are loaded by name."""

from skeletonmae.encoders.shipped import ShippedEncoder, find_shipped, load_encoder, shipped_encoders

__all__ = ["ShippedEncoder", "find_shipped", "load_encoder", "shipped_encoders"]
