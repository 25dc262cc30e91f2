"""What every entry in `METHODS` must hold, with the settings it has by default and with others that change its task."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from skeletonmae.batches import Batch, Tracks
from skeletonmae.errors import InputError
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import CLASSIFIERS, METHODS, InputSpec, JointPatchMAEConfig, Method, STRLClassifierConfig
from skeletonmae.skeletons import COCO17, KINECT20

Make = Callable[..., Any]
SMALL = {"width": 32, "depth": 2, "heads": 2, "decoder_width": 32, "decoder_depth": 1}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{kind: (kind, {}) for kind in METHODS},
    "order": ("order", {"token_frames": 2}),  # three parts of a clip need at least 5 time steps
    "order-reversed": ("order", SMALL | {"order": "reversed"}),
    "graph-centered": ("graph", {"target": "centered"}),
    "graph-coordinates": ("graph", {"target": "coordinates", "window": 3}),
    "joint_patch-teacher": ("joint_patch", SMALL | {"target": "teacher"}),
    "joint_patch-center": ("joint_patch", SMALL | {"target": "teacher", "teacher": {"center": True}}),
    "joint_patch-pooled": ("joint_patch", SMALL | {"target": "pooled"}),
    "contrastive-queue": ("contrastive", SMALL | {"objective": "queue"}),
    "contrastive-teacher": ("contrastive", SMALL | {"target": "teacher", "reconstruct": 1.0}),
}
"""Name of a case -> kind and settings of a method."""
every_case = pytest.mark.parametrize("case", CASES)
entries = pytest.mark.parametrize(
    "case", [case for case, (kind, _) in CASES.items() if METHODS[kind].has_pretext_task]
)
JOINTS = tuple(dict.fromkeys((*KINECT20.joints, *COCO17.joints)))
FRAMES = 12  # what a token of 4 frames and a tuple of 6 divide
VIEWS_ALONE = ("neighbor_tuning", "contrastive", "contrastive-queue")
"""Methods in which nothing is drawn: their views come from the loader."""
BATCH_NORM = ("running_mean", "running_var", "num_batches_tracked")


def build(case: str, seed: int = 0) -> Method:
    """A method with random weights, which follow from the seed."""
    return copy.deepcopy(_build(case, seed))


@cache
def _build(case: str, seed: int) -> Method:
    torch.manual_seed(seed)
    kind, settings = CASES[case]
    config: Any = METHODS[kind].model_validate(settings)
    if kind == "neighbor_tuning":
        config = config.starting_from(JointPatchMAEConfig())
    made = config.build(InputSpec(FRAMES, 3, JOINTS, 8), RandomTokens(ratio=0.5))
    assert isinstance(made, Method)
    return made


def classifier_kind(case: str) -> str:
    kind, _ = CASES[case]
    return METHODS[kind].classifier_kind or kind


def fixed(method: Method) -> Method:
    """With the statistics that batch norm has gathered: in training a clip's depend on its company, as they must."""
    norms = any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in method.modules())
    return method.eval() if norms else method


def clips(make_batch: Make, persons: tuple[int, ...] = (2, 1, 0, 1), **settings: Any) -> Batch:
    """Random clips of different recordings, each with a second view."""
    views = [
        make_batch(persons, frames=FRAMES, **settings | {"seed": 2 * settings.get("seed", 0) + i}) for i in (0, 1)
    ]
    return replace(views[0], recording=views[0].label, second_view=replace(views[1], recording=views[0].label))


def of_tracks(batch: Batch, second_view: Batch | None = None) -> Batch:
    """As a loader makes it, without padded arrays."""
    return Batch.from_tracks(batch.tracks, batch.label, batch.keys, batch.recording, second_view)


def part(batch: Batch, *rows: int) -> Batch:
    return batch.select(torch.tensor(rows))


@every_case
def test_its_settings_know_their_kind(case: str) -> None:
    kind, settings = CASES[case]
    config: Any = METHODS[kind].model_validate(settings)
    assert config.kind == kind
    assert METHODS[kind].model_validate_json(config.model_dump_json()) == config
    classifier: Any = CLASSIFIERS[classifier_kind(case)]()
    assert classifier.kind == classifier_kind(case)
    assert type(classifier).model_validate_json(classifier.model_dump_json()) == classifier


@entries
@pytest.mark.parametrize("persons", [(2, 1, 0, 1), (0, 0), ()])
def test_any_batch_has_a_loss(make_batch: Make, case: str, persons: tuple[int, ...]) -> None:
    method = build(case)
    for skeleton in (KINECT20, COCO17):
        output = method(clips(make_batch, persons, skeleton=skeleton))
        assert output.loss.shape == output.num_terms.shape == ()
        assert output.loss.isfinite()
        assert (output.num_terms > 0) == (sum(persons) > 0)
        (output.loss * output.num_terms).backward()
        for name, parameter in method.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, name
                assert parameter.grad.isfinite().all(), name


@entries
def test_its_logs_have_the_same_names_in_every_batch_and_are_those_that_it_checks(
    make_batch: Make, case: str
) -> None:
    method = build(case)
    with torch.no_grad():
        logs = [method(clips(make_batch, persons)).logs for persons in ((2, 1, 0, 1), (0, 0))]
    assert logs[0].keys() == logs[1].keys()
    for each in logs:
        method.check_logs({name: float(value) for name, value in each.items()})


@entries
@pytest.mark.parametrize("persons", [(2, 1, 0, 1), (0, 0)])
def test_nothing_is_padded_in_a_step(
    make_batch: Make, case: str, persons: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The padded arrays of a batch are made when they are first read, in time and memory that a step can spare."""
    method, batch = build(case), clips(make_batch, persons)
    assert batch.second_view is not None
    expected = method(batch).loss

    def refuse(*_: Any) -> None:
        raise AssertionError("padded")

    monkeypatch.setattr(Tracks, "pad", refuse)
    second = of_tracks(batch.second_view)
    assert torch.equal(method(of_tracks(batch, second)).loss, expected)


@entries
def test_the_loss_is_a_function_of_weights_and_batch(make_batch: Make, case: str) -> None:
    method, batch = build(case), clips(make_batch)
    first = method(batch).loss
    torch.manual_seed(9)
    assert torch.equal(method(batch).loss, first)
    assert torch.equal(build(case)(batch).loss, first)
    if case not in VIEWS_ALONE:
        assert not torch.equal(method(replace(batch, keys=batch.keys + 1)).loss, first)


@entries
def test_the_loss_of_two_parts_is_that_of_the_whole(make_batch: Make, case: str) -> None:
    method, batch = fixed(build(case)), clips(make_batch)
    if method.couples_batch:
        pytest.skip("its loss compares the clips of a batch; the loop refuses to divide its steps")
    whole = method(batch)
    for first, second in (((0,), (1, 2, 3)), ((0, 1), (2, 3))):  # of unequal size, so that wrong weights show
        parts = [method(part(batch, *first)), method(part(batch, *second))]
        assert float(sum(each.num_terms for each in parts)) == pytest.approx(float(whole.num_terms))
        total = sum(each.loss * each.num_terms for each in parts)
        torch.testing.assert_close(total, whole.loss * whole.num_terms, rtol=1e-4, atol=1e-5)


@entries
def test_what_changes_after_a_step_is_in_its_state_dict(make_batch: Make, case: str) -> None:
    """A run that resumes from the state dict after two steps goes on as one that was not stopped."""
    method, other = build(case), build(case, seed=1)
    batches = [clips(make_batch, seed=seed) for seed in range(3)]
    for step, batch in enumerate(batches[:2], 1):
        before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
        loss = method(batch).loss
        changed = {name for name, tensor in method.state_dict().items() if not torch.equal(before[name], tensor)}
        assert all(name.endswith(BATCH_NORM) for name in changed)  # the rest changes in `after_step`
        loss.backward()
        with torch.no_grad():
            for parameter in method.parameters():
                if parameter.grad is not None:
                    parameter.sub_(1e-3 * torch.nn.functional.normalize(parameter.grad, dim=0))
        method.after_step(step, 4)
    other.load_state_dict(method.state_dict())
    for resumed in (method, other):
        resumed(batches[2])
        resumed.after_step(3, 4)
    assert all(torch.equal(method.state_dict()[name], tensor) for name, tensor in other.state_dict().items())
    assert torch.equal(method(batches[0]).loss, other(batches[0]).loss)


@entries
def test_an_encoder_without_statistics_says_so(make_batch: Make, case: str) -> None:
    method, batch = build(case).eval(), clips(make_batch)
    with torch.no_grad():
        if case.split("-")[0] in ("sttformer", "graph"):
            with pytest.raises(InputError, match="this encoder has no pooling statistics"):
                method.embed(batch, "statistics")
        else:
            assert method.embed(batch, "statistics").isfinite().all()


@entries
@pytest.mark.parametrize("pooling", ["mean", "joints", "parts"])
def test_the_features_of_a_clip_do_not_depend_on_other_clips(make_batch: Make, case: str, pooling: Any) -> None:
    method, batch = build(case).eval(), clips(make_batch)
    with torch.no_grad():
        whole = method.embed(batch, pooling)
        assert whole.dtype == torch.float32
        assert len(whole) == 4
        assert not whole[2].any()  # no person is present
        for row in range(4):
            torch.testing.assert_close(
                method.embed(part(batch, row), pooling)[0], whole[row], atol=1e-4, rtol=1e-4
            )
        assert (whole[0] - whole[1]).abs().max() > 1e-3


@entries
def test_it_is_restored_from_its_state_dict(make_batch: Make, case: str) -> None:
    method, other, batch = build(case), build(case, seed=1), clips(make_batch)
    assert not torch.equal(method.embed(batch), other.embed(batch))
    other.load_state_dict(method.state_dict())
    assert torch.equal(method.embed(batch), other.embed(batch))
    assert torch.equal(method(batch).loss, other(batch).loss)


@every_case
def test_its_classifier_has_a_logit_per_class_and_gradients(make_batch: Make, case: str) -> None:
    method, batch = build(case), clips(make_batch)
    model = method.classifier(5)
    scores = model(batch)
    assert scores.shape == (4, 5)
    torch.nn.functional.cross_entropy(scores, batch.label).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert all(p.grad is None for p in method.parameters())
    model.eval()
    assert torch.equal(model(batch), model(batch))
    assert model(clips(make_batch, (0, 0))).isfinite().all()


@entries
def test_its_classifier_starts_from_copies_of_the_current_encoder(make_batch: Make, case: str) -> None:
    method, batch = build(case), clips(make_batch)

    def classifier() -> tuple[dict[str, Any], Any]:
        """What a new one holds, and its scores."""
        torch.manual_seed(1)
        model = method.classifier(5)
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}, model(batch)

    before = classifier()[1]
    has_teacher = CASES[case][1].get("target") == "teacher"
    evaluated = "teacher.module." if has_teacher else ("encoder.", "embedding.")
    learned = {
        name: tensor
        for name, tensor in method.state_dict().items()
        if name.startswith(evaluated) and tensor.is_floating_point()
    }
    for tensor in learned.values():
        tensor.add_(0.1 * torch.rand_like(tensor))
    held, after = classifier()
    assert (after - before).abs().max() > 1e-3
    layers = STRLClassifierConfig().depth if case.startswith("graph") else 1
    for name, tensor in learned.items():
        copies = sum(torch.equal(other, tensor) for other in held.values())
        assert copies == (layers if name.startswith("encoder.") else 1), name


@every_case
def test_dropout_reaches_the_head_of_its_classifier(case: str) -> None:
    model: Any = build(case).classifier(5, CLASSIFIERS[classifier_kind(case)].model_validate({"dropout": 0.7}))
    rates = {layer.p for layer in model.head if isinstance(layer, torch.nn.Dropout)}
    assert rates == {0.7}


def joint_patch_layer(name: str) -> int:
    """Embeddings, eight blocks with the final norm in the last one, head."""
    if name.startswith("encoder.blocks."):
        return 1 + int(name.split(".")[2])
    return {"encoder.patch_embed": 0, "encoder.pos_embed": 0, "encoder.norm": 8, "head": 9}[stem(name)]


def sttformer_layer(name: str) -> int:
    """Input embedding and mask token, eight blocks, head."""
    if name.startswith("encoder.blocks."):
        return 1 + int(name.split(".")[2])
    return {"encoder.embed": 0, "encoder.mask_token": 0, "head": 9}[stem(name)]


def graph_layer(name: str) -> int:
    """Joint embedding, three layers in each copy of the encoder, and what is new."""
    _, _, in_encoder = name.partition(".encoder.")
    if in_encoder:
        return 1 + int(in_encoder.split(".")[1])
    return 0 if name.startswith(("strl.embed.", "strl.joint_identity.")) else 4


def stem(name: str) -> str:
    return "head" if name.startswith("head.") else ".".join(name.split(".")[:2])


LAYERS = {"joint_patch": joint_patch_layer, "sttformer": sttformer_layer, "graph": graph_layer}


@every_case
def test_every_parameter_of_its_classifier_has_its_layer(case: str) -> None:
    """Layer decay finds layers by the names of parameters: a name that is not recognized would count as layer 0."""
    model = build(case).classifier(5)
    layers = {name: model.layer_id(name) for name, _ in model.named_parameters()}
    assert set(layers.values()) == set(range(max(layers.values()) + 1))
    last = [name for name, p in model.named_parameters() if p.shape[:1] == (5,)]
    assert {layers[name] for name in last} == {max(layers.values())}
    if case in LAYERS:
        assert layers == {name: LAYERS[case](name) for name in layers}


@entries
def test_a_reconstruction_changes_only_hidden_joints(make_batch: Make, case: str) -> None:
    batch = clips(make_batch)
    reconstruction = build(case).eval().reconstruct(batch)
    if reconstruction is not None:
        assert reconstruction.hidden.shape == (FRAMES, 20)
        assert reconstruction.positions.shape == (FRAMES, 20, 3)
        same = (reconstruction.positions == batch.tracks.positions[0].numpy()).all(-1)
        assert same[~reconstruction.hidden].all()
        assert not same[reconstruction.hidden & batch.tracks.observed[0].numpy()].any()
