"""What a body is: named joints, who hangs on whom, which joints form a part, which mirror each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from skeletonmae.errors import InputError
from skeletonmae.skeletons.vocabulary import PARTS, VOCABULARY, mirror_name


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A joint layout. Joints are names; indices exist only in the arrays derived from them.

    Two skeletons are equal if they describe the same joints in the same order with the same tree.

    Args:
        name: of the layout, such as `ntu25`.
        joints: joint names in the order of the arrays.
        parents: joint -> the joint it hangs on. Exactly one joint, the root, is not a key.
        center: the joints whose mean is the middle of the body; the root if not given.
        parts: part -> its joints. Every joint is in exactly one. If not given: the vocabulary's parts.
        mirror: joint -> its mirror. If not given: `left_x` and `right_x` mirror each other.
        source: where the layout is defined.

    Raises:
        InputError: the joints do not form one tree, the parts do not cover every joint once, a mirror is not
            an involution, or a name is unknown.
    """

    name: str
    joints: tuple[str, ...]
    parents: Mapping[str, str]
    center: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mirror: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        if not self.parts:
            named = {part: tuple(j for j in self.joints if VOCABULARY.get(j) == part) for part in PARTS}
            object.__setattr__(self, "parts", {part: joints for part, joints in named.items() if joints})
        if not self.mirror:
            known = set(self.joints)
            pairs = {j: m for j in self.joints if (m := mirror_name(j)) in known}
            object.__setattr__(self, "mirror", {j: pairs.get(j, j) for j in self.joints})
        self._prove()
        if not self.center:
            object.__setattr__(self, "center", (self.root,))

    def _prove(self) -> None:
        def refuse(problem: str, **what: object) -> InputError:
            return InputError(problem, where=f"skeleton {self.name!r}", **what)

        known = set(self.joints)
        if not self.joints or len(known) != len(self.joints):
            raise refuse("joint names must be given and differ", got=self.joints)
        named = {*self.parents, *self.parents.values(), *self.center, *self.mirror, *self.mirror.values()}
        if unknown := sorted(named - known):
            raise refuse("names of joints that are not in it", expected=self.joints, got=unknown)
        roots = [joint for joint in self.joints if joint not in self.parents]
        if len(roots) != 1:
            raise refuse("exactly one joint hangs on nothing", expected="one root", got=roots)
        for joint in self.joints:
            above, steps = joint, 0
            while above != roots[0]:
                above, steps = self.parents[above], steps + 1
                if steps > len(self.joints):
                    raise refuse(f"the parents of {joint!r} go round in a circle")
        members = sorted(joint for joints in self.parts.values() for joint in joints)
        if members != sorted(self.joints):
            missing = sorted(known - set(members))
            raise refuse(
                "every joint must be in exactly one part",
                got=f"in no part: {missing}" if missing else members,
            )
        if any(self.mirror.get(self.mirror[joint]) != joint for joint in self.joints if joint in self.mirror):
            raise refuse("mirroring twice must give the same joint", got=dict(self.mirror))
        if set(self.mirror) != known:
            raise refuse("every joint needs a mirror, itself if in the middle", got=dict(self.mirror))

    @property
    def num_joints(self) -> int:
        """How many joints there are."""
        return len(self.joints)

    @cached_property
    def root(self) -> str:
        """The joint that hangs on nothing."""
        return next(joint for joint in self.joints if joint not in self.parents)

    @cached_property
    def index(self) -> dict[str, int]:
        """Joint name -> place in the arrays."""
        return {joint: place for place, joint in enumerate(self.joints)}

    @cached_property
    def bones(self) -> tuple[tuple[str, str], ...]:
        """(joint, parent) of every joint but the root, in joint order."""
        return tuple((joint, self.parents[joint]) for joint in self.joints if joint in self.parents)

    @cached_property
    def parent_index(self) -> Int[np.ndarray, " joint"]:
        """Place of each joint's parent; the root's is its own."""
        return np.array([self.index[self.parents.get(joint, joint)] for joint in self.joints])

    @cached_property
    def mirror_index(self) -> Int[np.ndarray, " joint"]:
        """Place of each joint's mirror."""
        return np.array([self.index[self.mirror[joint]] for joint in self.joints])

    @cached_property
    def center_index(self) -> Int[np.ndarray, " center"]:
        """Places of the joints whose mean is the middle of the body."""
        return np.array([self.index[joint] for joint in self.center])

    @cached_property
    def part_index(self) -> Int[np.ndarray, " joint"]:
        """Number of the part each joint is in, in the order of `parts`."""
        number = {joint: place for place, joints in enumerate(self.parts.values()) for joint in joints}
        return np.array([number[joint] for joint in self.joints])

    @cached_property
    def adjacency(self) -> Bool[np.ndarray, "joint joint"]:
        """Which joints a bone connects; symmetric, without self-loops."""
        matrix = np.zeros((self.num_joints, self.num_joints), dtype=bool)
        for joint, parent in self.bones:
            matrix[self.index[joint], self.index[parent]] = matrix[self.index[parent], self.index[joint]] = True
        return matrix

    @cached_property
    def left_right(self) -> tuple[tuple[int, int], ...]:
        """(left, right) places of shoulders and hips, which say where the body faces; may be empty."""
        pairs = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))
        return tuple((self.index[a], self.index[b]) for a, b in pairs if a in self.index and b in self.index)

    def bone_lengths(self, positions: Float[np.ndarray, "*any joint axis"]) -> Float[np.ndarray, "*any joint"]:
        """Distance of each joint from its parent, in the unit of `positions`; 0 for the root."""
        length: Float[np.ndarray, "*any joint"] = np.linalg.norm(
            positions - positions[..., self.parent_index, :], axis=-1
        )
        return length

    def to_dict(self) -> dict[str, object]:
        """Everything that defines it, as plain containers for JSON; `from_dict` reads it back."""
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
        """The skeleton that `to_dict` described.

        Raises:
            InputError: a field is missing, unknown, or of the wrong type, or the skeleton is not sound.
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
