"""Logs, exec, restart and top over HTTP, of a box that answers as it is told."""

import base64
import json
import socket

import pytest
from tests.hub.records import FIRST
from tests.hub.sealed_end import PUBLIC, SealedEnd

from lab.processes import wait_for
from skerry_wire import codec
from skerry_wire.lifecycle import InstanceUsage, Usage, Usages
from skerry_wire.messages import Reply, Request

PATH = "/api/v1/instances/shop-web-0"


class Box:
    """What is asked of the box, and what it answers to `instance`."""

    def __init__(self, rig):
        self.rig = rig
        self.replies = []
        self.asked = []
        self.cancelled = []
        rig.broker.answer = self.answer

    def answer(self, node, verb, payload):
        request = codec.decode(Request, payload)
        if verb == "challenge":
            self.say(node, request, body=b"c" * 32)
        elif verb == "cancel":
            self.cancelled.append(request.id)
        else:
            end = SealedEnd.of(request.envelope)
            self.asked.append(end.request)
            for fields in end.replies(self.replies):
                self.say(node, request, **fields)

    def say(self, node, request, **fields):
        reply = Reply(incarnation=FIRST, boot=1, seq=1, id=request.id, **fields)
        assert self.rig.say(node, reply).wait(5)


@pytest.fixture
def box(rig, client):
    rig.join("box-1", "box-2", sealing_key=PUBLIC)
    assert client.apply()[0] == 200
    rig.idle()
    return Box(rig)


def lines(data):
    return [json.loads(line) for line in data.splitlines() if line]


def written(found, stream="out"):
    return b"".join(base64.b64decode(one["data"]) for one in found if one.get("stream") == stream)


def test_logs_come_as_lines(client, box):
    box.replies = [
        {"data": b"one\n\xff"},
        {"data": b"two\n", "part": 1, "stream": "err"},
        {"part": 2, "end": True},
    ]
    status, headers, data = client.raw("GET", f"{PATH}/logs?container=web&tail=5&since_s=60")
    assert (status, headers["content-type"]) == (200, "application/x-ndjson")
    found = lines(data)
    assert (written(found), written(found, "err")) == (b"one\n\xff", b"two\n")
    assert found[-1] == {"end": True, "error": None, "exit_code": None}
    (asked,) = box.asked
    assert (asked.verb, asked.instance, asked.container) == ("logs", "shop-web-0", "web")
    assert (asked.tail, asked.since_s, asked.follow) == (5, 60.0, False)
    assert box.cancelled == []


def test_exec_gives_output_and_exit_status(client, box):
    box.replies = [{"data": b"out", "exit_code": 3, "end": True}]
    body = {"command": ["cat"], "stdin": base64.b64encode(b"in").decode(), "within_s": 9}
    status, _, data = client.raw("POST", f"{PATH}/exec", body)
    assert status == 200
    assert written(lines(data)) == b"out"
    assert lines(data)[-1]["exit_code"] == 3
    (asked,) = box.asked
    assert (asked.command, asked.stdin, asked.within_s) == (("cat",), b"in", 9.0)


WRONG = [
    ("GET", "/api/v1/instances/none-0/logs", None, 404, "there is no instance none-0"),
    ("GET", f"{PATH}/logs?tail=-1", None, 400, "greater than or equal to 0"),
    ("POST", f"{PATH}/exec", {"command": ["a"], "stdin": "!"}, 400, "is not base64"),
    ("POST", f"{PATH}/exec", {"comand": ["a"]}, 400, "is missing"),
    ("POST", f"{PATH}/restart?within_s=0", None, 400, "greater than or equal to 1"),
    ("GET", "/api/v1/nodes/none/top", None, 404, "there is no node none"),
]


def test_what_is_asked_wrongly_is_refused(client, box):
    for method, path, body, status, words in WRONG:
        found = client.ask(method, path, body)
        assert found[0] == status, path
        assert words in found[1]["problems"][0]["reason"], path
    assert box.asked == []


def test_what_the_box_refuses_is_told(client, box):
    box.replies = [{"error": "there is no instance shop-web-0 on this box"}]
    for method, path in (
        ("GET", f"{PATH}/logs"),
        ("POST", f"{PATH}/restart"),
        ("GET", "/api/v1/nodes/box-1/top"),
    ):
        status, found = client.ask(method, path)
        assert status == 409, path
        assert "there is no instance shop-web-0 on this box" in found["problems"][0]["reason"]


def test_an_error_after_the_first_part_is_in_the_last_line(client, box):
    box.replies = [{"data": b"x"}, {"part": 1, "error": "it was ended", "end": True}]
    status, _, data = client.raw("GET", f"{PATH}/logs")
    assert status == 200
    assert lines(data)[-1] == {"end": True, "error": "it was ended", "exit_code": None}


def test_restart(client, box):
    box.replies = [{"end": True}]
    status, found = client.ask("POST", f"{PATH}/restart?container=web")
    client.fits("post", "/api/v1/instances/{instance}/restart", found)
    assert (status, found["instance"]) == (200, "shop-web-0")
    assert box.asked[0].container == "web"


def test_top_in_several_parts(client, box):
    usage = Usage(container="web", cpu_s=1.5, memory_bytes=2**20, processes=2)
    used = InstanceUsage(instance="shop-web-0", usage=usage, cpu_milli=250.0)
    data = codec.pack(Usages(containers=(used,), failures=("oops",)))
    box.replies = [{"data": data[:20]}, {"data": data[20:], "part": 1, "end": True}]
    found = client.get("/api/v1/nodes/box-1/top", "/api/v1/nodes/{node}/top")
    assert found["failures"] == ["oops"]
    assert found["containers"][0]["cpu_milli"] == 250.0
    assert (box.asked[0].verb, box.asked[0].instance) == ("top", None)


def test_nonsense_instead_of_usages_is_no_crash(client, box):
    box.replies = [{"data": b"\xc1", "end": True}]
    status, found = client.ask("GET", "/api/v1/nodes/box-1/top")
    assert status == 502
    assert "cannot be read" in found["problems"][0]["reason"]


def test_a_client_that_leaves_ends_the_request_on_the_box(client, box):
    box.replies = [{"data": b"first"}]
    with socket.create_connection(("127.0.0.1", client._port), 10) as connection:
        connection.sendall(f"GET {PATH}/logs?follow=true HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        said = b""
        while base64.b64encode(b"first") not in said:
            said += connection.recv(1000)
        assert box.cancelled == []
    wait_for("the end of the request", lambda: box.cancelled, 10)
