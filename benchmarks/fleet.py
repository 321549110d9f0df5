"""A fleet of made-up boxes of any size, as uneven as a real one: the same boxes for the same size.

A dozen makes (`benchmarks.makes`) at up to 2,000 sites in 40 zones of 8 regions. Each box has what
an agent publishes: all lists of hardware, the instruction sets of its processor, the labels derived
from them, and its administrator's own. About one in ten has one to eight GPUs, one in six cameras,
one in five serial adapters on USB; three of a hundred are tainted, two are not online.

Boxes of one make that have the same plugged in share their records, as a hub's do once they are
interned; only so does a million of them fit into memory.
"""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Iterator, Mapping

from benchmarks.makes import MAKES, Make, Variant, hardware_of
from skerry_agent.labels import labels
from skerry_hub.model import Liveness, Node, Taint
from skerry_wire.capability import Capability
from skerry_wire.hardware import Hardware

INCARNATION = "0123456789abcdef"
SITES = 2_000
ZONES = 40
REGIONS = 8
SEED = 42
_WEIGHTS = [make.share for make in MAKES]
_TAINTS = (
    Taint(key="dedicated", value="video", effect="NoSchedule"),
    Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule"),
)


class Layers(Mapping[str, str]):
    """Labels in two parts, of which boxes of one make share the larger; the upper one counts."""

    __slots__ = ("_lower", "_upper")

    def __init__(self, upper: Mapping[str, str], lower: Mapping[str, str]) -> None:
        self._upper, self._lower = upper, lower

    def __getitem__(self, key: str) -> str:
        found = self._upper.get(key)
        return self._lower[key] if found is None else found

    def __iter__(self) -> Iterator[str]:
        yield from self._upper
        yield from (key for key in self._lower if key not in self._upper)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def boxes(size: int, *, shared: bool = True) -> Iterator[Node]:
    """Give the nodes of a fleet of this size.

    With `shared` their derived labels are one mapping for each make; without it each node has one
    of its own, as it has once its message was decoded.
    """
    chance = random.Random(SEED)
    sites = max(1, min(SITES, size // 20))
    for index in range(size):
        make = chance.choices(MAKES, _WEIGHTS)[0]
        variant = _variant(make, chance)
        yield _node(index, chance.randrange(sites), _made(make, variant), chance, shared=shared)


def _variant(make: Make, chance: random.Random) -> Variant:
    gpus = chance.choice((0, 1, 1, 2, 4, 8)) if make.gpu is not None else 0
    physical = make.virtual == "none" and make.gpu is None
    return Variant(
        memory_gib=chance.choice(make.memory_gib),
        gpus=gpus,
        cameras=chance.choice((1, 1, 2, 4)) if physical and chance.random() < 0.2 else 0,
        adapters=chance.choice((1, 1, 2)) if physical and chance.random() < 0.2 else 0,
        modem=physical and chance.random() < 0.1,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Made:
    """What boxes with equal hardware share."""

    make: Make
    hardware: Hardware
    derived: Mapping[str, str]


@functools.cache
def _made(make: Make, variant: Variant) -> _Made:
    hardware = hardware_of(make, variant)
    return _Made(make, hardware, labels(hardware, {}))


def _node(index: int, site: int, made: _Made, chance: random.Random, *, shared: bool) -> Node:
    name = f"{made.make.name}-{index:07}"
    upper = {
        "kubernetes.io/hostname": name,
        "site": f"quay-{site:04}",
        "zone": f"zone-{site % ZONES:02}",
        "region": f"region-{site % REGIONS}",
        "environment": "cloud" if made.make.virtual != "none" else "edge",
        "rack": f"r{chance.randrange(8)}",
        "owner": f"team-{site % 7}",
    }
    mapping: Mapping[str, str] = Layers(upper, made.derived)
    system = dataclasses.replace(made.hardware.system, hostname=name)
    hardware = dataclasses.replace(
        made.hardware,
        system=system,
        labels=mapping if shared else dict(sorted(mapping.items())),
    )
    capability = Capability(
        incarnation=INCARNATION, boot=1, seq=1, revision="00ff00ff00ff00ff", hardware=hardware
    )
    return Node(
        id=f"{chance.getrandbits(64):016x}{index:08x}",
        incarnation=INCARNATION,
        registered_at=0.0,
        capability=capability,
        liveness=Liveness.ONLINE if chance.random() >= 0.02 else Liveness.UNREACHABLE,
        labels={"stage": chance.choice(("canary", "stable"))} if chance.random() < 0.1 else {},
        taints=(chance.choice(_TAINTS),) if chance.random() < 0.03 else (),
    )
