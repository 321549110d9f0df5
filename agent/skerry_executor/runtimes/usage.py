"""What a container uses, from what podman and docker measure. Pure.

Fields: https://docs.docker.com/engine/api/v1.41/#tag/Container/operation/ContainerStats
"""

from __future__ import annotations

from typing import Any

from skerry_wire.lifecycle import Usage

NANOSECONDS = 1_000_000_000
_RECLAIMABLE = ("total_inactive_file", "inactive_file")
"""The cache that the kernel takes back first, in cgroup v1 and v2."""


class UsageError(ValueError):
    """The answer is not what the API documents."""


def parse(container: str, plain: Any) -> Usage:
    """Return the usage that an answer tells. Raises UsageError.

    Memory is without what the kernel can take back at once, where the runtime tells that.
    """
    try:
        memory = plain.get("memory_stats") or {}
        cache = memory.get("stats") or {}
        reclaimable = next((int(cache[name]) for name in _RECLAIMABLE if name in cache), 0)
        processes = (plain.get("pids_stats") or {}).get("current")
        return Usage(
            container=container,
            cpu_s=max(0, int(plain["cpu_stats"]["cpu_usage"]["total_usage"])) / NANOSECONDS,
            memory_bytes=max(0, int(memory.get("usage") or 0) - reclaimable),
            processes=None if processes is None else min(max(0, int(processes)), 2**31 - 1),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{type(error).__name__} {error}") from None
