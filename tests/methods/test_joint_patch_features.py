from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch, Tracks
from skeletonmae.errors import InputError
from skeletonmae.masking import TokenMask
from skeletonmae.methods.joint_patch_features import embed_groups, embed_tracks, encode_tokens, make_patches
from skeletonmae.methods.pooling import BODY_PARTS, pool_statistics
from skeletonmae.models import JointPatchEncoder
from skeletonmae.skeletons import COCO17, KINECT20

Make = Callable[..., Any]


def encoder(joints: tuple[str, ...] = KINECT20.joints) -> JointPatchEncoder:
    torch.manual_seed(0)
    return JointPatchEncoder(
        joints, time_steps=4, token_frames=3, axes=3, width=8, depth=3, heads=2, mlp_ratio=2.0
    ).eval()


def batch_of(make_batch: Make, **settings: Any) -> Batch:
    batch: Batch = make_batch((2, 1, 0, 1), frames=12, **settings)
    return batch


def with_lost_joints(batch: Batch) -> Batch:
    """Some tokens are lost, so that tracks differ in their number of tokens; and the head of the second clip."""
    observed = batch.observed.clone()
    observed[0, 0, :6, :9] = False
    observed[1, :, :, [batch.skeleton.index[joint] for joint in batch.skeleton.parts["head"]]] = False
    return batch.with_positions(batch.positions, observed)


def by_loops(
    model: JointPatchEncoder, tracks: Tracks, groups: list[list[int]], time_parts: int, last_blocks: int
) -> torch.Tensor:
    """One track at a time, from the outputs of the blocks written out."""
    rows = []
    for track in range(len(tracks)):
        patches = make_patches(model, tracks)
        visible = TokenMask.all_visible(patches.available).visible_index
        outputs = model.block_outputs(patches, visible)[-last_blocks:]
        features = torch.stack([model.norm(output[track]) for output in outputs]).mean(0)
        row = []
        for time_part in range(time_parts):
            for group in groups:
                chosen = [
                    feature
                    for place, feature in enumerate(features[: int(visible.num_valid[track])])
                    if int(visible.index[track, place]) // 20 * time_parts // 4 == time_part
                    and int(visible.index[track, place]) % 20 in group
                ]
                row.append(torch.stack(chosen).mean(0) if chosen else torch.zeros(8))
        rows.append(torch.cat(row))
    return tracks.mean_over_persons(torch.stack(rows))


@pytest.mark.parametrize("last_blocks", [1, 2])
@pytest.mark.parametrize("time_parts", [1, 3])
@pytest.mark.parametrize("pooling", ["mean", "joints", "parts"])
def test_features_equal_a_plain_loop(make_batch: Make, pooling: Any, time_parts: int, last_blocks: int) -> None:
    model, batch = encoder(), with_lost_joints(batch_of(make_batch))
    groups = {
        "mean": [list(range(20))],
        "joints": [[joint] for joint in range(20)],
        "parts": [[KINECT20.index[joint] for joint in KINECT20.parts[part]] for part in BODY_PARTS],
    }[pooling]
    with torch.no_grad():
        found = embed_tracks(model, batch.tracks, pooling, time_parts=time_parts, last_blocks=last_blocks)
        expected = by_loops(model, batch.tracks, groups, time_parts, last_blocks)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert found[0].any()
    if pooling == "parts":
        assert not found.view(4, time_parts, 6, 8)[1, :, 0].any()


def test_all_blocks_at_most(make_batch: Make) -> None:
    model, batch = encoder(), batch_of(make_batch)
    patches = make_patches(model, batch.tracks)
    visible = TokenMask.all_visible(patches.available).visible_index
    first, *others = model.block_outputs(patches, visible)
    expected = (model.norm(first) + model.norm(others[0]) + model.norm(others[1])) / 3
    torch.testing.assert_close(encode_tokens(model, patches, visible, 3), expected)
    with pytest.raises(InputError, match=r"expected at most 3, .*got 4"):
        embed_tracks(model, batch.tracks, "mean", last_blocks=4)


def test_statistics_are_of_a_block_inside_the_encoder(make_batch: Make) -> None:
    model, batch = encoder(), with_lost_joints(batch_of(make_batch))
    patches = make_patches(model, batch.tracks)
    visible = TokenMask.all_visible(patches.available).visible_index
    with torch.no_grad():
        output = model.block_outputs(patches, visible)[1]  # the second of three
        tokens = torch.zeros(*patches.available.shape, 8)
        for track in range(len(output)):
            for place in range(int(visible.num_valid[track])):
                tokens[track].view(-1, 8)[visible.index[track, place]] = output[track, place]
        statistics = pool_statistics(tokens, patches.available, KINECT20.joints, KINECT20)
        found = embed_tracks(model, batch.tracks, "statistics")
    torch.testing.assert_close(found, batch.tracks.mean_over_persons(statistics), atol=1e-5, rtol=1e-4)
    assert found[:, 48:].any()
    for settings in ({"time_parts": 2}, {"last_blocks": 2}):
        with pytest.raises(InputError, match="all of a clip and one block"):
            embed_tracks(model, batch.tracks, "statistics", **settings)


def test_parts_have_the_same_width_in_other_layouts(make_batch: Make) -> None:
    joints = tuple(dict.fromkeys((*KINECT20.joints, *COCO17.joints)))
    for skeleton in (KINECT20, COCO17):
        batch = batch_of(make_batch, skeleton=skeleton)
        assert embed_tracks(encoder(joints), batch.tracks, "parts", time_parts=2).shape == (4, 2 * 6 * 8)


def test_means_and_deviations_of_each_joint_for_the_head(make_batch: Make) -> None:
    model, batch = encoder(), with_lost_joints(batch_of(make_batch))
    with torch.no_grad():
        means, both = embed_groups(model, batch.tracks), embed_groups(model, batch.tracks, "statistics")
        torch.testing.assert_close(means, embed_tracks(model, batch.tracks, "joints"))
        torch.testing.assert_close(both[:, : means.shape[1]], means)
        patches = make_patches(model, batch.tracks)
        visible = TokenMask.all_visible(patches.available).visible_index
        features = model(patches, visible)
    expected = torch.zeros(len(batch.tracks), 20, 8)
    for track in range(len(batch.tracks)):
        joints = visible.index[track, : int(visible.num_valid[track])] % 20
        for joint in joints.unique().tolist():
            chosen = features[track, : len(joints)][joints == joint]
            expected[track, joint] = chosen.std(0, correction=0)
    wanted = batch.tracks.mean_over_persons(expected.flatten(1))
    torch.testing.assert_close(both[:, means.shape[1] :], wanted, atol=1e-5, rtol=1e-4)


def test_joints_with_one_token_have_no_deviation_and_a_finite_gradient(make_batch: Make) -> None:
    model, batch = encoder(), batch_of(make_batch, skeleton=KINECT20)
    observed = batch.observed.clone()
    observed[:, :, 3:] = False  # one token of each joint
    features = embed_groups(model, batch.with_positions(batch.positions, observed).tracks, "statistics")
    assert (features[:, features.shape[1] // 2 :] == 0).all()
    features.sum().backward()
    assert all(each.grad is None or each.grad.isfinite().all() for each in model.parameters())
