"""Runs inside the QEMU machine: does what the lab asks, and notes what the kernel announces.

Speaks over a virtio-serial port, a line of JSON for each question and each answer. Standard
library and Skerry's own sources only.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import io
import json
import os
import pathlib
import socket
import subprocess
import threading
import time
from typing import Any

PORT = "/dev/virtio-ports/skerry.lab"
NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP = 1
UDEV_QUEUE = "/run/udev/queue"
SO_RCVBUFFORCE = 33


class Kernel:
    """The kernel's announcements of devices, each with the time at which it arrived here.

    A thread of real-time priority takes them: on a busy machine any other is late itself.
    """

    def __init__(self) -> None:
        """Listen, from now on."""
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT
        )
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 * 1024 * 1024)
        self._socket.bind((0, KERNEL_GROUP))
        self._told: collections.deque[tuple[float, bytes]] = collections.deque(maxlen=20_000)
        self.last_s = time.monotonic()
        threading.Thread(target=self._listen, name="kernel", daemon=True).start()

    def _listen(self) -> None:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
        while True:
            announcement = self._socket.recv(65_536)
            self.last_s = time.monotonic()
            self._told.append((self.last_s, announcement))

    def announced(self) -> list[tuple[float, str, str, str]]:
        """Return time, action, subsystem and path of what was announced since the last call."""
        told = []
        while self._told:
            at_s, announcement = self._told.popleft()
            fields = announcement.decode("utf-8", "replace").split("\0")
            pairs = dict(field.split("=", 1) for field in fields if "=" in field)
            action, subsystem, path = (pairs.get(k, "") for k in ("ACTION", "SUBSYSTEM", "DEVPATH"))
            told.append((at_s, action, subsystem, path))
        return told


def settle(kernel: Kernel, quiet_s: float, most_s: float) -> bool:
    """Wait until the kernel was silent for so long and udev has worked everything off."""
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        silent_s = time.monotonic() - kernel.last_s
        if silent_s >= quiet_s and not os.path.exists(UDEV_QUEUE):
            return True
        time.sleep(max(0.02, quiet_s - silent_s))
    return False


def run(arguments: list[str], most_s: float) -> dict[str, Any]:
    """Run a program and return its status and output."""
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=most_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"status": 255, "output": str(error)}
    return {"status": done.returncode, "output": done.stdout.decode("utf-8", "replace")}


def agent(arguments: list[str]) -> dict[str, Any]:
    """Run the agent's own command in a child that has everything imported and knows nothing."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 255
        with contextlib.suppress(BaseException):
            os.close(read)
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                from skerry_agent.main import main  # noqa: PLC0415

                status = main(arguments)
            with os.fdopen(write, "w") as pipe:
                pipe.write(out.getvalue())
        os._exit(status)
    os.close(write)
    with os.fdopen(read) as pipe:
        output = pipe.read()
    return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "output": output}


def answer(kernel: Kernel, question: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one question."""
    wanted = question["do"]
    if wanted == "run":
        return run(question["arguments"], question["most_s"])
    if wanted == "agent":
        return agent(question["arguments"])
    if wanted == "settle":
        return {"settled": settle(kernel, question["quiet_s"], question["most_s"])}
    if wanted == "file":
        content = pathlib.Path(question["path"]).read_bytes()
        return {"content": base64.b64encode(content).decode("ascii")}
    if wanted == "announced":
        return {"announced": kernel.announced()}
    return {"now_s": time.monotonic()}


def main() -> None:
    """Answer until the machine ends."""
    kernel = Kernel()
    import skerry_agent.capability  # noqa: PLC0415 - so that its children need not
    import skerry_agent.main  # noqa: PLC0415
    import skerry_agent.present  # noqa: PLC0415
    import skerry_agent.slow.looks  # noqa: F401, PLC0415

    while not os.path.exists(PORT):
        time.sleep(0.2)
    port = os.open(PORT, os.O_RDWR | os.O_CLOEXEC)
    waiting = b""
    while True:
        data = os.read(port, 65_536)
        if not data:
            time.sleep(0.2)  # nobody listens at the other end yet
        waiting += data
        while b"\n" in waiting:
            line, _, waiting = waiting.partition(b"\n")
            question = json.loads(line)
            told = {"id": question["id"], **answer(kernel, question)}
            whole = json.dumps(told).encode() + b"\n"
            while whole:
                whole = whole[os.write(port, whole) :]


if __name__ == "__main__":
    main()
