"""An entry of systemd's journal, as its socket takes it: a text, its priority, and fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
PREFIX = "SKERRY_"
PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}


def entry(program: str, level: str, text: str, fields: Mapping[str, str | int | float]) -> bytes:
    """Return the bytes of one datagram. A field `node` is found as SKERRY_NODE."""
    named = {
        "SYSLOG_IDENTIFIER": program,
        "PRIORITY": str(PRIORITIES.get(level, 6)),
        "MESSAGE": text,
        **{PREFIX + name.upper(): str(value) for name, value in fields.items()},
    }
    return b"".join(_field(name.encode(), value) for name, value in named.items())


def is_journal(told: str | None, device: int, inode: int) -> bool:
    """Say whether what systemd told of a stream ($JOURNAL_STREAM) is this one."""
    return told == f"{device}:{inode}"


def _field(name: bytes, value: str) -> bytes:
    data = value.encode(errors="backslashreplace")
    if b"\n" not in data:
        return name + b"=" + data + b"\n"
    return name + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
