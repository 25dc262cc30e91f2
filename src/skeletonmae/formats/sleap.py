"""SLEAP: poses of animals in videos, as a project (`.slp`) or an analysis file (`.h5`).

A project has one recording per video; an analysis file is one recording. Tracks are persons; instances without a
track become persons by their order within a frame. Instances that a human labeled take precedence over predicted
ones. A joint is observed if it has a position and is visible. Bones and mirror pairs are those of the file's
skeleton.
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
PIXEL_CENTER_VERSION = 1.1
"""Files before this version have the center of the first pixel at 0.5 and not at 0."""
UNSUPPORTED_VERSION = 3.0
"""Files of this version and later have another structure."""
ARRAYS = "frames|instances|points|pred_points|videos_json|tracks|node_names|edge_inds"
ATTRIBUTES = "metadata@(format_id|json)|tracks@dims|@skeleton_symmetries"
ANALYSIS_AXES = ("track", "xy", "node", "frame")


def _parse(file: InputFile, options: ReadOptions) -> Iterator[SkeletonSequence]:
    content = read_hdf5(file, ARRAYS, ATTRIBUTES)
    try:
        if {"metadata", "frames", "instances"} <= set(content.names):
            yield from _project(file, content, options)
        elif {"tracks", "node_names"} <= set(content.names):
            yield _analysis(file, content, options)
        else:
            expected, got = "a .slp file or an analysis file", ", ".join(content.names) or "nothing"
            raise InputError("HDF5, but not a SLEAP file", where=file.path, expected=expected, got=got)
    except (KeyError, TypeError, IndexError, AttributeError, json.JSONDecodeError, RecursionError) as error:
        problem = f"damaged description of joints and videos ({type(error).__name__}: {error})"
        raise InputError(problem, where=file.path) from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"its arrays do not match its joints ({error})", where=file.path) from error


def _analysis(file: InputFile, content: Hdf5, options: ReadOptions) -> SkeletonSequence:
    raw_names = content.list("node_names")
    bones = content.array("edge_inds").reshape(-1, 2).tolist() if "edge_inds" in content.names else []
    pairs = json.loads(content.text("@skeleton_symmetries", "[]"))
    mirror = [(raw_names.index(one), raw_names.index(other)) for one, other in pairs]
    axes = tuple(json.loads(content.text("tracks@dims", json.dumps(ANALYSIS_AXES))))
    tracks = content.array("tracks")
    if sorted(axes) != sorted(ANALYSIS_AXES) or tracks.ndim != 4:
        raise InputError("'tracks' has other axes", where=file.path, expected=ANALYSIS_AXES, got=axes)
    positions = tracks.transpose([axes.index(axis) for axis in ("track", "frame", "node", "xy")])
    if positions.shape[2:] != (len(raw_names), 2):
        expected = f"{len(raw_names)} joints and 2 axes"
        raise InputError("'tracks' has the wrong shape", where=file.path, expected=expected, got=tracks.shape)
    skeleton = skeleton_from_names(file, "sleap", raw_names, bones, mirror)
    return named_recording(file, skeleton, raw_names, positions, options, name=file.path.stem, unit="px")


def _project(file: InputFile, content: Hdf5, options: ReadOptions) -> Iterator[SkeletonSequence]:
    version = float(content.numbers.get("metadata@format_id", np.ones(())))
    if version >= UNSUPPORTED_VERSION:
        expected = "a version before 3, or an analysis file"
        raise InputError("the project is of a newer version", where=file.path, expected=expected, got=version)
    skeletons = _skeletons(file, json.loads(content.text("metadata@json")))
    frames, instances = content.array("frames"), content.array("instances")
    kinds = np.unique(instances["skeleton"])
    if len(kinds) != 1 or kinds[0] >= len(skeletons):
        got = f"{len(instances)} instances of {len(kinds)} skeletons"
        raise InputError("not exactly one skeleton", where=file.path, got=got)
    raw_names, skeleton = skeletons[int(kinds[0])]
    xy = _points(content, instances, len(raw_names)) - (0.5 if version < PIXEL_CENTER_VERSION else 0.0)
    track, keep = _tracks(instances)
    ids, first = np.unique(frames["frame_id"], return_index=True)
    frame_index = np.searchsorted(ids, instances["frame_id"]).clip(max=len(ids) - 1)
    if (ids[frame_index] != instances["frame_id"]).any():
        raise InputError("an instance belongs to no frame", where=file.path)
    video, frame = (frames[name][first[frame_index]].astype(np.int64) for name in ("video", "frame_idx"))
    by_human = instances["instance_type"] == USER
    videos = np.unique(video[keep]).tolist()
    names = _video_names(content, videos) if len(videos) > 1 else {}
    for number in videos:
        in_video = keep & (video == number)
        person = _persons(track[in_video], frame[in_video])
        start = frame[in_video].min()
        shape = (int(person.max()) + 1, int(frame[in_video].max() - start) + 1, len(raw_names))
        check_density(file.path, shape, int(in_video.sum()) * len(raw_names))
        positions = np.full((*shape, 2), np.nan)
        for selected in (~by_human[in_video], by_human[in_video]):
            positions[person[selected], frame[in_video][selected] - start] = xy[in_video][selected]
        name = f"{file.path.stem}/{names[number]}" if names else file.path.stem
        yield named_recording(file, skeleton, raw_names, positions, options, name=name, unit="px")


def _points(content: Hdf5, instances: np.ndarray, joints: int) -> np.ndarray:
    """Positions `(instance, joint, 2)`, NaN where a joint is not visible."""
    xy = np.full((len(instances), joints, 2), np.nan)
    for kind, name in ((PREDICTED, "pred_points"), (USER, "points")):
        selected = instances["instance_type"] == kind
        start, end = (instances[selected][f"point_id_{side}"].astype(np.int64) for side in ("start", "end"))
        points = content.array(name)
        if (end - start != joints).any() or (start < 0).any() or (end > len(points)).any():
            raise InputError(f"an instance does not have its {joints} joints in {name!r}", where=content.path)
        points = points[start[:, None] + np.arange(joints)]
        xy[selected] = np.where(
            points["visible"][..., None], np.stack([points["x"], points["y"]], axis=-1), np.nan
        )
    return xy


def _tracks(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The track of each instance, -1 if none, and which instances to keep: predictions that a human corrected are
    not."""
    track, keep = instances["track"].astype(np.int64), np.ones(len(instances), dtype=bool)
    row_of = {number: row for row, number in enumerate(instances["instance_id"].tolist())}
    for row in np.flatnonzero(instances["instance_type"] == USER).tolist():
        predicted = row_of.get(int(instances["from_predicted"][row]))
        if predicted is not None and predicted != row:
            keep[predicted] = False
            track[row] = track[predicted] if track[row] < 0 else track[row]
    return track, keep


def _persons(track: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Person of each instance: its track, or its position among the instances of its frame without a track."""
    key = track.copy()
    untracked = np.flatnonzero(track < 0)
    untracked = untracked[np.argsort(frame[untracked], kind="stable")]
    _, first, group = np.unique(frame[untracked], return_index=True, return_inverse=True)
    key[untracked] = track.max(initial=-1) + 1 + np.arange(len(untracked)) - first[group]
    persons: np.ndarray = np.unique(key, return_inverse=True)[1]
    return persons


def _video_names(content: Hdf5, videos: list[int]) -> dict[int, str]:
    """Index of a video -> the name of its file, or the index where names are not unique."""
    texts = [json.loads(text) for text in content.texts.get("videos_json", [])]
    files = [str(video.get("filename") or video.get("backend", {}).get("filename", "")) for video in texts]
    stems = {number: PurePosixPath(path.replace("\\", "/")).stem for number, path in enumerate(files)}
    named = {number: stems.get(number) or str(number) for number in videos}
    return named if len(set(named.values())) == len(named) else {number: str(number) for number in videos}


def _skeletons(file: InputFile, metadata: Any) -> list[tuple[list[str], Skeleton]]:
    """Names of the joints, and the layout, of each skeleton of a project.

    An edge is a bone or a pair of mirror joints. The first edge of each kind spells out the kind; later edges
    refer to it by its number.
    """
    nodes = [str(node["name"]) for node in metadata["nodes"]]
    skeletons = []
    for graph in metadata["skeletons"]:
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
        raw_names = [nodes[index] for index in order]
        skeletons.append((raw_names, skeleton_from_names(file, "sleap", raw_names, edges[1], edges[2])))
    return skeletons


def _sniff(head: bytes) -> bool:
    return head.startswith(SIGNATURE) and b"PYTABLES_FORMAT_VERSION" not in head and not is_netcdf(head)


SLEAP = Format("sleap", "SLEAP: .slp projects and analysis .h5", (".slp", ".h5"), _sniff, _parse)
