from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from skeletonmae import runs
from skeletonmae.batches import Batch
from skeletonmae.checkpoint import load_checkpoint
from skeletonmae.errors import InputError
from skeletonmae.inference import predict
from skeletonmae.methods import Classifier, InputSpec
from skeletonmae.methods.supervised import NETWORKS, SupervisedConfig
from skeletonmae.recipe import recipe_from
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import COCO17, KINECT20, Skeleton

Make = Callable[..., Batch]
FRAMES = 8
kinds = pytest.mark.parametrize("kind", NETWORKS)


def classifier(kind: str, persons: int = 2, skeleton: Skeleton = KINECT20, classes: int = 4) -> Classifier:
    spec = InputSpec(FRAMES, 3, skeleton.joints, persons=persons, bones=skeleton.bones)
    config = SupervisedConfig.model_validate({"network": {"kind": kind, "width": 8}})
    torch.manual_seed(0)
    return config.build(spec).classifier(classes)


def swap_persons(batch: Batch) -> Batch:
    positions, observed = (tensor.flip(1).contiguous() for tensor in (batch.positions, batch.observed))
    return replace(batch, positions=positions, observed=observed, bridged=torch.zeros_like(observed))


@kinds
def test_it_learns_eight_clips_by_heart(make_batch: Make, kind: str) -> None:
    batch = make_batch((1, 2, 1, 1, 2, 1, 1, 1), frames=FRAMES)
    batch = replace(batch, label=torch.arange(8) % 4)
    model = classifier(kind)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(model(batch), batch.label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert torch.equal(model(batch).argmax(1), batch.label)


@kinds
def test_the_order_of_persons_matters_only_to_the_input_norm_of_ctr_gcn(make_batch: Make, kind: str) -> None:
    model, batch = classifier(kind).eval(), make_batch((2, 1, 2), frames=FRAMES)
    torch.testing.assert_close(model(swap_persons(batch)), model(batch), atol=1e-5, rtol=1e-5)
    for module in model.modules():
        if isinstance(getattr(module, "running_mean", None), torch.Tensor):
            module.running_mean.add_(
                torch.linspace(0, 1, module.running_mean.numel()).view_as(module.running_mean)
            )
    difference = (model(swap_persons(batch)) - model(batch)).abs().max().item()
    assert (difference > 1e-4) == (kind == "ctr_gcn")


@kinds
def test_absent_persons_enter_no_mean(make_batch: Make, kind: str) -> None:
    batch = make_batch((1, 1, 2), frames=FRAMES)
    alone = Batch(batch.positions[:2, :1], batch.observed[:2, :1], batch.label[:2], batch.keys[:2], KINECT20)
    model = classifier(kind).eval()
    torch.testing.assert_close(model(batch)[:2], model(alone))
    trained = classifier(kind).train()
    torch.testing.assert_close(trained(batch.select(torch.tensor([0, 1]))), classifier(kind).train()(alone))


@kinds
def test_the_logits_of_two_persons_are_the_mean_of_theirs(make_batch: Make, kind: str) -> None:
    model, batch = classifier(kind).eval(), make_batch((2, 2), frames=FRAMES)
    alone = [
        model(
            Batch(batch.positions[:, p : p + 1], batch.observed[:, p : p + 1], batch.label, batch.keys, KINECT20)
        )
        for p in (0, 1)
    ]
    torch.testing.assert_close(model(batch), (alone[0] + alone[1]) / 2, atol=1e-5, rtol=1e-5)


@kinds
def test_joints_of_another_layout_are_found_by_name(make_batch: Make, kind: str) -> None:
    model, batch = classifier(kind).eval(), make_batch((1, 1), frames=FRAMES)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    joints = tuple(KINECT20.joints[index] for index in order.tolist())
    other = Skeleton("other", joints, KINECT20.parents)
    permuted = Batch(batch.positions[:, :, :, order], batch.observed[..., order], batch.label, batch.keys, other)
    torch.testing.assert_close(model(permuted), model(batch))
    assert model(make_batch((1, 1), frames=FRAMES, skeleton=COCO17)).isfinite().all()


@kinds
def test_clips_of_another_size_are_refused(make_batch: Make, kind: str) -> None:
    model = classifier(kind, persons=1)
    with pytest.raises(InputError, match="more persons than the model"):
        model(make_batch((2, 1), frames=FRAMES))
    with pytest.raises(InputError, match="8 frames, 3 axes"):
        model(make_batch((1,), frames=FRAMES + 1))
    with pytest.raises(InputError, match="8 frames, 3 axes"):
        model(make_batch((1,), frames=FRAMES, axes=2))


def test_it_has_no_loss_and_no_features(make_batch: Make) -> None:
    method = SupervisedConfig().build(InputSpec(FRAMES, 3, KINECT20.joints))
    for call in (method, method.embed):
        with pytest.raises(InputError, match=r"no pretext task and no encoder.*--from-scratch"):
            call(make_batch((1, 1), frames=FRAMES))


@pytest.fixture
def tree(tiny_tree: Any) -> Callable[..., dict[str, Any]]:
    """A recipe of a tiny baseline."""

    def make(kind: str = "ctr_gcn", **finetune: Any) -> dict[str, Any]:
        recipe = tiny_tree() | {"method": {"kind": "supervised", "network": {"kind": kind, "width": 8}}}
        training = {"epochs": 2, "batch_size": 32, "optimizer": "sgd", "lr": 0.1, "warmup_epochs": 0}
        recipe["evaluation"] = [{"kind": "finetune", "training": training} | finetune]
        del recipe["masking"]
        return recipe

    return make


@kinds
def test_from_recipe_to_predictions(tree: Any, kind: str, alone: Any, tmp_path: Path, tiny_store: Path) -> None:
    recipe = recipe_from(tree(kind), "tiny")
    (result,) = runs.evaluate(recipe, None, tmp_path, alone)
    assert (result.protocol, result.pretrained, result.num_train + result.num_test) == ("finetune", False, 96)
    checkpoint = load_checkpoint(tmp_path / "finetune-1-seed0.safetensors")
    assert checkpoint.header.spec.bones == SequenceStore.open(tiny_store).skeleton.bones
    store = SequenceStore.open(tiny_store)
    recordings = [store[index] for index in recipe.data.evaluate.split_rule(store)(store).test[:10].tolist()]
    predictions = predict(checkpoint, recordings)
    assert all(prediction.classes and not prediction.error for prediction in predictions)


def test_it_cannot_be_pretrained(tree: Any, alone: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="learns from labels alone and cannot be pre-trained"):
        runs.pretrain(recipe_from(tree(), "tiny"), tmp_path / "run", alone)
    assert not (tmp_path / "run").exists()
