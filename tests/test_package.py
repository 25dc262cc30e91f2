"""What `import skeletonmae` offers, and what it loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import skeletonmae


def test_names_are_imported_when_they_are_used() -> None:
    """In a process of its own: importing the package loads none of the libraries that take long."""
    heavy = ["torch", "sklearn", "scipy", "pydantic", "numpy", "pandas", "xarray", "matplotlib"]
    code = f"""
import sys
import skeletonmae
assert not set({heavy}) & set(sys.modules), set({heavy}) & set(sys.modules)
assert set(skeletonmae.__all__) <= set(dir(skeletonmae))
skeletonmae.read, skeletonmae.SkeletonSequence, skeletonmae.SequenceStore
assert not {{"torch", "sklearn"}} & set(sys.modules)
assert "read" in vars(skeletonmae)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_loading_an_encoder_needs_torch_and_little_more() -> None:
    """In a process of its own: what other tasks need is imported by them, and settings are read without source."""
    heavy = ["sklearn", "scipy", "pandas", "xarray", "matplotlib", "PIL", "av", "onnxruntime", "ray", "rich"]
    code = f"""
import inspect, sys
import torch

def refuse(*_):
    raise AssertionError("a class reads its own source")

inspect.getblock = refuse
before = set(sys.modules)
from skeletonmae import SkeletonEncoder
SkeletonEncoder.from_pretrained("small", device="cpu")
assert not set({heavy}) & (set(sys.modules) - before), set({heavy}) & (set(sys.modules) - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", skeletonmae.__all__)
def test_every_name_is_there_and_has_a_docstring(name: str) -> None:
    assert getattr(skeletonmae, name).__doc__


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="module 'skeletonmae' has no attribute 'SkeletonDecoder'"):
        _ = skeletonmae.SkeletonDecoder
