"""Reads what podman and docker answer when asked about a container. Pure."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

from skerry_executor import specs
from skerry_executor.actual import Actual, HostPort, Phase
from skerry_executor.health import streak
from skerry_executor.order import shortened
from skerry_executor.runtimes.health_command import why_failed
from skerry_wire.frozen import frozen
from skerry_wire.messages import Health

_ID = re.compile("[a-z0-9]([a-z0-9-]{0,125}[a-z0-9])?")
_NAME = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_REVISION = re.compile("[0-9a-f]{8,64}")

# docker: created, running, paused, restarting, removing, exited, dead.
# podman: configured, created, initialized, running, paused, stopping, stopped, exited, removing.
_PHASES = {
    "configured": Phase.CREATED,
    "created": Phase.CREATED,
    "initialized": Phase.CREATED,
    "running": Phase.RUNNING,
    "restarting": Phase.RESTARTING,
    "paused": Phase.PAUSED,
    "stopping": Phase.RUNNING,
    "stopped": Phase.EXITED,
    "exited": Phase.EXITED,
    "dead": Phase.REMOVING,
    "removing": Phase.REMOVING,
}
_HEALTH = {
    "": Health.NONE,
    "none": Health.NONE,
    "starting": Health.STARTING,
    "healthy": Health.HEALTHY,
    "unhealthy": Health.UNHEALTHY,
}
DEFAULT_GRACE_S = 10.0
USUAL_RETRIES = 3
"""Of a health check that does not say how many: that of an image."""
LOOPBACK = "127.0.0.1"
_JOINS = "container:"


class InspectionError(ValueError):
    """The answer is not what the API documents."""


@frozen(kw_only=True)
class Looked:
    """What an answer tells of a container, ours (`actual`) or not.

    `address` is where it is reached from the box; `joined` the container whose network it has.
    """

    actual: Actual | None
    address: str | None
    joined: str | None
    pid: int | None


def parse(plain: Any) -> Looked:
    """Return what an answer tells. Raises InspectionError."""
    try:
        mode = str((plain.get("HostConfig") or {}).get("NetworkMode") or "")
        address = _address(mode, plain.get("NetworkSettings") or {})
        joined = mode.removeprefix(_JOINS) if mode.startswith(_JOINS) else None
        labels = plain["Config"].get("Labels") or {}
        actual = _actual(plain, labels, address, joined) if ours(labels) else None
        state = plain.get("State")
        pid = int(state.get("Pid") or 0) or None if isinstance(state, dict) else None
        return Looked(actual=actual, address=address, joined=joined, pid=pid)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InspectionError(f"{type(error).__name__} {error}") from None


def _actual(plain: Any, labels: dict[str, Any], address: str | None, joined: str | None) -> Actual:
    state, config = plain["State"], plain["Config"]
    phase = _PHASES.get(str(state.get("Status", "")).lower(), Phase.UNKNOWN)
    over = phase in (Phase.EXITED, Phase.RESTARTING)
    health = state.get("Health") or {}
    return dataclasses.replace(
        _bare(str(plain["Id"]), str(plain["Name"]), labels, phase),
        pid=int(state.get("Pid") or 0) or None,
        exit_code=_exit_code(state) if over else None,
        restarts=max(0, int(plain.get("RestartCount") or 0)),
        started_at=_moment(state.get("StartedAt")),
        health=_HEALTH.get(health.get("Status") or "", Health.UNKNOWN),
        health_reason=_why_unwell(health, config.get("Healthcheck") or {}),
        error=shortened(" ".join(str(state.get("Error") or "").split()), 300) or None,
        stop_grace_s=float(config.get("StopTimeout") or 0) or DEFAULT_GRACE_S,
        ports=frozenset(_ports(plain.get("HostConfig") or {})),
        address=address if phase is Phase.RUNNING else None,
        joined=joined,
    )


def _why_unwell(health: Mapping[str, Any], check: Mapping[str, Any]) -> str:
    """Return why the newest check failed, of which the runtime keeps the status and the output."""
    newest = (health.get("Log") or [{}])[-1]
    why = why_failed(int(newest.get("ExitCode") or 0), str(newest.get("Output") or "").encode())
    failures = int(health.get("FailingStreak") or 0)
    if not why or not failures or health.get("Status") == "unhealthy":
        return why
    return streak(failures, int(check.get("Retries") or USUAL_RETRIES), why)


def listed(plain: Any, reason: str, *, is_damaged: bool) -> Actual | None:
    """Return what an entry of a list tells of a container that cannot be looked at; None: not ours.

    `reason` says why it cannot; `is_damaged` that it can never be.
    One that runs is left alone, whatever is damaged. Raises InspectionError.
    """
    try:
        labels = plain.get("Labels") or {}
        if not ours(labels):
            return None
        phase = _PHASES.get(str(plain.get("State", "")).lower(), Phase.UNKNOWN)
        if phase not in (Phase.RUNNING, Phase.RESTARTING, Phase.PAUSED):
            phase = Phase.DAMAGED if is_damaged else Phase.UNKNOWN
        return dataclasses.replace(
            _bare(str(plain["Id"]), str(plain["Names"][0]), labels, phase),
            pid=int(plain.get("Pid") or 0) or None,
            error=shortened(reason, 300),
        )
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise InspectionError(f"{type(error).__name__} {error}") from None


def _bare(reference: str, name: str, labels: Mapping[str, Any], phase: Phase) -> Actual:
    """Return what the labels of a container of ours tell."""
    return Actual(
        id=reference,
        name=name.removeprefix("/"),
        node=labels[specs.NODE],
        instance=labels[specs.INSTANCE],
        container=labels[specs.CONTAINER],
        workload=labels[specs.WORKLOAD],
        revision=labels[specs.REVISION],
        spec=str(labels.get(specs.SPEC, "")),
        devices=str(labels.get(specs.DEVICES, "")),
        phase=phase,
    )


def _address(mode: str, settings: dict[str, Any]) -> str | None:
    if mode == "host":
        return LOOPBACK
    networks = (settings.get("Networks") or {}).values()
    told = [settings.get("IPAddress"), *(one.get("IPAddress") for one in networks)]
    told += [settings.get("GlobalIPv6Address")]
    told += [one.get("GlobalIPv6Address") for one in networks]
    return next((str(one) for one in told if one), None)


def ours(labels: Mapping[str, Any]) -> bool:
    """Say whether these are the labels of a container of ours."""
    forms = (
        (specs.NODE, _NAME),
        (specs.INSTANCE, _ID),
        (specs.CONTAINER, _NAME),
        (specs.WORKLOAD, _NAME),
        (specs.REVISION, _REVISION),
    )
    return all(form.fullmatch(str(labels.get(label, ""))) for label, form in forms)


def _exit_code(state: Any) -> int:
    code = int(state.get("ExitCode") or 0)
    return max(-(2**31), min(code, 2**31 - 1))


def _moment(text: Any) -> float | None:
    """Return seconds since 1970; None for the year 1, by which the runtimes say "never"."""
    if not text:
        return None
    seconds = datetime.datetime.fromisoformat(str(text)).timestamp()
    return seconds if seconds > 0 else None


def _ports(host_config: dict[str, Any]) -> Iterator[HostPort]:
    for key, bindings in (host_config.get("PortBindings") or {}).items():
        protocol = key.partition("/")[2] or "tcp"
        for binding in bindings or ():
            with contextlib.suppress(TypeError, ValueError):
                yield HostPort(int(binding["HostPort"]), protocol)
