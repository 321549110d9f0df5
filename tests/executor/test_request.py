"""Requests about instances, judged: whose they are, what is allowed, which containers are meant."""

import dataclasses

import pytest
from tests.executor.orders import INCARNATION, KEYS, NODE, STRANGER, container, instance, order
from tests.executor.orders import requested as signed_request

from skerry_executor import request as req
from skerry_executor.actual import Actual, Phase
from skerry_executor.order import Identity
from skerry_wire import codec, envelope
from skerry_wire.box_policy import AllowedRequests, BoxPolicy
from skerry_wire.lifecycle import After, Job
from skerry_wire.messages import Grant, InstanceRequest

IDENTITY = Identity(node=NODE, incarnation=INCARNATION)
WISH = InstanceRequest(
    node=NODE, incarnation=INCARNATION, challenge=b"c" * 32, verb="logs", instance="shop-web-0",
    answer_key=b"k" * 32,
)  # fmt: skip


def wish(**changes):
    return dataclasses.replace(WISH, **changes)


def test_a_request_of_the_hub_is_taken():
    assert req.verify(signed_request(WISH), KEYS, IDENTITY) == WISH


def changed(data):
    """Return the envelope with another verb, as whoever holds the broker could write it."""
    sealed = codec.from_plain(envelope.Envelope, codec.unpack(data))
    payload = sealed.payload.replace(b"\xa4logs", b"\xa4exec")
    assert payload != sealed.payload
    return codec.encode(dataclasses.replace(sealed, payload=payload))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xc1", "it is not signed"),
        (codec.encode(WISH), "it is not signed"),
        (signed_request(WISH, STRANGER), "is not among the box's trusted keys"),
        (changed(signed_request(WISH)), "the signature is not that of key"),
        (signed_request(wish(node="box-2")), "it is for node box-2, this is box-1"),
        (signed_request(wish(incarnation="f" * 32)), f"it is for incarnation {'f' * 32}"),
    ],
)
def test_all_else_is_refused_with_the_reason(data, reason):
    assert reason in req.verify(data, KEYS, IDENTITY)


def test_what_was_signed_for_something_else_is_no_request():
    grant = Grant(node=NODE, incarnation=INCARNATION, challenge=b"c" * 32)
    sealed = signed_request(grant, seal=envelope.seal_grant)
    assert req.verify(sealed, KEYS, IDENTITY) == "type: skerry.grant.v1 is no request"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"verb": "logs"}, None),
        ({"verb": "restart"}, None),
        ({"verb": "top", "instance": None}, None),
        ({"verb": "exec", "command": ("ls",)}, "does not allow exec (requests.exec)"),
        ({"verb": "logs", "instance": None}, "logs is asked of an instance, and none is named"),
        ({"verb": "logs", "command": ("ls",)}, "a command belongs to exec"),
    ],
)
def test_what_the_box_has_against_a_request(changes, reason):
    found = req.objection(wish(**changes), BoxPolicy())
    assert (found is None) if reason is None else (reason in found)


@pytest.mark.parametrize(
    ("command", "reason"),
    [(("ls",), None), ((), "exec needs a command"), (("", "a"), "the command is empty")],
)
def test_exec_where_it_is_allowed(command, reason):
    policy = BoxPolicy(requests=AllowedRequests(exec=True))
    assert req.objection(wish(verb="exec", command=command), policy) == reason


@pytest.mark.parametrize("verb", ["logs", "restart", "top"])
def test_each_verb_can_be_forbidden(verb):
    policy = BoxPolicy(requests=AllowedRequests(**{verb: False}))
    assert f"(requests.{verb})" in req.objection(wish(verb=verb), policy)


def actual(name, of="shop-web-0", node=NODE, phase=Phase.RUNNING):
    return Actual(
        id=f"id-{of}-{name}", name=f"skerry-{of}-{name}", node=node, instance=of, container=name,
        workload="shop-web", revision="1", spec="s", phase=phase,
    )  # fmt: skip


ORDER = order(instance(containers=(container("web"), container("db"))))
THERE = [actual("db"), actual("web"), actual("web", "other-0"), actual("web", node="box-9")]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["id-shop-web-0-web"]),
        ({"container": "db"}, ["id-shop-web-0-db"]),
        ({"verb": "restart"}, ["id-shop-web-0-web", "id-shop-web-0-db"]),
        ({"verb": "restart", "container": "db"}, ["id-shop-web-0-db"]),
        ({"verb": "top"}, ["id-shop-web-0-web", "id-shop-web-0-db"]),
        ({"instance": "other-0"}, ["id-other-0-web"]),
        (
            {"verb": "top", "instance": None},
            ["id-other-0-web", "id-shop-web-0-db", "id-shop-web-0-web"],
        ),
    ],
)
def test_the_containers_that_are_meant(changes, names):
    assert [one.id for one in req.asked_about(wish(**changes), THERE, ORDER)] == names


@pytest.mark.parametrize(
    ("changes", "there", "reason"),
    [
        ({"instance": "gone-0"}, THERE, "there is no instance gone-0 on this box"),
        ({}, [], "instance shop-web-0 has no container yet"),
        ({"container": "x"}, THERE, "instance shop-web-0 has no container x; has web, db"),
        ({}, [actual("web", node="box-9")], "instance shop-web-0 has no container yet"),
    ],
)
def test_none_is_meant_and_why(changes, there, reason):
    assert req.asked_about(wish(**changes), there, ORDER) == reason


def test_a_restart_leaves_what_is_done_alone_and_keeps_the_start_order():
    first = After(container="migrate", condition="completed")
    after = After(container="db")
    wanted = order(
        instance(containers=(container("web", after=(after,)), container("db", after=(first,)),
                             container("migrate", restart="no")))
    )  # fmt: skip
    there = [actual("web"), actual("db"), actual("migrate", phase=Phase.EXITED)]
    restart = wish(verb="restart")
    assert [one.container for one in req.asked_about(restart, there, wanted)] == ["db", "web"]
    ended = [dataclasses.replace(one, phase=Phase.EXITED) for one in there]
    found = req.asked_about(restart, ended, wanted)
    assert [one.container for one in found] == ["migrate", "db", "web"]


def test_jobs_and_what_is_not_ordered_are_not_restarted():
    assert req.restart_objection(instance()) is None
    assert "is a job" in req.restart_objection(dataclasses.replace(instance(), job=Job()))
    assert "no such instance" in req.restart_objection(req.instance_of(ORDER, "other-0"))
