"""Old and new names of settings, header fields and weights.

This is the one table of what was renamed between checkpoint format 1 and 2. A checkpoint of format 1 is converted
with it when it is read. A recipe or an override that uses an old name is refused with the new one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class RenamedSetting:
    """A setting of a recipe that has a new name.

    Args:
        group: Dotted key of the group that the setting is in; `*` stands for any item of a list.
        old: Former name of the setting.
        new: Name of the setting today.
        hint: What else has to change; empty if nothing.
    """

    group: str
    old: str
    new: str
    hint: str = ""


_TRAINING = ("training", "evaluation.*.training")
_SPLITS = (
    "data.evaluate.split",
    "data.pretrain.*.split",
    "data.evaluate.split.fallback",
    "data.pretrain.*.split.fallback",
)
_GROUPED = "in a split of `kind: grouped`"

SETTINGS: tuple[RenamedSetting, ...] = (
    RenamedSetting("data", "validate_by", "validation_group"),
    *(RenamedSetting(group, "otherwise", "fallback") for group in _SPLITS[:2]),
    *(RenamedSetting(group, "by", "group_by", _GROUPED) for group in _SPLITS),
    *(RenamedSetting(group, "test_share", "test_size") for group in _SPLITS),
    *(RenamedSetting(group, "tag_required", "group_required", _GROUPED) for group in _SPLITS),
    RenamedSetting("method", "hide", "joint_masking"),
    RenamedSetting("method.joint_masking", "count", "num_parts"),
    RenamedSetting("method", "messages", "gnn"),
    RenamedSetting("method", "edge_weight", "edge_loss_weight"),
    RenamedSetting("method", "normalise", "target_norm"),
    RenamedSetting("masking", "joints", "joint_mask"),
    RenamedSetting("masking", "by", "granularity"),
    *(RenamedSetting(group, "clip_norm", "max_grad_norm") for group in _TRAINING),
    *(RenamedSetting(group, "accumulate", "gradient_accumulation_steps") for group in _TRAINING),
    *(RenamedSetting(group, "ema", "ema_decay") for group in _TRAINING),
    *(RenamedSetting(group, "factor", "gamma") for group in _TRAINING),
)
"""Renamed settings; a group comes after the setting that renames it."""

HEADER_FIELDS: dict[str, str] = {"data": "store_fingerprints"}
"""Old field of a checkpoint's header -> new field."""

ADDED_CLIP_SETTINGS: dict[str, Any] = {"bridge_seconds": 0.0}
"""Setting of clips that older checkpoints lack -> its value for them, which is not the default of a recipe."""

ADDED_METHOD_SETTINGS: dict[str, dict[str, Any]] = {
    "graph": {"target": "embedding", "joint_identity": "none", "frame_context": False}
}
"""Kind of the method -> its settings that older checkpoints lack, with their values for them."""

_STTFORMER_BLOCK = {
    "attention.learned": "attention.static_attn",
    "mix.": "out_proj.",
    "feed.": "ffn.",
    "time.": "temporal_conv.",
    "skip.": "residual.",
    "skip_time.": "temporal_residual.",
}
_STRL_LAYER = {
    "body.": "pooled_proj.",
    "joint.": "node_proj.",
    "time.enter.": "temporal.in_proj.",
    "time.near.": "temporal.conv_d1.",
    "time.far.": "temporal.conv_d2.",
    "time.leave.": "temporal.out_norm.",
}

WEIGHTS: dict[str, dict[str, str]] = {
    "joint_patch": {
        "encoder.embed.": "encoder.patch_embed.",
        "encoder.places.": "encoder.pos_embed.",
        "decoder.embed.": "decoder.input_proj.",
        "decoder.places.": "decoder.pos_embed.",
        "decoder.say.": "decoder.head.",
    },
    "sttformer": {
        **{
            f"{part}.blocks.#.{old}": f"{part}.blocks.#.{new}"
            for part in ("encoder", "decoder")
            for old, new in _STTFORMER_BLOCK.items()
        },
        "decoder.say.": "decoder.head.",
    },
    "graph": {
        "bridge.": "encoder_to_decoder.",
        **{
            f"{part}.layers.#.look.": f"{part}.layers.#.att."
            for part in ("encoder", "decoder", "strl.layers.#.encoder")
        },
        "strl.times": "strl.time_embed",
        **{f"strl.layers.#.{old}": f"strl.layers.#.{new}" for old, new in _STRL_LAYER.items()},
    },
}
"""Kind of the method -> old beginning of a weight's name -> new beginning; `#` stands for a number."""


def renamed_setting(key: str) -> str | None:
    """Return a sentence that says what the setting `key` is called today, or None if it was not renamed.

    Args:
        key: Dotted key of a setting, such as `method.normalise` or `evaluation.0.training.ema`.
    """
    group, _, name = key.rpartition(".")
    for setting in SETTINGS:
        if name == setting.old and re.fullmatch(_pattern(setting.group, "*", r"\d+"), group):
            return " ".join(filter(None, (f"{key} was renamed to {group}.{setting.new}", setting.hint)))
    return None


def migrate_settings(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a recipe, or of some of its sections, in which old settings have their new names."""
    migrated = copy.deepcopy(dict(tree))
    for setting in SETTINGS:
        for group in _find_groups(migrated, setting.group.split(".")):
            if setting.old in group:
                group[setting.new] = group.pop(setting.old)
    for path in _SPLITS:
        for split in _find_groups(migrated, path.split(".")):
            _migrate_split(split)
    return migrated


def migrate_header(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header of a checkpoint of format 1 as one of format 2."""
    migrated = {HEADER_FIELDS.get(name, name): value for name, value in header.items()} | {"format": 2}
    migrated |= migrate_settings({name: migrated[name] for name in ("method", "masking") if name in migrated})
    if isinstance(migrated.get("recipe"), dict):
        migrated["recipe"] = migrate_settings(migrated["recipe"])
    return migrated


def add_missing_settings(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a checkpoint's header with the settings that did not exist when it was written.

    These are settings of clips and of the method, and whether the weights are a moving average.
    """
    filled = copy.deepcopy(dict(header))
    training = next(_find_groups(filled, ["recipe", "training"]), {})
    filled.setdefault("weights", "ema" if training.get("ema_decay") else "model")
    for group in (*_find_groups(filled, ["clips"]), *_find_groups(filled, ["recipe", "data"])):
        for name, value in ADDED_CLIP_SETTINGS.items():
            group.setdefault(name, value)
    for group in (*_find_groups(filled, ["method"]), *_find_groups(filled, ["recipe", "method"])):
        for name, value in ADDED_METHOD_SETTINGS.get(str(group.get("kind")), {}).items():
            group.setdefault(name, value)
    return filled


def migrate_weights(weights: Mapping[str, Value], kind: str) -> dict[str, Value]:
    """Return the weights of a method of `kind`, or of its classifier, by their new names."""
    return {_migrate_name(name, WEIGHTS.get(kind, {})): value for name, value in weights.items()}


def _migrate_name(name: str, prefixes: Mapping[str, str]) -> str:
    for old, new in prefixes.items():
        if match := re.match(_pattern(old, "#", r"(\d+)"), name):
            for number in match.groups():
                new = new.replace("#", number, 1)
            return new + name[match.end() :]
    return name


def _migrate_split(split: dict[str, Any]) -> None:
    """Format 1 had one kind of random split, which divided by group where it had a tag for the group."""
    if split.get("kind") != "stratified" or "group_by" not in split:
        return
    if split["group_by"] is None:
        split.pop("group_by")
        split.pop("group_required", None)
    else:
        split["kind"] = "grouped"


def _find_groups(tree: Any, path: list[str]) -> Iterator[dict[str, Any]]:
    if not path:
        if isinstance(tree, dict):
            yield tree
    elif path[0] == "*":
        for item in tree if isinstance(tree, list) else ():
            yield from _find_groups(item, path[1:])
    elif isinstance(tree, dict) and path[0] in tree:
        yield from _find_groups(tree[path[0]], path[1:])


def _pattern(text: str, placeholder: str, pattern: str) -> str:
    return pattern.join(map(re.escape, text.split(placeholder)))
