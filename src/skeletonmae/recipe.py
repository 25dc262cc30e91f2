"""The recipe of a run: data, method, training, evaluation. Only this module knows the tables of all folders."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import yaml
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from skeletonmae.config import Config, describe_yaml_error, tagged_union
from skeletonmae.datasets import DATASETS, GivenSplit, GroupSplit, SplitRule, StratifiedSplit, TagSplit
from skeletonmae.datasets.validation_group import ValidationGroup
from skeletonmae.errors import InputError
from skeletonmae.evaluation import PROTOCOLS, Finetune, LinearProbe
from skeletonmae.evaluation.copies import TestCopies
from skeletonmae.evaluation.features import FeatureConfig
from skeletonmae.evaluation.knn import KNN
from skeletonmae.evaluation.protocol import EvaluationProtocol, ResultKey
from skeletonmae.masking import MASKINGS, RandomTokens
from skeletonmae.methods import METHODS, InputSpec, JointPatchMAEConfig
from skeletonmae.methods.method import Method, MethodConfig
from skeletonmae.renames import renamed_setting
from skeletonmae.sequences import SequenceStore
from skeletonmae.sequences.manifest import MANIFEST
from skeletonmae.training import TrainingConfig
from skeletonmae.transforms import ClipConfig

MAX_NAMES = 5
"""Names of recordings that a message quotes."""
AnyMasking: Any = tagged_union(MASKINGS)
AnyMethod: Any = tagged_union(METHODS)
AnyProtocol: Any = tagged_union(PROTOCOLS)


class Source(Config):
    """A store, and which of its recordings."""

    store: Path
    """Folder that `skeletonmae prepare` wrote."""
    split: str | SplitRule | None = None
    """The name of one of the dataset's splits, or a custom rule; by default the dataset's default split."""
    use: Literal["train", "all"] = "train"
    """Recordings to pre-train on: the training side of the split (labels are not needed), or all."""
    exclude_classes: tuple[str, ...] = ()
    """Classes that pre-training leaves out, such as those of `few_shot`. Recordings without a label stay."""
    share: float | None = Field(None, gt=0)
    """Relative share of the batches of pre-training, such as 2 for twice as many as a source with 1. All sources
    have one, or none: then each recording is used once in an epoch."""
    exclude: tuple[str, ...] | Path = ()
    """Names of recordings that pre-training leaves out, or a text file with one name per line, such as copies of
    test recordings."""

    def open(self) -> SequenceStore:
        """Open the store and verify its checksums."""
        store = SequenceStore.open(self.store)
        store.verify()
        return store

    def split_rule(self, store: SequenceStore) -> TagSplit | StratifiedSplit | GroupSplit:
        """Return the rule that divides the store.

        Raises:
            InputError: The split is not one of the dataset's.
        """
        split = self.split
        rule = self._named_rule(store, split) if split is None or isinstance(split, str) else split
        return rule.rule(store) if isinstance(rule, GivenSplit) else rule

    def _named_rule(self, store: SequenceStore, name: str | None) -> SplitRule:
        dataset = DATASETS.get(store.datasets[0])
        if dataset is None:
            problem = f"dataset {store.datasets[0]!r} has no named splits; give a rule in `split`"
            raise InputError(problem, where=self.store, expected=", ".join(DATASETS))
        name = name or dataset.default_split
        if name not in dataset.splits:
            expected = ", ".join(dataset.splits)
            raise InputError(f"{dataset.name} has no such split", where=self.store, expected=expected, got=name)
        return dataset.splits[name]

    def pretrain_index(self, store: SequenceStore) -> np.ndarray:
        """Return the indices of the recordings to pre-train on, `(recording,)`; empty recordings are left out.

        Raises:
            InputError: The store has no class of `exclude_classes` or no recording of `exclude`, or the split does
                not apply to it.
        """
        use_all = self.use == "all" or not (store.labels >= 0).any()  # without labels there is no test side
        index = np.arange(len(store)) if use_all else self.split_rule(store).pretrain_index(store)
        if unknown := [name for name in self.exclude_classes if name not in store.classes]:
            where, expected = f"{self.store}: exclude_classes", ", ".join(store.classes)
            raise InputError("the store has no such class", where=where, expected=expected, got=", ".join(unknown))
        excluded = [store.classes.index(name) for name in self.exclude_classes]
        is_kept = (store.num_persons[index] > 0) & ~np.isin(store.labels[index], excluded)
        return index[is_kept & ~np.isin(index, self.excluded_index(store))]

    def excluded_index(self, store: SequenceStore) -> np.ndarray:
        """Return the indices of the recordings that `exclude` names, `(recording,)`, ascending.

        Raises:
            InputError: The store has no recording of a name, or the file cannot be read.
        """
        excluded = self.excluded_names()
        if not excluded:
            return np.zeros(0, dtype=np.int64)
        names = [store.name(index) for index in range(len(store))]
        if unknown := sorted(excluded - set(names)):
            got = ", ".join(unknown[:MAX_NAMES]) + (" ..." if len(unknown) > MAX_NAMES else "")
            raise InputError(
                f"the store has no such recording ({len(unknown)} names)", where=f"{self.store}: exclude", got=got
            )
        return np.flatnonzero([name in excluded for name in names])

    def with_names_to_exclude(self) -> Source:
        """Return a copy with the names to exclude, which may be in a file."""
        return self.model_copy(update={"exclude": tuple(sorted(self.excluded_names()))})

    def excluded_names(self) -> frozenset[str]:
        """Return the names in `exclude`, or in its file.

        Raises:
            InputError: The file cannot be read.
        """
        if not isinstance(self.exclude, Path):
            return frozenset(self.exclude)
        try:
            lines = self.exclude.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError, ValueError) as error:
            problem = f"the list of recordings to leave out cannot be read ({error})"
            raise InputError(problem, where=f"{self.store}: exclude", got=self.exclude) from error
        return frozenset(line.strip() for line in lines if line.strip())


class DataConfig(ClipConfig):
    """The recordings, and how they become clips."""

    pretrain: tuple[Source, ...] = ()
    """Stores to pre-train on; by default the store under `evaluate`. They have the same layout, axes and unit,
    unless the method reads any layout (`joint_embedding: description`)."""
    evaluate: Source
    """The store to evaluate on."""
    validation_group: str | ValidationGroup | None = None
    """Tag, such as `subject`, whose groups stay together when the training split is divided for validation; or a
    tag and the values of the groups to validate on, such as `{tag: camera, values: ['1']}`."""
    test_copies: TestCopies = "keep"
    """Test recordings that are exact copies of training recordings: `keep` them, and also state the accuracy
    without them; or `remove` them from the test side."""

    @field_validator("pretrain")
    @classmethod
    def _check_shares(cls, pretrain: tuple[Source, ...]) -> tuple[Source, ...]:
        if len({source.share is None for source in pretrain}) > 1:
            without = next(source.store for source in pretrain if source.share is None)
            raise ValueError(f"all stores have a share, or none; {without} has none")
        return pretrain

    @property
    def pretrain_sources(self) -> tuple[Source, ...]:
        """The stores to pre-train on."""
        return self.pretrain or (self.evaluate,)

    @property
    def clips(self) -> ClipConfig:
        """How recordings become clips, without the stores."""
        return ClipConfig(**{name: getattr(self, name) for name in ClipConfig.model_fields})


class Recipe(Config):
    """Everything that determines a run."""

    data: DataConfig
    method: AnyMethod = JointPatchMAEConfig()
    masking: AnyMasking | None = Field(None, validate_default=True)
    """`{kind: random}` for a method that masks tokens; a recipe with another method must not have this section."""
    training: TrainingConfig = TrainingConfig()
    init_from: Path | None = None
    """Checkpoint, folder of a run, or name of a shipped encoder, whose weights pre-training starts from; by
    default they are random. A relative path is relative to the working directory. The clips must be those of the
    checkpoint. `joint_patch` takes the encoder, and the decoder too if the settings of the method are equal (that
    of a shipped encoder is untrained); `neighbor_tuning` needs a checkpoint."""
    evaluation: tuple[AnyProtocol, ...] = Field(
        (LinearProbe(), KNN(), Finetune(), Finetune(label_fraction=0.1)), validate_default=True
    )

    @field_validator("method")
    @classmethod
    def _check_axes(cls, method: Any, info: ValidationInfo) -> Any:
        data = info.data.get("data")
        if data is not None and method.reads_any_layout and data.axes != 3:
            raise ValueError(
                f"joint_embedding description reads 2D and 3D clips and needs data.axes: 3, not {data.axes}"
            )
        if names := ", ".join(method.ineffective_settings):
            raise ValueError(f"without a masked loss, {names} would have no effect; delete it, or set reconstruct")
        return method

    @field_validator("masking")
    @classmethod
    def _check_masking(cls, masking: Config | None, info: ValidationInfo) -> Config | None:
        method = info.data.get("method")
        if method is None or method.uses_mask:
            return masking or RandomTokens()
        if method.masks_tokens and masking in (None, RandomTokens()):  # the default of the kind
            return RandomTokens()
        if method.masks_tokens:
            raise ValueError(f"method {method.kind} would ignore it without a masked loss; delete this section")
        if masking is not None:
            raise ValueError(f"method {method.kind} does not mask tokens and would ignore it; delete this section")
        return None

    @field_validator("evaluation")
    @classmethod
    def _check_protocols(cls, evaluation: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        _check_names(evaluation)
        method = info.data.get("method")
        if method is None:
            return evaluation
        data = info.data.get("data")
        num_steps = method.num_time_steps(data.frames) if data else None
        for index, protocol in enumerate(evaluation):
            _check_protocol(index, protocol, method, num_steps)
        return evaluation

    def with_names_to_exclude(self) -> Recipe:
        """Return a copy that holds the names of the recordings to leave out, which may be in files.

        Raises:
            InputError: A file cannot be read.
        """
        pretrain = tuple(source.with_names_to_exclude() for source in self.data.pretrain)
        sources = {"pretrain": pretrain, "evaluate": self.data.evaluate.with_names_to_exclude()}
        return self.model_copy(update={"data": self.data.model_copy(update=sources)})

    def build(self, spec: InputSpec) -> Method:
        """Build the method for clips of `spec`, with fresh weights.

        Raises:
            InputError: Settings of the method do not fit each other or the clips.
        """
        try:
            method: Method = self.method.build(spec, self.masking)
        except ValueError as error:
            raise InputError(str(error), where="recipe: method") from error
        return method


def _check_protocol(index: int, protocol: Any, method: MethodConfig, num_steps: int | None) -> None:
    """Check that a method can be evaluated by a protocol.

    Args:
        index: Number of the protocol in the recipe.
        protocol: The protocol.
        method: The settings of the method.
        num_steps: Number of time steps of a clip; None if it is not known.
    """
    kind = method.classifier_kind or method.kind
    classifier = protocol.classifier if isinstance(protocol, Finetune) else None
    if classifier and classifier.kind != kind:
        raise ValueError(
            f"item {index} has a classifier of kind {classifier.kind}, but the method is {method.kind}"
        )
    if not isinstance(protocol, Finetune) and not method.has_pretext_task:
        raise ValueError(
            f"item {index}, {protocol.kind}, evaluates an encoder, which method {method.kind} does not have; state"
            " protocols of kind finetune alone"
        )
    features = getattr(protocol, "probe", protocol)  # some protocols test a linear probe
    if not isinstance(features, FeatureConfig):
        return
    if features.last_blocks > method.num_feature_blocks:
        raise ValueError(
            f"item {index} averages the features of {features.last_blocks} blocks, but the method {method.kind}"
            f" returns those of {method.num_feature_blocks}"
        )
    if num_steps is not None and features.time_parts > num_steps:
        raise ValueError(
            f"item {index} divides a clip into {features.time_parts} parts of time, but a clip of method"
            f" {method.kind} has {num_steps} time steps"
        )


def _check_names(evaluation: Sequence[EvaluationProtocol]) -> None:
    """Check that no result and no classifier of a protocol replaces that of another."""
    results: dict[ResultKey, int] = {}
    classifiers: dict[str, int] = {}
    for index, protocol in enumerate(evaluation):
        is_tuned = isinstance(protocol, Finetune)
        advice = "give one of them a `name`" if is_tuned else "evaluate one in another folder"
        for key in protocol.result_keys:
            if key in results:
                first, (name, fraction, seed) = results[key], key
                both = f"items {first} and {index} both have" if first != index else f"item {index} repeats"
                labels = f" with {100 * fraction:g} % of the labels" if fraction < 1 else ""
                raise ValueError(f"{both} the result {name!r}{labels} and seed {seed}; {advice}")
            results[key] = index
        for name in map(protocol.fit_name, protocol.seeds) if isinstance(protocol, Finetune) else ():
            writer = evaluation[classifiers.setdefault(name, index)]
            if _fit_settings(writer) != _fit_settings(protocol):
                problem = f"items {classifiers[name]} and {index} both write the classifier {name}.safetensors"
                raise ValueError(f"{problem}; {advice}")


def _fit_settings(protocol: EvaluationProtocol) -> dict[str, Any]:
    """The settings that the classifiers of a fine-tuning depend on, without the seeds."""
    assert isinstance(protocol, Finetune)
    return protocol.model_dump(exclude={"seeds", "test_clips"})


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
    if "\0" not in str(path) and (path / MANIFEST).is_file():
        if defaults is None:
            expected = "a recipe, or --from with an encoder that pre-training goes on from"
            raise InputError("this is a store, not a recipe", where=path, expected=expected)
        tree = _merged(dict(defaults), {"data": {"evaluate": {"store": str(path)}}})
    else:
        tree = _merged(dict(defaults or {}), _read_tree(path))
    for override in overrides:
        _override(tree, override)
    return recipe_from(tree, " ".join([str(path), *(["with", *overrides] if overrides else [])]))


MAX_BASES = 20


def _read_tree(path: Path, derived: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the content of a recipe, with the settings of its base where it has none.

    Args:
        path: The YAML file.
        derived: The recipes whose base it is.
    """
    base_of = f"base of {derived[-1]}" if derived else None
    if len(derived) > MAX_BASES:
        raise InputError("the chain of bases is too long", where=derived[0], expected=f"{MAX_BASES} or fewer")
    if "\0" in str(path) or not path.is_file():
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
        raise InputError("\n".join(_error_messages(error)), where=where) from error


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


def _error_messages(error: ValidationError) -> Iterator[str]:
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
