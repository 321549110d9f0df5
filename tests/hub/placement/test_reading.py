"""Texts of expressions: what they are, and what is wrong with them at which column."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.expressions import EXPRESSIONS

from skerry_hub.placement.reading import ExpressionError, expression

FLAGS = "node.hardware.cpu.flags"
BYTES = "node.hardware.memory.total_bytes"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("  node.labels.site==quay-3 ", "node.labels.site == quay-3"),
        ("node.labels.site = quay-3", "node.labels.site == quay-3"),
        ('node.labels.site != "a, b"', 'node.labels.site != "a, b"'),
        ("node.labels.site In [a,b]", "node.labels.site in [a, b]"),
        ("node.labels.site NotIn [a]", "node.labels.site not in [a]"),
        ("node.labels.x Exists", "node.labels.x exists"),
        ("node.labels.x DoesNotExist", "node.labels.x not exists"),
        ("node.labels.x is_not_set", "node.labels.x not exists"),
        ("node.labels.rank Gt 3", "node.labels.rank > 3"),
        (f"{BYTES}>=8GiB", f"{BYTES} >= 8GiB"),
        (f"{BYTES} >= 8 GiB", f"{BYTES} >= 8GiB"),
        (
            f"any({BYTES} < 8 b, {BYTES} in [1.5 tb,2 GiB , 3])",
            f"any({BYTES} < 8b, {BYTES} in [1.5tb, 2GiB, 3])",
        ),
        (
            "node.hardware.system.kernel version >=5.15",
            "node.hardware.system.kernel version >= 5.15",
        ),
        ("node.labels.a matches ^b [c] $", 'node.labels.a matches "^b [c] $"'),
        ("node.labels.a regexp ^b", "node.labels.a matches ^b"),
        (f"{FLAGS} contains avx2", f"{FLAGS} contains avx2"),
        (f"{FLAGS} contains all", f"{FLAGS} contains all"),
        (f"{FLAGS} contains all [a, b]", f"{FLAGS} contains all [a, b]"),
        (f"{FLAGS} set_contains_any [a, b]", f"{FLAGS} contains any [a, b]"),
        (f"{FLAGS} not contains avx2", f"{FLAGS} not contains avx2"),
        (f"{FLAGS} not contains any", f"{FLAGS} not contains any"),
        (f"{FLAGS} not contains any [a, b]", f"{FLAGS} not contains any [a, b]"),
        (f"{FLAGS} not contains all[a,b]", f"{FLAGS} not contains all [a, b]"),
        ("node.labels.a == -5", "node.labels.a == -5"),
        (
            'any( node.labels.a exists , not(all(node.labels.a matches "x,", node.id == b)))',
            'any(node.labels.a exists, not(all(node.labels.a matches "x,", node.id == b)))',
        ),
    ],
)
def test_an_expression_as_it_is_stored(text, stored):
    assert str(expression(text)) == stored
    assert expression(stored) == expression(text)


def test_what_differs_is_not_the_same():
    assert expression("node.id == a") != expression("node.id == b")
    assert expression(f"{BYTES} > 1k") != expression(f"{BYTES} > 1024"), "as it was written"


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("", 1, "'' is not a field"),
        ("node.role == a", 1, "'node.role' is not a field"),
        ("node.hardware.memory.totl_bytes > 1", 1, "did you mean total_bytes?"),
        ("node.id", 8, "an operator is missing: =="),
        ("node.id is a", 9, "'is' is not an operator: write =="),
        ("node.id === a", 9, "'===' is not an operator: write =="),
        ("node.id =~ ^a", 9, "'=~' is not an operator: write matches"),
        ("node.id =~^a", 9, "'=~' is not an operator: write matches"),
        ("node.id !~ a", 9, "'!~' is not an operator: write not matches"),
        ("node.id <> a", 9, "'<>' is not an operator: write !="),
        ("node.id roughly a", 9, "'roughly' is not an operator: ==, !=, in"),
        ("node.id not a", 9, "'not' is not an operator"),
        ("node.id ==", 11, "a value is missing"),
        (
            "node.id == a b",
            14,
            "'b' is not read: a value with blanks or signs stands in double quotes",
        ),
        ('node.id == "a', 12, "does not end"),
        ('node.id == "\\d"', 12, "is not written"),
        ("node.id in a", 12, "takes a list"),
        ("node.id in [a", 14, "without its ]"),
        ("node.id in []", 13, "a value is missing before ]"),
        ("node.id exists a", 16, "'a' is not read"),
        (f"{BYTES} >= 8XB", 37, "'8XB' is not a size"),
        (f"{BYTES} >= -1", 37, "is not a size"),
        (f"{BYTES} version > 1", 34, "is a size, not a text"),
        (f"{BYTES} contains 1", 34, "is one value, not a list"),
        (f"{BYTES} not contains 1", 34, "is one value, not a list"),
        (f"{FLAGS} not contains", 37, "a value is missing"),
        (f"{FLAGS} not contains any avx2", 42, "not contains any takes a list: [a, b]"),
        (f"{FLAGS} contains all avx2", 38, "contains all takes a list"),
        ("node.id == a and node.id != b", 14, "write all(..., ...) for several expressions"),
        ("node.id == a || node.id == b", 14, "write any(..., ...) for several expressions"),
        (f"{FLAGS} not containing avx2", 25, "'not' is not an operator"),
        ("node.hardware.cpu.core_count > 3GiB", 32, "is not a number"),
        ("node.hardware.cpu.core_count == many", 33, "is not a number"),
        ("node.labels.rank > high", 20, "is not a number"),
        ("node.hardware.system.kernel >= 5.15", 29, "for versions, write version >="),
        ("node.hardware.system.kernel version >= new", 40, "is not a version"),
        ("node.hardware.system.kvm == yes", 29, "is true or false"),
        ("node.hardware.system.kvm > true", 26, "has no order"),
        ("node.hardware.accelerators == gpu", 28, "name a field below it"),
        ("node.hardware.nics.kind contains token-ring", 34, "is one of ethernet"),
        ("node.labels.a matches (a", 23, "without its ) (at 1 in it)"),
        ("node.labels.a matches", 22, "the pattern is missing"),
        (r"node.labels.a matches ^(a)\1", 23, "a backreference, which is not supported (at 5"),
        ("any(node.id == a", 1, "any( is without its )"),
        ("any()", 5, "'' is not a field"),
        ("not(node.id == a, node.id == b)", 1, "takes one expression"),
        ("node.id == a)", 13, "nothing is open that ) could belong to"),
        ("not(" * 9 + "node.id == a" + ")" * 9, 37, "nested deeper than 8"),
        (f"any({', '.join(['node.id == a'] * 129)})", None, "more than 128 tests"),
        (f"node.id in [{', '.join('a' * 129)}]", None, "more than 128 values"),
        (f"node.id == {'a' * 1025}", 12, "longer than 1024"),
        ("x" * 5000, 4096, "longer than 4096"),
    ],
)
def test_what_is_refused_names_the_column(text, column, reason):
    with pytest.raises(ExpressionError) as told:
        expression(text)
    assert reason in told.value.reason
    assert column in (None, told.value.column)
    assert str(told.value).startswith(f"column {told.value.column}: ")


@given(EXPRESSIONS)
@settings(max_examples=300, deadline=None)
def test_the_stored_text_is_the_expression(one):
    text = str(one)
    assert expression(text) == one
    assert str(expression(text)) == text


@given(st.text('node.labels.id=!<>()[],"\\ anyot{}*', max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused(text):
    column = 1
    try:
        assert str(expression(text))
    except ExpressionError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1
