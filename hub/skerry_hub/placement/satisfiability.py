"""Whether any node could fulfil expressions together, by search. Pure.

Each way to fulfil them is a set of literals, one of each `any`. A way is given up as soon as no
value of a field fits its literals; fields are taken to have nothing to do with each other, but for
a list and what is within it. The search ends after so much effort, and then a node may: what is
called impossible is proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry_hub.placement.effort import Effort, TooMuchError
from skerry_hub.placement.literals import Either, Every, Formula, Literal
from skerry_hub.placement.operators import Operator
from skerry_hub.placement.witness import fits_some

Key = tuple[str, ...]
"""What tells a field from all others, by whichever of its names it is asked for."""

_Linked = tuple[Formula, "_Linked"] | None
_Chosen = tuple[Either, "_Chosen"] | None
_Known = Mapping[Key, dict[Literal, None]]


def may_hold(formulas: Iterable[Formula], effort: Effort) -> bool:
    """Say whether some node may fulfil all of it; false only where none ever can."""
    pending: _Linked = None
    for one in formulas:
        pending = (one, pending)
    try:
        return _search(pending, effort)
    except TooMuchError:
        return True


def _search(pending: _Linked, effort: Effort) -> bool:
    ways: list[tuple[_Linked, _Chosen, _Known]] = [(pending, None, {})]
    while ways:
        found = _settled(*ways.pop(), effort)
        if found is None:
            continue
        choices, known = found
        if choices is None:
            return True
        choice, rest = choices
        ways += [((part, None), rest, known) for part in reversed(choice.parts)]
    return False


def _settled(
    pending: _Linked, choices: _Chosen, known: _Known, effort: Effort
) -> tuple[_Chosen, _Known] | None:
    """Take everything that must hold; return what is left to choose, None where nothing fits."""
    literals: dict[Key, dict[Literal, None]] = dict(known)
    touched: dict[Key, None] = {}
    while pending is not None:
        effort.spend(1)
        one, pending = pending
        if isinstance(one, Every):
            for part in one.parts:
                pending = (part, pending)
        elif isinstance(one, Either):
            choices = (one, choices)
        else:
            key = _key(one)
            if key not in touched:
                literals[key] = dict(known.get(key, {}))
                touched[key] = None
            literals[key][one] = None
    if not all(fits_some(tuple(literals[key]), effort) for key in touched):
        return None
    if _lacks_what_is_within(literals, effort):
        return None
    while choices is not None and _is_made(choices[0], literals, effort):
        choices = choices[1]
    return choices, literals


def _lacks_what_is_within(known: _Known, effort: Effort) -> bool:
    """Say whether a list must not exist of which a field must: `usb` beside `usb.vendor`."""
    effort.spend(len(known))
    absent = [key for key, found in known.items() if any(map(_is_absence, found))]
    return any(
        key[: len(one)] == one and any(literal.holds for literal in known[key])
        for one in absent
        for key in known
    )


def _is_absence(one: Literal) -> bool:
    return not one.holds and one.test.operator is Operator.EXISTS


def _is_made(choice: Either, known: _Known, effort: Effort) -> bool:
    """Say whether one of the ways is taken already."""
    effort.spend(len(choice.parts))
    return any(
        isinstance(part, Literal) and part in known.get(_key(part), ()) for part in choice.parts
    )


def _key(one: Literal) -> Key:
    field = one.test.field
    return field.steps or (field.path,)
