"""Generate the tables of docs/recipes.md from the settings; `--check` only tests whether they are up to date."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import types
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from skeletonmae.recipe import Recipe

PAGE = Path(__file__).parent / "recipes.md"
BEGIN, END = "<!-- tables, written by write_recipe_reference.py -->\n", "<!-- end of tables -->\n"
ORDER = ("data", "masking", "method", "training", "evaluation")
TYPE_NAMES = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    Path: "path",
    type(None): "null",
}
LIMITS = {
    "gt": "above {}",
    "ge": "from {}",
    "lt": "below {}",
    "le": "to {}",
    "min_length": "at least {}",
    "max_length": "at most {}",
}


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the groups of settings in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def kind(model: type[BaseModel]) -> str:
    """Return the kind of a group, or its class name in lower case."""
    field = model.model_fields.get("kind")
    return str(field.default) if field else model.__name__.removesuffix("Config").lower()


def link(model: type[BaseModel]) -> str:
    """Return a link to the table of a group."""
    return f"[`{kind(model)}`](#{model.__name__.lower()})"


def limits(metadata: list[Any]) -> list[str]:
    """Return the limits of a number or a list in words."""
    return [
        text.format(getattr(limit, name))
        for limit in metadata
        for name, text in LIMITS.items()
        if hasattr(limit, name)
    ]


def describe_type(annotation: Any) -> str:
    """Return a type in words."""
    if annotation in TYPE_NAMES:
        return TYPE_NAMES[annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        metadata = [limit for field in arguments[1:] for limit in field.metadata]
        return " ".join([describe_type(arguments[0]), *limits(metadata)])
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if get_origin(annotation) is tuple:
        if arguments[-1] is Ellipsis:
            return f"list of {describe_type(arguments[0])}"
        return f"{len(arguments)} of: {describe_type(arguments[0])}"
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(describe_type(part) for part in arguments))
    if found := list(models(annotation)):
        return " or ".join(link(model) for model in found)
    raise TypeError(f"no description of type {annotation}")


def explicit_settings(value: BaseModel) -> dict[str, Any]:
    """Return the settings of a group that differ from their defaults, as plain containers."""
    has_kind = "kind" in type(value).model_fields
    return ({"kind": kind(type(value))} if has_kind else {}) | value.model_dump(mode="json", exclude_unset=True)


def default(field: FieldInfo) -> str:
    """Return a default as YAML."""
    if field.default is PydanticUndefined:
        return "required"
    value = field.default
    if isinstance(value, BaseModel):
        value = explicit_settings(value)
        if not value:
            return "the defaults below"
    elif isinstance(value, tuple):
        value = [explicit_settings(part) if isinstance(part, BaseModel) else part for part in value]
    text = (
        yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False).removesuffix("...\n").strip()
    )
    return f"`{text}`"


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below each setting of a group, or of the group that it inherits from.

    Pydantic can find them as well, but reads the source of every group when it is imported, which is slow.
    """
    found: dict[str, str] = {}
    bases = [base for base in reversed(model.__mro__) if issubclass(base, BaseModel) and base is not BaseModel]
    for base in bases:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)
        for setting, below in pairwise(definition.body):
            match setting, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = inspect.cleandoc(text)
    return found


def meaning(model: type[BaseModel], name: str) -> str:
    """Return the description of a setting."""
    text = docstrings(model).get(name)
    if text is None:
        raise SystemExit(f"{model.__name__}.{name} has no description; add a docstring below it")
    return " ".join(text.split())


def table(model: type[BaseModel], heading: str) -> str:
    """Return the heading and the table of a group of settings."""
    summary = (model.__doc__ or "").split("\n\n")[0]
    rows = [["key", "value", "default", "meaning"], ["---"] * 4]
    for name, field in model.model_fields.items():
        if name != "kind":
            value = ", ".join([describe_type(field.annotation), *limits(field.metadata)])
            rows.append([f"`{name}`", value, default(field), meaning(model, name)])
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    if len(rows) == 2:
        lines = ["No settings."]
    return "\n".join([heading, "", " ".join(summary.split()), "", *lines, ""])


def find_groups() -> dict[type[BaseModel], list[str]]:
    """Return every group of settings with its dotted keys."""
    found: dict[type[BaseModel], list[str]] = {}

    def add(annotation: Any, key: str) -> None:
        key += ".N" if get_origin(annotation) is tuple else ""
        for model in models(annotation):
            known = model in found
            found.setdefault(model, []).append(key)
            for name, field in model.model_fields.items():
                if not known:
                    add(field.annotation, f"{key}.{name}")

    for section in ORDER:
        add(Recipe.model_fields[section].annotation, section)
    return found


def tables() -> str:
    """Return all tables, section by section."""
    found, parts, section = find_groups(), list[str](), ""
    for model, keys in found.items():
        anchor = f'<a id="{model.__name__.lower()}"></a>'
        if section != (section := keys[0].split(".")[0]) and "kind" in model.model_fields:
            field = Recipe.model_fields[section]
            default_text = (docstrings(Recipe).get(section) or default(field)).removesuffix(".")
            parts.append(f"## {section}\n\nDefault: {default_text}.\n")
        shown = ", ".join(f"`{key}`" for key in keys)
        if "kind" in model.model_fields:
            parts.append(table(model, f"### {anchor}`{kind(model)}`, under {shown}"))
        else:
            parts.append(table(model, f"## {anchor}{section}" if section in keys else f"### {anchor}{shown}"))
    return "\n".join(parts)


def main() -> int:
    """Write or compare the tables; return 0 if the page is up to date at the end."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page = f"{before}{BEGIN}\n{tables()}\n{END}{after}"
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page, encoding="utf-8", newline="\n")
    elif page != text:
        sys.stderr.write(f"{PAGE} is out of date: run python docs/write_recipe_reference.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
