"""Where the instances of one workload go, one after the other. Pure.

A session takes the board of the workload's shape, lays over it what the workload's own instances
and the terms change, and always knows the best node. What it places is reserved in the columns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from skerry_hub.fleet.arrays import Counts, Mask, Rows
from skerry_hub.model import Assignment, Workload
from skerry_hub.placement.assigning import assign
from skerry_hub.placement.board import NOWHERE, RANK_BITS, RANKS, board_of
from skerry_hub.placement.quotas import budgets_of
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.scores import own_spread_of
from skerry_hub.placement.topology import terms_of
from skerry_hub.placement.world import World
from skerry_hub.terms import NODE


class Session:
    """One workload's placements. `staying` are its instances that stay where they are."""

    def __init__(
        self,
        world: World,
        workload: Workload,
        revision: str,
        staying: Iterable[Assignment] = (),
        without: str | None = None,
    ) -> None:
        self.world, self.workload, self.revision = world, workload, revision
        self.columns = world.columns
        self.board = board_of(world, workload)
        self.layout = self.board.layout
        self._spread = own_spread_of(world, workload)
        self._own: dict[int, int] = {}
        self._without = -1 if without is None else self._row(without)
        self.terms = terms_of(world, workload, self.layout, self.board.passes_once)
        self._near = [one for one in self.terms if one.domains.topology == NODE]
        self._far = [one for one in self.terms if one.domains.topology != NODE]
        # The board is others' too: it is copied before anything of this workload is laid over it.
        self.budgets = budgets_of(world, workload)
        self._dear = any(budget.depends_on_node for budget in self.budgets)
        self._keys, self._best = self.board.keys, self.board.best
        self._is_copy = False
        self._pending: list[int] = []
        self._anew = False
        self._cells: tuple[Mask, Counts | None] | None = None
        for one in staying:
            row = self._row(one.node)
            if row >= 0 and one.finished is None:
                self._count(row)
        if self._near or self._own or self._without >= 0 or self._dear:
            self._lay_over_all()
        self._look_at_cells()

    def _row(self, node: str) -> int:
        row = self.columns.row(node)
        return -1 if row is None else row

    # --- what lies over the board -----------------------------------------------------------

    def _copy(self) -> None:
        if not self._is_copy:
            self._keys, self._best, self._is_copy = self._keys.copy(), self._best.copy(), True

    def _lay_over_all(self) -> None:
        """Work out every key anew: what is on the nodes themselves changed them."""
        self._keys, self._is_copy = self.board.keys.copy(), True
        if self._near:
            self._lay_terms()
        for budget in self.budgets:
            if budget.depends_on_node:
                passes = budget.affordable(self.layout.rows)
                self._keys = np.where(passes, self._keys, NOWHERE)
        for row, count in self._own.items():
            at = self.layout.position[row]
            if self._keys[at] != NOWHERE:
                self._keys[at] -= self._less(count)
        if self._without >= 0:
            self._keys[self.layout.position[self._without]] = NOWHERE
        self._best = self.layout.firsts(self._keys)

    def _lay_terms(self) -> None:
        ranks = self.layout.rank.take(self.layout.rows)
        for term in self._near:
            if term.weight:
                more = (term.weight * term.points(ranks)) << RANK_BITS
                self._keys += np.where(self._keys >= 0, more, 0)
            else:
                self._keys = np.where(term.allowed(ranks), self._keys, NOWHERE)

    def _less(self, own: int) -> int:
        """Return what a node's key loses for the instances of the workload that it has."""
        spread = self._spread
        return (spread.weight * (spread.of(0) - spread.of(own))) << RANK_BITS

    def _key_of(self, row: int) -> int:
        """Return one node's key, all laid over it."""
        if row == self._without:
            return NOWHERE
        rank = self.layout.rank[row : row + 1]
        for term in self._near:
            if not term.weight and not term.allowed(rank)[0]:
                return NOWHERE
        key = self.board.key_of(row)
        if key == NOWHERE:
            return NOWHERE
        for term in self._near:
            if term.weight:
                key += (term.weight * int(term.points(rank)[0])) << RANK_BITS
        return key - self._less(self._own.get(row, 0))

    def _look_at_cells(self) -> None:
        """Work out what the domains of labels say to each cell."""
        if not self._far:
            return
        passes = np.ones(len(self._far[0].domains.of_cell), dtype=np.bool_)
        points: Counts | None = None
        for term in self._far:
            cells = term.domains.of_cell
            if not term.weight:
                passes &= term.allowed(cells)
                continue
            more = (term.weight * term.points(cells)) << RANK_BITS
            points = more if points is None else points + more
        self._cells = passes, points

    # --- the best node ----------------------------------------------------------------------

    def best(self) -> int | None:
        """Return the row of the best node, None where no node takes one more."""
        if any(True for budget in self.budgets for _ in budget.short()):
            return None
        self._catch_up()
        best = self._with_cells(self._best, self.layout.cell_of_block)
        if not len(best):
            return None
        top = int(best.max())
        if top < 0:
            return None
        rank = RANKS - (top & RANKS)
        return int(self.columns.rows()[rank])

    def takes(self, row: int) -> bool:
        """Say whether a node takes one more."""
        return self.board.key_of(row) != NOWHERE and not self.term_refusals(row)

    def own(self, row: int) -> int:
        """Return how many instances of the workload a node has."""
        return self._own.get(row, 0)

    def own_rows(self) -> Rows:
        """Return the rows that have any instance of the workload."""
        return np.fromiter(self._own, dtype=np.intp, count=len(self._own))

    def keys(self) -> Counts:
        """Return the keys of all nodes, by position in the layout."""
        self._catch_up()
        return self._with_cells(self._keys, self.layout.cell_of_block.take(self.layout.block_of))

    def _with_cells(self, keys: Counts, cells: Rows) -> Counts:
        """Return keys with what the domains of labels say to the cell of each."""
        if self._cells is None:
            return keys
        passes, points = self._cells
        if points is None:
            return np.where(passes.take(cells), keys, NOWHERE)
        return np.where(passes.take(cells) & (keys >= 0), keys + points.take(cells), NOWHERE)

    def place(self, instance: str, prefer: Collection[str] = ()) -> Assignment | None:
        """Put an instance on the best node and return it, or None where no node takes it."""
        row = self.best()
        if row is None:
            return None
        assignment = assign(self.columns, self.workload, self.revision, instance, row, prefer)
        if assignment is None:
            raise AssertionError("the mask of devices and their choice disagree")
        self.columns.reserve(assignment)
        self.placed(row)
        return assignment

    def placed(self, row: int) -> None:
        """Count an instance that was reserved on a row; what that changes is looked at later."""
        self._anew |= self.count(row)
        self._pending.append(row)

    def _catch_up(self) -> None:
        """Work out anew what the instances changed that were placed since."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        self._look_at_cells()
        if self._anew:
            self._anew = False
            self.board.follow()
            self._lay_over_all()
            return
        self._copy()
        for row in dict.fromkeys(pending):
            self._rescore(row)

    def _rescore(self, row: int) -> None:
        at = int(self.layout.position[row])
        self._keys[at] = self._key_of(row)
        block = self.layout.block_of[at]
        start, end = self.layout.starts[block], self.layout.ends[block]
        self._best[block] = self._keys[start:end].max()

    def count(self, row: int) -> bool:
        """Count an instance that was reserved on a row, in quotas too.

        Say whether that changes what other nodes say.
        """
        for budget in self.budgets:
            budget.add(row)
        return self._count(row)

    def _count(self, row: int) -> bool:
        self._own[row] = self._own.get(row, 0) + 1
        for term in self._far:
            term.add(int(term.domains.of_row[row]))
        changes = [term.add(int(term.domains.of_row[row])) for term in self._near]
        return any(changes) or self._dear

    def term_refusals(self, row: int) -> list[tuple[str, Refusal]]:
        """Return what terms and quotas have against one more instance on a node."""
        return [
            (term.name, refusal)
            for term in self.terms
            for refusal in term.refusals(int(term.domains.of_row[row]))
        ] + [
            (budget.name, Refusal(text, is_shortage=True))
            for budget in self.budgets
            for text in budget.reasons(row)
        ]
