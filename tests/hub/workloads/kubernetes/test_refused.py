"""Files with one of each field that is refused: each has its line, and what to do instead."""

import pathlib
import re

import pytest
from tests.hub.workloads.kubernetes.samples import problems

from skerry_hub.workloads.kubernetes import keys

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
