"""Recipes from YAML files, with bases and overrides."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from skeletonmae.config import describe_yaml_error
from skeletonmae.errors import InputError
from skeletonmae.files import exists
from skeletonmae.recipe.mistakes import error_messages
from skeletonmae.recipe.schema import Recipe
from skeletonmae.sequences.manifest import MANIFEST


def read_recipe(path: Path, overrides: Sequence[str] = (), defaults: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe from a YAML file, and override some of its settings.

    A recipe may name another one, `base: mamp.yaml`, relative to its own folder, and state only what differs.
    Relative paths of stores are relative to the working directory.

    Args:
        path: The YAML file.
        overrides: Settings such as `data.stream=bone` or `evaluation.0.epochs=50`; values are read as YAML.
        defaults: Settings that the file need not state. With them, `path` may also be the folder of a store, the
            recordings to pre-train on.

    Raises:
        InputError: The file does not exist or is not YAML, a setting is unknown (the message names the nearest
            known one) or was renamed, or a value has the wrong type or is out of range.
    """
    if not exists(path):
        problem = "there is no such recipe" if defaults is None else "there is no such recipe or store"
        raise InputError(problem, where=str(path).replace("\0", "\\0"))
    if (path / MANIFEST).is_file():
        if defaults is None:
            expected = "a recipe, or --from with an encoder that pre-training goes on from"
            raise InputError("this is a store, not a recipe", where=path, expected=expected)
        tree = _merged(dict(defaults), {"data": {"evaluate": {"store": str(path)}}})
    elif path.is_dir():
        raise _folder_error(path, takes_store=defaults is not None)
    else:
        tree = _merged(dict(defaults or {}), _read_tree(path))
    for override in overrides:
        _override(tree, override)
    return recipe_from(tree, " ".join([str(path), *(["with", *overrides] if overrides else [])]))


MAX_BASES = 20


def _folder_error(path: Path, takes_store: bool) -> InputError:
    """The error for a folder in place of a recipe, which may hold recipes, a run or recordings."""
    recipes = sorted(path.glob("*.yaml"))
    expected = f"a recipe, such as {recipes[0]}" if recipes else "a recipe, a YAML file"
    problem = "this is a folder, not a recipe"
    if takes_store:
        problem, expected = "this is a folder, but neither a recipe nor a store", f"{expected}, or a store"
    command = f"`skeletonmae prepare {shlex.quote(str(path))} STORE`"
    return InputError(
        problem, where=path, expected=f"{expected}; if these are recordings, {command} makes a store of them"
    )


def _read_tree(path: Path, derived: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the content of a recipe, with the settings of its base where it has none.

    Args:
        path: The YAML file.
        derived: The recipes whose base it is.
    """
    base_of = f"base of {derived[-1]}" if derived else None
    if len(derived) > MAX_BASES:
        raise InputError("the chain of bases is too long", where=derived[0], expected=f"{MAX_BASES} or fewer")
    if not exists(path) or not path.is_file():
        problem = "there is no such recipe" + (f", {base_of}" if base_of else "")
        raise InputError(problem, where=str(path).replace("\0", "\\0"))
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not YAML ({describe_yaml_error(error)})", where=path) from error
    if not isinstance(tree, dict):
        raise InputError(
            "a recipe is a mapping", where=path, expected=list(Recipe.model_fields), got=type(tree).__name__
        )
    if "base" not in tree:
        return tree
    base = tree.pop("base")
    if not isinstance(base, str):
        raise InputError("the base of a recipe is the path of another", where=path, got=base)
    base_path = path.parent / base
    derived = (*derived, path)
    if "\0" not in base and any(base_path.resolve() == other.resolve() for other in derived):
        raise InputError("a recipe cannot be its own base", where=path, got=base)
    return _merged(_read_tree(base_path, derived), tree)


def _merged(base: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of `tree`, and those of `base` that it does not have.

    A group of another kind replaces that of the base entirely, and so does a list.
    """
    merged = dict(base)
    for name, value in tree.items():
        known = base.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            is_same_kind = value.get("kind", known.get("kind")) == known.get("kind")
            value = _merged(known, value) if is_same_kind else value
        merged[name] = value
    return merged


def recipe_from(tree: dict[str, Any], where: str) -> Recipe:
    """Return the recipe in a parsed YAML or JSON tree.

    Args:
        tree: Nested mappings and lists.
        where: What messages name as the source of the recipe.

    Raises:
        InputError: With the dotted key of each mistake.
    """
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise InputError("\n".join(error_messages(error)), where=where) from error


def _override(tree: Any, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError("not a setting", where=override, expected="key=value, such as training.epochs=50")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError("the value is not YAML", where=override, got=text) from error
    *path, last = key.split(".")
    for name in path:
        item = _key_or_index(tree, name, override)
        child = tree[item] if isinstance(tree, list) else tree.get(item, {})
        if not isinstance(child, dict | list):
            raise InputError(f"{name!r} is a value and has no settings", where=override)
        tree[item] = tree = copy.copy(child)  # a YAML alias of it elsewhere in the recipe does not change
    tree[_key_or_index(tree, last, override)] = value


def _key_or_index(tree: Any, name: str, override: str) -> Any:
    if not isinstance(tree, list):
        return name
    if not name.isdigit() or int(name) >= len(tree):
        expected = f"an index from 0 to {len(tree) - 1}"
        raise InputError("this is a list", where=override, expected=expected, got=name)
    return int(name)
