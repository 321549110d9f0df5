"""What an instance costs an hour on a node, in whole millionths; each part is rounded by itself."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from tests.hub.placement.slow.amounts import money
from tests.hub.placement.slow.data import lies_on
from tests.hub.placement.slow.fleet import Fleet, Reason, labels

from skerry_hub.documents import Dataset, Prices
from skerry_hub.model import Node, Workload

GIB = 2**30
MONTH_H = 720
"""Over so many hours what moving a dataset costs is spread."""
DEAR = 4
"""What costs so many times the median is as dear as can be."""


def reasons(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what the instance would cost too much."""
    most = load.placement.cost.max_per_hour
    if most is None:
        return
    cost, limit = total(fleet, load, node), micro(exact(most))
    if cost > limit:
        missing = round((cost - limit) / 10**6, 6)
        yield Reason("cost", (money(cost), money(limit)), missing)


def total(fleet: Fleet, load: Workload, node: Node) -> int:
    """Return what one more instance costs, with the node's own price where it is the first."""
    opening = 0 if fleet.on(node) else opening_of(fleet, node)
    return running(fleet, load, node) + opening


def opening_of(fleet: Fleet, node: Node) -> int:
    """Return what a node costs by itself while anything runs on it."""
    return micro(exact(fleet.prices(node).node_hour))


def running(fleet: Fleet, load: Workload, node: Node) -> int:
    """Return what an instance costs without the price of its node."""
    prices, here = fleet.prices(node), environment(node)
    found = micro(_resources(prices, load))
    for there, gb in _flows(fleet, load):
        if there != here:
            found += micro(_per_gb(prices, there) * gb)
    for need in load.placement.data:
        dataset = fleet.dataset(need.dataset)
        if dataset is not None and not lies_on(dataset, node):
            found += _moving(fleet, dataset, here)
    return found


def _resources(prices: Prices, load: Workload) -> Fraction:
    wanted = load.resources
    cpus = Fraction(wanted.cpu_milli, 1000)
    kwh = cpus * exact(prices.watts_per_cpu) / 1000
    carbon_kg = kwh * exact(prices.carbon_g_per_kwh) / 1000
    devices = sum(
        exact(prices.device_hour.get(one.kind, 0)) * one.count * one.share_milli / 1000
        for one in wanted.devices
    )
    return (
        cpus * exact(prices.cpu_hour)
        + Fraction(wanted.memory_bytes, GIB) * exact(prices.gib_hour)
        + Fraction(wanted.storage_bytes, GIB) * exact(prices.storage_gib_hour)
        + devices
        + kwh * exact(prices.kwh)
        + carbon_kg * exact(prices.carbon_per_kg)
    )


def _flows(fleet: Fleet, load: Workload) -> Iterator[tuple[str, Fraction]]:
    """Give each environment that is sent to, and how much; a workload's by its instances."""
    for one in load.placement.traffic:
        gb = exact(one.gb_per_hour)
        if one.environment:
            yield one.environment, gb
            continue
        there = [environment(fleet.node(other.node)) for other in fleet.of(one.workload)]
        for name, count in Counter(there).items():
            yield name, gb * count / len(there)


def _moving(fleet: Fleet, dataset: Dataset, here: str) -> int:
    """Return the least price of moving a dataset into an environment, by the hour."""
    sources = [node for node in fleet.nodes if lies_on(dataset, node)]
    per_gb = [
        Fraction(0) if environment(one) == here else _per_gb(fleet.prices(one), here)
        for one in sources
    ]
    return micro(min(per_gb, default=Fraction(0)) * dataset.size_bytes / 10**9 / MONTH_H)


def _per_gb(prices: Prices, to: str) -> Fraction:
    by_name = {one.to: exact(one.per_gb) for one in prices.egress}
    return by_name.get(to, by_name.get("", Fraction(0)))


def environment(node: Node) -> str:
    """Return a node's environment; all that have none are in one."""
    return labels(node).get("environment", "")


def exact(number: float) -> Fraction:
    """Return a number as it is written."""
    return Fraction(str(number))


def micro(amount: Fraction) -> int:
    """Return money in whole millionths."""
    return round(amount * 10**6)


def cheapness(fleet: Fleet, load: Workload, node: Node, scale: int) -> int:
    """Return how much of a wish to be cheap is fulfilled, of so many points.

    All of it at the price of the cheapest node, nothing at that of the dearest, each as if it were
    cheapest and dearest whatever runs there; no node counts as dearer than `DEAR` times the median.
    """
    plain = [running(fleet, load, one) for one in fleet.nodes]
    full = sorted(running(fleet, load, one) + opening_of(fleet, one) for one in fleet.nodes)
    least, median = min(plain), full[len(full) // 2]
    most = max(least, min(full[-1], DEAR * max(median, least + 1)))
    if most == least:
        return scale
    saved = min(max(most - total(fleet, load, node), 0), most - least)
    return saved * scale // (most - least)
