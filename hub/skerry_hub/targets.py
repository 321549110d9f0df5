"""Which round-trip times the hub would like each node to measure: a few peers, and endpoints.

Chosen by hashes on a ring, so that a node that comes or goes changes the targets of few others,
and every endpoint is measured by some where there are too many for all. Pure.
"""

from __future__ import annotations

import bisect
import hashlib
import urllib.parse
from collections.abc import Iterable, Mapping

from skerry_hub.documents import Endpoint
from skerry_hub.latency import NODE, endpoint
from skerry_wire.messages import Target, Targets

PEERS = 8
"""Other nodes that one measures, of those that may be measured."""
MOST = 16
"""Targets of one node, as the message has it."""
MOST_MEASURERS = 64
"""Nodes that measure one of them, about: where few may be measured, most nodes measure none."""

Address = tuple[str, int]


def address_of(text: str | None) -> Address | None:
    """Return host and port of what a node says others may measure; None where it is none."""
    try:
        parts = urllib.parse.urlsplit(f"//{text or ''}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, port) if host and port and len(host) <= 253 else None


class Choice:
    """The targets of every node, for these addresses of nodes and these endpoints."""

    def __init__(
        self, addresses: Mapping[str, Address], endpoints: Iterable[Endpoint], node_count: int
    ) -> None:
        """`node_count` is the number of all nodes, those without an address too."""
        self._addresses = addresses
        self._peers = sorted((_hash("node", node), node) for node in addresses)
        found = (Target(name=endpoint(one.name), host=one.host, port=one.port) for one in endpoints)
        self._endpoints = sorted((_hash("endpoint", one.name), one.name, one) for one in found)
        # To a power of two: a node more or less shall not change the targets of others.
        measurers = PEERS * (1 << max(node_count - 1, 0).bit_length())
        self._share = MOST_MEASURERS * len(addresses) / measurers

    def of(self, node: str) -> Targets:
        """Return the targets of a node."""
        peers = self._peers_of(node)
        return Targets(targets=(*self._endpoints_of(node, MOST - len(peers)), *peers))

    def _peers_of(self, node: str) -> list[Target]:
        found: dict[str, Target] = {}
        if len(self._peers) > (node in self._addresses):
            for number in range(PEERS):
                if _hash("share", node, str(number)) >= self._share * 2**64:
                    continue
                at = bisect.bisect(self._peers, (_hash("peer", node, str(number)), ""))
                peer = self._peers[at % len(self._peers)][1]
                if peer == node:
                    peer = self._peers[(at + 1) % len(self._peers)][1]
                host, port = self._addresses[peer]
                found[peer] = Target(name=f"{NODE}{peer}", host=host, port=port)
        return [found[peer] for peer in sorted(found)]

    def _endpoints_of(self, node: str, most: int) -> list[Target]:
        count = len(self._endpoints)
        first = 0
        if count > most:
            first = bisect.bisect(self._endpoints, (_hash("endpoints", node), ""))
        found = [self._endpoints[(first + step) % count][2] for step in range(min(count, most))]
        return sorted(found, key=lambda target: target.name)


def _hash(*words: str) -> int:
    """Return 64 bits that any machine makes of the same words."""
    return int.from_bytes(hashlib.blake2b("/".join(words).encode(), digest_size=8).digest(), "big")
