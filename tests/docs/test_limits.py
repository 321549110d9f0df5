"""`docs/access.md` and `docs/joining.md` tell the limits that the code has, and that are tested.

The figures of the tests of behaviour stand in `tests/hub/access/test_limits.py` and
`tests/hub/joining/test_rates.py`: so neither code nor document changes alone.
"""

import pathlib
import re

from skerry_hub import api_server
from skerry_hub.access import access, limits, roles
from skerry_hub.api import connections, guarding
from skerry_hub.api import joining as joining_routes
from skerry_hub.joining import rates
from skerry_wire import joining

DOCS = pathlib.Path(__file__).parents[2] / "docs"
KIB = 1024


def rate(found):
    return f"{found.per_s:g} a second, {found.burst:,.0f} at once"


def sizes():
    """Return the sizes of bodies, without the usual one and that of files."""
    usual = {roles.BODY_BYTES, roles.FILES_BYTES}
    return sorted({rule.body_bytes for rule in roles.RULES.values()} - usual)


def expected():
    low, high = sizes()
    return {
        "requests of a token": rate(limits.OF_TOKEN),
        "requests of an address to what needs no token": rate(limits.OF_ADDRESS),
        "tokens that are none, of an address": (
            f"{limits.OF_FAILURES.burst:g}, then one every {1 / limits.OF_FAILURES.per_s:g} s"
        ),
        "body": (
            f"{roles.BODY_BYTES // KIB} KiB; {low // KIB} to {high // KIB} KiB for labels and "
            f"`exec`, {roles.FILES_BYTES // KIB**2} MiB for files"
        ),
        "request line and headers": (
            f"{guarding.HEAD_BYTES // KIB} KiB, {guarding.MOST_HEADERS} headers"
        ),
        "the head of a request, from the connection on": (
            f"{connections.HEAD_S:g} s; TLS has {api_server.HANDSHAKE_S:g} s before that"
        ),
        "the body": f"{access.BODY_S:g} s",
        "an answer that is not read": f"{connections.STALLED_S:g} s",
        "connections": (
            f"{api_server.MOST_AT_ONCE:,}; of one address {connections.MOST_OF_ADDRESS}, but of "
            "this machine"
        ),
    }


def section(name, title):
    text = (DOCS / name).read_text()
    found = re.search(rf"^## {title}\n(.*?)(?=^## )", text, re.M | re.S)
    assert found, title
    return found[1]


def test_the_table_of_limits_has_the_figures_of_the_code():
    lines = [one for one in section("access.md", "Limits").splitlines() if one.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert {what: much for what, much, _ in rows} == expected()


def test_so_has_what_is_said_of_denials_in_the_audit_log():
    text = " ".join(section("access.md", "The audit log").split())
    burst, every_s = limits.OF_DENIALS.burst, 1 / limits.OF_DENIALS.per_s
    assert every_s == 5
    assert f"at most {burst:g} at once and then one every five seconds of a token" in text


def test_and_what_is_said_of_those_who_ask_to_join():
    text = " ".join(section("joining.md", "Tokens").split())
    for words in (
        f"{rates.PER_ADDRESS_S:g} requests a second from an address",
        f"in bursts of {rates.ADDRESS_BURST:g}, and {rates.ALL_S:g} a second together",
        f"A request is {joining.MAX_BODY_BYTES // KIB} KiB at most, and must come within "
        f"{joining_routes.BODY_S:g} s",
    ):
        assert words in text
    assert (rates.REFUSED_COST, "one that is refused counts as ten" in text) == (10, True)
