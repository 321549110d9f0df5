"""A List, as a program writes the objects of a cluster: its items are as documents of their own."""

import textwrap

import pytest
from tests.hub.workloads.kubernetes.samples import POD, parse_text, problems

from skerry_hub.workloads.compose import SourceFile
from skerry_hub.workloads.kubernetes.manifests import parse

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {A: x}\n"
REFERS = POD + "    envFrom: [{configMapRef: {name: web}}]\n"


def listed(*objects, head="apiVersion: v1\nkind: List\n"):
    items = (f"-\n{textwrap.indent(one, '  ')}" for one in objects)
    return f"{head}items:\n{''.join(items)}"


def test_its_items_are_as_documents():
    text = listed(CONFIG, REFERS.replace("- {name: web, image: x}", "- name: web\n    image: x"))
    other = POD.replace("one", "two")
    found = parse_text(f"{text}---\n{other}")
    assert [one.name for one in found] == ["shop-one", "shop-two"]
    assert found[0].containers[0].environment == {"A": "x"}


def test_lines_and_fields_are_those_of_the_file():
    broken = POD.replace("one", "two") + "  hostNetwrk: true\n"
    without = POD.replace("kind: Pod\n", "")
    found = problems(f"# first\n---\n{listed(POD, broken, without)}")
    assert sorted((line, field) for line, field, _ in found) == [
        (20, "items[1].spec.hostNetwrk"),
        (22, "items[2].kind"),
    ]


def test_what_a_hub_finds_wrong_later_is_told_there():
    (found,) = parse([SourceFile("shop.yaml", listed(POD), "shop")])
    assert (found.source.field, found.source.line) == ("items[0]", 5)
    told = found.source.problem("why", "containers[0].image")
    assert (told.line, told.field) == (10, "items[0].spec.containers[0].image")


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        (listed(listed(POD)), "items[0].kind", "a List within a List"),
        (listed(POD, head="apiVersion: v2\nkind: List\n"), "apiVersion", "must be v1"),
        ("apiVersion: v1\nkind: List\n", "items", "is missing"),
        ("apiVersion: v1\nkind: List\nitems: {}\n", "items", "must be a list"),
        ("apiVersion: v1\nkind: List\nitems: [a]\n", "items[0]", "must be a mapping"),
        (listed(POD) + "itms: []\n", "itms", "is not a key of a List"),
        (listed(POD, POD), "items[1]", "asked for twice"),
        (listed(POD + "  dnsPolicy: None\n"), "items[0].spec.dnsPolicy", "not supported"),
    ],
)
def test_what_is_refused(text, field, reason):
    ((_, at, said),) = problems(text)
    assert at == field
    assert reason in said


def test_its_items_count_as_objects():
    short = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c%d}}"
    items = ", ".join(short % number for number in range(1001))
    found = problems(f"apiVersion: v1\nkind: List\nitems: [{items}]\n")
    assert [reason for _, _, reason in found] == [
        "holds object 1001 of one request, and there may be 1000"
    ]
