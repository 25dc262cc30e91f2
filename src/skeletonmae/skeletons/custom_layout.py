"""A layout of one's own, from a small YAML file.

```yaml
joints: [nose, withers, tail, paw_l, paw_r]
parents: {nose: withers, tail: withers, paw_l: withers, paw_r: withers}
```
In place of `parents`, `bones: [[nose, withers], ...]`, each either way round, with the `root` if that is not the
first joint. `name` (the file's if not given), `center`, `parts`, `mirror` and `source` are optional.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_LAYOUT_BYTES
from skeletonmae.skeletons.derived import check_joint_names, mirror_of, parents_from_bones, suggest
from skeletonmae.skeletons.layouts import LAYOUTS
from skeletonmae.skeletons.skeleton import Skeleton

NOTHING = ("", "~", "null")
"""What stands after the root in `parents`, if it stands there at all."""


class LayoutFile(Config):
    """What the file may say."""

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
        """The layout, called `name` if it does not say its own."""
        if bool(self.parents) == bool(self.bones) and len(self.joints) > 1:
            raise InputError("it must say who hangs on whom", expected="either 'parents' or 'bones'")
        root = self.root or self.joints[0]
        check_joint_names("bones", (joint for bone in self.bones for joint in bone), self.joints)
        check_joint_names("root", (root,), self.joints)
        parents = parents_from_bones(root, self.bones) if self.bones else self.parents
        given = self.mirror | {other: joint for joint, other in self.mirror.items()}
        made = Skeleton(
            name=self.name or name,
            joints=self.joints,
            parents={joint: parent for joint, parent in parents.items() if parent not in NOTHING},
            center=self.center,
            parts=self.parts,
            mirror=mirror_of(self.joints) | given if given else {},
            source=self.source,
        )
        if self.root not in ("", made.root):
            raise InputError("the root is a joint that hangs on nothing", expected=made.root, got=self.root)
        return made


def get_layout(name_or_path: str | Path) -> Skeleton:
    """The built-in layout of that name, or the one in a YAML file.

    Raises:
        InputError: there is no such layout, or the file is not sound.
    """
    name = str(name_or_path)
    if name in LAYOUTS:
        return LAYOUTS[name]
    if Path(name).suffix.lower() in (".yaml", ".yml"):
        return read_layout(Path(name))
    expected = f"{', '.join(LAYOUTS)}, or a YAML file"
    raise InputError(f"there is no layout {name!r}{suggest(name, LAYOUTS)}", expected=expected)


def read_layout(path: Path) -> Skeleton:
    """The layout in a YAML file (see the module).

    Raises:
        InputError: the file is no such YAML, a key is missing or unknown, or the joints form no tree.
    """
    try:
        made = LayoutFile.model_validate(_load(path)).skeleton(path.stem)
    except ValidationError as error:
        raise InputError(_sentence(error), where=path) from error
    except InputError as error:
        raise InputError(str(error), where=path) from error
    known = LAYOUTS.get(made.name, made)
    if (known.joints, known.parents) != (made.joints, made.parents):
        problem = f"{made.name!r} is a built-in layout with other joints or bones"
        raise InputError(problem, where=path, expected="another 'name'")
    return made


def _sentence(error: ValidationError) -> str:
    mistake = error.errors()[0]
    key, known = ".".join(map(str, mistake["loc"])), list(LayoutFile.model_fields)
    if mistake["type"] == "extra_forbidden":
        return f"there is no key {key!r}{suggest(key, known)}; expected {', '.join(known)}"
    if mistake["type"] == "missing":
        return f"{key!r} is missing"
    got = repr(mistake["input"])
    return f"{key}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}; got {got[:80]}{'...' * (len(got) > 80)}"


class _Loader(yaml.BaseLoader):
    """YAML of texts, lists and mappings: nothing is a number or a truth value, nothing is repeated or aliased."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not understood here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: {key.value!r} is there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError("there is no such file")
    try:
        if (size := path.stat().st_size) > MAX_LAYOUT_BYTES:
            raise InputError("too large for a layout", expected=f"at most {MAX_LAYOUT_BYTES} bytes", got=size)
        tree = yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise InputError(f"not YAML that can be read ({error})") from error
    if not isinstance(tree, dict):
        expected = "joints: [...] and parents: {...}"
        raise InputError("a layout is a mapping", expected=expected, got=type(tree).__name__)
    return tree
