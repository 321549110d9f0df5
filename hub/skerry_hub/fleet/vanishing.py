"""Who fell silent together. Pure.

Nodes that vanish at once, with most of the fleet or with all of their site, have mostly lost their
network and not themselves. All here is by last signs of life: times, one a node.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Numbers, Seconds


@dataclasses.dataclass(frozen=True, slots=True)
class Together:
    """Of some nodes: how many vanished with each, itself too, and how many were there then."""

    gone: Counts
    there: Counts

    @property
    def most(self) -> Mask:
        """Say where that is more than half of those, and more than the node alone."""
        found: Mask = (2 * self.gone > self.there) & (self.gone > 1)
        return found

    @property
    def all(self) -> Mask:
        """Say where that is all of those, and more than the node alone."""
        found: Mask = (self.gone == self.there) & (self.gone > 1)
        return found


def together(heard: Seconds, own: Seconds, window: Seconds) -> Together:
    """Return who of all nodes (`heard`) vanished with each of some (`own`, and `window`).

    Who was last heard no earlier than that node, less the window, was there; who was heard
    after it, and the window, too, is there now.
    """
    ordered = np.sort(heard)
    first = np.searchsorted(ordered, own - window, "left")
    last = np.searchsorted(ordered, own + window, "right")
    return Together((last - first).astype(np.int64), (len(ordered) - first).astype(np.int64))


def together_at(
    heard: Seconds, sites: Numbers, some: Numbers, own: Seconds, window: Seconds
) -> Together:
    """Return the same among the nodes of each one's site; `some` are the numbers of those nodes.

    Of a node of site 0, which is none, there is nobody.
    """
    order = np.lexsort((heard, sites))
    by_site, ordered = sites[order], heard[order]
    gone, there = (np.zeros(len(some), np.int64) for _ in range(2))
    for at, index in enumerate(some.tolist()):
        site = sites[index]
        if not site:
            continue
        start, end = np.searchsorted(by_site, site, "left"), np.searchsorted(by_site, site, "right")
        times = ordered[start:end]
        first = np.searchsorted(times, own[at] - window[at], "left")
        gone[at] = np.searchsorted(times, own[at] + window[at], "right") - first
        there[at] = len(times) - first
    return Together(gone, there)
