"""Which accelerators an instance gets: whole ones, each by its address. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from skerry_hub.fleet.facts import is_of
from skerry_hub.model import Hold
from skerry_hub.terms import DeviceRequest
from skerry_wire.hardware import Accelerator
from skerry_wire.workload import DeviceMapping

MAX_DEVICES = 128
"""Most device nodes of one instance; an assignment can hold no more."""


def choose(
    idle: Sequence[Accelerator],
    requests: Iterable[DeviceRequest],
    prefer: Collection[str] = (),
) -> tuple[Accelerator, ...] | None:
    """Return accelerators for all requests, None where they do not suffice.

    Requests for one vendor choose first, so that a request for any vendor never takes what another
    one needs. Addresses in `prefer` come first: an instance keeps what it has.
    """
    left = sorted(idle, key=lambda a: (a.address not in prefer, a.address))
    chosen: list[Accelerator] = []
    for request in sorted(requests, key=lambda request: request.vendor is None):
        fitting = [a for a in left if is_of(a, request.kind, request.vendor)][: request.count]
        if len(fitting) < request.count:
            return None
        chosen += fitting
        left = [a for a in left if a not in fitting]
    return tuple(sorted(chosen, key=lambda a: a.address))


def holds(chosen: Iterable[Accelerator]) -> tuple[Hold, ...]:
    """Return accelerators as an assignment has them."""
    return tuple(Hold(device=f"{a.kind}/{a.address}") for a in chosen)


def addresses(held: Iterable[Hold]) -> tuple[str, ...]:
    """Return the addresses of what an assignment has."""
    return tuple(one.device.partition("/")[2] for one in held)


def mappings(chosen: Iterable[Accelerator]) -> tuple[DeviceMapping, ...]:
    """Return the device nodes of accelerators, each once, at the same place in the container."""
    paths = {path: None for a in chosen for path in a.device_nodes if path.startswith("/")}
    return tuple(DeviceMapping(host=path, container=path) for path in paths)[:MAX_DEVICES]
