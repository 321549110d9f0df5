"""`docs/security.md`: every line of the threat model names a test that exists."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`", TEXT)))
ATTACKERS = (
    "The network between them",
    "A hacked broker",
    "A stolen or hacked box",
    "Whoever gets onto a box, without being root",
    "A container on a box",
    "A hacked hub",
    "An operator's laptop",
    "The supply chain",
    "Copies and backups",
)


def section(title):
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    assert found, title
    return found[1]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_is_named_exists(path, name):
    assert re.search(rf"^\s*(async )?def {name}\(", (ROOT / path).read_text(), re.M)


@pytest.mark.parametrize("title", ATTACKERS)
def test_every_line_about_an_attacker_names_how_it_was_shown(title):
    rows = [line for line in section(title).splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 4
    for row in rows:
        shown = row.strip("|").split("|")[-1].strip()
        assert re.fullmatch(r"`tests/[^`]+::[^`]+`|`packaging/lock/`", shown), row


def test_nothing_is_named_as_a_test_in_another_form():
    assert len(re.findall(r"::test_", TEXT)) == len(
        re.findall(r"`tests/[a-z0-9_/]+\.py::test_[a-z0-9_]+`", TEXT)
    )
