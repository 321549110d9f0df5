"""Takes the slow looks, each by a child process under a time limit, and keeps what they found.

An answer holds for this boot, as long as what it depends on (its key) stays the same and no longer
than its row says; a file keeps it over restarts of the agent. That a GPU was lost is not kept: it
is asked for again until it is back. May NOT raise: a hang, a crash and nonsense are all failures,
of that one look alone.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from skerry_agent.capability import SlowAnswer, SlowValues
from skerry_agent.guard import Done, Guard
from skerry_agent.host import Host, NotEnded
from skerry_agent.probes.kernel_text import line
from skerry_agent.slow.table import SLOW_LOOKS, SlowLook, is_text, is_whole
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Hardware, ProbeStatus

MAX_ANSWER_BYTES = 64 * 1024
RETRY_S = 300.0
"""A look that failed is tried again with the first quick look after this time."""
MOST_TRIES = 5
"""So often in a row: a child that hangs in the kernel cannot be killed, and must not pile up."""

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
"""All that a child gets: nothing in the agent's environment says which library is loaded."""


@frozen()
class _Kept:
    """The newest good answer, what it depends on, and when it was given."""

    key: str
    read_at: float
    values: SlowValues


class SlowLooks:
    """What the slow looks of one box have found. `settle`, then `look` at what is `due`.

    Any thread may call; only `look` blocks, and only one at a time should.
    """

    def __init__(
        self,
        host: Host,
        cache: Path | None,
        *,
        looks: tuple[SlowLook, ...] = SLOW_LOOKS,
        clock_s: Callable[[], float] = time.time,
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`cache` is the file that keeps answers; `clock_s` gives seconds since 1970."""
        self.answers: Mapping[str, SlowAnswer] = {}
        self._host = host
        self._cache = cache
        self._looks = looks
        self._clock_s = clock_s
        self._mono_s = mono_s
        self._guard = Guard()
        self._lock = threading.Lock()
        self._boot = host.text("/proc/sys/kernel/random/boot_id") if host.is_live else None
        self._kept = _read_cache(cache, self._boot, looks)
        self._keys: dict[str, str | None] = {}
        self._tried: dict[str, tuple[str, float, int]] = {}
        """By name: the key, when (monotonic), and how often in a row it failed."""
        self._began_at = mono_s()

    def settle(self, hardware: Hardware) -> None:
        """Take note of the hardware: what is known of it is in `answers` at once. Runs nothing."""
        host = self._host.afresh()
        calls = [(look.name, lambda look=look: look.key(host, hardware)) for look in self._looks]
        for look, ended in zip(self._looks, self._guard.run(calls), strict=True):
            with self._lock:
                if not self._host.is_live:
                    self._absent(look.name, "is read on the running box only")
                elif isinstance(ended, Done):
                    self._settle_one(look, ended.value)

    def _settle_one(self, look: SlowLook, key: str | None) -> None:
        self._keys[look.name] = key
        kept = self._kept.get(look.name)
        if key is None:
            self._kept.pop(look.name, None)
            self._absent(look.name, look.absent)
        elif kept is not None and kept.key == key and not self._failures_of(look.name, key):
            self._found(look.name, kept)

    def due(self, *, again: bool = False) -> tuple[SlowLook, ...]:
        """Return the looks whose answer is not known, or no longer holds.

        One that failed, or that told of a GPU that was lost, is due only `again`, or later.
        """
        return tuple(look for look in self._looks if self._is_due(look, again))

    def _is_due(self, look: SlowLook, again: bool) -> bool:
        key = self._keys.get(look.name)
        kept = self._kept.get(look.name)
        if key is None:
            return False
        tried_key, tried_at, failures = self._tried.get(look.name, (key, self._began_at, 0))
        is_known = kept is not None and kept.key == key
        age_s = self._mono_s() - tried_at
        if kept is not None and is_known and failures == 0:
            return age_s >= look.holds_s if is_whole(kept.values) else again or age_s >= RETRY_S
        if again or look.name not in self._tried or tried_key != key:
            return True
        return failures < MOST_TRIES and age_s >= RETRY_S

    def _failures_of(self, name: str, key: str) -> int:
        tried_key, _, failures = self._tried.get(name, (key, 0.0, 0))
        return failures if tried_key == key else 0

    def look(self, look: SlowLook) -> None:
        """Run the look's child; its answer, or how it failed, is in `answers`. Blocks."""
        key = self._keys.get(look.name)
        if key is None:
            return
        try:
            values = self._ask(look)
        except Exception as error:  # noqa: BLE001 - one look never silences another
            values = f"{type(error).__name__}: {error}"
        with self._lock:
            failures = self._failures_of(look.name, key) + 1 if isinstance(values, str) else 0
            self._tried[look.name] = (key, self._mono_s(), failures)
            if self._keys.get(look.name) is None:
                return  # what it looked at has gone meanwhile
            if isinstance(values, str):
                self._failed(look.name, values)
                return
            self._kept[look.name] = _Kept(key, self._clock_s(), values)
            self._found(look.name, self._kept[look.name])
            if self._cache is not None and self._boot:
                _write_cache(self._cache, self._boot, self._kept)

    def _ask(self, look: SlowLook) -> SlowValues | str:
        """Return the child's answer, or why there is none."""
        ended = self._host.run(
            look.child,
            timeout_s=look.time_limit_s,
            most=MAX_ANSWER_BYTES,
            environment=ENVIRONMENT,
        )
        if isinstance(ended, NotEnded):
            return f"the child process {ended.reason}"
        if ended.status != 0:
            return f"the child process ended with status {ended.status}"
        told = _json(ended.output)
        if told is not None and is_text(told.get("error")):
            return str(told["error"])
        values = None if told is None else look.values_of(told)
        return "the child process answered nonsense" if values is None else values

    # --- answers ----------------------------------------------------------------------------

    def _found(self, name: str, kept: _Kept) -> None:
        self._answer(name, kept.values, status="found")

    def _failed(self, name: str, reason: str) -> None:
        kept = self._kept.get(name)
        values, kept_from = (None, None) if kept is None else (kept.values, kept.read_at)
        self._answer(name, values, status="failed", reason=line(reason, 300), kept_from=kept_from)

    def _absent(self, name: str, reason: str) -> None:
        self._answer(name, None, status="absent", reason=reason)

    def _answer(self, name: str, values: SlowValues | None, **status: Any) -> None:
        # A new mapping each time, so that a reader in another thread sees a whole one.
        self.answers = {**self.answers, name: SlowAnswer(ProbeStatus(**status), values)}


def read_slow(
    host: Host, hardware: Hardware, cache: Path | None, *, wait: bool
) -> Mapping[str, SlowAnswer]:
    """Return the answer of every slow look, for a command that ends. Blocks only if it may wait."""
    looks = SlowLooks(host, cache)
    looks.settle(hardware)
    for look in looks.due() if wait else ():
        looks.look(look)
    unread = SlowAnswer(ProbeStatus(status="absent", reason="was not read; --slow waits for it"))
    return {look.name: looks.answers.get(look.name, unread) for look in SLOW_LOOKS}


# --- the file that keeps the answers ------------------------------------------------------------


def _json(data: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _read_cache(
    cache: Path | None, boot: str | None, looks: tuple[SlowLook, ...]
) -> dict[str, _Kept]:
    """Return what the file holds of this boot; nothing where it is damaged."""
    if cache is None or not boot:
        return {}
    try:
        with cache.open("rb") as file:
            held = _json(file.read(4 * MAX_ANSWER_BYTES))
    except OSError:
        return {}
    if held is None or held.get("boot_id") != boot:
        return {}
    kept = ((look.name, _kept_of(look, held.get(look.name))) for look in looks)
    return {name: one for name, one in kept if one is not None and is_whole(one.values)}


def _kept_of(look: SlowLook, told: Any) -> _Kept | None:
    if not isinstance(told, dict) or not isinstance(told.get("values"), dict):
        return None
    key, read_at = told.get("key"), told.get("read_at")
    values = look.values_of(told["values"])
    if not isinstance(key, str) or type(read_at) is not float or values is None:
        return None
    return _Kept(key, read_at, values) if 0 <= read_at < 2**40 else None


def _write_cache(cache: Path, boot: str, kept: Mapping[str, _Kept]) -> None:
    """Replace the file in one step. It is not synced: losing it costs a second, no more."""
    held = {name: dataclasses.asdict(one) for name, one in kept.items()}
    new = cache.with_name(f"{cache.name}.new")
    try:
        new.write_text(json.dumps({"boot_id": boot, **held}), encoding="utf-8")
        new.replace(cache)
    except OSError:
        return
