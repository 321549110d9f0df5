"""Whatever a hub answers, a command ends with words and a status, never with a traceback."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli.canned import plain
from tests.cli.samples import (
    BROKEN,
    DATASET,
    DEGRADED_DETAIL,
    EVENTS,
    EXPLANATION,
    HISTORY,
    INSTANCE,
    LOST,
    NODE,
    NODE_DETAIL,
    OF_DOCUMENTS,
    PLAN,
    POLICY,
    PRICES,
    RESERVATION,
    UNPLACED,
    WINDOW,
    WORKLOAD,
)

COMMANDS = [
    ("GET /api/v1/nodes", [NODE, LOST], ["get", "nodes", "-o", "wide"]),
    ("GET /api/v1/workloads", [WORKLOAD], ["get", "workloads", "-o", "wide"]),
    ("GET /api/v1/instances", [INSTANCE, BROKEN], ["get", "instances", "-o", "wide"]),
    ("GET /api/v1/events", EVENTS, ["get", "events", "-o", "wide"]),
    ("GET /api/v1/nodes/x", NODE_DETAIL, ["describe", "node", "x"]),
    ("GET /api/v1/workloads/x", DEGRADED_DETAIL, ["describe", "workload", "x"]),
    (
        "GET /api/v1/nodes/x",
        NODE_DETAIL,
        ["wait", "node", "x", "--for", "online", "--timeout=0.05"],
    ),
    ("GET /api/v1/workloads/x/explain", EXPLANATION, ["explain", "x"]),
    ("POST /api/v1/plan", UNPLACED, ["plan", "-f", "-"]),
    ("POST /api/v1/plan", OF_DOCUMENTS, ["plan", "-f", "-"]),
    ("POST /api/v1/plan", OF_DOCUMENTS, ["delete", "-f", "-"]),
    ("GET /api/v1/documents", {"items": [POLICY]}, ["get", "policies", "-o", "wide"]),
    ("GET /api/v1/documents", {"items": [PRICES]}, ["get", "prices", "-o", "wide"]),
    ("GET /api/v1/documents", {"items": [DATASET]}, ["get", "datasets", "-o", "wide"]),
    ("GET /api/v1/documents", {"items": [RESERVATION]}, ["get", "reservations", "-o", "wide"]),
    ("GET /api/v1/documents", {"items": [WINDOW]}, ["get", "windows", "-o", "wide"]),
    ("GET /api/v1/documents/Prices/x/history", HISTORY, ["describe", "prices", "x"]),
    ("DELETE /api/v1/nodes/x", PLAN, ["delete", "node", "x", "-y"]),
]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**19), 10**19)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(content, here=()):
    """Yield the way to each part of plain data."""
    yield here
    inner = content.items() if isinstance(content, dict) else ()
    inner = enumerate(content) if isinstance(content, list) else inner
    for key, part in inner:
        yield from places(part, (*here, key))


def with_value(content, way, value):
    if not way:
        return value
    changed = copy.deepcopy(content)
    place = changed
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    return changed


@pytest.mark.parametrize(("question", "answer", "words"), COMMANDS, ids=lambda x: str(x)[:30])
def test_a_wrong_value_anywhere_is_told_in_words(hub, skerry_any, question, answer, words):
    good = plain(answer)
    ways = list(places(good))

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.sampled_from(ways), values)
    def check(way, value):
        hub.answers["GET /api/v1/documents/Prices/x"] = PRICES
        hub.answers[question] = lambda _: with_value(good, way, value)
        done = skerry_any(*words)
        assert done.code in (0, 1, 3, 4)
        assert done.code == 0 or done.err or done.code == 3
        assert "\x1b" not in done.out + done.err

    check()
