"""What the places of nodes cannot say, told by the measured pairs of nodes close to them.

Two nodes of one site have the same detours to the same far node, but no place in a small space
holds every detour. So an estimate of a pair is multiplied by how far off it was on measured pairs
of the nodes closest to either end, as a weighted mean of logarithms: a pair weighs by how close
its ends are, and `DOUBT` pulls the mean to "not off" where few were measured. Pure.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from skerry_hub.placement.embedding import DIMENSIONS, Floats, times
from skerry_hub.placement.round_trips import Float32s, Int32s, Ints, Links
from skerry_hub.placement.stepwise import Steps

CLOSEST = 16
"""Nodes that speak for one, beside itself."""
REACH = 0.1
"""Share of the median measured time at whose distance a node weighs a quarter."""
DOUBT = 0.2
"""Weight of the guess that the estimate is right."""
CELL = 256
"""Mean number of nodes in a cell of the search for the closest."""
CELLS_NEAR = 6
MOST_CANDIDATES = 4096
MOST_OFF = 3.0
"""Largest logarithm taken of measured by estimated: a factor of twenty."""


@dataclasses.dataclass(frozen=True, slots=True)
class Corrections:
    """`closest` and `weights` (rows, 1 + CLOSEST) begin with the row itself; `off` is by link."""

    links: Links
    off: Float32s
    closest: Int32s
    weights: Float32s

    @property
    def nbytes(self) -> int:
        """The bytes of the arrays."""
        arrays = (self.links.start, self.links.peers, self.off, self.closest, self.weights)
        return sum(array.nbytes for array in arrays)

    def without(self, rows: Ints) -> Corrections:
        """Return the same without some rows, which may get other nodes."""
        known = rows[rows < len(self.closest)]
        if not len(known):
            return self
        gone = np.zeros(len(self.closest), dtype=np.bool_)
        gone[known] = True
        weights = np.where(gone.take(self.closest), np.float32(0.0), self.weights)
        weights[known] = 0.0
        return dataclasses.replace(self, weights=weights)

    def factors(self, row: int, columns: Ints) -> Floats:
        """Return by what to multiply the estimates of a row to columns. 1 for rows not known."""
        if row >= len(self.closest):
            return np.ones(len(columns))
        start, rows = self.links.start, len(self.closest)
        near, weight = self.closest[row], self.weights[row]
        number = start[near + 1] - start[near]
        total = int(number.sum())
        at = np.arange(total) + np.repeat(start[near] - np.cumsum(number) + number, number)
        share = np.repeat(weight, number).astype(np.float64)
        peers = self.links.peers[at]
        seen = np.bincount(peers, share, rows)
        off = np.bincount(peers, share * self.off[at], rows)
        factors = np.ones(len(columns))
        # Few nodes are close to one of which anything was seen: the others' factor is 1.
        touched = (seen > 0).take(self.closest).any(1)
        at = np.flatnonzero((columns < rows) & touched.take(columns, mode="clip"))
        closest, weights = self.closest[columns[at]], self.weights[columns[at]]
        evidence = (seen[closest] * weights).sum(1)
        mean = (off[closest] * weights).sum(1) / (evidence + DOUBT)
        factors[at] = np.exp(mean)
        return factors


def corrections(places: Float32s, links: Links, scale_ms: float, seed: int) -> Steps[Corrections]:
    """Return what the links say beyond the places, some nodes a step."""
    estimated = times(places, links.owners.astype(np.int64), links.peers)
    ratio = np.log(links.ms / np.maximum(estimated, 1e-6))
    off = np.clip(ratio, -MOST_OFF, MOST_OFF).astype(np.float32)
    yield
    linked = np.flatnonzero(np.diff(links.start) > 0)
    closest, weights = yield from _closest(places, linked, scale_ms, seed)
    return Corrections(links, off, closest, weights)


def _closest(
    places: Float32s, rows: Ints, scale_ms: float, seed: int
) -> Steps[tuple[Int32s, Float32s]]:
    """Return the closest rows and their weights, by row; itself with weight 1 where none is."""
    closest = np.repeat(np.arange(len(places), dtype=np.int32)[:, None], 1 + CLOSEST, 1)
    weights = np.zeros(closest.shape, np.float32)
    weights[:, 0] = 1.0
    at = places[:, :DIMENSIONS]
    pivots = np.random.default_rng(seed).permutation(rows)[: max(1, len(rows) // CELL)]
    near = min(CELLS_NEAR, len(pivots))
    cells = [np.zeros(0, np.int64)]
    for part in _parts(rows, len(pivots)):
        cells.append(_squares(at[part], at[pivots]).argmin(1))
        yield
    cell = np.concatenate(cells)
    members = np.split(rows[np.argsort(cell, kind="stable")], np.cumsum(np.bincount(cell))[:-1])
    for index, own in enumerate(members):
        around = np.argsort(_squares(at[pivots[index : index + 1]], at[pivots])[0], kind="stable")
        nearby = [members[other] for other in around[:near] if other < len(members)]
        candidates = np.sort(np.concatenate(nearby))
        candidates = candidates[:: -(-len(candidates) // MOST_CANDIDATES)]
        number = min(CLOSEST, len(candidates) - 1)
        for part in _parts(own, len(candidates)) if number > 0 else []:
            squares = _squares(at[part], at[candidates])
            squares[part[:, None] == candidates] = np.inf
            best = np.argpartition(squares, number - 1, axis=1)[:, :number]
            apart = np.sqrt(np.take_along_axis(squares, best, 1))
            closest[part, 1 : 1 + number] = candidates[best]
            weights[part, 1 : 1 + number] = (1 + apart / (REACH * scale_ms)) ** -2
            yield
    return closest, weights


def _parts(rows: Ints, width: int) -> list[Ints]:
    """Split rows so that a table of each part by `width` stays small."""
    size = max(1, 2**22 // max(width, 1))
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def _squares(first: Float32s, second: Float32s) -> Float32s:
    """Return the squares of the distances between two sets of places."""
    found = np.zeros((len(first), len(second)), np.float32)
    for dimension in range(first.shape[1]):
        apart = first[:, dimension, None] - second[None, :, dimension]
        found += apart * apart
    return found
