"""The watch over devices: a fake announcer, and the real one where the machine has it."""

import errno
import os
import pathlib
import queue
import select
import socket

import pytest

from skerry_agent import events as ev
from skerry_agent.hotplug import (
    RECEIVE_BUFFER_BYTES,
    SUBSYSTEMS,
    DeviceNotice,
    HotplugWatch,
    RescanNeeded,
    UdevAnnouncer,
    Unavailable,
    concerns,
)
from skerry_agent.run import _to_events

STICK = DeviceNotice("usb", "add", "/devices/pci0000:00/usb1/1-1")


class FakeAnnouncer:
    """Says what the test puts into it, or raises it."""

    def __init__(self):
        self._told = queue.Queue()
        self._read, self._write = os.pipe()
        self.closed = False

    def tell(self, what):
        self._told.put(what)
        os.write(self._write, b"x")

    def fileno(self):
        return self._read

    def receive(self):
        os.read(self._read, 1)
        what = self._told.get_nowait()
        if isinstance(what, BaseException):
            raise what
        return what

    def close(self):
        self.closed = True
        os.close(self._read)
        os.close(self._write)


@pytest.fixture(params=[FakeAnnouncer, UdevAnnouncer])
def announcer(request):
    """What stands for the kernel, and the kernel itself: both keep the contract."""
    try:
        announcer = request.param()
    except (OSError, ImportError) as error:
        pytest.skip(f"no announcements on this machine: {error}")
    yield announcer
    announcer.close()


def test_contract_of_an_announcer(announcer):
    assert announcer.fileno() >= 0
    poll = select.poll()
    poll.register(announcer.fileno(), select.POLLIN)
    assert poll.poll(0) == []


class Watch:
    """A watch, and the announcers that it opens one after the other: None is one that fails."""

    def __init__(self, *announcers):
        self.announcers = list(announcers)
        self.notices = queue.Queue()
        left = iter(self.announcers)
        self._watch = HotplugWatch(self.notices.put, lambda: self._open(left), reopen_first_s=0.01)
        self._watch.start()

    def _open(self, left):
        announcer = next(left, None)
        if announcer is None:
            raise OSError(errno.EMFILE, "Too many open files")
        return announcer

    @property
    def announcer(self):
        return self.announcers[0]

    def next(self):
        return self.notices.get(timeout=5)

    def close(self):
        self._watch.stop()
        assert not self._watch._thread.is_alive()
        assert all(one.closed for one in self.announcers if one is not None)


@pytest.fixture
def watch():
    watch = Watch(FakeAnnouncer())
    yield watch
    watch.close()


def test_what_is_announced_is_handed_on(watch):
    watch.announcer.tell(STICK)
    assert watch.next() == STICK


def test_a_removal_without_vendor_is_known_by_its_path(watch):
    gone = DeviceNotice("usb", "remove", STICK.devpath)
    watch.announcer.tell(gone)
    assert watch.next() == gone


def test_an_overflow_asks_for_a_full_look_and_the_watch_goes_on(watch):
    watch.announcer.tell(OSError(errno.ENOBUFS, "No buffer space available"))
    watch.announcer.tell(STICK)
    assert isinstance(watch.next(), RescanNeeded)
    assert watch.next() == STICK


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "gone"), RuntimeError("a bug")])
def test_a_watch_that_breaks_off_says_so_and_is_opened_again_with_a_full_look(error):
    watch = Watch(FakeAnnouncer(), None, None, FakeAnnouncer())
    try:
        watch.announcer.tell(error)
        told = [watch.next() for _ in range(3)]
        assert all(isinstance(one, Unavailable) and one.is_tried_again for one in told)
        assert "Too many open files" in told[1].reason
        assert watch.next() == RescanNeeded("announcements come again")
        watch.announcers[-1].tell(STICK)
        assert watch.next() == STICK
    finally:
        watch.close()


def test_a_watch_that_opens_late_asks_for_a_full_look():
    watch = Watch(None, FakeAnnouncer())
    try:
        assert isinstance(watch.next(), Unavailable)
        assert isinstance(watch.next(), RescanNeeded)
    finally:
        watch.close()


def test_it_can_be_stopped_while_it_waits_to_try_again():
    watch = Watch()
    watch.next()
    watch.close()


def test_a_machine_without_udev_says_so_once():
    def no_udev():
        raise ImportError("libudev is missing")

    notices = queue.Queue()
    watch = HotplugWatch(notices.put, no_udev, reopen_first_s=0.001)
    watch.start()
    watch.wait_until_open(5)
    told = notices.get(timeout=5)
    assert "libudev is missing" in told.reason
    assert not told.is_tried_again
    watch._thread.join(5)
    assert notices.empty()
    watch.stop()


def test_the_buffer_of_the_real_announcements_is_enlarged():
    try:
        announcer = UdevAnnouncer()
    except (OSError, ImportError) as error:
        pytest.skip(f"no announcements on this machine: {error}")
    with socket.socket(fileno=os.dup(announcer.fileno())) as netlink:
        most = int(pathlib.Path("/proc/sys/net/core/rmem_max").read_text())
        size = netlink.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    announcer.close()
    assert size >= 2 * min(most, RECEIVE_BUFFER_BYTES)
    if os.geteuid() == 0:
        assert size in (2 * RECEIVE_BUFFER_BYTES, 2 * min(most, RECEIVE_BUFFER_BYTES))


@pytest.mark.parametrize(
    ("subsystem", "action", "devpath", "matters"),
    [
        ("net", "add", "/devices/virtual/net/veth12ab", False),
        ("net", "add", "/devices/virtual/net/br0", True),
        ("net", "add", "/devices/virtual/net/docker0", False),
        ("net", "remove", "/devices/virtual/net/br-0123456789ab", False),
        ("net", "add", "/devices/pci0000:00/0000:00:19.0/net/docker0", True),
        ("net", "add", "/devices/pci0000:00/0000:00:19.0/net/eth0", True),
        ("net", "move", "/devices/pci0000:00/0000:00:19.0/net/lan0", True),
        ("block", "add", "/devices/virtual/block/loop3", False),
        ("block", "change", "/devices/pci0000:00/usb1/1-1/host0/block/sda", True),
        ("usb", "add", "/devices/pci0000:00/usb1/1-1", True),
        ("usb", "remove", "/devices/pci0000:00/usb1/1-1", True),
        ("pci", "bind", "/devices/pci0000:00/0000:00:19.0", True),
        ("pci", "unbind", "/devices/pci0000:00/0000:00:19.0", True),
        ("pci", "change", "/devices/pci0000:00/0000:00:19.0", False),
        ("cpu", "offline", "/devices/system/cpu/cpu3", True),
        ("tty", "add", "/devices/pci0000:00/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0", True),
        ("power_supply", "add", "/devices/LNXSYSTM:00/power_supply/BAT0", True),
        ("power_supply", "change", "/devices/LNXSYSTM:00/power_supply/BAT0", False),
        ("thermal", "change", "/devices/virtual/thermal/thermal_zone0", False),
        ("hwmon", "change", "/devices/platform/coretemp.0/hwmon/hwmon2", False),
        ("drm", "change", "/devices/pci0000:00/0000:00:02.0/drm/card0", False),
        ("gpio", "add", "/devices/platform/soc/3f200000.gpio/gpiochip0", True),
        ("gpio", "add", "/devices/platform/soc/3f200000.gpio/gpio/gpio17", False),
        ("bluetooth", "add", "/devices/pci0000:00/usb1/1-1/1-1:1.0/bluetooth/hci0", True),
        ("bluetooth", "add", "/devices/pci0000:00/usb1/1-1/1-1:1.0/bluetooth/hci0/hci0:64", False),
        ("input", "add", "/devices/virtual/input/input7", False),
    ],
)
def test_what_a_capability_may_be_changed_by_matters_and_no_noise(
    subsystem, action, devpath, matters
):
    assert concerns(DeviceNotice(subsystem, action, devpath)) is matters


def test_every_bus_that_is_probed_is_watched():
    probed = {
        *("pci", "usb", "net", "block", "video4linux", "bluetooth", "accel", "tty", "gpio", "i2c"),
        *("wwan", "usbmisc", "ptp", "watchdog", "hwmon", "thermal", "power_supply", "tpm", "misc"),
    }
    assert probed <= SUBSYSTEMS


def test_what_the_core_is_told_of_each_notice():
    events = []
    tell = _to_events(events.append)
    tell(STICK)
    tell(Unavailable("OSError: gone", is_tried_again=True))
    tell(Unavailable("ImportError: no libudev"))
    tell(RescanNeeded("announcements come again"))
    assert events == [
        ev.DevicesChanged(f"add {STICK.devpath}"),
        ev.HotplugUnavailable("OSError: gone"),
        ev.HotplugUnavailable("ImportError: no libudev (until the agent is started again)"),
        ev.HotplugAvailable(),
        ev.DevicesChanged("announcements come again"),
    ]
