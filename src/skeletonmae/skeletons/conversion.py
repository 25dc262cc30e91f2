"""From one joint layout to another, saying joint by joint what was copied, interpolated or is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from skeletonmae.skeletons.skeleton import Skeleton
from skeletonmae.skeletons.vocabulary import SUBSTITUTES


@dataclass(frozen=True)
class Conversion:
    """How every joint of `target` comes from joints of `source`.

    `origins` gives, for each target joint, the source joints whose mean it is: one of the same name (copied),
    others (interpolated), or none (missing).
    """

    source: Skeleton
    target: Skeleton
    origins: dict[str, tuple[str, ...]]

    @property
    def copied(self) -> tuple[str, ...]:
        """Target joints taken over as they are."""
        return tuple(joint for joint, origin in self.origins.items() if origin == (joint,))

    @property
    def interpolated(self) -> dict[str, tuple[str, ...]]:
        """Target joint -> the source joints whose mean stands in for it."""
        return {joint: origin for joint, origin in self.origins.items() if origin and origin != (joint,)}

    @property
    def missing(self) -> tuple[str, ...]:
        """Target joints that the source does not have; they come out unobserved."""
        return tuple(joint for joint, origin in self.origins.items() if not origin)

    def report(self) -> str:
        """The conversion in words, a line a joint."""
        lines = [f"{self.source.name} -> {self.target.name}"]
        for joint, origin in self.origins.items():
            how = "missing" if not origin else "copied" if origin == (joint,) else f"mean of {', '.join(origin)}"
            lines.append(f"  {joint}: {how}")
        return "\n".join(lines)

    def __call__(
        self, positions: Float[np.ndarray, "*any source axis"], observed: Bool[np.ndarray, "*any source"]
    ) -> tuple[Float[np.ndarray, "*any target axis"], Bool[np.ndarray, "*any target"]]:
        """Positions and observed flags in the target layout; a mean needs all its joints observed."""
        weights = np.zeros((self.target.num_joints, self.source.num_joints), dtype=np.float32)
        for row, origin in enumerate(self.origins.values()):
            for joint in origin:
                weights[row, self.source.index[joint]] = 1.0 / len(origin)
        needed = weights > 0
        seen = np.array((observed[..., None, :] | ~needed).all(-1) & needed.any(-1))
        moved = np.einsum("ts,...sa->...ta", weights, positions).astype(np.float32)
        return np.where(seen[..., None], moved, np.float32(0)), seen


def conversion(source: Skeleton, target: Skeleton) -> Conversion:
    """How to bring recordings in layout `source` to layout `target`."""

    def origin(joint: str) -> tuple[str, ...]:
        if joint in source.index:
            return (joint,)
        groups = SUBSTITUTES.get(joint, ())
        return next((group for group in groups if all(member in source.index for member in group)), ())

    return Conversion(source, target, {joint: origin(joint) for joint in target.joints})
