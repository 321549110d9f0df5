"""A health check's command as a program and its arguments, for runtimes that know no other form."""

from __future__ import annotations

from skerry_wire.workload import HealthCheck


def words_of(check: HealthCheck | None) -> tuple[str, ...]:
    """Return what is run within the container; nothing where no command says how it is."""
    command = () if check is None else check.command
    if not command or command[0] == "NONE":
        return ()
    if command[0] == "CMD-SHELL":
        return ("/bin/sh", "-c", *command[1:])
    return command[1:] if command[0] == "CMD" else command
