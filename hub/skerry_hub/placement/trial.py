"""One workload against a copy of the columns: who takes it, how well, and what that would change.

The columns that are given are never changed. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

import numpy as np

from skerry_hub.fleet.columns import Columns, Mask, Rows
from skerry_hub.model import Assignment, Workload
from skerry_hub.placement import devices
from skerry_hub.placement.constraints import refusals_of, requirements_of
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.scores import score_all
from skerry_wire.hardware import Accelerator

NOWHERE = -1.0
"""The score of a node that refuses."""


class Trial:
    """The workload's requirements, and the fleet as it would be.

    The columns are copied when something is first reserved or given back: most passes change
    nothing, and what they compute of the given columns is kept there for the next one.
    """

    def __init__(self, columns: Columns, workload: Workload) -> None:
        self.columns = columns
        self.workload = workload
        self.revision = workload.revision
        self.requirements = requirements_of(workload)
        self._binding = tuple(need for need in self.requirements if need.binds)
        self._is_copy = False

    def reserve(self, assignment: Assignment) -> None:
        """Take what an instance needs."""
        self._copied().reserve(assignment)

    def release(self, assignment: Assignment) -> None:
        """Give back what an instance has."""
        self._copied().release(assignment)

    def _copied(self) -> Columns:
        if not self._is_copy:
            # Lets the given columns remember the masks that the copy would compute in vain.
            self.mask(self.columns.rows())
            self.columns, self._is_copy = self.columns.copy(), True
        return self.columns

    def mask(self, rows: Rows, *, used_up: bool | None = None) -> Mask:
        """Say which rows pass: everything, or only what instances (do not) use up."""
        passing = np.ones(len(rows), dtype=np.bool_)
        for need in self.requirements:
            if used_up in (None, need.is_used_up):
                passing &= need.mask(self.columns, rows)
        return passing

    def refusals(self, row: int) -> list[tuple[str, Refusal]]:
        """Return every reason of one node."""
        return refusals_of(self.columns, self.requirements, row)

    def is_short(self, row: int) -> bool:
        """Say whether a node is refused, and only for what it lacks or others have taken."""
        found = self.refusals(row)
        return bool(found) and all(refusal.is_shortage for _, refusal in found)

    def assign(self, instance: str, row: int, prefer: Collection[str] = ()) -> Assignment | None:
        """Return an instance on this node, None where its accelerators do not suffice."""
        wanted = self.workload.resources
        chosen: tuple[Accelerator, ...] | None = ()
        if wanted.devices:
            idle = self.columns.idle_accelerators(row)
            chosen = devices.choose(idle, wanted.devices, prefer)
        if chosen is None:
            return None
        return Assignment(
            id=instance,
            workload=self.workload.name,
            revision=self.revision,
            node=self.columns.facts(row).id,
            resources=wanted,
            devices=devices.mappings(chosen),
            held=devices.holds(chosen),
        )

    def stay(self, before: Assignment, *, keep: bool) -> tuple[Assignment | None, str]:
        """Return an instance as it stays on its node, or None and why it has to leave.

        What is not known of a node moves nothing, nor does its liveness. With `keep` it always
        stays: with what it has, where the node has no room for what the workload wants now.
        """
        if keep and before.revision == self.revision:
            return before, ""
        unfitted = dataclasses.replace(before, revision=self.revision)
        row = self.columns.row(before.node)
        if row is None:
            return (unfitted, "") if keep else (None, f"node {before.node} is not known")
        self.release(before)
        found = refusals_of(self.columns, self._binding, row)
        against = [refusal.text for _, refusal in found if not refusal.is_unknown]
        if against and not keep:
            return None, "; ".join(against)
        fits = not found if keep else not against
        had = devices.addresses(before.held)
        after = (self.assign(before.id, row, had) if fits else None) or unfitted
        self.reserve(after)
        return after, ""


class Candidates:
    """The nodes that could take an instance, and how good each is, while more are placed."""

    def __init__(
        self, trial: Trial, placed: Iterable[Assignment], without: str | None = None
    ) -> None:
        """`placed` are the workload's instances that stay; `without` is a node that takes none."""
        self._trial = trial
        everyone = trial.columns.rows()
        if without is not None:
            everyone = everyone[everyone != trial.columns.row(without)]
        # By node id: of equal scores the first is the smallest.
        self._rows = everyone[trial.mask(everyone, used_up=False)]
        there = [trial.columns.row(assignment.node) for assignment in placed]
        known = np.array([row for row in there if row is not None], dtype=np.intp)
        most = int(everyone.max(initial=0)) + 1
        self._own = np.bincount(known, minlength=most)[self._rows]
        self._scores = np.empty(len(self._rows))
        self._score(np.arange(len(self._rows)))

    def _score(self, which: Rows) -> None:
        rows = self._rows[which]
        passing = self._trial.mask(rows, used_up=True)
        columns, workload = self._trial.columns, self._trial.workload
        score, _ = score_all(columns, workload, self._own[which], rows)
        self._scores[which] = np.where(passing, score, NOWHERE)

    def place(self, instance: str) -> Assignment | None:
        """Put an instance on the best node and return it, or None where no node takes it."""
        if not len(self._rows):
            return None
        best = int(np.argmax(self._scores))
        if self._scores[best] == NOWHERE:
            return None
        assignment = self._trial.assign(instance, int(self._rows[best]))
        if assignment is None:
            raise AssertionError("the mask of accelerators and their choice disagree")
        self._trial.reserve(assignment)
        self._own[best] += 1
        self._score(np.array([best]))
        return assignment
