"""Checksums that tell whether results belong to an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skeletonmae.checkpoint import Header, load_checkpoint
from skeletonmae.encoders import load_encoder, shipped_encoders
from skeletonmae.encoders.identity import network_checksum, weights_checksum


def test_the_checksum_of_weights_is_that_of_the_index(tmp_path: Path) -> None:
    encoder = shipped_encoders()[0]
    assert weights_checksum(encoder.path) == encoder.sha256
    changed = tmp_path / "x.safetensors"
    changed.write_bytes(encoder.path.read_bytes() + b" ")
    assert weights_checksum(changed) != encoder.sha256


def changed(header: Header, part: str, **settings: Any) -> Header:
    return header.model_copy(update={part: getattr(header, part).model_copy(update=settings)})


@pytest.mark.parametrize(
    ("part", "settings", "is_same"),
    [
        ("clips", {"test_crop": 0.5}, False),
        ("clips", {"bridge_seconds": 0.75}, False),
        ("clips", {"crop": (0.1, 0.2)}, True),
        ("method", {"heads": 4}, False),
    ],
)
def test_settings_that_change_features_change_the_checksum_of_a_network(
    tiny_run: Path, part: str, settings: dict[str, Any], is_same: bool
) -> None:
    header = load_checkpoint(tiny_run).header
    assert getattr(header, part) != getattr(changed(header, part, **settings), part)
    assert (network_checksum(header) == network_checksum(changed(header, part, **settings))) == is_same


def test_other_joints_are_another_network(tiny_run: Path) -> None:
    header = load_checkpoint(tiny_run).header
    fewer = header.model_copy(update={"joints": header.joints[:-1]})
    assert network_checksum(header) != network_checksum(fewer)
    assert network_checksum(header) == network_checksum(header.model_copy(update={"num_recordings": 1}))


def test_small_and_free_are_one_network() -> None:
    """Trained on other recordings: the rows of one untrained network belong to both cards."""
    small, free, kinect20 = (network_checksum(load_encoder(name).header) for name in ("small", "free", "kinect20"))
    assert small == free != kinect20
    header = load_encoder("small").header
    assert header.clips.augment
    assert network_checksum(changed(header, "clips", augment=())) == small
