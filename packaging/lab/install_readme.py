"""The commands of the README's "Install", as a trial follows them: word by word.

What a reader has to put in his own place for (addresses, a token) is named here, once.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from lab.install import ROOT
from lab.processes import LabError

BOX, OPERATOR = "on the box", "where you work"
PACKAGES = "https://packages.example/skerry"
_FENCE = re.compile(r"^```sh\n# (?P<where>[^\n]+)\n(?P<body>.*?)^```$", re.M | re.S)


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Commands that follow each other in one place."""

    where: str
    commands: tuple[str, ...]


def blocks(text: str | None = None) -> list[Block]:
    """Return the blocks of the README's section. Raises LabError where there is none."""
    text = (ROOT / "README.md").read_text() if text is None else text
    section = re.search(r"^## Install\n(.*?)(?=^## )", text, re.M | re.S)
    if section is None:
        raise LabError('README.md: there is no section "## Install"')
    return [
        Block(found["where"], tuple(found["body"].strip().splitlines()))
        for found in _FENCE.finditer(section[1])
        if found["where"] in (BOX, OPERATOR)
    ]


def command(beginning: str, where: str, found: list[Block]) -> str:
    """Return the one command of a place that begins so. Raises LabError."""
    fits = [
        line
        for block in found
        for line in block.commands
        if block.where == where and line.startswith(beginning)
    ]
    if len(fits) != 1:
        raise LabError(f"README.md, Install: {len(fits)} commands {where} begin with {beginning!r}")
    return fits[0]


def put(line: str, places: Mapping[str, str]) -> str:
    """Return a command with what a reader puts in his own place for."""
    for name, value in places.items():
        line = line.replace(name, value)
    return line


def of_one_form(printed: str, written: str) -> bool:
    """Say whether a command that was printed has the words that the README shows for it.

    Values may differ: what begins with a letter in both, or an option, may not.
    """

    def shape(line: str) -> list[str]:
        words = line.split()
        options = [word for word in words if word.startswith("--")]
        return [*words[: 1 + words.index("join")], *options]

    try:
        return shape(printed) == shape(written)
    except ValueError:
        return False
