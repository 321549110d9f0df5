"""The key `constraints` of `x-placement`."""

import textwrap

import pytest
from tests.hub.workloads.samples import refusals, workload

from skerry_hub.model import Workload
from skerry_wire.codec import to_plain
from skerry_wire.schema import reader


def asked(part):
    return workload(f"x-placement:\n  constraints:\n{textwrap.indent(part, '    ')}").expressions


def test_texts_and_mappings():
    found = asked(
        "- node.labels.site in [quay-3, quay-4]\n"
        "- node.labels.gpu exists\n"
        "- node.hardware.memory.total_bytes >= 8GiB\n"
        "- node.labels.name matches ^till-[0-9]+$\n"
        "- any:\n"
        "    - node.hardware.cpu.flags contains avx2\n"
        "    - not: {all: [node.platform.arch == x86_64, node.labels.x not exists]}\n"
    )
    assert found == (
        "node.labels.site in [quay-3, quay-4]",
        "node.labels.gpu exists",
        "node.hardware.memory.total_bytes >= 8GiB",
        'node.labels.name matches "^till-[0-9]+$"',
        "any(node.hardware.cpu.flags contains avx2,"
        " not(all(node.platform.arch == x86_64, node.labels.x not exists)))",
    )


def test_what_must_all_hold_is_told_apart_and_nothing_twice():
    found = asked("- all: [node.id == a, {all: [node.labels.x exists]}]\n- node.id == a")
    assert found == ("node.id == a", "node.labels.x exists")


def test_a_dollar_sign_ends_a_pattern_and_is_no_variable():
    assert asked("- node.id matches ^a$$") == ("node.id matches ^a$",)
    assert asked("- node.id matches (a$|b$)") == ('node.id matches "(a$|b$)"',)
    ((line, _, reason),) = refusals("x-placement:\n  constraints: [node.id == $NODE]")
    assert line == 5
    assert "has a variable" in reason


def test_those_of_deploy_come_before_the_services_own():
    found = workload(
        "x-placement: {constraints: [node.labels.b exists]}\n"
        "deploy: {x-placement: {constraints: [node.labels.a exists]}}"
    )
    assert found.expressions == ("node.labels.a exists", "node.labels.b exists")
    assert reader(Workload, strict=True)(to_plain(found)) == found


@pytest.mark.parametrize(
    ("part", "line", "field", "reason"),
    [
        ("- node.id is a", 6, "[0]", "column 9: 'is' is not an operator"),
        ("- node.id == a\n- node.hardware.cpu.cores > 3", 7, "[1]", "cores is not a field"),
        ("- node.hardware.memory.total_bytes >= 8 parsecs", 6, "[0]", "'parsecs' is not read"),
        ("- node.hardware.memory.total_bytes >= -8GiB", 6, "[0]", "is not a size"),
        ("- node.id matches ((a+)+", 6, "[0]", "without its )"),
        (r"- node.id matches (a)\1", 6, "[0]", "a backreference, which is not supported"),
        ("- any:\n  - node.id == a\n  - node.id", 8, "[0].any[1]", "column 8"),
        ("- any: []", 6, "[0].any", "is empty"),
        ("- any: [node.id == a]\n  all: [node.id == a]", 6, "[0]", "one of the keys all, any, not"),
        ("- some: [node.id == a]", 6, "[0].some", "is not a key of an expression"),
        ("- not: [node.id == a]", 6, "[0].not", "must be a mapping"),
        ("-", 6, "[0]", "is empty"),
        ("- [node.id == a]", 6, "[0]", "must be a mapping"),
        (
            "- node.labels.site == a\n- node.labels.site == b",
            7,
            "[1]",
            "contradicts: no node can fulfil node.labels.site == b beside node.labels.site == a",
        ),
        ("- " + "{not: " * 9 + "node.id == a" + "}" * 9, 6, "[0]", "nested deeper than 8"),
        ("\n".join(["- node.id == a"] * 65), 5, "", "65 expressions, more than 64"),
    ],
)
def test_what_is_refused_at_its_line(part, line, field, reason):
    found = refusals(f"x-placement:\n  constraints:\n{textwrap.indent(part, '    ')}")
    place = f"x-placement.constraints{field}"
    assert any((at, where) == (line, place) and reason in said for at, where, said in found), found


def test_composes_own_constraints_are_beside_them():
    ((line, _, reason),) = refusals(
        "deploy: {placement: {constraints: [node.labels.site == a]}}\n"
        "x-placement: {constraints: [node.labels.site not exists]}"
    )
    assert line == 5
    assert "beside node.labels.site == a" in reason
