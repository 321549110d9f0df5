"""The watch over devices: a fake announcer, and the real one where the machine has it."""

import errno
import os
import queue
import select

import pytest

from skerry_agent.hotplug import (
    SUBSYSTEMS,
    DeviceNotice,
    HotplugWatch,
    RescanNeeded,
    UdevAnnouncer,
    Unavailable,
    concerns,
)

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


@pytest.fixture
def watch():
    announcer, notices = FakeAnnouncer(), queue.Queue()
    watch = HotplugWatch(notices.put, lambda: announcer)
    watch.announcer, watch.notices = announcer, notices
    watch.start()
    yield watch
    if watch._thread.is_alive():
        watch.stop()
    assert announcer.closed


def test_what_is_announced_is_handed_on(watch):
    watch.announcer.tell(STICK)
    assert watch.notices.get(timeout=5) == STICK


def test_a_removal_without_vendor_is_known_by_its_path(watch):
    gone = DeviceNotice("usb", "remove", STICK.devpath)
    watch.announcer.tell(gone)
    assert watch.notices.get(timeout=5) == gone


def test_an_overflow_asks_for_a_full_look_and_the_watch_goes_on(watch):
    watch.announcer.tell(OSError(errno.ENOBUFS, "No buffer space available"))
    watch.announcer.tell(STICK)
    assert isinstance(watch.notices.get(timeout=5), RescanNeeded)
    assert watch.notices.get(timeout=5) == STICK


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "gone"), RuntimeError("a bug")])
def test_a_watch_that_ends_says_so(watch, error):
    watch.announcer.tell(error)
    assert isinstance(watch.notices.get(timeout=5), Unavailable)


def test_a_machine_without_udev_says_so():
    def no_udev():
        raise ImportError("libudev is missing")

    notices = queue.Queue()
    watch = HotplugWatch(notices.put, no_udev)
    watch.start()
    assert "libudev is missing" in notices.get(timeout=5).reason
    watch.stop()


@pytest.mark.parametrize(
    ("subsystem", "devpath", "matters"),
    [
        ("net", "/devices/virtual/net/veth12ab", False),
        ("net", "/devices/pci0000:00/0000:00:19.0/net/eth0", True),
        ("block", "/devices/virtual/block/loop3", False),
        ("usb", "/devices/pci0000:00/usb1/1-1", True),
        ("power_supply", "/devices/LNXSYSTM:00/BAT0", False),
    ],
)
def test_what_containers_make_wakes_nobody(subsystem, devpath, matters):
    assert concerns(DeviceNotice(subsystem, "add", devpath)) is matters


def test_every_bus_that_is_probed_is_watched():
    assert {"pci", "usb", "net", "block", "video4linux", "bluetooth", "accel"} <= SUBSYSTEMS
