"""Every real set, prepared and validated: the published counts, and the odd ones in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skeletonmae.datasets import FOLDER, PrepareReport, detect_dataset
from skeletonmae.sequences import SequenceStore
from skeletonmae.validation import Validation, validate_store

pytestmark = pytest.mark.real
SETS = {
    # name: (recordings, classes, training side, test side)
    "nw_ucla": (1484, 10, 1020, 464),
    "utd_mhad": (861, 27, 431, 430),
    "msr_action3d": (567, 20, 292, 275),
    "penn_action": (2326, 15, 1258, 1068),
    "sbu": (282, 8, None, None),
    "kinder_gator": (1159, 58, None, None),
    "pyskl_sample": (486, 16, None, None),
    "bandai_namco_sample": (49, 25, None, None),
}


@pytest.fixture(scope="module", params=SETS)
def prepared(
    request: pytest.FixtureRequest,
    real_data: Path,
    real_set: Callable[[str], tuple[PrepareReport, SequenceStore]],
) -> tuple[str, PrepareReport, SequenceStore, Validation]:
    name = str(request.param)
    dataset = detect_dataset(real_data / name)
    assert name.startswith(dataset.name) or dataset is FOLDER
    report, store = real_set(name)
    split = None if dataset is FOLDER else dataset.splits[dataset.default_split]
    if split is not None and SETS[name][2]:
        assert [len(side) for side in split(store)] == [*SETS[name][2:]]
    return name, report, store, validate_store(store, split)


def test_counts_and_odd_ones(prepared: tuple[str, PrepareReport, SequenceStore, Validation]) -> None:
    name, report, store, found = prepared
    num_recordings, num_classes, *_ = SETS[name]
    assert (report.recordings, report.skipped, len(store.classes)) == (num_recordings, (), num_classes)
    assert (found.recordings, found.frames) == (num_recordings, report.frames)
    odd = {one.recording: one.message for one in report.notes}
    if name == "nw_ucla":
        assert odd == {"a02_s09_e04_v02": "one frame", "a02_s09_e04_v03": "one frame"}
        assert (store.num_frames.min(), np.median(store.num_frames), store.num_frames.max()) == (1, 31, 201)
    elif name == "msr_action3d":
        assert odd == {"a13_s09_e02_skeleton3D": "nothing observed"}
    else:
        assert odd == {}
    if name == "pyskl_sample":  # labels from 1
        assert {int(label) for label in store.classes} == set(range(1, 17))
    if name == "kinder_gator":  # names with double dashes
        assert sum("--" in store.name(place) for place in range(len(store))) > 0
        assert (store.labels >= 0).all()


def test_what_validation_finds(prepared: tuple[str, PrepareReport, SequenceStore, Validation]) -> None:
    """Nothing is an error that is not one, and no check warns of more than one recording in ten.

    In NW-UCLA's files, all 95 recordings by camera 3 of two actions are those by camera 2, under another name, and
    11 more are pieces of others, with the same frames. An eighth of the PYSKL sample are mirror images, estimated
    anew, of others in it.
    """
    name, _, _, found = prepared
    if name == "nw_ucla":
        warnings = {count.check: count.recordings for count in found.counts if count.severity == "warning"}
        assert warnings.items() >= {"short": 4, "duplicates": 106}.items()
    errors = Counter(one.check for one in found.findings if one.severity == "error")
    expected = {"nw_ucla": {"leaks": 95}, "msr_action3d": {"empty": 1}}
    assert errors == expected.get(name, {})
    for count in found.counts:
        if (name, count.check) == ("pyskl_sample", "duplicates"):
            assert count.recordings == 61  # clips that are there a second time in a mirror
        elif count.severity == "warning":  # a noisy sensor must not drown what matters
            assert count.recordings <= 0.1 * found.recordings, count
