"""Following a hub: when it is looked at again, and what is said while it is away."""

import itertools
import time

import pytest
from tests.cli.canned import Answers, Raw, problems

from skerry_cli.failures import RefusedError, UnexpectedAnswerError, UnreachableError
from skerry_cli.follow import follow
from skerry_cli.hub import Hub

AWAY = Raw(b"")
SILENT = Raw(b"", hold_s=30)


def looks(hub, said=None, *, deadline_s=None):
    """Follow the canned hub; each look gives the next number."""
    door = Hub(hub.url, timeout_s=5.0, retry_for_s=0.0)
    door.deadline = None if deadline_s is None else time.monotonic() + deadline_s
    numbers = itertools.count(1)
    return follow(door, lambda: next(numbers), (said if said is not None else []).append)


def test_a_poll_that_ends_without_a_change_is_no_reason_to_look(hub):
    hub.answers["GET /api/v1/changes"] = Answers(
        {"change": 5}, {"change": 5}, {"change": 5}, {"change": 6}, SILENT
    )
    found = looks(hub)
    assert [next(found), next(found)] == [1, 2]
    assert [asked.query["after"] for asked in hub.asked] == ["0", "5", "5", "5"]


def test_a_hub_that_was_away_is_looked_at_again_whatever_its_count(hub):
    said = []
    hub.answers["GET /api/v1/changes"] = Answers(
        {"change": 5}, AWAY, AWAY, AWAY, {"change": 5}, {"change": 4}, SILENT
    )
    found = looks(hub, said)
    assert [next(found), next(found), next(found)] == [1, 2, 3]
    assert [line.endswith("Trying again.") for line in said] == [True]


def test_without_a_deadline_the_first_look_must_succeed(hub):
    hub.answers["GET /api/v1/changes"] = AWAY
    with pytest.raises(UnreachableError):
        next(looks(hub))


def test_with_a_deadline_it_ends_by_itself(hub):
    assert list(looks(hub, deadline_s=0.3)) == [1]
    hub.answers["GET /api/v1/changes"] = AWAY
    assert list(looks(hub, deadline_s=0.3)) == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [(problems(400, {"reason": "is bad"}), RefusedError), ({"x": 1}, UnexpectedAnswerError)],
)
def test_what_does_not_pass_by_itself_is_not_waited_for(hub, answer, error):
    hub.answers["GET /api/v1/changes"] = Answers({"change": 1}, answer)
    found = looks(hub, deadline_s=20)
    assert next(found) == 1
    with pytest.raises(error):
        next(found)
