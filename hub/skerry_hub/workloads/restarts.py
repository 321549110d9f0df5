"""What becomes of a container that ended, in compose's words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from skerry_hub.workloads.problems import RefusedError, short

Restart = Literal["no", "always", "on-failure"]

_RESTARTS: Mapping[str, Restart] = {
    "no": "no",
    "always": "always",
    "unless-stopped": "always",
    "on-failure": "on-failure",
}
_ON_FAILURE = re.compile(r"on-failure:([0-9]{1,6})")


def restart_policy(written: str) -> tuple[Restart, int]:
    """Return the policy, and after how many restarts it gives up (0: never)."""
    match = _ON_FAILURE.fullmatch(written)
    if match is not None:
        return "on-failure", int(match[1])
    if written not in _RESTARTS:
        raise RefusedError(
            f"must be one of {', '.join(_RESTARTS)}, on-failure:<n>; not {short(written)}"
        )
    return _RESTARTS[written], 0
