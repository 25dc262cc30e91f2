"""Whatever is shipped has a card, its checksum and a small size, and gives the features that it was measured with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skeletonmae import SkeletonEncoder
from skeletonmae.checkpoint import load_checkpoint, save_encoder
from skeletonmae.encoders import find_shipped, load_encoder, shipped, shipped_encoders
from skeletonmae.errors import InputError

SHIPPED = shipped_encoders()
TERMS = Path(shipped.__file__).parent / "TERMS.md"


@pytest.fixture
def bundle(tiny_run: Path, ship_tiny: Any) -> Path:
    """A folder of shipped encoders with the tiny model, as `tiny`."""
    return ship_tiny(tiny_run)


@pytest.mark.parametrize("encoder", SHIPPED, ids=lambda encoder: encoder.name)
def test_what_is_shipped(encoder: shipped.ShippedEncoder) -> None:
    encoder.check_file()
    assert encoder.path.stat().st_size < (16 if encoder.name == "base" else 4) * 2**20
    assert f"# {encoder.name}\n" in encoder.card
    assert encoder.license in encoder.card
    for section in ("## Data and terms", "## Training", "## Results", "## Limits", "## Not tested"):
        assert section in encoder.card
    assert f"`{encoder.name}`" in TERMS.read_text(encoding="utf-8")
    header = load_encoder(encoder.name).header
    assert (header.role, header.license) == ("encoder", encoder.license)
    for store in header.recipe["data"]["pretrain"]:
        assert not Path(store["store"]).is_absolute()


@pytest.mark.parametrize("encoder", SHIPPED, ids=lambda encoder: encoder.name)
def test_without_the_center_of_the_body_features_do_not_depend_on_the_place(
    encoder: shipped.ShippedEncoder, make_recording: Any
) -> None:
    """What cards and docs/encoders.md say of a center that was never observed, and of one that was."""
    recording = replace(make_recording(), fps=30.0)
    observed = recording.observed.copy()
    observed[:, :, recording.skeleton.center_index] = False
    model = SkeletonEncoder.from_pretrained(encoder.name)

    def features(seen: np.ndarray, place: tuple[float, float, float]) -> np.ndarray:
        moved = np.where(seen[..., None], recording.positions + np.float32(place), np.float32(0))
        return model.embed([replace(recording, positions=moved, observed=seen)]).features

    here = features(observed, (0, 0, 0))
    np.testing.assert_allclose(features(observed, (3, 1, -4)), here, atol=3e-4)
    assert np.abs(features(recording.observed, (0, 0, 0)) - here).max() > 0.01


def test_names_are_unique() -> None:
    assert len({encoder.name for encoder in SHIPPED}) == len(SHIPPED)


def test_a_shipped_encoder_is_found_by_its_name(bundle: Path) -> None:
    assert [encoder.name for encoder in shipped_encoders()] == ["tiny"]
    entry = find_shipped("tiny")
    assert entry is not None
    assert entry.card == "# tiny\n"
    assert load_encoder("tiny").path == bundle / "tiny.safetensors"
    assert load_encoder(Path("tiny")).header.role == "encoder"
    assert find_shipped("other") is None


def test_the_encoder_keeps_its_weights_and_the_rest_is_reproducible(bundle: Path, tiny_run: Path) -> None:
    full, first, second = load_checkpoint(tiny_run).model, load_encoder("tiny").model, load_encoder("tiny").model
    for name, weight in full.state_dict().items():
        found = first.state_dict()[name]
        assert found.dtype == torch.float32
        assert torch.equal(found, second.state_dict()[name])
        if name.startswith("encoder."):
            assert torch.equal(found, weight.half().float())


def test_a_changed_file_is_refused(bundle: Path) -> None:
    file = bundle / "tiny.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"tiny\.safetensors: the file is not the encoder that was shipped"):
        load_encoder("tiny")
    file.write_bytes(content[:-10])
    with pytest.raises(InputError, match=r"damaged, or not safetensors"):
        load_encoder(file)


def test_missing_files_are_named(bundle: Path) -> None:
    entry = find_shipped("tiny")
    assert entry is not None
    (bundle / "tiny.md").unlink()
    with pytest.raises(InputError, match=r"tiny\.md: the model card is missing"):
        _ = entry.card
    (bundle / "tiny.safetensors").unlink()
    with pytest.raises(InputError, match=r"tiny\.safetensors: the encoder is missing"):
        load_encoder("tiny")
    (bundle / "index.json").write_text("{")
    with pytest.raises(InputError, match=r"index\.json: the index of the encoders is damaged"):
        load_encoder("tiny")


def test_neither_a_name_nor_a_path(bundle: Path) -> None:
    message = r"tinny: there is no such checkpoint or shipped encoder, did you mean 'tiny'\?; .*\(tiny\)"
    with pytest.raises(InputError, match=message):
        load_encoder("tinny")
    with pytest.raises(InputError, match="there is no such checkpoint or shipped encoder; expected"):
        load_encoder("x" * 5000)  # longer than any name can be


def test_weights_that_half_precision_cannot_hold(tiny_run: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tiny_run)
    with torch.no_grad():
        checkpoint.model.encoder.patch_embed.weight[0, 0] = 1e6
    with pytest.raises(InputError, match=r"encoder\.patch_embed\.weight: a weight is too large"):
        save_encoder(tmp_path / "x.safetensors", checkpoint)


def test_a_classifier_is_no_encoder(tiny_run: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tiny_run / "finetune-1-seed0.safetensors")
    with pytest.raises(InputError, match="a pre-trained model is needed"):
        save_encoder(tmp_path / "x.safetensors", checkpoint)


def test_the_index_names_no_other_files(bundle: Path) -> None:
    index = json.loads((bundle / "index.json").read_text())
    index["encoders"][0]["name"] = "../tiny"
    (bundle / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="damaged"):
        shipped_encoders()
