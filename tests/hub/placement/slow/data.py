"""Where datasets lie, and how long they take to be elsewhere."""

from collections.abc import Iterator
from fractions import Fraction

from tests.hub.placement.slow.fleet import Fleet, Reason, is_in

from skerry_hub.documents import Dataset
from skerry_hub.model import Node, Workload

HALF_S = 60
"""Data that is so long on its way fulfils half of a wish to be near it."""


def reasons(fleet: Fleet, load: Workload, node: Node) -> Iterator[Reason]:
    """Give what is not here, or not soon enough."""
    for need in load.placement.data:
        name, dataset = f"data {need.dataset}", fleet.dataset(need.dataset)
        if dataset is None:
            yield Reason(name, (need.dataset,))
            continue
        if lies_on(dataset, node):
            continue
        takes_s, most_s = transfer_s(dataset), need.max_transfer_s
        if need.local:
            yield Reason(name, (need.dataset,))
        elif most_s is not None and takes_s > most_s:
            says = f"{float(takes_s):.0f} s", f"{most_s:g} s"
            yield Reason(name, says, round(float(takes_s) - most_s, 3))


def lies_on(dataset: Dataset, node: Node) -> bool:
    """Say whether a dataset lies on a node."""
    return any(is_in(node, topology, domains) for topology, domains in dataset.places.items())


def transfer_s(dataset: Dataset) -> Fraction:
    """Return how long a dataset is on its way, in seconds."""
    return Fraction(dataset.size_bytes * 8) / Fraction(dataset.bandwidth_mbit * 10**6)


def closeness(fleet: Fleet, node: Node, name: str, scale: int) -> int:
    """Return how much of a wish to be near a dataset is fulfilled, of so many points."""
    dataset = fleet.dataset(name)
    if dataset is None:
        return 0
    if lies_on(dataset, node):
        return scale
    return scale * HALF_S // (HALF_S + round(transfer_s(dataset)))
