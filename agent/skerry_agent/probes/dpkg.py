"""Versions of installed packages, from the list that dpkg keeps. Used by the runtimes probe.

The list is searched as it is, without being parsed: it is of some megabytes, and one answer of a
few bytes is wanted. It is read again only when it has changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from skerry_agent.host import Host

STATUS = "/var/lib/dpkg/status"
MOST_BYTES = 16 * 1024 * 1024
INSTALLED = b"\nStatus: install ok installed"


def version(host: Host, names: Iterable[str]) -> str | None:
    """Return the version of the first of these packages that is installed, None without one."""
    wanted = tuple(names)
    key = "dpkg", wanted, host.stamp(STATUS)
    if not wanted or key[2] is None:
        return None
    known = host.remembered(key)
    if isinstance(known, str):
        return known or None
    content = host.read(STATUS, MOST_BYTES)
    if not isinstance(content, bytes):
        return None
    found = next(filter(None, (version_in(content, name) for name in wanted)), None)
    host.remember(key, found or "")
    return found


def version_in(status: bytes, name: str) -> str | None:
    """Return the version that dpkg's list gives an installed package."""
    head = b"Package: %s\n" % name.encode()
    start = 0 if status.startswith(head) else status.find(b"\n" + head) + 1
    if start == 0 and not status.startswith(head):
        return None
    end = status.find(b"\n\n", start)
    entry = status[start : end if end >= 0 else len(status)]
    _, found, rest = entry.partition(b"\nVersion: ")
    if not found or INSTALLED not in entry:
        return None
    return rest.partition(b"\n")[0].decode("utf-8", "replace").strip() or None
