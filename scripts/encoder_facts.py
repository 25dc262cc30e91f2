"""What the card of an encoder says of its training, kept beside it, so that the card can be written again."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from skeletonmae.config import Config
from skeletonmae.errors import InputError


class CardFacts(Config):
    """What neither the weights nor the benchmarks know, in `NAME.card.json`."""

    weights: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the file with the weights."""
    facts: dict[str, str]
    """Row of the table of the training, such as the commit -> text."""
    used: dict[str, str]
    """Name of a store of the pre-training -> which of its recordings were used."""
    results: tuple[tuple[str, ...], ...] = ()
    """Rows of the table of evaluations that `--results` names."""


def facts_file(name: str, folder: Path) -> Path:
    """Return the file with the facts of an encoder.

    Args:
        name: The encoder.
        folder: Where its weights and its card are.
    """
    return folder / f"{name}.card.json"


def read_facts(name: str, folder: Path) -> CardFacts:
    """Return the facts of an encoder.

    Args:
        name: The encoder.
        folder: Where its weights and its card are.

    Raises:
        InputError: There are none, or the file is damaged.
    """
    file = facts_file(name, folder)
    try:
        return CardFacts.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(
            "the facts of the card are missing or damaged; ship the encoder again", where=file
        ) from error
