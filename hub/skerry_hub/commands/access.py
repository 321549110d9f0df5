"""`skerry-hub access`: API tokens, made and revoked on the hub's own machine."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from skerry_hub import database_url
from skerry_hub.commands.saying import failed


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `access` takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a token, and print it this once")
    create.add_argument("--name", required=True, metavar="NAME", help="whose it is")
    create.add_argument(
        "--role", required=True, choices=("viewer", "operator", "admin"), help="what it may do"
    )
    create.add_argument(
        "--scope", default="", metavar="LABEL=VALUE,...", help="which nodes it is for"
    )
    create.add_argument(
        "--ttl", default="90d", metavar="TIME", help="how long, such as 12h, or never; default: 90d"
    )
    listed = actions.add_parser("list", help="list tokens")
    revoke = actions.add_parser("revoke", help="revoke a token by its name or id")
    revoke.add_argument("--name", required=True, metavar="NAME", help="its name or id")
    for one in (create, listed, revoke):
        database_url.add_options(one)


def run(given: argparse.Namespace) -> int:
    """Do it; the hub may be running, and knows at once."""
    from skerry_hub.store_error import StoreError  # noqa: PLC0415
    from skerry_hub.work import RefusedError  # noqa: PLC0415

    actions: dict[str, Callable[[argparse.Namespace], None]] = {
        "create": _create,
        "list": _list,
        "revoke": _revoke,
    }
    try:
        actions[given.action](given)
    except RefusedError as error:
        for problem in error.problems:
            print(f"skerry-hub: {problem.reason}", file=sys.stderr)
        return 2 if error.status == 400 else 1
    except (OSError, StoreError, ValueError) as error:
        return failed(error)
    return 0


def _create(given: argparse.Namespace) -> None:
    from skerry_hub import store_beside  # noqa: PLC0415
    from skerry_hub.access import issuing  # noqa: PLC0415
    from skerry_hub.access.callers import STAMP, touch  # noqa: PLC0415
    from skerry_hub.access.roles import ROLES  # noqa: PLC0415
    from skerry_hub.access.scope import ScopeError, scope_of  # noqa: PLC0415
    from skerry_hub.access.tokens import ttl_s_of  # noqa: PLC0415
    from skerry_hub.moment import moment  # noqa: PLC0415

    try:
        scope = scope_of(given.scope)
    except ScopeError as error:
        raise ValueError(f"--scope: {error}") from None
    wish = issuing.Wish(
        name=given.name, role=ROLES[given.role], scope=scope, ttl_s=ttl_s_of(given.ttl)
    )
    with store_beside.opened(given, before_its_start=True) as (data, store):
        token, text = issuing.create(store, wish, store_beside.who_runs_it())
        touch(data / STAMP)
    print(text)
    until = "for ever" if token.expires_at is None else f"until {moment(token.expires_at)}"
    words = f"{token.name} is {given.role}{f', for {scope} alone' if scope else ''}, {until}"
    print(f"skerry-hub: {words}; the token is not shown again", file=sys.stderr)


def _list(given: argparse.Namespace) -> None:
    from skerry_hub import store_beside  # noqa: PLC0415
    from skerry_hub.access import token_rows  # noqa: PLC0415
    from skerry_hub.moment import moment  # noqa: PLC0415

    with store_beside.opened(given) as (_, store), store.reading() as connection:
        found = list(token_rows.every(connection).values())
    now = time.time()
    for one in found:
        until = "for ever" if one.expires_at is None else f"until {moment(one.expires_at)}"
        state = until if one.valid(now) else "ended"
        print(f"{one.name}\t{one.id}\t{one.role.word}\t{one.scope or '-'}\t{state}")


def _revoke(given: argparse.Namespace) -> None:
    from skerry_hub import store_beside  # noqa: PLC0415
    from skerry_hub.access import issuing  # noqa: PLC0415
    from skerry_hub.access.callers import STAMP, touch  # noqa: PLC0415

    with store_beside.opened(given) as (data, store):
        token = issuing.revoke(store, given.name, store_beside.who_runs_it())
        touch(data / STAMP)
    print(f"skerry-hub: token {token.name} ({token.id}) is revoked", file=sys.stderr)
