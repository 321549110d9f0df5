"""Where other instances are: at most so many, affinity, spread, and who wants none beside it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction

from tests.hub.placement.slow.fleet import Fleet, Reason, domain, selects

from skerry_hub.model import Node, Workload
from skerry_hub.terms import Affinity, AtMost, Spread


def counts(fleet: Fleet, topology: str, workloads: Iterable[str]) -> Counter[str]:
    """Return how many instances of some workloads are in each domain."""
    names, found = set(workloads), Counter()
    for node in fleet.nodes:
        where = domain(node, topology)
        if where is not None:
            found[where] += sum(one.workload in names for one in fleet.on(node))
    return found


def others(fleet: Fleet, load: Workload, term: Affinity) -> set[str]:
    """Return the workloads that a term is about, by name; its own may be one."""
    if term.workload:
        return {term.workload}
    everybody = [*fleet.workloads.values(), load]
    return {one.name for one in everybody if is_about(term, one)}


def is_about(term: Affinity, load: Workload) -> bool:
    """Say whether a term is about a workload."""
    return term.workload == load.name if term.workload else selects(term.selector, load)


def reasons(fleet: Fleet, load: Workload, node: Node, able: list[Node]) -> Iterator[Reason]:
    """Give what other instances keep the node from.

    `able` are the nodes that could take an instance, were it not for others.
    """
    asked = load.placement
    for at_most in asked.at_most:
        yield from _full(fleet, load, node, at_most)
    for term in asked.affinity:
        if not term.weight:
            yield from _disagrees(fleet, load, node, term)
    for spread in asked.spread:
        if not spread.weight:
            yield from _uneven(fleet, load, node, spread, able)
    repelling: dict[str, set[str]] = {}
    for other in fleet.workloads.values():
        if other.name != load.name:
            for topology in _repels(fleet, other, load, node):
                repelling.setdefault(topology, set()).add(other.name)
    for topology, names in repelling.items():
        who = tuple(names) if len(names) == 1 else ()
        yield Reason(f"antiAffinity of others by {topology}", (word(node, topology), *who))


def word(node: Node, topology: str) -> str:
    """Return a node's domain as people know it."""
    where = domain(node, topology)
    return f"no {topology}" if where is None else f"{topology} {where}"


def _full(fleet: Fleet, load: Workload, node: Node, term: AtMost) -> Iterator[Reason]:
    where = domain(node, term.topology)
    there = counts(fleet, term.topology, [load.name])[where]
    if where is not None and there >= term.count:
        yield Reason(str(term), (str(there), str(term.count), word(node, term.topology)))


def _disagrees(fleet: Fleet, load: Workload, node: Node, term: Affinity) -> Iterator[Reason]:
    names = others(fleet, load, term)
    waiting = not term.anti and not any(fleet.of(name) for name in names)
    if waiting and _wait(fleet, load, names):
        names = names | {load.name}
    where, about = domain(node, term.topology), term.workload or term.selector
    there = 0 if where is None else counts(fleet, term.topology, names)[where]
    if term.anti:
        if there:
            yield Reason(str(term), (str(there), about, word(node, term.topology)))
        return
    anywhere = sum(counts(fleet, "node", names).values())
    may_be_first = where is not None and load.name in names and anywhere == 0
    if not there and not may_be_first:
        yield Reason(str(term), (about, word(node, term.topology)))


def _wait(fleet: Fleet, load: Workload, names: set[str]) -> bool:
    """Say whether all of these wait, because they must be near it, for a workload."""

    def waits(name: str, through: frozenset[str]) -> bool:
        other = fleet.workloads.get(name)
        if other is None or name in through or fleet.of(name):
            return False
        musts = [one for one in other.placement.affinity if not (one.anti or one.weight)]
        if other.mode == "replicated" and not other.replicas:
            return False
        return any(
            is_about(one, load) or (one.workload and waits(one.workload, through | {name}))
            for one in musts
        )

    return bool(names) and all(waits(name, frozenset()) for name in names)


def _repels(fleet: Fleet, other: Workload, load: Workload, node: Node) -> Iterator[str]:
    """Give by which topologies another workload, which is placed, does not want this one near."""
    for term in other.placement.affinity:
        if not term.anti or term.weight or not is_about(term, load):
            continue
        where = domain(node, term.topology)
        if where is not None and counts(fleet, term.topology, [other.name])[where]:
            yield term.topology


def _uneven(
    fleet: Fleet, load: Workload, node: Node, term: Spread, able: list[Node]
) -> Iterator[Reason]:
    where = domain(node, term.topology)
    if where is None:
        yield Reason(str(term), (word(node, term.topology),))
        return
    there = counts(fleet, term.topology, [load.name])
    shares = shares_of(fleet, load, term, able)
    if not shares:
        return  # The node itself refuses, for what made no domain eligible.
    least = min(shares.values())
    if Fraction(there[where] + 1, weight_of(term, where)) - least <= term.max_skew:
        return
    says = (str(there[where]), word(node, term.topology), str(term.max_skew))
    fewest = [name for name, share in shares.items() if share == least]
    if len(fewest) == 1:
        says = (*says, str(there[fewest[0]]), f"{term.topology} {fewest[0]}")
    yield Reason(str(term), says)


def shares_of(fleet: Fleet, load: Workload, term: Spread, able: list[Node]) -> dict[str, Fraction]:
    """Return how much of a workload each domain of able nodes has, against its weight."""
    domains = {domain(one, term.topology) for one in able} - {None}
    mine = counts(fleet, term.topology, [load.name])
    return {one: Fraction(mine[one], weight_of(term, one)) for one in domains}


def weight_of(term: Spread, where: str) -> int:
    """Return how much of a workload belongs into a domain, beside the others."""
    return term.weights.get(where, 1)
