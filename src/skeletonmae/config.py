"""The base of every setting: frozen, checked on construction, closed to unknown names."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A frozen group of settings; an unknown name, a wrong type or a value out of range raises."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
