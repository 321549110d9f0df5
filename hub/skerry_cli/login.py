"""`skerry login`: a token, and who vouches for the hub, are kept for all later commands."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import http.client
import os
import re
import ssl
import sys
import urllib.parse

import click

from skerry_cli import contexts
from skerry_cli.contexts import Context
from skerry_cli.failures import Exit, Failure, RefusedError
from skerry_cli.hub import Hub, path
from skerry_cli.hub_connection import parsed
from skerry_cli.records import read
from skerry_cli.screen import Screen
from skerry_cli.session import Session
from skerry_cli.whoami import Caller

MOST_BYTES = 64 * 1024
PIN = re.compile("sha256:[0-9a-f]{64}")
OF_BOXES = "skj_"
"""With this begin the tokens with which boxes join."""
TOKEN = re.compile("[A-Za-z0-9_.~+/=-]{8,512}")

EXAMPLES = """\b
A token is typed, or comes from a file or from standard input: it is never an argument, which every
user of a machine can read. With a pin the hub's own authority is fetched and compared with it; from
then on only what that has signed as the hub is believed.
\b
Examples:
  skerry login https://hub:8443 --ca-pin sha256:9f86d081884c7d65...
  skerry login https://hub:8443 --ca-pin sha256:9f86... --token-file token.txt --context example
  pass show skerry | skerry login https://hub:8443 --ca-pin sha256:9f86... --token -
  skerry login https://hub --ca-file company-ca.pem       another server stands before it
"""


@click.command(epilog=EXAMPLES)
@click.argument("url")
@click.option("--ca-pin", metavar="PIN", help="The hub's authority: `skerry-hub ca` prints it.")
@click.option(
    "--ca-file",
    metavar="FILE",
    type=click.Path(),
    help="Who may vouch for what stands before the hub instead, in PEM.",
)
@click.option("--token", metavar="-", help="Read the token from standard input.")
@click.option("--token-file", metavar="FILE", type=click.Path(), help="Read the token from a file.")
@click.option("--context", "name", metavar="NAME", help="What to call it (default: its host:port).")
@click.pass_obj
def login(
    session: Session,
    /,
    url: str,
    ca_pin: str | None,
    ca_file: str | None,
    token: str | None,
    token_file: str | None,
    name: str | None,
) -> None:
    """Log in to the hub at URL."""
    if ca_pin is not None and ca_file is not None:
        raise Failure("give --ca-pin or --ca-file, and not both", Exit.USAGE)
    url = url.rstrip("/")
    where = parsed(url)
    if where.path and ca_pin is not None:
        raise Failure(_no_path(url, where), Exit.USAGE)
    ca = _authority(url, ca_pin, ca_file or session.ca_file, session.request_timeout)
    made = Context(hub=url, ca=ca, pinned=ca_pin is not None)
    try:
        caller, kept = _who(made, session.request_timeout, token, token_file)
    except RefusedError as failure:
        if failure.status != 404 or not where.path:
            raise
        raise Failure(_no_path(url, where)) from None
    name = name or session.context or where.netloc
    known = contexts.load()
    before = known.contexts.get(name)
    made = Context(
        hub=url,
        token=kept,
        who=caller.name,
        ca=ca,
        pinned=made.pinned,
        # What was seen of a hub's audit log stays seen.
        audit=before.audit if before is not None and before.hub == url else "",
    )
    contexts.save(dataclasses.replace(known.put(name, made), current=name))
    screen = Screen()
    screen.line(f"logged in to {url} as {caller}: context {name}")
    if not caller.auth:
        screen.note("this hub asks nobody for a token: whoever reaches it may do everything")


def _no_path(url: str, where: urllib.parse.SplitResult) -> str:
    return (
        f"{url} is not the hub's address: that has no path. Try `skerry login "
        f"{where.scheme}://{where.netloc}`"
    )


def _who(
    made: Context, timeout_s: float, given: str | None, file: str | None
) -> tuple[Caller, str | None]:
    """Return who asks, and with which token; with none where the hub wants none."""
    token = _token(given, file)

    def ask(text: str | None) -> Caller:
        hub = Hub(made.hub, token=text, ca=made.ca, pinned=made.pinned, timeout_s=timeout_s)
        try:
            return read(Caller, hub.get(path("whoami")))
        finally:
            hub.close()

    if token is None:
        try:
            return ask(None), None
        except RefusedError as failure:
            if failure.status != 401:
                raise
        token = _typed()
    return ask(token), token


def _token(given: str | None, file: str | None) -> str | None:
    if given is not None and file is not None:
        raise Failure("give --token - or --token-file, and not both", Exit.USAGE)
    if given not in (None, "-"):
        raise Failure(
            "a token is no argument, which everybody on this machine can read: "
            "`--token -` reads it from standard input, --token-file from a file",
            Exit.USAGE,
        )
    if given == "-":
        return _checked(sys.stdin.read(4096))
    if file is not None:
        try:
            with open(file, encoding="ascii", errors="replace") as source:
                return _checked(source.read(4096))
        except OSError as error:
            raise Failure(f"{file}: {error.strerror}", Exit.USAGE) from None
    from_environment = os.environ.get("SKERRY_TOKEN")
    return _checked(from_environment) if from_environment else None


def _typed() -> str:
    if not sys.stdin.isatty():
        raise Failure(
            "a token is missing: `--token -` reads it from standard input, --token-file from a "
            "file; an administrator makes one with `skerry access create`, the first with "
            "`skerry-hub access create` on the hub's machine",
            Exit.USAGE,
        )
    return _checked(str(click.prompt("Token", hide_input=True, err=True)))


def _checked(text: str) -> str:
    text = text.strip()
    if text.startswith(OF_BOXES):
        raise Failure(
            "this is a token with which a box joins (skerry-agent join). For the API another one "
            "is needed: an administrator makes it with `skerry access create`, the first is made "
            "with `skerry-hub access create` on the hub's machine",
            Exit.USAGE,
        )
    if TOKEN.fullmatch(text) is None:
        raise Failure("this is no token: it is one word, such as ska_...", Exit.USAGE)
    return text


# --- who vouches for the hub -----------------------------------------------------------------


def _authority(url: str, pin: str | None, file: str | None, timeout_s: float) -> str | None:
    """Return who vouches for the hub, in PEM; None where that is the system's affair."""
    if pin is not None:
        return _pinned(url, pin, timeout_s)
    if file is None:
        return None
    try:
        with open(file, encoding="ascii", errors="replace") as source:
            return source.read(256 * 1024)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}", Exit.USAGE) from None


def _pinned(url: str, pin: str, timeout_s: float) -> str:
    """Return the hub's authority once it is the one of the pin. Nothing secret goes before that."""
    if PIN.fullmatch(pin) is None:
        raise Failure(
            f"--ca-pin {pin[:80]!r} must be sha256: and 64 hexadecimal digits", Exit.USAGE
        )
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise Failure(f"{url}: a pin is for https", Exit.USAGE)
    # Whom this is from is told by the pin alone.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        parts.hostname, parts.port, context=context, timeout=timeout_s
    )
    try:
        connection.request("GET", "/ca.pem", headers={"User-Agent": "skerry"})
        with connection.getresponse() as response:
            data = response.read(MOST_BYTES + 1)
            if response.status != 200 or len(data) > MOST_BYTES:
                raise Failure(f"{url} answered {response.status}, and gave no authority")
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Failure(f"cannot reach the hub at {url}: {reason}") from None
    finally:
        connection.close()
    try:
        der = ssl.PEM_cert_to_DER_cert(data.decode("ascii").strip())
    except ValueError:
        raise Failure(f"{url} has no authority as a Skerry hub has one") from None
    found = "sha256:" + hashlib.sha256(der).hexdigest()
    if not hmac.compare_digest(found, pin):
        raise Failure(
            f"{url} is not the hub of this pin: its authority is {found}.\n"
            "Nothing was sent to it. Compare with `skerry-hub ca` on the hub's machine."
        )
    # What is kept is what was compared, and nothing that stood beside it.
    return ssl.DER_cert_to_PEM_cert(der)
