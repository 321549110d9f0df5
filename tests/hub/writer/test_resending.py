"""When an order is sent again, as a table."""

import pytest
from tests.hub.records import node, refusal, report

from skerry_hub.model import Liveness
from skerry_hub.writer.resending import BEHIND_S, REFUSED_S, Resending

BEHIND = node(generation=2, report=report(accepted=1))
REFUSED = node(generation=2, report=report(accepted=1, refusal=refusal(2)))


@pytest.mark.parametrize(
    ("record", "since_s", "due"),
    [
        (BEHIND, None, True),
        (BEHIND, BEHIND_S - 1, False),
        (BEHIND, BEHIND_S, True),
        (REFUSED, BEHIND_S, False),
        (REFUSED, REFUSED_S, True),
        (node(generation=2, report=report(accepted=2)), None, False),
        (node(generation=2, report=None), None, False),
        (node(generation=2, liveness=Liveness.UNREACHABLE), None, False),
        (node(generation=2, diverged="ahead"), None, False),
    ],
)
def test_due(record, since_s, due):
    resending = Resending()
    if since_s is not None:
        resending.sent(record.id, 5.0)
    assert resending.due(record, 5.0 + (since_s or 0)) is due


def test_what_is_forgotten_is_as_if_never_sent():
    resending = Resending()
    resending.sent("box-1", 5.0)
    assert not resending.due(BEHIND, 5.0)
    resending.forget("box-1")
    assert resending.due(BEHIND, 5.0)
