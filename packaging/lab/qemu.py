"""A whole machine in QEMU's software emulation, into which devices are plugged while it runs.

Two sockets, two NUMA nodes, disks on four buses, several network interfaces, USB, a watchdog, a
TPM. It is driven over QMP (plug, unplug) and over a virtio-serial port (ask the guest). No network
but to this machine's loopback address.
"""

from __future__ import annotations

import base64
import itertools
import json
import pathlib
import shutil
import socket
import time
from typing import Any

from lab import qemu_image
from lab.processes import LabError, Process, wait_for

PROGRAM = "qemu-system-x86_64"
MAC = "52:54:00:5c:e0:01"
HOST_SEEN_FROM_GUEST = "10.0.2.2"
SLOTS = 6
"""PCI Express slots into which something can be plugged."""

BOOT_S = 300.0
ASK_S = 120.0
UNPLUG_S = 60.0

_MACHINE = """\
-machine q35 -accel tcg,thread=multi -cpu max -m 1024 -smp 4,sockets=2,cores=2,threads=1
-object memory-backend-ram,id=m0,size=512M -object memory-backend-ram,id=m1,size=512M
-numa node,nodeid=0,cpus=0-1,memdev=m0 -numa node,nodeid=1,cpus=2-3,memdev=m1
-nodefaults -display none -no-reboot
-device virtio-rng-pci
-netdev user,id=out,ipv6=off
-device i6300esb
-netdev hubport,id=n1,hubid=1 -device e1000e,netdev=n1,mac=52:54:00:5c:e0:02
-netdev hubport,id=n2,hubid=1 -device virtio-net-pci,netdev=n2,mac=52:54:00:5c:e0:03
-blockdev driver=null-co,node-name=b0,size=8589934592,read-zeroes=on
-device nvme,drive=b0,serial=LAB-NVME-0001
-blockdev driver=null-co,node-name=b1,size=4294967296,read-zeroes=on
-device ide-hd,drive=b1,serial=LAB-SATA-0002
-device virtio-scsi-pci,id=scsi
-blockdev driver=null-co,node-name=b2,size=2147483648,read-zeroes=on
-device scsi-hd,bus=scsi.0,drive=b2,serial=LAB-SCSI-0003,rotation_rate=7200
-device qemu-xhci,id=usb,p2=8,p3=8
-device usb-hub,bus=usb.0,port=1 -device usb-kbd,bus=usb.0,port=1.1
-device usb-tablet,bus=usb.0,port=2
-blockdev driver=null-co,node-name=b3,size=1073741824,read-zeroes=on
-device usb-storage,bus=usb.0,port=3,drive=b3,serial=LAB-USB-0004
-chardev null,id=c1 -device usb-serial,bus=usb.0,port=4,chardev=c1,always-plugged=on
-device virtio-serial-pci
-device virtserialport,chardev=lab,name=skerry.lab
"""


class EmulatorDiedError(LabError):
    """QEMU itself has ended, which says nothing about what runs in it."""


class Qmp:
    """The door to QEMU itself."""

    def __init__(self, place: pathlib.Path) -> None:
        """Connect and say that we are ready."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ASK_S)
        self._socket.connect(str(place))
        self._file = self._socket.makefile("r")
        self._deleted: set[str] = set()
        self._file.readline()
        self.do("qmp_capabilities")

    def do(self, command: str, **arguments: Any) -> Any:
        """Carry out one command and return its answer. Raises LabError where QEMU refuses."""
        text = json.dumps({"execute": command, "arguments": arguments})
        try:
            self._socket.sendall(text.encode() + b"\n")
        except BrokenPipeError:
            raise EmulatorDiedError("QEMU has closed its control socket") from None
        while True:
            told = self._next()
            if "error" in told:
                raise LabError(f"QEMU refuses {command}: {told['error']['desc']}")
            if "return" in told:
                return told["return"]

    def wait_deleted(self, device: str) -> None:
        """Wait until the guest has let a device go."""
        deadline = time.monotonic() + UNPLUG_S
        while device not in self._deleted:
            if time.monotonic() > deadline:
                raise LabError(f"the guest does not let {device} go")
            self._next()
        self._deleted.discard(device)

    def _next(self) -> dict[str, Any]:
        try:
            line = self._file.readline()
        except ConnectionError:
            line = ""
        if not line:
            raise EmulatorDiedError("QEMU has closed its control socket")
        told: dict[str, Any] = json.loads(line)
        if told.get("event") == "DEVICE_DELETED":
            self._deleted.add(told["data"].get("device", ""))
        return told

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


class Guest:
    """The door into the guest; see qemu_guest.py."""

    def __init__(self, place: pathlib.Path) -> None:
        """Connect to the host's end of the serial port."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(place))
        self._file = self._socket.makefile("r")
        self._ids = itertools.count(1)

    def ask(self, what: str, timeout_s: float = ASK_S, **more: Any) -> dict[str, Any]:
        """Return the guest's answer. Raises LabError when there is none in time."""
        number = next(self._ids)
        self._socket.settimeout(timeout_s)
        self._socket.sendall(json.dumps({"id": number, "do": what, **more}).encode() + b"\n")
        try:
            while True:
                told: dict[str, Any] = json.loads(self._file.readline())
                if told["id"] == number:
                    return told
        except TimeoutError as error:
            raise LabError(f"the guest does not answer {what}: {error}") from error
        except (ValueError, ConnectionError) as error:
            raise EmulatorDiedError(f"the guest is gone: {error}") from error

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run a program in the guest and return what it prints."""
        told = self.ask("run", arguments=arguments, most_s=ASK_S)
        return self._checked(" ".join(arguments), told, check=check)

    def agent(self, *arguments: str) -> str:
        """Run `skerry-agent` in the guest, in a fresh process, and return what it prints."""
        return self._checked(f"skerry-agent {arguments}", self.ask("agent", arguments=arguments))

    def file(self, path: str) -> bytes:
        """Return a file of the guest's."""
        return base64.b64decode(self.ask("file", path=path)["content"])

    @staticmethod
    def _checked(what: str, told: dict[str, Any], *, check: bool = True) -> str:
        if check and told["status"]:
            raise LabError(f"{what} in the guest: status {told['status']}\n{told['output']}")
        return str(told["output"])

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


class Machine:
    """One machine, from power on to power off."""

    def __init__(self, folder: pathlib.Path, files: dict[str, bytes]) -> None:
        """`folder` takes its sockets and logs; `files` are laid into its root."""
        self._folder = folder
        self._files = files
        self._process: Process | None = None
        self._tpm: Process | None = None

    def start(self) -> None:
        """Power it on and wait until the guest answers."""
        made = qemu_image.image(MAC)
        ram_disk = self._folder / "initrd"
        qemu_image.initial_ram_disk(made, ram_disk, self._files)
        qmp, lab, tpm = self._folder / "qmp", self._folder / "lab", self._folder / "tpm"
        self._start_tpm(tpm)
        command = [
            shutil.which(PROGRAM) or PROGRAM,
            *("-kernel", str(made.kernel), "-initrd", str(ram_disk)),
            *("-append", "console=ttyS0 quiet panic=-1 systemd.show_status=no"),
            *("-qmp", f"unix:{qmp},server=on,wait=off"),
            *("-chardev", f"socket,id=lab,path={lab},server=on,wait=off"),
            *("-chardev", f"socket,id=tpm,path={tpm}", "-tpmdev", "emulator,id=t0,chardev=tpm"),
            *("-device", "tpm-tis,tpmdev=t0"),
            *("-serial", f"file:{self._folder / 'console.log'}"),
            *("-drive", f"file={made.disk},if=none,id=root,format=raw,snapshot=on"),
            *("-device", "virtio-blk-pci,drive=root"),
            *("-device", f"virtio-net-pci,netdev=out,mac={MAC}"),
            *_MACHINE.split(),
            *(word for n in range(1, SLOTS + 1) for word in _slot(n)),
        ]
        self._process = Process("qemu", command, self._folder)
        process = self._process

        def alive_and(place: pathlib.Path) -> bool:
            if not process.alive:
                raise LabError(f"QEMU ended:\n{process.log()[-2000:]}")
            return place.exists()

        wait_for("QEMU's sockets", lambda: alive_and(qmp) and alive_and(lab))
        self.qmp = Qmp(qmp)
        self.guest = Guest(lab)
        self.guest.ask("now", BOOT_S)

    def _start_tpm(self, place: pathlib.Path) -> None:
        state = self._folder / "tpm-state"
        state.mkdir()
        where = ["--tpmstate", f"dir={state}", "--ctrl", f"type=unixio,path={place}"]
        self._tpm = Process("swtpm", ["swtpm", "socket", "--tpm2", *where], self._folder)
        wait_for("the TPM's socket", place.exists)

    def stop(self) -> None:
        """Pull its plug."""
        for process in (self._process, self._tpm):
            if process is not None:
                process.stop()

    def last_words(self) -> str:
        """Return the end of what QEMU and the guest's console have said."""
        places = (self._folder / "qemu.log", self._folder / "console.log")
        texts = [place.read_text(errors="replace") for place in places if place.exists()]
        status = self._process and self._process.exit_status
        return "\n".join((f"QEMU's status: {status}", *(text[-2000:] for text in texts)))


def _slot(number: int) -> tuple[str, ...]:
    return ("-device", f"pcie-root-port,id=slot{number},chassis={number},slot={number}")
