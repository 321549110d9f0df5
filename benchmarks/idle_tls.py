"""What certificates cost a box: the same idle agent, over TLS, on a broker as a hub makes it.

Without a hub, which says next to nothing to a box that idles. Its link to the broker is counted as
it is on the wire. In turns with one over plain TCP, so that what differs is TLS alone.
"""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
import time

from benchmarks.commands import AGENT
from benchmarks.idle import HEARTBEAT_S, SETTLE_S, memory_of
from benchmarks.relay import Relay
from benchmarks.row import BenchError, Row, at_most, median, plain, say
from lab.broker import Mosquitto
from lab.fleet import Box
from lab.install import SYSTEM_PYTHON
from lab.processes import Process, wait_for
from lab.secured import SecuredBroker

WINDOW_S = 120.0
NODE = "box-1"


def measure() -> list[Row]:
    """Start both agents, let them settle, and read both over the same time."""
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as name, contextlib.ExitStack() as end:
        folder = pathlib.Path(name)
        bare, secured = _plain(folder / "plain", end), _secured(folder / "tls", end)
        handshake = secured.relay.bytes
        say(f"an idle agent by TLS, one without: {SETTLE_S:g} s to settle, then {WINDOW_S:g} s")
        time.sleep(SETTLE_S)
        before = [one.relay.bytes for one in (bare, secured)]
        memory: list[tuple[int, int]] = []
        for _ in range(4):
            time.sleep(WINDOW_S / 4)
            memory.append((memory_of(bare.pid).pss_bytes, memory_of(secured.pid).pss_bytes))
        after = [one.relay.bytes for one in (bare, secured)]
        if not (bare.agent.alive and secured.agent.alive):
            raise BenchError("an agent ended")
    hourly = [(b - a) / WINDOW_S * 3600 / 1024 for a, b in zip(before, after, strict=True)]
    without, by_tls = (median([one[k] for one in memory]) / 2**20 for k in (0, 1))
    note = f"{without:.1f} MiB without TLS; what Python processes share counts in part"
    what = "agent connected by TLS and idle"
    return [
        at_most(f"{what}: memory (PSS)", by_tls, 24, "MiB", note=note),
        at_most(f"{what}: both ways", hourly[1], 64, "KiB an hour", note=_beats(hourly[0])),
        plain("agent connects by TLS, with its certificate, and says all", handshake / 1024, "KiB"),
    ]


def _beats(without: float) -> str:
    return f"{without:.1f} KiB an hour without TLS; a heartbeat each {HEARTBEAT_S} s"


class _Measured:
    """An agent, and the relay of its link."""

    def __init__(self, relay: Relay, box: Box) -> None:
        assert box.agent is not None
        self.relay = relay
        self.agent: Process = box.agent
        self.pid = box.agent.pid


def _plain(folder: pathlib.Path, end: contextlib.ExitStack) -> _Measured:
    broker = Mosquitto(folder / "broker")
    broker.start()
    end.callback(broker.stop)
    return _started(folder, broker.port, "mqtt://127.0.0.1", {}, end)


def _secured(folder: pathlib.Path, end: contextlib.ExitStack) -> _Measured:
    folder.mkdir()
    broker = SecuredBroker(folder)
    broker.start()
    end.callback(broker.stop)
    files = {
        "SKERRY_AGENT_BROKER_CA": str(broker.certificates.ca),
        "SKERRY_AGENT_BROKER_CERTIFICATE": str(broker.certificates.node(NODE)),
    }
    return _started(folder, broker.port, "mqtts://127.0.0.1", files, end)


def _started(
    folder: pathlib.Path, port: int, scheme: str, files: dict[str, str], end: contextlib.ExitStack
) -> _Measured:
    relay = Relay(port)
    end.callback(relay.stop)
    where = (folder / "box", f"{scheme}:{relay.port}", folder / "none", NODE)
    executor = Box(*where)
    executor.start_executor()
    end.callback(executor.stop)
    box = Box(*where, python=SYSTEM_PYTHON)
    end.callback(box.stop)
    box.start_agent(**AGENT, **files, SKERRY_AGENT_HEARTBEAT_S=str(HEARTBEAT_S))
    wait_for("the link", lambda: ", connected" in executor.status(), 60)
    return _Measured(relay, box)
