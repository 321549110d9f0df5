"""What a health check says that the executor runs itself, in a runtime that runs none."""

from __future__ import annotations

from collections.abc import Callable

from skerry_executor.actual import CheckResult
from skerry_executor.runtimes.base import Failure, RuntimeFailure, Written
from skerry_executor.runtimes.health_command import late, why_failed
from skerry_wire.messages import Health

MOST_TAIL_BYTES = 4096


class Tail:
    """The end of what a check writes, however much that is."""

    def __init__(self) -> None:
        self.data = b""

    def add(self, written: Written) -> None:
        """Keep a piece, of either stream."""
        self.data = (self.data + written.data)[-MOST_TAIL_BYTES:]


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
