"""What a stream knows of a person: the last frames, and the evidence of the windows so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skeletonmae.inference.frame_buffer import FrameBuffer
from skeletonmae.inference.segment import MIN_PROBABILITY


@dataclass
class StreamTrack:
    """The frames of a person, and what they were recognized as.

    Args:
        buffer: The last frames.
        created: Time at which the person was first seen.
    """

    buffer: FrameBuffer
    created: float
    began: float = 0.0
    """When the person began to move, or was first seen."""
    classified: float = -np.inf
    candidate: int = -1
    count: int = 0
    answered: int = -1
    evidence: np.ndarray | None = None
    """Weighted sum of the logarithms of the probabilities, `(class,)`."""

    def __post_init__(self) -> None:
        self.began = self.created

    def remember(self, probability: np.ndarray, memory: float) -> np.ndarray:
        """Add the probabilities of a window, and return those of all windows together."""
        added = np.log(np.maximum(probability, MIN_PROBABILITY))
        self.evidence = added if self.evidence is None else memory * self.evidence + added
        together = np.exp(self.evidence - self.evidence.max())
        normalized: np.ndarray = together / together.sum()
        return normalized

    def rest(self, time: float) -> None:
        """Nothing happens: whatever follows is another action."""
        self.began, self.candidate, self.count, self.answered = max(time, self.created), -1, 0, -1
        self.evidence = None
