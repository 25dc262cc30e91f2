"""Decoders of container files: bytes to plain Python values and numpy arrays. They know no skeletons."""
