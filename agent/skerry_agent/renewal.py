"""When this box's certificate is renewed, and what is told of it. Pure.

At two thirds of its life, a little later by chance; and when the broker refuses it. Time counts by
the clock since boot, which nobody sets; the wall clock can only make it sooner: a box that was off
for a year knows by it, one whose clock is wrong renews once too often. What fails is tried again
ever more seldom, up to hours.
"""

from __future__ import annotations

import dataclasses

from skerry_agent import events as ev
from skerry_agent import sharing
from skerry_agent.effects import Effect, Log, ReadEnrollment, RenewCertificate
from skerry_agent.enrollment import NO_RENEWAL, Enrollment, Renewal
from skerry_agent.state import NEVER, State
from skerry_agent.telling import Step, note, report_now
from skerry_wire.messages import EventKind

DAY_S = 86_400.0
SPREAD_S = 60.0
"""Within this what is due now is begun: boxes that come back together do not ask together."""
LATER = 0.1
"""Up to so much of the time until it is due it is put off, by chance."""
GAP_S = 3600.0
"""Least time between two renewals, whatever the broker refuses."""
AGAIN_FIRST_S = 300.0
AGAIN_MOST_S = 6 * 3600.0
"""How long after one that failed the next is tried; it doubles each time."""
MOST_DOUBLED = 10


def read(state: State, event: ev.EnrollmentRead, now: ev.Now) -> Step:
    """Take note of what is kept of having joined a hub."""
    state = known(state, event.enrollment, now)
    changed = event.problem != state.enrollment_problem
    state = dataclasses.replace(state, enrollment_problem=event.problem)
    effects: list[Effect] = []
    if changed:
        state, effects = report_now(state, now)
        effects += [] if event.problem is None else [Log("error", event.problem)]
    state, more = sharing.machine_seen(state, is_another=event.is_another_machine, now=now)
    return state, [*effects, *more]


def known(state: State, enrollment: Enrollment | None, now: ev.Now) -> State:
    """Return the state with the certificate that there is now; None: the box has not joined."""
    before = state.renewal
    if enrollment is None:
        renewal = dataclasses.replace(NO_RENEWAL, refused=before.refused)
        return dataclasses.replace(state, enrollment=None, renewal=renewal)
    if enrollment == state.enrollment:
        return state
    # A clock behind the one of the issue says nothing of the age.
    born = now.mono_s - max(0.0, now.wall_s - enrollment.issued_at)
    after = Renewal(born=born, tried_at=before.tried_at, refused=before.refused)
    later = enrollment.renew_after_s * (1 + LATER * now.draw)
    # One that the broker refused may be this one: how it ended is told once only.
    due = _due(after, enrollment, now.mono_s if before.refused else born + later, now)
    return dataclasses.replace(
        state, enrollment=enrollment, renewal=dataclasses.replace(after, due=due)
    )


def clock_seen(state: State, now: ev.Now) -> State:
    """Return the state after a look at the wall clock, which may have been set."""
    enrollment, before = state.enrollment, state.renewal
    if enrollment is None or before.running:
        return state
    older = now.mono_s - (now.wall_s - enrollment.issued_at)
    if older >= before.born - SPREAD_S:
        return state  # by the wall clock it is no older than is known
    renewal = dataclasses.replace(before, born=older)
    due = min(before.due, _due(renewal, enrollment, older + enrollment.renew_after_s, now))
    return dataclasses.replace(state, renewal=dataclasses.replace(renewal, due=due))


def connected(state: State, now: ev.Now) -> State:
    """Return the state after the broker has taken the certificate."""
    renewal = dataclasses.replace(state.renewal, refused=False)
    return clock_seen(dataclasses.replace(state, renewal=renewal), now)


def disconnected(state: State, event: ev.Disconnected, now: ev.Now) -> State:
    """Return the state after a connection ended: the broker may have refused the certificate."""
    if event.ending is not ev.Ending.CERTIFICATE_REFUSED:
        return state
    enrollment, renewal = state.enrollment, dataclasses.replace(state.renewal, refused=True)
    if enrollment is not None and not renewal.running:
        due = min(renewal.due, _due(renewal, enrollment, now.mono_s, now))
        renewal = dataclasses.replace(renewal, due=due)
    return dataclasses.replace(state, renewal=renewal)


def begin(state: State, now: ev.Now) -> Step:
    """Renew where that is due."""
    if now.mono_s < state.renewal.due:
        return state, []
    renewal = dataclasses.replace(state.renewal, due=NEVER, running=True, tried_at=now.mono_s)
    return dataclasses.replace(state, renewal=renewal), [RenewCertificate()]


def ended(state: State, event: ev.RenewalEnded, now: ev.Now) -> Step:
    """Take note of how a renewal ended."""
    before, enrollment = state.renewal, state.enrollment
    renewal = dataclasses.replace(before, running=False)
    if event.error is None:
        renewal = dataclasses.replace(renewal, failures=0, problem=None)
        # Should it turn out to be the same one again: not at once.
        state = dataclasses.replace(state, renewal=renewal, enrollment=None)
        state, told = report_now(state, now)
        return state, [
            *told,
            Log("info", "the certificate was renewed"),
            ReadEnrollment(again=True),
        ]
    if enrollment is None:
        return dataclasses.replace(state, renewal=NO_RENEWAL), []
    failures = before.failures + 1
    wait_s = min(AGAIN_MOST_S, AGAIN_FIRST_S * 2.0 ** min(failures - 1, MOST_DOUBLED))
    if event.is_refused:
        wait_s = max(wait_s, GAP_S)
    wait_s = _scaled(wait_s, enrollment) * (0.5 + 0.5 * now.draw)
    problem = f"this box's certificate could not be renewed: {event.error}"
    renewal = dataclasses.replace(
        renewal, failures=failures, problem=problem[:1000], due=now.mono_s + wait_s
    )
    state = dataclasses.replace(state, renewal=renewal)
    effects: list[Effect] = [Log("warning", f"{problem}; tried again in {wait_s / 60:.0f} minutes")]
    if failures == 1:
        state, told = note(state, now, EventKind.RENEWAL_FAILED, "certificate", event.error[:1000])
        effects += told
    state, told = report_now(state, now)
    return state, [*effects, *told]


def _due(renewal: Renewal, enrollment: Enrollment, at: float, now: ev.Now) -> float:
    """Return when to renew what is due at a time that may have passed already."""
    soonest = now.mono_s + _scaled(SPREAD_S, enrollment) * now.draw
    return max(at, soonest, renewal.tried_at + _scaled(GAP_S, enrollment))


def _scaled(seconds: float, enrollment: Enrollment) -> float:
    """Return a time as it is for certificates of days; shorter for those of less than a day."""
    return seconds * min(1.0, enrollment.lifetime_s / DAY_S)
