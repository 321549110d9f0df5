"""How jobs go, in a few words: runs, how the last one ended, when the next one is."""

from __future__ import annotations

from collections.abc import Iterable

from skerry_cli import words
from skerry_cli.job_records import Job
from skerry_cli.records import Instance


def job_text(instances: Iterable[Instance], now: float) -> str:
    """Return how the jobs among instances go together; a dash where there are none."""
    jobs = [one.job for one in instances if one.job is not None]
    if not jobs:
        return words.NONE
    parts = [words.count(sum(job.runs for job in jobs), "run"), *_ended(jobs)]
    moments = [job.next_at for job in jobs if job.next_at is not None]
    if moments:
        parts.append(_next(min(moments), now))
    return ", ".join(parts)


def _ended(jobs: list[Job]) -> list[str]:
    """Say how the newest runs ended; of one job, also the attempts that it took."""
    failed = sum(job.succeeded is False for job in jobs)
    succeeded = sum(job.succeeded is True for job in jobs)
    if len(jobs) == 1:
        told = ["the last succeeded"] if succeeded else ["the last failed"] if failed else []
        tries = jobs[0].attempts
        return [*told, words.count(tries, "attempt")] if tries > 1 else told
    return [
        f"{number} {word}" for number, word in ((succeeded, "done"), (failed, "failed")) if number
    ]


def _next(at: float, now: float) -> str:
    """Return when the next run is; nodes whose clock is wrong may name a moment that is over."""
    away_s = at - now
    return f"next in {words.duration(away_s)}" if away_s > 0 else f"next at {words.moment(at)}"
