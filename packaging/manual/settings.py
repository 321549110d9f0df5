"""A settings file with its comments, as the package installs it, read for its man page. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from manual import roff

TABLE = re.compile(r"(?:# )?\[(?P<name>[a-z_.]+)\]$")
KEY = re.compile(r'(?:# )?(?P<name>[a-z_]+|"[^"]+") = (?P<value>.+)$')


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One key, what is said before it, and how it stands in the file."""

    table: str
    name: str
    example: str
    words: str


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """A whole file: what is said at its top, of each table, and of each key."""

    words: str
    tables: dict[str, str]
    keys: tuple[Setting, ...]


def read(text: str) -> Settings:
    """Return what a file says of itself."""
    blocks = [block for block in text.strip().split("\n\n") if block.strip()]
    head, found, tables, table = "", [], {}, ""
    told = ""  # the key of this table whose words go for those after it, too
    for number, block in enumerate(blocks):
        words: list[str] = []
        lines = iter(block.split("\n"))
        for line in lines:
            if (named := TABLE.match(line)) is not None:
                table, tables[named["name"]], words, told = named["name"], _joined(words), [], ""
            elif (key := KEY.match(line)) is not None:
                example = "\n".join((key[0].removeprefix("# "), *_rest(key["value"], lines)))
                name, said, words = key["name"].strip('"'), _joined(words), []
                told = name if said else told
                found.append(Setting(table, name, example, said or (told and f"See {told}.")))
            else:
                words.append(line.removeprefix("#").strip())
        if words and (number == 0 or not found):
            head = f"{head}\n\n{_joined(words)}".strip()
    return Settings(head, tables, tuple(found))


def page(name: str, alias: str, summary: str, text: str, see: tuple[tuple[str, int], ...]
         ) -> roff.Page:  # fmt: skip
    """Return the man page of a file that lies in /etc/skerry under `alias`."""
    found = read(text)
    parts = [
        roff.section("Synopsis", ".PP\n" + roff.slanted(f"/etc/skerry/{alias}")),
        roff.section("Description", *map(roff.paragraph, found.words.split("\n\n"))),
        roff.section("Settings", *_settings(found)),
        roff.section("See also", roff.references(see)),
    ]
    return roff.Page(name, 5, summary, "\n".join(parts))


def _settings(found: Settings) -> Iterator[str]:
    table = ""
    for one in found.keys:
        if one.table != table:
            table = one.table
            yield f".SS {roff.quoted(f'[{table}]')}"
            if found.tables[table]:
                yield roff.paragraph(found.tables[table])
        example = roff.escaped(one.example)
        yield f".TP\n{roff.bold(one.name)}\n{roff.escaped(one.words) or '.'}"
        yield f".RS\n.PP\n.nf\n{example}\n.fi\n.RE"


def _rest(value: str, lines: Iterator[str]) -> Iterator[str]:
    """Yield what follows of a value that goes over several lines."""
    if value.strip() != "[":
        return
    for line in lines:
        yield line
        if line.startswith("]"):
            return


def _joined(words: list[str]) -> str:
    text = "\n".join(words).strip("\n")
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)
