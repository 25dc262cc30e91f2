"""The index of the encoders in this folder, `index.json`, with a checksum of each.

An encoder consists of two files: the weights in half precision, `NAME.safetensors`, and the model card `NAME.md`,
which says what it was trained on, under which terms, how good it is, and what it was not tested on.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from pydantic import Field, ValidationError

from skeletonmae.checkpoint import Checkpoint, load_checkpoint
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.files import exists
from skeletonmae.skeletons.derived import suggest

FOLDER = Path(__file__).parent
INDEX = "index.json"
NAME_PATTERN = r"^[a-z][a-z0-9_]*$"


class ShippedEncoder(Config):
    """An entry of the index."""

    name: str = Field(pattern=NAME_PATTERN)
    """The name by which the encoder is loaded."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Checksum of the file with the weights."""
    license: str
    """The terms under which the weights may be used, in a sentence."""
    summary: str
    """What the encoder is, in a sentence."""

    @property
    def path(self) -> Path:
        """The file with the weights."""
        return FOLDER / f"{self.name}.safetensors"

    @property
    def card(self) -> str:
        """The model card, in Markdown.

        Raises:
            InputError: It is missing.
        """
        file = FOLDER / f"{self.name}.md"
        if not file.is_file():
            raise InputError("the model card is missing; install skeletonmae again", where=file)
        return file.read_text(encoding="utf-8")

    def check_file(self) -> None:
        """Compare the file with its checksum.

        Raises:
            InputError: The file is missing or is not the one that was shipped.
        """
        if not self.path.is_file():
            raise InputError("the encoder is missing; install skeletonmae again", where=self.path)
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        if digest != self.sha256:
            problem = "the file is not the encoder that was shipped; install skeletonmae again"
            raise InputError(problem, where=self.path, expected=f"SHA-256 {self.sha256}", got=digest)


class Index(Config):
    """The content of `index.json`."""

    encoders: tuple[ShippedEncoder, ...] = ()


def shipped_encoders() -> tuple[ShippedEncoder, ...]:
    """Return the encoders that are shipped in the package.

    Raises:
        InputError: The index is damaged.
    """
    file = FOLDER / INDEX
    try:
        return Index.model_validate_json(file.read_bytes()).encoders
    except (OSError, ValidationError) as error:
        raise InputError("the index of the encoders is damaged; install skeletonmae again", where=file) from error


def find_shipped(name: str | Path) -> ShippedEncoder | None:
    """Return the shipped encoder of that name; None if there is none, and `name` may be a path."""
    return next((encoder for encoder in shipped_encoders() if encoder.name == str(name)), None)


def load_encoder(name_or_path: str | Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Load a shipped encoder by its name, or else the checkpoint at a path.

    A shipped encoder is compared with its checksum. It has no decoder: that of the method is untrained.

    Args:
        name_or_path: Name of a shipped encoder, or a checkpoint or the folder of a run. The name of an encoder
            comes first; write `./NAME/model.safetensors` for a run that has the same name.
        device: Where to put the weights.

    Raises:
        InputError: There is neither such an encoder nor such a checkpoint, or the file is damaged.
    """
    shipped = find_shipped(name_or_path)
    if shipped:
        shipped.check_file()
        return load_checkpoint(shipped.path, device)
    if not exists(Path(name_or_path)):
        names = [encoder.name for encoder in shipped_encoders()]
        listed = ", ".join(names) or "none are shipped"
        expected = f"the name of a shipped encoder ({listed}), or a file that `pretrain` or `evaluate` wrote"
        problem = f"there is no such checkpoint or shipped encoder{suggest(str(name_or_path), names)}"
        raise InputError(problem, where=name_or_path, expected=expected)
    return load_checkpoint(Path(name_or_path), device)
