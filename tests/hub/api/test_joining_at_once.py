"""A thousand uses of one token at the same time, over real TLS, on a store of each kind."""

import asyncio
import collections
import json
import socket
import ssl
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.hub.joining.test_enrolling import TERMS
from tests.hub.pki.certificates import request
from tests.hub.rig import Rig

from lab.processes import wait_for
from skerry_hub.access.access import Access
from skerry_hub.api import app as api
from skerry_hub.api.connections import Connection
from skerry_hub.api_server import ApiServer
from skerry_hub.enrollment_rows import EnrollmentRows
from skerry_hub.joining.enrolling import Enrolling
from skerry_hub.joining.rates import Rates
from skerry_hub.joining.views import JoinTokenRequest
from skerry_hub.pki import own_certificates
from skerry_hub.pki.own_certificates import HUB
from skerry_hub.store_opening import open_store
from skerry_wire.joining import HUB_NAME

AT_ONCE = 950
"""The hub has no more connections than 1,000."""
ANSWER_S = 120


class Patient(Connection):
    """Waits until a busy machine has opened all connections."""

    head_s = 200.0


@pytest.fixture
def hub(tmp_path, database):
    rig = Rig(tmp_path, store=open_store(database)).start()
    authority, tls = own_certificates.prepared(tmp_path, ("localhost",), 86_400.0)
    enrolling = Enrolling(rig.store, authority, TERMS, rig.service.admission, tmp_path)
    app = api.create(rig.service, Access(rig.store), enrolling, Rates(1e6, 1e6, 1e6, 1e6))
    server = ApiServer(app, tls / HUB)
    server.config.http_protocol_class = Patient
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    wait_for("the server", lambda: server.started)
    yield rig, enrolling, listening.getsockname()[1]
    server.should_exit = True
    thread.join(20)
    rig.stop()


def test_a_thousand_uses_at_once_give_one_certificate(hub):
    rig, enrolling, port = hub
    token = enrolling.make_token(JoinTokenRequest()).token
    requests = [request(ec.generate_private_key(ec.SECP256R1())) for _ in range(10)]
    bodies = [
        {"token": token, "csr": requests[number % 10], "node": f"box-{number}"}
        for number in range(AT_ONCE)
    ]
    answers = asyncio.run(ask_all(port, enrolling.authority, bodies))
    statuses = collections.Counter(status for status, _ in answers)
    assert statuses.keys() == {200, 401}, statuses
    certificates = {body["certificate"] for status, body in answers if status == 200}
    assert len(certificates) == 1, "whoever had the same key got the same one"
    with rig.store.aside() as connection:
        rows = EnrollmentRows(connection)
        (box,) = rows.enrollments()
        assert [one.used for one in rows.tokens()] == [1]
        assert len(rows.certificates(box.node)) == 1


def test_as_many_join_as_there_are_uses_and_the_writer_goes_on(hub):
    rig, enrolling, port = hub
    rig.join("box-0")
    token = enrolling.make_token(JoinTokenRequest(uses=60)).token
    bodies = [
        {"token": token, "csr": request(ec.generate_private_key(ec.SECP256R1())), "node": f"n-{n}"}
        for n in range(100)
    ]
    slowest_s = 0.0

    def write_on():
        nonlocal slowest_s
        for seq in range(2, 12):
            begun = time.monotonic()
            rig.join("box-0", seq=seq)
            slowest_s = max(slowest_s, time.monotonic() - begun)

    writing = threading.Thread(target=write_on)
    writing.start()
    answers = asyncio.run(ask_all(port, enrolling.authority, bodies))
    writing.join(60)
    assert sum(status == 200 for status, _ in answers) == 60
    assert len({body["certificate"] for status, body in answers if status == 200}) == 60
    assert 0.0 < slowest_s < 10, "boxes that join do not keep the writer from its store"


async def ask_all(port, authority, bodies):
    """Open all connections, and only then ask over all of them."""
    context = ssl.create_default_context(cadata=authority.pem.decode())
    ready = asyncio.Event()
    waiting = asyncio.Semaphore(50)
    opened = 0

    async def ask(body):
        nonlocal opened
        async with waiting:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname=HUB_NAME, ssl_handshake_timeout=60
            )
        opened += 1
        if opened == len(bodies):
            ready.set()
        await ready.wait()
        data = json.dumps(body).encode()
        lines = ["POST /api/v1/join HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"Content-Length: {len(data)}", "", ""]
        writer.write("\r\n".join(lines).encode() + data)
        answer = await asyncio.wait_for(reader.read(), ANSWER_S)
        writer.close()
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(rest)

    return await asyncio.gather(*map(ask, bodies))
