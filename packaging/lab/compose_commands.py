"""The commands with `docker compose` of README.md and docs/data-centre.md, as the lab follows them: word by word.

What a reader has to put in his own place for is named here, once.
"""

from __future__ import annotations

import re

from lab.install import ROOT
from lab.processes import LabError

README = ROOT / "README.md"
DOCUMENT = ROOT / "docs" / "data-centre.md"
NAME = "hub.example"
"""By what boxes reach the machine."""
ENCRYPTS = "age -r age1..."
"""What a backup is encrypted with, by a key of the reader's."""
COMPOSE = "docker compose -f packaging/hub/compose.yaml "

_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


def lines(text: str) -> list[str]:
    """Return each line of the text's shell blocks that has to do with compose, without its remark."""
    found = [line for block in _FENCE.findall(text) for line in block.splitlines()]
    return [re.sub(r" {2,}#.*", "", line) for line in found if "compose" in line]


def command(words: str, text: str | None = None) -> str:
    """Return the one line in which these words follow `docker compose ... `. Raises LabError.

    They must be the last ones, or stand before a pipe. The text is the document's, if none is given.
    """
    wanted = re.compile(re.escape(COMPOSE + words) + r"(?= \||$)")
    given = DOCUMENT.read_text() if text is None else text
    fits = {line for line in lines(given) if wanted.search(line)}
    if len(fits) != 1:
        raise LabError(f"{len(fits)} different lines of the document have {COMPOSE}{words}")
    return fits.pop()


def first(text: str | None = None) -> tuple[str, str]:
    """Return the README's first line: what writes the settings, and what brings all up."""
    given = README.read_text() if text is None else text
    settings, found, up = command("up -d --build", given).partition(" && ")
    if not found:
        raise LabError(f"{settings}: it writes no settings before")
    return settings, up
