"""Why an instance is where it is, as people read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from skerry_cli import words
from skerry_cli.records import Parts, Runner, Standing

SPREAD = "spread over "
"""How the names of spreads begin: they are about all instances of a workload together."""
KEEPS_FORMER = "keeps its former revision until a node takes the new one, which its own does not"


def lines(found: Standing) -> Iterator[str]:
    """Yield what is told of one instance, the first line by itself."""
    name = f"{found.instance} on {found.where}"
    against = [f"  {one.constraint}: {one.text}" for one in (*found.unmet, *found.closed)]
    if found.unmet and found.keeps_former:
        yield f"{name}: {KEEPS_FORMER}"
    elif found.unmet and all(one.constraint.startswith(SPREAD) for one in found.unmet):
        yield f"{name}: not spread as asked; the next apply moves as few as mend it"
    elif found.unmet:
        yield f"{name}: does not meet what is asked for any more, and leaves at the next apply"
    elif found.closed:
        yield f"{name}: stays, but nothing new would come there"
    else:
        yield f"{name}: {_points(found)}; {_place(found)}"
        yield f"  {made_up(found.scores)}"
    yield from against
    for one in found.runners_up:
        yield f"  {_runner(one)}"
    if found.decision is not None:
        then, seq = words.moment(found.decided_at), found.decision
        yield f"  put there {then} by decision {seq}: skerry replay {seq} --scores"


def _points(found: Standing) -> str:
    score = words.NONE if found.score is None else f"{found.score:.3g}"
    if found.points is None or found.most is None:
        return f"score {score}"
    return f"score {score} ({found.points:.5g} of {found.most} points)"


def _place(found: Standing) -> str:
    if found.better:
        verb = "is" if found.better == 1 else "are"
        return f"not the best any more: {words.count(found.better, 'node')} {verb} better now"
    return "no node is better"


def _runner(one: Runner) -> str:
    name = one.where
    if one.ahead is None:
        return f"would take it: {name}, score {one.score:.3g}"
    parts = ", ".join(f"{part} {points:+.4g}" for part, points in one.differences.items())
    why = parts or "the same in every part"
    return f"{'better' if one.ahead > 0 else 'next'}: {name} {one.points:.5g} points: {why}"


def made_up(parts: Parts) -> str:
    """Return what makes up a score, what counts most first: `balance 0.75 × 10 = 7.5`."""
    ordered = sorted(parts.items(), key=lambda item: (-item[1].weight, item[0]))
    return ", ".join(
        f"{name} {part.value:.4g} × {part.weight} = {part.points:.4g}" for name, part in ordered
    )
