"""`skerry-hub token create`: a token with which a box joins, made on the hub's own machine."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from skerry_hub import database_url
from skerry_hub.commands.saying import failed
from skerry_hub.config import DEFAULT_LISTEN

if TYPE_CHECKING:
    from types import ModuleType

    from skerry_hub.joining.views import JoinTokenMade, JoinTokenRequest


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `token create` takes: where the hub is, as `serve` has it, and what the token is."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    words = (
        "Make a token with which a box joins, and print the command for the box. For whoever may "
        "read the hub's data folder; the hub may be running. From elsewhere: skerry token create."
    )
    parser = actions.add_parser("create", help="make one", description=words)
    database_url.add_options(parser)
    started_so = "; default: as the hub was started"
    database_url.add_named(
        parser,
        (
            ("listen", "HOST:PORT", f"where the HTTP API listens{started_so}"),
            ("tls", "auto|yes|no", f"whether it has TLS{started_so}"),
            ("name", "NAME,...", f"how boxes reach the hub{started_so}"),
            ("public-url", "URL", f"the API as boxes reach it, where it is another{started_so}"),
        ),
    )
    parser.add_argument(
        "--ttl", default="1h", metavar="TIME", help="for how long, such as 30m or 2d (1h)"
    )
    parser.add_argument(
        "--uses", type=int, default=1, metavar="COUNT", help="for how many boxes (1)"
    )
    parser.add_argument(
        "--label", action="append", default=[], metavar="KEY=VALUE", help="of the boxes that join"
    )
    parser.add_argument("--node", metavar="ID", help="for this node alone, whatever key it had")


def run(given: argparse.Namespace) -> int:
    """Make a token; print one command."""
    from skerry_hub.pki.authority import AuthorityError  # noqa: PLC0415
    from skerry_hub.store_error import StoreError  # noqa: PLC0415
    from skerry_hub.work import RefusedError  # noqa: PLC0415
    from skerry_wire import codec  # noqa: PLC0415
    from skerry_wire.errors import WireError  # noqa: PLC0415

    try:
        made = _made(given, _request(given, codec))
    except WireError as error:
        return failed(ValueError(error))
    except (AuthorityError, OSError, StoreError, ValueError) as error:
        return failed(error)
    except RefusedError as error:
        for problem in error.problems:
            print(f"skerry-hub: {problem.field}: {problem.reason}", file=sys.stderr)
        return 2
    words = ["sudo", "skerry-agent", "join", made.hub, "--token", made.token]
    print(shlex.join([*words, "--ca-pin", made.ca_pin]))
    if made.hub.startswith("http://"):
        print(
            f"skerry-hub: {made.hub} is for this machine alone: start the hub with --listen, and "
            "with the --name by which boxes reach it",
            file=sys.stderr,
        )
    return 0


def _request(given: argparse.Namespace, codec: ModuleType) -> JoinTokenRequest:
    """Return what is asked for, checked as the API checks it. Raises ValueError, WireError."""
    from skerry_hub.access.tokens import ttl_s_of  # noqa: PLC0415
    from skerry_hub.joining.views import JoinTokenRequest  # noqa: PLC0415

    ttl_s = ttl_s_of(given.ttl)
    if ttl_s is None:
        raise ValueError("--ttl: a box joins within a time: write such as 30m or 2d")
    labels = dict(one.partition("=")[::2] for one in given.label)
    plain = {"ttl_s": ttl_s, "uses": given.uses, "labels": labels, "node": given.node}
    found: JoinTokenRequest = codec.from_plain(JoinTokenRequest, plain, strict=True)
    return found


def _public_url(options: Mapping[str, str | None]) -> str:
    """Return where boxes find the hub. Raises AddressError."""
    from skerry_hub import addresses  # noqa: PLC0415

    host, port = addresses.host_and_port("--listen", options.get("listen") or DEFAULT_LISTEN)
    return addresses.checked(options, host, port, 1883).public_url


def _made(given: argparse.Namespace, wanted: JoinTokenRequest) -> JoinTokenMade:
    """Make it in the store. Raises AuthorityError, DatabaseUrlError, RefusedError, StoreError."""
    from skerry_hub import started, store_beside  # noqa: PLC0415
    from skerry_hub.joining.admission import Admission  # noqa: PLC0415
    from skerry_hub.joining.enrolling import Enrolling  # noqa: PLC0415
    from skerry_hub.joining.terms import Terms  # noqa: PLC0415
    from skerry_hub.joining.views import token_facts  # noqa: PLC0415
    from skerry_hub.pki import authority  # noqa: PLC0415

    who = store_beside.who_runs_it()
    about = {"uses": str(wanted.uses), "node": wanted.node or ""}
    with (
        store_beside.opened(given) as (data, store),
        store_beside.noted(store, "token create", **about) as outcome,
    ):
        public_url = _public_url(started.filled(data, vars(given)))
        terms = Terms(hub=public_url, broker="", broker_ca="", order_keys=lambda: (), life_s=0.0)
        mine = authority.load_or_make(data, time.time())
        enrolling = Enrolling(store, mine, terms, Admission(), data)
        # Who has the hub's data folder may do all that an admin may.
        made = enrolling.make_token(wanted, who, may_replace=True)
        outcome.update(token_facts(made.view))
    return made
