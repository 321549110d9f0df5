"""Who is alive, as a table: silence, what presence said, and what the hub could see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.records import NOW, node, presence

from skerry_hub.fleet.listening import Listening
from skerry_hub.fleet.liveness import judge
from skerry_hub.model import Liveness
from skerry_hub.patience import Patience

PATIENCE = Patience(unreachable_s=60, lost_s=600)
ONLINE, UNREACHABLE, LOST = Liveness.ONLINE, Liveness.UNREACHABLE, Liveness.LOST
LONG_AGO = 10_000.0


@pytest.mark.parametrize(
    ("was", "said_online", "silent_s", "watching_s", "now"),
    [
        # Signs of life since the hub listens: what they say.
        (ONLINE, True, 0, LONG_AGO, ONLINE),
        (ONLINE, True, 59, LONG_AGO, ONLINE),
        (UNREACHABLE, True, 5, LONG_AGO, ONLINE),
        (LOST, True, 5, LONG_AGO, ONLINE),
        # Silence.
        (ONLINE, True, 60, LONG_AGO, UNREACHABLE),
        (ONLINE, True, 599, LONG_AGO, UNREACHABLE),
        (ONLINE, True, 600, LONG_AGO, LOST),
        (UNREACHABLE, False, 600, LONG_AGO, LOST),
        # Its last will said so: unreachable at once, whatever was heard shortly before.
        (ONLINE, False, 1, LONG_AGO, UNREACHABLE),
        (LOST, False, 1, LONG_AGO, LOST),
        # The hub was away: silence from before proves nothing, and its judgement stands.
        (ONLINE, True, LONG_AGO, 5, ONLINE),
        (UNREACHABLE, True, LONG_AGO, 5, UNREACHABLE),
        (LOST, True, LONG_AGO, 5, LOST),
        (ONLINE, True, LONG_AGO, 60, UNREACHABLE),
        (LOST, True, LONG_AGO, 60, LOST),
        (ONLINE, True, LONG_AGO, 600, LOST),
    ],
)
def test_judgement(was, said_online, silent_s, watching_s, now):
    record = node(liveness=was, presence=presence(online=said_online))
    assert judge(record, NOW - silent_s, Listening(NOW - watching_s), NOW, PATIENCE) is now


def test_a_node_that_never_said_that_it_is_online_is_not():
    assert judge(node(presence=None), NOW, Listening(NOW - 1000), NOW, PATIENCE) is UNREACHABLE


@given(
    was=st.sampled_from(Liveness),
    seen=st.floats(0, 1e5),
    watching=st.floats(0, 1e5),
    now=st.floats(0, 1e5),
)
def test_a_hub_that_has_just_begun_to_listen_makes_nobody_worse(was, seen, watching, now):
    if now - watching >= PATIENCE.unreachable_s or now < watching:
        return
    judged = judge(node(liveness=was), seen, Listening(watching), now, PATIENCE)
    order = [ONLINE, UNREACHABLE, LOST]
    assert order.index(judged) <= order.index(was)
