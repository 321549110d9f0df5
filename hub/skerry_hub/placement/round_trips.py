"""Measured round-trip times: what each node told of a few peers, smoothed, in bounded memory.

A node is a name and a row. Each row keeps at most `peers` peers that this node measured itself, in
12 bytes each: the peer, the smoothed time and its mean deviation, both in milliseconds. A pair
that both ends measured is one link with the mean of the two. Pure: no clock, chance or files.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]

PEERS = 32
MANY = 8
"""From one row in so many on, all are looked at."""
LIMIT_MS = 60_000.0
"""A longer round trip than a minute is a fault of the measurement."""
FIRST_DEVIATION = 0.1
"""Share of the first sample that is taken for its deviation until a second one tells."""
GAIN = 0.25
"""Weight of a new sample, and of its deviation."""
OUTLIER = 3.0
"""A sample moves the time by no more than if it lay this many deviations away."""
LEAST_DEVIATION = 0.01
"""Share of the time below which the deviation that limits a step does not fall."""


@dataclasses.dataclass(frozen=True, slots=True)
class Links:
    """Every measured pair from both ends, by row: `peers[start[r]:start[r + 1]]` are those of r."""

    start: Ints
    peers: Int32s
    ms: Float32s

    @property
    def owners(self) -> Int32s:
        """The row of each entry."""
        return np.repeat(np.arange(len(self.start) - 1, dtype=np.int32), np.diff(self.start))

    def networks(self, used: npt.NDArray[np.bool_]) -> Int32s:
        """Return by row the least row that links lead to, of rows in use; of others -1."""
        owners = self.owners
        network = np.where(used, np.arange(len(used), dtype=np.int32), -1)
        while True:
            least = network.copy()
            np.minimum.at(least, owners, network[self.peers])
            least = np.where(least >= 0, least[np.maximum(least, 0)], -1).astype(np.int32)
            if (least == network).all():
                return network
            network = least


def checked(ms: float) -> float:
    """Return the time. Raises ValueError unless it is finite, above 0 and at most a minute."""
    if not (math.isfinite(ms) and 0 < ms <= LIMIT_MS):
        raise ValueError(f"a round-trip time of {ms} ms is not in (0, {LIMIT_MS:.0f}]")
    return float(ms)


def check(node: str, samples: Mapping[str, float]) -> list[float]:
    """Return what a node measured. Raises ValueError when a time is none, or it measured itself."""
    if node in samples:
        raise ValueError(f"{node} measured itself")
    return [checked(ms) for ms in samples.values()]


class RoundTrips:
    """The measured times of all nodes. Rows of removed nodes are used again."""

    def __init__(self, peers: int = PEERS) -> None:
        if not 1 <= peers <= 1024:
            raise ValueError(f"{peers} peers a node is not in 1..1024")
        self._rows: dict[str, int] = {}
        self.naming: object = object()
        """Another one once a name has another row."""
        self._unused: list[int] = []
        self._peers = np.full((0, peers), -1, np.int32)
        self._ms = np.zeros((0, peers), np.float32)
        self._deviation = np.zeros((0, peers), np.float32)
        self._oldest = np.zeros(0, np.int32)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, node: str) -> bool:
        return node in self._rows

    @property
    def capacity(self) -> int:
        """The number of rows, used or not."""
        return len(self._oldest)

    @property
    def nbytes(self) -> int:
        """The bytes of the arrays, without the names."""
        arrays = (self._peers, self._ms, self._deviation, self._oldest)
        return sum(array.nbytes for array in arrays)

    def used(self) -> Ints:
        """Return the rows of all nodes, ascending."""
        return np.sort(np.fromiter(self._rows.values(), np.int64, len(self._rows)))

    def row(self, node: str) -> int:
        """Return the row of a node. Raises KeyError when it is unknown."""
        return self._rows[node]

    def rows(self, nodes: Sequence[str]) -> Ints:
        """Return the rows of nodes, -1 where one is unknown."""
        found = (self._rows.get(node, -1) for node in nodes)
        return np.fromiter(found, np.int64, len(nodes))

    def copy(self) -> RoundTrips:
        """Return the same, which later changes of this one do not reach."""
        other = RoundTrips()
        other._rows = self._rows.copy()
        other.naming = self.naming
        other._unused = self._unused.copy()
        other._peers = self._peers.copy()
        other._ms = self._ms.copy()
        other._deviation = self._deviation.copy()
        other._oldest = self._oldest.copy()
        return other

    def add(self, node: str) -> int:
        """Return the row of a node, a new one when it is unknown."""
        known = self._rows.get(node)
        if known is not None:
            return known
        if not self._unused:
            self._grow()
        row = self._rows[node] = self._unused.pop()
        self.naming = object()
        return row

    def _grow(self) -> None:
        old = self.capacity
        more = max(64, old // 2)
        self._peers = np.pad(self._peers, ((0, more), (0, 0)), constant_values=-1)
        self._ms = np.pad(self._ms, ((0, more), (0, 0)))
        self._deviation = np.pad(self._deviation, ((0, more), (0, 0)))
        self._oldest = np.pad(self._oldest, (0, more))
        self._unused = [*range(old + more - 1, old - 1, -1)]

    def remove(self, node: str) -> None:
        """Forget a node and what others measured of it. Takes a look at every row."""
        row = self._rows.pop(node, None)
        if row is None:
            return
        self.naming = object()
        self._peers[row] = -1
        self._oldest[row] = 0
        self._peers[self._peers == row] = -1
        self._unused.append(row)

    def record(self, node: str, samples: Mapping[str, float]) -> tuple[int, Ints]:
        """Take what a node measured: milliseconds by peer. Return its row and those of the peers.

        All or nothing: raises ValueError when a time is none, or a node measured itself.
        """
        times = check(node, samples)
        row = self.add(node)
        peers = np.array([self.add(peer) for peer in samples], np.int64)
        for peer, ms in zip(peers.tolist(), times, strict=True):
            self._record(row, peer, ms)
        return row, peers

    def _record(self, row: int, peer: int, ms: float) -> None:
        slot = self._slot(row, peer)
        if slot is None:
            slot = self._vacant(row)
            self._peers[row, slot] = peer
            self._ms[row, slot] = ms
            self._deviation[row, slot] = FIRST_DEVIATION * ms
            return
        before = float(self._ms[row, slot])
        deviation = float(self._deviation[row, slot])
        most = OUTLIER * max(deviation, LEAST_DEVIATION * before)
        self._ms[row, slot] = before + GAIN * min(max(ms - before, -most), most)
        self._deviation[row, slot] = deviation + GAIN * (abs(ms - before) - deviation)

    def _slot(self, row: int, peer: int) -> int | None:
        slots = np.flatnonzero(self._peers[row] == peer)
        return int(slots[0]) if len(slots) else None

    def _vacant(self, row: int) -> int:
        empty = np.flatnonzero(self._peers[row] < 0)
        if len(empty):
            return int(empty[0])
        slot = int(self._oldest[row])
        self._oldest[row] = (slot + 1) % self._peers.shape[1]
        return slot

    def of(self, row: int) -> tuple[Ints, Float32s]:
        """Return the peers that a row measured itself, and their times."""
        known = self._peers[row] >= 0
        return self._peers[row][known].astype(np.int64), self._ms[row][known]

    def told(self, nodes: Sequence[str]) -> list[dict[str, tuple[float, float]]]:
        """Return what each of the nodes measured itself: time and deviation by peer.

        Takes a look at every name.
        """
        names = {row: name for name, row in self._rows.items()}
        return [self._told(self._rows.get(node), names) for node in nodes]

    def _told(self, row: int | None, names: Mapping[int, str]) -> dict[str, tuple[float, float]]:
        if row is None:
            return {}
        slots = np.flatnonzero(self._peers[row] >= 0)
        peers = self._peers[row, slots].tolist()
        times = zip(
            self._ms[row, slots].tolist(), self._deviation[row, slots].tolist(), strict=True
        )
        return {names[peer]: told for peer, told in zip(peers, times, strict=True)}

    def table(self, rows: Ints) -> tuple[Int32s, Float32s]:
        """Return the peers that rows measured themselves (-1: none) and their times.

        (rows, most peers that one of them has) each.
        """
        peers = self._peers[rows]
        some = (peers >= 0).any(0)
        return peers[:, some], self._ms[rows][:, some]

    def silent(self, rows: Ints) -> npt.NDArray[np.bool_]:
        """Return which of the rows measured nothing themselves, such as endpoints."""
        empty: npt.NDArray[np.bool_] = np.all(self._peers[rows] < 0, axis=1)
        return empty

    def direct(self, row: int, others: Ints) -> tuple[Float32s, Float32s]:
        """Return the measured times of a row to others, and their deviations.

        NaN where neither end measured; the mean time and the larger deviation where both did.
        """
        at = np.full(self.capacity, -1, np.int64)
        known = self._peers[row] >= 0
        at[self._peers[row][known]] = np.flatnonzero(known)
        slots = at[others]
        there = slots >= 0
        ms = np.where(there, self._ms[row, slots], np.float32(np.nan))
        deviation = np.where(there, self._deviation[row, slots], np.float32(np.nan))
        which, slots = self._measuring(row, others)
        back = self._ms[others[which], slots]
        ms[which] = np.where(there[which], (ms[which] + back) / 2, back)
        deviation[which] = np.fmax(deviation[which], self._deviation[others[which], slots])
        return ms, deviation

    def _measuring(self, row: int, others: Ints) -> tuple[Ints, Ints]:
        """Return which of the others measured a row, and in which slot."""
        width = self._peers.shape[1]
        if len(others) * MANY < self.capacity:
            found = np.flatnonzero(self._peers[others] == row)
            return found // width, found % width
        # Looked up where it lies: to copy it first takes several times as long.
        found = np.flatnonzero(self._peers.ravel() == row)
        owners, slots = found // width, found % width
        asked = np.zeros(self.capacity, dtype=np.bool_)
        asked[owners] = True
        which = np.flatnonzero(asked[others])
        slot_of = np.zeros(self.capacity, dtype=np.int64)
        slot_of[owners] = slots
        return which, slot_of[others[which]]

    def links(self) -> Links:
        """Return every measured pair, from both ends."""
        own, slots = np.nonzero(self._peers >= 0)
        peers = self._peers[own, slots].astype(np.int64)
        rows = self.capacity
        keys, which = np.unique(
            np.minimum(own, peers) * rows + np.maximum(own, peers), return_inverse=True
        )
        ms = np.bincount(which, self._ms[own, slots], len(keys)) / np.bincount(which)
        first, second = np.divmod(keys, max(rows, 1))
        owners = np.concatenate((first, second))
        order = np.argsort(owners, kind="stable")
        start = np.zeros(rows + 1, np.int64)
        np.cumsum(np.bincount(owners, minlength=rows), out=start[1:])
        others = np.concatenate((second, first))[order]
        return Links(start, others.astype(np.int32), np.tile(ms, 2)[order].astype(np.float32))
