"""Where the instances of a workload go: `place`. Pure, and the same for the same fleet.

Equal scores go to the smaller node id; no order of arrival matters. What runs is moved as little
as possible: by nothing that only the hub notices, and by an operator only off a node that does
not fulfil what the workload asks for. The columns are left as they were.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Assignment, Decision, Liveness, Workload
from skerry_hub.placement.assigning import assign
from skerry_hub.placement.board import board_of
from skerry_hub.placement.constraints import Requirement, all_pass, refusals_of
from skerry_hub.placement.limits import limits_of
from skerry_hub.placement.outcome import Outcome, decision_of, index_of, instance_id, rank_of
from skerry_hub.placement.refusal import Refusal
from skerry_hub.placement.session import Session
from skerry_hub.placement.skew import mend_skew
from skerry_hub.placement.topology import AffinityTerm, SpreadTerm, Term, terms_of, topologies_of
from skerry_hub.placement.turns import give_turns, without_place
from skerry_hub.placement.world import World

MOST_ROUNDS = 16
"""How often the nodes of a global workload are gone through again, so that it ends on any fleet."""


def place(
    world: World,
    workload: Workload,
    current: Sequence[Assignment],
    *,
    keep: bool,
    limits: Collection[str] = (),
    gradual: bool = False,
    turn: Collection[str] = (),
) -> Decision:
    """Return the assignments that a workload shall have.

    `current` are those that it has, reserved in the columns. With `keep` (the hub noticed
    something) each of them stays where it is, whatever its node is now; without it (an operator
    applied) one whose node does not satisfy the workload moves, or is removed where no node takes
    it. Limits on distance, cost and data move only where the operator changed them: those named by
    `limits`, see `new_limits`.

    Too many replicas: first go those that have to leave their node anyway, then those whose node
    is not online, then the highest index. New ones get the lowest free index. A global workload
    has one instance on each node that takes it; `unplaced` counts the nodes that would, had they
    enough left.

    With `gradual` an instance of a former revision whose node does not take the new one keeps what
    it has; a global workload's does so for a lack of room alone. Those in `turn` are placed anew;
    `unplaced` counts those that would find no node. See `turns`.
    """
    with world.columns.trial():
        placing = _Placing(world, workload, limits, gradual=gradual)
        if workload.mode == "global":
            return placing.on_each(current, keep)
        return placing.replicas(current, keep, turn)


def reserve_decision(columns: Columns, current: Iterable[Assignment], decision: Decision) -> None:
    """Carry a decision into the columns: what `current` had goes back, the new is reserved."""
    for assignment in current:
        columns.release(assignment)
    for assignment in decision.assignments:
        columns.reserve(assignment)


class _Placing:
    """One decision about one workload, made within a trial."""

    def __init__(
        self, world: World, workload: Workload, limits: Collection[str], *, gradual: bool
    ) -> None:
        self.world, self.columns, self.workload = world, world.columns, workload
        self.revision = workload.revision
        self.limits = frozenset(limits)
        self.old_limits = limits_of(workload).keys() - self.limits
        self.though: dict[str, str] = {}
        """Which of those are not kept where an instance stays."""
        self.gradual = gradual
        self.waiting: dict[str, str] = {}
        """Who keeps what it has until its turn, and why its node does not take it now."""

    # --- replicas ---------------------------------------------------------------------------

    def replicas(
        self, current: Sequence[Assignment], keep: bool, turn: Collection[str]
    ) -> Decision:
        """Decide about a replicated workload."""
        outcome, staying = self._staying(current, keep)
        wanted = self.workload.replicas
        if len(staying) > wanted:
            for instance in sorted(staying, key=lambda name: self._surplus_order(staying[name])):
                self._leaves(outcome, staying, instance, f"{wanted} wanted")
                if len(staying) == wanted:
                    break
        world, workload = self.world, self.workload
        for name in give_turns(world, workload, staying, outcome, turn, self.waiting):
            del self.waiting[name]
        if (
            keep
            or self.waiting
            or not any(not one.weight for one in self.workload.placement.spread)
        ):
            unplaced = self._fill(staying, outcome)
        else:
            unplaced = self._fill_evenly(staying, outcome)
        there = {name: after for name, (_, after, _) in outcome.items() if after is not None}
        unplaced += without_place(world, workload, there, self.waiting)
        return decision_of(workload, outcome, unplaced, self._though())

    def _though(self) -> dict[str, str]:
        """Return what the nodes of those that stay do not fulfil."""
        waiting = {
            name: f"the new revision does not fit: {why}" for name, why in self.waiting.items()
        }
        return {**self.though, **waiting}

    def _staying(
        self, current: Sequence[Assignment], keep: bool
    ) -> tuple[Outcome, dict[str, Assignment]]:
        """Return what becomes of what there is, and which of it stays."""
        name = self.workload.name
        outcome: Outcome = {}
        staying: dict[str, Assignment] = {}
        for before in sorted(current, key=lambda one: rank_of(name, one.id)):
            if not keep and index_of(name, before.id) is None:
                self.columns.release(before)
                outcome[before.id] = before, None, "the workload is not global any more"
                continue
            after, why = self.stay(before, keep=keep)
            outcome[before.id] = before, after, why
            if after is not None:
                staying[before.id] = after
        if not keep and staying:
            self._end_crowding(outcome, staying)
        return outcome, staying

    def _leaves(
        self, outcome: Outcome, staying: dict[str, Assignment], instance: str, why: str
    ) -> None:
        self.columns.release(staying.pop(instance))
        outcome[instance] = outcome[instance][0], None, why

    def _end_crowding(self, outcome: Outcome, staying: dict[str, Assignment]) -> None:
        """Let those leave that the terms do not allow beside the others, the newest first."""
        terms = self._musts()
        if not terms:
            return
        for name in sorted(staying, key=lambda one: rank_of(self.workload.name, one)):
            row = self.columns.row(staying[name].node)
            if row is None or staying[name].finished is not None:
                continue
            at = [int(term.domains.of_row[row]) for term in terms]
            against = [
                refusal.text
                for term, domain in zip(terms, at, strict=True)
                if not _counts_all(term) or domain == len(term.domains)
                for refusal in term.refusals(domain)
            ]
            # The labels of a node that tells nothing yet are not known.
            if against and self.columns.facts(row).is_known:
                self._leaves(outcome, staying, name, "; ".join(against))
                continue
            for term, domain in zip(terms, at, strict=True):
                term.add(domain)
        for term in terms:
            if isinstance(term, AffinityTerm):
                self._end_separation(term, outcome, staying)

    def _musts(self) -> list[Term]:
        if not topologies_of(self.world, self.workload):
            return []
        board = board_of(self.world, self.workload)
        terms = terms_of(self.world, self.workload, board.layout, board.passes_once)
        return [term for term in terms if not term.weight]

    def _end_separation(
        self, term: AffinityTerm, outcome: Outcome, staying: dict[str, Assignment]
    ) -> None:
        """Let those leave that are apart from all that they want near them, but the first."""
        there = (name for name, one in staying.items() if one.finished is None)
        ranked = sorted(there, key=lambda one: rank_of(self.workload.name, one))
        for name in reversed(ranked[1:]):
            row = self.columns.row(staying[name].node)
            if row is None or not self.columns.facts(row).is_known:
                continue
            domain = int(term.domains.of_row[row])
            why = term.separation(domain)
            if why is not None:
                self._leaves(outcome, staying, name, why)
                term.take_away(domain)

    def _fill_evenly(self, staying: dict[str, Assignment], outcome: Outcome) -> int:
        """Place what is missing, then mend the skew that is left: no more moves than has to."""
        unplaced = self._fill(staying, outcome)
        while mend_skew(self.world, self.workload, outcome) and unplaced:
            # What moved may have made room.
            there = {name: after for name, (_, after, _) in outcome.items() if after is not None}
            unplaced = self._fill(there, outcome)
        return unplaced

    def _surplus_order(self, assignment: Assignment) -> tuple[bool, bool, int, str]:
        row = self.columns.row(assignment.node)
        is_online = row is not None and self.columns.facts(row).liveness is Liveness.ONLINE
        index, instance = rank_of(self.workload.name, assignment.id)
        return assignment.id not in self.waiting, is_online, -index, instance

    def _fill(self, staying: dict[str, Assignment], outcome: Outcome) -> int:
        """Place what is missing, those that had to leave their node before new ones."""
        name = self.workload.name
        missing = self.workload.replicas - len(staying)
        if missing <= 0:
            return 0
        session = Session(self.world, self.workload, self.revision, staying.values())
        left = sorted(
            (instance for instance, (_, after, why) in outcome.items() if after is None and why),
            key=lambda instance: rank_of(name, instance),
        )
        movers = [one for one in left if index_of(name, one) is not None][:missing]
        ids = (instance_id(name, index) for index in itertools.count())
        unused = (one for one in ids if one not in staying and one not in outcome)
        names = itertools.chain(movers, itertools.islice(unused, missing - len(movers)))
        for done, one in enumerate(names):
            left_from, _, why = outcome.get(one, (None, None, ""))
            # Where it comes back to its node, it has its devices again.
            held = {hold.device for hold in left_from.held} if left_from is not None else ()
            placed = session.place(one, held)
            if placed is None:
                # The others are alike: none of them finds a node either.
                return missing - done
            outcome[one] = left_from, placed, why
        return 0

    # --- one on each node -------------------------------------------------------------------

    def on_each(self, current: Sequence[Assignment], keep: bool) -> Decision:
        """Decide about a global workload."""
        name, columns = self.workload.name, self.columns
        outcome: Outcome = {}
        covered: set[int] = set()
        staying: list[Assignment] = []
        for before in sorted(current, key=lambda one: one.id):
            if not keep and before.id != instance_id(name, before.node):
                columns.release(before)
                outcome[before.id] = before, None, "the workload is global now"
                continue
            after, why = self.stay(before, keep=keep)
            outcome[before.id] = before, after, why
            row = columns.row(before.node)
            if after is not None and row is not None:
                covered.add(row)
                staying.append(after)
        session = Session(self.world, self.workload, self.revision, staying)
        needs = session.board.requirements
        rows = columns.rows()
        rows = rows[~np.isin(rows, list(covered))]
        rows = rows[all_pass([need for need in needs if not need.is_used_up], columns, rows)]
        # An instance uses up something of its own node alone: no other's answer changes.
        passing = all_pass([need for need in needs if need.is_used_up], columns, rows)
        unplaced = sum(self._is_short(needs, row) for row in rows[~passing].tolist())
        waiting = rows[passing].tolist()
        # One more instance makes only these terms allow what they refused before.
        again = any(_counts_all(term) and not term.weight for term in session.terms)
        for _ in range(MOST_ROUNDS if again else 1):
            refused = self._on_those(session, waiting, outcome)
            if len(refused) == len(waiting):
                break
            waiting = refused
        for row in waiting:
            unplaced += all(refusal.is_shortage for _, refusal in session.term_refusals(row))
        unplaced += len(self.waiting)
        return decision_of(self.workload, outcome, unplaced, self._though())

    def _on_those(self, session: Session, rows: Iterable[int], outcome: Outcome) -> list[int]:
        """Put one on each of these rows; return those that the terms refuse for now."""
        refused = []
        for row in rows:
            if session.term_refusals(row):
                refused.append(row)
                continue
            one = instance_id(self.workload.name, self.columns.facts(row).id)
            placed = self._assign(one, row)
            if placed is None:
                raise AssertionError("the mask of devices and their choice disagree")
            self.columns.reserve(placed)
            session.count(row)
            left_from, _, why = outcome.get(one, (None, None, ""))
            outcome[one] = left_from, placed, why
        return refused

    def _is_short(self, needs: Sequence[Requirement], row: int) -> bool:
        """Say whether a node is refused only for what it lacks or others have taken."""
        found = refusals_of(self.columns, needs, row)
        return bool(found) and all(refusal.is_shortage for _, refusal in found)

    def _assign(self, instance: str, row: int, prefer: Collection[str] = ()) -> Assignment | None:
        return assign(self.columns, self.workload, self.revision, instance, row, prefer)

    # --- what is there already ----------------------------------------------------------------

    def stay(self, before: Assignment, *, keep: bool) -> tuple[Assignment | None, str]:
        """Return an instance as it stays on its node, or None and why it has to leave.

        What is not known of a node moves nothing, nor does its liveness; and nothing moves a job
        that is finished, unless it is another one now. With `keep` it always
        stays: with what it has, where the node has no room for what the workload wants now.
        """
        comes_back = before.finished is not None and not keep
        stays = keep if before.finished is None else self.workload.lifecycle.runs_once
        if stays and before.revision == self.revision:
            return before, ""
        unfitted = dataclasses.replace(before, revision=self.revision, finished=None)
        row = self.columns.row(before.node)
        if row is None:
            return (unfitted, "") if keep else (None, f"node {before.node} is not known")
        self.columns.release(before)
        board = board_of(self.world, self.workload)
        # What was finished, and is to run again, has given back its room.
        binding = [
            need
            for need in board.requirements
            if need.binds or need.name in self.limits or comes_back
        ]
        found = refusals_of(self.columns, binding, row)
        against = [refusal.brief for _, refusal in found if not refusal.is_unknown]
        if against and self._may_wait(before, [refusal for _, refusal in found], keep=keep):
            self.columns.reserve(before)
            self.waiting[before.id] = "; ".join(against)
            return before, ""
        if against and not keep:
            return None, "; ".join(against)
        fits = not found if keep else not against
        held = {hold.device for hold in before.held}
        after = self._assign(before.id, row, held) if fits else None
        after = after or unfitted
        over = "" if keep else self._over_limits(board.requirements, row)
        if over:
            self.though[before.id] = over
        self.columns.reserve(after)
        return after, ""

    def _may_wait(self, before: Assignment, found: Sequence[Refusal], *, keep: bool) -> bool:
        """Say whether an instance keeps its former revision on a node that refuses the new one."""
        if not self.gradual or before.finished is not None or before.revision == self.revision:
            return False
        return keep or self.workload.mode != "global" or all(one.is_shortage for one in found)

    def _over_limits(self, needs: Iterable[Requirement], row: int) -> str:
        """Return which limits a node does not keep, that move nothing as they are not new."""
        if not self.old_limits:
            return ""
        limits = [need for need in needs if need.name in self.old_limits]
        found = refusals_of(self.columns, limits, row)
        return "; ".join(one.brief for _, one in found if not one.is_unknown)


def _counts_all(term: Term) -> bool:
    """Say whether a term can be judged only when all that stays is counted."""
    return isinstance(term, SpreadTerm) or (isinstance(term, AffinityTerm) and term.own)
