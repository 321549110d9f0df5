"""Probes against real sockets that answer well, badly, slowly or not at all."""

import contextlib
import socket
import ssl
import threading
import time

import pytest
from tests.executor.tls import certificate

from skerry_executor.health import Reached
from skerry_executor.probing import http_failure, tcp_failure
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
    ("answer", "failure"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"HTTP/1.0 204\r\n", None),
        (b"HTTP/1.1 399 x\n", None),
        (b"HTTP/1.1 400 Bad\r\n", "answered 400"),
        (b"HTTP/1.1 503 x\r\n", "answered 503"),
        (b"HTTP/1.1 199 x\r\n", "answered 199"),
        (b"HTTP/2 200\r\n", "the answer is no HTTP"),
        (b"SSH-2.0-x\r\n", "the answer is no HTTP"),
        (b"", "closed without an answer"),
        (b"x" * 100_000, "the answer is no HTTP"),
    ],
)
def test_only_200_to_399_is_well(answer, failure):
    with answering(answer) as (reached, asked):
        found = http_failure(reached, PROBE, TIMEOUT_S)
    assert found == (failure and f"GET /well?é=1 on port 80, http: {failure}")
    assert asked[0].startswith("GET /well?é=1 HTTP/1.1\r\nHost: 127.0.0.1:".encode())
    assert asked[0].endswith(b"Connection: close\r\n\r\n")


def test_an_answer_in_drops_has_no_more_time_than_any_other():
    with answering(*[b"H"] * 20, gap_s=0.05) as (reached, _):
        begin = time.monotonic()
        assert http_failure(reached, PROBE, TIMEOUT_S).endswith(": no answer within 0.3 s")
        assert time.monotonic() - begin < 3 * TIMEOUT_S


def test_https_is_asked_whatever_its_certificate(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    wrap = lambda connection: context.wrap_socket(connection, server_side=True)  # noqa: E731
    probe = HttpProbe(port=80, scheme="https")
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", wrap=wrap) as (reached, _):
        assert http_failure(reached, probe, 5.0) is None
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (reached, _):
        assert http_failure(reached, probe, TIMEOUT_S).startswith("GET / on port 80, https: ")


def test_a_port_takes_connections_or_not():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reached = Reached("127.0.0.1", listener.getsockname()[1])
        assert tcp_failure(reached, 80, TIMEOUT_S) is None
    assert tcp_failure(reached, 80, TIMEOUT_S) == "port 80, tcp: connection refused"
    assert http_failure(reached, PROBE, TIMEOUT_S).endswith(": connection refused")
    assert tcp_failure(Reached("no such host", 1), 1, TIMEOUT_S)
