"""One publisher of heartbeats: a process that sends bytes made beforehand, at a steady pace.

usage: python -m benchmarks.publisher PORT NODES FIRST_NODE RATE SECONDS ROUND [CERTIFICATES]

It speaks just enough MQTT 5 for that, so that it costs the two processes under test little. It
connects and makes its packets, writes "ready", starts when its standard input has a line, and
then writes how late its last packet was, in seconds.

Where it is given a folder with certificates (ca.pem, and NODE.pem of each), every node has a
connection of its own by TLS, as a broker that knows its boxes wants it; else one is for all.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import socket
import ssl
import struct
import sys
import time
from collections.abc import Sequence

from benchmarks.nodes import heartbeat_of, node_name
from skerry_wire import codec, topics
from skerry_wire.topics import NodeTopic

SLOT_S = 0.02
EXPIRY_S = 60


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one publisher sends: `rate` messages a second for `seconds`, of its nodes in turn."""

    port: int
    nodes: int
    first_node: int
    rate: float
    seconds: float
    round: int


def main() -> None:
    """Do what the module says."""
    port, nodes, first, rate, seconds, number, *certificates = sys.argv[1:]
    task = Task(
        port=int(port),
        nodes=int(nodes),
        first_node=int(first),
        rate=float(rate),
        seconds=float(seconds),
        round=int(number),
    )
    links = _links(task, pathlib.Path(certificates[0]) if certificates else None)
    slots = _slots(task, len(links))
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    late_s = 0.0
    for slot, parts in enumerate(slots):
        wait_s = began + slot * SLOT_S - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        for link, data in zip(links, parts, strict=True):
            if data:
                link.sendall(data)
        late_s = time.monotonic() - (began + slot * SLOT_S)
    print(f"{late_s:.3f}", flush=True)
    sys.stdin.readline()  # leave the connections open until everything was counted
    for link in links:
        link.close()


def _links(task: Task, certificates: pathlib.Path | None) -> list[socket.socket]:
    if certificates is None:
        return [_connect(task.port, f"publisher-{task.first_node}")]
    names = [node_name(task.first_node + number) for number in range(task.nodes)]
    return [_connect(task.port, name, certificates) for name in names]


def _slots(task: Task, links: int) -> list[Sequence[bytes]]:
    """Return the packets of each slot of time, by the link that they take."""
    total = round(task.rate * task.seconds)
    count = round(task.seconds / SLOT_S)
    bounds = [total * number // count for number in range(count + 1)]
    sequence = task.round * 1_000_000
    slots: list[Sequence[bytes]] = []
    for begin, end in itertools.pairwise(bounds):
        parts = [bytearray() for _ in range(links)]
        for number in range(begin, end):
            node = number % task.nodes
            packet = _publish(task.first_node + node, sequence + number // task.nodes)
            parts[node % links] += packet
        slots.append([bytes(one) for one in parts])
    return slots


def _publish(node: int, sequence: int) -> bytes:
    """Return a PUBLISH as an agent's: QoS 0, with expiry, content type and version."""
    topic = str(topics.Node(node_name(node), NodeTopic.HEARTBEAT)).encode()
    properties = (
        b"\x02" + struct.pack(">I", EXPIRY_S)
        + b"\x03" + _text(codec.CONTENT_TYPE.encode())
        + b"\x26" + _text(b"v") + _text(codec.SCHEMA_VERSION.encode())
    )  # fmt: skip
    payload = codec.encode(heartbeat_of(node, sequence))
    return b"\x30" + _sized(_text(topic) + _sized(properties) + payload)


def _text(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _sized(data: bytes) -> bytes:
    """Put its length before it, as MQTT writes one: seven bits a byte."""
    left, head = len(data), bytearray()
    while True:
        left, digit = divmod(left, 128)
        head.append(digit | (128 if left else 0))
        if not left:
            return bytes(head) + data


def _connect(port: int, client_id: str, certificates: pathlib.Path | None = None) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port))
    if certificates is not None:
        context = ssl.create_default_context(cafile=certificates / "ca.pem")
        context.load_cert_chain(certificates / f"{client_id}.pem")
        link = context.wrap_socket(link, server_hostname="127.0.0.1")
    # Version 5, clean start, no keepalive, no properties.
    link.sendall(
        b"\x10" + _sized(_text(b"MQTT") + b"\x05\x02\x00\x00\x00" + _text(client_id.encode()))
    )
    answer = link.recv(256)
    if len(answer) < 4 or answer[0] != 0x20 or answer[3] != 0:
        sys.exit(f"the broker does not take the connection: {answer.hex()}")
    return link


if __name__ == "__main__":
    main()
