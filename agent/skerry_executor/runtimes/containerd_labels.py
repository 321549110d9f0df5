"""What is kept on a container of containerd beside our own labels, as one label. Pure.

And the labels by which containerd's restart monitor starts a container again, after an end and
after a start of the box: https://github.com/containerd/containerd/tree/main/core/runtime/restart
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire import signals
from skerry_wire.frozen import frozen

KEPT = "io.skerry.containerd"
ENDED = "io.skerry.ended"
"""How it ended that nobody stopped, and after which start: a boot leaves nothing else of it."""
NAME = "io.skerry.name"
"""Our names may be longer than containerd's ids, which have 76 characters at most."""
STATUS = "containerd.io/restart.status"
LOG = "containerd.io/restart.loguri"
POLICY = "containerd.io/restart.policy"
COUNT = "containerd.io/restart.count"
_MONITOR = (STATUS, LOG, POLICY, COUNT)

POLICIES_SINCE = (1, 7)
"""The first version whose monitor knows another policy than always."""

MAX_BYTES = 3500
"""containerd takes labels of 4,096 bytes, their names included."""


@frozen(kw_only=True)
class Kept:
    """What we need to know later. `alone` has no network. Another version may keep more, or less.

    `ended` is the last exit status that was seen, None while it has not been stopped.
    """

    name: str
    grace_s: float = 10.0
    signal: int = 15
    restart: str = "no"
    retries: int = 0
    check: list[str] = dataclasses.field(default_factory=list)
    check_s: float = 30.0
    alone: bool = False
    log_bytes: int = 16 * 2**20
    started_at: float | None = None
    ended: int | None = None


def snapshot_of(name: str) -> str:
    """Return the key of a container's snapshot: always the same, so that none is left over."""
    return f"skerry-{hashlib.sha256(name.encode()).hexdigest()}"


def kept_in(labels: Mapping[str, str]) -> Kept | None:
    """Return what the label says; None where there is none that can be read."""
    try:
        told = json.loads(labels[KEPT])
        if not isinstance(told["name"], str):
            return None
        known = {field.name for field in dataclasses.fields(Kept)}
        kept = Kept(**{name: told[name] for name in known & told.keys()})
        start, _, code = labels.get(ENDED, "").partition(" ")
        if kept.ended is None and start == str(kept.started_at) and code.isdecimal():
            kept = dataclasses.replace(kept, ended=int(code))
        return kept
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None


def with_kept(labels: Mapping[str, str], kept: Kept) -> dict[str, str]:
    """Return the labels with what is kept. Raises RuntimeFailure for more than a label holds."""
    text = json.dumps(dataclasses.asdict(kept), separators=(",", ":"))
    if len(text) > MAX_BYTES:
        reason = f"the health check's command is longer than the {MAX_BYTES} bytes of a label"
        raise RuntimeFailure(Failure.OTHER, reason)
    return {**labels, NAME: kept.name, KEPT: text}


def end_of(kept: Kept, code: int) -> str:
    """Return the label ENDED of what has just been seen to have ended by itself."""
    return f"{kept.started_at} {code}"


def supervised(
    labels: Mapping[str, str], kept: Kept, log: str, version: tuple[int, ...]
) -> dict[str, str]:
    """Return the labels with which the monitor starts the container again as it shall be."""
    plain = unsupervised(labels)
    if kept.restart == "always":
        return {**plain, STATUS: "running", LOG: log}
    if kept.restart == "on-failure" and version >= POLICIES_SINCE:
        policy = f"on-failure:{kept.retries}" if kept.retries else "on-failure"
        return {**plain, STATUS: "running", LOG: log, POLICY: policy}
    return plain


def unsupervised(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels with which the monitor leaves the container alone."""
    return {name: value for name, value in labels.items() if name not in _MONITOR}


def signal_of(text: str) -> int:
    """Return a signal by name or number; SIGTERM for none. Raises RuntimeFailure."""
    try:
        return signals.number_of(text or "SIGTERM")
    except signals.SignalError as error:
        raise RuntimeFailure(Failure.OTHER, f"stop_signal: {error}") from None
