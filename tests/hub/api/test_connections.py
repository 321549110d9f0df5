"""Connections that are slow, huge or silent, on a real uvicorn, plain and over TLS."""

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
import time

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.hub.api.conftest import served
from uvicorn.server import ServerState

from skerry_hub.access.access import Access
from skerry_hub.api.connections import Connection
from skerry_hub.api.guarding import HEAD_BYTES

HOST = b"Host: h\r\n"


class Hasty(Connection):
    head_s = 0.6
    stalled_s = 0.6


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of its own making, as a file with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "h")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(params=["http", "https"])
def near(request, rig):
    """Return what opens a connection to a hub that is served either way."""
    options = {"http": Hasty, "h11_max_incomplete_event_size": HEAD_BYTES}
    context = None
    if request.param == "https":
        path = str(request.getfixturevalue("certificate"))
        options |= {"ssl_certfile": path, "ssl_keyfile": path}
        context = ssl.create_default_context(cafile=path)
    with served(rig.service, Access(rig.store), **options) as client:

        @contextlib.contextmanager
        def opened():
            with socket.create_connection(("127.0.0.1", client._port), timeout=10) as plain:
                if context is None:
                    yield plain
                else:
                    with context.wrap_socket(plain, server_hostname="127.0.0.1") as sealed:
                        yield sealed

        yield opened


def told(connection):
    """Return all that comes until the connection ends, and how long that took."""
    begun, data = time.monotonic(), b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := connection.recv(65536):
            data += piece
    return data, time.monotonic() - begun


def test_who_says_nothing_is_left(near):
    with near() as connection:
        data, took_s = told(connection)
    assert data == b""
    assert 0.3 < took_s < 5


def test_who_sends_a_head_bit_by_bit_is_left_however_steadily(near):
    with near() as connection:
        begun = time.monotonic()
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST)
        with pytest.raises((ConnectionError, ssl.SSLError)):  # noqa: PT012 - which of them is chance
            while time.monotonic() - begun < 10:
                connection.sendall(b"X-A: b\r\n")
                time.sleep(0.05)
        assert time.monotonic() - begun < 5


def test_the_head_of_a_second_request_has_no_longer(near):
    with near() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"200" in connection.recv(65536)
        time.sleep(0.2)
        connection.sendall(b"GET /hea")
        data, took_s = told(connection)
    assert b"200" not in data
    assert took_s < 5


def test_a_connection_that_is_used_stays(near):
    with near() as connection:
        for _ in range(4):
            connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            data = b""
            while not data.endswith(b"ok\n"):
                piece = connection.recv(65536)
                assert piece, data
                data += piece
            assert data.startswith(b"HTTP/1.1 200 OK")
            time.sleep(0.3)


def test_a_head_that_is_too_large_is_refused(near):
    for line in (b"X: " + b"a" * HEAD_BYTES, b"\r\n".join(b"X-%d: a" % n for n in range(8000))):
        with near() as connection:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + line + b"\r\n\r\n")
            data, _ = told(connection)
        assert b"200 OK" not in data
        assert not data or data.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
    with near() as connection:
        address = b"GET /" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\n"
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            connection.sendall(address + HOST + b"\r\n")
        assert b"200 OK" not in told(connection)[0]


def test_a_body_for_nobody_is_not_waited_for(near):
    """Who has no token is refused before any of the body is read."""
    with near() as connection:
        head = b"POST /api/v1/apply HTTP/1.1\r\nContent-Length: 4000000\r\n" + HOST + b"\r\n"
        connection.sendall(head + b"x" * 1000)
        data, took_s = told(connection)
    assert data.startswith(b"HTTP/1.1 401")
    assert b"WWW-Authenticate: Bearer".lower() in data.lower()
    assert took_s < 5


def test_a_body_that_comes_too_slowly_is_refused(rig):
    access = Access(rig.store, tokens=False, body_s=0.5)
    with served(rig.service, access) as client:
        for head in (b"Content-Length: 100\r\n", b"Transfer-Encoding: chunked\r\n"):
            with socket.create_connection(("127.0.0.1", client._port), timeout=10) as connection:
                begun = time.monotonic()
                connection.sendall(b"POST /api/v1/apply HTTP/1.1\r\n" + HOST + head + b"\r\n")
                data, took_s = told(connection)
            assert data.startswith(b"HTTP/1.1 408"), data
            assert b"was not whole within 0.5 s" in data
            assert took_s < 5, begun


def test_a_body_without_an_end_is_refused_at_its_limit(rig):
    access = Access(rig.store, tokens=False)
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = b"POST /api/v1/nodes/a/cordon HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    with (
        served(rig.service, access, http=Hasty) as client,
        socket.create_connection(("127.0.0.1", client._port), timeout=10) as connection,
    ):
        connection.sendall(head + HOST + b"\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(20):
                connection.sendall(chunk)
        data, took_s = told(connection)
    assert data.startswith(b"HTTP/1.1 413")
    assert took_s < 5, "what goes on to come is not read for ever"


def test_who_reads_no_answer_is_left(rig):
    for number in range(300):
        rig.join(f"box-{number}")
    access = Access(rig.store, tokens=False)
    with served(rig.service, access, http=Hasty) as client, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", client._port))
        connection.settimeout(10)
        connection.sendall((b"GET /api/v1/nodes HTTP/1.1\r\n" + HOST + b"\r\n") * 40)
        time.sleep(2.5)
        data, _ = told(connection)
    assert data.count(b"HTTP/1.1 200 OK") < 40, "it was left before it had all"


class Transport:
    """Of a connection from some address."""

    def __init__(self, address):
        self.address, self.aborted = address, False

    def get_extra_info(self, name, default=None):
        return (self.address, 5) if name in ("peername", "sockname") else default

    def abort(self):
        self.aborted = True

    def is_closing(self):
        return self.aborted


@pytest.mark.parametrize(
    ("address", "taken"),
    # Of IPv6 one asker has a whole network.
    [("10.0.0.1", 3), ("127.0.0.1", 6), ("::1", 6), ("2001:db8::{}", 3), ("2001:db8:0:{}::1", 6)],
)
def test_one_address_has_so_many_connections_and_this_machine_as_many_as_it_likes(address, taken):
    class Few(Connection):
        most_of_address = 3

    async def connect():
        config = uvicorn.Config(lambda scope: None, log_config=None, ws="none")
        state = ServerState()
        made = [Few(config, state, {}) for _ in range(6)]
        transports = [Transport(address.format(number)) for number in range(len(made))]
        for one, transport in zip(made, transports, strict=True):
            one.connection_made(transport)
        other = Transport("10.0.0.2")
        Few(config, state, {}).connection_made(other)
        return [not one.aborted for one in transports], other.aborted

    live, refused = asyncio.run(connect())
    assert (sum(live), refused) == (taken, False)
