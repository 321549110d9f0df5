"""A session over HTTP, of a box that echoes what is typed."""

import base64
import http.client
import json

import pytest
from tests.hub.api.conftest import SHOP, served
from tests.hub.api.guarded import Guarded, files
from tests.hub.records import FIRST
from tests.hub.sealed_end import PUBLIC, SealedEnd

from lab.processes import wait_for
from skerry_hub.access.access import Access
from skerry_wire import codec
from skerry_wire.messages import Reply, Request, Terminal
from skerry_wire.session import MAX_INPUT_BYTES

PATH = "/api/v1/instances/shop-web-0/exec"
BODY = {"command": ["sh"], "session": True, "terminal": {"columns": 90, "rows": 30}}


class Box:
    """Echoes input, sealed, and ends with 7 when that ends."""

    def __init__(self, rig):
        self.rig = rig
        self.asked, self.cancelled = [], []
        self.parts = 0
        rig.broker.answer = self.answer

    def answer(self, node, verb, payload):
        request = codec.decode(Request, payload)
        if verb == "challenge":
            self.say(node, request, body=b"c" * 32)
        elif verb == "cancel":
            self.cancelled.append(request.id)
        elif verb == "instance":
            self.end = SealedEnd.of(request.envelope)
            self.asked.append(self.end.request)
            self.write(node, request)
        elif verb == "input":
            came = self.end.typed(request.envelope)
            self.write(node, request, data=came.data)
            if came.eof:
                self.write(node, request, end=True, exit_code=7)

    def write(self, node, request, **fields):
        body = self.end.says(taken=self.parts, **fields)
        self.parts += 1
        self.say(node, request, body=body, part=self.parts - 1)

    def say(self, node, request, **fields):
        self.rig.say(node, Reply(incarnation=FIRST, boot=1, seq=1, id=request.id, **fields))


@pytest.fixture
def box(rig, client):
    rig.join("box-1", sealing_key=PUBLIC)
    assert client.apply()[0] == 200
    rig.idle()
    return Box(rig)


class Seat:
    """A client that reads the answer line by line, and types beside that."""

    def __init__(self, client, **headers):
        self.client = client
        self.connection = http.client.HTTPConnection("127.0.0.1", client._port, timeout=30)
        self.connection.request("POST", PATH, json.dumps(BODY), headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        self.session = self.line()["session"]

    def line(self):
        while not (line := self.answer.readline().strip()):
            pass
        return json.loads(line)

    @property
    def input(self):
        return f"/api/v1/sessions/{self.session}/input"

    def type(self, number, **body):
        return self.client.ask("PUT", f"{self.input}/{number}", body)


def text(data):
    return base64.b64encode(data).decode()


def test_a_session_from_its_name_to_its_end(client, box):
    seat = Seat(client)
    (asked,) = box.asked
    assert (asked.command, asked.terminal) == (("sh",), Terminal(columns=90, rows=30))
    status, found = seat.type(0, data=text(b"ls\r"))
    client.fits("put", "/api/v1/sessions/{session}/input/{number}", found)
    assert (status, found) == (200, {"number": 0})
    assert seat.line() == {"stream": "out", "data": text(b"ls\r")}
    assert seat.type(0, data=text(b"ls\r"))[0] == 200, "it may come again, and is nothing"
    assert seat.type(1, eof=True)[0] == 200
    assert seat.line() == {"end": True, "error": None, "exit_code": 7}
    status, found = seat.type(2)
    assert (status, found["problems"][0]["reason"]) == (
        404, "there is no such session, or it has ended",
    )  # fmt: skip
    assert box.cancelled == []


def test_input_that_is_wrong_changes_nothing(client, box):
    seat = Seat(client)
    for number, body, status, words in (
        (1, {}, 409, "input 0 is to come first"),
        (0, {"data": "!"}, 400, "is not base64"),
        (0, {"data": text(bytes(MAX_INPUT_BYTES + 1))}, 400, "is 8193 bytes"),
        (0, {"dat": ""}, 400, "is not a field that"),
        (0, {"terminal": {"columns": 0}}, 400, "columns"),
    ):
        found = seat.type(number, **body)
        problem = found[1]["problems"][0]
        assert found[0] == status, problem
        assert words in str(problem)
    assert seat.type(0, data=text(b"x"))[0] == 200
    seat.connection.sock.close()
    seat.answer.close()
    wait_for("the end of the request", lambda: box.cancelled)


def test_what_does_not_fit_a_session_is_refused(client, box):
    for body, words in (
        ({**BODY, "session": False}, "needs a session"),
        ({**BODY, "stdin": text(b"x")}, "is no part of a session"),
    ):
        status, found = client.ask("POST", PATH, body)
        assert (status, words in found["problems"][0]["reason"]) == (400, True)
    assert box.asked == []


def test_a_box_without_a_key_is_told(rig, client):
    rig.join("box-1")
    assert client.apply()[0] == 200
    status, found = client.ask("POST", PATH, BODY)
    assert status == 409
    assert "does not know the key of host-box-1" in found["problems"][0]["reason"]


def test_nobody_but_who_began_a_session_types_into_it(rig):
    """Not who has its name and may exec, not even an admin: it would not be he in the audit log."""
    access = Access(rig.store)
    with served(rig.service, access) as client:
        who = Guarded(rig, client, access)
        rig.join("box-1", sealing_key=PUBLIC)
        assert who.ask("POST", "/api/v1/apply", files(f"name: shop\n{SHOP}"), "operator")[0] == 200
        rig.idle()
        box = Box(rig)
        seat = Seat(client, Authorization=f"Bearer {who.token('operator')}")
        body = {"data": text(b"rm -rf /\r")}
        for role, scope in (("admin", ""), ("operator", "site=quay-3")):
            status, found = who.ask("PUT", f"{seat.input}/0", body, role, scope)
            assert (status, found["problems"][0]["reason"]) == (
                404, "there is no such session, or it has ended",
            )  # fmt: skip
        assert box.parts == 1, "the box was sent nothing"
        assert who.ask("PUT", f"{seat.input}/0", {"data": text(b"ls\r")}, "operator")[0] == 200
        assert seat.line() == {"stream": "out", "data": text(b"ls\r")}
        assert who.ask("PUT", f"{seat.input}/1", {"eof": True}, "operator")[0] == 200
        assert seat.line()["exit_code"] == 7
