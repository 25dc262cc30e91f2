"""Convert one joint layout to another, and report which joints are copied, interpolated or missing."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32

from skeletonmae.errors import InputError
from skeletonmae.skeletons.aliases import vocabulary_joint
from skeletonmae.skeletons.derived import abbreviate
from skeletonmae.skeletons.skeleton import Skeleton
from skeletonmae.skeletons.vocabulary import SUBSTITUTES

Origin = dict[str, Fraction]
"""Source joint -> its weight in a target joint; the weights of a joint that can be derived add up to 1."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """How every joint of `target` follows from joints of `source`.

    Args:
        source: Layout of the recordings.
        target: Layout to convert to.
        origins: For each target joint, the source joints whose weighted mean it is: the one of the same name
            (copied), others (interpolated), or none (missing).
    """

    source: Skeleton
    target: Skeleton
    origins: dict[str, Origin]

    @cached_property
    def copied(self) -> tuple[str, ...]:
        """Target joints that the source has."""
        return tuple(joint for joint, origin in self.origins.items() if _is_copy(joint, origin))

    @cached_property
    def interpolated(self) -> dict[str, Origin]:
        """Target joint -> the source joints whose weighted mean replaces it."""
        return {joint: origin for joint, origin in self.origins.items() if origin and not _is_copy(joint, origin)}

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Target joints that cannot be derived from the source; they are unobserved."""
        return tuple(joint for joint, origin in self.origins.items() if not origin)

    @cached_property
    def unused(self) -> tuple[str, ...]:
        """Source joints that no target joint depends on."""
        used = {joint for origin in self.origins.values() for joint in origin}
        return tuple(joint for joint in self.source.joints if joint not in used)

    @cached_property
    def weights(self) -> Float32[np.ndarray, "target source"]:
        """Weight of each source joint in each target joint."""
        shares = [[origin.get(joint, 0) for joint in self.source.joints] for origin in self.origins.values()]
        return np.array(shares, dtype=np.float32)

    def report(self) -> str:
        """The conversion as a table: counts, one line per target joint, and the unused source joints."""
        counts = (
            f"{len(self.copied)} of {self.target.num_joints} joints copied, "
            f"{len(self.interpolated)} interpolated, {len(self.missing)} missing"
        )
        lines = [f"{self.source.name} -> {self.target.name}: {counts}"]
        width = max(map(len, self.target.joints))
        lines += [f"  {joint:<{width}}  {self._how(joint)}" for joint in self.target.joints]
        if self.unused:
            lines.append(f"  not used: {', '.join(self.unused)}")
        return "\n".join(lines)

    def _how(self, joint: str) -> str:
        origin = self.origins[joint]
        if not origin:
            return "missing"
        if _is_copy(joint, origin):
            return "copied" if joint in origin else f"copied from {next(iter(origin))}"
        if len(origin) == 1:
            return f"taken from {next(iter(origin))}"
        if len(set(origin.values())) == 1:
            return f"mean of {', '.join(origin)}"
        return "weighted mean of " + ", ".join(f"{share} {name}" for name, share in origin.items())

    def __call__(
        self, positions: Float[np.ndarray, "*any source axis"], observed: Bool[np.ndarray, "*any source"]
    ) -> tuple[Float32[np.ndarray, "*any target axis"], Bool[np.ndarray, "*any target"]]:
        """Positions and observed flags in the target layout. A mean needs all its joints observed."""
        needed = (self.weights > 0).T
        num_missing = np.matmul(~observed, needed, dtype=np.float32)
        is_observed = np.array((num_missing == 0) & needed.any(0))
        converted = np.matmul(self.weights, positions, dtype=np.float32, casting="same_kind")
        return np.where(is_observed[..., None], converted, np.float32(0)), is_observed


def conversion(source: Skeleton, target: Skeleton) -> Conversion:
    """Derive every joint of `target` from the joints of `source`, which are matched by name.

    Names that are aliases of the same joint of the vocabulary match.

    Raises:
        InputError: No joint of the target can be derived.
    """
    source_joints = {_meaning(joint): joint for joint in reversed(source.joints)}
    origins = {joint: _origin(_meaning(joint), source_joints) for joint in target.joints}
    distinct = [origin for joint, origin in origins.items() if _is_copy(joint, origin)]
    for joint, origin in origins.items():
        if origin and not _is_copy(joint, origin):  # two joints in one place would be a bone without length
            origins[joint] = {} if origin in distinct else origin
            distinct.append(origin)
    if not any(origins.values()):
        raise InputError(
            f"no joint of layout {target.name} can be derived from layout {source.name}",
            expected=f"one of {abbreviate(target.joints)}, or joints that they can be interpolated from",
            got=abbreviate(source.joints),
        )
    return Conversion(source, target, origins)


def _meaning(joint: str) -> str:
    return vocabulary_joint(joint) or joint


def _is_copy(joint: str, origin: Origin) -> bool:
    return len(origin) == 1 and _meaning(joint) == _meaning(next(iter(origin)))


def _origin(joint: str, source: dict[str, str], visited: tuple[str, ...] = ()) -> Origin:
    """The joint itself, or else the mean of the first group of substitutes that can all be derived in turn."""
    if joint in source:
        return {source[joint]: Fraction(1)}
    for group in SUBSTITUTES.get(joint, ()):
        members = [_origin(member, source, (*visited, joint)) for member in group if member not in visited]
        if len(members) == len(group) and all(members):
            shares = [(name, share / len(group)) for member in members for name, share in member.items()]
            return {name: sum((s for n, s in shares if n == name), Fraction(0)) for name, _ in shares}
    return {}
