"""The base of every setting: frozen, checked on construction, closed to unknown names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Union

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """A frozen group of settings; an unknown name, a wrong type or a value out of range raises."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
        use_attribute_docstrings=True,
    )


def tagged_union(table: Mapping[str, type[Config]]) -> Any:
    """The type of a setting that is any entry of `table`, told apart by its `kind`."""
    entries = tuple(table.values())
    return Annotated[Union[entries], Field(discriminator="kind")] if len(entries) > 1 else entries[0]  # noqa: UP007
