"""Reads for the core what is kept of having joined a hub, and has the certificate renewed.

Renewing takes libraries that a running agent shall not keep: a child process does it, the same
command that people have.
"""

from __future__ import annotations

import json
import pathlib
import sys
import threading
from collections.abc import Callable
from typing import Any

import skerry_agent
import skerry_wire
from skerry_agent import joined
from skerry_agent.enrollment import Enrollment
from skerry_agent.events import AgentEvent, EnrollmentRead, RenewalEnded
from skerry_agent.host import Host, NotEnded
from skerry_agent.joined import Joined, JoinedError
from skerry_agent.joining import machine

CHILD_S = 180.0
WAIT_S = 10.0
MOST_BYTES = 64 * 1024
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
"""All that the child gets: nothing in the agent's environment says where it connects to."""
_CODE = """\
import sys
sys.path[:0] = sys.argv[1:3]
from skerry_agent.main import main
sys.exit(main(sys.argv[3:]))
"""


def read(state: pathlib.Path, node: str, host: Host) -> EnrollmentRead:
    """Return what is kept, and whether this is the machine that has joined."""
    try:
        found = joined.read(state)
    except JoinedError as error:
        return EnrollmentRead(None, str(error))
    if found is None:
        return EnrollmentRead(None)
    stranger = not_of(found, node)
    if stranger is not None:
        return EnrollmentRead(None, stranger)
    is_another = machine.is_another(found.machine, machine.traits(host, found.node))
    enrollment = Enrollment(
        hub=found.hub,
        issued_at=found.issued_at,
        lifetime_s=found.lifetime_s,
        renew_after_s=found.renew_after_s,
    )
    return EnrollmentRead(enrollment, None, is_another)


def not_of(found: Joined, node: str) -> str | None:
    """Return what is wrong where another node has joined than this box is."""
    if found.node == node:
        return None
    return f"this box is node {node}, but has joined as {found.node}: run `skerry-agent join` again"


def start_renewing(host: Host, state: pathlib.Path, post: Callable[[AgentEvent], None]) -> None:
    """Begin to renew; how it ends is posted."""
    threading.Thread(target=lambda: post(_renew(host, state)), name="renew", daemon=True).start()


def _renew(host: Host, state: pathlib.Path) -> RenewalEnded:
    # Its waits are the agent's, which are longer: the hub is tried for a moment only.
    words = ("renew", "--state", str(state.absolute()), "--wait", f"{WAIT_S:g}", "-o", "json")
    command = [sys.executable, "-I", "-c", _CODE, *_places(), *words]
    done = host.run(command, timeout_s=CHILD_S, most=MOST_BYTES, environment=ENVIRONMENT)
    if isinstance(done, NotEnded):
        return RenewalEnded(f"the command {done.reason}")
    told = _told(done.output)
    if told.get("renewed") is True:
        return RenewalEnded()
    error = told.get("error")
    if not isinstance(error, str):
        error = f"the command ended with status {done.status}; try `skerry-agent renew`"
    return RenewalEnded(error, told.get("refused") is True)


def _places() -> tuple[str, str]:
    """Return the folders in which the two packages lie: the child looks at nothing else."""
    agent, wire = (pathlib.Path(one.__file__ or "") for one in (skerry_agent, skerry_wire))
    return str(agent.parent.parent), str(wire.parent.parent)


def _told(output: bytes) -> dict[str, Any]:
    try:
        told = json.loads(output)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
