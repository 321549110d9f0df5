"""Ends somebody's session on a broker: the hub comes in his place, leaves nothing behind, and goes.

Also tries whether a broker refuses a certificate. Both with a key that lives no longer than that.
"""

from __future__ import annotations

import contextlib
import pathlib
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from skerry_hub.broker_connection import KEEPALIVE_S, Trust
from skerry_hub.broker_url import BrokerUrl
from skerry_hub.pki import leaves
from skerry_hub.pki.authority import private_pem
from skerry_hub.pki.leaves import PublicKey, Stamp

TIMEOUT_S = 10.0
REFUSALS_S = (0.1, 0.5, 2.0)
"""How long a broker has to refuse a certificate, time after time: with TLS 1.3 it does so after the
handshake, and it may be reading its list just now."""

Sign = Callable[[PublicKey, Stamp], x509.Certificate]


class TakeoverError(Exception):
    """A session could not be ended; the text says why."""


@contextlib.contextmanager
def file_with(made: bytes, folder: pathlib.Path | None) -> Iterator[pathlib.Path]:
    """Give a file with a key and its certificate for as long as that takes. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix="short-", dir=folder) as name:
        path = pathlib.Path(name) / "key.pem"
        path.write_bytes(made)
        yield path


def made(sign: Sign, life_s: float) -> bytes:
    """Return a new key and its certificate, as a file holds them."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = sign(key.public_key(), leaves.stamp(time.time(), life_s))
    return private_pem(key) + leaves.pem(certificate).encode()


def take_over(url: BrokerUrl, trust: Trust, client_id: str, cleared: Sequence[str]) -> None:
    """End a client's session, and have the broker keep nothing on these topics.

    Raises TakeoverError.
    """
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
    answers: list[Any] = []
    settled: set[int] = set()
    client.on_connect = lambda _c, _d, _f, code, _p: answers.append(code)
    client.on_publish = lambda _c, _d, mid, _code, _p: settled.add(mid)
    deadline = time.monotonic() + TIMEOUT_S
    try:
        if url.username is not None:
            client.username_pw_set(url.username, url.password)
        if url.tls:
            client.tls_set_context(trust.context())
        client.connect(
            url.host, url.port, KEEPALIVE_S, clean_start=True, properties=_leaves_nothing()
        )
        _loop(client, lambda: bool(answers), deadline)
        if answers[0].is_failure:
            raise TakeoverError(f"the broker refuses it: {answers[0]}")
        wanted = {client.publish(topic, b"", qos=1, retain=True).mid for topic in cleared}
        _loop(client, lambda: wanted <= settled, deadline)
        client.disconnect()
        client.loop(timeout=0.1)
    except OSError as error:
        raise TakeoverError(error.strerror or str(error)) from None


def refuses(url: BrokerUrl, trust: Trust) -> bool:
    """Say whether a broker refuses the certificate of `trust` as revoked. Raises TakeoverError."""
    return any(_refuses(url, trust, within_s) for within_s in REFUSALS_S)


def _refuses(url: BrokerUrl, trust: Trust, within_s: float) -> bool:
    try:
        with (
            socket.create_connection((url.host, url.port), TIMEOUT_S) as plain,
            trust.context().wrap_socket(plain, server_hostname=url.host) as secured,
        ):
            secured.settimeout(within_s)
            secured.recv(1)
    except TimeoutError:
        return False
    except ssl.SSLError as error:
        if "REVOKED" in (error.reason or ""):
            return True
        raise TakeoverError(str(error)) from None
    except OSError as error:
        raise TakeoverError(error.strerror or str(error)) from None
    raise TakeoverError("the broker ended the connection without a word")


def _loop(client: paho.Client, done: Callable[[], bool], deadline: float) -> None:
    while not done():
        code = client.loop(timeout=0.1)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise TakeoverError(f"connection lost: {paho.error_string(code)}")
        if time.monotonic() > deadline:
            raise TakeoverError(f"no answer within {TIMEOUT_S:g} s")


def _leaves_nothing() -> Any:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0
    return properties
