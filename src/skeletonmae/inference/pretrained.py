"""Folders of models as the Hugging Face hub has them: config.json, model.safetensors, and a card, README.md.

Everything that rebuilds a model is in `model.safetensors`. `config.json` repeats its header for people and tools,
and has the checksum of the weights.
"""

from __future__ import annotations

import json
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open

from skeletonmae import __version__
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.files import WEIGHTS, write_text
from skeletonmae.sequences.manifest import file_sha256

CONFIG, CARD = "config.json", "README.md"
FENCE = "---\n"
"""Line before and after the front matter of a card."""
TAGS = ("skeletonmae", "skeleton", "pose", "action-recognition", "self-supervised-learning")
UNKNOWN_LICENSE, OTHER_LICENSE = "unknown", "other"
"""What the hub calls a license that is not stated, and one that is not in its list."""
FORMAT: Final = 1
Kind = Literal["encoder", "classifier"]


class PretrainedConfig(Config):
    """The content of config.json."""

    model_config = ConfigDict(extra="ignore")  # of later versions, and of other tools

    library_name: Literal["skeletonmae"] = "skeletonmae"
    format: Literal[1] = FORMAT
    """Version of the layout of the folder."""
    version: str = __version__
    """Version of the package that wrote it; informational."""
    kind: Kind
    """What the model is."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Checksum of model.safetensors."""
    model: dict[str, Any] = Field(default_factory=dict)
    """The header of model.safetensors, for people to read."""


@dataclass(frozen=True)
class Description:
    """What a card says about a model.

    Args:
        kind: What it is.
        license: Its terms, in a sentence; empty if they are not stated.
        text: The card, in Markdown. Front matter that it has is kept.
        metrics: Name of a metric -> value.
    """

    kind: Kind
    license: str
    text: str
    metrics: dict[str, float] = field(default_factory=dict)


class PretrainedModel(ABC):
    """Base class of models that are written to a folder for the hub."""

    @abstractmethod
    def _write_weights(self, path: Path) -> None:
        """Write the model to one file."""

    @abstractmethod
    def _description(self) -> Description:
        """Return what the card and config.json say."""

    def save_pretrained(
        self, folder: Path | str, *, license: str | None = None, metrics: dict[str, float] | None = None
    ) -> Path:
        """Write a folder as the Hugging Face hub has them: config.json, model.safetensors, and a card, README.md.

        Args:
            folder: The folder; files of these names are replaced.
            license: Identifier of the license on the hub, such as `apache-2.0`. By default `other` if the model
                states terms, which are in the card, and `unknown` if it does not.
            metrics: Name of a metric -> value, such as `{"accuracy": 0.93}`, in addition to those that the model
                knows.

        Returns:
            The folder, which `from_pretrained` and `skeletonmae.load` read.
        """
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise InputError("this is a file", where=folder, expected="a folder, or nothing")
        folder.mkdir(parents=True, exist_ok=True)
        description = self._description()
        self._write_weights(folder / WEIGHTS)
        sha256 = file_sha256(folder / WEIGHTS)
        header = _read_header(folder / WEIGHTS)
        config = PretrainedConfig(kind=description.kind, sha256=sha256, model=header)
        write_text(folder / CONFIG, config.model_dump_json(indent=2) + "\n")
        write_text(folder / CARD, make_card(description, folder.name, license, metrics or {}))
        return folder

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | None = None,
        license: str | None = None,
        metrics: dict[str, float] | None = None,
        commit_message: str = "Upload with skeletonmae",
    ) -> str:
        """Upload the model to the Hugging Face hub. Needs `skeletonmae[hub]`.

        Args:
            repo_id: `owner/name`; the repository is created if it does not exist.
            private: Whether a new repository is private.
            token: Access token; by default the one that `hf auth login` stored.
            license: See `save_pretrained`.
            metrics: See `save_pretrained`.
            commit_message: Message of the commit.

        Returns:
            The address of the commit.

        Raises:
            InputError: huggingface_hub is not installed.
        """
        try:
            from huggingface_hub import HfApi
        except ImportError as error:
            raise InputError("push_to_hub needs huggingface_hub: pip install 'skeletonmae[hub]'") from error
        api = HfApi(token=token)
        with tempfile.TemporaryDirectory() as temporary:
            folder = self.save_pretrained(
                Path(temporary) / repo_id.rpartition("/")[2], license=license, metrics=metrics
            )
            api.create_repo(repo_id, private=private, exist_ok=True)
            return str(api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=commit_message))


def _read_header(weights: Path) -> dict[str, Any]:
    """Return the header that a model's file has in its metadata."""
    with safe_open(weights, framework="np") as file:
        (text,) = file.metadata().values()
    header: dict[str, Any] = json.loads(text)
    return header


def make_card(description: Description, name: str, license: str | None, metrics: dict[str, float]) -> str:
    """Return a card, with front matter in YAML.

    Args:
        description: What is known about the model.
        name: Name of the model.
        license: Identifier of the license; None for one that follows from the terms.
        metrics: Further metrics.
    """
    metrics = description.metrics | metrics
    own, text = split_card(description.text)
    own_tags = tags if isinstance(tags := own.get("tags"), list) else []
    default = own.get("license") or (OTHER_LICENSE if description.license else UNKNOWN_LICENSE)
    matter: dict[str, Any] = {
        **own,
        "license": license or default,
        "library_name": "skeletonmae",
        "tags": list(dict.fromkeys([*own_tags, *TAGS, description.kind])),
    }
    if matter["license"] == OTHER_LICENSE:
        matter.setdefault("license_name", "see-card")
    else:
        matter.pop("license_name", None)
    if metrics:
        matter["metrics"] = list(metrics)
        matter["model-index"] = [
            {
                "name": name,
                "results": [
                    {
                        "task": {"type": "other", "name": "skeleton-based action recognition"},
                        "dataset": {"type": "other", "name": "see the card"},
                        "metrics": [{"type": metric, "value": value} for metric, value in metrics.items()],
                    }
                ],
            }
        ]
    front = yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)
    return f"{FENCE}{front}{FENCE}\n{text.strip()}\n"


def split_card(card: str) -> tuple[dict[str, Any], str]:
    """Return the front matter of a card, empty if it has none that can be read, and the text below it."""
    if not card.startswith(FENCE):
        return {}, card
    front, _, text = card.removeprefix(FENCE).partition(f"\n{FENCE}")
    try:
        matter = yaml.safe_load(front)
    except yaml.YAMLError:
        return {}, card
    return (matter, text.lstrip("\n")) if isinstance(matter, dict) else ({}, card)


def read_config(folder: Path) -> PretrainedConfig | None:
    """Read the config.json of a folder that `save_pretrained` wrote, and compare the weights with their checksum.

    Args:
        folder: A folder, or anything else.

    Returns:
        None if the folder has no config.json, as that of a run.

    Raises:
        InputError: It is of another library or a newer version, or the weights are missing or not the ones that
            were saved.
    """
    file = folder / CONFIG
    if not file.is_file():
        return None
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        config = PretrainedConfig.model_validate(fields)
    except (ValueError, RecursionError) as error:
        problem = "not the config.json of a model of skeletonmae that this version can read"
        detail = error.errors()[0] if isinstance(error, ValidationError) else None
        got = f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" if detail else "no JSON"
        raise InputError(problem, where=file, got=got) from error
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError("the weights are missing", where=weights)
    if (digest := file_sha256(weights)) != config.sha256:
        problem = "the weights are not those that were saved with config.json"
        raise InputError(problem, where=weights, expected=f"SHA-256 {config.sha256}", got=digest)
    if (kind := _weights_kind(weights)) != config.kind:
        raise InputError("the kind is not that of the weights", where=file, expected=kind, got=config.kind)
    return config


def _weights_kind(weights: Path) -> Kind:
    """Return what the header of a model's file says that it is.

    Raises:
        InputError: It has no header that can be read.
    """
    try:
        header = _read_header(weights)
    except (SafetensorError, OSError, AttributeError, ValueError, RecursionError) as error:
        raise InputError("damaged, or not a model of skeletonmae", where=weights) from error
    if not isinstance(header, dict):
        raise InputError("the header is invalid", where=weights, expected="a mapping", got=type(header).__name__)
    return "encoder" if header.get("role") in ("method", "encoder") else "classifier"


def read_card(folder: Path) -> str:
    """Return the card of a folder, in Markdown with its front matter; empty if there is none."""
    file = folder / CARD
    return file.read_text(encoding="utf-8") if file.is_file() else ""
