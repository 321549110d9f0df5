"""How connections to a broker end, as a broker says it in MQTT 5. Runs on paho 1.6.1 and 2.x."""

import contextlib
import queue
import socket
import ssl
import threading

import pytest
from tests.agent.test_mqtt import NODE, until, will

from skerry_agent import mqtt
from skerry_agent.broker import broker_at
from skerry_agent.events import Connected, Disconnected, Ending
from skerry_agent.link_endings import Told

CONNACK = b"\x20\x03\x00\x00\x00"


class Broker:
    """Takes a connection, and says what it is told to."""

    def __init__(self, *words):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"
        self._words = words
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.recv(1000)  # CONNECT
                    for word in self._words:
                        connection.sendall(word)
                        if word == CONNACK:
                            connection.recv(1000)  # SUBSCRIBE

    def stop(self):
        self._listener.close()


def ended(*words):
    """Return how a connection ends to a broker that says this."""
    broker = Broker(*words)
    happened = queue.Queue()
    link = mqtt.Link(broker_at(broker.url), NODE, will, happened.put)
    link.happened = happened
    link.start()
    try:
        if words[:1] == (CONNACK,):
            until(link, Connected)
        return until(link, Disconnected)
    finally:
        broker.stop()
        link.stop()


@pytest.mark.parametrize(
    "goodbye", [b"\xe0\x01\x8e", b"\xe0\x02\x8e\x00", b"\xe0\x07\x8e\x05\x1f\x00\x02no"]
)
def test_a_broker_that_says_that_the_session_was_taken_over(goodbye):
    found = ended(CONNACK, goodbye)
    assert found.ending is Ending.TAKEN_OVER
    assert "another agent" in found.reason


@pytest.mark.parametrize("goodbye", [b"", b"\xe0\x00", b"\xe0\x01\x8b", b"\xe0\x02\x98\x00"])
def test_other_ends_are_none(goodbye):
    assert ended(CONNACK, goodbye).ending is Ending.LOST


def test_a_broker_that_says_no():
    found = ended(b"\x20\x03\x00\x87\x00")
    assert found.ending is Ending.REFUSED
    assert "Not authorized" in found.reason


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("sslv3 alert certificate expired (_ssl.c:2546)", Ending.CERTIFICATE_REFUSED),
        ("tlsv1 alert unknown ca (_ssl.c:1)", Ending.CERTIFICATE_REFUSED),
        ("tlsv13 alert certificate required (_ssl.c:1)", Ending.CERTIFICATE_REFUSED),
        ("ssl/tls alert bad certificate (_ssl.c:1)", Ending.CERTIFICATE_REFUSED),
        ("certificate verify failed: unable to get local issuer (_ssl.c:1)", Ending.LOST),
        ("tlsv1 alert internal error (_ssl.c:1)", Ending.LOST),
        ("unexpected eof while reading (_ssl.c:1)", Ending.LOST),
    ],
)
def test_what_tls_says(text, ending):
    for say in (
        lambda told: told.failed(ssl.SSLError(1, f"[SSL: X] {text}")),
        lambda told: told.logged(None, f"failed to receive on socket: [SSL: X] {text}"),
    ):
        told = Told()
        say(told)
        assert told.ending is ending
    other = Told()
    other.logged(None, "Sending CONNECT alert certificate expired")
    assert other.ending is Ending.LOST
