"""`skerry audit`: who changed what, exported and checked."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import IO, Annotated, Any

import click

from skerry_cli import contexts, words
from skerry_cli.failures import Exit, Failure
from skerry_cli.hub import Hub, path
from skerry_cli.records import MANY, part_of, read
from skerry_cli.screen import Screen
from skerry_cli.session import Duration, Session, anywhere, output
from skerry_cli.verbs import Verbs
from skerry_wire.audit_chain import DAMAGED, Mark, Part, Row, Verdict, judged
from skerry_wire.codec import from_plain
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen

PAGE = 1000
FORMAT = 1
MOST_LINE = 1024 * 1024
PROVE = (
    "If somebody cut it off by right, give the files in which that is: skerry audit verify --cut "
    "FILE (docs/access.md). The row that was seen stays the one that is wanted"
)

EXAMPLES = """\b
Each row's hash covers the one before it, so that nothing can be changed or taken out unnoticed. The
newest row that was seen is kept with the context: what was cut off at the end since is noticed too.
\b
Examples:
  skerry audit list --since 1h --who alice
  skerry audit list --action labels -o json
  skerry audit verify
  skerry audit export > audit.jsonl
  skerry audit verify --file audit.jsonl
  skerry audit verify --cut audit-2026.jsonl    after `skerry-hub audit cut -o audit-2026.jsonl`
"""


@frozen(kw_only=True)
class Page:
    """Rows, the oldest first, and where the log begins and ends."""

    items: Annotated[tuple[Row, ...], MANY]
    more: bool
    anchor: Mark
    head: Mark


@click.group(cls=Verbs, epilog=EXAMPLES)
def audit() -> None:
    """Show who changed what, and check that nothing of that was changed."""


@audit.command("list")
@click.option("--since", type=Duration(), metavar="TIME", help="Only what is newer than this.")
@click.option("--who", metavar="NAME", help="Only what this one did.")
@click.option("--action", metavar="TEXT", help="Only actions that have this in them.")
@click.option(
    "--limit", type=click.IntRange(1, PAGE), default=100, show_default=True, help="The newest."
)
@output("json", "yaml")
@anywhere
@click.pass_obj
def list_(
    session: Session,
    /,
    since: float | None,
    who: str | None,
    action: str | None,
    limit: int,
    form: str | None,
) -> None:
    """List what was changed, and tried to be, the newest last."""
    hub, screen = session.connect(), Screen()
    query: dict[str, Any] = {"who": who, "action": action, "limit": limit}
    if since is not None:
        query["since"] = f"{hub.now() - since:.3f}"
    answer = hub.get(path("audit"), query)
    if form is not None:
        screen.document(answer, form)
        return
    found = read(Page, answer)
    rows = [("ROW", "AT", "WHO", "ACTION", "SUBJECT", "")]
    rows += [
        (
            str(row.seq),
            words.moment(row.at_ms / 1000),
            row.who,
            row.action,
            row.content.get("subject", ""),
            _outcome(row),
        )
        for row in found.items
    ]
    screen.table(rows)
    if found.more:
        screen.note(f"these are the newest {limit}: --limit shows more")


def _outcome(row: Row) -> str:
    said = row.content
    if DAMAGED in said:
        return f"damaged: {said[DAMAGED]}"
    if said.get("phase") == "outcome":
        return f"{said.get('status', '')} (of {said.get('of', '')})"
    return said.get("reason") or said.get("phase", "")


@audit.command()
@click.option("-f", "--file", "where", metavar="FILE", default="-", help="Where to (default: -).")
@anywhere
@click.pass_obj
def export(session: Session, /, where: str) -> None:
    """Write the whole log as lines of JSON, which can be checked without a hub."""
    hub = session.connect()
    pages = _pages(hub, 0)
    with _written(where) as file:
        first = next(pages)
        head = {"audit": FORMAT, "hub": hub.url, "anchor": dataclasses.asdict(first.anchor)}
        file.write(json.dumps(head) + "\n")
        count = _write(first, file) + sum(_write(page, file) for page in pages)
    Screen().note(f"{words.count(count, 'row')} exported")


def _write(page: Page, file: IO[str]) -> int:
    for row in page.items:
        file.write(json.dumps(dataclasses.asdict(row)) + "\n")
    return len(page.items)


@contextlib.contextmanager
def _written(where: str) -> Iterator[IO[str]]:
    if where == "-":
        yield sys.stdout
        return
    try:
        # Who may read the log is said by the hub, and not by a file's mode.
        made = os.open(where, os.O_WRONLY | os.O_CREAT, 0o600)
        with open(made, "w", encoding="utf-8") as file:
            if stat.S_ISREG(os.fstat(made).st_mode):
                os.fchmod(made, 0o600)
                os.ftruncate(made, 0)
            yield file
    except OSError as error:
        raise Failure(f"{where}: {error.strerror}", Exit.USAGE) from None


@audit.command()
@click.option("--file", "where", metavar="FILE", help="Check an export, without any hub.")
@click.option(
    "--cut",
    "cuts",
    metavar="FILE",
    multiple=True,
    help="What was cut off before: the file of `skerry-hub audit cut`. Several times where needed.",
)
@click.option("--head", metavar="ROW:HASH", help="A row that the log must have.")
@click.option(
    "--accept-cut",
    is_flag=True,
    help="What was cut off is in no file any more: take what is here as it is from now on.",
)
@output("json", "yaml")
@anywhere
@click.pass_context
def verify(
    ctx: click.Context,
    /,
    where: str | None,
    cuts: tuple[str, ...],
    head: str | None,
    accept_cut: bool,
    form: str | None,
) -> None:
    """Check that no row was changed, taken out or cut off; exit status 1 where one was.

    The newest row that was seen is kept with the context, and must be there the next time. Where it
    was cut off since, --cut shows that what is there now follows it.
    """
    session: Session = ctx.obj
    seen = [_mark(head, "--head")] if head else []
    remember: Callable[[Mark], None] = lambda _mark: None  # noqa: E731
    if where is not None:
        log = _from_file(where)
    else:
        name = session.target().context
        kept = contexts.load().contexts.get(name)
        if kept is not None and kept.audit:
            seen.append(_mark(kept.audit, "the context"))
        pages = _pages(session.connect(), 0)
        first = next(pages)
        log = Part(
            anchor=first.anchor, rows=(row for page in _again(first, pages) for row in page.items)
        )
        remember = lambda mark: _remember(name, mark)  # noqa: E731
    cut = [dataclasses.replace(_from_file(one), name=one) for one in cuts]
    verdict = judged(log, cut, seen)
    _tell(verdict, form, accept_cut=accept_cut)
    if verdict.wrong is not None or (verdict.unproven is not None and not accept_cut):
        ctx.exit(Exit.ERROR)
    remember(verdict.head)


def _tell(verdict: Verdict, form: str | None, *, accept_cut: bool) -> None:
    screen = Screen()
    unproven = None if accept_cut else verdict.unproven
    problem = verdict.wrong or unproven
    if form is not None:
        plain = {
            "ok": problem is None,
            "problem": problem,
            "rows": verdict.rows,
            "head": dataclasses.asdict(verdict.head),
        }
        screen.document(plain, form)
    elif verdict.wrong is not None:
        screen.note(f"skerry: the audit log is broken: {verdict.wrong}")
    elif unproven is not None:
        screen.note(f"skerry: the audit log is not proved to be whole: {unproven}. {PROVE}")
    else:
        count = words.count(verdict.rows, "row")
        screen.line(f"checked {count}: all as they were written, up to {verdict.head}")
    if verdict.wrong is None and accept_cut and verdict.unproven is not None:
        screen.note(f"accepted without a proof: {verdict.unproven}")


def _remember(name: str, mark: Mark) -> None:
    known = contexts.load()
    found = known.contexts.get(name)
    if found is not None and found.audit != str(mark):
        contexts.save(known.put(name, dataclasses.replace(found, audit=str(mark))))


def _pages(hub: Hub, after: int) -> Iterator[Page]:
    while True:
        page = read(Page, hub.get(path("audit"), {"after": after, "limit": PAGE}))
        yield page
        if not page.more or not page.items:
            return
        after = page.items[-1].seq


def _again(first: Page, rest: Iterator[Page]) -> Iterator[Page]:
    yield first
    yield from rest


def _mark(text: str, what: str) -> Mark:
    number, _, hash_ = text.partition(":")
    try:
        return read(Mark, {"seq": int(number), "hash": hash_})
    except (ValueError, Failure):
        raise Failure(f"{what}: {text[:100]!r} is no ROW:HASH", Exit.USAGE) from None


def _from_file(where: str) -> Part:
    """Return the anchor and the rows of an export; these are read as they are asked for."""
    lines = _lines(where)
    try:
        first = next(lines)
        if part_of(first, "audit") != FORMAT:
            raise Failure(f"{where}: this version reads no such export", Exit.USAGE)
        anchor = read(Mark, part_of(first, "anchor"))
    except StopIteration:
        raise Failure(f"{where}: is empty", Exit.USAGE) from None
    except WireError as error:
        raise Failure(f"{where}:1: {error}", Exit.USAGE) from None
    rows = (_row(where, number, line) for number, line in enumerate(lines, 2))
    return Part(anchor=anchor, rows=rows)


def _row(where: str, number: int, line: Any) -> Row:
    try:
        return from_plain(Row, line)
    except WireError as error:
        raise Failure(f"the audit log is broken: {where}:{number}: {error}") from None


def _lines(where: str) -> Iterator[Any]:
    number = 0
    try:
        with open(where, encoding="utf-8") as file:
            while line := file.readline(MOST_LINE):
                number += 1
                yield json.loads(line)
    except OSError as error:
        raise Failure(f"{where}: {error.strerror}", Exit.USAGE) from None
    except ValueError:
        raise Failure(f"{where}:{number}: is no JSON", Exit.USAGE) from None
