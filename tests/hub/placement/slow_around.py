"""What counts beside nodes and workloads: documents, a network, the clock, what the hub goes by."""

import dataclasses
import functools
from collections.abc import Sequence

from skerry_hub.documents import Document
from skerry_hub.latency import Network

MEASURED = (
    {"n0": {"n1": 5.0, "n2": 20.0, "endpoint/e": 30.0}, "n1": {"n2": 12.0, "endpoint/e": 5.0}},
    {
        f"n{i}": {f"n{j}": 4.0 + 3 * i + 5 * j for j in range(6) if j != i}
        | {"endpoint/e": 9.0 * i + 1}
        for i in range(5)
    },
    {f"n{i}": {"endpoint/e": 10.0 * (i + 1), "endpoint/x": 70.0} for i in range(8)},
)


@functools.cache
def network_of(number):
    """Return a network, made once: the first is one of which nothing is known."""
    return Network.of(MEASURED[number - 1]) if number else Network()


def times_of(number):
    """Return what gives the slow placer a network's times: one pair at a time."""

    def time(node, place):
        ms, error = network_of(number).between(place, [node])
        return None if ms[0] != ms[0] else (float(ms[0]), float(error[0]))

    return time


@dataclasses.dataclass(frozen=True)
class Around:
    """What else counts: documents, a network by its number, the clock, what the hub goes by."""

    documents: Sequence[Document] = ()
    network: int = 0
    now: float = 0.0
    strategy: str = "spread"
    counts_demand: bool = False


NOTHING = Around()
