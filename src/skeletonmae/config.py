"""The base class of all settings: frozen, validated on construction, without unknown names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["auto", "float32", "bf16"]
"""In which a trained model computes: `bf16` computes matrix products in bfloat16; `auto` does so where the device
has instructions for it."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What numpy and torch take as a seed."""


def describe_yaml_error(error: Exception) -> str:
    """What is wrong with a YAML text and where, in one line."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or not problem:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


class Config(BaseModel):
    """A frozen group of settings; unknown names, wrong types and values out of range raise an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
    )


def changed_settings(config: Config, names: Iterable[str] | None = None) -> list[str]:
    """Return the settings that differ from their defaults.

    Args:
        config: The settings.
        names: Those to compare; None for all.
    """
    fields = type(config).model_fields
    compared = fields if names is None else names
    return [
        name for name in compared if getattr(config, name) != fields[name].get_default(call_default_factory=True)
    ]


def tagged_union(table: Mapping[str, type[Config]]) -> Any:
    """Return the type of a setting that is any entry of `table`, discriminated by its `kind`.

    Args:
        table: Kind -> group of settings.
    """
    entries = tuple(table.values())
    return Annotated[Union[entries], Field(discriminator="kind")] if len(entries) > 1 else entries[0]  # noqa: UP007
