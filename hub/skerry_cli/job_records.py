"""How the job that an instance is goes, as the hub tells it."""

from __future__ import annotations

from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class Job:
    """The runs that were begun, how the last one ended, and when the next one is."""

    runs: int = 0
    attempts: int = 0
    succeeded: bool | None = None
    next_at: float | None = None


def need_not_run(state: str, job: Job | None) -> bool:
    """Say whether an instance in a state is a job that is done, or waits for its first moment."""
    if job is None:
        return False
    if state == "pending":
        return job.next_at is not None and job.runs == 0
    return state == "exited" and job.succeeded is True


def has_given_up(state: str, job: Job | None) -> bool:
    """Say whether an instance in a state is a job that has failed for good."""
    ended = job is not None and job.succeeded is False and job.next_at is None
    return ended and state == "failed"
