"""What an apply places, and how it mends a skew: by one move after the other that makes it less."""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

from tests.hub.placement.slow.devices import ways
from tests.hub.placement.slow.fleet import Fleet, assigned, domain
from tests.hub.placement.slow.placing import best, place
from tests.hub.placement.slow.reasons import fixed
from tests.hub.placement.slow.terms import counts, shares_of, weight_of

from skerry_hub.model import Hold, Node, Workload
from skerry_hub.terms import Spread

Held = Callable[[str, Node], Iterable[Hold]]
"""Which devices an instance gets on the node where it ends up; none on another."""


def filled(fleet: Fleet, load: Workload, was: list[str], held: Held) -> Fleet:
    """Return the fleet with what is missing, and no skew in it that a move mends.

    `was` are the instances that there were: those that had to leave are placed before new ones.
    Moves may make room for more.
    """
    while True:
        there = {one.id for one in fleet.of(load.name)}
        new = [f"{load.name}-{index}" for index in range(load.replicas + len(was))]
        names = [*sorted(was), *(name for name in new if name not in was)]
        missing = [name for name in names if name not in there]
        missing = missing[: max(0, load.replicas - len(there))]
        full = _having(fleet, load, missing, held)
        fleet = mended(full, load, sorted({*was, *new}), held)
        if fleet == full or len(fleet.of(load.name)) == load.replicas:
            return fleet


def _having(fleet: Fleet, load: Workload, names: list[str], held: Held) -> Fleet:
    """Return the fleet with more instances, as many of them as find a node."""
    to = place(fleet, load, len(names), lambda index, node: held(names[index], node))
    for name, where in zip(names, to, strict=False):
        node = fleet.node(where)
        holds = tuple(held(name, node)) or tuple(ways(fleet, load, node)[0])
        fleet = fleet.having(assigned(load, name, where, holds))
    return fleet


def mended(fleet: Fleet, load: Workload, order: list[str], held: Held) -> Fleet:
    """Return the fleet after all moves; `order` has the workload's instances, the newest last."""
    while True:
        before = surplus(fleet, load)
        moves = [_moved(fleet, load, name, held) for name in _crowded(fleet, load, order)]
        better = [one for one in moves if one and surplus(one, load) < before]
        if not better:
            return fleet
        fleet = better[0]


def surplus(fleet: Fleet, load: Workload) -> int:
    """Return how many would have to leave their domains, all hard spreads together."""
    return sum(sum(too_many(fleet, load, term).values()) for term in _hard(load))


def too_many(fleet: Fleet, load: Workload, term: Spread) -> dict[str, int]:
    """Return how many would have to leave each domain, to be within the skew."""
    able = [one for one in fleet.nodes if not any(fixed(fleet, load, one))]
    there = counts(fleet, term.topology, [load.name])
    least = min(shares_of(fleet, load, term, able).values(), default=None)
    if least is None:
        return {}
    most = {
        one: math.floor((Fraction(least) + term.max_skew) * weight_of(term, one)) for one in there
    }
    return {one: max(0, there[one] - most[one]) for one in there}


def _hard(load: Workload) -> list[Spread]:
    return [term for term in load.placement.spread if not term.weight]


def _crowded(fleet: Fleet, load: Workload, order: list[str]) -> list[str]:
    """Return who is where too many are: the fullest domain first, in it the newest first."""
    found = []
    for term in _hard(load):
        over = too_many(fleet, load, term)
        at = {
            one.id: domain(fleet.node(one.node), term.topology)
            for one in fleet.of(load.name)
            # What a node has not told is not known.
            if fleet.node(one.node).capability is not None
        }
        for where in sorted(over, key=lambda one: (-over[one], one)):
            if over[where]:
                found += [name for name in reversed(order) if at.get(name) == where]
    return found


def _moved(fleet: Fleet, load: Workload, name: str, held: Held) -> Fleet | None:
    """Return the fleet after an instance went to its best node, None where none takes it."""
    rest = fleet.without(name)
    to = best(rest, load)
    if to is None:
        return None
    node = fleet.node(to)
    holds = tuple(held(name, node)) or tuple(ways(rest, load, node)[0])
    return rest.having(assigned(load, name, to, holds))
