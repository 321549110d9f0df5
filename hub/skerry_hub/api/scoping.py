"""What a token with a scope may not have changed, though its route is open to it. Pure.

Raises RefusedError with what is outside; a token without a scope is held to nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable

from skerry_hub.access.scope import Scope
from skerry_hub.api.requests import LabelRequest
from skerry_hub.joining.views import JoinTokenRequest
from skerry_hub.model import Workload
from skerry_hub.planning import Wish
from skerry_hub.sealed_parts import named
from skerry_hub.views import PlanView, Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.workloads.source import NOWHERE


def check_workloads(scope: Scope, workloads: Iterable[Workload]) -> None:
    """Refuse workloads that could run outside."""
    outside = [one.name for one in workloads if not scope.has_workload(one)]
    if outside:
        raise RefusedError(403, *(_outside(scope, name) for name in outside))


def check_wish(scope: Scope, wish: Wish) -> None:
    """Refuse documents, and workloads that could run outside."""
    if not scope:
        return
    problems = [
        Problem(reason=f"documents are for the whole fleet, and the token for {scope} alone")
        for _ in wish.documents[:1]
    ]
    for one in wish.workloads:
        if not scope.has_workload(one):
            reason = _outside(scope, one.name).reason
            problems.append(wish.sources.get(one.name, NOWHERE).problem(reason, "constraints"))
    if problems:
        raise RefusedError(403, *problems)


def check_kept(scope: Scope, work: Work, wish: Wish) -> None:
    """Refuse what would change others' workloads, or give one a secret that it did not have.

    Who may run a workload can read its secrets: so another one must have given it each of them.
    """
    if not scope:
        return
    problems = []
    for one in wish.workloads:
        kept = work.draft.workloads.get(one.name)
        if kept is not None and not scope.has_workload(kept.workload):
            problems.append(_outside(scope, one.name))
            continue
        had = set() if kept is None else _secrets_of(kept.workload)
        for name in sorted(_secrets_of(one) - had):
            reason = (
                f"{one.name} has not had the secret {name}: an operator of the whole fleet must "
                "apply it first"
            )
            problems.append(Problem(reason=reason))
    if problems:
        raise RefusedError(403, *problems)


def check_changes(scope: Scope, work: Work, plan: PlanView) -> None:
    """Refuse what would end, move or remove others' instances. To be asked when it is decided."""
    if not scope:
        return
    _check(scope, work, plan, ("create", "replace", "move", "remove"))
    settled = work.draft.settled.workloads
    gone = [name for name in plan.removed if name in settled]
    check_workloads(scope, [settled[name].workload for name in gone])


def check_ended(scope: Scope, work: Work, plan: PlanView) -> None:
    """Refuse what would end others' instances; what only moves goes on elsewhere."""
    if scope:
        _check(scope, work, plan, ("remove",))


def check_labels(scope: Scope, request: LabelRequest) -> None:
    """Refuse a node another place in the fleet."""
    changed = sorted(scope.keys & {*request.set, *request.unset})
    if changed:
        reason = f"the token is for {scope} alone, so it cannot change the label {changed[0]}"
        raise RefusedError(403, Problem(reason=reason, field="set"))


def check_join_token(scope: Scope, request: JoinTokenRequest) -> None:
    """Refuse boxes another place in the fleet, and a new key for one that is there.

    What a token for a named node replaces may be any box of the fleet.
    """
    if not scope.has_labels(request.labels):
        wanted = " ".join(f"--label {key}={value}" for key, value in scope.pairs)
        reason = f"the token is for {scope} alone: boxes must join with {wanted}"
        raise RefusedError(403, Problem(reason=reason, field="labels"))
    if scope and request.node is not None:
        reason = f"the token is for {scope} alone, so it cannot have a box join as a named node"
        raise RefusedError(403, Problem(reason=reason, field="node"))


def _check(scope: Scope, work: Work, plan: PlanView, actions: tuple[str, ...]) -> None:
    settled = work.draft.settled.workloads
    touched = {one.workload for one in plan.changes if one.action in actions}
    outside = []
    for name in sorted(touched):
        kept = work.draft.workloads.get(name) or settled.get(name)
        if not scope.has_workload(None if kept is None else kept.workload):
            outside.append(name)
    if outside:
        reason = (
            f"it would change {', '.join(outside[:10])}, which are not within {scope} that the "
            "token is for"
        )
        raise RefusedError(403, Problem(reason=reason))


def _outside(scope: Scope, name: str) -> Problem:
    wanted = " and ".join(f"node.labels.{key} == {value}" for key, value in scope.pairs)
    reason = f"workload {name} must ask for {wanted}, for the token is for {scope} alone"
    return Problem(reason=reason)


def _secrets_of(workload: Workload) -> set[str]:
    return {sealed.name for _, sealed in named(workload.containers)}
