"""Finds out what takes long: py-cpuinfo's name and instruction sets of the processor.

py-cpuinfo forks, runs machine code that it makes and sleeps for a second, so this very file is run
as a program of its own under a time limit. Its answer is kept with the boot's id, for a processor
does not change while the box runs. May NOT raise: a hang, a crash and nonsense are all `Failed`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from skerry_agent.capability import SlowValues
    from skerry_agent.host import Host
    from skerry_agent.probes.result import Failed, Found

TIME_LIMIT_S = 20.0
"""py-cpuinfo takes 1.5 s on an idle PC; a small box under load takes ten times as long."""

MAX_ANSWER_BYTES = 64 * 1024
MAX_FLAGS = 1024
MAX_TEXT = 256
CHILD: tuple[str, ...] = (sys.executable, "-I", os.path.abspath(__file__), "cpuinfo")


def read_slow(
    host: Host,
    cache: Path | None,
    *,
    child: Sequence[str] = CHILD,
    time_limit_s: float = TIME_LIMIT_S,
) -> Found[SlowValues] | Failed:
    """Return the slow values, from the cache file when it is of this boot, else from a child.

    Blocks for up to `time_limit_s`; meant for a thread of its own. The cache is written only when
    the child has answered; a cache that cannot be written is no failure.
    """
    from skerry_agent.host import NotEnded  # noqa: PLC0415 - the child needs none of this
    from skerry_agent.probes.result import Failed, Found  # noqa: PLC0415

    boot = host.text("/proc/sys/kernel/random/boot_id")
    known = _cached(cache, boot)
    if known is not None:
        return Found(known)
    ended = host.run(child, timeout_s=time_limit_s, most=MAX_ANSWER_BYTES)
    if isinstance(ended, NotEnded):
        return Failed(f"the child process {ended.reason}")
    if ended.status != 0:
        return Failed(f"the child process ended with status {ended.status}")
    values = values_in(ended.output)
    if values is None:
        return Failed("the child process answered nonsense")
    if cache is not None and boot:
        _write_cache(cache, boot, values)
    return Found(values)


def read_cached(host: Host, cache: Path | None) -> Found[SlowValues] | None:
    """Return what an earlier slow look of this boot found, None without one. Never blocks."""
    from skerry_agent.probes.result import Found  # noqa: PLC0415

    known = _cached(cache, host.text("/proc/sys/kernel/random/boot_id"))
    return None if known is None else Found(known)


def values_in(answer: bytes) -> SlowValues | None:
    """Return the values that a child's answer holds, None when it is not one."""
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return _values_of(told)


def _values_of(told: Any) -> SlowValues | None:
    from skerry_agent.capability import SlowValues  # noqa: PLC0415

    if not isinstance(told, dict):
        return None
    brand, flags = told.get("brand"), told.get("flags")
    if not (brand is None or isinstance(brand, str)) or not isinstance(flags, list):
        return None
    texts = [flag for flag in flags if isinstance(flag, str) and len(flag) <= MAX_TEXT]
    if len(texts) != len(flags) or len(texts) > MAX_FLAGS or len(brand or "") > MAX_TEXT:
        return None
    return SlowValues(brand=brand or None, flags=tuple(sorted(set(texts))))


# --- the cache ------------------------------------------------------------------------------


def _cached(cache: Path | None, boot: str | None) -> SlowValues | None:
    if cache is None or not boot:
        return None
    try:
        with cache.open("rb") as file:
            held = json.loads(file.read(MAX_ANSWER_BYTES + 4096))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(held, dict) or held.get("boot_id") != boot:
        return None
    return _values_of(held.get("cpuinfo"))


def _write_cache(cache: Path, boot: str, values: SlowValues) -> None:
    """Replace the cache in one step. It is not synced: losing it costs a second, no more."""
    held = {"boot_id": boot, "cpuinfo": {"brand": values.brand, "flags": list(values.flags)}}
    new = cache.with_name(f"{cache.name}.new")
    try:
        new.write_text(json.dumps(held), encoding="utf-8")
        new.replace(cache)
    except OSError:
        return


# --- the child ------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Answer as the child process: JSON on standard output."""
    if list(arguments) != ["cpuinfo"]:
        return 2
    import cpuinfo  # noqa: PLC0415 - only this process may pay for it

    told = cpuinfo.get_cpu_info()
    # `brand` is how version 5 spells it, which Debian 12 packages.
    answer = {"brand": told.get("brand_raw") or told.get("brand"), "flags": told.get("flags", [])}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
