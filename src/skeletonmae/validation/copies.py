"""Which recordings show what others show: all of it, some of its frames, or nearly the same."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.spatial import cKDTree

from skeletonmae.validation.contents import SKETCH, Contents
from skeletonmae.validation.outlines import SAMPLES, STEP, Outlines, mirrored

SHARED = 4
"""Frames that the sketches of two recordings must have in common: about a quarter of all of theirs."""
NEIGHBOURS = 8
"""With how many each is compared: those whose distances are most alike on average."""
VALUES = 8
"""Dimensions in which they are looked up."""
COMMON = 8
"""Pairs of joints that both must have."""
OVERLAP = 0.6
"""Share of the samples that must overlap."""
STILL = 0.02
"""Motion in lengths of the trunk (1 cm), under which nothing can be told; also added to the motion."""
ALIKE = 0.5
"""How much two may differ, over how much they move, before their times are fitted,"""
NOISE = 0.2
"""after that with the noise,"""
NEAR = 0.04
"""and without it."""
ENDS, STEPS, LAGS = 4, 5, 3
"""Samples that either end may be off at first; steps of the fit; samples over which noise may be the same."""
BATCH = 512
LAST = SAMPLES - 1
TIME = np.arange(SAMPLES) - LAST / 2

How = Literal["same", "frames", "near"]
WORDS: dict[How, str] = {"same": "the same as", "frames": "shares frames with", "near": "nearly the same as"}

UNLIKE = "layouts {} and {} share too few joints: whether they show nearly the same was not compared"


class Copy(NamedTuple):
    """A recording that shows what another one shows."""

    number: int
    other: int
    how: How


def copies(
    here: Contents, mine: Int[np.ndarray, " recording"], there: Contents, its: Int[np.ndarray, " other"]
) -> list[Copy]:
    """The recordings of `mine` whose content is among `its`, by number, each once and with its best match.

    Args:
        here: what `mine` show.
        mine: numbers of recordings; they share none with `its` if both are of the same contents.
        there: what `its` show.
        its: numbers of recordings; if they are `mine` of the same contents, each is compared with those before it.
    """
    itself = here is there and mine is its
    found: dict[int, Copy] = {}
    exact: tuple[tuple[How, np.ndarray], ...] = (
        ("same", _same(here.digests[mine], there.digests[its], itself)),
        ("frames", _sharing(here.sketches[mine], there.sketches[its], itself)),
    )
    for how, pairs in exact:
        for one, other in pairs.tolist():
            found.setdefault(int(mine[one]), Copy(int(mine[one]), int(its[other]), how))
    rest = np.setdiff1d(mine, list(found))
    known = rest if itself else its
    others = [theirs.of(known) for theirs in there.outlines]
    for ours in others if itself else [ours.of(rest) for ours in here.outlines]:
        for theirs in others:
            for one, other in _near(ours, theirs, itself).tolist():
                found.setdefault(one, Copy(one, other, "near"))
    return [found[number] for number in sorted(found)]


def incomparable(here: Contents, there: Contents) -> list[tuple[str, int]]:
    """Layouts with so few common joints that nearly the same content would not be found, and how many are here."""
    return sorted(
        (UNLIKE.format(one, other), len(np.unique(ours.owner)))
        for ours in here.outlines
        for theirs in there.outlines
        if len(_common(ours, theirs)[0]) < COMMON and (here is not there or ours.pairs != theirs.pairs)
        for one in ours.layouts
        for other in theirs.layouts
        if here is not there or one < other
    )


def _same(digests: np.ndarray, others: np.ndarray, itself: bool) -> Int[np.ndarray, "copy 2"]:
    """Places of equals, each with the first of them."""
    known, first = np.unique(others, return_index=True)
    at = np.minimum(np.searchsorted(known, digests), max(len(known) - 1, 0))
    same = np.flatnonzero((known[at] == digests) & (digests != 0)) if len(known) else np.zeros(0, np.int64)
    pairs = np.stack([same, first[at[same]]], 1) if len(known) else np.zeros((0, 2), np.int64)
    return pairs[pairs[:, 0] > pairs[:, 1]] if itself else pairs


def _sharing(sketches: np.ndarray, others: np.ndarray, itself: bool) -> Int[np.ndarray, "copy 2"]:
    """Places of those with common frames, each with the one with which most are common."""
    pairs = _same(sketches.ravel(), others.ravel(), itself) // SKETCH
    pairs = pairs[pairs[:, 0] != pairs[:, 1]] if itself else pairs
    pairs, count = np.unique(pairs, axis=0, return_counts=True)
    pairs, count = pairs[count >= SHARED], count[count >= SHARED]
    return pairs[np.argsort(-count, kind="stable")]


def _near(ours: Outlines, theirs: Outlines, itself: bool) -> Int[np.ndarray, "copy 2"]:
    """Numbers of those that are nearly the same, best first."""
    columns = _common(ours, theirs)
    none = np.zeros((0, 2), dtype=np.int64)
    if len(columns[0]) < COMMON or not len(ours.owner) or not len(theirs.owner):
        return none
    view = -1 if ours.axes == theirs.axes else 0
    mine, its = (each.series[:, view][..., column] for each, column in zip((ours, theirs), columns, strict=True))
    mirror = mirrored([ours.pairs[column] for column in columns[0]])
    pairs = _candidates(mine, its, mirror)
    pairs = np.unique(np.sort(pairs, axis=1), axis=0) if ours is theirs else pairs
    owners = np.stack([ours.owner[pairs[:, 0]], theirs.owner[pairs[:, 1]]], 1)
    if itself:
        owners = np.sort(owners, axis=1)[:, ::-1]
        pairs, owners = pairs[owners[:, 0] > owners[:, 1]], owners[owners[:, 0] > owners[:, 1]]
    apart = [np.zeros(0)]
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        a, b = mine[batch[:, 0]], its[batch[:, 1]]
        frames = np.minimum(ours.frames[batch[:, 0]], theirs.frames[batch[:, 1]])
        apart.append(np.minimum(difference(a, b, frames), difference(a[..., mirror], b, frames)))
    apart_ = np.concatenate(apart)
    order = np.argsort(apart_, kind="stable")
    return owners[order[apart_[order] < NEAR]]


def _common(ours: Outlines, theirs: Outlines) -> tuple[list[int], list[int]]:
    places = {pair: place for place, pair in enumerate(theirs.pairs)}
    both = [(place, places[pair]) for place, pair in enumerate(ours.pairs) if pair in places]
    return [one for one, _ in both], [other for _, other in both]


def _candidates(mine: np.ndarray, its: np.ndarray, mirror: np.ndarray) -> Int[np.ndarray, "pair 2"]:
    """The tracks to compare: those nearest by the mean and deviation of each distance, left and right alike."""
    keys = [np.concatenate([series.mean(1), series.std(1)], 1) for series in (mine, its)]
    known = [np.tile(series[:, 0] > 0, 2) for series in (mine, its)]
    usual = keys[1].sum(0) / np.maximum(known[1].sum(0), 1)  # what is not known is 0
    both = np.concatenate([mirror, mirror + len(mirror)])
    filled = [np.where(seen, key, usual) for seen, key in zip(known, keys, strict=True)]
    alike = [np.concatenate([key + key[:, both], np.abs(key - key[:, both])], 1) for key in filled]
    _, axes = np.linalg.eigh(np.cov(alike[1], rowvar=False, bias=True))
    mine_at, its_at = (key @ axes[:, -VALUES:] for key in alike)
    most = min(NEIGHBOURS, len(its))
    _, nearest = cKDTree(its_at).query(mine_at, k=range(1, most + 1))
    return np.stack([np.repeat(np.arange(len(mine)), most), nearest.ravel()], 1)


def difference(
    one: UInt8[np.ndarray, "pair 40 distance"],
    other: UInt8[np.ndarray, "pair 40 distance"],
    frames: Int[np.ndarray, " pair"],
) -> Float[np.ndarray, " pair"]:
    """How much two outlines differ, over how much they move; infinite if they are not alike at all.

    The time of one is moved and stretched until the other fits best: from the best of nine beginnings, by
    Gauss-Newton. The noise of single frames is left out: only differences that last count, by the product of the
    differences at two moments so far apart that they share no frame.

    Args:
        one: series of `Outlines`, 0 where not known.
        other: the same of the others.
        frames: of the shorter of the two.
    """
    known = (one[:, 0] > 0) & (other[:, 0] > 0)
    count = np.maximum(known.sum(1), 1)
    a, b = (np.float32(STEP) * each * known[:, None] for each in (one, other))
    move = np.sqrt(a.var(1).sum(1) / count) + STILL
    fit, error = _begin(a, b)
    near = (known.sum(1) >= COMMON) & (move > 2 * STILL) & (np.sqrt(error / count) < ALIKE * move)
    found = np.full(len(a), np.inf)
    if near.any():
        a, b, fit, scale = a[near], b[near], fit[near], np.sqrt(count[near]) * move[near]
        back = np.stack([LAST / 2 + (LAST / 2 - fit[:, 0]) / fit[:, 1], 1 / fit[:, 1]], 1)
        there, again = _lasting(a, b, fit, frames[near], scale), _lasting(b, a, back, frames[near], scale)
        found[near] = np.where(np.isfinite(again), np.maximum(there, again), there)
    return found


def _begin(a: np.ndarray, b: np.ndarray) -> tuple[Float[np.ndarray, "pair 2"], Float[np.ndarray, " pair"]]:
    """The best of nine beginnings and ends, and its mean square difference at a quarter of the samples."""
    ends = [(begin, end) for begin in (-ENDS, 0, ENDS) for end in (LAST - ENDS, LAST, LAST + ENDS)]
    fits = np.array([((begin + end) / 2, (end - begin) / LAST) for begin, end in ends])
    errors = []
    for fit in fits:
        left, _, inside = _left(a[:, ::4], b, np.tile(fit, (len(a), 1)), TIME[::4])
        errors.append(_mean_square(left, inside))
    return fits[np.argmin(errors, axis=0)], np.min(errors, axis=0)


def _lasting(
    a: np.ndarray, b: np.ndarray, fit: np.ndarray, frames: np.ndarray, scale: np.ndarray
) -> Float[np.ndarray, " pair"]:
    """What `difference` says, when the time of `a` has been fitted to that of `b` from `fit`."""
    for _ in range(STEPS):
        left, slope, _ = _left(a, b, fit, TIME)
        gain = np.stack([slope, slope * TIME[:, None]], -1)
        square = np.einsum("nktp,nktq->npq", gain, gain) + np.diag([1e-3, 1e-1])
        fit = fit - np.linalg.solve(square, np.einsum("nktp,nkt->np", gain, left)[..., None])[..., 0]
    left, _, inside = _left(a, b, fit, TIME)
    lags = np.clip(np.ceil(1.5 * SAMPLES / frames), 1, LAGS)
    square = np.zeros(len(a))
    for lag in range(1, LAGS + 1):
        product = (left[:, lag:] * left[:, :-lag]).sum((1, 2))
        both = (inside[:, lag:] & inside[:, :-lag]).sum(1)
        square = np.where(lags == lag, product / np.maximum(both, 1), square)
    sure = (inside.mean(1) >= OVERLAP) & (np.sqrt(_mean_square(left, inside)) < NOISE * scale)
    return np.where(sure, np.sqrt(np.maximum(square, 0)) / scale, np.inf)


def _mean_square(left: np.ndarray, inside: np.ndarray) -> Float[np.ndarray, " pair"]:
    mean: np.ndarray = np.square(left).sum((1, 2)) / np.maximum(inside.sum(1), 1)
    return mean


def _left(
    a: np.ndarray, b: np.ndarray, fit: Float[np.ndarray, "pair 2"], time: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`b` at the moments of `a` less `a`, its slope, and which moments are inside; the others are 0."""
    when = fit[:, :1] + fit[:, 1:] * time
    inside = (when > -0.5) & (when < LAST + 0.5)
    before = np.clip(when, 0, LAST - 1).astype(np.int64)
    share = np.clip(when - before, 0, 1)[..., None].astype(np.float32)
    pair = np.arange(len(a))[:, None]
    lower = b[pair, before]
    slope = (b[pair, before + 1] - lower) * inside[..., None]
    return (lower - a) * inside[..., None] + slope * share, slope, inside
