"""A container's health by its own command, run now: podman alone can be asked for that.

Its own checks are timers of systemd, which not every box has.
"""

from __future__ import annotations

from typing import Any

from skerry_executor.actual import Actual
from skerry_executor.runtimes import health_command
from skerry_executor.runtimes.api import Api
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.runtimes.creation import NANOSECONDS

MARGIN_S = 5.0


def run(api: Api, container: Actual) -> str | None:
    """Run a container's check; return why it failed where it does not end within its own time.

    What it found counts with those before, as its retries say: look at the container for that.
    """
    doing = f"checking container {container.name}"
    plain = api.parsed(api.call("GET", f"/containers/{container.id}/json", doing), dict)
    limit_s = _timeout_s(plain)
    try:
        # 409: it does not run any more.
        checking = f"/libpod/containers/{container.id}/healthcheck"
        api.call("GET", checking, doing, fine=(200, 404, 409), timeout_s=limit_s + MARGIN_S)
    except RuntimeFailure as failure:
        if failure.kind is not Failure.TIMED_OUT:
            raise
        return health_command.late(limit_s)
    return None


def _timeout_s(plain: dict[str, Any]) -> float:
    check = (plain.get("Config") or {}).get("Healthcheck") or {}
    timeout = check.get("Timeout") or 0
    return min(max(0.0, float(timeout) / NANOSECONDS), 86400.0) or 30.0
