from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from skeletonmae.export.load import load_exportable
from skeletonmae.export.parity import MAX_DIFFERENCE, compare, made_recordings
from skeletonmae.skeletons import KINECT20

FROZEN = Path(__file__).parents[1] / "fixtures" / "frozen" / "classifier.safetensors"


@pytest.mark.parametrize("wrong", [None, "probabilities", "novelty"])
def test_every_output_is_compared(wrong: str | None) -> None:
    exportable = load_exportable(FROZEN)
    classifier = exportable.classifier
    assert classifier
    recordings = made_recordings(classifier.skeleton or KINECT20, classifier.axes, "m")[:5]
    features = classifier.features(recordings).values
    probabilities = classifier.probabilities(features)
    outputs = {
        "probabilities": probabilities,
        "novelty": classifier.doubt.novelty(features, probabilities),
        "is_seen": np.isfinite(exportable.answer(recordings)).all(1),
    }
    if wrong:
        outputs[wrong] = outputs[wrong] * 1.01

    class Session:
        output_names = tuple(outputs)

        def __call__(self, _: Any) -> dict[str, np.ndarray]:
            return outputs

    number, difference = compare(exportable, cast(Any, Session()), recordings)
    assert number > 3
    assert (difference > MAX_DIFFERENCE) == bool(wrong)
