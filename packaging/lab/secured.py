"""A mosquitto with certificates, as a hub makes it, and clients of it: for tests and measurements."""

from __future__ import annotations

import os
import pathlib
import queue
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from lab.processes import LabError, free_port, wait_for
from skerry_hub import broker_access, mosquitto_conf, mosquitto_process
from skerry_hub.broker_files import BrokerFiles, Contents
from skerry_hub.pki import authority, crl, leaves
from skerry_hub.pki.leaves import PublicKey, Stamp

if TYPE_CHECKING:  # of paho 2; boxes' tests run on 1.6, too
    from paho.mqtt.enums import MQTTProtocolVersion

DAY_S = 86_400.0


class Certificates:
    """An authority, and files with the certificates that it signs."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = authority.read(authority.fresh(time.time()), "the lab's")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.authority.pem)

    def node(self, id_: str) -> pathlib.Path:
        """Return the key and certificate of a box, in one file."""
        return self._file(id_, lambda key, when: leaves.node(self.authority, id_, key, when))

    def hub(self) -> pathlib.Path:
        """Return those of the hub."""
        return self._file("hub", lambda key, when: leaves.hub(self.authority, (), key, when))

    def beats(self) -> pathlib.Path:
        """Return those of the hub's second connection."""
        return self._file("beats", lambda key, when: leaves.hub_beats(self.authority, key, when))

    def reader(self, name: str) -> pathlib.Path:
        """Return those of another system."""
        return self._file(
            f"reader-{name}", lambda key, when: leaves.reader(self.authority, name, key, when)
        )

    def broker(self, name: str = "broker") -> pathlib.Path:
        """Return those of a broker on this machine."""
        names = ("localhost", "127.0.0.1", "::1")
        return self._file(name, lambda key, when: leaves.broker(self.authority, names, key, when))

    def serial(self, path: pathlib.Path) -> int:
        """Return the number of a file's certificate."""
        return x509.load_pem_x509_certificate(path.read_bytes()).serial_number

    def _file(
        self, name: str, sign: Callable[[PublicKey, Stamp], x509.Certificate]
    ) -> pathlib.Path:
        path = self.folder / f"{name}.pem"
        if not path.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            made = sign(key.public_key(), leaves.stamp(time.time(), DAY_S))
            path.write_text(authority.private_pem(key).decode() + leaves.pem(made))
        return path


class SecuredBroker:
    """A mosquitto by the files that a hub writes."""

    def __init__(self, folder: pathlib.Path, port: int | None = None) -> None:
        """`start` starts it."""
        self.certificates = Certificates(folder / "certificates")
        self.folder = folder / "files"
        self.port = port or free_port()
        self.url = f"mqtts://127.0.0.1:{self.port}"
        self.readers: tuple[str, ...] = ("dashboard",)
        self.removed: tuple[str, ...] = ()
        self.revoked: dict[int, float] = {}
        self._files = BrokerFiles(self.folder)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "mosquitto.log"

    def write(self, certificate: pathlib.Path | None = None) -> frozenset[str]:
        """Write the files as they are to be now."""
        made = self.certificates
        return self._files.write(
            Contents(
                conf=mosquitto_conf.secured("127.0.0.1", self.port),
                acl=broker_access.mosquitto_acl(self.readers, self.removed),
                crl=crl.make(made.authority, self.revoked.items(), time.time()),
                ca=made.authority.pem,
                certificate=(certificate or made.broker()).read_bytes(),
            )
        )

    def start(self, *extra: str) -> None:
        """Start it, and wait until it listens; `extra` are further lines of its configuration."""
        self.write()
        conf = "\n".join((mosquitto_conf.secured("127.0.0.1", self.port), *extra))
        with self.log.open("ab") as output:
            self.process = mosquitto_process.start(
                self.folder, conf, self.folder, persistent=False, output=output
            )

        def listens() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise LabError(f"mosquitto ended:\n{self.log.read_text()[-3000:]}")
            return mosquitto_process.listens("127.0.0.1", self.port)

        wait_for("mosquitto to listen", listens)

    def reload(self) -> None:
        """Have it read its files again."""
        assert self.process is not None
        os.kill(self.process.pid, 1)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it in good order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Client:
    """Somebody on a broker with certificates, what he hears, and what the broker answers him."""

    def __init__(
        self,
        broker: SecuredBroker,
        certificate: pathlib.Path | None,
        *,
        client_id: str = "",
        will: str | None = None,
        clean: bool = True,
        protocol: MQTTProtocolVersion = paho.MQTTv5,
    ) -> None:
        """Connect; `refused` says why that failed, if it did."""
        self.heard: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
        self._answers: queue.Queue[Any] = queue.Queue()
        self.ended: queue.Queue[str] = queue.Queue()
        self.refused: str | None = None
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415 - of paho 2 alone

        client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol)
        client.tls_set_context(context(broker.certificates.ca, certificate))
        if will is not None:
            client.will_set(will, b"will", qos=1, retain=True)
        client.on_message = lambda _c, _d, message: self.heard.put(
            (message.topic, bytes(message.payload), message.retain)
        )
        client.on_publish = lambda _c, _d, _m, code, _p: self._answers.put(code.value)
        client.on_subscribe = lambda _c, _d, _m, codes, _p: self._answers.put(codes[0].value)
        client.on_disconnect = lambda _c, _d, _f, code, _p: self.ended.put(str(code))
        # With this, paho leaves all writing to the one thread.
        client.on_socket_register_write = lambda *_: None
        connected: queue.Queue[str] = queue.Queue()
        client.on_connect = lambda _c, _d, _f, code, _p: connected.put(
            "" if code.value == 0 else str(code)
        )
        self._client = client
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0 if clean else 3600
        try:
            if protocol == paho.MQTTv5:
                client.connect("127.0.0.1", broker.port, clean_start=clean, properties=properties)
            else:
                client.connect("127.0.0.1", broker.port)
        except OSError as error:
            self.refused = str(error)
            return
        # No thread of paho's: that would connect again and again.
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        try:
            self.refused = connected.get(timeout=0.05) or None
        except queue.Empty:
            self.refused = self._later(connected)

    def _later(self, connected: queue.Queue[str]) -> str | None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                return connected.get(timeout=0.05) or None
            except queue.Empty:
                if not self._thread.is_alive():
                    return "the connection was ended"
        return "no answer"

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._client.loop(0.05) != paho.MQTT_ERR_SUCCESS:
                return

    @property
    def alive(self) -> bool:
        """Say whether the connection stands."""
        return self.refused is None and self._thread.is_alive()

    def say(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """Publish with QoS 1, and return what the broker answers: 0 taken, 135 not allowed."""
        self._client.publish(topic, payload, 1, retain)
        return self._answer()

    def say_unasked(self, topic: str, payload: bytes = b"x") -> None:
        """Publish with QoS 0, to which there is no answer."""
        self._client.publish(topic, payload, 0)

    def hear(self, topic: str, qos: int = 1) -> int:
        """Subscribe, and return what the broker answers."""
        if self._client.protocol == paho.MQTTv5:
            self._client.subscribe(topic, options=SubscribeOptions(qos=qos))
        else:
            self._client.subscribe(topic, qos)
        return self._answer()

    def _answer(self) -> int:
        if self.refused is not None:
            raise LabError(f"it is not connected: {self.refused}")
        return int(self._answers.get(timeout=10))

    def drain(self, wait_s: float = 0.3) -> list[tuple[str, bytes, bool]]:
        """Return what was heard, once nothing more has come for a while."""
        found = []
        while True:
            try:
                found.append(self.heard.get(timeout=wait_s))
            except queue.Empty:
                return found

    def cut(self) -> None:
        """End the connection without a word."""
        self._stopping.set()
        self._thread.join(5)
        connection = self._client.socket()
        if connection is not None:
            connection.close()

    def stop(self) -> None:
        """Say good-bye."""
        if self.refused is not None or not self._thread.is_alive():
            return
        self._client.disconnect()
        self._thread.join(5)
        self._stopping.set()


def context(ca: pathlib.Path, certificate: pathlib.Path | None) -> ssl.SSLContext:
    """Return what a client connects with."""
    found = ssl.create_default_context(cafile=str(ca))
    if certificate is not None:
        found.load_cert_chain(certificate)
    return found


def stop_all(clients: Iterable[Client] | Sequence[Client]) -> None:
    """Say good-bye for all."""
    for one in clients:
        one.stop()
