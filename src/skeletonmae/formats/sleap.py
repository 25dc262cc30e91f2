"""SLEAP: poses of animals in videos, as a project (`.slp`) or an analysis file (`.h5`).

A project has a recording for each of its videos, an analysis file is one. Tracks are persons; instances without a
track are one person for each place in the list of their frame. What a human placed counts before what was
predicted. A joint was observed if it has a position and is visible. Bones and mirror pairs are the skeleton's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.formats.decoders.hdf5 import SIGNATURE, Hdf5, read_hdf5
from skeletonmae.formats.files import InputFile
from skeletonmae.formats.format import Format, ReadOptions
from skeletonmae.formats.movement_nc import is_netcdf
from skeletonmae.formats.named_skeletons import named_recording, skeleton_from_names
from skeletonmae.limits import check_density
from skeletonmae.sequences import SkeletonSequence
from skeletonmae.skeletons import Skeleton

USER, PREDICTED = 0, 1
CENTRED = 1.1
"""Files before this version have the middle of the first pixel at 0.5 and not at 0."""
KNOWN = 3.0
"""Files from this version on are laid out in another way."""
ARRAYS = "frames|instances|points|pred_points|videos_json|tracks|node_names|edge_inds"
ATTRIBUTES = "metadata@(format_id|json)|tracks@dims|@skeleton_symmetries"
ANALYSIS = ("track", "xy", "node", "frame")


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    content = read_hdf5(file, ARRAYS, ATTRIBUTES)
    try:
        if {"metadata", "frames", "instances"} <= set(content.names):
            yield from _project(file, content, options)
        elif {"tracks", "node_names"} <= set(content.names):
            yield _analysis(file, content, options)
        else:
            expected, got = "a .slp file or an analysis file", ", ".join(content.names) or "nothing"
            raise InputError("HDF5, but not of SLEAP", where=file.path, expected=expected, got=got)
    except (KeyError, TypeError, IndexError, AttributeError, json.JSONDecodeError, RecursionError) as error:
        problem = f"its description of joints and videos is not sound ({type(error).__name__}: {error})"
        raise InputError(problem, where=file.path) from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"its arrays and its joints do not agree ({error})", where=file.path) from error


def _analysis(file: InputFile, content: Hdf5, options: ReadOptions) -> SkeletonSequence:
    raw_names = content.list("node_names")
    bones = content.array("edge_inds").reshape(-1, 2).tolist() if "edge_inds" in content.names else []
    pairs = json.loads(content.text("@skeleton_symmetries", "[]"))
    mirror = [(raw_names.index(one), raw_names.index(other)) for one, other in pairs]
    axes = tuple(json.loads(content.text("tracks@dims", json.dumps(ANALYSIS))))
    tracks = content.array("tracks")
    if sorted(axes) != sorted(ANALYSIS) or tracks.ndim != 4:
        raise InputError("tracks has other axes", where=file.path, expected=ANALYSIS, got=axes)
    positions = tracks.transpose([axes.index(axis) for axis in ("track", "frame", "node", "xy")])
    if positions.shape[2:] != (len(raw_names), 2):
        expected = f"{len(raw_names)} joints and 2 axes"
        raise InputError("tracks has the wrong shape", where=file.path, expected=expected, got=tracks.shape)
    skeleton = skeleton_from_names(file, "sleap", raw_names, bones, mirror)
    return named_recording(file, skeleton, raw_names, positions, options, name=file.path.stem, unit="px")


def _project(file: InputFile, content: Hdf5, options: ReadOptions) -> Iterator[SkeletonSequence]:
    version = float(content.numbers.get("metadata@format_id", np.ones(())))
    if version >= KNOWN:
        expected = "a version before 3, or an analysis file"
        raise InputError("a newer kind of project", where=file.path, expected=expected, got=version)
    skeletons = _skeletons(file, json.loads(content.text("metadata@json")))
    frames, instances = content.array("frames"), content.array("instances")
    kinds = np.unique(instances["skeleton"])
    if len(kinds) != 1 or kinds[0] >= len(skeletons):
        got = f"{len(instances)} instances of {len(kinds)} skeletons"
        raise InputError("not one skeleton", where=file.path, got=got)
    raw_names, skeleton = skeletons[int(kinds[0])]
    xy = _points(content, instances, len(raw_names)) - (0.5 if version < CENTRED else 0.0)
    track, keep = _tracks(instances)
    ids, first = np.unique(frames["frame_id"], return_index=True)
    place = np.searchsorted(ids, instances["frame_id"]).clip(max=len(ids) - 1)
    if (ids[place] != instances["frame_id"]).any():
        raise InputError("an instance is in no frame", where=file.path)
    video, at = (frames[name][first[place]].astype(np.int64) for name in ("video", "frame_idx"))
    by_human = instances["instance_type"] == USER
    shown = np.unique(video[keep]).tolist()
    names = _video_names(content, shown) if len(shown) > 1 else {}
    for number in shown:
        mine = keep & (video == number)
        person = _persons(track[mine], at[mine])
        start = at[mine].min()
        shape = (int(person.max()) + 1, int(at[mine].max() - start) + 1, len(raw_names))
        check_density(file.path, shape, int(mine.sum()) * len(raw_names))
        positions = np.full((*shape, 2), np.nan)
        for turn in (~by_human[mine], by_human[mine]):
            positions[person[turn], at[mine][turn] - start] = xy[mine][turn]
        name = f"{file.path.stem}/{names[number]}" if names else file.path.stem
        yield named_recording(file, skeleton, raw_names, positions, options, name=name, unit="px")


def _points(content: Hdf5, instances: np.ndarray, joints: int) -> np.ndarray:
    """Positions `(instance, joint, 2)`, NaN where a joint is not visible."""
    xy = np.full((len(instances), joints, 2), np.nan)
    for kind, name in ((PREDICTED, "pred_points"), (USER, "points")):
        mine = instances["instance_type"] == kind
        start, end = (instances[mine][f"point_id_{side}"].astype(np.int64) for side in ("start", "end"))
        points = content.array(name)
        if (end - start != joints).any() or (start < 0).any() or (end > len(points)).any():
            raise InputError(f"an instance does not have its {joints} joints in {name!r}", where=content.path)
        points = points[start[:, None] + np.arange(joints)]
        xy[mine] = np.where(points["visible"][..., None], np.stack([points["x"], points["y"]], axis=-1), np.nan)
    return xy


def _tracks(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The track of each instance, -1 if none, and which to keep: not a prediction that a human corrected."""
    track, keep = instances["track"].astype(np.int64), np.ones(len(instances), dtype=bool)
    row = {number: place for place, number in enumerate(instances["instance_id"].tolist())}
    for place in np.flatnonzero(instances["instance_type"] == USER).tolist():
        before = row.get(int(instances["from_predicted"][place]))
        if before is not None and before != place:
            keep[before] = False
            track[place] = track[before] if track[place] < 0 else track[place]
    return track, keep


def _persons(track: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Number of the person that each instance is: its track, or its place among those in its frame without one."""
    key = track.copy()
    alone = np.flatnonzero(track < 0)
    alone = alone[np.argsort(frame[alone], kind="stable")]
    _, first, group = np.unique(frame[alone], return_index=True, return_inverse=True)
    key[alone] = track.max(initial=-1) + 1 + np.arange(len(alone)) - first[group]
    persons: np.ndarray = np.unique(key, return_inverse=True)[1]
    return persons


def _video_names(content: Hdf5, shown: list[int]) -> dict[int, str]:
    """Number of a video -> the name of its file, or the number if that does not tell them apart."""
    texts = [json.loads(text) for text in content.texts.get("videos_json", [])]
    files = [str(video.get("filename") or video.get("backend", {}).get("filename", "")) for video in texts]
    stems = {number: PurePosixPath(path.replace("\\", "/")).stem for number, path in enumerate(files)}
    named = {number: stems.get(number) or str(number) for number in shown}
    return named if len(set(named.values())) == len(named) else {number: str(number) for number in shown}


def _skeletons(file: InputFile, about: Any) -> list[tuple[list[str], Skeleton]]:
    """Names of the joints, and the layout, of each skeleton of a project.

    An edge is a bone or says that two joints mirror each other. The kind of the first edge of each kind is written
    out; later ones refer to it by its number.
    """
    nodes = [str(node["name"]) for node in about["nodes"]]
    made = []
    for graph in about["skeletons"]:
        graph = graph.get("nx_graph", graph)
        order = [node["id"] for node in graph["nodes"]]
        kinds: list[int] = []
        edges: dict[int, list[tuple[int, int]]] = {1: [], 2: []}
        for link in graph["links"]:
            if "py/reduce" in link["type"]:
                kinds.append(link["type"]["py/reduce"][1]["py/tuple"][0])
                kind = kinds[-1]
            else:
                number = link["type"]["py/id"]
                kind = kinds[number - 1] if 0 < number <= len(kinds) else number
            edges[kind].append((order.index(link["source"]), order.index(link["target"])))
        raw_names = [nodes[place] for place in order]
        made.append((raw_names, skeleton_from_names(file, "sleap", raw_names, edges[1], edges[2])))
    return made


def _sniff(head: bytes) -> bool:
    return head.startswith(SIGNATURE) and b"PYTABLES_FORMAT_VERSION" not in head and not is_netcdf(head)


SLEAP = Format("sleap", "SLEAP: .slp projects and analysis .h5", (".slp", ".h5"), _sniff, _parse)
