"""How much of its free devices the demand cannot use on a node, and what a placement adds to it.

Free devices are worth nothing where the shares left are too small, too few devices are whole, or
processors and memory are gone. For each sort of demand a node's free devices count as usable up to
what its devices allow, and up to `REACH` times what its processors and its memory are in proportion
to them; what is not usable, weighted by how often that is asked for, is the node's fragmentation.

The idea of a fragmentation by demand is that of "Beware of Fragmentation: Scheduling GPU-Sharing
Workloads with Fragmentation Gradient Descent" (USENIX ATC 2023). There processors count only once
no instance fits any more; here they count in proportion, and scarce models weigh more. Whole
numbers throughout. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from skerry_hub.devices import Device
from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.device_states import WHOLE
from skerry_hub.fleet.facts import Resource
from skerry_hub.model import Resources
from skerry_hub.placement.demand import MIB, Demand
from skerry_hub.placement.device_choice import fits
from skerry_hub.terms import DeviceRequest

REACH = 7
QUARTERS = 4
"""REACH over QUARTERS, 7/4, is how far beyond its part of processors and memory a demand goes."""
WEIGHTS = 2**20
"""What the weights of all demands of a kind add up to, about."""
IMPOSSIBLE = 2**62
MOST_CPU_MILLI = 2**40

Matrix = npt.NDArray[np.int64]


class Fragmentation:
    """The fragmentation of all nodes in devices of one kind, for one demand."""

    def __init__(self, columns: Columns, demand: Demand, kind: str) -> None:
        self._columns, self.kind = columns, kind
        self._states = columns.states(kind)
        self._epoch = self._states.epoch
        asked = [one for one in demand.devices if one.request.kind == kind]
        self._asked = asked
        self._cpu = _array(one.cpu_milli for one in asked)
        self._memory = _array(one.memory_mib for one in asked)
        self._count = _array(one.request.count for one in asked)
        self._share = _array(one.request.share_milli for one in asked)
        self._milli = self._count * self._share
        self._inventories: dict[tuple[Device, ...], int] = {}
        self._accepting: list[npt.NDArray[np.bool_]] = []
        """Of each inventory: by device, then by demand."""
        self._inventory_of = np.zeros(0, dtype=np.intp)
        self._free: Matrix = np.zeros((0, 0), dtype=np.int64)
        """By state, then by device; a device that is not there has nothing free."""
        self._follow()
        self._weights, width = self._weigh()
        self._width = width
        self.most = max(1, width * WHOLE * QUARTERS * WEIGHTS)
        """No placement adds or takes away more than this."""
        self._told = len(columns.told_anew)

    def holds(self) -> bool:
        """Say whether the numbers of states, and the weights of demands, still mean the same."""
        if self._states.epoch != self._epoch:
            return False
        told = len(self._columns.told_anew)
        if told != self._told:
            self._follow()
            weights, width = self._weigh()
            if width != self._width or not np.array_equal(weights, self._weights):
                return False
            self._told = told
        return True

    # --- what there is ----------------------------------------------------------------------

    def _follow(self) -> None:
        """Take in the states that came since."""
        known, records = len(self._inventory_of), self._states.records
        if known == len(records):
            return
        new = records[known:]
        width = max([self._free.shape[1], *(len(free) for _, free in new)])
        grown = np.zeros((len(records), width), dtype=np.int64)
        grown[:known, : self._free.shape[1]] = self._free
        inventories = []
        for at, (devices, free) in enumerate(new, known):
            grown[at, : len(free)] = free
            inventories.append(self._inventory(devices))
        self._free = grown
        self._inventory_of = np.concatenate([self._inventory_of, np.array(inventories, np.intp)])

    def _inventory(self, devices: tuple[Device, ...]) -> int:
        number = self._inventories.setdefault(devices, len(self._inventories))
        if number == len(self._accepting):
            accepting = [[fits(one.request, device) for one in self._asked] for device in devices]
            shape = len(devices), len(self._asked)
            self._accepting.append(np.array(accepting, dtype=np.bool_).reshape(shape))
        return number

    def _weigh(self) -> tuple[Counts, int]:
        """Return each demand's weight, and how many devices a node has at most.

        The weight is how often it is asked for, and more where few devices will do.
        """
        accepted = np.zeros(len(self._asked), dtype=np.int64)
        total = width = 0
        rows = self._columns.rows()
        inventories = self._inventory_of.take(self._states.numbers.take(rows))
        counts = np.bincount(inventories, minlength=len(self._accepting))
        for number in np.flatnonzero(counts).tolist():
            accepting, count = self._accepting[number], int(counts[number])
            width = max(width, len(accepting))
            total += count * len(accepting)
            accepted += count * accepting.sum(axis=0)
        weights = [
            math.isqrt(one.count**2 * 4096 * total // max(1, int(there)))
            for one, there in zip(self._asked, accepted.tolist(), strict=True)
        ]
        together = max(1, sum(weights))
        return _array(max(1, weight * WEIGHTS // together) for weight in weights), width

    # --- what is usable -----------------------------------------------------------------------

    def _left(self, rows: Rows, wanted: Resources) -> tuple[Counts, Counts, Counts, Counts]:
        """Return processors and MiB that are free now, and that would be after a placement."""
        # As much as this is any amount, and its products are in 64 bits.
        cpu = np.clip(self._columns.free(Resource.CPU, rows), 0, MOST_CPU_MILLI)
        memory = np.maximum(self._columns.free(Resource.MEMORY, rows), 0)
        after_cpu = np.maximum(cpu - wanted.cpu_milli, 0)
        after_memory = np.maximum(memory - wanted.memory_bytes, 0)
        return cpu, memory // MIB, after_cpu, after_memory // MIB

    def _unusable(self, free: Matrix, accepting: Mask, cpu: Counts, memory: Counts) -> Counts:
        """Return the weighted quarters of thousandths that the demand cannot use, for each row.

        `free` is by row and device, of one inventory.
        """
        share, milli = self._share, self._milli
        usable: Matrix = np.zeros((len(free), len(share)), dtype=np.int64)
        enough: Matrix = np.zeros_like(usable)
        for at in range(free.shape[1]):
            left = free[:, at, None]
            suits = (left >= share) & accepting[at]
            usable += left * suits
            enough += suits
        usable *= QUARTERS * (enough >= self._count)
        for amount, left_of in ((self._cpu, cpu), (self._memory, memory)):
            within = REACH * left_of[:, None] * milli // np.maximum(amount, 1)
            usable = np.where(amount > 0, np.minimum(usable, within), usable)
            usable *= amount <= left_of[:, None]
        total = QUARTERS * free.sum(axis=1)
        found: Counts = ((total[:, None] - usable) * self._weights).sum(axis=1)
        return found

    # --- what a placement adds ----------------------------------------------------------------

    def increase(self, rows: Rows, wanted: Resources) -> Counts:
        """Return what an instance adds on each row; a share is of the fullest that has it."""
        self._follow()
        found: Counts = np.zeros(len(rows), dtype=np.int64)
        numbers = self._states.numbers.take(rows)
        inventories = self._inventory_of.take(numbers)
        for inventory in np.unique(inventories).tolist():
            if not len(self._accepting[inventory]):
                continue
            which = np.flatnonzero(inventories == inventory)
            found[which] = self._costs(rows[which], inventory, numbers[which], wanted)
        return found

    def _costs(
        self, rows: Rows, inventory: int, numbers: npt.NDArray[np.int32], wanted: Resources
    ) -> Counts:
        """Return what an instance adds, by row; IMPOSSIBLE where no device has its share."""
        devices = self._devices(inventory)
        accepting = self._accepting[inventory]
        free = self._free[numbers][:, : len(devices)]
        cpu, memory, after_cpu, after_memory = self._left(rows, wanted)
        before = self._unusable(free, accepting, cpu, memory)
        requests = [one for one in wanted.devices if one.kind == self.kind]
        after = free.copy()
        shares = []
        for request in requests:
            if request.share_milli < WHOLE and request.count == 1:
                shares.append(request)
            else:
                _take(after, request, devices)
        if not shares:
            return self._unusable(after, accepting, after_cpu, after_memory) - before
        for request in shares[1:]:
            _take(after, request, devices)
        wanted_milli = shares[0].share_milli
        suits = np.array([fits(shares[0], device) for device in devices], dtype=np.bool_)
        possible = (after >= wanted_milli) & suits
        # As `device_choice` does: the least that suffices, so that whole devices stay whole.
        fullest = np.where(possible, free, WHOLE + 1).argmin(axis=1)
        every = np.arange(len(after))
        after[every, fullest] = np.maximum(after[every, fullest] - wanted_milli, 0)
        cost = self._unusable(after, accepting, after_cpu, after_memory) - before
        return np.where(possible[every, fullest], cost, IMPOSSIBLE)

    def _devices(self, inventory: int) -> tuple[Device, ...]:
        return list(self._inventories)[inventory]


def _take(free: Matrix, request: DeviceRequest, devices: Sequence[Device]) -> None:
    """Take from each row, in place, the first devices that a request can have."""
    missing = np.full(len(free), request.count, dtype=np.int64)
    for at, device in enumerate(devices):
        if fits(request, device):
            given = (missing > 0) & (free[:, at] >= request.share_milli)
            free[:, at] -= given * request.share_milli
            missing -= given


def _array(values: object) -> Counts:
    return np.array(list(values), dtype=np.int64)  # type: ignore[call-overload]


def kinds_of(demand: Demand) -> tuple[str, ...]:
    """Return the kinds of devices that are asked for."""
    return tuple(dict.fromkeys(one.request.kind for one in demand.devices))


def fragmentation_of(columns: Columns, demand: Demand, kind: str) -> Fragmentation:
    """Return the fragmentation in one kind of device; the fleet's boards share it."""
    key = ("fragmentation", kind)
    kept = columns.boards.get(key)
    if kept is not None and kept[0] == (demand, columns.comings) and kept[1].holds():
        found: Fragmentation = kept[1]
        return found
    found = Fragmentation(columns, demand, kind)
    columns.boards[key] = ((demand, columns.comings), found)
    return found
