"""How a workload lives: jobs, updates, and what becomes of it when nobody hears of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from skerry_cli import words
from skerry_cli.content_records import JobSettings, Lifecycle, Update

Fact = tuple[str, str]
_UNSET = "the hub's own time"


def lifecycle_facts(found: Lifecycle) -> Iterator[Fact]:
    """Yield how instances live, each with its name."""
    if found.job is not None:
        yield "Job", _job(found.job)
    if found.lease_s is None:
        yield "Cut off", "goes on running"
    else:
        yield "Cut off", f"stops after {words.exactly(found.lease_s)} (stopAfter)"
    lost_s = found.lost_after_s
    wait = _UNSET if lost_s is None else words.exactly(lost_s)
    yield "Node lost", f"placed elsewhere after {wait}"
    if found.on_site_loss != "hold":
        yield "Site lost", found.on_site_loss
    if found.shared_network:
        yield "Network", "its containers share one address"
    if found.job is None:
        yield "Update", _update(found.update)


def _job(job: JobSettings) -> str:
    parts = [f"schedule {job.schedule} (UTC)"] if job.schedule else ["once"]
    parts.append(f"{job.retries} retries at most")
    if job.deadline_s is not None:
        parts.append(f"a run takes {words.exactly(job.deadline_s)} at most")
    return ", ".join(parts)


def _update(one: Update) -> str:
    parts = [one.strategy]
    if one.strategy == "canary":
        then = "then it pauses" if one.canary_pauses else "then it goes on"
        parts.append(f"{one.canary} first, {then}")
    if one.strategy != "at-once":
        parts.append(f"{one.max_unavailable} at once")
    if one.wave_by:
        parts.append(f"by waves of {one.wave_by}")
    if one.settle_s:
        parts.append(f"each well for {words.exactly(one.settle_s)}")
    parts += [
        f"within {words.exactly(one.deadline_s)}",
        f"{one.on_failure} at {_failures(one.max_failed)}",
    ]
    return ", ".join(parts)


def _failures(allowed: int) -> str:
    return f"more than {words.count(allowed, 'failure')}" if allowed else "the first failure"
