"""Places nodes in a space of a few dimensions with height, so that distances are round trips.

The time between two nodes is the distance of their places plus both heights: the height is the way
from a node to the network, which every time contains. The method is Vivaldi's model, solved by
damped least squares: a node is moved to where the relative errors of its own links are least, a
block of nodes at a time, the rest held still. An error counts by its square up to `ROBUST`, and
beyond that by its amount: some measured times fit into no space.

From nothing, absolute errors count first and relative ones later: relative errors alone let the
shortest links fold the space before the long ones have spread it. Pure; chance comes from a seed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skerry_hub.placement.round_trips import Float32s, Int32s, Ints, Links
from skerry_hub.placement.stepwise import Steps

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DIMENSIONS = 5
"""Fewer cannot hold two continents' detours, more only fit the noise of a few dozen links."""
ROBUST = 0.2
"""Relative error from which on an error counts by its amount only."""
DAMPING = 1.0
"""Added to the diagonal of the least squares, as a share of its mean: steps are short."""
STEP = 0.7
"""Share of each computed step that is made, as the nodes of a block move at the same time."""
COLD_SWEEPS = 120
"""Passes over all nodes from nothing; the first 60 % of them go from absolute to relative."""
MOST_LINKS = 128
"""Links that place one node; of an endpoint with more, as many, evenly chosen."""
LEAST_BLOCK, MOST_BLOCK = 64, 2048
MOST_ERROR = 10.0
"""Relative error of one pair beyond which it counts no more."""
UNKNOWN_ERROR = 1.0
"""Relative error of a place that nothing has tested yet; counts as one link more."""


def scattered(count: int, scale_ms: float, seed: tuple[int, ...]) -> Float32s:
    """Return `count` places at random, about as far apart as `scale_ms`; the height is last."""
    chance = np.random.default_rng(seed)
    places = np.empty((count, DIMENSIONS + 1))
    spread = 0.5 * scale_ms / DIMENSIONS**0.5
    places[:, :DIMENSIONS] = chance.normal(size=(count, DIMENSIONS)) * spread
    places[:, DIMENSIONS] = 0.1 * scale_ms
    return places.astype(np.float32)


def times(places: Float32s, rows: Ints, others: Ints | Int32s) -> Floats:
    """Return the milliseconds between rows and others (broadcast against each other)."""
    first, second = places[rows].astype(np.float64), places[others].astype(np.float64)
    apart = first[..., :DIMENSIONS] - second[..., :DIMENSIONS]
    distance: Floats = np.sqrt((apart * apart).sum(-1))
    return distance + first[..., DIMENSIONS] + second[..., DIMENSIONS]


def relative_errors(estimated: Floats, ms: Floats) -> Floats:
    """Return by which part of the measured time each estimate is wrong, up to MOST_ERROR."""
    wrong: Floats = np.minimum(np.abs(estimated - ms) / ms, MOST_ERROR)
    return wrong


def mean_errors(sums: Floats, links: Ints) -> Floats:
    """Return the mean relative error of places that fit as many of the links as they can."""
    tested = np.maximum(links - (DIMENSIONS + 1), 0)
    mean: Floats = (sums + UNKNOWN_ERROR) / (tested + 1)
    return np.minimum(mean, MOST_ERROR)


def relocate(
    places: Float32s,
    rows: Ints,
    peers: Ints,
    ms: Floats,
    *,
    emphasis: Floats | float = 1.0,
    robust: float = ROBUST,
    step: float = STEP,
) -> None:
    """Move the places of rows (n) one step closer to their peers' times (n, links), in place.

    `emphasis` (n, links) multiplies the weight of each link; 0 leaves one out.
    """
    own, other = places[rows].astype(np.float64), places[peers].astype(np.float64)
    apart = own[:, None, :DIMENSIONS] - other[..., :DIMENSIONS]
    distance = np.sqrt((apart * apart).sum(-1) + 1e-6 * ms * ms)
    estimated = distance + own[:, None, DIMENSIONS] + other[..., DIMENSIONS]
    wrong = (estimated - ms) / ms
    weight = emphasis / np.maximum(1.0, np.abs(wrong) / robust)
    slope = np.concatenate((apart / distance[..., None], np.ones((*ms.shape, 1))), -1)
    slope /= ms[..., None]
    weighed = slope * weight[..., None]
    normal = np.swapaxes(weighed, 1, 2) @ slope
    right = (weighed * wrong[..., None]).sum(1)
    diagonal = np.arange(DIMENSIONS + 1)
    mean = normal[:, diagonal, diagonal].mean(1)
    normal[:, diagonal, diagonal] += DAMPING * mean[:, None]
    moving = mean > 0
    own[moving] -= step * np.linalg.solve(normal[moving], right[moving][..., None])[..., 0]
    own[:, DIMENSIONS] = np.maximum(own[:, DIMENSIONS], 0.0)
    places[rows] = own


def cold(places: Float32s, links: Links, scale_ms: float, seed: int) -> Steps[None]:
    """Place every linked row from nothing, in place, a block of nodes a step."""
    places[:] = scattered(len(places), scale_ms, (seed,))
    for index in range(COLD_SWEEPS):
        absolute = max(0.0, 1.0 - index / (0.6 * COLD_SWEEPS))
        robust = ROBUST if index > COLD_SWEEPS // 4 else 1.0
        yield from sweep(places, links, scale_ms, (seed, index), absolute=absolute, robust=robust)


def sweep(
    places: Float32s,
    links: Links,
    scale_ms: float,
    seed: tuple[int, ...],
    *,
    absolute: float = 0.0,
    robust: float = ROBUST,
) -> Steps[None]:
    """Move every linked row once, in random blocks, in place, a block a step.

    `absolute` is 1 where absolute errors count, 0 where relative ones do.
    """
    linked = np.flatnonzero(np.diff(links.start) > 0)
    order = np.random.default_rng(seed).permutation(linked)
    size = min(max(LEAST_BLOCK, len(order) // 8), MOST_BLOCK)
    for first in range(0, len(order), size):
        rows = order[first : first + size]
        peers, ms, known = padded(links, rows)
        emphasis = known * (ms / scale_ms) ** (2 * absolute) if absolute else known.astype(float)
        relocate(places, rows, peers, ms, emphasis=emphasis, robust=robust)
        yield


def padded(links: Links, rows: Ints) -> tuple[Ints, Floats, Bools]:
    """Return the peers, times and which of them are real, of each of the rows (n, most links)."""
    first = links.start[rows]
    number = links.start[rows + 1] - first
    taken = np.minimum(number, MOST_LINKS)
    slots = np.arange(max(int(taken.max(initial=1)), 1))
    known = slots < taken[:, None]
    at = first[:, None] + np.where(
        known, slots * number[:, None] // np.maximum(taken, 1)[:, None], 0
    )
    at = np.where(known, at, 0)
    return links.peers[at].astype(np.int64), links.ms[at].astype(np.float64), known
