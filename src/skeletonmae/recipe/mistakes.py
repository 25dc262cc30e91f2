"""The mistakes in a recipe, in sentences."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from skeletonmae.recipe.schema import Recipe
from skeletonmae.renames import renamed_setting

EXPECTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "a text",
}
"""Type of an error of pydantic -> what the setting must be."""


def error_messages(error: ValidationError) -> Iterator[str]:
    """Yield a sentence for each mistake in a recipe, with its dotted key."""
    for mistake in error.errors():
        if mistake["loc"][-1] == "str" and isinstance(mistake["input"], dict):
            continue  # a split is a name or a rule; the mistake in the rule is reported
        model, names = _resolve([str(part) for part in mistake["loc"]])
        key = ".".join(names)
        if mistake["type"] == "extra_forbidden" and model is not None:
            known = list(model.model_fields)
            closest = difflib.get_close_matches(names[-1], known, 1)
            hint = f"did you mean {closest[0]}?" if closest else f"known here: {', '.join(known)}"
            yield renamed_setting(key) or f"{key}: there is no such setting; {hint}"
        elif mistake["type"] == "missing":
            yield f"{key}: is missing"
        elif mistake["type"] == "union_tag_not_found":
            yield f"{key}.kind: is missing"
        elif mistake["type"] == "union_tag_invalid":
            known_kinds = mistake["ctx"]["expected_tags"].replace("'", "")
            yield f"{key}.kind: expected one of {known_kinds}; got {mistake['ctx']['tag']!r}"
        elif mistake["type"] in EXPECTED:
            yield f"{key}: expected {EXPECTED[mistake['type']]}; got {mistake['input']!r}"
        else:
            text = mistake["msg"].removeprefix("Value error, ")
            is_group = isinstance(mistake["input"], dict | list | tuple | BaseModel)  # too long to quote
            got = "" if is_group else f"; got {mistake['input']!r}"
            yield f"{key}: {text[0].lower()}{text[1:]}{got}"


def _resolve(names: list[str]) -> tuple[type[BaseModel] | None, list[str]]:
    """Return the group of settings that the last name is in, and the names without those of union members."""
    group: Any = Recipe
    path: list[str] = []
    for index, name in enumerate(names):
        if isinstance(group, type) and issubclass(group, BaseModel):
            path.append(name)
            if index == len(names) - 1:
                return group, path
            group = group.model_fields[name].annotation if name in group.model_fields else None
            continue
        if name.startswith("tagged-union["):
            continue
        members = [model for model in _models(group) if name in (model.__name__, _kind(model))]
        if members:
            group = members[0]
        else:
            path.append(name)
            models = list(_models(group))
            group = models[0] if name.isdigit() and len(models) == 1 else group
    return (group if isinstance(group, type) and issubclass(group, BaseModel) else None), path


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _kind(model: type[BaseModel]) -> str | None:
    return model.model_fields["kind"].default if "kind" in model.model_fields else None
