from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fresh_process import FreshProcess
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from samples.format_1 import write_format_1

from skeletonmae.batches import Batch
from skeletonmae.checkpoint import METADATA_KEY, Checkpoint, Header, load_checkpoint, save_checkpoint, save_encoder
from skeletonmae.errors import InputError
from skeletonmae.methods import GraphMAEConfig, InputSpec, JointPatchClassifierConfig, STRLClassifierConfig
from skeletonmae.recipe import recipe_from
from skeletonmae.skeletons import NTU25
from skeletonmae.transforms import ClipConfig

CLASSIFIER = "finetune-1-seed0.safetensors"


def header_of(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        header: dict[str, Any] = json.loads(file.metadata()[METADATA_KEY])
    return header


def rewritten(path: Path, out: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], object]) -> Path:
    """The checkpoint with a changed header or changed weights."""
    header, tensors = header_of(path), load_file(path)
    change(header, tensors)
    save_file(tensors, out, {METADATA_KEY: json.dumps(header)})
    return out


def outputs(checkpoint: Checkpoint, make_batch: Any) -> torch.Tensor:
    batch = make_batch(frames=8, skeleton=NTU25)
    with torch.no_grad():
        if checkpoint.header.role == "classifier":
            scores: torch.Tensor = checkpoint.classifier(batch)
            return scores
        return checkpoint.method.embed(batch, "joints")


@pytest.mark.parametrize("name", ["model.safetensors", CLASSIFIER])
def test_a_model_comes_back_the_same(tiny_run: Path, tmp_path: Path, make_batch: Any, name: str) -> None:
    first = load_checkpoint(tiny_run / name)
    assert not first.model.training
    save_checkpoint(tmp_path / "copy.safetensors", first.model, first.header)
    second = load_checkpoint(tmp_path / "copy.safetensors")
    assert second.header == first.header
    assert second.header == first.header
    assert torch.equal(outputs(first, make_batch), outputs(second, make_batch))
    assert outputs(first, make_batch).std() > 0


def save_outputs() -> None:
    """Write what the checkpoints in the current folder give for the batch beside them."""
    positions, observed = (torch.from_numpy(array) for array in np.load("batch.npz").values())
    zeros = torch.zeros(len(positions), dtype=torch.int64)
    batch = Batch(positions, observed, zeros, zeros, NTU25)
    with torch.no_grad():
        embedded = load_checkpoint(Path("model.safetensors")).method.embed(batch, "joints")
        scores = load_checkpoint(Path(CLASSIFIER)).classifier(batch)
    np.savez("answers.npz", embedded, scores)


def test_it_is_rebuilt_from_the_file_alone_in_a_fresh_process(
    tiny_run: Path, tmp_path: Path, make_batch: Any
) -> None:
    for name in ("model.safetensors", CLASSIFIER):
        shutil.copy(tiny_run / name, tmp_path / name)
    batch = make_batch(frames=8, skeleton=NTU25)
    np.savez(tmp_path / "batch.npz", positions=batch.positions, observed=batch.observed)
    process = FreshProcess(save_outputs, cwd=tmp_path).wait()
    assert process.returncode == 0, process.stderr
    found = np.load(tmp_path / "answers.npz")
    for name, array in zip(("model.safetensors", CLASSIFIER), found.values(), strict=True):
        expected = outputs(load_checkpoint(tiny_run / name), make_batch)
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-6)


def test_the_header(tiny_run: Path, tiny_store: Path) -> None:
    method, classifier = (load_checkpoint(tiny_run / name).header for name in ("model.safetensors", CLASSIFIER))
    assert (method.role, method.clips.frames, method.axes, method.unit) == ("method", 8, 3, "m")
    assert method.joints == NTU25.joints
    assert method.classes == ()
    assert len(method.store_fingerprints) == 1
    assert classifier.role == "classifier"
    assert classifier.classes == tuple(json.loads((tiny_store / "manifest.json").read_text())["classes"])
    assert classifier.store_fingerprints == method.store_fingerprints


def test_joints_of_a_custom_layout_come_back_as_a_layout(tiny_run: Path) -> None:
    header = load_checkpoint(tiny_run).header
    assert header.custom_layout is None
    for joints in (("snout",), ("snout", "hip", "tail")):
        layout = header.model_copy(update={"joints": joints}).custom_layout
        assert layout is not None
        assert (layout.joints, layout.parents) == (joints, dict.fromkeys(joints[1:], "snout"))
    described = header.method.model_copy(update={"joint_embedding": "description"})
    assert header.model_copy(update={"joints": joints, "method": described}).custom_layout is None


def test_a_folder_of_a_run_is_a_path_of_its_model(tiny_run: Path) -> None:
    assert load_checkpoint(tiny_run).header.role == "method"


def test_methods_and_classifiers_are_not_mixed_up(tiny_run: Path) -> None:
    with pytest.raises(InputError, match=r"model\.safetensors: this is a pre-trained model without classes"):
        _ = load_checkpoint(tiny_run).classifier
    with pytest.raises(InputError, match="a pre-trained model is needed"):
        _ = load_checkpoint(tiny_run / CLASSIFIER).method


def test_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.safetensors"):
        with pytest.raises(InputError, match="no such checkpoint"):
            load_checkpoint(path)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 5000, -1])
def test_a_file_that_was_cut_short(tiny_run: Path, tmp_path: Path, keep: int) -> None:
    file = tmp_path / "cut.safetensors"
    file.write_bytes((tiny_run / "model.safetensors").read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut\.safetensors: damaged, or not safetensors"):
        load_checkpoint(file)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    file = tmp_path / "foreign.safetensors"
    for content in (b"hello", bytes(range(256)) * 10, (2**60).to_bytes(8, "little") + b"{}"):
        file.write_bytes(content)
        with pytest.raises(InputError, match="damaged, or not safetensors"):
            load_checkpoint(file)
    torch.save({"model": torch.zeros(3)}, file)
    with pytest.raises(InputError, match="damaged, or not safetensors"):
        load_checkpoint(file)
    save_file({"w": torch.zeros(3)}, file)
    with pytest.raises(InputError, match="not a checkpoint of skeletonmae"):
        load_checkpoint(file)
    save_file({"w": torch.zeros(3)}, file, {"format": "pt"})
    with pytest.raises(InputError, match="not a checkpoint of skeletonmae"):
        load_checkpoint(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header, _: header.update(role="oracle"), "the header is invalid"),
        (
            lambda header, _: header.update(format=3),
            "newer format than this version .*expected format 1 or 2; got 3",
        ),
        (
            lambda header, _: header.update(format=3, version="9.1"),
            "written by skeletonmae 9.1.*upgrade skeletonmae",
        ),
        (lambda header, _: header.update(format=0), "an unknown format; expected format 1 or 2; got 0"),
        (lambda header, _: header.update(format=True), "an unknown format; .*got True"),
        (lambda header, _: header.update(format=[2]), "an unknown format"),
        (lambda header, _: header.pop("format"), "an unknown format; expected format 1 or 2"),
        (
            lambda header, _: header.update(extra=1, version="9.1"),
            "invalid.*written by skeletonmae 9.1, and this is",
        ),
        (lambda header, _: header.pop("joints"), "the header is invalid"),
        (lambda header, _: header.update(extra=1), "the header is invalid"),
        (lambda header, _: header["method"].update(widht=8), "the header is invalid"),
        (lambda header, _: header["method"].update(kind="?"), "the header is invalid"),
        (lambda header, _: header.pop("clips"), "the header is invalid"),
        (lambda header, _: header["method"].update(width=32), "do not fit the header"),
        (lambda header, _: header["method"].update(depth=3), "do not fit the header"),
        (lambda header, _: header["method"].update(token_frames=3), "are not divisible into tokens"),
        (lambda header, _: header["clips"].update(frames=16), "do not fit the header"),
        (lambda header, _: header.update(joints=["head"]), "do not fit the header"),
        (lambda header, _: header.update(role="classifier", classes=["a"]), "do not fit the header"),
        (
            lambda _, tensors: tensors.pop("encoder.patch_embed.weight"),
            r"do not fit.*Missing.*encoder\.patch_embed\.weight",
        ),
        (lambda _, tensors: tensors.update(more=torch.zeros(2)), "do not fit.*Unexpected.*more"),
        (
            lambda _, tensors: tensors.update({"encoder.patch_embed.bias": torch.zeros(3)}),
            "do not fit.*size mismatch",
        ),
    ],
)
def test_a_changed_file_is_refused(tiny_run: Path, tmp_path: Path, change: Any, message: str) -> None:
    file = rewritten(tiny_run / "model.safetensors", tmp_path / "changed.safetensors", change)
    with pytest.raises(InputError, match=f"(?s){message}") as caught:
        load_checkpoint(file)
    if "tokens" not in message:
        assert "changed.safetensors" in str(caught.value)


NAME = "encoder.patch_embed.bias"
STTFORMER = {"kind": "sttformer", "tuple_frames": 4, "widths": [16_384] * 64, "heads": 256}
HUGE: list[tuple[dict[str, Any], str]] = [
    ({"method": {"width": 16_384, "depth": 256, "heads": 8}}, "do not fit"),
    ({"method": {"width": 10**6}}, "width.*less than or equal to 16384"),
    ({"method": {"depth": 10**5}}, "depth.*less than or equal to 256"),
    ({"method": {"width": 10**400}}, "the header is invalid"),
    ({"method": {"mlp_ratio": 1e300}}, "mlp_ratio"),
    ({"method": {"decoder_width": 16_384, "decoder_depth": 256}}, "do not fit"),
    ({"method": STTFORMER, "joints": [f"j{i}" for i in range(1000)]}, "do not fit"),
    ({"method": STTFORMER | {"widths": [4] * 10_000}}, "widths.*at most 64 items"),
    ({"method": STTFORMER | {"widths": [10**9]}}, "widths.0.*less than or equal to 16384"),
    (
        {"method": {"kind": "graph", "width": 16_384, "depth": 256, "decoder_depth": 256}, "masking": None},
        "do not fit",
    ),
    ({"clips": {"frames": 100_000}}, "do not fit"),
    ({"clips": {"frames": 10**6}}, "frames.*less than or equal to 100000"),
    ({"joints": [f"j{i}" for i in range(10**5)]}, "joints.*at most 1000 items"),
    ({"joints": [f"j{i}" for i in range(1000)]}, "do not fit"),
    ({"joints": ["x" * 10**6]}, "do not fit"),
    ({"joints": [5] * 10**3 + [None]}, "the header is invalid"),
    ({"role": "classifier", "classes": [str(i) for i in range(10**6)]}, "classes.*at most 100000 items"),
    ({"role": "classifier", "classes": [str(i) for i in range(10**5)]}, "do not fit"),
    ({"role": "x" * 10**6}, "role"),
    ({"recipe": "x" * 10**6}, "recipe"),
]


@pytest.mark.parametrize("number", range(len(HUGE)))
def test_a_header_that_asks_for_gigabytes_is_refused_before_the_model_is_built(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fields, message = HUGE[number]

    def change(header: dict[str, Any], _: dict[str, torch.Tensor]) -> None:
        for key, value in fields.items():
            is_update = isinstance(value, dict) and "kind" not in value
            header[key] = header[key] | value if is_update else value

    built: list[torch.device] = []
    initialize = torch.nn.Linear.reset_parameters

    def reset_parameters(layer: torch.nn.Linear) -> None:
        built.append(layer.weight.device)
        initialize(layer)

    monkeypatch.setattr(torch.nn.Linear, "reset_parameters", reset_parameters)
    file = rewritten(tiny_run / "model.safetensors", tmp_path / "huge.safetensors", change)
    with pytest.raises(InputError, match=rf"(?s)huge\.safetensors: .*{message}") as caught:
        load_checkpoint(file)
    assert len(str(caught.value)) < 2000
    assert all(device.type == "meta" for device in built)


def test_the_shapes_of_a_header_are_compared_without_a_random_number(tiny_run: Path) -> None:
    header = load_checkpoint(tiny_run).header
    torch.manual_seed(3)
    header.method.build(header.spec, header.masking)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_checkpoint(tiny_run)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (NAME, float("nan"), "not finite"),
        (NAME, float("-inf"), "not finite"),
        (NAME, torch.float64, "wrong data type; expected torch.float32; got torch.float64"),
        (NAME, torch.bfloat16, "wrong data type"),
        (NAME, torch.int64, "wrong data type"),
        (NAME, torch.bool, "wrong data type"),
        ("head.2.running_var", -1.0, "variance or a count is negative"),
        ("head.2.running_var", float("nan"), "not finite"),
        ("head.2.running_var", torch.int64, "wrong data type"),
        ("head.2.num_batches_tracked", -1, "variance or a count is negative"),
        ("head.2.num_batches_tracked", torch.float32, "wrong data type; expected torch.int64"),
    ],
)
def test_values_that_cannot_be_weights_are_refused(
    tiny_run: Path, tmp_path: Path, name: str, value: Any, message: str
) -> None:
    def change(_: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        changed = tensors[name].clone()
        tensors[name] = changed.to(value) if isinstance(value, torch.dtype) else changed.fill_(value)

    file = rewritten(tiny_run / CLASSIFIER, tmp_path / "changed.safetensors", change)
    with pytest.raises(InputError, match=rf"changed\.safetensors, {name}: .*{message}"):
        load_checkpoint(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the header is not JSON"),
        ("[" * 100_000, "the header is not JSON"),
        (f'{{"format": {"9" * 5000}}}', "the header is not JSON"),
        ("[2]", "expected a mapping; got list"),
    ],
)
def test_a_header_that_is_not_a_mapping(tmp_path: Path, text: str, message: str) -> None:
    save_file({"w": torch.zeros(3)}, tmp_path / "x.safetensors", {METADATA_KEY: text})
    with pytest.raises(InputError, match=message):
        load_checkpoint(tmp_path / "x.safetensors")


def test_an_old_header_that_is_nested_too_deeply_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    old = write_format_1(tiny_run / "model.safetensors", tmp_path / "old.safetensors")
    text = json.dumps(header_of(old) | {"recipe": {"a": 0}}).replace('{"a": 0}', '{"a":' * 700 + "0" + "}" * 700)
    save_file(load_file(old), tmp_path / "deep.safetensors", {METADATA_KEY: text})
    with pytest.raises(InputError, match=r"the header is (invalid|not JSON)"):
        load_checkpoint(tmp_path / "deep.safetensors")


@pytest.mark.parametrize("name", ["model.safetensors", CLASSIFIER])
def test_a_checkpoint_of_format_1_is_the_same_model(
    tiny_run: Path, tmp_path: Path, make_batch: Any, name: str
) -> None:
    old = write_format_1(tiny_run / name, tmp_path / "old.safetensors")
    assert "encoder.places.time" in load_file(old)
    assert header_of(old)["method"].keys() >= {"normalise"}
    assert header_of(old)["recipe"]["training"].keys() >= {"clip_norm", "ema"}
    assert (header_of(old)["format"], len(header_of(old)["data"])) == (1, 1)
    new, migrated = load_checkpoint(tiny_run / name), load_checkpoint(old)
    assert migrated.header == new.header
    assert torch.equal(outputs(migrated, make_batch), outputs(new, make_batch))


METHODS_OF_FORMAT_1: list[dict[str, Any]] = [
    {"kind": "sttformer", "tuple_frames": 4, "widths": (4, 8), "decoder_widths": (8, 4), "heads": 2},
    {"kind": "graph", "width": 8, "gnn": "gat", "joint_masking": {"kind": "random_parts", "num_parts": 1}},
]


@pytest.mark.parametrize("settings", METHODS_OF_FORMAT_1)
def test_every_method_of_format_1_is_read(
    tiny_run: Path, tmp_path: Path, make_batch: Any, settings: dict[str, Any]
) -> None:
    header = load_checkpoint(tiny_run).header
    masking = None if settings["kind"] == "graph" else header.masking
    fields = header.model_dump() | {"method": settings, "masking": masking}
    header = Header.model_validate(fields)
    method = header.method.build(header.spec, header.masking)
    classes = {"role": "classifier", "classes": ("a", "b")}
    for model, update in ((method, {}), (method.classifier(2), classes)):
        save_checkpoint(tmp_path / "new.safetensors", model, header.model_copy(update=update))
        old = write_format_1(tmp_path / "new.safetensors", tmp_path / "old.safetensors")
        assert not load_file(old).keys() >= model.state_dict().keys()
        expected = outputs(load_checkpoint(tmp_path / "new.safetensors"), make_batch)
        assert torch.equal(outputs(load_checkpoint(old), make_batch), expected)


def test_a_checkpoint_that_is_older_than_bridging_bridges_nothing(tiny_run: Path, tmp_path: Path) -> None:
    assert load_checkpoint(tiny_run).header.clips.bridge_seconds == 0.25

    def forget(header: dict[str, Any], _: Any) -> None:
        del header["clips"]["bridge_seconds"], header["recipe"]["data"]["bridge_seconds"]

    older = load_checkpoint(rewritten(tiny_run / "model.safetensors", tmp_path / "older.safetensors", forget))
    assert older.header.clips.bridge_seconds == older.header.recipe["data"]["bridge_seconds"] == 0
    format_1 = load_checkpoint(write_format_1(tmp_path / "older.safetensors", tmp_path / "format_1.safetensors"))
    assert format_1.header.clips.bridge_seconds == 0


def test_a_full_disk_leaves_the_old_file(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.safetensors"
    made = load_checkpoint(tiny_run)
    save_checkpoint(file, made.model, made.header)
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(file, made.model, made.header)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_graph_method_and_its_classifier_come_back(tiny_run: Path, tmp_path: Path, make_batch: Any) -> None:
    header = load_checkpoint(tiny_run).header
    header = header.model_copy(update={"method": GraphMAEConfig(width=8), "masking": None})
    method, batch = header.method.build(header.spec, None), make_batch(frames=8, skeleton=NTU25)
    method(batch)  # moves the statistics of the batch norms
    save_checkpoint(tmp_path / "m.safetensors", method, header)
    again = load_checkpoint(tmp_path / "m.safetensors")
    assert torch.equal(again.method.embed(batch), method.eval().embed(batch))
    for config in (None, STRLClassifierConfig(depth=2, head_width=6)):
        model = method.classifier(2, config).eval()
        about = {"role": "classifier", "classes": ("a", "b"), "classifier": config}
        save_checkpoint(tmp_path / "c.safetensors", model, header.model_copy(update=about))
        assert torch.equal(load_checkpoint(tmp_path / "c.safetensors").classifier(batch), model(batch))
    wrong = {"kind": "joint_patch"}
    rewritten(tmp_path / "c.safetensors", tmp_path / "w.safetensors", lambda h, t: h.update(classifier=wrong))
    with pytest.raises(InputError, match=r"the header is invalid .*another method's classifier"):
        load_checkpoint(tmp_path / "w.safetensors")


def test_a_classifier_keeps_its_settings(tiny_run: Path, tmp_path: Path) -> None:
    made = load_checkpoint(tiny_run)
    settings = JointPatchClassifierConfig(dropout=0.1, drop_path=0.2)
    about = {"role": "classifier", "classes": ("größer", "小さい"), "classifier": settings}
    model = made.method.classifier(2, settings)
    save_checkpoint(tmp_path / "c.safetensors", model, made.header.model_copy(update=about))
    again = load_checkpoint(tmp_path / "c.safetensors")
    assert again.header.classes == ("größer", "小さい")
    assert again.header.classifier == settings
    assert again.classifier.head[0].p == 0.1  # type: ignore[index,union-attr]


ENCODERS: dict[str, dict[str, Any]] = {
    "order": {"kind": "order", "order": "reversed"},
    "contrastive": {"kind": "contrastive", "objective": "queue", "reconstruct": 1.0, "target": "motion"},
    "teacher": {"kind": "joint_patch", "target": "teacher"},
    "neighbor_tuning": {"kind": "neighbor_tuning", "head_width": 8},
}


@pytest.mark.parametrize("name", ENCODERS)
def test_the_encoder_of_every_method_on_joint_tokens_can_be_saved_alone(
    tiny_tree: Any, tmp_path: Path, make_batch: Any, name: str
) -> None:
    tree = tiny_tree()
    sizes = tree["method"]
    tree["method"] = {key: value for key, value in sizes.items() if key != "kind"} | ENCODERS[name]
    if name == "neighbor_tuning":
        tree["method"] = ENCODERS[name] | {"encoder": sizes}
        tree["masking"] = None
    recipe = recipe_from(tree, name)
    spec = InputSpec(8, 3, NTU25.joints, 40)
    torch.manual_seed(1)
    method = recipe.build(spec).eval()
    header = Header(
        role="method", clips=recipe.data.clips, masking=recipe.masking, method=recipe.method, axes=3, unit="m",
        joints=NTU25.joints, num_recordings=40,
    )  # fmt: skip
    save_encoder(tmp_path / "e.safetensors", Checkpoint(header, method, tmp_path / "model.safetensors"), "free")
    loaded = load_checkpoint(tmp_path / "e.safetensors")
    assert (loaded.header.method.kind, loaded.header.role, loaded.header.license) == (
        "joint_patch",
        "encoder",
        "free",
    )
    assert loaded.header.method.target != "teacher"
    assert all(tensor.startswith("encoder.") for tensor in load_file(tmp_path / "e.safetensors"))
    batch = make_batch((2, 1), frames=8, skeleton=NTU25)
    with torch.no_grad():
        torch.testing.assert_close(loaded.method.embed(batch), method.embed(batch), atol=2e-2, rtol=2e-2)


def test_another_encoder_cannot_be_saved_alone(tmp_path: Path) -> None:
    config = GraphMAEConfig(width=8, depth=1)
    method = config.build(InputSpec(8, 3, NTU25.joints))
    header = Header(
        role="method",
        clips=ClipConfig(frames=8),
        masking=None,
        method=config,
        axes=3,
        unit="m",
        joints=NTU25.joints,
    )
    with pytest.raises(InputError, match=r"cannot be saved alone \(.*another kind of encoder"):
        save_encoder(tmp_path / "e.safetensors", Checkpoint(header, method))
