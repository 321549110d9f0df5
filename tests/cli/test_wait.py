"""`skerry wait`: what is reached, what is not in time, and a hub that comes and goes."""

import dataclasses
import socket

import pytest
from tests.cli.canned import Answers, Raw, unknown
from tests.cli.samples import DETAIL, INSTANCE, LOST_DETAIL, NODE_DETAIL

from skerry_wire.lifecycle import JobStatus
from skerry_wire.messages import InstanceState


@pytest.mark.parametrize(
    ("kind", "name", "wanted", "answer"),
    [
        ("node", "box-1", "online", NODE_DETAIL),
        ("workload", "shop-web", "running", DETAIL),
        ("node", "box-1", "deleted", unknown("box-1")),
        ("workload", "shop-web", "deleted", unknown("shop-web")),
    ],
)
def test_what_is_so_already_returns_at_once(skerry, hub, kind, name, wanted, answer):
    hub.answers[f"GET /api/v1/{kind}s/{name}"] = answer
    hub.answers["GET /api/v1/instances"] = []
    done = skerry("wait", kind, name, "--for", wanted, "--timeout", "20s")
    assert (done.out, done.err) == (f"{kind}/{name} is {wanted}\n", "")


def test_a_node_that_the_hub_does_not_know_yet_is_waited_for(skerry, hub):
    looks = Answers(unknown("box-1"), LOST_DETAIL, NODE_DETAIL)

    def look(asked):
        hub.change()
        return looks.next()

    hub.answers["GET /api/v1/nodes/box-1"] = look
    skerry("wait", "node", "box-1", "--for", "online", "--timeout", "20s")
    polls = [asked.query for asked in hub.asked if asked.path == "/api/v1/changes"]
    assert [query["after"] for query in polls] == ["0", "1", "2"]
    assert polls[0]["timeout_s"] == "0"


def test_a_node_is_not_online_before_its_hardware_is_known(skerry, hub):
    unknown_hardware = dataclasses.replace(NODE_DETAIL.node, capability=None)
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(NODE_DETAIL, node=unknown_hardware)
    words = ("wait", "node", "box-1", "--for", "online", "--timeout", "0.2")
    assert "heard of 3s ago, its hardware not known yet" in skerry(*words, code=4).err


def test_several_are_waited_for_together(skerry, hub):
    hub.answers["GET /api/v1/nodes/a"] = NODE_DETAIL
    hub.answers["GET /api/v1/nodes/b"] = NODE_DETAIL
    done = skerry("wait", "node", "a", "b", "a", "--for", "online")
    assert done.out == "node/a is online\nnode/b is online\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["node", "box-2", "--for", "online"], "last seen: lost, never heard of"),
        (["node", "box-7", "--for", "online"], "last seen: the hub knows no such node"),
        (["node", "box-1", "--for", "deleted"], "last seen: online, heard of 3s ago"),
        (["workload", "x", "--for", "running"], "last seen: the hub knows no such workload"),
        (["workload", "x", "--for", "deleted"], "shop-web-0 is still running on quay (box-1)"),
    ],
)
def test_what_is_not_so_in_time_exits_4_and_says_what_was_seen(skerry, hub, words, error):
    hub.answers["GET /api/v1/nodes/box-1"] = NODE_DETAIL
    hub.answers["GET /api/v1/nodes/box-2"] = LOST_DETAIL
    hub.answers["GET /api/v1/instances"] = [dataclasses.replace(INSTANCE, workload="x")]
    done = skerry("wait", *words, "--timeout", "1s", code=4)
    assert error in done.err
    assert done.out == ""


def test_a_hub_that_comes_and_goes_is_waited_for(skerry, hub):
    hub.answers["GET /api/v1/changes"] = Answers(Raw(b""), Raw(b""), {"change": 1})
    hub.answers["GET /api/v1/nodes/box-1"] = NODE_DETAIL
    done = skerry("wait", "node", "box-1", "--for", "online", "--timeout", "20s")
    assert done.err.count("Trying again.") == 1


def test_a_hub_that_never_answers_exits_4(skerry):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        words = ("wait", "node", "box-1", "--for", "online", "--timeout", "0.3")
        done = skerry(*words, code=4, SKERRY_HUB=url)
    assert "the hub did not answer" in done.err


def test_what_is_no_hub_is_not_waited_for(skerry, hub):
    hub.answers["GET /api/v1/changes"] = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    done = skerry("wait", "node", "box-1", "--for", "online", code=1)
    assert "Is this the address of a Skerry hub" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["node", "a", "--for", "running"],
        ["workload", "a", "--for", "online"],
        ["node", "a"],
        ["node", "--for", "online"],
        ["node", "a", "--for", "online", "--timeout", "soon"],
        ["instance", "a", "--for", "running"],
    ],
)
def test_wrong_usage_exits_2(skerry, hub, words):
    skerry("wait", *words, code=2)
    assert hub.asked == []


def job(state, workload_state, told, **fields):
    """Return the hub's answer about a workload with one instance of a job."""
    instance = dataclasses.replace(INSTANCE, state=InstanceState(state), job=told, **fields)
    view = dataclasses.replace(
        DETAIL.workload,
        state=workload_state,
        running=int(state == "running"),
        instances=(instance,),
    )
    return dataclasses.replace(DETAIL, workload=view)


RUNS = JobStatus(runs=1, attempts=1)
DONE = JobStatus(runs=1, attempts=1, succeeded=True)
FIRST_LATER = JobStatus(next_at=1e9)
AGAIN_LATER = JobStatus(runs=1, attempts=1, succeeded=True, next_at=1e9)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (job("running", "running", RUNS), "running"),
        (job("exited", "completed", DONE), "running"),
        (job("exited", "completed", DONE), "completed"),
        (job("pending", "scheduled", FIRST_LATER), "running"),
        (job("exited", "scheduled", AGAIN_LATER), "completed"),
    ],
)
def test_a_job_that_is_done_or_scheduled_is_as_it_shall_be(skerry, hub, answer, wanted):
    hub.answers["GET /api/v1/workloads/shop-web"] = answer
    done = skerry("wait", "workload", "shop-web", "--for", wanted, "--timeout", "20s")
    assert done.out == f"workload/shop-web is {wanted}\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (job("running", "running", RUNS), "running, 1 of 1 running"),
        (job("pending", "scheduled", FIRST_LATER), "scheduled, 1 of 1 running"),
        (DETAIL, "running, 1 of 1 running"),
    ],
)
def test_what_is_not_completed_is_waited_for(skerry, hub, answer, said):
    hub.answers["GET /api/v1/workloads/shop-web"] = answer
    words = ("wait", "workload", "shop-web", "--for", "completed", "--timeout", "200ms")
    assert said in skerry(*words, code=4).err


@pytest.mark.parametrize("wanted", ["running", "completed"])
def test_a_job_that_has_given_up_is_not_waited_for(skerry, hub, wanted):
    told = JobStatus(runs=1, attempts=4, succeeded=False)
    answer = job("failed", "degraded", told, reason="failed at attempt 4: report ended with 3")
    hub.answers["GET /api/v1/workloads/shop-web"] = answer
    words = ("wait", "workload", "shop-web", "--for", wanted, "--timeout", "20s")
    assert "report ended with 3" in skerry(*words, code=1).err
