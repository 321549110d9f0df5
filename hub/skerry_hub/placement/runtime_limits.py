"""What the runtime of a node cannot do, judged by the executor's own rules. Pure.

A box tells with its hardware which runtime its executor drives; one that told none is not judged
here, and may still refuse what it is ordered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from skerry_hub.fleet.arrays import Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import HARDWARE, Field, Kind
from skerry_hub.model import Workload
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.world import World
from skerry_wire.runtime_limits import RuntimeInUse, total_reasons
from skerry_wire.workload import Container, DeviceMapping

NAME = "runtime"
IN_USE = Field(f"{HARDWARE}runtime_in_use", Kind.RECORD, steps=("runtime_in_use",))
"""The runtime that the executor drives, with its version, as one value."""

_NO_ROWS: Rows = np.zeros(0, dtype=np.intp)
_GIVEN = DeviceMapping(host="/dev/null", container="/dev/null")
"""Stands for the device nodes that placement gives: which ones they are, no runtime minds."""

Values = tuple[Any, ...]
"""A runtime, or nothing: the value of the one field on one node."""


@dataclasses.dataclass(frozen=True, slots=True)
class WithinRuntime:
    """A node whose runtime can do all that is asked for; when no more, what is there leaves."""

    is_used_up: ClassVar[bool] = False
    binds: ClassVar[bool] = True
    gives_way: ClassVar[bool] = True
    containers: tuple[Container, ...]
    shared_network: bool
    asked: Hashable
    name: str = NAME

    def mask(self, columns: Columns, rows: Rows) -> Mask:
        """Say which rows pass."""
        return columns.told(IN_USE).holding((NAME, self.asked), self._can, rows)

    def refusals(self, columns: Columns, row: int) -> Iterator[Refusal]:
        """Give what the runtime cannot do, as the executor would say it."""
        runtime = _runtime_on(columns, row)
        if runtime is not None:
            for reason in self._against(runtime):
                yield Refusal(f"the box's runtime is {runtime.name}: {reason}")

    def _can(self, values: Values) -> bool:
        runtime = _runtime_in(values)
        return runtime is None or not any(True for _ in self._against(runtime))

    def _against(self, runtime: RuntimeInUse) -> Iterator[str]:
        return total_reasons(self.containers, runtime, shared_network=self.shared_network)


def within_runtime_of(world: World, workload: Workload) -> list[WithinRuntime]:
    """Return what a workload requires of a node's runtime; nothing while no node told one."""
    if not _is_told(world.columns):
        return []
    containers = _with_devices(workload)
    shared_network = workload.lifecycle.shared_network
    return [WithinRuntime(containers, shared_network, _judged(containers, shared_network))]


def asked_of_runtimes(columns: Columns, workload: Workload) -> Hashable:
    """Return what nodes' runtimes judge a workload by; None while no node told one."""
    if not _is_told(columns):
        return None
    return _judged(_with_devices(workload), workload.lifecycle.shared_network)


def has_told_runtimes(columns: Columns) -> bool:
    """Say whether a node ever told its runtime."""
    return _is_told(columns)


def _with_devices(workload: Workload) -> tuple[Container, ...]:
    """Return the containers with a device node where they are to be given any.

    What is given by another name, no node offers whose runtime does not take it: see `devices`.
    """
    if all(one.only_reserved for one in workload.resources.devices):
        return workload.containers
    return tuple(
        dataclasses.replace(one, devices=(*one.devices, _GIVEN)) for one in workload.containers
    )


def _judged(containers: Sequence[Container], shared_network: bool) -> Hashable:
    """Return all that the rules look at, and no more: most workloads differ in none of it."""
    return (
        shared_network,
        tuple(
            (
                one.network,
                one.pid,
                one.ipc,
                one.restart,
                one.restart == "on-failure" and bool(one.restart_retries),
                one.stop_signal is not None,
                one.init,
                one.pids_limit is not None,
                one.privileged,
                bool(one.ports),
                one.cdi_devices,
                bool(one.devices),
                one.user,
                (one.name, one.after) if len(containers) > 1 else None,
            )
            for one in containers
        ),
    )


def _is_told(columns: Columns) -> bool:
    told = columns.told(IN_USE)
    told.codes(_NO_ROWS)
    return len(told.values) > 1


def _runtime_in(values: Values) -> RuntimeInUse | None:
    found = values[0] if values else None
    return found if isinstance(found, RuntimeInUse) else None


def _runtime_on(columns: Columns, row: int) -> RuntimeInUse | None:
    try:
        hardware = columns.facts(row).hardware
    except LookupError:
        return None  # a row without a node, which masks may be asked of
    return hardware.runtime_in_use if hardware is not None else None
