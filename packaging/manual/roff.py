"""Text as man(7) wants it. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable

BROAD = re.compile(r"[ \t]*\n[ \t]*")


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """One man page. `body` is roff."""

    name: str
    section: int
    summary: str
    body: str

    @property
    def file(self) -> str:
        """Return the name of its file."""
        return f"{self.name}.{self.section}"

    def text(self, version: str, moment: datetime.date) -> str:
        """Return the whole page."""
        title = f'.TH {quoted(self.name.upper())} "{self.section}" "{moment.isoformat()}"'
        return "\n".join(
            (
                r".\" Made by packaging/manual from the program's own parser or settings file.",
                f'{title} "Skerry {version}" "Skerry"',
                ".SH NAME",
                f"{escaped(self.name)} \\- {escaped(self.summary)}",
                self.body,
                "",
            )
        )


def escaped(text: str) -> str:
    """Return text in which nothing is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def quoted(text: str) -> str:
    """Return one argument of a request."""
    return '"' + escaped(text).replace('"', '""') + '"'


def bold(text: str) -> str:
    """Return text in bold."""
    return f"\\fB{escaped(text)}\\fR"


def slanted(text: str) -> str:
    """Return text as what stands for something else."""
    return f"\\fI{escaped(text)}\\fR"


def section(title: str, *parts: str) -> str:
    """Return a section of a page."""
    return "\n".join((f".SH {quoted(title.upper())}", *parts))


def paragraph(text: str) -> str:
    """Return a paragraph of running text."""
    return ".PP\n" + escaped(BROAD.sub("\n", text.strip()))


def verbatim(text: str) -> str:
    """Return text whose lines stay as they are."""
    return "\n".join((".PP", ".nf", escaped(text.strip("\n")), ".fi"))


def tagged(rows: Iterable[tuple[str, str]]) -> str:
    """Return a list: of each a tag, which is roff already, and text."""
    return "\n".join(f".TP\n{tag}\n{escaped(text) or '.'}" for tag, text in rows)


def references(pages: Iterable[tuple[str, int]]) -> str:
    """Return other pages, by name and section, as a sentence of a page's last section."""
    return ".PP\n" + ",\n".join(f"{bold(name)}({number})" for name, number in pages)
