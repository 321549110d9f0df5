"""Tells when devices come, go or change, as the kernel or udev announces it.

A thread waits for announcements and hands each on through a callback; it never wakes up by itself.
It reads no hardware and delays nothing: what to do about a burst is decided elsewhere.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import re
import threading
from collections.abc import Callable
from typing import Protocol

RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
UDEV_CONTROL = "/run/udev/control"

_NO_DEVICE_OF_THE_BOX = re.compile(
    r"/devices/virtual/(?:net/(?:veth|cali|lxc|tap|vnet|fwpr|fwln)|block/(?:loop|dm-|zram|ram)"
    r"|bdi/|mem/|vc/|workqueue/|input/)"
)
SUBSYSTEMS = frozenset(
    {
        "accel", "apex", "bluetooth", "block", "cpu", "drm", "hailo_chardev", "hailo1x", "memory",
        "mmc", "net", "nvme", "pci", "platform", "tty", "usb",
        "video4linux", "virtio",
    }
)  # fmt: skip
"""The subsystems whose devices stand in a capability, or whose drivers make them usable."""


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceNotice:
    """One device came (`add`), went (`remove`), or changed. Its path is its only sure identity."""

    subsystem: str
    action: str
    devpath: str


@dataclasses.dataclass(frozen=True, slots=True)
class RescanNeeded:
    """Announcements were lost: only looking at everything tells what is there."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Unavailable:
    """No announcement will come any more."""

    reason: str


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
        # Without the privilege this raises, having gone as far as the system's own limit allows.
        with contextlib.suppress(OSError):
            self._monitor.set_receive_buffer_size(RECEIVE_BUFFER_BYTES)
        self._monitor.start()

    def fileno(self) -> int:
        """Return the netlink socket."""
        return int(self._monitor.fileno())

    def receive(self) -> DeviceNotice | None:
        """Return the next announcement without waiting, None when there is none."""
        device = self._monitor.poll(0)
        if device is None:
            return None
        return DeviceNotice(device.subsystem or "", device.action or "", device.device_path)

    def close(self) -> None:
        """Close the netlink socket, which libudev does when the last reference goes."""
        del self._monitor


class HotplugWatch:
    """The thread that waits. Its callback is called from that thread and must not block."""

    def __init__(
        self, notify: Callable[[Notice], None], open_: Callable[[], Announcer] = UdevAnnouncer
    ) -> None:
        self._notify = notify
        self._open = open_
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="hotplug", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread and return once it has ended. May be called once, after `start`."""
        os.write(self._wake_write, b"x")
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _run(self) -> None:
        try:
            announcer = self._open()
        except Exception as error:  # noqa: BLE001 - ctypes raises what it likes without libudev
            self._notify(Unavailable(f"{type(error).__name__}: {error}"))
            return
        try:
            self._watch(announcer)
        except Exception as error:  # noqa: BLE001 - a thread that ends silently is the worst
            self._notify(Unavailable(f"{type(error).__name__}: {error}"))
        finally:
            announcer.close()

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
    return notice.subsystem in SUBSYSTEMS and not _NO_DEVICE_OF_THE_BOX.match(notice.devpath)
