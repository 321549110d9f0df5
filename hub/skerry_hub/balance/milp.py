"""The one door to HiGHS: columns in, numbers out.

One thread and a fixed seed: the same columns and the same HiGHS give the same answer, unless the
time limit ends the search, which is the only thing that depends on the machine. Nothing that it
says is trusted: assignments are checked by `load`, prices make a bound of their own in `bound`.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

from skerry_hub.balance.bound import Prices
from skerry_hub.balance.groups import Floats, Groups
from skerry_hub.balance.problem import NOWHERE, Ints

GivenUp = Callable[[], bool]
"""Says whether nobody wants a result any more."""
SEED = 0
LARGEST_COST = 1e5
"""Scores are scaled down to this: beyond it HiGHS loses digits."""
SINGLE_ROWS = 20_000
"""Up to so many columns in bins that cost something, each has a row of its own: that is tighter."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What the search found: members in each column, the bound, and why it ended.

    `count` is None where it found nothing. `bound` is of the chosen columns only, in whole scores;
    infinite where none was proven.
    """

    count: Ints | None
    bound: float
    proven: bool
    seconds: float
    ended: str


class Program:
    """The mixed-integer program of some columns of a problem.

    Variables: members that come (one for each column), members that stay (one for each column that
    has some now), bins in use (those that cost something or take of their parent), and what is over
    at present and stays so, that is, takes nothing new (an amount of a bin, a domain of a limit).
    """

    def __init__(self, groups: Groups, columns: Ints, is_given_up: GivenUp | None = None) -> None:
        self._is_given_up = is_given_up
        self.groups = groups
        self.columns = columns
        self.stays = np.flatnonzero(groups.now[columns] > 0)
        places = np.unique(groups.place[columns])
        places = np.union1d(places, groups.parent[places])
        self.places = places[places != NOWHERE]
        charged = (groups.open_cost > 0) | groups.takes.any(axis=1)
        self.opens = self.places[charged[self.places]]
        self._opened = np.full(len(charged), NOWHERE)
        first = len(columns) + len(self.stays)
        self._opened[self.opens] = first + np.arange(len(self.opens))
        # Who is in each column: those that come and those that stay.
        self._variable = np.arange(first)
        self._column = np.concatenate([columns, columns[self.stays]])
        self._count_over(first + len(self.opens))
        self._rows = _Rows()
        self._objective()
        self._group_rows()
        self._column_rows()
        self._room_rows()
        self._limit_rows()

    def relax(self, time_s: float) -> tuple[Prices | None, float]:
        """Solve without whole numbers; return its prices, None where it has none, and seconds."""
        solver = self._solver(time_s, relaxed=True)
        solver.run()
        seconds = float(solver.getRunTime())
        solution = solver.getSolution()
        # Whatever they are worth when time ran out: any prices make a bound.
        if len(solution.row_dual) != len(self._rows.low):
            return None, seconds
        dual = np.maximum(-np.array(solution.row_dual), 0) * self._scale
        groups = self.groups
        room = np.zeros(groups.capacity.shape)
        limits = tuple(np.zeros(len(most)) for most in groups.limit_most)
        for row, (place, dimension, scale) in self._rows.room.items():
            room[place, dimension] = dual[row] / scale
        for row, (number, domain) in self._rows.limits.items():
            limits[number][domain] = dual[row]
        return Prices(room=room, limits=limits), seconds

    def solve(self, start: Ints, time_s: float, gap: float, nodes: int | None) -> Answer:
        """Search from a solution (members in each column of the problem) on.

        Ends at `gap` (a share of the value), after so many branch-and-bound `nodes`, or at the time
        limit.
        """
        answer, is_sound = self._search(self._values(start), time_s, gap, nodes)
        if is_sound or answer.seconds >= time_s:
            return answer
        # HiGHS 1.16 may better the start while it makes the problem smaller, call that the optimum
        # and return the start as it was.
        again, _ = self._search(None, time_s - answer.seconds, gap, nodes)
        return dataclasses.replace(again, seconds=answer.seconds + again.seconds)

    def _search(
        self, start: Floats | None, time_s: float, gap: float, nodes: int | None
    ) -> tuple[Answer, bool]:
        """Return what is found, and whether that is worth what the solver says it is."""
        solver = self._solver(time_s, relaxed=False)
        solver.setOptionValue("mip_rel_gap", gap)
        # Scores are whole: what is closer than one is proven.
        solver.setOptionValue("mip_abs_gap", (1 - 1e-6) / self._scale)
        if nodes is not None:
            solver.setOptionValue("mip_max_nodes", nodes)
        if start is not None:
            given = highspy.HighsSolution()
            given.col_value = start.tolist()
            solver.setSolution(given)
        solver.run()
        info = solver.getInfo()
        bound = -float(info.mip_dual_bound) * self._scale + self.groups.constant
        status = solver.getModelStatus()
        count, is_sound = None, True
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            values = np.array(solver.getSolution().col_value)
            said = float(info.objective_function_value)
            is_sound = math.isclose(float(self._cost @ values), said, rel_tol=1e-6, abs_tol=1e-6)
            count = self._count(values)
        answer = Answer(
            count=count,
            bound=bound if math.isfinite(bound) else math.inf,
            proven=status == highspy.HighsModelStatus.kOptimal,
            seconds=float(solver.getRunTime()),
            ended=solver.modelStatusToString(status).lower(),
        )
        return answer, is_sound

    def _count_over(self, first: int) -> None:
        """Give each that is over at present a variable, from a number on."""
        number = itertools.count(first)
        rooms = np.argwhere(self.groups.over > 0).tolist()
        self._room_over = {(place, dimension): next(number) for place, dimension in rooms}
        self._limit_over = {
            (limit, domain): next(number)
            for limit, over in enumerate(self.groups.limit_over)
            for domain in np.flatnonzero(over).tolist()
        }
        self._overs = len(self._room_over) + len(self._limit_over)

    def _objective(self) -> None:
        groups = self.groups
        come = groups.score[self.columns]
        stay = come[self.stays] + groups.move_cost[groups.group[self.columns[self.stays]]]
        over = np.zeros(self._overs)
        gain = np.concatenate([come, stay, -groups.open_cost[self.opens], over]).astype(np.float64)
        self._scale = max(1.0, float(np.abs(gain).max(initial=0)) / LARGEST_COST)
        self._cost = -gain / self._scale
        now, most = groups.now[self.columns], groups.most[self.columns]
        whether = np.ones(len(self.opens) + self._overs, np.int64)
        upper = [most - now, now[self.stays], whether]
        self._upper = np.concatenate(upper).astype(np.float64)

    def _group_rows(self) -> None:
        groups = self.groups
        for group, variables in _by(groups.group[self._column], self._variable):
            low, high = float(groups.placed[group]), float(groups.size[group])
            self._rows.add(variables, np.ones(len(variables)), low, high)

    def _column_rows(self) -> None:
        """A bin that costs something is in use as soon as anything is in it or its parts."""
        groups = self.groups
        place = groups.place[self._column]
        for where in (place, groups.parent[place]):
            opened = np.where(where == NOWHERE, NOWHERE, self._opened[where])
            of_opened = np.flatnonzero(opened != NOWHERE)
            if len(of_opened) <= SINGLE_ROWS:
                for at in of_opened.tolist():
                    variable = self._variable[at]
                    pair = np.array([variable, opened[at]])
                    self._rows.add(pair, np.array([1.0, -self._upper[variable]]), -np.inf, 0)
                continue
            for bin_, variables in _by(opened[of_opened], self._variable[of_opened]):
                most = min(float(self._upper[variables].sum()), float(groups.size.sum()))
                row = np.append(variables, bin_)
                self._rows.add(row, np.append(np.ones(len(variables)), -most), -np.inf, 0)

    def _room_rows(self) -> None:
        groups = self.groups
        place = groups.place[self._column]
        parent = groups.parent[place]
        inner = parent != NOWHERE
        variables = np.concatenate([self._variable, self._variable[inner]])
        where = np.concatenate([place, parent[inner]])
        group = groups.group[self._column]
        which = np.concatenate([group, group[inner]])
        parts: dict[int, list[int]] = {}
        for part in self.opens.tolist():
            if groups.takes[part].any():
                parts.setdefault(int(groups.parent[part]), []).append(part)
        for at, positions in _by(where, np.arange(len(where))):
            inside = parts.get(at, [])
            for dimension in range(groups.capacity.shape[1]):
                weight = groups.demand[which[positions], dimension]
                row = np.concatenate([variables[positions], self._opened[inside]]).astype(np.int64)
                whole = np.concatenate([weight, groups.takes[inside, dimension]]).astype(np.int64)
                self._room_row(at, dimension, row, whole)
                self._nothing_new(at, dimension, variables[positions])

    def _room_row(self, place: int, dimension: int, row: Ints, weight: Ints) -> None:
        asks = weight > 0
        row, weight = row[asks], weight[asks]
        over = int(self.groups.over[place, dimension])
        raised = int(self.groups.capacity[place, dimension])
        capacity = raised - over
        if float(weight @ self._upper[row]) <= capacity:
            return
        scale = math.gcd(*weight.tolist())
        capacity, raised = capacity // scale, raised // scale
        # Amounts may be bytes: the solver's tolerances are made for numbers near one.
        unit = max(1.0, capacity / 1e4)
        value = weight / scale / unit
        opened = self._opened[place]
        high = capacity / unit
        if opened != NOWHERE:
            row, value, high = np.append(row, opened), np.append(value, -high), 0.0
        if over:
            row = np.append(row, self._room_over[place, dimension])
            value = np.append(value, (capacity - raised) / unit)
        number = self._rows.add(row, value, -np.inf, high)
        self._rows.room[number] = (place, dimension, scale * unit)
        if over:
            self._rows.over[int(row[-1])] = number

    def _nothing_new(self, place: int, dimension: int, variables: Ints) -> None:
        """What asks for an amount of which a bin has too little comes only if it has enough then.

        `variables`: of the columns in the bin and its parts.
        """
        over = self._room_over.get((place, dimension))
        if over is None:
            return
        groups = self.groups
        come = variables[variables < len(self.columns)]
        column = self._column[come]
        bins = groups.place[column]
        used = np.bincount(groups.place, groups.now, len(groups.parent)) > 0
        opens = (bins != place) & ~used[bins] & (groups.takes[bins, dimension] > 0)
        asks = opens | (groups.demand[groups.group[column], dimension] > 0)
        come = come[asks]
        most = min(float(self._upper[come].sum()), float(groups.size.sum()))
        if most > 0:
            self._rows.add(
                np.append(come, over), np.append(np.ones(len(come)), most), -np.inf, most
            )

    def _limit_rows(self) -> None:
        groups = self.groups
        for number, most in enumerate(groups.limit_most):
            domain_of = np.full(len(groups.group), NOWHERE)
            domain_of[groups.limit_columns[number]] = groups.limit_domains[number]
            domains = domain_of[self._column]
            inside = domains != NOWHERE
            for domain, variables in _by(domains[inside], self._variable[inside]):
                over = int(groups.limit_over[number][domain])
                high = float(most[domain] - over)
                if self._upper[variables].sum() <= high:
                    continue
                row, value = variables, np.ones(len(variables))
                if over:
                    row = np.append(row, self._limit_over[number, domain])
                    value = np.append(value, -float(over))
                    self._nobody_new(number, domain, variables)
                at = self._rows.add(row, value, -np.inf, high)
                self._rows.limits[at] = (number, domain)
                if over:
                    self._rows.over[int(row[-1])] = at

    def _nobody_new(self, number: int, domain: int, variables: Ints) -> None:
        """As many of a group as are in a domain now, or as may if it is not over then."""
        groups = self.groups
        over = self._limit_over[number, domain]
        for group, own in _by(groups.group[self._column[variables]], variables):
            there = float(groups.now[np.unique(self._column[own])].sum())
            most = min(float(self._upper[own].sum()), float(groups.size[group]))
            if most > there:
                value = np.append(np.ones(len(own)), most - there)
                self._rows.add(np.append(own, over), value, -np.inf, most)

    def _values(self, start: Ints) -> Floats:
        """Return the variables of a solution: who can stay, stays."""
        groups = self.groups
        count = start[self.columns]
        stay = np.minimum(count, groups.now[self.columns])
        used = np.zeros(len(groups.capacity), np.bool_)
        used[groups.place[np.flatnonzero(start)]] = True
        above = groups.parent[used]
        used[above[above != NOWHERE]] = True
        over = np.zeros(self._overs)
        parts = [count - stay, stay[self.stays], used[self.opens], over]
        values = np.concatenate(parts).astype(np.float64)
        for variable, row in self._rows.over.items():
            values[variable] = self._rows.exceeds(row, values)
        return values

    def _count(self, values: Floats) -> Ints:
        count = np.zeros(len(self.groups.group), np.int64)
        found = np.rint(values).astype(np.int64)
        np.add.at(count, self._column, found[self._variable])
        return count

    def _solver(self, time_s: float, *, relaxed: bool) -> _Solver:
        solver = _Solver()  # type: ignore[no-untyped-call]
        for name, wanted in (
            ("threads", 1),
            ("random_seed", SEED),
            ("time_limit", max(time_s, 0.01)),
        ):
            solver.setOptionValue(name, wanted)
        model = highspy.HighsLp()
        model.num_col_ = len(self._cost)
        model.num_row_ = len(self._rows.low)
        model.col_cost_ = self._cost
        model.col_lower_ = np.zeros(len(self._cost))
        model.col_upper_ = self._upper
        model.row_lower_ = np.array(self._rows.low)
        model.row_upper_ = np.array(self._rows.high)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *map(len, self._rows.index)]).astype(np.int32)
        model.a_matrix_.index_ = np.concatenate([np.zeros(0, np.int64), *self._rows.index]).astype(
            np.int32
        )
        model.a_matrix_.value_ = np.concatenate([np.zeros(0), *self._rows.value])
        if not relaxed:
            model.integrality_ = [highspy.HighsVarType.kInteger] * len(self._cost)
        solver.passModel(model)
        if self._is_given_up is not None:
            solver.end_when(self._is_given_up)
        return solver


class _Solver(highspy.Highs):
    """HiGHS, which says nothing on standard output."""

    def enableCallbacks(self) -> None:  # noqa: N802 - its own name
        """Be silent first: the constructor calls this, and it prints."""
        self.silent()
        super().enableCallbacks()  # type: ignore[no-untyped-call]

    def end_when(self, is_given_up: GivenUp) -> None:
        """Ask again and again, and end as at the time limit once it says so."""

        def look(event: Any) -> None:
            if is_given_up():
                event.interrupt()

        self.cbMipInterrupt += look
        self.cbSimplexInterrupt += look


class _Rows:
    """The rows so far, which has the price of what, and which each variable of `over` is for."""

    def __init__(self) -> None:
        self.index: list[npt.NDArray[np.int64]] = []
        self.value: list[Floats] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.room: dict[int, tuple[int, int, float]] = {}
        self.limits: dict[int, tuple[int, int]] = {}
        self.over: dict[int, int] = {}

    def add(self, index: Ints, value: Floats, low: float, high: float) -> int:
        self.index.append(index)
        self.value.append(value)
        self.low.append(low)
        self.high.append(high)
        return len(self.low) - 1

    def exceeds(self, row: int, values: Floats) -> bool:
        return bool(self.value[row] @ values[self.index[row]] > self.high[row])


def _by(keys: Ints, values: Ints) -> list[tuple[int, Ints]]:
    """Return values by key, in ascending order of keys."""
    if not len(keys):
        return []
    order = np.argsort(keys, kind="stable")
    found, first = np.unique(keys[order], return_index=True)
    return list(zip(found.tolist(), np.split(values[order], first[1:]), strict=True))
