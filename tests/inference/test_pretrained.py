"""Folders of models for the Hugging Face hub, and how any model is loaded."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

import skeletonmae
from skeletonmae import SkeletonEncoder
from skeletonmae.errors import InputError
from skeletonmae.inference import FitConfig, RecordingClassifier, fit_classifier
from skeletonmae.inference.fine_tuned import FineTunedClassifier
from skeletonmae.inference.pretrained import split_card
from skeletonmae.sequences import SequenceStore, SkeletonSequence


@pytest.fixture(scope="module")
def encoder(tiny_run: Path) -> SkeletonEncoder:
    return SkeletonEncoder.from_pretrained(tiny_run, device="cpu")


@pytest.fixture(scope="module")
def recordings(tiny_store: Path) -> list[SkeletonSequence]:
    store = SequenceStore.open(tiny_store)
    return [store[index] for index in range(24)]


@pytest.fixture(scope="module")
def classifier(tiny_run: Path, recordings: list[SkeletonSequence]) -> RecordingClassifier:
    labeled = [replace(one, label="ab"[number % 2]) for number, one in enumerate(recordings)]
    return fit_classifier(labeled, FitConfig(encoder=str(tiny_run), folds=2, inner_folds=2))[0]


def matter(folder: Path) -> dict[str, Any]:
    """The front matter of a card."""
    _, text, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    fields: dict[str, Any] = yaml.safe_load(text)
    return fields


def test_an_encoder_there_and_back(
    encoder: SkeletonEncoder, recordings: list[SkeletonSequence], tmp_path: Path
) -> None:
    folder = encoder.save_pretrained(tmp_path / "größer ä" / "my encoder")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    again = SkeletonEncoder.from_pretrained(folder, device="cpu")
    np.testing.assert_array_equal(again.embed(recordings).features, encoder.embed(recordings).features)
    assert split_card(again.card)[1].startswith("# An encoder of skeletonmae")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (config["library_name"], config["kind"], config["format"]) == ("skeletonmae", "encoder", 1)
    assert config["model"]["joints"] == list(encoder.joints)
    fields = matter(folder)
    assert (fields["license"], fields["library_name"]) == ("unknown", "skeletonmae")
    assert {"skeletonmae", "encoder"} <= set(fields["tags"])
    assert "metrics" not in fields
    again.save_pretrained(folder)  # it is replaced
    assert SkeletonEncoder.from_pretrained(folder, device="cpu").card == again.card


def test_a_shipped_encoder_keeps_its_terms_its_card_and_its_size(
    tiny_run: Path, ship_tiny: Any, tmp_path: Path, recordings: list[SkeletonSequence]
) -> None:
    shipped_folder = ship_tiny(tiny_run)
    shipped = SkeletonEncoder.from_pretrained("tiny", device="cpu")
    folder = shipped.save_pretrained(tmp_path / "tiny", metrics={"accuracy": 0.5})
    again = SkeletonEncoder.from_pretrained(folder, device="cpu")
    assert (again.license, split_card(again.card)[1]) == ("for tests", "# tiny\n")
    assert (folder / "model.safetensors").read_bytes() == (shipped_folder / "tiny.safetensors").read_bytes()
    np.testing.assert_array_equal(again.embed(recordings).features, shipped.embed(recordings).features)
    fields = matter(folder)
    assert (fields["license"], fields["license_name"]) == ("other", "see-card")
    assert fields["metrics"] == ["accuracy"]
    (result,) = fields["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "accuracy", "value": 0.5}]
    shipped.save_pretrained(folder, license="apache-2.0")
    assert matter(folder)["license"] == "apache-2.0"


def test_a_classifier_there_and_back(
    classifier: RecordingClassifier, recordings: list[SkeletonSequence], tmp_path: Path
) -> None:
    folder = classifier.save_pretrained(tmp_path / "classifier")
    again = skeletonmae.load(folder, device="cpu")
    assert isinstance(again, RecordingClassifier)
    np.testing.assert_allclose(again.predict_proba(recordings), classifier.predict_proba(recordings), atol=1e-5)
    of_class = RecordingClassifier.load(folder)
    np.testing.assert_array_equal(of_class.predict_proba(recordings), again.predict_proba(recordings))
    assert matter(folder)["metrics"] == ["accuracy"]
    assert "Classes: a, b." in (folder / "README.md").read_text(encoding="utf-8")
    with pytest.raises(
        InputError, match=r"this is a classifier; expected an encoder; skeletonmae\.load reads both"
    ):
        SkeletonEncoder.from_pretrained(folder)


def test_the_front_matter_is_what_the_hub_accepts(classifier: RecordingClassifier, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(classifier.save_pretrained(tmp_path / "classifier") / "README.md")
    assert card.data.library_name == "skeletonmae"
    assert card.data.eval_results[0].metric_type == "accuracy"
    assert card.text.strip().startswith("# A classifier")


def test_pushed_to_the_hub(
    encoder: SkeletonEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recordings: list[SkeletonSequence]
) -> None:
    """A folder on this machine takes the place of the hub."""
    hub = pytest.importorskip("huggingface_hub")
    calls: list[Any] = []

    def api(token: str | None) -> Any:
        def create_repo(repo_id: str, **settings: Any) -> None:
            calls.append((token, repo_id, settings))
            (tmp_path / repo_id).mkdir(parents=True)

        def upload_folder(repo_id: str, folder_path: Path, commit_message: str) -> str:
            shutil.copytree(folder_path, tmp_path / repo_id, dirs_exist_ok=True)
            return f"https://example.org/{repo_id}"

        return SimpleNamespace(create_repo=create_repo, upload_folder=upload_folder)

    monkeypatch.setattr(hub, "HfApi", api)
    address = encoder.push_to_hub("lab/my-encoder", private=True, token="secret")
    assert address == "https://example.org/lab/my-encoder"
    assert calls == [("secret", "lab/my-encoder", {"private": True, "exist_ok": True})]
    again = SkeletonEncoder.from_pretrained(tmp_path / "lab" / "my-encoder", device="cpu")
    np.testing.assert_array_equal(again.embed(recordings).features, encoder.embed(recordings).features)


def test_without_huggingface_hub(encoder: SkeletonEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'skeletonmae\[hub\]'"):
        encoder.push_to_hub("lab/encoder")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), r"model\.safetensors: the weights are missing"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "not those that were saved with config"),
        (
            lambda folder: (folder / "config.json").write_text("{"),
            "not the config.json of a model .*; got no JSON",
        ),
        (lambda folder: (folder / "config.json").write_text("[" * 99999), r"not the config\.json of a model"),
        (
            lambda folder: (folder / "config.json").write_text('{"library_name": "x"}'),
            "got library_name: Input should",
        ),
    ],
)
def test_damaged_folders(encoder: SkeletonEncoder, tmp_path: Path, damage: Any, message: str) -> None:
    folder = encoder.save_pretrained(tmp_path / "encoder")
    damage(folder)
    for load in (SkeletonEncoder.from_pretrained, skeletonmae.load):
        with pytest.raises(InputError, match=message):
            load(folder, device="cpu")


def test_a_file_is_no_folder(encoder: SkeletonEncoder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="this is a file; expected a folder"):
        encoder.save_pretrained(tmp_path / "file")


def test_front_matter_is_split_off() -> None:
    assert split_card("# Title\n---\ntext") == ({}, "# Title\n---\ntext")
    assert split_card("---\na: 1\n---\n\n# Title\n---\n") == ({"a": 1}, "# Title\n---\n")
    for strange in ("---\n[\n---\nx", "---\nword\n---\nx", "---\nno end"):
        assert split_card(strange) == ({}, strange)


def test_the_front_matter_of_a_card_is_kept(encoder: SkeletonEncoder, tmp_path: Path) -> None:
    """As that of a shipped encoder, which names its terms; it is not written twice."""
    card = "---\nlicense: other\nlicense_name: research-only\ndatasets: [mine]\ntags: [own]\n---\n\n# Mine\n"
    folder = replace(encoder, card=card).save_pretrained(tmp_path / "encoder", metrics={"accuracy": 0.5})
    fields = matter(folder)
    assert (fields["license_name"], fields["datasets"], fields["tags"][0]) == ("research-only", ["mine"], "own")
    again = SkeletonEncoder.from_pretrained(folder, device="cpu")
    assert split_card(again.card)[1] == "# Mine\n"
    again.save_pretrained(tmp_path / "encoder")
    assert matter(tmp_path / "encoder") == fields
    again.save_pretrained(tmp_path / "encoder", license="mit")
    assert "license_name" not in matter(tmp_path / "encoder")


def test_load_finds_out_what_it_is(
    tiny_run: Path,
    classifier: RecordingClassifier,
    ship_tiny: Any,
    tmp_path: Path,
    recordings: list[SkeletonSequence],
) -> None:
    ship_tiny(tiny_run)
    for name in ("tiny", tiny_run, tiny_run / "model.safetensors", str(tiny_run)):
        assert isinstance(skeletonmae.load(name, device="cpu"), SkeletonEncoder)
    classifier.save(tmp_path / "classifier.safetensors")
    assert isinstance(skeletonmae.load(tmp_path / "classifier.safetensors"), RecordingClassifier)
    fine_tuned = skeletonmae.load(tiny_run / "finetune-1-seed0.safetensors", device="cpu")
    assert isinstance(fine_tuned, FineTunedClassifier)
    empty = replace(recordings[0], positions=recordings[0].positions * 0, observed=recordings[0].observed & False)
    probabilities = fine_tuned.predict_proba([*recordings[:2], empty])
    assert probabilities.shape == (3, len(fine_tuned.classes))
    np.testing.assert_allclose(probabilities[:2].sum(1), 1, rtol=1e-5)
    assert np.isnan(probabilities[2]).all()
    best = fine_tuned.predict(recordings[:1])[0].classes[0]
    assert fine_tuned.classes[probabilities[0].argmax()] == best[0]
    assert fine_tuned.license == ""
    expected = (
        r"there is no such model, did you mean 'tiny'\?; expected a shipped encoder \(tiny\), or a file that `fit`"
    )
    with pytest.raises(InputError, match=expected):
        skeletonmae.load("tinny")
    (tmp_path / "my table.csv").write_text("frame,joint,x,y")
    with pytest.raises(
        InputError, match=r"this is no model; expected a .safetensors file; skeletonmae.read reads rec"
    ):
        skeletonmae.load(tmp_path / "my table.csv")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(InputError, match="damaged, or not safetensors"):
        skeletonmae.load(tmp_path / "text.safetensors")
