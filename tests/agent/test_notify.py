"""What systemd is told, on a real socket."""

import pathlib
import socket
import tempfile

import pytest

from skerry_agent.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request):
    with (
        tempfile.TemporaryDirectory(prefix="sk-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener,
    ):
        address = str(pathlib.Path(folder) / "notify")
        if request.param == "abstract":
            address = "@skerry" + address.replace("/", "-")
        listener.bind(address.replace("@", "\0"))
        listener.settimeout(5)
        yield listener, address


def test_it_says_what_happens(manager):
    listener, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address}, 1)
    notifier.ready()
    notifier.alive()
    notifier.stopping()
    assert [listener.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("address", ["", "/no/such/socket", "relative", "vsock:2:1"])
def test_nobody_there_is_no_error(address):
    Notifier({"NOTIFY_SOCKET": address}, 1).ready()


@pytest.mark.parametrize(
    ("environment", "feed_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_how_often_the_watchdog_wants_to_be_fed(environment, feed_s):
    assert Notifier({"NOTIFY_SOCKET": "/x", **environment}, 7).feed_s == feed_s


def test_a_watchdog_without_a_socket_is_none():
    assert Notifier({"WATCHDOG_USEC": "60000000"}, 7).feed_s is None
