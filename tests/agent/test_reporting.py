"""Events that lie between two outcomes."""

import pytest
from tests.agent.test_core import status

from skerry_agent.reporting import instance_changes
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.local import Outcome
from skerry_wire.messages import EventKind, Health


def told(before, after):
    """Return the events between an instance's updates, of which None is no update."""
    outcomes = [Outcome(instances=(status(update=update),)) for update in (before, after)]
    return list(instance_changes(*outcomes))


def update(state, revision="2"):
    return UpdateStatus(revision=revision * 16, state=state, reason="web is unhealthy")


@pytest.mark.parametrize("state", ["rolled_back", "failed"])
def test_a_revision_that_does_not_do_is_an_event_once(state):
    detail = f"revision {'2' * 16} {state.replace('_', ' ')}: web is unhealthy"
    event = (EventKind.FAILED, "web-0", detail)
    assert told(update("switching"), update(state)) == [event]
    assert told(None, update(state)) == [event]
    assert told(update(state, "1"), update(state)) == [event]
    assert told(update(state), update(state)) == []


@pytest.mark.parametrize("state", ["waiting", "held", "switching"])
def test_what_is_under_way_is_none(state):
    assert told(None, update(state)) == []
    assert told(update("rolled_back"), update(state)) == []


def sick(health, reason=None):
    return status(health=health, reason=reason)


WELL, SICK = sick(Health.HEALTHY), sick(Health.UNHEALTHY, "web is unhealthy: answered 503")


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (WELL, SICK, [(EventKind.UNHEALTHY, SICK.reason)]),
        (SICK, sick(Health.UNHEALTHY, "web is unhealthy: answered 500"), []),
        (SICK, WELL, [(EventKind.HEALTHY, "")]),
        (SICK, sick(Health.STARTING), []),
        (sick(Health.STARTING, "web is starting: answered 503"), WELL, []),
        (sick(Health.STARTING), sick(Health.STARTING, "web is starting: connection refused"), []),
    ],
)
def test_becoming_unhealthy_and_well_again_are_events_with_the_cause(before, after, events):
    found = list(instance_changes(Outcome(instances=(before,)), Outcome(instances=(after,))))
    assert found == [(kind, "web-0", detail) for kind, detail in events]
