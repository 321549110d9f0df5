"""What is to be balanced: items, bins, and what each place is worth. Pure; knows no node or engine.

An **item** is an instance, a **bin** a node or one device of a node. Amounts are int64 in as many
dimensions as the caller likes (cpu, memory, whole devices of a kind), all checked exactly.

What is exact for devices: whole ones are a dimension, their count. A device that items share is a
bin of its own, whose `parent` is its node: an item in it takes its demand from both. As long as
anything is in it, it also takes `takes` of its parent (one whole device), so that shared and whole
use of equal devices exclude each other without saying which device is which. What is *not*
modelled: several shares for one item, which whole device an item gets (attributes, NUMA), affinity
to others. Whoever applies a result checks each step against the engine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Assignment = tuple[int, ...]
"""The bin of each item, by index; NOWHERE for one that has no place."""

NOWHERE = -1
MAX_SCORE = 2**40
MAX_ITEMS = 2**20
MAX_BINS = 2**21
MAX_TOTAL = 2**62
"""Sums of amounts over all items or bins stay below, so that int64 never wraps."""


class ProblemError(ValueError):
    """Says which item, bin or limit is wrong, and why."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Item:
    """Something that has one place, or none yet.

    `demand`: [R]. `bins`: those it may be in, ascending; `scores`: what each is worth, same length.
    Equal items should share these arrays. An item at `current` (an index, which has to be among its
    bins) keeps a place, and pays `move_cost` for another one; one at NOWHERE may stay without,
    which is worth 0.
    """

    id: str
    demand: Ints
    bins: Ints
    scores: Ints
    current: int = NOWHERE
    move_cost: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bin:
    """A place with room `capacity` [R]; `open_cost` is paid once if anything is in it.

    `parent` is the index of the bin that this one is a part of, `takes` [R] what it takes of it
    while anything is in it. A parent has no parent.
    """

    id: str
    capacity: Ints
    open_cost: int = 0
    parent: int = NOWHERE
    takes: Ints | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limit:
    """At most so many of some items in each domain.

    `items`: their indices. `domains` has each bin's domain, NOWHERE for none; `most` [D] each
    domain's number. One instance a node is a limit whose domains are the nodes, with `most` of 1.
    """

    items: Ints
    domains: Ints
    most: Ints


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Maximise the scores less the costs of moves and of bins in use.

    What holds more than it may at present (its node shrank) may keep it, and takes nothing new
    unless so much leaves that all is within room then. Raises ProblemError where the parts do not
    fit together.
    """

    items: Sequence[Item]
    bins: Sequence[Bin]
    limits: Sequence[Limit] = ()

    def __post_init__(self) -> None:
        if len(self.items) > MAX_ITEMS or len(self.bins) > MAX_BINS:
            raise ProblemError(f"more than {MAX_ITEMS} items or {MAX_BINS} bins")
        _check_bins(self.bins)
        _check_items(self.items, self.bins)
        for number, limit in enumerate(self.limits):
            _check_limit(f"limit {number}", limit, len(self.items), len(self.bins))

    @property
    def present(self) -> Assignment:
        """Where everything is."""
        return tuple(item.current for item in self.items)


def value(problem: Problem, assignment: Sequence[int]) -> int:
    """Return what an assignment is worth, exactly.

    Raises ProblemError when an item is where it may not be, or lost its place. Says nothing about
    room: `load.Load` does.
    """
    total = 0
    used: set[int] = set()
    for item, place in zip(problem.items, assignment, strict=True):
        if place == NOWHERE:
            if item.current != NOWHERE:
                raise ProblemError(f"item {item.id}: has lost its place")
            continue
        total += score_at(item, place)
        total -= item.move_cost if item.current not in (NOWHERE, place) else 0
        used.add(place)
    used |= {problem.bins[place].parent for place in used} - {NOWHERE}
    return total - sum(problem.bins[place].open_cost for place in used)


def score_at(item: Item, place: int) -> int:
    """Return what a bin is worth to an item; ProblemError where it may not be."""
    at = int(np.searchsorted(item.bins, place))
    if at == len(item.bins) or item.bins[at] != place:
        raise ProblemError(f"item {item.id}: may not be in bin {place}")
    return int(item.scores[at])


def _check_bins(bins: Sequence[Bin]) -> None:
    if not bins:
        raise ProblemError("there is no bin")
    shape = bins[0].capacity.shape
    total = np.zeros(shape, np.float64)
    for one in bins:
        where = f"bin {one.id}"
        _check_amounts(f"{where}: capacity", one.capacity, shape)
        total += one.capacity
        if not 0 <= one.open_cost <= MAX_SCORE:
            raise ProblemError(f"{where}: open_cost {one.open_cost} is not from 0 to {MAX_SCORE}")
        if one.takes is not None:
            _check_amounts(f"{where}: takes", one.takes, shape)
        if one.parent == NOWHERE:
            if one.takes is not None:
                raise ProblemError(f"{where}: takes something, but has no parent")
        elif not 0 <= one.parent < len(bins) or bins[one.parent].parent != NOWHERE:
            raise ProblemError(f"{where}: parent {one.parent} is no bin without a parent")
    if (total >= MAX_TOTAL).any():
        raise ProblemError("the bins' capacities are too large together")


def _check_items(items: Sequence[Item], bins: Sequence[Bin]) -> None:
    shape = bins[0].capacity.shape
    total = np.zeros(shape, np.float64)
    seen: set[tuple[int, int]] = set()
    for item in items:
        where = f"item {item.id}"
        _check_amounts(f"{where}: demand", item.demand, shape)
        total += item.demand
        if (id(item.bins), id(item.scores)) not in seen:
            _check_places(where, item, len(bins))
            seen.add((id(item.bins), id(item.scores)))
        if not 0 <= item.move_cost <= MAX_SCORE:
            raise ProblemError(f"{where}: move_cost {item.move_cost} is not from 0 to {MAX_SCORE}")
        if item.current != NOWHERE:
            score_at(item, item.current)
    if (total >= MAX_TOTAL).any():
        raise ProblemError("the items' demands are too large together")


def _check_places(where: str, item: Item, bins: int) -> None:
    for name, given in (("bins", item.bins), ("scores", item.scores)):
        if given.dtype != np.int64 or given.ndim != 1 or len(given) != len(item.bins):
            raise ProblemError(f"{where}: {name} is not int64 of the length of its bins")
    if not len(item.bins):
        return
    if item.bins[0] < 0 or item.bins[-1] >= bins or (np.diff(item.bins) <= 0).any():
        raise ProblemError(f"{where}: bins are not ascending indices below {bins}")
    if int(np.abs(item.scores).max()) > MAX_SCORE:
        raise ProblemError(f"{where}: a score is beyond {MAX_SCORE}")


def _check_amounts(where: str, given: Ints, shape: tuple[int, ...]) -> None:
    if given.dtype != np.int64 or given.ndim != 1 or given.shape != shape:
        raise ProblemError(f"{where} is not int64 of shape {shape}")
    if (given < 0).any() or (given >= MAX_TOTAL).any():
        raise ProblemError(f"{where} has an amount that is not from 0 to {MAX_TOTAL - 1}")


def _check_limit(where: str, limit: Limit, items: int, bins: int) -> None:
    for name, given in (("items", limit.items), ("domains", limit.domains), ("most", limit.most)):
        if given.dtype != np.int64 or given.ndim != 1:
            raise ProblemError(f"{where}: {name} is not int64 in one dimension")
    if len(limit.domains) != bins or (limit.domains < NOWHERE).any():
        raise ProblemError(f"{where}: domains are not one of each of {bins} bins, from {NOWHERE}")
    if (limit.domains >= len(limit.most)).any() or (limit.most < 0).any():
        raise ProblemError(f"{where}: a domain has no number in most, or a negative one")
    if len(np.unique(limit.items)) != len(limit.items):
        raise ProblemError(f"{where}: an item is named twice")
    if len(limit.items) and not 0 <= limit.items.min() <= limit.items.max() < items:
        raise ProblemError(f"{where}: an item is beyond the number of items")
