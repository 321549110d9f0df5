"""A health check's command as a program and its arguments, for runtimes that know no other form."""

from __future__ import annotations

from skerry_executor.order import shortened
from skerry_wire.workload import HealthCheck

MOST_LINE = 160


def words_of(check: HealthCheck | None) -> tuple[str, ...]:
    """Return what is run within the container; nothing where no command says how it is."""
    command = () if check is None else check.command
    if not command or command[0] == "NONE":
        return ()
    if command[0] == "CMD-SHELL":
        return ("/bin/sh", "-c", *command[1:])
    return command[1:] if command[0] == "CMD" else command


def why_failed(code: int, output: bytes) -> str:
    """Return why a check failed, of its status and the last line that it wrote; "" for 0."""
    if code == 0:
        return ""
    lines = output.decode(errors="replace").split("\n")
    last = next(filter(None, (" ".join(line.split()) for line in reversed(lines))), "")
    shown = "".join(char for char in shortened(last, MOST_LINE) if char.isprintable())
    # Docker's own word for "not in time", which it says in the output.
    if code == -1 and shown:
        return shown
    return f"its command ended with {code}" + (f": {shown}" if shown else "")


def late(limit_s: float) -> str:
    """Return why a check failed that did not end."""
    return f"its command did not end within {limit_s:g} s"
