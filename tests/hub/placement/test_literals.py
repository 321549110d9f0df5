"""What each operator says of a field's values, one way and the other."""

import pytest

from skerry_hub.placement.literals import Either, Every, Literal, formula
from skerry_hub.placement.reading import expression

A = "node.labels.a"
V = "node.hardware.accelerators.vendor"


def said(one):
    """Return a formula as a text: `+` some value passes, `-` none does."""
    if isinstance(one, Literal):
        return f"{'+' if one.holds else '-'}{str(one.test).removeprefix(one.test.field.path + ' ')}"
    word = {Every: "all", Either: "any"}[type(one)]
    return f"{word}({', '.join(map(said, one.parts))})"


@pytest.mark.parametrize(
    ("text", "holds", "not_"),
    [
        (f"{A} exists", "+exists", "-exists"),
        (f"{A} not exists", "-exists", "+exists"),
        (f"{A} == x", "+in [x]", "-in [x]"),
        (f"{A} != x", "-in [x]", "+in [x]"),
        (f"{A} in [x, y]", "+in [x, y]", "-in [x, y]"),
        (f"{A} not in [x]", "-in [x]", "+in [x]"),
        (f"{A} < 3", "+< 3", "-< 3"),
        (f"{A} version >= 3", "+version >= 3", "-version >= 3"),
        (f"{A} version != 3", "-version == 3", "+version == 3"),
        (f"{A} matches x", "+matches x", "-matches x"),
        (f"{A} not matches x", "all(+exists, -matches x)", "any(-exists, +matches x)"),
        (f"{V} contains x", "+in [x]", "-in [x]"),
        (f"{V} not contains x", "-in [x]", "+in [x]"),
        (f"{V} contains any [x, y]", "+in [x, y]", "-in [x, y]"),
        (f"{V} not contains any [x, y]", "-in [x, y]", "+in [x, y]"),
        (f"{V} contains all [x, y]", "all(+in [x], +in [y])", "any(-in [x], -in [y])"),
        (f"{V} not contains all [x, y]", "any(-in [x], -in [y])", "all(+in [x], +in [y])"),
        (f"all({A} == x, not({A} == y))", "all(+in [x], -in [y])", "any(-in [x], +in [y])"),
        (f"any({A} exists, {A} == y)", "any(+exists, +in [y])", "all(-exists, -in [y])"),
        (f"not(not({A} exists))", "+exists", "-exists"),
    ],
)
def test_what_holds_and_what_does_not(text, holds, not_):
    assert said(formula(expression(text))) == holds
    assert said(formula(expression(text), holds=False)) == not_
