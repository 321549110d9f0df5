"""YAML text into a tree: lines, merging, limits, and everything that is no tree."""

import tracemalloc

import pytest

from skerry_hub.workloads import yaml_tree
from skerry_hub.workloads.problems import Problems, RefusedError
from skerry_hub.workloads.yaml_tree import Mapping, Scalar, Sequence, parse_tree


def tree(text):
    problems = Problems("f")
    found = parse_tree(text, problems)
    assert not problems.in_order()
    return found


def plain(node):
    """Return a tree as data, scalars as their texts."""
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.text


def test_every_value_knows_its_line():
    found = tree("# comment\na:\n  - x\n  -\n    y\nb: |\n  text\nc: &c [1]\nd: *c\n")
    lines = {key: (entry.line, entry.value.line) for key, entry in found.entries.items()}
    assert lines == {"a": (2, 3), "b": (6, 6), "c": (8, 8), "d": (9, 8)}
    assert [item.line for item in found.entries["a"].value.items] == [3, 5]


@pytest.mark.parametrize(
    ("text", "scalar"),
    [
        ("22:22", Scalar("22:22", 1, True)),
        ("010", Scalar("010", 1, True)),
        ("no", Scalar("no", 1, True)),
        ("2001-01-01", Scalar("2001-01-01", 1, True)),
        ("'1'", Scalar("1", 1, False)),
        ('"\\u00e9\\n"', Scalar("é\n", 1, False)),
        ("!!str 1", Scalar("1", 1, False)),
        ("! 1", Scalar("1", 1, False)),
    ],
)
def test_scalars_stay_text(text, scalar):
    assert tree(text) == scalar


@pytest.mark.parametrize("text", ["a:", "a: ~", "a: null", "a: NULL", "{a}", "? a"])
def test_nothing_is_null(text):
    assert tree(text).entries["a"].value.is_null


@pytest.mark.parametrize("text", ["a: ''", "a: 'null'", "a: !!str null", "a: none"])
def test_a_text_is_not_null(text):
    assert not tree(text).entries["a"].value.is_null


@pytest.mark.parametrize("text", ["", "   \n", "# only a comment\n"])
def test_no_document_is_no_tree(text):
    assert parse_tree(text, Problems("f")) is None


def test_merge_keys():
    text = """
base: &base {a: base, b: base}
other: &other {b: other, c: other}
own: {<<: *base, a: own}
late: {a: own, <<: *base}
both: {<<: [*base, *other], d: own}
chain: {<<: {<<: *base, b: inner}}
text: {"<<": kept}
"""
    found = plain(tree(text))
    assert found["own"] == {"a": "own", "b": "base"}
    assert found["late"] == {"a": "own", "b": "base"}
    assert found["both"] == {"a": "base", "b": "base", "c": "other", "d": "own"}
    assert found["chain"] == {"a": "base", "b": "inner"}
    assert found["text"] == {"<<": "kept"}


def test_an_anchor_may_be_set_anew():
    assert plain(tree("[&a 1, *a, &a 2, *a]")) == ["1", "1", "2", "2"]


def test_duplicate_keys_are_told_with_both_lines():
    problems = Problems("f")
    parse_tree("a:\n  b: 1\n  c: 2\n  b: 3\n<<: {}\n<<: {}\n", problems)
    assert [(p.line, p.field, p.reason) for p in problems.in_order()] == [
        (4, "a.b", "is given twice, first on line 2"),
        (6, "<<", "is given twice, first on line 5"),
    ]


NO_TREES = [
    ("a: [1,\nb", 2, "is not YAML"),
    ("a: b: c", 1, "is not YAML: mapping values are not allowed here"),
    ("a:\n\t- b", 2, "indent with spaces, not with tabs"),
    ("a:\n  b: 1\n c: 2", 3, "that starts on line 1"),
    ("a: 'x", 1, "is not YAML"),
    ("a: b\n---\nc: d", 2, "more than one document"),
    ("a\n...\nb", 3, "is not YAML"),
    ("a: \x01", 1, "YAML forbids: #x0001"),
    ("a: b\nc: \ud800", 2, "YAML forbids: #xd800"),
    ('a: "\\ud800"', 1, "half a surrogate pair"),
    ('a:\n - "\\0"', 2, "has a NUL"),
    ('"\\0": a', 1, "has a NUL"),
    ('a: b\nc: "\\U00110000"', 2, "out of range"),
    ('"\\UFFFFFFFF"', 1, "out of range"),
    (f"%YAML {'9' * 5000}.1\n--- a", 1, "out of range"),
    ("%YAML 3.0\n--- a", 1, "incompatible"),
    ("a: *b", 1, "*b has no anchor before it"),
    ("a: &a [*a]", 1, "stands within its own anchor"),
    ("a: &a\n  b: {c: *a}", 2, "stands within its own anchor"),
    ("? [a]\n: b", 1, "has a key that is not a text"),
    ("{a: b}: c", 1, "has a key that is not a text"),
    ("a: {<<: b}", 1, "must be a mapping, or a list of them"),
    ("a:\n  <<: [{}, b]", 2, "must be a mapping, or a list of them"),
    ("a: !!python/object/apply:os.system [x]", 1, "'!!python/object/apply:os.system' is not"),
    ("a: !!python/name:os.system x", 1, "is not supported"),
    ("a: !!int 1", 1, "the tag '!!int' is not supported"),
    ("a: !!binary eA==", 1, "the tag '!!binary' is not supported"),
    ("a: !!str [x]", 1, "the tag '!!str' is not supported"),
    ("a: !!map x", 1, "the tag '!!map' is not supported"),
    ("a: !reset", 1, "files are not merged"),
    ("a: !override [x]", 1, "files are not merged"),
    ("a: !%ff x", 1, "is not YAML"),
]


@pytest.mark.parametrize(("text", "line", "reason"), NO_TREES)
def test_what_is_no_tree(text, line, reason):
    with pytest.raises(RefusedError) as error:
        tree(text)
    assert error.value.line == line
    assert reason in error.value.reason


def nested(levels):
    return "[" * levels + "]" * levels


def laughs(levels):
    first = "x0: &x0 [x, x, x, x, x, x, x, x, x, x]\n"
    return first + "\n".join(
        f"x{level}: &x{level} [{', '.join([f'*x{level - 1}'] * 10)}]" for level in range(1, levels)
    )


def test_the_limits_themselves_are_allowed():
    tree(nested(yaml_tree.MAX_DEPTH))
    tree("[" + "a," * (yaml_tree.MAX_NODES - 1) + "]")
    tree("'" + "x" * (yaml_tree.MAX_TEXT_BYTES - 2) + "'")
    tree("[&a [&b [[]], *b], *a]")


BOMBS = {
    "laughs": laughs(9),
    "laughs in keys": "a: &a {x: 1}\n" + "b: {" + ",".join(f"k{i}: *a" for i in range(9000)) + "}",
    "long text": "a: &a '" + "x" * 200_000 + "'\nb: [*a, *a, *a, *a, *a, *a]",
    "merges": "a: &a {" + ",".join(f"k{i}: 1" for i in range(1000)) + "}\n"
    "b: {<<: [" + "*a," * 1000 + "]}",
    "values": "[" + "a," * yaml_tree.MAX_NODES + "]",
    "deep": nested(yaml_tree.MAX_DEPTH + 1),
    "very deep": "[" * 200_000,
    "deep maps": "{a: " * 50_000,
    "deep dashes": "- " * 100_000,
    "deep keys": "? " * 100_000,
    "deep by indent": "\n".join(" " * level + "a:" for level in range(600)),
    "deep by alias": "a: &a " + nested(20) + "\nb: " + "[" * 20 + "*a" + "]" * 20,
    "anchors": "[" + "".join(f"&a{i} x," for i in range(30_000)) + "]",
    "large": "a" * (yaml_tree.MAX_TEXT_BYTES + 1),
    "large in bytes": "é" * (yaml_tree.MAX_TEXT_BYTES // 2 + 1),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name):
    with pytest.raises(RefusedError, match=r"more than|deeper than|larger than"):
        tree(BOMBS[name])


@pytest.mark.parametrize("name", ["laughs", "merges", "deep keys", "deep by alias"])
def test_a_bomb_is_refused_before_it_grows(name):
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError):
            tree(BOMBS[name])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * 2**20
