from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae.batches import Batch
from skeletonmae.export.graph import RecordingEncoder
from skeletonmae.methods.joint_patch_features import embed_groups, embed_tracks
from skeletonmae.models import JointPatchEncoder
from skeletonmae.skeletons import COCO17, HAND21, KINECT20, NTU25, Skeleton
from skeletonmae.transforms import ClipConfig

CLIPS = ClipConfig(frames=8, bridge_seconds=0.2)


@pytest.fixture(scope="module")
def encoder() -> JointPatchEncoder:
    """An encoder of the joints of Kinect in another order."""
    torch.manual_seed(0)
    joints = KINECT20.joints[::-1]
    return JointPatchEncoder(
        joints, time_steps=4, token_frames=2, axes=3, width=8, depth=2, heads=2, mlp_ratio=2.0
    ).eval()


@pytest.mark.parametrize("skeleton", [KINECT20, NTU25], ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize(("pooling", "time_parts"), [("mean", 1), ("joints", 1), ("joints", 3), ("parts", 2)])
def test_features_equal_those_of_batches(
    pooling: Any,
    time_parts: int,
    skeleton: Skeleton,
    encoder: JointPatchEncoder,
    make_recording: Callable[..., Any],
    make_store: Callable[..., Any],
    padded: Any,
    tmp_path: Path,
) -> None:
    recordings = [
        make_recording(seed, 1 + seed % 2, frames, skeleton, fps=fps, lost=0.6)
        for seed, (frames, fps) in enumerate([(1, 30.0), (30, 15.0), (50, None), (9, 20.0), (3, 30.0)])
    ]
    recordings[2].observed[:] = False  # nobody is seen
    recordings[2].positions[:] = 0
    batch: Batch = CLIPS.loader(make_store(tmp_path / "store", recordings), np.arange(5), batch_size=9).batch(0, 0)
    graph = RecordingEncoder(encoder, CLIPS, skeleton, pooling, time_parts)
    with torch.no_grad():
        features = graph(*padded(recordings))
        expected = embed_tracks(encoder, batch.tracks, pooling, time_parts=time_parts)
    assert features.is_seen.tolist() == batch.has_observed(encoder.pos_embed.joint_to_row).tolist()
    assert features.is_seen.any()
    assert not features.is_seen.all()
    seen = features.is_seen
    torch.testing.assert_close(features.values[seen], expected[seen], atol=1e-5, rtol=1e-5)


DESCRIBED_CLIPS = ClipConfig(
    frames=8,
    axes=3,
    bridge_seconds=0.2,
    transforms=({"kind": "normalize_size"}, {"kind": "center"}, {"kind": "face_forward", "optional": True}),
    final_transforms=({"kind": "normalize_size"}, {"kind": "root_motion"}),
)


@pytest.fixture(scope="module", params=[None, 0.05], ids=["", "with motion scale"])
def any_layout_encoder(request: pytest.FixtureRequest) -> JointPatchEncoder:
    """An encoder that reads any layout and knows the names of a few joints."""
    torch.manual_seed(0)
    encoder = JointPatchEncoder(
        KINECT20.joints[:7],
        time_steps=4,
        token_frames=2,
        axes=3,
        width=8,
        depth=2,
        heads=2,
        mlp_ratio=2.0,
        described=True,
        motion_scale=request.param,
    )
    torch.nn.init.normal_(encoder.pos_embed.joint)
    return encoder.eval()


@pytest.mark.parametrize("case", ["kinect20", "coco17 in 2D", "hand21"])
@pytest.mark.parametrize(("pooling", "time_parts"), [("mean", 1), ("joints", 2), ("parts", 4), ("groups", 1)])
def test_features_of_any_layout_equal_those_of_batches(
    pooling: Any,
    time_parts: int,
    case: str,
    any_layout_encoder: JointPatchEncoder,
    make_recording: Callable[..., Any],
    make_store: Callable[..., Any],
    padded: Any,
    tmp_path: Path,
) -> None:
    skeleton, axes = {"kinect20": (KINECT20, 3), "coco17 in 2D": (COCO17, 2), "hand21": (HAND21, 3)}[case]
    recordings = [
        make_recording(seed, 1 + seed % 2, frames, skeleton, fps=fps, lost=0.3, axes=axes)
        for seed, (frames, fps) in enumerate([(40, 30.0), (30, 15.0), (50, None), (19, 20.0), (33, 30.0)])
    ]
    store = make_store(tmp_path / "store", recordings, axes=axes)
    batch: Batch = DESCRIBED_CLIPS.loader(store, np.arange(5), batch_size=9).batch(0, 0)
    graph = RecordingEncoder(any_layout_encoder, DESCRIBED_CLIPS, skeleton, pooling, time_parts, axes=axes)
    with torch.no_grad():
        features = graph(*padded(recordings))
        if pooling == "groups":
            expected = embed_groups(any_layout_encoder, batch.tracks)
        else:
            expected = embed_tracks(any_layout_encoder, batch.tracks, pooling, time_parts=time_parts)
    assert features.is_seen.tolist() == batch.has_observed().tolist()
    assert features.is_seen.sum() >= 4
    seen = features.is_seen
    torch.testing.assert_close(features.values[seen], expected[seen], atol=1e-4, rtol=1e-4)


def test_more_persons_than_the_model_takes_change_nothing(
    encoder: JointPatchEncoder, make_recording: Callable[..., Any], padded: Any
) -> None:
    graph = RecordingEncoder(encoder, CLIPS.model_copy(update={"max_persons": 2}), KINECT20, "joints")
    positions, observed, num_frames, fps = padded([make_recording(0, 4, 20, lost=0.0)])
    observed[:] = True
    with torch.no_grad():
        all_persons = graph(positions, observed, num_frames, fps).values
        first_two = graph(positions[:, :2], observed[:, :2], num_frames, fps).values
        first = graph(positions[:, :1], observed[:, :1], num_frames, fps).values
    torch.testing.assert_close(all_persons, first_two)
    assert not torch.allclose(first, first_two)
