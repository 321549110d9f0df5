"""How soon a device that came or went is published: from the kernel's change to the broker's word.

Real announcements of the kernel (bridges that come and go, the devices that any machine can make)
drive a real agent on Debian's own Python, beside a real mosquitto, in a network namespace of their
own. `./dev lab hotplug` does the same with NVMe, USB and PCI devices in an emulated machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.commands import AGENT
from benchmarks.row import BenchError, Row, at_most, median, say, spread
from lab.broker import Mosquitto
from lab.install import ROOT, SYSTEM_PYTHON
from lab.processes import Process

ROUNDS = 20
BURST = 8
NODE = "bench"
TOPIC = f"skerry/v1/nodes/{NODE}/capability"
SETTLE_S = 8.0
"""The slow look at the hardware, and what follows a start, must be over."""
QUIET_S = 1.2
"""After this time without another capability, a round is over."""
MOST_S = 30.0


def measure() -> list[Row]:
    """Plug and unplug in a namespace made for it."""
    say(f"hotplug, {ROUNDS} times one device and {ROUNDS} times {BURST} at once")
    name = f"skerry-bench-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        done = subprocess.run(
            ["ip", "netns", "exec", name, sys.executable, "-m", "benchmarks.hotplug"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=False,
            timeout=600,
        )
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)
    if done.returncode:
        raise BenchError(f"the part in the namespace ended with status {done.returncode}")
    found: dict[str, list[float]] = json.loads(done.stdout)
    return [
        at_most(f"from the kernel's change to the capability published, {what}",
                median(times), 1000, "ms", note=spread(times))
        for what, times in found.items()
    ]  # fmt: skip


def _inside() -> dict[str, list[float]]:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as name, contextlib.ExitStack() as end:
        folder = pathlib.Path(name)
        broker = Mosquitto(folder / "broker")
        broker.start()
        end.callback(broker.stop)
        heard: queue.Queue[float] = queue.Queue()
        listener = _listener(broker.port, heard)
        end.callback(listener.loop_stop)
        agent = Process("agent", [SYSTEM_PYTHON, "-m", "skerry_agent.main", "run"], folder, {
            **AGENT,
            "SKERRY_AGENT_BROKER": broker.url,
            "SKERRY_AGENT_NODE_ID": NODE,
            "SKERRY_AGENT_STATE": str(folder / "state"),
            "SKERRY_AGENT_EXECUTOR": str(folder / "executor.sock"),
            "SKERRY_AGENT_CONTROL": str(folder / "control.sock"),
        })  # fmt: skip
        end.callback(agent.stop)
        heard.get(timeout=MOST_S)
        time.sleep(SETTLE_S)
        _drain(heard)
        return {
            "one device": [_round(heard, 1, number) for number in range(ROUNDS)],
            f"{BURST} devices at once": [_round(heard, BURST, number) for number in range(ROUNDS)],
        }


def _listener(port: int, heard: queue.Queue[float]) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_message = lambda *_: heard.put(time.monotonic())
    client.connect("127.0.0.1", port)
    client.subscribe(TOPIC)
    client.loop_start()
    return client


def _round(heard: queue.Queue[float], count: int, number: int) -> float:
    """Plug, or every other time unplug; return milliseconds to the last capability."""
    verb = "del" if number % 2 else "add"
    lines = [f"link {verb} skd{i} type bridge" for i in range(count)]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)
    changed = time.monotonic()
    published = heard.get(timeout=MOST_S)
    with contextlib.suppress(queue.Empty):
        while True:
            published = heard.get(timeout=QUIET_S)
    return max(0.0, published - changed) * 1000


def _drain(heard: queue.Queue[float]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            heard.get_nowait()


if __name__ == "__main__":
    print(json.dumps(_inside()))
