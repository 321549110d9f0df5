"""An upper bound that holds whatever the solver says: Lagrangian relaxation of room. Pure.

Every unit of room gets a price of at least 0. Each group then takes its best places at those
prices, as if there were no other; what the room is worth in all comes on top. For *any* prices no
assignment is worth more (weak duality), so the bound needs no trust in where the prices come from:
a linear program's duals, or the subgradient steps here.

It is tighter than the linear program where a group's members crowd each other out of a bin: no
column has more than whole members that fit alone.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from skerry_hub.balance.groups import Floats, Groups
from skerry_hub.balance.problem import NOWHERE

ROUNDING = 1e-9
"""Of what is summed up: beyond what sums of float64 can be wrong by."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """Of a unit of room [B, R], and of one member in each limit's domains [L][D]; none negative."""

    room: Floats
    limits: tuple[Floats, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relaxed:
    """What the relaxation says at some prices.

    `bound` is not below any assignment's value. `slack` [E]: a solution that puts at least one more
    member into the column is worth at most `bound` less this. `last` [G] is what the last member
    of each group gains; `regret` [E] how much more that is than staying in the column. `taken` [E]
    is what each column holds in the relaxation, `open` [B] whether a bin is in use.
    """

    prices: Prices
    bound: float
    slack: Floats
    last: Floats
    regret: Floats
    taken: Floats
    open: Floats


def free(groups: Groups) -> Prices:
    """Return prices of zero: every group as if it were alone."""
    limits = tuple(np.zeros(len(most)) for most in groups.limit_most)
    return Prices(room=np.zeros(groups.capacity.shape), limits=limits)


def relax(groups: Groups, prices: Prices) -> Relaxed:
    """Return the relaxation's best at some prices."""
    worth = groups.score - _rent(groups, prices)
    slack = np.zeros(len(worth))
    regret = np.zeros(len(worth))
    taken = np.zeros(len(worth))
    last = np.zeros(len(groups.members))
    total, size = float(groups.constant), float(abs(groups.constant))
    for group in range(len(groups.members)):
        columns = slice(int(groups.start[group]), int(groups.start[group + 1]))
        found = _best(groups, group, worth[columns])
        total += found.total
        size += found.size
        slack[columns], regret[columns], taken[columns] = found.slack, found.regret, found.taken
        last[group] = found.last
    opened, gained = _open(groups, prices)
    limits = sum(
        float(price @ most) for price, most in zip(prices.limits, groups.limit_most, strict=True)
    )
    bound = total + gained + limits
    bound += ROUNDING * (size + abs(gained) + limits + 1)
    return Relaxed(
        prices=prices,
        bound=bound,
        slack=slack,
        last=last,
        regret=regret,
        taken=taken,
        open=opened,
    )


def descend(groups: Groups, prices: Prices, target: float, steps: int) -> Relaxed:
    """Lower the bound by subgradient steps toward `target`, a value that is known to be reached.

    Polyak's step, shortened when the bound stops falling. Returns the lowest that was seen.
    """
    best = relax(groups, prices)
    at, here = prices, best
    length, since = 0.5, 0
    scale = np.maximum(groups.capacity, 1).astype(np.float64)
    for _ in range(steps):
        room, limits = _excess(groups, here)
        room /= scale
        norm = float((room**2).sum()) + sum(float((one**2).sum()) for one in limits)
        if norm <= 0 or here.bound - target < 1:
            break
        step = length * (here.bound - target) / norm
        at = Prices(
            room=np.maximum(at.room + step * room / scale, 0),
            limits=tuple(
                np.maximum(price + step * one, 0)
                for price, one in zip(at.limits, limits, strict=True)
            ),
        )
        here = relax(groups, at)
        since += 1
        if here.bound < best.bound:
            best, since = here, 0
        elif since >= 4:
            length, since, at, here = length / 3, 0, best.prices, best
    return best


def whole(bound: float) -> int:
    """Return a bound of what is counted in whole numbers."""
    return math.floor(bound + 1e-6)


def _rent(groups: Groups, prices: Prices) -> Floats:
    """Return what one member pays for its room in each column."""
    rent = np.zeros(len(groups.group))
    parent = groups.parent[groups.place]
    inner = parent != NOWHERE
    for dimension in range(groups.capacity.shape[1]):
        demand = groups.demand[groups.group, dimension]
        price = prices.room[:, dimension]
        rent += demand * (price[groups.place] + np.where(inner, price[parent], 0))
    for columns, domains, price in zip(
        groups.limit_columns, groups.limit_domains, prices.limits, strict=True
    ):
        rent[columns] += price[domains]
    return rent


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Best:
    total: float
    size: float
    last: float
    slack: Floats
    regret: Floats
    taken: Floats


def _best(groups: Groups, group: int, worth: Floats) -> _Best:
    """Return the best places of one group at given worths: the dearest units first.

    A unit that stays is worth `move_cost` more than one that comes. As many as have a place must
    be taken; more only while they gain.
    """
    columns = slice(int(groups.start[group]), int(groups.start[group + 1]))
    now, most = groups.now[columns], groups.most[columns]
    size, placed = int(groups.size[group]), int(groups.placed[group])
    stays = np.flatnonzero(now)
    comes = np.flatnonzero(most > now)
    column = np.concatenate([stays, comes])
    amount = np.concatenate([now[stays], (most - now)[comes]])
    gain = np.concatenate([worth[stays] + groups.move_cost[group], worth[comes]])
    if len(gain) > size:
        # Every unit holds at least one member: more units than members are never needed.
        chosen = np.sort(np.argpartition(-gain, size - 1)[:size])
        column, amount, gain = column[chosen], amount[chosen], gain[chosen]
    order = np.argsort(-gain, kind="stable")
    column, amount, gain = column[order], amount[order], gain[order]
    ends = np.cumsum(amount)
    room = np.where(gain > 0, size, placed)
    take = np.clip(room - (ends - amount), 0, amount)
    taken = np.zeros(len(worth))
    np.add.at(taken, column, take)
    last = _last(gain, ends, size, placed)
    slack = np.where(most > now, last - worth, np.inf)
    regret = np.where(now > 0, last - (worth + groups.move_cost[group]), -np.inf)
    return _Best(
        float((gain * take).sum()), float(np.abs(gain * take).sum()), last, slack, regret, taken
    )


def _last(gain: Floats, ends: Floats, size: int, placed: int) -> float:
    """Return what the member gains whom one more would displace: 0 where it displaces none."""

    def of(number: int) -> float:
        at = int(np.searchsorted(ends, number))
        return float(gain[at]) if at < len(gain) else -np.inf

    needed = min(of(placed), 0.0) if placed else 0.0
    return max(of(size), needed)


def _open(groups: Groups, prices: Prices) -> tuple[Floats, float]:
    """Return which bins are in use, and what their room is worth less what it costs."""
    worth = (prices.room * groups.capacity).sum(axis=1)
    above = np.where(groups.parent != NOWHERE, groups.parent, 0)
    cost = groups.open_cost + (prices.room[above] * groups.takes).sum(axis=1)
    charged = (groups.open_cost > 0) | groups.takes.any(axis=1)
    opened = np.where(charged, worth > cost, True).astype(np.float64)
    gained = np.where(charged, np.maximum(worth - cost, 0), worth)
    return opened, float(gained.sum())


def _excess(groups: Groups, at: Relaxed) -> tuple[Floats, list[Floats]]:
    """Return by how much the relaxation overcommits each bin and domain; negative: what is left."""
    dimensions = groups.capacity.shape[1]
    bins = len(groups.capacity)
    room = np.zeros((bins, dimensions))
    parent = groups.parent[groups.place]
    inner = parent != NOWHERE
    for dimension in range(dimensions):
        amount = groups.demand[groups.group, dimension] * at.taken
        room[:, dimension] = np.bincount(groups.place, amount, bins)
        room[:, dimension] += np.bincount(parent[inner], amount[inner], bins)
    room -= groups.capacity * at.open[:, None]
    parts = np.flatnonzero(groups.parent != NOWHERE)
    np.add.at(room, groups.parent[parts], groups.takes[parts] * at.open[parts, None])
    limits: list[Floats] = []
    for columns, domains, most in zip(
        groups.limit_columns, groups.limit_domains, groups.limit_most, strict=True
    ):
        found = np.zeros(len(most))
        np.add.at(found, domains, at.taken[columns])
        limits.append(found - most)
    return room, limits
