"""Tells when devices come, go or change, as the kernel or udev announces it.

A thread waits for announcements and hands each on through a callback; it never wakes up by itself.
It reads no hardware and delays nothing: what to do about a burst is decided elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol

from skerry_agent.probes.nics import is_of_a_container
from skerry_wire.frozen import frozen

RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
UDEV_CONTROL = "/run/udev/control"
SO_RCVBUFFORCE = 33
"""The kernel's number, which Python does not name: like SO_RCVBUF, but beyond the system's limit,
for the privileged."""

REOPEN_FIRST_S = 1.0
REOPEN_MOST_S = 300.0

SUBSYSTEMS = frozenset(
    {
        "accel", "apex", "block", "bluetooth", "cpu", "drm", "gpio", "habanalabs", "hailo1x",
        "hailo_chardev", "hwmon", "i2c", "i2c-dev", "kfd", "memory", "misc", "mmc", "net", "nvme",
        "pci", "platform", "power_supply", "ptp", "remoteproc", "thermal", "tpm", "tty", "usb",
        "usbmisc", "video4linux", "virtio", "watchdog", "wwan",
    }
)  # fmt: skip
"""The subsystems whose devices stand in a capability, or whose drivers make them usable.

misc has the nodes of those drivers that have no class of their own: fastrpc, kvm, MemryX. A
driver's `bind` comes after the nodes that it makes.
"""

CHANGES_THAT_MATTER = frozenset({"block"})
"""Where the kernel's `change` tells of a change of what is there: a card was put into its reader, a
disk has grown. Everywhere else it is about what a device measures or does: a battery says so every
few seconds, a screen when it is plugged, a PCI function when it corrects an error."""

_VIRTUAL_INTERFACES = "/devices/virtual/net/"
_NO_DEVICE_OF_THE_BOX = re.compile(
    r"/devices/virtual/block/(?:loop|dm-|zram|ram)"
    # A line that a program takes, a peer of a Bluetooth controller.
    r"|.*/(?:gpio/gpio[0-9]+|bluetooth/hci[0-9]+/hci[0-9]+:[0-9]+)$"
)


@frozen()
class DeviceNotice:
    """One device came (`add`), went (`remove`), or changed. Its path is its only sure identity."""

    subsystem: str
    action: str
    devpath: str


@frozen()
class RescanNeeded:
    """Announcements were lost: only looking at everything tells what is there."""

    reason: str


@frozen()
class Unavailable:
    """No announcement comes any more, unless `is_tried_again` and that succeeds."""

    reason: str
    is_tried_again: bool = False


Notice = DeviceNotice | RescanNeeded | Unavailable


class Announcer(Protocol):
    """Where announcements come from."""

    def fileno(self) -> int:
        """Return what becomes readable when there is an announcement."""

    def receive(self) -> DeviceNotice | None:
        """Return the next announcement without waiting, None when there is none. May raise."""

    def close(self) -> None:
        """Give back what is held."""


class UdevAnnouncer:
    """The kernel's announcements: through udev where it runs, so that its names are there."""

    def __init__(self) -> None:
        """Open the netlink socket. Raises OSError or ImportError."""
        import pyudev  # noqa: PLC0415 - with libudev it weighs more than this whole module

        source = "udev" if os.path.exists(UDEV_CONTROL) else "kernel"
        self._monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source=source)
        for subsystem in sorted(SUBSYSTEMS):
            self._monitor.filter_by(subsystem)  # in the kernel, so that no other wakes the agent
        self._netlink = socket.socket(fileno=os.dup(self._monitor.fileno()))
        _enlarge_buffer(self._netlink)
        self._monitor.start()

    def fileno(self) -> int:
        """Return the netlink socket."""
        return int(self._monitor.fileno())

    def receive(self) -> DeviceNotice | None:
        """Return the next announcement without waiting, None when there is none."""
        try:
            device = self._monitor.poll(0)
        except OSError as error:
            # pyudev sees that the socket has an error, but neither reads nor clears it.
            pending = self._netlink.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            raise OSError(error.errno or pending, str(error)) from error
        if device is None:
            return None
        return DeviceNotice(device.subsystem or "", device.action or "", device.device_path)

    def close(self) -> None:
        """Close the netlink socket, which libudev does when the last reference goes."""
        del self._monitor
        self._netlink.close()


def _enlarge_buffer(netlink: socket.socket) -> None:
    """Make room for a burst: as much as the privilege, or else the system's limit, allows."""
    for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
        with contextlib.suppress(OSError):
            netlink.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER_BYTES)
            return


class HotplugWatch:
    """The thread that waits. Its callback is called from that thread and must not block.

    When the announcements break off they are opened again, ever more seldom while that fails, and
    a full look is asked for.
    """

    def __init__(
        self,
        notify: Callable[[Notice], None],
        open_: Callable[[], Announcer] = UdevAnnouncer,
        *,
        reopen_first_s: float = REOPEN_FIRST_S,
    ) -> None:
        self._notify = notify
        self._open = open_
        self._first_s = reopen_first_s
        self._settled = threading.Event()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="hotplug", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def wait_until_open(self, timeout_s: float) -> None:
        """Return once announcements come, or it is known that none will; after the time anyway."""
        self._settled.wait(timeout_s)

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread and return once it has ended. May be called once, after `start`."""
        os.write(self._wake_write, b"x")
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _run(self) -> None:
        wait_s = self._first_s
        missed = False
        while True:
            started_s = time.monotonic()
            try:
                announcer = self._open()
            except OSError as error:
                self._say(error, is_tried_again=True)
            except Exception as error:  # noqa: BLE001 - ctypes raises what it likes
                # No libudev, or none that fits: a restart may find one, another try will not.
                self._say(error, is_tried_again=False)
                return
            else:
                self._settled.set()
                if missed:
                    self._notify(RescanNeeded("announcements come again"))
                if self._watched_to_the_end(announcer):
                    return
            missed = True
            if time.monotonic() - started_s > REOPEN_MOST_S:
                wait_s = self._first_s  # it worked for long
            if self._is_woken_within(wait_s):
                return
            wait_s = min(2 * wait_s, REOPEN_MOST_S)

    def _say(self, error: Exception, *, is_tried_again: bool) -> None:
        self._settled.set()
        self._notify(Unavailable(f"{type(error).__name__}: {error}", is_tried_again))

    def _watched_to_the_end(self, announcer: Announcer) -> bool:
        """Hand announcements on; say whether that ended because it was asked for."""
        try:
            self._watch(announcer)
        except Exception as error:  # noqa: BLE001 - a thread that ends silently is the worst
            self._say(error, is_tried_again=True)
            return False
        finally:
            announcer.close()
        return True

    def _is_woken_within(self, wait_s: float) -> bool:
        import select  # noqa: PLC0415

        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        return bool(poll.poll(wait_s * 1000))

    def _watch(self, announcer: Announcer) -> None:
        import select  # noqa: PLC0415

        poll = select.poll()
        poll.register(announcer.fileno(), select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if self._wake_read in ready:
                return
            if not self._receive(announcer) and not ready[announcer.fileno()] & select.POLLIN:
                raise OSError("the netlink socket is broken")

    def _receive(self, announcer: Announcer) -> bool:
        """Hand the next announcement on; say whether anything came, be it an overflow."""
        try:
            notice = announcer.receive()
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._notify(RescanNeeded("the receive buffer overflowed"))
            return True
        if notice is not None and concerns(notice):
            self._notify(notice)
        return notice is not None


def concerns(notice: DeviceNotice) -> bool:
    """Say whether a capability may have changed; containers make devices that never show there."""
    if notice.subsystem not in SUBSYSTEMS or _NO_DEVICE_OF_THE_BOX.match(notice.devpath):
        return False
    _, is_virtual, interface = notice.devpath.partition(_VIRTUAL_INTERFACES)
    if is_virtual and is_of_a_container(interface.partition("/")[0]):
        return False
    return notice.action != "change" or notice.subsystem in CHANGES_THAT_MATTER
