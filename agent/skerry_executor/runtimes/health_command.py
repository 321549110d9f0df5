"""A health check's command as a program and its arguments, for runtimes that know no other form."""

from __future__ import annotations

from collections.abc import Callable

from skerry_executor.actual import CheckResult
from skerry_executor.order import shortened
from skerry_executor.runtimes.base import Failure, RuntimeFailure, Written
from skerry_wire.messages import Health
from skerry_wire.workload import HealthCheck


def words_of(check: HealthCheck | None) -> tuple[str, ...]:
    """Return what is run within the container; nothing where no command says how it is."""
    command = () if check is None else check.command
    if not command or command[0] == "NONE":
        return ()
    if command[0] == "CMD-SHELL":
        return ("/bin/sh", "-c", *command[1:])
    return command[1:] if command[0] == "CMD" else command


MOST_LINE = 160
MOST_TAIL_BYTES = 4096


class Tail:
    """The end of what a check writes, however much that is."""

    def __init__(self) -> None:
        self.data = b""

    def add(self, written: Written) -> None:
        """Keep a piece, of either stream."""
        self.data = (self.data + written.data)[-MOST_TAIL_BYTES:]


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


def result_of(run: Callable[[], tuple[int, bytes]], limit_s: float) -> CheckResult:
    """Return what a check says; `run` gives its status and what it wrote.

    Raises RuntimeFailure where the runtime cannot be reached.
    """
    try:
        code, output = run()
    except RuntimeFailure as failure:
        if failure.kind is Failure.UNREACHABLE:
            raise
        timed_out = failure.kind is Failure.TIMED_OUT
        return CheckResult(Health.UNHEALTHY, late(limit_s) if timed_out else str(failure))
    health = Health.HEALTHY if code == 0 else Health.UNHEALTHY
    return CheckResult(health, why_failed(code, output))


def late(limit_s: float) -> str:
    """Return why a check failed that did not end."""
    return f"its command did not end within {limit_s:g} s"
