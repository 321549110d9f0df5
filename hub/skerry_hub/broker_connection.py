"""A connection of the hub to its broker, that always comes back. What it carries, others say.

Everything of a connection is written by its own thread; any thread may publish.
"""

from __future__ import annotations

import dataclasses
import pathlib
import random
import socket
import ssl
import threading
import time
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import MQTTErrorCode

from skerry_hub.broker_url import BrokerUrl

log = structlog.get_logger("broker")

KEEPALIVE_S = 30
BACKOFF_FIRST_S = 0.2
BACKOFF_MOST_S = 15.0
STEADY_S = 30.0
READ_AHEAD_BYTES = 64 * 1024
READ_MOST = 1000
"""Most packets that are read before the connection's own needs are looked after."""
FLUSH_S = 2.0
"""How long the end of a connection is waited for."""
MAX_PACKET_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """By what the hub knows its broker, and shows who it is itself."""

    ca: pathlib.Path | None = None
    """Who vouches for the broker; None: whom the system trusts."""
    certificate: pathlib.Path | None = None
    """The hub's key and certificate, in one file; None: it has a password, or nothing."""
    name: str | None = None
    """The name that the broker's certificate must have; None: the host of its URL."""

    def context(self) -> ssl.SSLContext:
        """Return what a connection is made with: from the files as they are now.

        Raises OSError.
        """
        context = _Named(ssl.PROTOCOL_TLS_CLIENT)
        context.name = self.name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate)
        return context


class _Named(ssl.SSLContext):
    """Asks for a name of its own choice, whatever host was connected to."""

    name: str | None = None

    def wrap_socket(self, *words: Any, **named: Any) -> ssl.SSLSocket:
        if self.name is not None:
            named["server_hostname"] = self.name
        return super().wrap_socket(*words, **named)


class ReadsAhead(paho.Client):
    """Asks the kernel for much at once; paho itself asks for each field of each packet.

    Who waits for the socket must first use up what was read: `more` says whether there is some.
    """

    _ahead = b""
    _at = 0

    @property
    def more(self) -> bool:
        """Say whether something was read that no packet has used yet."""
        return self._at < len(self._ahead)

    def _sock_recv(self, bufsize: int) -> bytes:
        at = self._at
        data = self._ahead[at : at + bufsize]
        if data:
            self._at = at + bufsize
            return data
        self._ahead = super()._sock_recv(READ_AHEAD_BYTES)
        if isinstance(self._sock, ssl.SSLSocket):
            self._ahead += self._more_records(self._sock)
        self._at = bufsize
        return self._ahead[:bufsize]

    def _more_records(self, connection: ssl.SSLSocket) -> bytes:
        """Read on: with TLS each look gives one record, and mosquitto makes one of each packet.

        What ends the connection is seen at the next look.
        """
        found: list[bytes] = []
        size = len(self._ahead)
        try:
            while 0 < size < READ_AHEAD_BYTES:
                record = connection.recv(READ_AHEAD_BYTES)
                if not record:
                    break
                found.append(record)
                size += len(record)
        except OSError:  # mostly that there is no more
            pass
        return b"".join(found)


class Connection:
    """A connection that comes back, each time with a new client: nothing old is ever resent."""

    _most_bytes = MAX_PACKET_BYTES

    def __init__(self, url: BrokerUrl, client_id: str, trust: Trust | None = None) -> None:
        self._url = url
        self._trust = trust or Trust()
        self._id = client_id
        self._client: paho.Client | None = None
        self._online = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=client_id, daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect, and do not come back."""
        self._stopping.set()
        client = self._client
        if client is not None:
            client.disconnect()
        self._thread.join(FLUSH_S)

    def _run(self) -> None:
        failures, told = 0, ""
        while not self._stopping.is_set():
            started = time.monotonic()
            was_online, reason = self._one()
            if self._stopping.is_set():
                return
            if was_online or reason != told:
                log.warning("not connected", broker=str(self._url), reason=reason)
                told = reason
            failures = 0 if was_online and time.monotonic() - started > STEADY_S else failures + 1
            ceiling = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** min(failures, 20))
            self._stopping.wait(random.uniform(ceiling / 4, ceiling))  # noqa: S311

    def _one(self) -> tuple[bool, str]:
        client = self._make()
        refusal: list[str] = []

        def on_connect(
            _client: Any, _data: Any, _flags: Any, code: Any, properties: Any = None, *_: Any
        ) -> None:
            if code.value != 0:
                refusal.append(f"the broker refuses the connection: {code}")
                return
            most = getattr(properties, "MaximumPacketSize", MAX_PACKET_BYTES)
            self._most_bytes = min(most, MAX_PACKET_BYTES)
            self._online = True
            self._ready(client)

        def on_subscribe(_client: Any, _data: Any, _mid: Any, codes: Any, *_: Any) -> None:
            refused = [str(code) for code in codes if code.is_failure]
            if refused:
                log.error("the broker refuses a subscription", reason=", ".join(refused))

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        # With this, paho leaves all writing to the connection's own thread. Else whoever publishes
        # writes, too, and packets overtake each other, or come within one another.
        client.on_socket_register_write = _nothing
        self._client = client
        was_online, reason = False, ""
        try:
            if self._url.username is not None:
                client.username_pw_set(self._url.username, self._url.password)
            if self._url.tls:
                client.tls_set_context(self._trust.context())
            self._connect(client)
            _send_at_once(client)
            code = MQTTErrorCode.MQTT_ERR_SUCCESS
            while code == MQTTErrorCode.MQTT_ERR_SUCCESS:
                code = self._loop(client)
                was_online = was_online or self._online
            reason = refusal[0] if refusal else f"connection lost: {paho.error_string(code)}"
        except OSError as error:
            reason = error.strerror or str(error)
        except Exception as error:
            # What a broker sends may be anything, and paho raises many things: never for good.
            log.exception("the connection failed", broker=str(self._url))
            reason = f"{type(error).__name__}: {error}"
        finally:
            self._online, self._client = False, None
            self._gone(reason)
        return was_online, reason

    def _make(self) -> ReadsAhead:
        raise NotImplementedError

    def _connect(self, client: paho.Client) -> None:
        raise NotImplementedError

    def _ready(self, client: paho.Client) -> None:
        raise NotImplementedError

    def _gone(self, reason: str) -> None:
        """Be told that the connection has ended, if it ever stood."""

    def _loop(self, client: ReadsAhead) -> MQTTErrorCode:
        code = client.loop(timeout=KEEPALIVE_S / 2)
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and client.more:
            for _ in range(READ_MOST):
                code = client.loop_read()
                if code != MQTTErrorCode.MQTT_ERR_SUCCESS or not client.more:
                    return code
            # A flood may last: the broker must hear from us.
            code = client.loop_write() or client.loop_misc()
        return code


def _nothing(*_: object) -> None:
    pass


def _send_at_once(client: paho.Client) -> None:
    """Have an acknowledgement not wait until the one before has arrived."""
    connection = client.socket()
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
