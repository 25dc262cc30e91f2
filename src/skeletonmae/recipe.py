"""A recipe: what to pre-train on, how, and how to judge the result. The only place that knows every table."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import yaml
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from skeletonmae.config import Config, one_of
from skeletonmae.datasets import DATASETS, GivenSplit, SplitRule, StratifiedSplit, TagSplit
from skeletonmae.errors import InputError
from skeletonmae.evaluation import PROTOCOLS, Finetune, Linear
from skeletonmae.evaluation.knn import KNN
from skeletonmae.masking import MASKINGS, RandomTokens
from skeletonmae.methods import METHODS, InputSpec, JointPatchConfig
from skeletonmae.methods.method import Method
from skeletonmae.sequences import SequenceStore
from skeletonmae.training import TrainingConfig
from skeletonmae.transforms import ClipConfig

AnyMasking: Any = one_of(MASKINGS)
AnyMethod: Any = one_of(METHODS)
AnyProtocol: Any = one_of(PROTOCOLS)


class Source(Config):
    """A store, and which of its recordings."""

    store: Path
    """Folder that `skeletonmae prepare` wrote."""
    split: str | SplitRule | None = None
    """The name of one of the dataset's splits, or a rule of one's own; the dataset's default if not given."""
    use: Literal["train", "all"] = "train"
    """For pre-training: the training side of the split (labels are not needed), or everything."""

    def open(self) -> SequenceStore:
        """The store, every byte of it checked."""
        store = SequenceStore.open(self.store)
        store.verify()
        return store

    def rule(self, store: SequenceStore) -> TagSplit | StratifiedSplit:
        """The rule that divides the store.

        Raises:
            InputError: the split is not one of the dataset's.
        """
        split = self.split
        rule = self._named(store, split) if split is None or isinstance(split, str) else split
        return rule.rule(store) if isinstance(rule, GivenSplit) else rule

    def _named(self, store: SequenceStore, name: str | None) -> SplitRule:
        dataset = DATASETS.get(store.datasets[0])
        if dataset is None:
            problem = f"dataset {store.datasets[0]!r} has no splits of its own; give a rule in `split`"
            raise InputError(problem, where=self.store, expected=", ".join(DATASETS))
        name = name or dataset.default_split
        if name not in dataset.splits:
            expected = ", ".join(dataset.splits)
            raise InputError(f"{dataset.name} has no such split", where=self.store, expected=expected, got=name)
        return dataset.splits[name]

    def pretraining(self, store: SequenceStore) -> np.ndarray:
        """Places of the recordings to pre-train on, `(recording,)`: those that show somebody."""
        whole = self.use == "all" or not (store.labels >= 0).any()  # without labels there is no test side
        index = np.arange(len(store)) if whole else self.rule(store).pretraining(store)
        return index[store.num_persons[index] > 0]


class DataConfig(ClipConfig):
    """Which recordings, and how they become clips."""

    pretrain: tuple[Source, ...] = ()
    """Stores to pre-train on; they must share layout, axes and unit. The one under `evaluate` if none is given."""
    evaluate: Source
    """The store to evaluate on."""
    validate_by: str | None = None
    """Tag whose values are kept whole when a validation part is taken off the training split."""

    @property
    def clips(self) -> ClipConfig:
        """How recordings become clips, without where they are."""
        return ClipConfig(**{name: getattr(self, name) for name in ClipConfig.model_fields})


class Recipe(Config):
    """Everything that a run depends on."""

    data: DataConfig
    method: AnyMethod = JointPatchConfig()
    masking: AnyMasking | None = Field(None, validate_default=True)
    """`{kind: random}`, if the method hides tokens; a method that does not has its own settings for it."""
    training: TrainingConfig = TrainingConfig()
    evaluation: tuple[AnyProtocol, ...] = (Linear(), KNN(), Finetune(), Finetune(label_fraction=0.1))

    @field_validator("masking")
    @classmethod
    def _is_used(cls, masking: Config | None, known: ValidationInfo) -> Config | None:
        method = known.data.get("method")
        if method is None or method.hides_tokens:
            return masking or RandomTokens()
        if masking is not None:
            raise ValueError(f"method {method.kind} hides no tokens and would not use it; leave the section out")
        return None

    @field_validator("evaluation")
    @classmethod
    def _classifies(cls, evaluation: tuple[Any, ...], known: ValidationInfo) -> tuple[Any, ...]:
        kind = getattr(known.data.get("method"), "kind", None)
        for place, protocol in enumerate(evaluation):
            own = protocol.classifier if isinstance(protocol, Finetune) else None
            if kind and own and own.kind != kind:
                raise ValueError(f"number {place} has a classifier of kind {own.kind}, but the method is {kind}")
        return evaluation

    def build(self, spec: InputSpec) -> Method:
        """The method for clips of `spec`, with fresh weights."""
        try:
            method: Method = self.method.build(spec, self.masking)
        except ValueError as error:
            raise InputError(str(error), where="recipe: method") from error
        return method


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file, with settings from the command line in place of its own.

    Relative paths of stores are relative to the working folder.

    Args:
        path: of the YAML file.
        overrides: such as `data.stream=bone` or `evaluation.0.epochs=50`; values are read as YAML.

    Raises:
        InputError: no such file, not YAML, an unknown key (with the nearest known one), a wrong type or value.
    """
    if not path.is_file():
        raise InputError("there is no such recipe", where=path)
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not YAML ({' '.join(str(error).split())})", where=path) from error
    if not isinstance(tree, dict):
        raise InputError(
            "a recipe is a mapping", where=path, expected=list(Recipe.model_fields), got=type(tree).__name__
        )
    for override in overrides:
        _set(tree, override)
    return recipe_from(tree, " ".join([str(path), *(["with", *overrides] if overrides else [])]))


def recipe_from(tree: dict[str, Any], where: str) -> Recipe:
    """The recipe of a parsed YAML or JSON tree.

    Raises:
        InputError: with the dotted key of each mistake.
    """
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise InputError("\n".join(_sentences(error)), where=where) from error


def _sentences(error: ValidationError) -> Iterator[str]:
    for mistake in error.errors():
        names = [str(part) for part in mistake["loc"]]
        model, shown = _follow(names)
        key = ".".join(shown)
        if mistake["type"] == "extra_forbidden" and model is not None:
            known = list(model.model_fields)
            near = difflib.get_close_matches(shown[-1], known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            yield f"{key}: there is no such setting; {hint}"
        elif mistake["type"] == "missing":
            yield f"{key}: is missing"
        elif mistake["type"] == "union_tag_not_found":
            yield f"{key}.kind: is missing"
        elif mistake["type"] == "union_tag_invalid":
            known_kinds = mistake["ctx"]["expected_tags"].replace("'", "")
            yield f"{key}.kind: expected one of {known_kinds}; got {mistake['ctx']['tag']!r}"
        else:
            yield f"{key}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}; got {mistake['input']!r}"


def _follow(names: list[str]) -> tuple[type[BaseModel] | None, list[str]]:
    """The group of settings that holds the last of `names`, and the names without those of union members."""
    group: Any = Recipe
    shown: list[str] = []
    for place, name in enumerate(names):
        if isinstance(group, type) and issubclass(group, BaseModel):
            shown.append(name)
            if place == len(names) - 1:
                return group, shown
            group = group.model_fields[name].annotation if name in group.model_fields else None
            continue
        members = [m for m in _models(group) if name in (m.__name__, _kind(m))]
        if members:
            group = members[0]
        else:
            shown.append(name)
            found = list(_models(group))
            group = found[0] if name.isdigit() and len(found) == 1 else group
    return (group if isinstance(group, type) and issubclass(group, BaseModel) else None), shown


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _kind(model: type[BaseModel]) -> str | None:
    return model.model_fields["kind"].default if "kind" in model.model_fields else None


def _set(tree: Any, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError("not a setting", where=override, expected="key=value, such as training.epochs=50")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError("the value is not YAML", where=override, got=text) from error
    *path, last = key.split(".")
    for part in path:
        item = _item(tree, part, override)
        below = tree[item] if isinstance(tree, list) else tree.get(item, {})
        if not isinstance(below, dict | list):
            raise InputError(f"{part!r} is a value, it has no settings in it", where=override)
        tree[item] = tree = copy.copy(below)  # an alias of it elsewhere in the recipe stays as it is
    tree[_item(tree, last, override)] = value


def _item(tree: Any, part: str, override: str) -> Any:
    if not isinstance(tree, list):
        return part
    if not part.isdigit() or int(part) >= len(tree):
        expected = f"a number from 0 to {len(tree) - 1}"
        raise InputError("this is a list", where=override, expected=expected, got=part)
    return int(part)
