from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skeletonmae.checkpoint import Header, load_checkpoint
from skeletonmae.compatibility import (
    check_recipe_fits_model,
    check_recording_fits_model,
    check_store_fits_model,
    find_pretrained,
)
from skeletonmae.errors import InputError
from skeletonmae.recipe import Source, recipe_from
from skeletonmae.sequences import SequenceStore
from skeletonmae.skeletons import HAND21, KINECT20


@pytest.fixture(scope="module")
def header(tiny_run: Path) -> Header:
    return load_checkpoint(tiny_run).header


def test_the_recipe_and_the_store_of_the_model_fit(header: Header, tiny_tree: Any, tiny_store: Path) -> None:
    check_recipe_fits_model(recipe_from(tiny_tree(), ""), header)
    check_store_fits_model(SequenceStore.open(tiny_store), header, tiny_store)


def test_crops_augmentation_persons_and_bridging_may_differ(header: Header, tiny_tree: Any) -> None:
    tree = tiny_tree()
    tree["data"] |= {"crop": [0.2, 0.9], "test_crop": 0.5, "augment": [{"kind": "mirror"}], "max_persons": 1}
    tree["data"] |= {"bridge_seconds": 0}
    check_recipe_fits_model(recipe_from(tree, ""), header)


@pytest.mark.parametrize("key", ["frames", "sampling", "stream", "transforms"])
def test_other_clips_do_not_fit(header: Header, tiny_tree: Any, key: str) -> None:
    tree = tiny_tree()
    changed = {"frames": 12, "sampling": "segments", "stream": "bone", "transforms": []}
    tree["data"] |= {key: changed[key]}
    with pytest.raises(
        InputError, match=rf"data\.{key}: the model was pre-trained with another value; expected .*got"
    ):
        check_recipe_fits_model(recipe_from(tree, ""), header)


def test_only_the_settings_that_differ_are_named(header: Header, tiny_tree: Any) -> None:
    tree = tiny_tree()
    tree["method"] |= {"depth": 3, "heads": 4}
    message = r"method: .*expected \{'depth': 2, 'heads': 2\}; got \{'depth': 3, 'heads': 4\}$"
    with pytest.raises(InputError, match=message):
        check_recipe_fits_model(recipe_from(tree, ""), header)


def test_a_recording_of_another_layout_fits(header: Header, make_recording: Any) -> None:
    check_recording_fits_model(make_recording(skeleton=KINECT20), header)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"skeleton": HAND21},
            r"recording 'clip 0': the model knows none of the joints; expected some of .*got hand21",
        ),
        (
            {"axes": 2},
            r"3D coordinates, but the recording has 2D coordinates; train a 2D model; expected 3 axes; got 2",
        ),
        ({"unit": "px"}, r"another unit; if the coordinates are in m, add --unit m; expected m; got px"),
    ],
)
def test_a_recording_that_does_not_fit(
    header: Header, make_recording: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_recording_fits_model(make_recording(**settings), header)


def test_a_3d_recording_does_not_fit_a_2d_model(header: Header, make_recording: Any) -> None:
    with pytest.raises(
        InputError, match=r"2D coordinates, but the recording has 3D .*`--axes 2`.*expected 2 axes; got 3"
    ):
        check_recording_fits_model(make_recording(), header.model_copy(update={"axes": 2}))


def test_what_a_model_was_pretrained_on_follows_from_its_header(tiny_run: Path, tiny_store: Path) -> None:
    header, store = load_checkpoint(tiny_run).header, SequenceStore.open(tiny_store)
    index = find_pretrained(store, header)
    assert index is not None
    assert index.tolist() == np.flatnonzero(store.tag("camera") != "3").tolist()
    assert find_pretrained(store, header.model_copy(update={"store_fingerprints": ("another",)})) is None
    assert find_pretrained(store, header.model_copy(update={"recipe": {}})) is None
    two = header.model_copy(update={"store_fingerprints": (*header.store_fingerprints, "another")})
    assert find_pretrained(store, two) is None  # the recipe has one store


def test_of_several_stores_the_one_with_the_fingerprint_counts(
    tiny_run: Path, tiny_store: Path, tiny_tree: Any
) -> None:
    header, store = load_checkpoint(tiny_run).header, SequenceStore.open(tiny_store)
    tree = tiny_tree()
    third = {"kind": "tag", "tag": "camera", "train": [3], "test": [1]}
    tree["data"]["pretrain"] = [{"store": "elsewhere", "use": "all"}, {"store": str(tiny_store), "split": third}]
    update = {"recipe": tree, "store_fingerprints": ("another", store.fingerprint)}
    index = find_pretrained(store, header.model_copy(update=update))
    assert index is not None
    assert index.tolist() == np.flatnonzero(store.tag("camera") == "3").tolist()


def test_a_second_stage_has_also_seen_what_the_first_had(tiny_run: Path, tiny_store: Path, tmp_path: Path) -> None:
    header, store = load_checkpoint(tiny_run).header, SequenceStore.open(tiny_store)
    tree = copy.deepcopy(header.recipe)
    tree["data"]["evaluate"]["split"] = {"kind": "tag", "tag": "camera", "train": ["3"], "test": ["1"]}
    own = header.model_copy(update={"recipe": tree})
    second = header.model_copy(update={"recipe": tree | {"init_from": str(tiny_run)}})
    for each, cameras in ((own, {"3"}), (second, {"1", "2", "3"})):
        index = find_pretrained(store, each)
        assert index is not None
        assert set(store.tag("camera")[index]) == cameras
    assert find_pretrained(store, second, max_stages=1) is None
    lost = header.model_copy(update={"recipe": tree | {"init_from": str(tmp_path / "lost")}})
    assert find_pretrained(store, lost) is None


def test_classes_are_excluded_from_pretraining(tiny_store: Path) -> None:
    store = SequenceStore.open(tiny_store)
    left_out = store.classes[3:5]
    source = Source(store=tiny_store, split="view", exclude_classes=left_out)
    before, after = Source(store=tiny_store, split="view").pretrain_index(store), source.pretrain_index(store)
    is_left_out = np.isin(store.labels[before], [3, 4])
    assert is_left_out.any()
    assert after.tolist() == before[~is_left_out].tolist()
    everything = source.model_copy(update={"use": "all"}).pretrain_index(store)
    assert everything.tolist() == np.flatnonzero(~np.isin(store.labels, [3, 4])).tolist()
    with pytest.raises(InputError, match=r"exclude_classes: the store has no such class; expected .*; got flying"):
        source.model_copy(update={"exclude_classes": ("flying",)}).pretrain_index(store)
