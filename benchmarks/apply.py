"""From `skerry apply` to a running container, beside what `podman run` itself takes.

Both are timed from the start of the command to the moment that podman gives as the container's
start, in turns, so that both see the same machine.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import pathlib
import tempfile
import time

from benchmarks.row import BenchError, Row, at_most, median, plain, say, spread
from lab.fleet import Box, Hub
from lab.podman import Podman
from lab.processes import wait_for

RUNS = 10
COMMAND = ("/bin/httpd", "-f", "-p", "80", "-h", "/www")
SERVICE = """\
name: run{number}
services:
  web:
    image: {image}
    command: {command}
"""


def measure() -> list[Row]:
    """Do both in turns, each time with a new container."""
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as name, contextlib.ExitStack() as end:
        folder = pathlib.Path(name)
        podman = Podman(folder / "podman")
        end.callback(podman.remove_all)
        podman.start()
        hub = Hub(folder / "hub")
        hub.start()
        end.callback(hub.stop)
        box = Box(folder / "box", hub.broker_url, podman.socket)
        box.trust(hub.key)
        box.start()
        end.callback(box.stop)
        hub.cli("wait", "node", box.node, "--for", "online", "--timeout", "60s")
        say(f"podman run and skerry apply in turns, {RUNS} times each")
        direct, applied = [], []
        for number in range(RUNS + 1):
            direct.append(_direct(podman))
            applied.append(_applied(podman, hub, folder, number))
    # The first of each brings everything into memory.
    direct, applied = direct[1:], applied[1:]
    beyond = [b - a for a, b in zip(direct, applied, strict=True)]
    what = "`skerry apply` to container running"
    return [
        plain("`podman run` to container running", median(direct), "ms", note=spread(direct)),
        plain(what, median(applied), "ms", note=spread(applied)),
        at_most(f"{what}, beyond `podman run`", median(beyond), 300, "ms", note=spread(beyond)),
    ]


def _direct(podman: Podman) -> float:
    began = time.time()
    container = podman.run("run", "--detach", podman.image, *COMMAND).strip()
    took = _started_at(podman, container) - began
    podman.run("rm", "--force", "--time=0", container)
    return took * 1000


def _applied(podman: Podman, hub: Hub, folder: pathlib.Path, number: int) -> float:
    path = folder / "run.yaml"
    path.write_text(SERVICE.format(number=number, image=podman.image, command=json.dumps(COMMAND)))
    workload = f"run{number}-web"
    began = time.time()
    hub.cli("apply", "-f", str(path))
    hub.cli("wait", "workload", workload, "--for", "running", "--timeout", "60s")
    containers = podman.run("ps", "--quiet", "--no-trunc").split()
    if len(containers) != 1:
        raise BenchError(f"{workload}: {len(containers)} containers run, not one")
    took = _started_at(podman, containers[0]) - began
    hub.cli("delete", "workload", workload)
    wait_for(f"the container of {workload} to go", lambda: not podman.run("ps", "--all", "--quiet"))
    return took * 1000


def _started_at(podman: Podman, container: str) -> float:
    """Return when podman says that a container started, in seconds since 1970."""
    told = json.loads(podman.run("inspect", container))[0]["State"]["StartedAt"]
    # Nanoseconds are more digits than Python takes.
    day, _, rest = told.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :].replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(f"{day}.{digits[:6]:0<6}{zone}").timestamp()
