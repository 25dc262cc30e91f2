"""From one joint layout to another, saying joint by joint what was copied, interpolated or is missing."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32

from skeletonmae.errors import InputError
from skeletonmae.skeletons.derived import abbreviate
from skeletonmae.skeletons.skeleton import Skeleton
from skeletonmae.skeletons.vocabulary import SUBSTITUTES

Origin = dict[str, Fraction]
"""Source joint -> its share; the shares of a joint that can be had add up to 1."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """How every joint of `target` comes from joints of `source`.

    `origins` gives, for each target joint, the source joints it is the weighted mean of: one of the same name
    (copied), others (interpolated), or none (missing).
    """

    source: Skeleton
    target: Skeleton
    origins: dict[str, Origin]

    @cached_property
    def copied(self) -> tuple[str, ...]:
        """Target joints taken over as they are."""
        return tuple(joint for joint, origin in self.origins.items() if joint in origin)

    @cached_property
    def interpolated(self) -> dict[str, Origin]:
        """Target joint -> the source joints whose weighted mean stands in for it."""
        return {joint: origin for joint, origin in self.origins.items() if origin and joint not in origin}

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Target joints that cannot be had from the source; they come out unobserved."""
        return tuple(joint for joint, origin in self.origins.items() if not origin)

    @cached_property
    def unused(self) -> tuple[str, ...]:
        """Source joints of which nothing is left."""
        used = {joint for origin in self.origins.values() for joint in origin}
        return tuple(joint for joint in self.source.joints if joint not in used)

    @cached_property
    def weights(self) -> Float32[np.ndarray, "target source"]:
        """The share of each source joint in each target joint."""
        shares = [[origin.get(joint, 0) for joint in self.source.joints] for origin in self.origins.values()]
        return np.array(shares, dtype=np.float32)

    def report(self) -> str:
        """The conversion as a table: counts, a line for each target joint, and what of the source is not used."""
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
        if joint in origin:
            return "copied"
        if len(origin) == 1:
            return f"taken from {next(iter(origin))}"
        if len(set(origin.values())) == 1:
            return f"mean of {', '.join(origin)}"
        return "weighted mean of " + ", ".join(f"{share} {name}" for name, share in origin.items())

    def __call__(
        self, positions: Float[np.ndarray, "*any source axis"], observed: Bool[np.ndarray, "*any source"]
    ) -> tuple[Float32[np.ndarray, "*any target axis"], Bool[np.ndarray, "*any target"]]:
        """Positions and observed flags in the target layout; a mean needs all its joints observed."""
        needed = (self.weights > 0).T
        lacking = np.matmul(~observed, needed, dtype=np.float32)
        seen = np.array((lacking == 0) & needed.any(0))
        moved = np.matmul(self.weights, positions, dtype=np.float32, casting="same_kind")
        return np.where(seen[..., None], moved, np.float32(0)), seen


def conversion(source: Skeleton, target: Skeleton) -> Conversion:
    """How to bring recordings in layout `source` to layout `target`.

    Raises:
        InputError: not one joint of the target can be had.
    """
    origins = {joint: _origin(joint, source) for joint in target.joints}
    distinct = [origin for joint, origin in origins.items() if joint in origin]
    for joint, origin in origins.items():
        if origin and joint not in origin:  # two joints in one place would be a bone without length
            origins[joint] = {} if origin in distinct else origin
            distinct.append(origin)
    if not any(origins.values()):
        raise InputError(
            f"no joint of layout {target.name} can be had from layout {source.name}",
            expected=f"one of {abbreviate(target.joints)}, or joints that can stand in for them",
            got=abbreviate(source.joints),
        )
    return Conversion(source, target, origins)


def _origin(joint: str, source: Skeleton, above: tuple[str, ...] = ()) -> Origin:
    """The joint itself, or the mean of the first group of substitutes that can all be had, as they are or not."""
    if joint in source.index:
        return {joint: Fraction(1)}
    for group in SUBSTITUTES.get(joint, ()):
        members = [_origin(member, source, (*above, joint)) for member in group if member not in above]
        if len(members) == len(group) and all(members):
            shares = [(name, share / len(group)) for member in members for name, share in member.items()]
            return {name: sum((s for n, s in shares if n == name), Fraction(0)) for name, _ in shares}
    return {}
