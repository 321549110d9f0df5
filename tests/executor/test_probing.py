"""Probes against real sockets that answer well, badly, slowly or not at all."""

import contextlib
import socket
import ssl
import threading
import time

import pytest
from tests.executor.tls import certificate

from skerry_executor.health import Reached
from skerry_executor.probing import answers_http, takes_connections
from skerry_wire.lifecycle import HttpProbe

TIMEOUT_S = 0.3
PROBE = HttpProbe(port=80, path="/well?é=1")


@contextlib.contextmanager
def answering(*parts, gap_s=0.0, wrap=lambda connection: connection):
    """Serve one connection with these bytes; yield where, and what was asked."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError), wrap(listener.accept()[0]) as connection:
                asked.append(connection.recv(4096))
                for part in parts:
                    connection.sendall(part)
                    time.sleep(gap_s)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Reached("127.0.0.1", listener.getsockname()[1]), asked
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "well"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.0 204\r\n", True),
        (b"HTTP/1.1 399 x\n", True),
        (b"HTTP/1.1 400 Bad\r\n", False),
        (b"HTTP/1.1 500 x\r\n", False),
        (b"HTTP/1.1 199 x\r\n", False),
        (b"HTTP/2 200\r\n", False),
        (b"SSH-2.0-x\r\n", False),
        (b"", False),
        (b"x" * 100_000, False),
    ],
)
def test_only_200_to_399_is_well(answer, well):
    with answering(answer) as (reached, asked):
        assert answers_http(reached, PROBE, TIMEOUT_S) is well
    assert asked[0].startswith("GET /well?é=1 HTTP/1.1\r\nHost: 127.0.0.1:".encode())
    assert asked[0].endswith(b"Connection: close\r\n\r\n")


def test_an_answer_in_drops_has_no_more_time_than_any_other():
    with answering(*[b"H"] * 20, gap_s=0.05) as (reached, _):
        begin = time.monotonic()
        assert not answers_http(reached, PROBE, TIMEOUT_S)
        assert time.monotonic() - begin < 3 * TIMEOUT_S


def test_https_is_asked_whatever_its_certificate(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    wrap = lambda connection: context.wrap_socket(connection, server_side=True)  # noqa: E731
    probe = HttpProbe(port=80, scheme="https")
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", wrap=wrap) as (reached, _):
        assert answers_http(reached, probe, 5.0)
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (reached, _):
        assert not answers_http(reached, probe, TIMEOUT_S)


def test_a_port_takes_connections_or_not():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reached = Reached("127.0.0.1", listener.getsockname()[1])
        assert takes_connections(reached, TIMEOUT_S)
    assert not takes_connections(reached, TIMEOUT_S)
    assert not answers_http(reached, PROBE, TIMEOUT_S)
    assert not takes_connections(Reached("no such host", 1), TIMEOUT_S)
