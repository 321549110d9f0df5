"""How the instances of a service live: jobs, leases, loss, updates, logs, start order. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from skerry_hub.lifecycle import SOME, Lifecycle, OnFailure, SiteLoss, Strategy, Update
from skerry_hub.workloads.health import within
from skerry_hub.workloads.lifecycle_keys import (
    DEPENDS,
    LOG_OPTIONS,
    LOGGING,
    UPDATE_CONFIG,
    X_JOB,
    X_LIFECYCLE,
    X_UPDATE,
)
from skerry_hub.workloads.others import topology
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Section,
    Value,
    attempt,
    boolean,
    choice,
    differing,
    entries,
    items,
    parsed,
    text,
    whole,
)
from skerry_hub.workloads.units import byte_count
from skerry_wire.lifecycle import After, Job, LogLimits
from skerry_wire.schedule import NICKNAMES, ScheduleError, parse

WEEK_S = 7 * 86400.0
YEAR_S = 366 * 86400.0
DAY_S = 86400.0
LEAST_LEASE_S = 15.0
LEAST_LOSS_S = 5.0

_STRATEGIES: Mapping[str, Strategy] = {
    "rolling": "rolling",
    "canary": "canary",
    "blue-green": "blue-green",
    "at-once": "at-once",
}
_ON_FAILURE: Mapping[str, OnFailure] = {
    "pause": "pause",
    "rollback": "rollback",
    "continue": "continue",
}
_SITE_LOSS: Mapping[str, SiteLoss] = {"hold": "hold", "move": "move"}
_STOP_FIRST = {"stop-first": "stop-first"}
_START_FIRST = {"start-first": "use x-lifecycle.update.strategy: blue-green"}
_DRIVERS = {name: name for name in ("json-file", "local", "k8s-file")}
_CONDITIONS = {
    "service_started": After(container="x", condition="started"),
    "service_healthy": After(container="x", condition="healthy"),
    "service_completed_successfully": After(container="x", condition="completed"),
}
_SOME = re.compile(SOME)


def lifecycle(own: Value | None, update_config: Value | None, *, is_job: bool) -> Lifecycle:
    """Read `x-lifecycle` and `deploy.update_config` of a service."""
    section = None if own is None else attempt(own, lambda one: Section(one, X_LIFECYCLE))
    if section is None:
        job = Job() if is_job else None
        return Lifecycle(job=job, update=_update(None, update_config))
    asked_job = section.at("job")
    if asked_job is not None and not is_job:
        asked_job.refuse("is for deploy.mode: replicated-job or global-job")
    lease_s = section.get("stopAfter", within(LEAST_LEASE_S, WEEK_S), None)
    if is_job and lease_s is not None:
        section.refuse("stopAfter", "is not for jobs: they end by themselves")
    return Lifecycle(
        job=section.get("job", _job, Job(), empty_ok=True) if is_job else None,
        lease_s=lease_s,
        lost_after_s=section.get("lostAfter", within(LEAST_LOSS_S, YEAR_S), None),
        on_site_loss=section.get("onSiteLoss", choice(_SITE_LOSS), "hold"),
        update=_update(section.at("update"), update_config),
    )


def _job(value: Value) -> Job:
    section = Section(value, X_JOB)
    return Job(
        retries=section.get("retries", whole(0, 1000), 3),
        deadline_s=section.get("deadline", within(1, YEAR_S), None),
        schedule=section.get("schedule", parsed(schedule), ""),
    )


def schedule(written: str) -> str:
    """Return a schedule of cron's, as the box reads it too, with single spaces."""
    found = " ".join(written.split())
    try:
        parse(found)
    except ScheduleError as error:
        raise RefusedError(
            f"{short(written)} is not a schedule ({error}): write five fields, as */15 * * * *, or "
            f"one of {', '.join(NICKNAMES)}"
        ) from None
    if len(found) > 128:
        raise RefusedError("a schedule is at most 128 characters long")
    return found


def _update(own: Value | None, config: Value | None) -> Update:
    found = Update() if config is None else attempt(config, _update_config) or Update()
    if own is None:
        return found
    section = attempt(own, lambda one: Section(one, X_UPDATE))
    if section is None:
        return found
    said = dataclasses.replace(
        found,
        strategy=section.get("strategy", choice(_STRATEGIES), found.strategy),
        max_unavailable=section.get("maxUnavailable", parsed(some), found.max_unavailable),
        max_failed=section.get("maxFailed", whole(0, 100_000), 0),
        on_failure=section.get("onFailure", choice(_ON_FAILURE), found.on_failure),
        canary=section.get("canary", parsed(some), "1"),
        canary_pauses=section.get("canaryPauses", boolean, default=False),
        wave_by=section.get("waveBy", parsed(topology), ""),
        settle_s=section.get("settle", within(0, DAY_S), found.settle_s),
        deadline_s=section.get("deadline", within(1, DAY_S), 300.0),
    )
    for key in ("canary", "canaryPauses"):
        if said.strategy != "canary" and key in section:
            section.refuse(key, "is for strategy: canary")
    _same(section, found, said, config)
    return said


def _same(section: Section, found: Update, said: Update, config: Value | None) -> None:
    """Note what the two places that may say the same say differently."""
    if config is None:
        return
    given = dict(entries(config))
    for key, field, other in (
        ("maxUnavailable", "max_unavailable", "parallelism"),
        ("onFailure", "on_failure", "failure_action"),
        ("settle", "settle_s", "monitor"),
        ("strategy", "strategy", "parallelism"),
    ):
        value = section.at(key)
        differs = getattr(found, field) != getattr(said, field)
        if value is not None and other in given and differs:
            if key == "strategy" and found.strategy != "at-once":
                continue
            value.refuse(differing(value, given[other]))


def _update_config(value: Value) -> Update:
    section = Section(value, UPDATE_CONFIG)
    section.get("order", choice(_STOP_FIRST, _START_FIRST), None)
    parallelism = section.get("parallelism", whole(0, 100_000), None)
    usual = Update()
    return Update(
        strategy="at-once" if parallelism == 0 else usual.strategy,
        max_unavailable=str(parallelism) if parallelism else usual.max_unavailable,
        on_failure=section.get("failure_action", choice(_ON_FAILURE), usual.on_failure),
        settle_s=section.get("monitor", within(0, DAY_S), usual.settle_s),
    )


def some(written: str) -> str:
    """Return a number of instances, or a part of all: `3`, `25%`."""
    if _SOME.fullmatch(written) is None:
        raise RefusedError(f"{short(written)} is neither a number from 1 nor a part like 25%")
    return written


def logging(value: Value) -> LogLimits:
    """Read how much of a container's log is kept."""
    section = Section(value, LOGGING)
    section.get("driver", choice(_DRIVERS), None)
    options = section.get("options", lambda one: Section(one, LOG_OPTIONS), None)
    usual = LogLimits()
    if options is None:
        return usual
    return LogLimits(
        max_bytes=options.get("max-size", parsed(_log_bytes), usual.max_bytes),
        files=options.get("max-file", whole(1, 100), usual.files),
    )


def _log_bytes(written: str) -> int:
    found = byte_count(written)
    if not 4096 <= found <= 2**40:
        raise RefusedError(f"must be 4k to 1024g, not {short(written)}")
    return found


def dependencies(value: Value) -> tuple[After, ...]:
    """Read `depends_on`, in both forms; the containers are named as the services are."""
    if value.is_sequence:
        return tuple(After(container=text(one)) for one in items(value))
    found = (attempt(one, lambda at, name=name: _dependency(name, at))  # type: ignore[misc]
             for name, one in entries(value))  # fmt: skip
    return tuple(one for one in found if one is not None)


def _dependency(name: str, value: Value) -> After:
    section = Section(value, DEPENDS, empty_ok=True)
    after = section.get("condition", choice(_CONDITIONS), _CONDITIONS["service_started"])
    if section.get("required", boolean, default=True) is False:
        section.refuse("required", "must be true: what is not needed is left out")
    if section.get("restart", boolean, default=False):
        section.refuse("restart", "must be false: containers are started again one by one")
    return dataclasses.replace(after, container=name)
