"""What a body is: named joints, who hangs on whom, which joints form a part, which mirror each other."""

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
    """A joint layout. Joints are names; indices exist only in the arrays derived from them.

    Any names will do. Those of the vocabulary mean the same place on the body in every layout.
    Two skeletons are equal if they describe the same joints in the same order with the same tree.

    Args:
        name: of the layout, such as `ntu25`.
        joints: joint names in the order of the arrays.
        parents: joint -> the joint it hangs on. Exactly one joint, the root, is not a key.
        center: the joints whose mean is the middle of the body; the root if not given.
        parts: part -> its joints. Every joint is in exactly one. If not given: the vocabulary's parts, and
            branches of the tree for joints with other names.
        mirror: joint -> its mirror. If not given: by name, such as `left_x` and `right_x`, or `x_L` and `x_R`.
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
        self._prove_tree()
        derived = {
            "center": (self.root,),
            "parts": parts_of(self.joints, self.parents, self.root),
            "mirror": mirror_of(self.joints),
        }
        for name, value in derived.items():
            if not getattr(self, name):
                object.__setattr__(self, name, value)
        self._prove_rest()

    def _refuse(self, problem: str, **what: object) -> InputError:
        return InputError(problem, where=f"skeleton {self.name!r}", **what)

    def _know(self, what: str, names: Iterable[str]) -> None:
        check_joint_names(what, names, self.joints, where=f"skeleton {self.name!r}")

    def _prove_tree(self) -> None:
        if len(self.joints) > MAX_JOINTS:
            raise self._refuse("too many joints", expected=f"at most {MAX_JOINTS}", got=len(self.joints))
        if not self.joints or len(self.index) != len(self.joints):
            twice = [joint for joint, times in Counter(self.joints).items() if times > 1]
            raise self._refuse("joint names must be given and differ", got=f"twice: {abbreviate(twice)}")
        self._know("parents", (*self.parents, *self.parents.values()))
        roots = [joint for joint in self.joints if joint not in self.parents]
        if len(roots) != 1:
            expected = "one joint without a parent, the root"
            raise self._refuse("exactly one joint hangs on nothing", expected=expected, got=abbreviate(roots))
        reached = set(breadth_first(roots[0], self.parents))
        if lost := [joint for joint in self.joints if joint not in reached]:
            raise self._refuse(f"the parents of {lost[0]!r} go round in a circle")

    def _prove_rest(self) -> None:
        self._know("center", self.center)
        self._know("mirror", (*self.mirror, *self.mirror.values()))
        if lacking := [joint for joint in self.joints if joint not in self.mirror]:
            got = f"none for {abbreviate(lacking)}"
            raise self._refuse("every joint needs a mirror, itself if in the middle", got=got)
        if wrong := [joint for joint in self.joints if self.mirror[self.mirror[joint]] != joint]:
            got = f"{wrong[0]} -> {self.mirror[wrong[0]]} -> {self.mirror[self.mirror[wrong[0]]]}"
            raise self._refuse("mirroring twice must give the same joint", got=got)
        times = Counter(joint for joints in self.parts.values() for joint in joints)
        self._know("parts", times)
        if wrong := [joint for joint in self.joints if times[joint] != 1]:
            got = f"{wrong[0]!r} in {times[wrong[0]] or 'none'}"
            raise self._refuse("every joint must be in exactly one part", got=got)

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
