"""What a workload would have to ask for instead of ports that one node has not free. Pure.

All instances of a workload ask for the same ports: where one of its own has them, no other port
helps a second one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.placement.constraints import FreePorts, Requirement
from skerry_hub.placement.refusal import Refusal


@dataclasses.dataclass(frozen=True, slots=True)
class OtherPorts:
    """Ports that are still to be chosen: free on each node but those with one of its instances."""

    is_used_up: ClassVar[bool] = True
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = False
    workload: str
    name: str = "ports"

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        there = (columns.row(one.node) for one in columns.instances_of(self.workload).values())
        passes: Mask = ~np.isin(rows, [row for row in there if row is not None])
        return passes

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give that one of its own is there."""
        if not self.mask(columns, np.array([row]))[0]:
            yield Refusal(f"an instance of {self.workload} has the same port")


@dataclasses.dataclass(frozen=True, slots=True)
class EasedPorts:
    """What is said, which ports are left, and what is required of a node instead."""

    texts: tuple[str, ...]
    ports: tuple[str, ...]
    needs: tuple[Requirement, ...]


def eased_ports(columns: Columns, row: int, workload: str, need: FreePorts) -> EasedPorts:
    """Return the change by which a node has the ports that a workload asks for."""
    pairs = list(zip(need.texts, need.ports, strict=True))
    holders = {text: columns.port_holder(row, port) for text, port in pairs}
    left = [(text, port) for text, port in pairs if holders[text] is None]
    rest = FreePorts(tuple(text for text, _ in left), tuple(port for _, port in left))
    host, others = columns.facts(row).known_as, OtherPorts(workload)
    taken = [(text, holder) for text, holder in holders.items() if holder is not None]
    if others.mask(columns, np.array([row]))[0]:
        texts = [f"ask for another port than {t} ({one} has it on {host})" for t, one in taken]
        return EasedPorts(tuple(texts), rest.texts, (rest, others))
    texts = [f"drop port {t} ({one}, one of its own, has it on {host})" for t, one in taken]
    return EasedPorts(tuple(texts), rest.texts, (rest,))
