"""Custom layouts, read from a small YAML file.

```yaml
joints: [nose, withers, tail, paw_l, paw_r]
parents: {nose: withers, tail: withers, paw_l: withers, paw_r: withers}
```
Instead of `parents`, the file may list `bones: [[nose, withers], ...]`, each in any order, and the `root` if that
is not the first joint. `name` (by default the name of the file), `center`, `parts`, `mirror` and `source` are
optional.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from skeletonmae.config import Config, describe_yaml_error
from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_LAYOUT_BYTES
from skeletonmae.skeletons.derived import check_joint_names, mirror_of, parents_from_bones, suggest
from skeletonmae.skeletons.layouts import LAYOUTS
from skeletonmae.skeletons.skeleton import Skeleton

NO_PARENT = ("", "~", "null")
"""Values that `parents` may have for the root, which may also be left out."""


class LayoutFile(Config):
    """The content of a layout file."""

    joints: tuple[str, ...] = Field(min_length=1)
    parents: dict[str, str] = Field(default_factory=dict)
    bones: tuple[tuple[str, str], ...] = ()
    root: str = ""
    name: str = ""
    center: tuple[str, ...] = ()
    parts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    mirror: dict[str, str] = Field(default_factory=dict)
    source: str = ""

    def skeleton(self, name: str) -> Skeleton:
        """Create the skeleton, named `name` if the file does not name it."""
        if bool(self.parents) == bool(self.bones) and len(self.joints) > 1:
            raise InputError(
                "the tree of the joints is missing or given twice", expected="either 'parents' or 'bones'"
            )
        root = self.root or self.joints[0]
        check_joint_names("bones", (joint for bone in self.bones for joint in bone), self.joints)
        check_joint_names("root", (root,), self.joints)
        parents = parents_from_bones(root, self.bones) if self.bones else self.parents
        mirror = self.mirror | {value: joint for joint, value in self.mirror.items()}
        skeleton = Skeleton(
            name=self.name or name,
            joints=self.joints,
            parents={joint: parent for joint, parent in parents.items() if parent not in NO_PARENT},
            center=self.center,
            parts=self.parts,
            mirror=mirror_of(self.joints) | mirror if mirror else {},
            source=self.source,
        )
        if self.root not in ("", skeleton.root):
            raise InputError("the root must be the joint without a parent", expected=skeleton.root, got=self.root)
        return skeleton


def get_layout(name_or_path: str | Path) -> Skeleton:
    """Return the built-in layout of that name, or the layout in a YAML file.

    Raises:
        InputError: There is no such layout, or the file is invalid.
    """
    name = str(name_or_path)
    if name in LAYOUTS:
        return LAYOUTS[name]
    if Path(name).suffix.lower() in (".yaml", ".yml"):
        return read_layout(Path(name))
    expected = f"{', '.join(LAYOUTS)}, or a YAML file"
    raise InputError(f"there is no layout {name!r}{suggest(name, LAYOUTS)}", expected=expected)


def read_layout(path: Path) -> Skeleton:
    """Read the layout in a YAML file (see the module for its format).

    Raises:
        InputError: The file is not valid YAML, a key is missing or unknown, or the joints do not form a tree.
    """
    try:
        skeleton = LayoutFile.model_validate(_load(path)).skeleton(path.stem)
    except ValidationError as error:
        raise InputError(_describe(error), where=path) from error
    except InputError as error:
        raise InputError(str(error), where=path) from error
    built_in = LAYOUTS.get(skeleton.name, skeleton)
    if (built_in.joints, built_in.parents) != (skeleton.joints, skeleton.parents):
        problem = f"{skeleton.name!r} is a built-in layout with other joints or bones"
        raise InputError(problem, where=path, expected="another 'name'")
    return skeleton


def _describe(error: ValidationError) -> str:
    """The first validation error as a sentence."""
    details = error.errors()[0]
    key, known = ".".join(map(str, details["loc"])), list(LayoutFile.model_fields)
    if details["type"] == "extra_forbidden":
        return f"there is no key {key!r}{suggest(key, known)}; expected {', '.join(known)}"
    if details["type"] == "missing":
        return f"{key!r} is missing"
    got = repr(details["input"])
    return f"{key}: {details['msg'][0].lower()}{details['msg'][1:]}; got {got[:80]}{'...' * (len(got) > 80)}"


class _Loader(yaml.BaseLoader):
    """Loads YAML of texts, lists and mappings; rejects aliases and repeated keys, and keeps numbers as text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not supported")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys: set[str] = set()
        for key, _ in node.value:
            if key.value in keys:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: {key.value!r} is duplicated")
            keys.add(key.value)
        return super().construct_mapping(node, deep)


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError("there is no such file")
    try:
        if (size := path.stat().st_size) > MAX_LAYOUT_BYTES:
            raise InputError(
                "the file is too large for a layout", expected=f"at most {MAX_LAYOUT_BYTES} bytes", got=size
            )
        tree = yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise InputError(f"not valid YAML ({describe_yaml_error(error)})") from error
    if not isinstance(tree, dict):
        expected = "joints: [...] and parents: {...}"
        raise InputError("a layout must be a mapping", expected=expected, got=type(tree).__name__)
    return tree
