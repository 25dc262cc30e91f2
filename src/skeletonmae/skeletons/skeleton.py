"""A skeleton: named joints, their parents, body parts and mirror pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.skeletons.derived import abbreviate, breadth_first, check_joint_names, mirror_of, parts_of

"""More are a mistake: the most detailed body models have a few hundred."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A joint layout. Joints are identified by name; indices exist only in the arrays derived from the names.

    Any names are allowed. Those of the vocabulary mean the same place on the body in every layout.
    Two skeletons are equal if all their fields are equal.

    Args:
        name: Name of the layout, such as `ntu25`.
        joints: Joint names in the order of the arrays.
        parents: Joint -> its parent. Exactly one joint, the root, is not a key.
        center: Joints whose mean is the center of the body. By default the root.
        parts: Body part -> its joints. Every joint is in exactly one part. By default the parts of the vocabulary,
            and branches of the tree for joints with other names.
        mirror: Joint -> its mirror joint. By default matched by name, such as `left_x` and `right_x`, or `x_L` and
            `x_R`.
        source: Where the layout is defined.

    Raises:
        InputError: The joints do not form one tree, a joint is not in exactly one part, mirroring twice does not
            give the same joint, or a name is unknown.
    """

    name: str
    joints: tuple[str, ...]
    parents: Mapping[str, str]
    center: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mirror: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        self._validate_tree()
        derived = {
            "center": (self.root,),
            "parts": parts_of(self.joints, self.parents, self.root),
            "mirror": mirror_of(self.joints),
        }
        for name, value in derived.items():
            if not getattr(self, name):
                object.__setattr__(self, name, value)
        self._validate_fields()

    def _error(self, problem: str, **details: object) -> InputError:
        return InputError(problem, where=f"skeleton {self.name!r}", **details)

    def _check_names(self, field_name: str, names: Iterable[str]) -> None:
        check_joint_names(field_name, names, self.joints, where=f"skeleton {self.name!r}")

    def _validate_tree(self) -> None:
        if len(self.joints) > MAX_JOINTS:
            raise self._error("too many joints", expected=f"at most {MAX_JOINTS}", got=len(self.joints))
        if not self.joints:
            raise self._error("a skeleton needs at least one joint")
        if duplicates := [joint for joint, count in Counter(self.joints).items() if count > 1]:
            got = f"duplicates: {abbreviate(duplicates)}"
            raise self._error("the names of the joints must be unique", got=got)
        self._check_names("parents", (*self.parents, *self.parents.values()))
        roots = [joint for joint in self.joints if joint not in self.parents]
        if len(roots) != 1:
            raise self._error(
                "the joints must form one tree",
                expected="exactly one joint without a parent, the root",
                got=abbreviate(roots) or "none",
            )
        reached = set(breadth_first(roots[0], self.parents))
        if unreached := [joint for joint in self.joints if joint not in reached]:
            raise self._error(f"the parents of {unreached[0]!r} form a cycle")

    def _validate_fields(self) -> None:
        self._check_names("center", self.center)
        self._check_names("mirror", (*self.mirror, *self.mirror.values()))
        if missing := [joint for joint in self.joints if joint not in self.mirror]:
            problem = "every joint needs a mirror joint; that of a joint in the middle is itself"
            raise self._error(problem, got=f"none for {abbreviate(missing)}")
        if invalid := [joint for joint in self.joints if self.mirror[self.mirror[joint]] != joint]:
            joint = invalid[0]
            got = f"{joint} -> {self.mirror[joint]} -> {self.mirror[self.mirror[joint]]}"
            raise self._error("mirroring twice must give the same joint", got=got)
        num_parts = Counter(joint for joints in self.parts.values() for joint in joints)
        self._check_names("parts", num_parts)
        if invalid := [joint for joint in self.joints if num_parts[joint] != 1]:
            got = f"{invalid[0]!r} in {num_parts[invalid[0]] or 'none'}"
            raise self._error("every joint must be in exactly one part", got=got)

    @property
    def num_joints(self) -> int:
        """Number of joints."""
        return len(self.joints)

    @cached_property
    def root(self) -> str:
        """The joint without a parent."""
        return next(joint for joint in self.joints if joint not in self.parents)

    @cached_property
    def index(self) -> dict[str, int]:
        """Joint name -> index in the arrays."""
        return {joint: index for index, joint in enumerate(self.joints)}

    @cached_property
    def bones(self) -> tuple[tuple[str, str], ...]:
        """(joint, parent) of every joint except the root, in the order of the joints."""
        return tuple((joint, self.parents[joint]) for joint in self.joints if joint in self.parents)

    @cached_property
    def parent_index(self) -> Int[np.ndarray, " joint"]:
        """Index of each joint's parent; that of the root is its own."""
        return np.array([self.index[self.parents.get(joint, joint)] for joint in self.joints])

    @cached_property
    def mirror_index(self) -> Int[np.ndarray, " joint"]:
        """Index of each joint's mirror joint."""
        return np.array([self.index[self.mirror[joint]] for joint in self.joints])

    @cached_property
    def center_index(self) -> Int[np.ndarray, " center"]:
        """Indices of the joints whose mean is the center of the body."""
        return np.array([self.index[joint] for joint in self.center])

    @cached_property
    def part_index(self) -> Int[np.ndarray, " joint"]:
        """Index of the part of each joint, in the order of `parts`."""
        part_of = {joint: part for part, joints in enumerate(self.parts.values()) for joint in joints}
        return np.array([part_of[joint] for joint in self.joints])

    @cached_property
    def adjacency(self) -> Bool[np.ndarray, "joint joint"]:
        """Whether a bone connects two joints; symmetric, without self-loops."""
        matrix = np.zeros((self.num_joints, self.num_joints), dtype=bool)
        for joint, parent in self.bones:
            matrix[self.index[joint], self.index[parent]] = matrix[self.index[parent], self.index[joint]] = True
        return matrix

    @cached_property
    def hop_distance(self) -> Int[np.ndarray, "joint joint"]:
        """Number of bones between two joints."""
        distance = np.zeros((self.num_joints, self.num_joints), dtype=np.int64)
        reached: list[int] = []
        for joint in breadth_first(self.root, self.parents):
            index = self.index[joint]
            if reached:
                to_parent = distance[self.parent_index[index], reached]
                distance[index, reached] = distance[reached, index] = to_parent + 1
            reached.append(index)
        return distance

    @cached_property
    def left_right(self) -> tuple[tuple[int, int], ...]:
        """(left, right) indices of shoulders and hips, which give the facing direction; may be empty."""
        pairs = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))
        return tuple((self.index[a], self.index[b]) for a, b in pairs if a in self.index and b in self.index)

    def bone_lengths(self, positions: Float[np.ndarray, "*any joint axis"]) -> Float[np.ndarray, "*any joint"]:
        """Distance of each joint from its parent, in the unit of `positions`; 0 for the root."""
        length: Float[np.ndarray, "*any joint"] = np.linalg.norm(
            positions - positions[..., self.parent_index, :], axis=-1
        )
        return length

    def to_dict(self) -> dict[str, object]:
        """Return all fields as plain containers for JSON; `from_dict` is the inverse."""
        return {
            "name": self.name,
            "joints": list(self.joints),
            "parents": dict(self.parents),
            "center": list(self.center),
            "parts": {part: list(joints) for part, joints in self.parts.items()},
            "mirror": dict(self.mirror),
            "source": self.source,
        }

    @classmethod
    def from_dict(cls, spec: Mapping[str, object], where: str = "skeleton") -> Skeleton:
        """Create a skeleton from the fields that `to_dict` returns.

        Raises:
            InputError: A field is missing, unknown, or of the wrong type, or the skeleton is invalid.
        """
        try:
            fields = dict(spec)
            fields["joints"] = tuple(spec["joints"])  # type: ignore[arg-type]
            fields["center"] = tuple(spec.get("center", ()))  # type: ignore[arg-type]
            parts: Mapping[str, list[str]] = spec.get("parts", {})  # type: ignore[assignment]
            fields["parts"] = {part: tuple(joints) for part, joints in parts.items()}
            return cls(**fields)  # type: ignore[arg-type]
        except InputError as error:
            raise InputError(str(error), where=where) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"not a description of a skeleton ({error})", where=where) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Skeleton) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.name, self.joints))
