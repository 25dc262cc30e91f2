from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import DATASETS, PrepareReport, detect_dataset
from skeletonmae.datasets.bandai_namco import BANDAI_NAMCO
from skeletonmae.errors import InputError
from skeletonmae.formats import InputFile
from skeletonmae.sequences import SequenceStore

Write = Callable[[str, Path, np.ndarray], Path]


def test_content_and_style_follow_from_the_name(write_sample: Write, tmp_path: Path) -> None:
    path = tmp_path / "dataset-2_raise-up-both-hands_active_001.bvh"
    write_sample("bvh", path, np.ones((2, 20, 3)))
    assert detect_dataset(tmp_path) is BANDAI_NAMCO is DATASETS["bandai_namco"]
    (recording,) = BANDAI_NAMCO.read(InputFile(path), tmp_path)
    assert recording.label == "raise-up-both-hands"
    assert dict(recording.tags) == {"dataset": "2", "style": "active", "take": "1"}


def test_other_names_are_refused(write_sample: Write, tmp_path: Path) -> None:
    path = tmp_path / "dataset-1_swim_old_001.bvh"
    write_sample("bvh", path, np.ones((2, 20, 3)))
    with pytest.raises(InputError, match=r"unknown action.*got swim"):
        list(BANDAI_NAMCO.read(InputFile(path), tmp_path))
    with pytest.raises(InputError, match="dataset-N_CONTENT_STYLE_NNN"):
        list(BANDAI_NAMCO.read(InputFile(tmp_path / "walk.bvh"), tmp_path))


@pytest.mark.real
def test_real_clips(real_data: Path, real_set: Callable[[str], tuple[PrepareReport, SequenceStore]]) -> None:
    assert detect_dataset(real_data / "bandai_namco_sample") is BANDAI_NAMCO
    report, store = real_set("bandai_namco_sample")
    assert (report.recordings, report.skipped, report.unlabeled) == (49, (), 0)
    assert len({store.classes[label] for label in store.labels.tolist()}) > 20
    assert set(store.tags["dataset"]) == {"1", "2"}
    assert "normal" in store.tags["style"]
    assert (store.unit, store.skeleton.num_joints) == ("m", 21)
