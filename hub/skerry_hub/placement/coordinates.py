"""Completes the round-trip times that a few dozen peers measured to those of any pair of nodes.

`observe` takes what one node measured and moves that node; `refine` fits all places again and
learns what they cannot say; `estimate` and `matrix` answer. A measured pair is answered with its
measured time, any other with the places' distance (`embedding`) times the factor that measured
pairs of close nodes suggest (`corrections`).

Every answer has an error in milliseconds. A measured pair's is the mean deviation of its samples.
That of another is the time multiplied by the mean relative error that both ends' places leave on
their own measured pairs, each link that the place itself uses up left out of the count: about
three of four estimates lie closer to the truth. Times from one network to another without any
measured way between them are unknown, not large.

The same calls give the same answers. Pure: no clock, chance (but from the seed), thread or files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from skerry_hub.placement.corrections import Corrections, corrections
from skerry_hub.placement.embedding import (
    DIMENSIONS,
    UNKNOWN_ERROR,
    Bools,
    Floats,
    cold,
    mean_errors,
    relative_errors,
    relocate,
    scattered,
    sweep,
    times,
)
from skerry_hub.placement.round_trips import (
    PEERS,
    Float32s,
    Ints,
    Links,
    RoundTrips,
    check,
)
from skerry_hub.placement.stepwise import Steps, finished

WARM_SWEEPS = 10
"""Passes over all nodes when most of them have been placed before."""
FIRST_STEPS = 20
"""Steps that place a new node; a known one makes one step for what it measured."""
SILENT_STEP = 0.2
"""Share of a step that a node which measures nothing moves for what another measured of it."""
ERROR_GAIN = 0.1
"""Weight of what another measured of it in the error of a node that measures nothing."""


class Coordinates:
    """The places of all nodes, by name. A node that others measure need not measure itself."""

    def __init__(self, *, seed: int = 0, peers: int = PEERS) -> None:
        self._seed = seed
        self._measured = RoundTrips(peers)
        self._places: Float32s = np.zeros((0, DIMENSIONS + 1), np.float32)
        self._error: Float32s = np.zeros(0, np.float32)
        self._network = np.zeros(0, np.int32)
        self._corrections: Corrections | None = None
        self._refined = 0
        # Since a fit began: rows whose node went, and whether anything was measured.
        self._gone: list[int] = []
        self._is_newer = False

    def __len__(self) -> int:
        return len(self._measured)

    def __contains__(self, node: str) -> bool:
        return node in self._measured

    @property
    def capacity(self) -> int:
        """The number of rows, used or not."""
        return self._measured.capacity

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays, without the names."""
        own = self._places.nbytes + self._error.nbytes + self._network.nbytes
        return own + self._measured.nbytes + (self._corrections.nbytes if self._corrections else 0)

    def copy(self) -> Coordinates:
        """Return the same, which later changes of this one do not reach."""
        other = Coordinates(seed=self._seed)
        other._measured = self._measured.copy()
        other._places = self._places.copy()
        other._error = self._error.copy()
        other._network = self._network.copy()
        other._corrections = self._corrections  # never changed in place
        other._refined = self._refined
        return other

    def observe(self, node: str, samples: Mapping[str, float]) -> None:
        """Take what a node measured, in milliseconds by peer, and move it.

        All or nothing: raises ValueError when a time is not in (0, 60,000] or of the node itself.
        """
        if not samples:
            return
        first = self._is_silent(node)
        row, peers = self._measured.record(node, samples)
        self._is_newer = True
        self._grow()
        self._take(row, peers, np.array(list(samples.values()), np.float64), first=first)

    def observe_all(self, told: Sequence[tuple[str, Mapping[str, float]]]) -> None:
        """Take what many nodes measured, and move them at the same time: a tenth of the work.

        Places that measure nothing are put down but not moved: `refine` does that. All or nothing,
        as `observe`.
        """
        for node, samples in told:
            check(node, samples)
        self._is_newer = True
        recorded = [
            (*self._measured.record(node, samples), samples) for node, samples in told if samples
        ]
        self._grow()
        together: dict[int, None] = {}
        silent: dict[int, tuple[int, float]] = {}
        for row, peers, samples in recorded:
            placed = np.isfinite(self._error[peers])
            if not placed.any():
                # Something to stand beside, for this one and for those that come after it.
                times_ms = np.array(list(samples.values()), np.float64)
                self._take(row, peers, times_ms, first=self._is_unplaced(row))
                continue
            self._join(row, peers)
            together[row] = None
            for peer, ms in zip(peers.tolist(), samples.values(), strict=True):
                silent.setdefault(peer, (row, ms))
        self._move_together(np.fromiter(together, np.int64, len(together)))
        self._put_down({peer: by for peer, by in silent.items() if self._is_unplaced(peer)})

    def _is_unplaced(self, row: int) -> bool:
        return not np.isfinite(self._error[row])

    def _put_down(self, silent: Mapping[int, tuple[int, float]]) -> None:
        """Place rows that measured nothing, each beside one that measured it: row, milliseconds."""
        if silent:
            beside, ms = zip(*silent.values(), strict=True)
            rows = np.fromiter(silent, np.int64, len(silent))
            self._start_beside(rows, np.array(beside), np.array(ms))
            self._error[rows] = UNKNOWN_ERROR

    def _move_together(self, rows: Ints) -> None:
        """Move rows of which each measured at least one place that stands."""
        if not len(rows):
            return
        peers, measured = self._measured.table(rows)
        known = (peers >= 0) & np.isfinite(self._error[np.maximum(peers, 0)])
        at = np.arange(len(rows))
        nearest = np.where(known, measured, np.inf).argmin(1)
        # What does not count repeats what does: a place that is not there is no number.
        there = np.where(known, peers, peers[at, nearest][:, None]).astype(np.int64)
        ms = np.where(known, measured, 1.0).astype(np.float64)
        new = ~np.isfinite(self._error[rows])
        self._start_beside(rows[new], there[at, nearest][new], ms[at, nearest][new])
        for moving, steps in ((new, FIRST_STEPS), (~new, 1)):
            emphasis = known[moving].astype(np.float64)
            for _ in range(steps if moving.any() else 0):
                relocate(self._places, rows[moving], there[moving], ms[moving], emphasis=emphasis)
        wrong = relative_errors(times(self._places, rows[:, None], there), ms) * known
        self._error[rows] = mean_errors(wrong.sum(1), known.sum(1))

    def _start_beside(self, rows: Ints, beside: Ints, ms: Floats) -> None:
        """Put new rows about as far from one other each as measured, each in its own direction."""
        for row, other, apart_ms in zip(rows.tolist(), beside.tolist(), ms.tolist(), strict=True):
            place = scattered(1, apart_ms, (self._seed, row))[0]
            place[:DIMENSIONS] += self._places[other, :DIMENSIONS]
            self._places[row] = place
        for _ in range(FIRST_STEPS if len(rows) else 0):
            relocate(self._places, rows, beside[:, None], ms[:, None])

    def _take(self, row: int, peers: Ints, ms: Floats, *, first: bool) -> None:
        """Move a row by what was recorded of it; `first`: it had measured nothing before."""
        self._join(row, peers)
        self._move(row, first=first)
        silent = self._measured.silent(peers)
        new = ~np.isfinite(self._error[peers])
        self._start(peers[silent & new], row, ms[silent & new])
        self._move_silent(peers[silent & ~new], row, ms[silent & ~new])

    def _is_silent(self, node: str) -> bool:
        if node not in self._measured:
            return True
        return bool(self._measured.silent(np.array([self._measured.row(node)]))[0])

    def _grow(self) -> None:
        more = self._measured.capacity - len(self._error)
        if more:
            self._places = np.pad(self._places, ((0, more), (0, 0)), constant_values=np.nan)
            self._error = np.pad(self._error, (0, more), constant_values=np.nan)
            self._network = np.pad(self._network, (0, more), constant_values=-1)

    def _join(self, row: int, peers: Ints) -> None:
        """Make one network of those of the row and its peers."""
        rows = np.append(peers, row)
        networks = self._network[rows]
        joined = networks[networks >= 0]
        name = int(joined.min()) if len(joined) else int(rows.min())
        for other in set(joined.tolist()) - {name}:
            self._network[self._network == other] = name
        self._network[rows] = name

    def _move(self, row: int, *, first: bool) -> None:
        """Move a row by all that it measured itself; place it when these are its first."""
        peers, measured = self._measured.of(row)
        ms = measured.astype(np.float64)
        placed = np.isfinite(self._error[peers])
        if not np.isfinite(self._error[row]):
            nearest = int(np.where(placed, ms, np.inf).argmin())
            beside = int(peers[nearest]) if placed[nearest] else row
            self._start(np.array([row]), beside, ms[nearest : nearest + 1])
        peers, ms = peers[placed], ms[placed]
        if not len(peers):
            return
        for _ in range(FIRST_STEPS if first else 1):
            relocate(self._places, np.array([row]), peers[None], ms[None])
        wrong = relative_errors(times(self._places, np.array(row), peers), ms).sum(keepdims=True)
        self._error[row] = mean_errors(wrong, np.array([len(ms)]))[0]

    def _start(self, rows: Ints, beside: int, ms: Floats) -> None:
        """Put new rows about as far from another row as measured, each in its own direction.

        A row beside itself is put anywhere.
        """
        for row, apart_ms in zip(rows.tolist(), ms.tolist(), strict=True):
            place = scattered(1, apart_ms, (self._seed, row))[0]
            if beside != row:
                place[:DIMENSIONS] += self._places[beside, :DIMENSIONS]
            self._places[row] = place
        self._error[rows] = UNKNOWN_ERROR
        if not (len(rows) and beside in rows):
            for _ in range(FIRST_STEPS):
                self._step(rows, beside, ms, 1.0)

    def _move_silent(self, rows: Ints, other: int, ms: Floats) -> None:
        """Move rows that measure nothing a little by what another measured of them."""
        self._step(rows, other, ms, SILENT_STEP)
        wrong = relative_errors(times(self._places, rows, np.array(other)), ms)
        self._error[rows] += ERROR_GAIN * (wrong - self._error[rows])

    def _step(self, rows: Ints, other: int, ms: Floats, step: float) -> None:
        peers = np.full((len(rows), 1), other)
        relocate(self._places, rows, peers, ms[:, None], step=step)

    def remove(self, node: str) -> None:
        """Forget a node. Nothing happens when it is unknown. Takes a look at every row."""
        if node not in self._measured:
            return
        row = self._measured.row(node)
        self._measured.remove(node)
        self._places[row] = self._error[row] = np.nan
        self._network[row] = -1
        self._gone.append(row)
        self._is_newer = True
        if self._corrections is not None:
            self._corrections = self._corrections.without(np.array([row]))

    def refine(self, sweeps: int | None = None) -> None:
        """Fit all places to all measured pairs, and learn what they cannot say.

        First from nothing, which takes two minutes for 100,000 nodes; later in `sweeps` passes.
        """
        finished(self.refining(sweeps))

    def refining(self, sweeps: int | None = None) -> Steps[None]:
        """Do the same in steps; between them all else may be done. Taken over at the end."""
        links = self._measured.links()
        if not len(links.peers):
            self._corrections = None
            return
        yield
        self._gone, self._is_newer = [], False
        scale_ms = float(np.median(links.ms))
        places = self._places.copy()
        if self._refined:
            for index in range(WARM_SWEEPS if sweeps is None else sweeps):
                yield from sweep(places, links, scale_ms, (self._seed, self._refined, index))
        else:
            yield from cold(places, links, scale_ms, self._seed)
        found = yield from corrections(places, links, scale_ms, self._seed)
        gone = np.array(self._gone, dtype=np.int64)
        linked = np.diff(links.start) > 0
        linked[gone[gone < len(linked)]] = False
        self._places[: len(places)][linked] = places[linked]
        self._refined += 1
        self._corrections = found.without(gone)
        if self._is_newer:
            links = self._measured.links()
            yield from self._bring(linked, links)
        self._learn(links)

    def _bring(self, fitted: Bools, links: Links) -> Steps[None]:
        """Place the rows that came since the fit began beside those that it placed."""
        known = np.pad(fitted, (0, len(self._network) - len(fitted)))
        for row in np.flatnonzero(np.diff(links.start)[: len(known)]).tolist():
            if known[row]:
                continue
            at = slice(links.start[row], links.start[row + 1])
            peers, ms = links.peers[at].astype(np.int64), links.ms[at].astype(np.float64)
            ms = np.where(known[peers] & np.isfinite(self._error[peers]), ms, np.inf)
            nearest = int(ms.argmin())
            if np.isfinite(ms[nearest]) and self._network[row] >= 0:
                self._start(np.array([row]), int(peers[nearest]), ms[nearest : nearest + 1])
                known[row] = True
                if not self._measured.silent(np.array([row]))[0]:
                    self._move(row, first=True)
            yield

    def _learn(self, links: Links) -> None:
        """Set the errors and the networks of all rows from the measured pairs."""
        owners = links.owners.astype(np.int64)
        wrong = relative_errors(
            times(self._places, owners, links.peers), links.ms.astype(np.float64)
        )
        number = np.diff(links.start)
        sums = np.bincount(owners, wrong, len(number)).astype(np.float64)
        linked = number > 0
        self._error[linked] = mean_errors(sums[linked], number[linked])
        self._network = links.networks(self._network >= 0)

    def estimate(self, first: str, second: str) -> tuple[float, float] | None:
        """Return the round-trip time of a pair and its error, in milliseconds.

        None when no measured way leads from one to the other. Raises KeyError for unknown nodes.
        """
        ms, error = self.matrix((first,), (second,))
        return None if np.isnan(ms[0, 0]) else (float(ms[0, 0]), float(error[0, 0]))

    def matrix(self, rows: Sequence[str], columns: Sequence[str]) -> tuple[Float32s, Float32s]:
        """Return times and their errors (rows, columns), in milliseconds; NaN where unknown.

        0 from a node to itself. Raises KeyError when a node is unknown.
        """
        across = np.array([self._measured.row(column) for column in columns], np.int64)
        ms = np.empty((len(rows), len(columns)), np.float32)
        error = np.empty_like(ms)
        for index, name in enumerate(rows):
            ms[index], error[index] = self._answer(self._measured.row(name), across)
        return ms, error

    @property
    def naming(self) -> object:
        """What is another one once a name has another row."""
        return self._measured.naming

    def rows(self, names: Sequence[str]) -> Ints:
        """Return the rows of nodes, for `estimates`; -1 where one is unknown.

        They hold until the next `observe` or `remove`.
        """
        return self._measured.rows(names)

    def estimates(self, node: str, rows: Ints) -> tuple[Floats, Floats]:
        """Return the times from a node to rows, and their errors; NaN where unknown."""
        ms = np.full(len(rows), np.nan)
        error = ms.copy()
        known = rows >= 0
        if node in self._measured:
            ms[known], error[known] = self._answer(self._measured.row(node), rows[known])
        return ms, error

    def measured(self, nodes: Sequence[str]) -> list[dict[str, tuple[float, float]]]:
        """Return what each node measured itself: time and mean deviation by peer, in milliseconds.

        Takes a look at every name.
        """
        return self._measured.told(nodes)

    def is_measured(self, one: str, other: str) -> bool:
        """Say whether the time between two places is one that was measured."""
        if one not in self._measured or other not in self._measured:
            return False
        found, _ = self._measured.direct(
            self._measured.row(one), np.array([self._measured.row(other)])
        )
        return not np.isnan(found[0])

    def _answer(self, row: int, columns: Ints) -> tuple[Floats, Floats]:
        ms = times(self._places, np.array(row), columns)
        if self._corrections is not None:
            # Symmetric but for rounding: the same sum of the same measured pairs from either end.
            ms = ms * self._corrections.factors(row, columns)
        error = ms * (self._error[row] + self._error[columns]) / 2
        direct, deviation = self._measured.direct(row, columns)
        known = ~np.isnan(direct)
        ms[known], error[known] = direct[known], deviation[known]
        apart = self._network[columns] != self._network[row]
        ms[apart] = error[apart] = np.nan
        ms[columns == row] = error[columns == row] = 0.0
        return ms, error
