"""Whole boxes as processes: user-mode-linux with systemd, on a network of the lab's own.

A power cut is the end of the process: what the box had not synced is lost, as on a real one.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
from typing import Any

from lab.debian import run
from lab.processes import LabError, Process, wait_for
from lab.uml_guest import PORT
from lab.uml_image import files_of_box, image

PROGRAM = "linux.uml"
GATEWAY = "10.77.0.1"
BRIDGE = "lab0"
MEMORY_MIB = 512

_NETWORK = """\
modprobe -q sch_netem
ip link set lo up
ip link set vec0 up
ip addr add {address}/24 dev vec0
ip route add default via {gateway}
"""


class Network:
    """A bridge in the network namespace that this process is in, with this host as its gateway."""

    def __init__(self) -> None:
        """`start` makes it."""
        self._taps: list[str] = []

    def start(self) -> None:
        """Make the bridge. Raises LabError in the machine's own network."""
        if pathlib.Path(f"/sys/class/net/{BRIDGE}").exists():
            raise LabError(f"{BRIDGE} is there already: another lab is at work")
        run(["ip", "link", "set", "lo", "up"])
        run(["ip", "link", "add", BRIDGE, "type", "bridge"])
        run(["ip", "addr", "add", f"{GATEWAY}/24", "dev", BRIDGE])
        run(["ip", "link", "set", BRIDGE, "up"])

    def tap(self, number: int) -> str:
        """Return a tap device on the bridge for a box."""
        name = f"lab-box{number}"
        run(["ip", "tuntap", "add", name, "mode", "tap"])
        run(["ip", "link", "set", name, "master", BRIDGE, "up"])
        self._taps.append(name)
        return name

    def stop(self) -> None:
        """Remove everything."""
        for name in (*self._taps, BRIDGE):
            subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)


class UmlMachine:
    """A Debian of its own on a disk of its own; `host` it sees as /run/host. A power cut is a kill.

    How it is talked to is told by those who know what is on the disk.
    """

    synchronous = True
    """Whether each write is on this machine's disk when the box says so."""

    def __init__(
        self, folder: pathlib.Path, network: Network, number: int, disk: pathlib.Path
    ) -> None:
        """Make its disk, a copy of `disk`; `start` boots it."""
        self.folder = folder
        self.number = number
        self.name = f"box-{number}"
        self.address = f"10.77.0.{10 + number}"
        self.host = folder / "host"
        self.host.mkdir(parents=True)
        self._tap = network.tap(number)
        self._disk = folder / "disk.img"
        subprocess.run(
            ["cp", "--sparse=always", "--reflink=auto", str(disk), str(self._disk)], check=True
        )
        self.network = _NETWORK.format(address=self.address, gateway=GATEWAY)
        self.process: Process | None = None
        self.boots = 0

    def start(self) -> None:
        """Put the power on. Returns at once."""
        program = shutil.which(PROGRAM)
        if program is None:
            raise LabError(f"{PROGRAM} is not installed: apt-get install user-mode-linux")
        self.boots += 1
        words = [
            program,
            f"mem={MEMORY_MIB}M",
            f"umid={os.getpid()}-{self.name}",
            f"uml_dir={self.folder}/uml/",
            f"{'ubd0s' if self.synchronous else 'ubd0'}={self._disk}",
            "root=/dev/ubda",
            "rw",
            "init=/sbin/lab-init",
            f"lab_host={self.host}",
            f"vec0:transport=tap,ifname={self._tap},depth=128,gro=1",
            "con0=null,fd:1",
            "con=null",
            "ssl=null",
            "quiet",
            f"systemd.hostname={self.name}",
            "systemd.show_status=0",
            "systemd.unified_cgroup_hierarchy=1",
        ]
        (self.folder / "uml").mkdir(exist_ok=True)
        # Its memory is a file there, which is not to be written to a disk.
        self.process = Process(self.name, words, self.folder, {"TMPDIR": "/dev/shm"})

    def cut(self) -> None:
        """Cut the power."""
        if self.process is not None:
            # Every thread and process of the box is in the process group that it leads.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()

    def stop(self) -> None:
        """End it for good."""
        self.cut()

    def last_words(self) -> str:
        """Return the end of what its console said."""
        return "" if self.process is None else self.process.log()[-3000:]


class UmlBox(UmlMachine):
    """One box. `files` is laid over its Debian at the first boot."""

    def __init__(self, folder: pathlib.Path, network: Network, number: int) -> None:
        """Make its disk; `start` boots it, `wait` waits until it answers."""
        super().__init__(folder, network, number, image())
        self.files = self.host / "files"
        self.files.mkdir()
        files_of_box(self.files)
        etc = self.files / "etc"
        etc.mkdir(exist_ok=True)
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "lab-network").write_text(self.network)
        self._connection: socket.socket | None = None

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Add a file to what the box gets at its first boot."""
        place = self.files / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def wait(self, timeout_s: float = 120.0) -> None:
        """Wait until it answers."""

        def look() -> bool:
            if self.process is None or not self.process.alive:
                raise LabError(f"{self.name} ended:\n{self.last_words()}")
            try:
                self.ask("time", most_s=3.0)
            except (OSError, ValueError):
                time.sleep(0.2)
                return False
            return True

        wait_for(f"{self.name} to answer", look, timeout_s)

    def cut(self) -> None:
        """Cut the power."""
        self._forget()
        super().cut()

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(self, do: str, most_s: float = 60.0, **question: Any) -> dict[str, Any]:
        """Ask the box something and return its answer. Raises OSError when it does not answer."""
        try:
            if self._connection is None:
                self._connection = socket.create_connection((self.address, PORT), most_s)
            self._connection.settimeout(most_s)
            line = json.dumps({"do": do, "most_s": most_s, **question}).encode() + b"\n"
            self._connection.sendall(line)
            told = b""
            while not told.endswith(b"\n"):
                part = self._connection.recv(65_536)
                if not part:
                    raise OSError("the box closed the connection")
                told += part
        except OSError:
            self._forget()
            raise
        found: dict[str, Any] = json.loads(told)
        return found

    def run(self, *arguments: str, most_s: float = 60.0, data: str = "", check: bool = True) -> str:
        """Run a program in the box and return what it prints. Raises LabError when it fails."""
        told = self.ask("run", most_s, arguments=list(arguments), data=data)
        if check and told["status"]:
            raise LabError(
                f"{self.name}: {' '.join(arguments)}: {told['status']}\n{told['output']}"
            )
        return str(told["output"])
