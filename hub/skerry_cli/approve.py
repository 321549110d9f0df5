"""`skerry approve`: the two-person rule, from the second person's side."""

from __future__ import annotations

import pathlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from skerry_cli import words
from skerry_cli.approval_files import (
    Content,
    Given,
    SigningKey,
    approvals_of,
    contents_of,
    load_key,
    make_key,
    save_approvals,
    save_contents,
)
from skerry_cli.approval_records import Approval
from skerry_cli.approval_text import cautions, shown
from skerry_cli.confirming import agreed, check_asking, yes_option
from skerry_cli.failures import Exit, Failure
from skerry_cli.files import asked_of, file_options
from skerry_cli.hub import Hub
from skerry_cli.records import items_of, read_all
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, output
from skerry_cli.verbs import Verbs
from skerry_wire import codec

PATH = "/api/v1/approvals"
EXAMPLES = """\b
A box whose policy says so ([approval] required = true) runs only what somebody has approved whose
public key lies in its /etc/skerry/approval-keys.d. What is approved is a content: image, command,
variables, files, mounts, privileges. To place, move, restart or end it needs no approval.
\b
At one machine that reaches the hub:
  skerry approve keygen alice.key               a key; alice.key.pub goes to the boxes
  skerry approve -f shop.yaml --key alice.key   show what it is, ask, sign, upload
\b
With the key on a machine that reaches nothing:
  skerry approve show -f shop.yaml --out shop.request       here: what there is to approve
  skerry approve sign shop.request --key alice.key --out shop.approved     there
  skerry approve upload shop.approved                       here
\b
  skerry approve wanted                         what boxes refuse for want of an approval
  skerry approve list                           which approvals there are
"""

_KEY = click.option(
    "--key", "key_file", metavar="FILE", type=click.Path(), help="The key of who approves."
)
_PASSPHRASE = click.option(
    "--passphrase-file",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="Where the key's passphrase stands; - for standard input. Default: it is asked for.",
)
_YES = yes_option("Approve without asking. Without a terminal it must be given.")
_OUT = click.option("--out", metavar="FILE", type=click.Path(), help="Write it to this file.")


@click.group(cls=Verbs, epilog=EXAMPLES, invoke_without_command=True)
@file_options
@_KEY
@_PASSPHRASE
@_YES
@anywhere
@click.pass_context
def approve(
    ctx: click.Context, /, files: tuple[str, ...], project: str | None, **options: Any
) -> None:
    """Approve what is to run, where boxes ask for a second person."""
    if ctx.invoked_subcommand is not None:
        if files:
            raise click.UsageError(f"give -f after {ctx.invoked_subcommand}")
        return
    if not files or not options["key_file"]:
        raise click.UsageError("name files with -f, and the key of who approves with --key")
    session: Session = ctx.obj
    hub, screen = session.connect(), Screen()
    contents = _contents(hub, files, project)
    key = _key(options["key_file"], options["passphrase_file"])
    given = [*_signed(screen, contents, key, yes=options["yes"])]
    if given:
        _upload(hub, screen, given)


@approve.command()
@click.argument("name", metavar="FILE", type=click.Path())
@_PASSPHRASE
@click.option("--no-passphrase", is_flag=True, help="Whoever gets the file can approve.")
def keygen(name: str, passphrase_file: str | None, no_passphrase: bool) -> None:
    """Make a key with which to approve: FILE, and FILE.pub for the boxes."""
    passphrase = ""
    if passphrase_file is not None:
        passphrase = _line(passphrase_file)
    elif not no_passphrase:
        if not sys.stdin.isatty():
            raise click.UsageError("give --passphrase-file, or --no-passphrase")
        passphrase = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    key = make_key(pathlib.Path(name), passphrase)
    screen = Screen()
    screen.line(f"key {key.id}")
    screen.note(f"put {name}.pub into /etc/skerry/approval-keys.d of the boxes; keep {name} secret")


@approve.command()
@file_options
@_OUT
@output("json", "yaml")
@anywhere
@click.pass_obj
def show(
    session: Session,
    /,
    files: tuple[str, ...],
    project: str | None,
    out: str | None,
    form: str | None,
) -> None:
    """Show what there is to approve of files, and approve nothing."""
    _told(Screen(), _contents(session.connect(), files, project), out, form)


@approve.command()
@_OUT
@output("json", "yaml")
@anywhere
@click.pass_obj
def wanted(session: Session, /, out: str | None, form: str | None) -> None:
    """Show what boxes refuse for want of an approval."""
    found = read_all(Content, items_of(session.connect().get(f"{PATH}/wanted")))
    screen = Screen()
    if not found and form is None:
        screen.note("no box refuses anything for want of an approval")
    _told(screen, found, out, form)


@approve.command()
@click.argument("request", metavar="FILE", type=click.Path())
@_KEY
@_PASSPHRASE
@_YES
@_OUT
def sign(
    request: str, key_file: str | None, passphrase_file: str | None, yes: bool, out: str | None
) -> None:
    """Show what a file of `show --out` holds, and sign it. Reaches no hub."""
    if key_file is None or out is None:
        raise click.UsageError("name the key of who approves with --key, and a file with --out")
    contents, screen = contents_of(request), Screen()
    key = _key(key_file, passphrase_file)
    given = [*_signed(screen, contents, key, yes=yes)]
    if not given:
        raise Failure("nothing was approved")
    save_approvals(out, given)
    screen.note(f"upload it where the hub is reached: skerry approve upload {out}")


@approve.command()
@click.argument("name", metavar="FILE", type=click.Path())
@anywhere
@click.pass_obj
def upload(session: Session, /, name: str) -> None:
    """Give the hub the approvals of a file of `sign --out`."""
    _upload(session.connect(), Screen(), approvals_of(name))


@approve.command("list")
@output("json", "yaml")
@anywhere
@click.pass_obj
def list_(session: Session, /, form: str | None) -> None:
    """List the approvals that were given."""
    hub, screen = session.connect(), Screen()
    answer = hub.get(PATH)
    if form is not None:
        screen.document(answer, form)
        return
    found = read_all(Approval, items_of(answer))
    if not found:
        screen.note("there are no approvals")
        return
    rows = [("WORKLOAD", "CONTENT", "KEY", "GIVEN")]
    rows += [
        (one.workload, one.digest[:12], one.key_id, words.age(one.at, hub.now())) for one in found
    ]
    screen.table(rows)


def _contents(hub: Hub, files: Sequence[str], project: str | None) -> tuple[Content, ...]:
    asked = asked_of(files, project)
    with asked.places.told():
        return read_all(Content, items_of(hub.post(f"{PATH}/contents", asked.body)))


def _told(screen: Screen, contents: Sequence[Content], out: str | None, form: str | None) -> None:
    if form is not None:
        screen.document({"items": [codec.to_plain(one) for one in contents]}, form)
    else:
        for one in contents:
            _show(screen, one)
    if out is not None:
        save_contents(out, contents)
        screen.note(f"sign it where the key is: skerry approve sign {out} --key FILE --out FILE")


def _show(screen: Screen, one: Content) -> None:
    content = one.opened()
    screen.section(f"{one.workload}, content {one.digest[:12]}")
    screen.document(shown(content), "yaml")
    for caution in cautions(content):
        screen.note(f"mind: {caution}")
    if one.approved_by:
        screen.note(f"approved by {', '.join(one.approved_by)}")
    if one.refused_by:
        screen.note(f"refused until then by {', '.join(one.refused_by)}")


def _signed(
    screen: Screen, contents: Sequence[Content], key: SigningKey, *, yes: bool
) -> Iterator[Given]:
    """Yield the approvals of those contents to which the person says yes."""
    check_asking(f"Approve {words.count(len(contents), 'content')}?", yes=yes)
    for one in contents:
        content = one.opened()
        if key.id in one.approved_by:
            screen.note(f"{one.workload} is approved by {key.id} already")
            continue
        _show(screen, one)
        if agreed(f"Approve {one.workload} with key {key.id}?", yes=yes):
            yield key.approve(content, time.time())


def _upload(hub: Hub, screen: Screen, given: Sequence[Given]) -> None:
    body = {"approvals": [codec.to_plain(one) for one in given]}
    for one in read_all(Approval, items_of(hub.post(PATH, body))):
        screen.line(f"{one.workload} approved, content {one.digest[:12]}, key {one.key_id}")


def _key(name: str, passphrase_file: str | None) -> SigningKey:
    def ask() -> str:
        if passphrase_file is not None:
            return _line(passphrase_file)
        if not sys.stdin.isatty():
            raise Failure(f"{name} has a passphrase: give --passphrase-file", Exit.USAGE)
        return str(click.prompt(f"Passphrase of {name}", hide_input=True, err=True))

    return load_key(pathlib.Path(name), ask)


def _line(name: str) -> str:
    try:
        text = sys.stdin.readline() if name == "-" else pathlib.Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not a text"
        raise Failure(f"{name}: {reason}", Exit.USAGE) from None
    return text.removesuffix("\n")
