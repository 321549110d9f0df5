"""Files with one of each field that is refused: each has its line, and what to do instead."""

import pathlib
import re

import pytest
from tests.hub.workloads.kubernetes.samples import problems

from skerry_hub.workloads import reference
from skerry_hub.workloads.kubernetes import keys
from skerry_hub.workloads.problems import Problems
from skerry_hub.workloads.reading import Section, Value
from skerry_hub.workloads.yaml_tree import parse_tree

FOLDER = pathlib.Path(__file__).parent / "refused"
FILES = sorted(FOLDER.glob("*.yaml"))
REFUSED = {(key, why) for _, table in keys.TABLES for key, why in table.refused.items()}
INSTEAD = re.compile(
    r"\b(use|write|remove|let|leave|apply|name|mount|put|add|publish|give|skerry)\b"
)


def marked(text):
    """Return the lines that are refused, with their keys."""
    lines = enumerate(text.splitlines(), 1)
    return [(number, line.strip(" -").partition(":")[0]) for number, line in lines if "#!" in line]


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.stem)
def test_each_is_told_by_its_line_its_field_and_why(file):
    text = file.read_text()
    found = problems(text)
    assert [(line, field.rpartition(".")[2]) for line, field, _ in found] == marked(text)
    for _, field, reason in found:
        said, _, why = reason.partition(": ")
        assert said == "is not supported"
        assert (field.rpartition(".")[2], why) in REFUSED


def test_the_files_have_each_of_them():
    there = {key for file in FILES for _, key in marked(file.read_text())}
    assert {key for key, _ in REFUSED} - there == set()


@pytest.mark.parametrize(
    ("key", "why"), sorted(REFUSED | set(keys.ELSEWHERE.items())), ids=lambda one: one[:40]
)
def test_each_says_what_to_do_instead(key, why):
    assert INSTEAD.search(why), key


USUAL = [(table, key, value) for _, table in keys.TABLES for key, value in table.usual.items()]


@pytest.mark.parametrize(("table", "key", "value"), USUAL, ids=lambda one: str(one)[:40])
def test_a_refused_key_is_taken_at_the_value_at_which_it_changes_nothing(table, key, value):
    found = Problems("shop.yaml")
    written = [f"{key}: {value}", f"{key}: other", f"{key}: [x]", f"{key}: {{x: x}}"]
    for line in written:
        Section(Value(parse_tree(line, found), "", 1, found), table)
    assert [one.reason for one in found.in_order()] == [
        f"is not supported: {table.refused[key]}"
    ] * 3


def test_the_reference_tells_it():
    row = (
        "| `dnsPolicy` | it belongs to the box's own settings: remove it; `ClusterFirst` is taken |"
    )
    assert row in reference.kubernetes_reference()
