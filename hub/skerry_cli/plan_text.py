"""A plan, and what is not placed, as people read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from skerry_cli import words
from skerry_cli.document_kinds import name_of
from skerry_cli.records import Change, DocumentPlan, Explanation, Parts, Plan, Reason, Verdict
from skerry_cli.rollout_text import planned
from skerry_cli.screen import Cell, Colour, Styled

SIGNS: Mapping[str, tuple[str, Colour | None]] = {
    "create": ("+", "green"),
    "replace": ("~", "yellow"),
    "move": (">", "cyan"),
    "remove": ("-", "red"),
    "keep": ("=", "dim"),
}

DONE = {"created": "created", "updated": "updated", "unchanged": "unchanged", "removed": "removed"}
MEANT = {
    "created": "will be created",
    "updated": "will be updated",
    "unchanged": "is unchanged",
    "removed": "will be removed",
}
_COLOURS: Mapping[str, Colour] = {"created": "green", "updated": "yellow", "removed": "red"}


def pending(plan: Plan) -> bool:
    """Say whether a plan changes anything."""
    if plan.created or plan.updated or plan.removed:
        return True
    if any(document.action != "unchanged" for document in plan.documents):
        return True
    return any(change.action != "keep" for change in plan.changes)


def lines(
    plan: Plan, wording: Mapping[str, str], *, keep: bool = False
) -> Iterator[Sequence[Cell]]:
    """Yield a line for each document and workload, each followed by what of it changes.

    `wording` is DONE or MEANT; `keep` also shows the instances that stay; those of which there is
    something to say are shown anyway.
    """
    for document in plan.documents:
        yield from _document(document, wording)
    changes: dict[str, list[Change]] = {}
    for change in plan.changes:
        if keep or change.action != "keep" or change.detail:
            changes.setdefault(change.workload, []).append(change)
    outcomes = {name: outcome for outcome in wording for name in getattr(plan, outcome)}
    for name in sorted(outcomes.keys() | changes.keys()):
        outcome = outcomes.get(name)
        if outcome is None:
            yield (f"workload/{name}",)
        else:
            yield (f"workload/{name} ", Styled(wording[outcome], _COLOURS.get(outcome)))
        yield from map(step, changes.get(name, ()))
        for rollout in plan.rollouts:
            if rollout.workload == name:
                yield from ((Styled(f"  {line}", "dim"),) for line in planned(rollout))


def _document(document: DocumentPlan, wording: Mapping[str, str]) -> Iterator[Sequence[Cell]]:
    action = wording.get(document.action, document.action)
    name = f"{name_of(document.kind)}/{document.name} "
    yield (name, Styled(action, _COLOURS.get(document.action)))
    for change in document.changes:
        yield ("  ", Styled(f"~ {change}", "yellow"))


def step(change: Change) -> Sequence[Cell]:
    """Return the line of one step: `+ shop-web-0 on box-1`."""
    sign, colour = SIGNS.get(change.action, ("?", None))
    detail = f"  ({change.detail})" if change.detail else ""
    verb = {"move": "to", "remove": "from"}.get(change.action, "on")
    told = score(change.score, change.scores)
    return (
        "  ",
        Styled(f"{sign} {change.instance} {verb} {change.node}", colour),
        Styled(f"  score {told}" if told else "", "dim"),
        detail,
    )


def score(total: float | None, scores: Parts) -> str:
    """Return a score with what makes it up: `0.76 (spread 60 of 80, balance 9 of 10)`."""
    if total is None:
        return ""
    return f"{total:.3g}" + (f" ({parts(scores)})" if scores else "")


def parts(scores: Parts) -> str:
    """Return what makes up a score, in points of its weight: what counts most first."""
    ordered = sorted(scores.items(), key=lambda item: (-item[1].weight, item[0]))
    return ", ".join(f"{name} {part.points:.3g} of {part.weight}" for name, part in ordered)


def summary(plan: Plan) -> str:
    """Return the counts of a plan's steps: 2 to create, 1 to replace."""
    counts = {action: 0 for action in SIGNS if action != "keep"}
    for change in plan.changes:
        if change.action in counts:
            counts[change.action] += 1
    found = [f"{number} to {action}" for action, number in counts.items() if number]
    return ", ".join(found) or "no instance changes"


def shortage(explanation: Explanation, staying: int = 0) -> str:
    """Return in one line why a workload is not wholly placed, with the nearest miss of each.

    `staying` instances have a node, but no other one.
    """
    head = f"{explanation.workload}: {explanation.placed} of {explanation.wanted} placed"
    if staying:
        verb = "stays" if staying == 1 else "stay"
        head = f"{explanation.workload}: {words.count(staying, 'instance')} {verb}"
    if explanation.note and explanation.feasible:
        return f"{head}; {explanation.note}"
    if not explanation.verdicts and not explanation.blocked:
        return f"{head}; there is no node"
    parts = [
        f"{constraint} {words.count(number, 'node')}{_nearest(explanation.verdicts, constraint)}"
        for constraint, number in sorted(explanation.blocked.items(), key=lambda item: -item[1])
        if number
    ]
    lead = "no further node fits" if explanation.placed else "no node fits"
    lead = "no other node fits" if staying else lead
    return f"{head}; {lead}" + (f": {', '.join(parts)}" if parts else "")


def _nearest(verdicts: Sequence[Verdict], constraint: str) -> str:
    """Return the node that lacks least of what one constraint measures."""
    misses: list[tuple[float, Verdict, Reason]] = [
        (reason.missing, verdict, reason)
        for verdict in verdicts
        for reason in verdict.reasons
        if reason.constraint == constraint and reason.missing is not None
    ]
    if not misses:
        return ""
    # Of equal ones that which is nearer by all constraints: so the verdicts are ordered.
    _, verdict, reason = min(misses, key=lambda miss: miss[0])
    return f" (nearest: {verdict.where}: {reason.text})"
